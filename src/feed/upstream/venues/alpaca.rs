//! Alpaca market data v2: trades, quotes, cancels, corrections and halts, with a key.
//!
//! - Connected, then authenticated, then subscribed: each waits for the venue's word, with a deadline.
//! - `MessagePack` is asked for in the handshake. What the venue speaks is answered in kind, so one that answers in JSON is
//!   spoken to in JSON.
//! - Trades have names that are unique for an exchange and a day. There is no history.
//! - There is one connection for each source, and the errors that come before the venue closes it have numbers.

use std::{borrow::Cow, sync::Arc, time::Duration};

use compact_str::CompactString;
use serde_json::{Value, json};

use crate::{
    feed::{
        SourceError,
        formats::{
            FormatFault,
            streams::{
                FoundTicks,
                alpaca::{self, AlpacaPoint},
                value::Raw,
            },
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
                Conversation, Dialer, Facts, Note, Outgoing, Rate, Reaction, Stream, StreamGroup, StreamKind,
                Venue,
            },
        },
    },
    msgpack,
    tick::{CustomFields, Nanos},
};

/// `alpaca`.
pub struct Alpaca;

#[derive(Clone, Copy, PartialEq, Eq)]
enum AlpacaSource {
    Iex,
    Sip,
    DelayedSip,
    Boats,
    Overnight,
    Crypto,
    Test,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AlpacaEncoding {
    Json,
    MessagePack,
}

struct AlpacaDialer {
    source: AlpacaSource,
    encoding: AlpacaEncoding,
    key: Secret,
    secret: Secret,
}

struct AlpacaConversation {
    source: AlpacaSource,
    /// In which the venue spoke last.
    encoding: AlpacaEncoding,
    key: String,
    secret: String,
    streams: KeyedStreams,
    found: FoundTicks,
    halts: Halts,
    /// Of a binary message.
    json: Vec<u8>,
}

/// Symbols of one request.
const SYMBOLS_MAX: usize = 500;
/// Codes of halts: 2 of the tapes A and B, the others of tape C.
const HALTED: [&str; 3] = ["2", "H", "P"];
const RESUMED: [&str; 2] = ["3", "T"];

// === impl Alpaca ===

impl Venue for Alpaca {
    fn name(&self) -> &'static str {
        "alpaca"
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let source = options.take("source", AlpacaSource::NAMES, AlpacaSource::parse);
        let encoding = options.take("encoding", "json or msgpack", AlpacaEncoding::parse);
        let key = Secret::take(options, self.name(), "key_file", "APCA_API_KEY_ID")?;
        let secret = Secret::take(options, self.name(), "secret_file", "APCA_API_SECRET_KEY")?;
        let source = source.unwrap_or(AlpacaSource::Iex);
        if source == AlpacaSource::Crypto {
            let is_pair = |symbol: &str| symbols::is_pair(symbol, '/') && symbols::is_upper(symbol);
            symbols::check(self.name(), symbols, "a pair such as BTC/USD", is_pair)?;
        } else {
            let is_spelt = |symbol: &str| symbols::is_plain(symbol, ".-") && symbols::is_upper(symbol);
            symbols::check(self.name(), symbols, "a symbol such as AAPL or BRK.B", is_spelt)?;
        }
        let encoding = encoding.unwrap_or(AlpacaEncoding::MessagePack);
        Ok(Arc::new(AlpacaDialer { source, encoding, key, secret }))
    }
}

// === impl AlpacaSource ===

impl AlpacaSource {
    const NAMES: &str = "iex, sip, delayed_sip, boats, overnight, crypto or test";

    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "iex" => AlpacaSource::Iex,
            "sip" => AlpacaSource::Sip,
            "delayed_sip" => AlpacaSource::DelayedSip,
            "boats" => AlpacaSource::Boats,
            "overnight" => AlpacaSource::Overnight,
            "crypto" => AlpacaSource::Crypto,
            "test" => AlpacaSource::Test,
            _ => return None,
        })
    }

    const fn path(self) -> &'static str {
        match self {
            AlpacaSource::Iex => "/v2/iex",
            AlpacaSource::Sip => "/v2/sip",
            AlpacaSource::DelayedSip => "/v2/delayed_sip",
            AlpacaSource::Boats => "/v1beta1/boats",
            AlpacaSource::Overnight => "/v1beta1/overnight",
            AlpacaSource::Crypto => "/v1beta3/crypto/us",
            AlpacaSource::Test => "/v2/test",
        }
    }

    /// Whether the venue tells of halts there.
    const fn has_statuses(self) -> bool {
        matches!(self, AlpacaSource::Iex | AlpacaSource::Sip | AlpacaSource::DelayedSip)
    }
}

// === impl AlpacaEncoding ===

impl AlpacaEncoding {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "json" => Some(AlpacaEncoding::Json),
            "msgpack" => Some(AlpacaEncoding::MessagePack),
            _ => None,
        }
    }
}

// === impl AlpacaDialer ===

impl Dialer for AlpacaDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: usize::MAX,
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
        "wss://stream.data.alpaca.markets"
    }

    fn path(&self, _group: &StreamGroup) -> String {
        self.source.path().to_owned()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        match self.encoding {
            AlpacaEncoding::Json => Vec::new(),
            AlpacaEncoding::MessagePack => vec![("Content-Type", "application/msgpack".to_owned())],
        }
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(AlpacaConversation {
            source: self.source,
            encoding: self.encoding,
            key: self.key.read(),
            secret: self.secret.read(),
            streams: KeyedStreams::new(&group.streams),
            found: FoundTicks::new(Arc::clone(fields)),
            halts: Halts::default(),
            json: Vec::new(),
        })
    }

    fn takes_all(&self) -> bool {
        true
    }
}

