//! Kraken v2: `trade`, and `ticker` at each change of the best bid and ask.
//!
//! - Trades are numbered by one for each pair. A snapshot of them is asked for only after a reconnect, and gives what was
//!   missed; of a first connection it is a history.
//! - Each symbol is acknowledged or refused by itself. The number of a request says of which channel.
//! - The `status` of the system, which comes unasked, halts all symbols.

use std::{borrow::Cow, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::{
    feed::{
        SourceError,
        formats::streams::{FoundTicks, kraken, value::Raw},
        options::Options,
        upstream::{
            asked::{Asked, shown},
            decode,
            halts::Halts,
            keepalive::{Keepalive, KeepaliveDue, PingWhen},
            last_trades::{ConnectionTrades, LastTrades},
            symbols,
            venue::{
                Conversation, Dialer, Facts, ListedPage, Listing, ListingRequest, Note, Rate, Reaction,
                Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos},
};

/// `kraken`.
pub struct Kraken;

#[derive(Default)]
struct KrakenDialer {
    trades: Arc<LastTrades>,
}

struct KrakenConversation {
    asked: Asked,
    /// To be asked for when the connection is open.
    streams: Vec<Stream>,
    found: FoundTicks,
    trades: ConnectionTrades,
    halts: Halts,
    pings: Keepalive,
}

/// Of data and of answers.
#[derive(Deserialize)]
#[serde(rename = "Message")]
struct KrakenMessage<'a> {
    #[serde(borrow)]
    channel: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(borrow)]
    method: Option<Cow<'a, str>>,
    success: Option<bool>,
    #[serde(borrow)]
    result: Option<KrakenResult<'a>>,
    #[serde(borrow)]
    error: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
    #[serde(borrow)]
    req_id: Option<Raw<'a>>,
}

#[derive(Deserialize)]
#[serde(rename = "Result")]
struct KrakenResult<'a> {
    #[serde(borrow)]
    channel: Option<Cow<'a, str>>,
    #[serde(borrow)]
    symbol: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename = "Status")]
struct KrakenStatus<'a> {
    #[serde(borrow)]
    system: Cow<'a, str>,
}

#[derive(Deserialize)]
struct AssetPairs<'a> {
    #[serde(borrow)]
    result: std::collections::BTreeMap<Cow<'a, str>, AssetPair<'a>>,
}

#[derive(Deserialize)]
struct AssetPair<'a> {
    #[serde(borrow)]
    wsname: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    status: Cow<'a, str>,
}

/// Symbols of one request; the venue tells no limit.
const SYMBOLS_MAX: usize = 100;
/// The numbers of requests for trades and for tickers.
const TRADES_REQUEST: u64 = 1;
const TICKERS_REQUEST: u64 = 2;
/// What the first version, whose names the list has, calls otherwise.
const RENAMED: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

// === impl Kraken ===

impl Venue for Kraken {
    fn name(&self) -> &'static str {
        "kraken"
    }

    fn configure(
        &self,
        _options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let is_pair = |symbol: &str| {
            let is_name = |name: &str| symbols::is_plain(name, "._-");
            symbol.split_once('/').is_some_and(|(base, quote)| is_name(base) && is_name(quote))
                && !symbol.starts_with("XBT/")
        };
        symbols::check(self.name(), symbols, "a pair such as BTC/USD (XBT/USD is BTC/USD here)", is_pair)?;
        Ok(Arc::new(KrakenDialer::default()))
    }
}

// === impl KrakenDialer ===

impl Dialer for KrakenDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: 400,
            connections_max: usize::MAX,
            streams_together: usize::MAX,
            sends: Rate::new(5, Duration::from_secs(1)),
            // Cloudflare's limit before it: some 150 in 10 minutes.
            attempts: Rate::new(150, Duration::from_secs(600)),
            message_bytes_max: 4 << 20,
            ping: None,
            // There is a heartbeat each second after the first subscription.
            silence: Duration::from_secs(45),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "wss://ws.kraken.com"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        "/v2".to_owned()
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(KrakenConversation {
            asked: Asked::default(),
            streams: group.streams.clone(),
            found: FoundTicks::new(Arc::clone(fields)),
            trades: self.trades.begin(),
            halts: Halts::default(),
            pings: Keepalive::new(Duration::from_secs(20), PingWhen::Quiet),
        })
    }

    fn listing(&self) -> Option<&dyn Listing> {
        Some(self)
    }
}

impl Listing for KrakenDialer {
    fn root(&self) -> &'static str {
        "https://api.kraken.com"
    }

    fn first(&self) -> ListingRequest {
        ListingRequest::get("/0/public/AssetPairs")
    }

    fn read(&self, page: &[u8]) -> Result<ListedPage, String> {
        let page: AssetPairs<'_> = serde_json::from_slice(page).map_err(|error| error.to_string())?;
        let mut listed = ListedPage::default();
        for pair in page.result.values() {
            if let Some(name) = pair.wsname.as_deref() {
                listed.push(&of_second_version(name), &pair.status, "online");
            }
        }
        Ok(listed)
    }
}

