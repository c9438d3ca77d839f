//! tickcast itself as a source: another server's market, in its own protocol (docs/PROTOCOL.md), mode `every`.
//!
//! An update is a tick, written as a line of ours and read by the decoder of lines. After a reconnect each symbol is
//! resumed where it was; what the other server can no longer give is a gap, which is told on. A snapshot says what
//! stands: the trade in it is not a new one. States of symbols are told on too.
//!
//! Invariant: of a symbol, seqs of one epoch only rise.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use compact_str::CompactString;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    feed::{
        RejectReason, SourceError,
        ndjson::NdjsonDecoder,
        options::Options,
        upstream::{
            asked::shown,
            secret::Secret,
            venue::{
                Conversation, Dialer, Facts, Note, Number, Rate, Reaction, Stream, StreamGroup, StreamKind,
                Venue, VenueTick,
            },
        },
    },
    tick::{CustomFields, Field, Nanos},
};

/// Another server.
pub struct Tickcast;

struct TickcastDialer {
    token: Option<Secret>,
    /// Where each symbol is; for the connection after this one.
    position: Arc<Mutex<TickcastPosition>>,
}

/// What was received last.
#[derive(Default)]
struct TickcastPosition {
    epoch: String,
    last: HashMap<CompactString, u64>,
}

struct TickcastConversation {
    symbols: Vec<CompactString>,
    position: Arc<Mutex<TickcastPosition>>,
    decoder: NdjsonDecoder,
    fields: Arc<CustomFields>,
    requests: u64,
    line: Vec<u8>,
}

/// One message: its kind, and its members as they were written.
type Members<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

#[derive(Deserialize)]
struct OneResult<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    status: CompactString,
    #[serde(default, borrow)]
    message: Option<Cow<'a, str>>,
}

/// Names in a command: below the server's limit of a message.
const SYMBOLS_AT_ONCE: usize = 200;
/// The longest line that is made of a message.
const LINE_BYTES_MAX: usize = 1 << 16;
/// What the trade of a message stands for.
const OF_TRADE: [&str; 4] = ["last", "last_size", "side", "trade_id"];

// === impl Tickcast ===

impl Venue for Tickcast {
    fn name(&self) -> &'static str {
        "tickcast"
    }

    fn default_symbols(&self) -> Option<&'static str> {
        Some("*")
    }

    fn configure(
        &self,
        options: &mut Options<'_>,
        _symbols: &[CompactString],
    ) -> Result<Arc<dyn Dialer>, SourceError> {
        let token = Secret::take_file(options, "tickcast", "token_file")?;
        Ok(Arc::new(TickcastDialer { token, position: Arc::default() }))
    }
}

// === impl TickcastDialer ===

impl Dialer for TickcastDialer {
    fn facts(&self) -> Facts {
        Facts {
            streams_max: usize::MAX,
            connections_max: 1,
            streams_together: usize::MAX,
            sends: Rate::new(20, Duration::from_secs(1)),
            attempts: Rate::new(60, Duration::from_secs(60)),
            message_bytes_max: 16 << 20,
            ping: Some(Duration::from_secs(5)),
            silence: Duration::from_secs(15),
            age_max: None,
        }
    }

    fn root(&self) -> &'static str {
        "ws://127.0.0.1:8080"
    }

    fn kinds(&self) -> &[StreamKind] {
        // Each update is one tick, be it a quote, a trade or both.
        &[StreamKind::Quotes]
    }

    fn path(&self, _group: &StreamGroup) -> String {
        "/v1/stream".to_owned()
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        let authorization =
            self.token.as_ref().map(|token| ("authorization", format!("Bearer {}", token.read())));
        let mut headers = vec![("sec-websocket-protocol", "tickcast.v1.json".to_owned())];
        headers.extend(authorization);
        headers
    }

    fn connect(&self, group: &StreamGroup, fields: &Arc<CustomFields>) -> Box<dyn Conversation> {
        Box::new(TickcastConversation {
            symbols: group.streams.iter().map(|stream| stream.symbol.clone()).collect(),
            position: Arc::clone(&self.position),
            decoder: NdjsonDecoder::new(LINE_BYTES_MAX).with_fields(Arc::clone(fields)),
            fields: Arc::clone(fields),
            requests: 0,
            line: Vec::new(),
        })
    }

    fn counts_together(&self) -> bool {
        false
    }

    fn takes_all(&self) -> bool {
        true
    }

    fn tells_silence(&self) -> bool {
        true
    }
}