// === impl AlpacaConversation ===

impl Conversation for AlpacaConversation {
    fn opened(&mut self, now: Nanos, _out: &mut Reaction) {
        self.streams.opened(now);
    }

    fn text(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        self.encoding = AlpacaEncoding::Json;
        if let Some(text) = decode::text(message, out) {
            self.heard(now, text, out);
        }
    }

    fn binary(&mut self, now: Nanos, message: &mut [u8], out: &mut Reaction) {
        if !self.is_packed(message) {
            return self.text(now, message, out);
        }
        self.encoding = AlpacaEncoding::MessagePack;
        let mut json = std::mem::take(&mut self.json);
        json.clear();
        match msgpack::to_json(message, &mut json) {
            Ok(()) => {
                if let Some(text) = decode::text(&json, out) {
                    self.heard(now, text, out);
                }
            }
            Err(fault) => decode::reject(&FormatFault::Binary(fault.0), out),
        }
        self.json = json;
    }

    /// An array of `MessagePack` begins with neither.
    fn is_packed(&self, message: &[u8]) -> bool {
        !matches!(message.first(), Some(b'[' | b'{'))
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

impl AlpacaConversation {
    /// A message is an array of points.
    fn heard(&mut self, now: Nanos, text: &str, out: &mut Reaction) {
        decode::each::<AlpacaPoint<'_>>(text, out, |point, out| self.point(now, point, out));
        decode::hand_out(Ok(()), &mut self.found, decode::named_at, out);
        if !out.ticks.is_empty() && !self.streams.is_done() {
            // What was not said is seen: without a key there would be none.
            self.authenticated(out);
        }
    }

    fn point(&mut self, now: Nanos, point: &AlpacaPoint<'_>, out: &mut Reaction) {
        let kind = point.kind.text();
        if alpaca::is_tick(kind) {
            if let Err(fault) = alpaca::point(point, &mut self.found) {
                decode::reject(&fault, out);
            }
            return;
        }
        match kind {
            "success" => match point.msg.map(Raw::text) {
                Some("connected") if self.streams.greeted(now) => self.send_key(out),
                Some("authenticated") => self.authenticated(out),
                _ => {}
            },
            "subscription" => {
                self.acknowledged(point.trades, StreamKind::Trades, out);
                self.acknowledged(point.quotes, StreamKind::Quotes, out);
            }
            "error" => self.failed(point, out),
            "s" => self.status(point, out),
            _ => {}
        }
    }

    fn send_key(&self, out: &mut Reaction) {
        self.send(&json!({"action": "auth", "key": self.key, "secret": self.secret}), out);
    }

    fn authenticated(&mut self, out: &mut Reaction) {
        let new = self.streams.authenticated();
        self.request("subscribe", &new, out);
    }

    fn request(&self, action: &str, streams: &[Stream], out: &mut Reaction) {
        for (kind, name) in [(StreamKind::Trades, "trades"), (StreamKind::Quotes, "quotes")] {
            for symbols in decode::runs_of(streams, kind, SYMBOLS_MAX) {
                let mut request = json!({"action": action, name: symbols});
                if kind == StreamKind::Trades && self.source.has_statuses() {
                    request["statuses"] = json!(symbols);
                }
                self.send(&request, out);
            }
        }
    }

    /// In the encoding that the venue spoke last.
    fn send(&self, request: &Value, out: &mut Reaction) {
        out.sends.push(match self.encoding {
            AlpacaEncoding::Json => Outgoing::Text(request.to_string()),
            AlpacaEncoding::MessagePack => Outgoing::Binary(msgpack::from_json(request)),
        });
    }

    fn acknowledged(&mut self, symbols: Option<Raw<'_>>, kind: StreamKind, out: &mut Reaction) {
        let Some(symbols) = symbols else { return };
        for symbol in decode::parse::<Vec<Cow<'_, str>>>(symbols.0.get(), out).unwrap_or_default() {
            self.streams.asked.acknowledge(&Stream::new(&symbol, kind), out);
        }
    }

    fn failed(&mut self, point: &AlpacaPoint<'_>, out: &mut Reaction) {
        let code = point.code.map_or("", Raw::text);
        let words = shown(&format!("{} {}", code, point.msg.map_or("", Raw::text)));
        match code {
            // A wrong key, no right to v2, and no subscription for the source.
            "402" | "408" | "409" => out.note(Note::Fatal { why: words }),
            // Already authenticated.
            "403" => {}
            // Too many symbols, and none of this source.
            "405" | "410" => {
                for stream in self.streams.asked.awaited() {
                    self.streams.asked.refuse(&stream, &words, out);
                }
            }
            // Slow client: something is lost before the venue closes.
            "407" => out.note(Note::Gap { why: words }),
            // Not authenticated, too late, too many connections, and an error of the venue's.
            "401" | "404" | "406" | "500" => out.note(Note::Reconnect { why: words }),
            _ => decode::unknown_answer(&words, out),
        }
    }

    fn status(&mut self, point: &AlpacaPoint<'_>, out: &mut Reaction) {
        let (Some(symbol), Some(code)) = (point.symbol.map(Raw::text), point.sc.map(Raw::text)) else {
            return;
        };
        if RESUMED.contains(&code) {
            self.halts.trading(symbol, out);
        } else if HALTED.contains(&code) {
            let words =
                [point.sm, point.rm].into_iter().flatten().map(Raw::text).filter(|text| !text.is_empty());
            self.halts.halted(symbol, &words.collect::<Vec<_>>().join(": "), out);
        }
    }
}

#[cfg(test)]
mod tests;
