//! OKX v5: `trades`, and best prices by `bbo-tbt` or `tickers`.
//!
//! - One message of `trades` may stand for several fills of one order: its number is that of the last one, and `count`
//!   says how many. A subscription begins with the last trade.
//! - `seqId` orders the quotes of `bbo-tbt`. It may jump, and begins again after a maintenance.
//! - `instruments` lists every instrument of a type when it is subscribed to, and then those whose state changes: what is
//!   not `live` is halted.
//! - Each stream is acknowledged or refused by itself. A notice that the connection will close is passed on, so that
//!   another one is live before.

use std::{borrow::Cow, collections::BTreeSet, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    feed::{
        SourceError,
        formats::streams::{
            FoundTicks, okx,
            value::{Raw, list},
        },
        options::Options,
        upstream::{
            asked::{Asked, shown},
            decode,
            halts::Halts,
            keepalive::{Keepalive, KeepaliveDue, PingWhen},
            last_trades::number,
            quote_order::QuoteOrder,
            symbols,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Number, Rate,
                Reaction, Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos, Tick},
};

use instruments::{OkxInstrument, read_list, type_of};

/// `okx`.
pub struct Okx;

/// The channel of best prices.
#[derive(Clone, Copy, PartialEq, Eq)]
enum OkxQuotes {
    /// Each change.
    BboTbt,
    /// At most each 100 ms, with the price of the last trade.
    Tickers,
}

struct OkxDialer {
    quotes: OkxQuotes,
}

struct OkxConversation {
    quotes: OkxQuotes,
    asked: Asked,
    /// To be asked for when the connection is open.
    streams: Vec<Stream>,
    found: FoundTicks,
    order: QuoteOrder,
    halts: Halts,
    /// The types of instruments whose states are asked for.
    types: BTreeSet<&'static str>,
    pings: Keepalive,
}

/// Of data and of answers.
#[derive(Deserialize)]
#[serde(rename = "Message")]
struct OkxMessage<'a> {
    #[serde(borrow)]
    arg: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    code: Option<Raw<'a>>,
    #[serde(borrow)]
    msg: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename = "Arg", rename_all = "camelCase")]
struct OkxArg<'a> {
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow)]
    inst_id: Option<Cow<'a, str>>,
}

/// How many trades a message's trade stands for, whose number is that of the last.
#[derive(Deserialize)]
#[serde(rename = "Trade", rename_all = "camelCase")]
struct OkxCount<'a> {
    #[serde(borrow)]
    trade_id: Raw<'a>,
    #[serde(borrow)]
    count: Option<Raw<'a>>,
}

/// The number of each quote of a message.
#[derive(Deserialize)]
#[serde(rename = "Quote", rename_all = "camelCase")]
struct OkxQuoteNumber {
    seq_id: Option<u64>,
}

/// Streams of one request, which may have 64 KB. There are 480 requests an hour.
const ARGS_MAX: usize = 200;
/// The channel of lists of instruments and their states.
const INSTRUMENTS: &str = "instruments";
/// How a message of it begins.
const INSTRUMENTS_HEAD: &[u8] = br#"{"arg":{"channel":"instruments""#;
/// The notice before a connection is closed for an upgrade.
const CLOSING: &str = "64008";

// === impl Okx ===

impl Venue for Okx {
    fn name(&self) -> &'static str {
        "okx"
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let quotes = options.take("quotes", "bbo-tbt or tickers", OkxQuotes::parse);
        let is_spelt = |symbol: &str| {
            let is_name = |name: &str| symbols::is_plain(name, "_");
            symbol.contains('-') && symbol.split('-').all(is_name) && symbols::is_upper(symbol)
        };
        symbols::check(self.name(), symbols, "an instrument such as BTC-USDT or BTC-USDT-SWAP", is_spelt)?;
        Ok(Arc::new(OkxDialer { quotes: quotes.unwrap_or(OkxQuotes::BboTbt) }))
    }
}