// === impl TickcastPosition ===

impl TickcastPosition {
    /// Whether the record of a symbol is newer than all before.
    fn take(&mut self, symbol: &str, seq: u64) -> bool {
        let Some(last) = self.last.get_mut(symbol) else {
            self.last.insert(CompactString::new(symbol), seq);
            return seq > 0;
        };
        let is_newer = *last < seq;
        *last = seq.max(*last);
        is_newer
    }
}

// === impl TickcastConversation ===

impl TickcastConversation {
    fn position(&self) -> MutexGuard<'_, TickcastPosition> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn subscribe(&mut self, symbols: &[CompactString], out: &mut Reaction) {
        for symbols in symbols.chunks(SYMBOLS_AT_ONCE) {
            self.requests += 1;
            let resume = {
                let position = self.position();
                let is_pattern = symbols.iter().any(|symbol| symbol.contains('*'));
                let last: BTreeMap<&str, u64> = position
                    .last
                    .iter()
                    .filter(|(symbol, _)| is_pattern || symbols.contains(symbol))
                    .map(|(symbol, seq)| (symbol.as_str(), *seq))
                    .take(SYMBOLS_AT_ONCE * 4)
                    .collect();
                (!last.is_empty()).then(|| serde_json::json!({ "epoch": position.epoch, "last": last }))
            };
            let mut command = serde_json::json!({
                "op": "subscribe", "id": self.requests, "symbols": symbols, "mode": "every", "numbers": "string",
            });
            if let Some(resume) = resume {
                command["resume"] = resume;
            }
            out.send(command.to_string());
        }
    }

    /// An update as the server writes most of them: `type`, `symbol` and `seq` first, and nothing behind that a line has not.
    /// `None`: it is another message, or is to be read by its members.
    fn update(&mut self, message: &str, out: &mut Reaction) -> Option<()> {
        let (symbol, rest) = message.strip_prefix(r#"{"type":"update","symbol":""#)?.split_once('"')?;
        let rest = rest.strip_prefix(r#","seq":"#)?;
        let digits = rest.find(',')?;
        let seq: u64 = rest[..digits].parse().ok()?;
        if symbol.contains('\\') {
            return None;
        }
        if self.position().last.get(symbol).is_some_and(|last| *last >= seq) {
            return Some(());
        }
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        for part in [r#"{"symbol":""#, symbol, "\"", &rest[digits..]] {
            line.extend_from_slice(part.as_bytes());
        }
        let read = self.decoder.decode(&mut line);
        self.line = line;
        let tick = read.ok()?.tick;
        self.position().take(symbol, seq);
        out.ticks.push(VenueTick { tick, kind: StreamKind::Quotes, number: Number::None });
        Some(())
    }

    fn take(&mut self, members: &Members<'_>, out: &mut Reaction) -> Result<(), String> {
        let text =
            |name: &str| members.get(name).and_then(|raw| serde_json::from_str::<String>(raw.get()).ok());
        let kind = text("type").ok_or("a message without type")?;
        let symbol = text("symbol").unwrap_or_default();
        match kind.as_str() {
            "update" | "snapshot" => return self.tick(members, &symbol, kind == "snapshot", out),
            "welcome" => {
                let epoch = text("epoch").unwrap_or_default();
                let mut position = self.position();
                if position.epoch != epoch {
                    position.last.clear();
                    position.epoch = epoch;
                }
            }
            "subscribed" => {
                let results = members.get("results").ok_or("no results")?.get();
                let results: Vec<OneResult<'_>> =
                    serde_json::from_str(results).map_err(|error| error.to_string())?;
                for result in results {
                    let stream = Stream::new(&result.symbol, StreamKind::Quotes);
                    if result.status == "error" {
                        let why = shown(&result.message.unwrap_or_default());
                        out.note(Note::Refused { stream, why });
                    } else {
                        out.note(Note::Subscribed(stream));
                    }
                }
            }
            "gap" => {
                let number = |name: &str| members.get(name).and_then(|raw| raw.get().parse::<u64>().ok());
                let (from, to) = (number("from").unwrap_or_default(), number("to").unwrap_or_default());
                self.position().last.insert(CompactString::new(&symbol), to.saturating_sub(1));
                let reason = shown(&text("reason").unwrap_or_default());
                let (ticks, symbol) = (to.saturating_add(1).saturating_sub(from), shown(&symbol));
                out.note(Note::Gap { why: format!("{symbol}, {from} to {to}, {ticks} ticks: {reason}") });
            }
            "status" if !symbol.is_empty() => {
                let symbol = CompactString::new(&symbol);
                let why =
                    text("reason").map_or_else(|| "the other server says so".to_owned(), |why| shown(&why));
                match text("state").as_deref() {
                    Some("halted") => out.note(Note::Halted { symbol, why }),
                    Some("stale" | "closed") => out.note(Note::Stale { symbol, why }),
                    Some("live") => out.note(Note::Trading { symbol }),
                    _ => {}
                }
            }
            "error" => {
                let why = shown(&text("message").unwrap_or_default());
                out.reject(RejectReason::Value, format!("the other server answers: {why}"));
            }
            "drain" => out.note(Note::Leaving { why: "the other server ends".to_owned() }),
            _ => {}
        }
        Ok(())
    }

    /// Writes an update as a line, and reads it as one.
    fn tick(
        &mut self,
        members: &Members<'_>,
        symbol: &str,
        is_snapshot: bool,
        out: &mut Reaction,
    ) -> Result<(), String> {
        let seq = members.get("seq").and_then(|raw| raw.get().parse::<u64>().ok()).ok_or("no seq")?;
        if !self.position().take(symbol, seq) {
            return Ok(());
        }
        let trade: Option<Members<'_>> = members
            .get("trade")
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
            .map_err(|error| error.to_string())?;
        let is_known = |name: &str| {
            matches!(name, "symbol" | "ts" | "cancel" | "correct")
                || Field::parse(name).is_some()
                || self.fields.find(name).is_some()
        };
        let is_of_trade = |name: &str| {
            (trade.is_some() && OF_TRADE.contains(&name)) || (is_snapshot && name == "last_size")
        };
        let kept = members.iter().filter(|(name, _)| is_known(name) && !is_of_trade(name));
        self.line.clear();
        for (name, raw) in kept.chain(trade.iter().flatten()) {
            self.line.push(if self.line.is_empty() { b'{' } else { b',' });
            self.line.push(b'"');
            self.line.extend_from_slice(name.as_bytes());
            self.line.extend_from_slice(b"\":");
            self.line.extend_from_slice(raw.get().as_bytes());
        }
        self.line.push(b'}');
        let mut line = std::mem::take(&mut self.line);
        let read = self.decoder.decode(&mut line);
        self.line = line;
        let tick = read.map_err(|fault| fault.to_string())?.tick;
        out.ticks.push(VenueTick { tick, kind: StreamKind::Quotes, number: Number::None });
        Ok(())
    }
}

impl Conversation for TickcastConversation {
    fn opened(&mut self, _now: Nanos, _out: &mut Reaction) {}

    fn text(&mut self, _now: Nanos, message: &mut [u8], out: &mut Reaction) {
        let strange = |error: serde_json::Error, out: &mut Reaction| {
            out.reject(RejectReason::Syntax, format!("no messages of the protocol: {error}"));
        };
        let messages: Vec<&RawValue> = match serde_json::from_slice(message) {
            Ok(messages) => messages,
            Err(error) => return strange(error, out),
        };
        for message in messages {
            if self.update(message.get(), out).is_some() {
                continue;
            }
            let members: Members<'_> = match serde_json::from_str(message.get()) {
                Ok(members) => members,
                Err(error) => {
                    strange(error, out);
                    continue;
                }
            };
            if let Err(why) = self.take(&members, out) {
                out.reject(RejectReason::Value, why);
            }
            // Who asks knows the epoch.
            if members.get("type").is_some_and(|kind| kind.get() == "\"welcome\"") {
                let symbols = std::mem::take(&mut self.symbols);
                self.subscribe(&symbols, out);
            }
        }
    }

    fn change(&mut self, _now: Nanos, add: &[Stream], remove: &[Stream], out: &mut Reaction) {
        let symbols =
            |streams: &[Stream]| streams.iter().map(|stream| stream.symbol.clone()).collect::<Vec<_>>();
        for symbols in symbols(remove).chunks(SYMBOLS_AT_ONCE) {
            self.requests += 1;
            out.send(
                serde_json::json!({ "op": "unsubscribe", "id": self.requests, "symbols": symbols })
                    .to_string(),
            );
        }
        self.subscribe(&symbols(add), out);
    }
}

#[cfg(test)]
mod tests;
