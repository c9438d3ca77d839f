//! Binance: spot, and USD-M futures. `trade` or `aggTrade`, and `bookTicker`, as combined streams.
//!
//! Spot has both on one connection. Of the futures, quotes come from `/public` and trades from `/market`, since
//! 2026-03-06; there `!contractInfo` tells which contract is not traded any more, or again. Spot tells it by its list of
//! symbols alone. What a message is, the decoder of captures knows.

use std::{sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    feed::{
        RejectReason, SourceError,
        formats::{
            FormatFault,
            streams::{FoundTicks, binance, value::Raw},
            trade_events::TradeEvent,
        },
        options::Options,
        upstream::{
            decode,
            halts::Halts,
            last_trades::number,
            requests::Requests,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Number, Rate,
                Reaction, Stream, StreamGroup, StreamKind, Venue, VenueTick,
            },
        },
    },
    tick::{CustomFields, Nanos, Tick},
};

/// Spot.
pub struct BinanceSpot;
/// USD-M futures.
pub struct BinanceUsdM;

/// One of the two markets, configured.
struct BinanceDialer {
    market: BinanceMarket,
    trades: TradeEvent,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BinanceMarket {
    Spot,
    UsdM,
}

/// One connection.
struct BinanceConversation {
    group: Vec<Stream>,
    trades: TradeEvent,
    sends: Rate,
    requests: Requests,
    found: FoundTicks,
    /// Changes of contracts are asked for.
    has_contracts: bool,
    halts: Halts,
    /// Ticks came: what is not answered is subscribed to all the same.
    has_ticks: bool,
}

/// A message, as far as it says what it is.
#[derive(Deserialize)]
struct BinanceMessage<'a> {
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    e: Option<&'a RawValue>,
    #[serde(borrow)]
    u: Option<&'a RawValue>,
    #[serde(borrow)]
    id: Option<Raw<'a>>,
    #[serde(borrow)]
    code: Option<Raw<'a>>,
    msg: Option<String>,
    #[serde(borrow)]
    error: Option<BinanceError<'a>>,
}

#[derive(Deserialize)]
struct BinanceError<'a> {
    #[serde(borrow)]
    code: Option<Raw<'a>>,
    msg: Option<String>,
}

/// Of `!contractInfo`: when a contract is listed, is settled, or changes otherwise.
#[derive(Deserialize)]
struct ContractInfo {
    s: CompactString,
    cs: CompactString,
}

#[derive(Deserialize)]
struct ExchangeInfo {
    symbols: Vec<ListedSymbol>,
}

#[derive(Deserialize)]
struct ListedSymbol {
    symbol: CompactString,
    status: CompactString,
}

/// The path of the trades of futures.
const FUTURES_MARKET: &str = "/market";
/// Streams of one request: a frame of some 5 KB.
const STREAMS_AT_ONCE: usize = 200;
/// The number of the request of `!contractInfo`. Nothing depends on its answer.
const CONTRACTS_ID: u64 = 1 << 32;
const DAY: Duration = Duration::from_secs(24 * 3_600);

fn configure(
    market: BinanceMarket,
    options: &mut Options<'_>,
    symbols: &[CompactString],
) -> Result<Arc<dyn Dialer>, SourceError> {
    let source_name = market.name();
    let trades = options.take("trades", "each or agg", |text| match text {
        "each" if market == BinanceMarket::Spot => Some(TradeEvent::Trade),
        "agg" => Some(TradeEvent::AggTrade),
        _ => None,
    });
    let by_default = match market {
        BinanceMarket::Spot => TradeEvent::Trade,
        BinanceMarket::UsdM => TradeEvent::AggTrade,
    };
    for symbol in symbols.iter().filter(|symbol| *symbol != "*") {
        let is_wrong = |char: char| !(char.is_alphanumeric() || char == '_') || char.is_ascii_lowercase();
        if symbol.chars().any(is_wrong) {
            let why = format!("{symbol:?} is not a symbol of Binance, which writes them as in BTCUSDT");
            return Err(SourceError::Invalid { source_name, option: "symbols", why });
        }
    }
    Ok(Arc::new(BinanceDialer { market, trades: trades.unwrap_or(by_default) }))
}

// === impl Venue ===

