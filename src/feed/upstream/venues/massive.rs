//! Massive (formerly Polygon): trades and quotes of stocks, options or crypto, and quotes of currencies, with a key.
//!
//! - Connected, then authenticated, then subscribed: each waits for the venue's word, with a deadline.
//! - Streams are words such as `T.AAPL`, several of them in one request, and each is acknowledged by a message of its own.
//! - `LULD` tells of halts of stocks: indicator 17 is one, 18 its end. The venue has them of Nasdaq alone.
//! - Trades have names that are unique for an exchange and a day. There is no history.

use std::{sync::Arc, time::Duration};

use compact_str::CompactString;
use serde_json::json;

use crate::{
    feed::{
        SourceError,
        formats::streams::{
            FoundTicks,
            massive::{self, MassiveEvent},
            value::Raw,
        },
        options::Options,
        upstream::{
            asked::shown,
            decode,
            halts::Halts,
            keyed::KeyedStreams,
            secret::Secret,
            symbols,
            venue::{
                Conversation, Dialer, Facts, Note, Rate, Reaction, Stream, StreamGroup, StreamKind, Venue,
            },
        },
    },
    tick::{CustomFields, Nanos},
};

/// `massive`.
pub struct Massive;

#[derive(Clone, Copy, PartialEq, Eq)]
enum MassiveMarket {
    Stocks,
    Options,
    Crypto,
    Forex,
}

struct MassiveDialer {
    market: MassiveMarket,
    /// 15 minutes late, for keys that have no more.
    is_delayed: bool,
    key: Secret,
}

struct MassiveConversation {
    market: MassiveMarket,
    key: String,
    streams: KeyedStreams,
    found: FoundTicks,
    halts: Halts,
}

/// Streams of one request.
const PARAMS_MAX: usize = 500;
/// The stream of limits and halts, and its indicators.
const LIMITS: &str = "LULD";
const HALTED: u64 = 17;
const RESUMED: u64 = 18;

// === impl Massive ===

impl Venue for Massive {
    fn name(&self) -> &'static str {
        "massive"
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let market = options.take("market", "stocks, options, crypto or forex", MassiveMarket::parse);
        let market = market.unwrap_or(MassiveMarket::Stocks);
        let is_delayed = options.take("delayed", "true or false", |text| text.parse().ok());
        let key = Secret::take(options, self.name(), "key_file", "MASSIVE_API_KEY")?;
        symbols::check(self.name(), symbols, market.expected(), |symbol| market.spells(symbol))?;
        Ok(Arc::new(MassiveDialer { market, is_delayed: is_delayed.unwrap_or(false), key }))
    }
}

// === impl MassiveMarket ===

impl MassiveMarket {
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "stocks" => MassiveMarket::Stocks,
            "options" => MassiveMarket::Options,
            "crypto" => MassiveMarket::Crypto,
            "forex" => MassiveMarket::Forex,
            _ => return None,
        })
    }

    const fn path(self) -> &'static str {
        match self {
            MassiveMarket::Stocks => "/stocks",
            MassiveMarket::Options => "/options",
            MassiveMarket::Crypto => "/crypto",
            MassiveMarket::Forex => "/forex",
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            MassiveMarket::Stocks => "a symbol such as AAPL or BRK.B",
            MassiveMarket::Options => "a contract such as O:SPY251219C00650000",
            MassiveMarket::Crypto => "a pair such as BTC-USD",
            MassiveMarket::Forex => "a pair such as EUR/USD",
        }
    }

    /// Whether this may be a symbol. Those of preferred stocks have small letters too (`BACpA`).
    fn spells(self, symbol: &str) -> bool {
        match self {
            MassiveMarket::Stocks => {
                symbols::is_plain(symbol, ".-") && symbol.starts_with(|char: char| !char.is_lowercase())
            }
            MassiveMarket::Options => symbol
                .strip_prefix("O:")
                .is_some_and(|name| symbols::is_plain(name, "") && symbols::is_upper(name)),
            MassiveMarket::Crypto => symbols::is_pair(symbol, '-') && symbols::is_upper(symbol),
            MassiveMarket::Forex => {
                let is_pair = symbols::is_pair(symbol, '/') || symbols::is_pair(symbol, '-');
                is_pair && symbols::is_upper(symbol)
            }
        }
    }

    /// The word before the point of a stream.
    const fn word(self, kind: StreamKind) -> &'static str {
        match (self, kind) {
            (MassiveMarket::Stocks | MassiveMarket::Options, StreamKind::Trades) => "T",
            (MassiveMarket::Stocks | MassiveMarket::Options, StreamKind::Quotes) => "Q",
            (MassiveMarket::Crypto, StreamKind::Trades) => "XT",
            (MassiveMarket::Crypto, StreamKind::Quotes) => "XQ",
            (MassiveMarket::Forex, _) => "C",
        }
    }
}

// === impl MassiveDialer ===