/// A pair as the second version spells it.
fn of_second_version(pair: &str) -> CompactString {
    let name =
        |name: &str| RENAMED.iter().find(|(old, _)| *old == name).map_or(name, |(_, new)| new).to_owned();
    pair.split('/').map(name).collect::<Vec<_>>().join("/").into()
}

// === impl KrakenConversation ===

impl Conversation for KrakenConversation {
    fn opened(&mut self, now: Nanos, out: &mut Reaction) {
        self.pings.opened(now);
        let streams = std::mem::take(&mut self.streams);
        let new = self.asked.ask(&streams);
        self.request("subscribe", &new, out);
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.pings.heard(now);
        let Some(text) = decode::text(message, out) else { return };
        let Some(message) = decode::parse::<KrakenMessage<'_>>(text, out) else { return };
        match (message.channel, message.data) {
            (Some(channel), Some(data)) if Raw(channel).text() == "status" => self.status(data, out),
            (Some(channel), Some(data)) => {
                let made = kraken::object(channel, message.kind, data, &mut self.found);
                self.trades.hand_out(made, &mut self.found, out);
            }
            // A heartbeat.
            (Some(_), None) => {}
            (None, _) => self.answered(&message, out),
        }
    }

    fn due(&self) -> Option<Nanos> {
        Some(self.pings.due())
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        match self.pings.wake(now) {
            KeepaliveDue::Nothing => {}
            KeepaliveDue::Ping => out.send(json!({"method": "ping"}).to_string()),
            KeepaliveDue::Dead => out.note(Note::Reconnect { why: "a ping was not answered".to_owned() }),
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let gone = self.asked.forget(remove);
        self.request("unsubscribe", &gone, out);
        let new = self.asked.ask(add);
        self.request("subscribe", &new, out);
    }
}

impl KrakenConversation {
    fn request(&self, method: &str, streams: &[Stream], out: &mut Reaction) {
        for symbols in decode::runs_of(streams, StreamKind::Trades, SYMBOLS_MAX) {
            let snapshot = symbols.iter().any(|symbol| self.trades.knows(symbol));
            let mut params = json!({"channel": "trade", "symbol": symbols});
            if method == "subscribe" {
                params["snapshot"] = snapshot.into();
            }
            out.send(json!({"method": method, "params": params, "req_id": TRADES_REQUEST}).to_string());
        }
        for symbols in decode::runs_of(streams, StreamKind::Quotes, SYMBOLS_MAX) {
            // Which ticker is unsubscribed is told by its trigger.
            let params = json!({"channel": "ticker", "symbol": symbols, "event_trigger": "bbo"});
            out.send(json!({"method": method, "params": params, "req_id": TICKERS_REQUEST}).to_string());
        }
    }

    fn answered(&mut self, message: &KrakenMessage<'_>, out: &mut Reaction) {
        let kind = |channel: &str| match channel {
            "trade" => Some(StreamKind::Trades),
            "ticker" => Some(StreamKind::Quotes),
            _ => None,
        };
        let result = message.result.as_ref();
        if message.method.as_deref() != Some("subscribe") && message.error.is_none() {
            return;
        }
        if let (Some(true), Some(KrakenResult { channel: Some(channel), symbol: Some(symbol) })) =
            (message.success, result)
        {
            if let Some(kind) = kind(channel) {
                self.asked.acknowledge(&Stream::new(symbol, kind), out);
            }
            return;
        }
        let Some(why) = message.error.as_deref() else { return };
        let kind = match message.req_id.and_then(Raw::number) {
            Some(TICKERS_REQUEST) => StreamKind::Quotes,
            _ => StreamKind::Trades,
        };
        match message.symbol.as_deref() {
            Some(symbol) if why.starts_with("Already subscribed") => {
                self.asked.acknowledge(&Stream::new(symbol, kind), out);
            }
            Some(symbol) => self.asked.refuse(&Stream::new(symbol, kind), why, out),
            None if why.to_ascii_lowercase().contains("rate") => {
                out.note(Note::Reconnect { why: shown(why) });
            }
            None => decode::unknown_answer(why, out),
        }
    }

    fn status(&mut self, data: &RawValue, out: &mut Reaction) {
        let Some(states) = decode::parse::<Vec<KrakenStatus<'_>>>(data.get(), out) else { return };
        for state in states {
            // In the other states nothing trades: maintenance, cancel_only, post_only.
            let trades = matches!(state.system.as_ref(), "online" | "limit_only");
            for symbol in self.asked.all_symbols() {
                if trades {
                    self.halts.trading(&symbol, out);
                } else {
                    self.halts.halted(&symbol, &format!("the system is in {}", state.system), out);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