// === impl OkxQuotes ===

impl OkxQuotes {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "bbo-tbt" => Some(OkxQuotes::BboTbt),
            "tickers" => Some(OkxQuotes::Tickers),
            _ => None,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            OkxQuotes::BboTbt => "bbo-tbt",
            OkxQuotes::Tickers => "tickers",
        }
    }
}

// === impl OkxDialer ===

impl Dialer for OkxDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: 400,
            connections_max: usize::MAX,
            streams_together: usize::MAX,
            sends: Rate::new(480, Duration::from_secs(3_600)),
            attempts: Rate::new(3, Duration::from_secs(1)),
            // A list of instruments is the longest.
            message_bytes_max: 16 << 20,
            ping: None,
            silence: Duration::from_secs(45),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "wss://ws.okx.com:8443"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        "/ws/v5/public".to_owned()
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(OkxConversation {
            quotes: self.quotes,
            asked: Asked::default(),
            streams: group.streams.clone(),
            found: FoundTicks::new(Arc::clone(fields)),
            order: QuoteOrder::default(),
            halts: Halts::default(),
            types: BTreeSet::new(),
            pings: Keepalive::new(Duration::from_secs(25), PingWhen::Quiet),
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

impl Listing for OkxDialer {
    fn root(&self) -> &'static str {
        "https://www.okx.com"
    }

    fn first(&self) -> ListingRequest {
        ListingRequest::get("/api/v5/public/instruments?instType=SPOT")
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        read_list(page)
    }
}

// === impl OkxConversation ===

impl Conversation for OkxConversation {
    fn opened(&mut self, now: Nanos, out: &mut Reaction) {
        self.pings.opened(now);
        let streams = std::mem::take(&mut self.streams);
        self.subscribe(&streams, out);
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.pings.heard(now);
        let Some(text) = decode::text(message, out) else { return };
        if text == "pong" {
            return;
        }
        let Some(message) = decode::parse::<OkxMessage<'_>>(text, out) else { return };
        let (Some(arg), Some(data), None) = (message.arg, message.data, &message.event) else {
            return self.answered(&message, out);
        };
        if arg.get().contains(INSTRUMENTS) {
            return self.states(data, out);
        }
        let made = okx::event(arg, data, &mut self.found);
        let quotes = self.found.ticks.iter().any(|tick| !tick.fields.is_trade());
        if quotes && let Ok(numbers) = serde_json::from_str::<Vec<OkxQuoteNumber>>(data.get()) {
            let mut numbers = numbers.iter().map(|quote| quote.seq_id);
            let order = &mut self.order;
            self.found.ticks.retain(|tick| match numbers.next().flatten() {
                Some(number) => order.takes(number, tick),
                None => true,
            });
        }
        let (counts, _) = if quotes { (Vec::new(), Ok(())) } else { list(data.get()) };
        decode::hand_out(made, &mut self.found, |tick| spanned(tick, &counts), out);
    }

    fn is_recorded(&self, message: &[u8]) -> bool {
        !message.starts_with(INSTRUMENTS_HEAD)
    }

    fn due(&self) -> Option<Nanos> {
        Some(self.pings.due())
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        match self.pings.wake(now) {
            KeepaliveDue::Nothing => {}
            KeepaliveDue::Ping => out.send("ping".to_owned()),
            KeepaliveDue::Dead => out.note(Note::Reconnect { why: "a ping was not answered".to_owned() }),
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let gone = self.asked.forget(remove);
        self.request("unsubscribe", &gone, out);
        self.subscribe(add, out);
    }
}

impl OkxConversation {
    fn subscribe(&mut self, streams: &[Stream], out: &mut Reaction) {
        let new = self.asked.ask(streams);
        self.request("subscribe", &new, out);
        // By themselves, so that a refusal is not one of the streams.
        let types = new.iter().map(|stream| type_of(&stream.symbol));
        let new: BTreeSet<&str> = types.filter(|new| self.types.insert(new)).collect();
        if !new.is_empty() {
            let arg = |of: &&str| json!({"channel": INSTRUMENTS, "instType": of});
            let args: Vec<_> = new.iter().map(arg).collect();
            out.send(json!({"op": "subscribe", "args": args}).to_string());
        }
    }

    /// The states of instruments, ours among them.
    fn states(&mut self, data: &RawValue, out: &mut Reaction) {
        for one in decode::parse::<Vec<OkxInstrument<'_>>>(data.get(), out).unwrap_or_default() {
            if !self.asked.has(&one.inst_id) {
                continue;
            }
            match one.state.as_ref() {
                "live" => self.halts.trading(&one.inst_id, out),
                state => self.halts.halted(&one.inst_id, &format!("its state is {state}"), out),
            }
        }
    }

    fn request(&self, op: &str, streams: &[Stream], out: &mut Reaction) {
        for streams in streams.chunks(ARGS_MAX) {
            let arg = |stream: &Stream| {
                let channel = match stream.kind {
                    StreamKind::Trades => "trades",
                    StreamKind::Quotes => self.quotes.as_str(),
                };
                json!({"channel": channel, "instId": stream.symbol})
            };
            let args: Vec<_> = streams.iter().map(arg).collect();
            out.send(json!({"op": op, "args": args}).to_string());
        }
    }

    fn answered(&mut self, message: &OkxMessage<'_>, out: &mut Reaction) {
        let words = message.msg.as_deref().unwrap_or("no reason");
        match message.event.as_deref() {
            Some("subscribe") => {
                let arg = message.arg.and_then(|arg| decode::parse::<OkxArg<'_>>(arg.get(), out));
                if let Some(OkxArg { channel, inst_id: Some(symbol) }) = arg {
                    self.asked.acknowledge(&Stream::new(&symbol, kind_of(&channel)), out);
                }
            }
            Some("error") => self.refused(words, out),
            Some("notice") if message.code.is_some_and(|code| code.text() == CLOSING) => {
                out.note(Note::Leaving { why: shown(words) });
            }
            // Too many connections with this channel.
            Some("channel-conn-count-error") => {
                out.note(Note::Reconnect { why: "too many connections have this channel".to_owned() });
            }
            _ => {}
        }
    }

    /// An error names channel and instrument.
    fn refused(&mut self, words: &str, out: &mut Reaction) {
        let named = self.asked.named_in(words);
        let of_channel = |stream: &&Stream| match words.split("channel").nth(1) {
            Some(rest) => {
                let name: String = rest
                    .chars()
                    .skip_while(|char| !char.is_alphabetic())
                    .take_while(|char| is_name(*char))
                    .collect();
                kind_of(&name) == stream.kind
            }
            None => true,
        };
        let refused: Vec<&Stream> = named.iter().filter(of_channel).collect();
        for stream in &refused {
            self.asked.refuse(stream, words, out);
        }
        if refused.is_empty() {
            decode::unknown_answer(words, out);
        }
    }
}

/// The numbers that a trade stands for.
fn spanned(tick: &Tick, counts: &[OkxCount<'_>]) -> Number {
    let Some(number) = number(tick) else { return decode::named(tick) };
    let name = tick.fields.name_of_trade();
    let trade = counts.iter().find(|one| one.trade_id.text() == &*name.text());
    let count = trade.and_then(|one| one.count?.text().parse::<u64>().ok()).unwrap_or(1);
    Number::Spanned { first: number.saturating_sub(count.max(1) - 1), number }
}

fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '-'
}

fn kind_of(channel: &str) -> StreamKind {
    match channel {
        "trades" => StreamKind::Trades,
        _ => StreamKind::Quotes,
    }
}

mod instruments;
#[cfg(test)]
mod tests;