impl Venue for BinanceSpot {
    fn name(&self) -> &'static str {
        BinanceMarket::Spot.name()
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        configure(BinanceMarket::Spot, options, symbols)
    }
}

impl Venue for BinanceUsdM {
    fn name(&self) -> &'static str {
        BinanceMarket::UsdM.name()
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        configure(BinanceMarket::UsdM, options, symbols)
    }
}

impl BinanceMarket {
    const fn name(self) -> &'static str {
        match self {
            BinanceMarket::Spot => "binance",
            BinanceMarket::UsdM => "binance-usdm",
        }
    }
}

// === impl BinanceDialer ===

impl Dialer for BinanceDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: 1_024,
            connections_max: usize::MAX,
            streams_together: usize::MAX,
            // Of 5 (futures: 10) a second, pings and pongs count too.
            sends: match self.market {
                BinanceMarket::Spot => Rate::new(3, Duration::from_secs(1)),
                BinanceMarket::UsdM => Rate::new(6, Duration::from_secs(1)),
            },
            // Of 300 in five minutes, from this address.
            attempts: Rate::new(60, Duration::from_secs(60)),
            message_bytes_max: 1 << 20,
            // Spot pings every 20 s, futures every 3 minutes.
            ping: Some(Duration::from_secs(10)),
            silence: Duration::from_secs(25),
            age_max: Some(DAY),
        }
    }

    fn root(&self) -> &str {
        match self.market {
            BinanceMarket::Spot => "wss://stream.binance.com:9443",
            BinanceMarket::UsdM => "wss://fstream.binance.com",
        }
    }

    fn channel(&self, kind: StreamKind) -> &'static str {
        match (self.market, kind) {
            (BinanceMarket::Spot, _) => "",
            (BinanceMarket::UsdM, StreamKind::Trades) => FUTURES_MARKET,
            (BinanceMarket::UsdM, StreamKind::Quotes) => "/public",
        }
    }

    fn path(&self, group: &StreamGroup) -> String {
        format!("{}/stream", group.channel)
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(BinanceConversation {
            group: group.streams.clone(),
            trades: self.trades,
            sends: self.facts().sends,
            requests: Requests::default(),
            found: FoundTicks::new(Arc::clone(fields)),
            has_contracts: group.channel == FUTURES_MARKET,
            halts: Halts::default(),
            has_ticks: false,
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

impl Listing for BinanceDialer {
    fn root(&self) -> &str {
        match self.market {
            BinanceMarket::Spot => "https://api.binance.com",
            BinanceMarket::UsdM => "https://fapi.binance.com",
        }
    }

    fn first(&self) -> ListingRequest {
        ListingRequest::get(match self.market {
            BinanceMarket::Spot => "/api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false",
            BinanceMarket::UsdM => "/fapi/v1/exchangeInfo",
        })
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        let info: ExchangeInfo = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        let mut page = ListedPage::default();
        info.symbols.iter().for_each(|one| page.push(&one.symbol, &one.status, "TRADING"));
        Ok(page)
    }
}

// === impl BinanceConversation ===

impl BinanceConversation {
    /// `btcusdt@trade`, in quotes.
    fn name(&self, stream: &Stream) -> String {
        let kind = match stream.kind {
            StreamKind::Trades => self.trades.name(),
            StreamKind::Quotes => "bookTicker",
        };
        format!("\"{}@{kind}\"", stream.symbol.to_lowercase())
    }

    fn request(&mut self, now: Nanos, method: &str, streams: &[Stream], out: &mut Reaction) {
        for streams in streams.chunks(STREAMS_AT_ONCE) {
            let names: Vec<String> = streams.iter().map(|stream| self.name(stream)).collect();
            let asked = if method == "SUBSCRIBE" { streams.to_vec() } else { Vec::new() };
            let id = self.requests.ask(now, asked, self.sends);
            out.send(format!(r#"{{"method":"{method}","params":[{}],"id":{id}}}"#, names.join(",")));
        }
    }

    fn read(&mut self, now: Nanos, text: &str, out: &mut Reaction) -> Result<(), FormatFault> {
        let message: BinanceMessage<'_> =
            serde_json::from_str(text).map_err(|error| FormatFault::json(&error))?;
        match message {
            BinanceMessage { data: Some(data), .. } => self.event(data.get(), out),
            BinanceMessage { e: None, u: None, .. } => {
                self.answer(now, message, out);
                Ok(())
            }
            _ => self.event(text, out),
        }
    }

    fn event(&mut self, json: &str, out: &mut Reaction) -> Result<(), FormatFault> {
        // Quotes are most of it, and those of spot name no event.
        let has = |part: &[u8]| memchr::memmem::find(json.as_bytes(), part).is_some();
        if has(b"\"serverShutdown\"") {
            out.note(Note::Leaving { why: "the venue says that it shuts a server down".to_owned() });
            return Ok(());
        }
        if has(b"\"e\"") && !has(b"\"bookTicker\"") {
            if self.has_contracts && has(b"\"contractInfo\"") {
                self.contract(json, out);
                return Ok(());
            }
            if let Some(tick) = binance::one_trade(json, self.trades)? {
                let number = number(&tick).map_or_else(|| decode::named(&tick), Number::Counted);
                self.push(StreamKind::Trades, number, tick, out);
            }
            return Ok(());
        }
        self.found.ticks.clear();
        binance::book_ticker(json, &mut self.found)?;
        let number = self.found.update.take().map_or(Number::None, Number::Rising);
        if let Some(tick) = self.found.ticks.pop() {
            self.push(StreamKind::Quotes, number, tick, out);
        }
        Ok(())
    }

    fn contract(&mut self, json: &str, out: &mut Reaction) {
        let Some(ContractInfo { s, cs }) = decode::parse(json, out) else { return };
        match cs.as_str() {
            "TRADING" => self.halts.trading(&s, out),
            status => self.halts.halted(&s, &format!("its status is {status}"), out),
        }
    }

    fn push(&mut self, kind: StreamKind, number: Number, tick: Tick, out: &mut Reaction) {
        self.has_ticks = true;
        out.ticks.push(VenueTick { tick, kind, number });
    }

    fn answer(&mut self, now: Nanos, message: BinanceMessage<'_>, out: &mut Reaction) {
        let nested = message.error.map(|error| (error.code, error.msg));
        let (code, msg) = nested.unwrap_or((message.code, message.msg));
        let request = message.id.and_then(Raw::number).and_then(|id| self.requests.answered(id));
        if code.is_none() && msg.is_none() {
            let streams = request.map(|request| request.streams).unwrap_or_default();
            out.notes.extend(streams.into_iter().map(Note::Subscribed));
            return;
        }
        let why = format!("{} (code {})", msg.unwrap_or_default(), code.map_or("", Raw::text));
        match request.map(|request| request.streams) {
            // Which of them is wrong is found by halves.
            Some(streams) if streams.len() > 1 => {
                let (first, second) = streams.split_at(streams.len() / 2);
                self.request(now, "SUBSCRIBE", first, out);
                self.request(now, "SUBSCRIBE", second, out);
            }
            Some(streams) if !streams.is_empty() => {
                out.notes
                    .extend(streams.into_iter().map(|stream| Note::Refused { stream, why: why.clone() }));
            }
            _ => out.reject(RejectReason::Value, format!("the venue answers: {why}")),
        }
    }
}

impl Conversation for BinanceConversation {
    fn opened(&mut self, now: Nanos, out: &mut Reaction) {
        let streams = std::mem::take(&mut self.group);
        self.request(now, "SUBSCRIBE", &streams, out);
        if self.has_contracts {
            // By itself, so that a refusal is not one of the streams.
            out.send(format!(r#"{{"method":"SUBSCRIBE","params":["!contractInfo"],"id":{CONTRACTS_ID}}}"#));
        }
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        let read = FormatFault::text(message).and_then(|text| self.read(now, text, out));
        if let Err(fault) = read {
            out.reject(fault.reason(), fault.to_string());
        }
    }

    fn due(&self) -> Option<Nanos> {
        self.requests.due()
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        let late = self.requests.late(now);
        if !late.is_empty() && !self.has_ticks {
            out.note(Note::Reconnect { why: "the venue does not answer SUBSCRIBE".to_owned() });
        }
    }

    fn change(&mut self, now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        self.request(now, "UNSUBSCRIBE", remove, out);
        self.request(now, "SUBSCRIBE", add, out);
    }
}

#[cfg(test)]
mod tests;