impl Dialer for MassiveDialer {
    fn facts(&self) -> Facts {
        Facts {
            // Of options, quotes of 1,000 contracts.
            streams_max: if self.market == MassiveMarket::Options { 1_000 } else { usize::MAX },
            connections_max: 1,
            streams_together: usize::MAX,
            sends: Rate::new(10, Duration::from_secs(1)),
            attempts: Rate::new(30, Duration::from_secs(60)),
            message_bytes_max: 8 << 20,
            ping: Some(Duration::from_secs(20)),
            silence: Duration::from_secs(60),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        if self.is_delayed { "wss://delayed.massive.com" } else { "wss://socket.massive.com" }
    }

    fn kinds(&self) -> &[StreamKind] {
        match self.market {
            // Currencies have no trades there.
            MassiveMarket::Forex => &[StreamKind::Quotes],
            _ => &[StreamKind::Trades, StreamKind::Quotes],
        }
    }

    fn path(&self, _group: &StreamGroup) -> String {
        self.market.path().to_owned()
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(MassiveConversation {
            market: self.market,
            key: self.key.read(),
            streams: KeyedStreams::new(&group.streams),
            found: FoundTicks::new(Arc::clone(fields)),
            halts: Halts::default(),
        })
    }

    fn takes_all(&self) -> bool {
        self.market != MassiveMarket::Options
    }
}

// === impl MassiveConversation ===

impl Conversation for MassiveConversation {
    fn opened(&mut self, now: Nanos, _out: &mut Reaction) {
        self.streams.opened(now);
    }

    /// A message is an array of events.
    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        let Some(text) = decode::text(message, out) else { return };
        decode::each::<MassiveEvent<'_>>(text, out, |event, out| self.event(now, event, out));
        decode::hand_out(Ok(()), &mut self.found, decode::named_at, out);
        if !out.ticks.is_empty() && !self.streams.is_done() {
            // What was not said is seen: without a key there would be none.
            self.authenticated(out);
        }
    }

    fn due(&self) -> Option<Nanos> {
        self.streams.due()
    }

    fn wake(&mut self, now: Nanos, out: &mut Reaction) {
        if self.streams.wake(now, out) {
            self.send_key(out);
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let change = self.streams.change(add, remove);
        self.request("unsubscribe", &change.gone, out);
        self.request("subscribe", &change.new, out);
    }
}

impl MassiveConversation {
    fn event(&mut self, now: Nanos, event: &MassiveEvent<'_>, out: &mut Reaction) {
        if event.ev.text() == "status" {
            return self.status(now, event, out);
        }
        if event.ev.text() == LIMITS {
            return self.limit(event, out);
        }
        if let Err(fault) = massive::event(event, &mut self.found) {
            decode::reject(&fault, out);
        }
    }

    fn limit(&mut self, event: &MassiveEvent<'_>, out: &mut Reaction) {
        let (Some(symbol), Some(indicators)) = (event.ticker.map(Raw::text), event.i) else { return };
        let indicators = decode::parse::<Vec<u64>>(indicators.0.get(), out).unwrap_or_default();
        if indicators.contains(&RESUMED) {
            self.halts.trading(symbol, out);
        } else if indicators.contains(&HALTED) {
            self.halts.halted(symbol, "trading is halted", out);
        }
    }

    fn status(&mut self, now: Nanos, event: &MassiveEvent<'_>, out: &mut Reaction) {
        let words = event.message.map_or("", Raw::text);
        let why = || shown(words);
        match event.status.map_or("", Raw::text) {
            "connected" if self.streams.greeted(now) => self.send_key(out),
            "auth_success" => self.authenticated(out),
            "success" => {
                if let Some(streams) = words.strip_prefix("subscribed to:") {
                    let named = streams.split(',').filter_map(|word| self.stream(word.trim()));
                    for stream in named.collect::<Vec<_>>() {
                        self.streams.asked.acknowledge(&stream, out);
                    }
                }
            }
            "auth_failed" => out.note(Note::Fatal { why: why() }),
            "auth_timeout" | "max_connections" | "slow_consumer" | "force_disconnect" => {
                out.note(Note::Reconnect { why: why() });
            }
            "error" | "not_authorized" => self.refused(words, out),
            _ => {}
        }
    }

    fn send_key(&self, out: &mut Reaction) {
        out.send(json!({"action": "auth", "params": self.key}).to_string());
    }

    fn authenticated(&mut self, out: &mut Reaction) {
        let new = self.streams.authenticated();
        self.request("subscribe", &new, out);
    }

    fn request(&self, action: &str, streams: &[Stream], out: &mut Reaction) {
        for streams in streams.chunks(PARAMS_MAX) {
            let params: Vec<String> = streams.iter().map(|stream| self.word(stream)).collect();
            out.send(json!({"action": action, "params": params.join(",")}).to_string());
        }
        if self.market == MassiveMarket::Stocks {
            // By themselves: not every key has them.
            for symbols in decode::runs_of(streams, StreamKind::Trades, PARAMS_MAX) {
                let params: Vec<String> = symbols.iter().map(|symbol| format!("{LIMITS}.{symbol}")).collect();
                out.send(json!({"action": action, "params": params.join(",")}).to_string());
            }
        }
    }

    fn word(&self, stream: &Stream) -> String {
        format!("{}.{}", self.market.word(stream.kind), stream.symbol)
    }

    fn stream(&self, word: &str) -> Option<Stream> {
        let (kind, symbol) = word.split_once('.')?;
        let kinds = [StreamKind::Trades, StreamKind::Quotes];
        let is_of = |known: &StreamKind| self.market.word(*known) == kind;
        // Currencies have one word for both, which is that of quotes.
        kinds.into_iter().rev().find(is_of).map(|kind| Stream::new(symbol, kind))
    }

    fn refused(&mut self, words: &str, out: &mut Reaction) {
        let named: Vec<Stream> = self
            .streams
            .asked
            .awaited()
            .into_iter()
            .filter(|stream| words.contains(&self.word(stream)))
            .collect();
        for stream in &named {
            self.streams.asked.refuse(stream, words, out);
        }
        if named.is_empty() {
            decode::unknown_answer(words, out);
        }
    }
}

#[cfg(test)]
mod tests;
