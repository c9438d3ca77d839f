//! Reads what the load generator must know out of the server's frames, at a fraction of a JSON parser's cost.
//!
//! A message is first walked key by key, in whatever order the keys come, only as far as needed; whatever the walk
//! does not understand (white space, escapes, nested values, a missing key) is read again by `serde_json`. So the fast
//! way decides how much a message costs, and never what it says.
//!
//! Invariants: on valid JSON both ways agree (a property test holds it); nothing here panics on any bytes.

use std::{borrow::Cow, collections::HashMap};

use memchr::{memchr, memchr_iter, memchr3, memmem::Finder};
use serde_json::value::RawValue;

#[cfg(test)]
mod tests;

/// Reads frames. Holds the prepared search for the key `n`, so that no message pays for preparing it.
pub struct Scanner {
    n: Finder<'static>,
}

/// What a message is, by its `type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Update,
    Snapshot,
    Gap,
    Status,
    Welcome,
    Subscribed,
    Heartbeat,
    Drain,
    /// The market is over.
    End,
    Error,
    /// A type that this generator has no use for.
    Other,
}

/// One message of a frame: its kind and its numbers. A number that its kind does not have is 0, `n` is then 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    pub kind: Kind,
    /// Empty when the message names none.
    pub symbol: Cow<'a, [u8]>,
    pub seq: u64,
    pub n: u64,
    /// First and last seq lost, of a gap.
    pub from: u64,
    pub to: u64,
    /// When the server took the tick in, by the server's clock, in microseconds.
    pub rx: i64,
    /// The message's own bytes, braces and all.
    pub raw: &'a [u8],
}

/// One `"key":value` of an object, as it stands there.
pub struct Pair<'a> {
    /// Without its quotes.
    pub key: &'a [u8],
    /// A string's quotes included.
    pub value: &'a [u8],
    /// Where the comma or the brace behind the value is.
    pub next: usize,
}

/// Why a frame cannot be read.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScanError {
    #[error("not a JSON array of messages, at byte {at}")]
    NotAnArray { at: usize },
    #[error("not a JSON object, at byte {at}: {why}")]
    NotAnObject { at: usize, why: String },
    #[error("a message without {key}")]
    Missing { key: &'static str },
    #[error("{key} is not what it should be: {value}")]
    Value { key: &'static str, value: String },
}

const TYPE: u8 = 1;
const SYMBOL: u8 = 2;
const SEQ: u8 = 4;
const RX: u8 = 8;
const FROM: u8 = 16;
const TO: u8 = 32;
const N: u8 = 64;

// === impl Scanner ===

impl Default for Scanner {
    fn default() -> Self {
        Scanner { n: Finder::new(b"\"n\":") }
    }
}

impl Scanner {
    /// Hands each message of a frame's payload to `take`, in order.
    ///
    /// # Errors
    /// When the payload is not an array of messages; those before the fault have been handed over.
    pub fn each<'a>(&self, payload: &'a [u8], mut take: impl FnMut(&Message<'a>)) -> Result<(), ScanError> {
        let mut at = skip_space(payload, 0);
        if payload.get(at) != Some(&b'[') {
            return Err(ScanError::NotAnArray { at });
        }
        at = skip_space(payload, at + 1);
        if payload.get(at) == Some(&b']') {
            return end_of_array(payload, at);
        }
        loop {
            let (message, end) = match self.fast(payload, at) {
                Some(found) => found,
                None => slow(payload, at)?,
            };
            take(&message);
            at = skip_space(payload, end);
            match payload.get(at) {
                Some(b',') => at = skip_space(payload, at + 1),
                Some(b']') => return end_of_array(payload, at),
                _ => return Err(ScanError::NotAnArray { at }),
            }
        }
    }

    /// The message at `start` and where it ends; `None` when it is not laid out as the fast way knows it.
    fn fast<'a>(&self, bytes: &'a [u8], start: usize) -> Option<(Message<'a>, usize)> {
        const TICK: u8 = TYPE | SYMBOL | SEQ | RX;
        let mut message = Message::empty();
        let mut found = 0u8;
        if bytes.get(start) != Some(&b'{') {
            return None;
        }
        let mut at = start + 1;
        let end = loop {
            let pair = pair(bytes, at)?;
            found |= message.read(&pair)?;
            if bytes[pair.next] == b'}' {
                break pair.next;
            }
            at = pair.next + 1;
            if found & TICK == TICK && matches!(message.kind, Kind::Update | Kind::Snapshot) {
                break self.rest(bytes, at, found, &mut message)?;
            }
        };
        let complete = match message.kind {
            Kind::Update | Kind::Snapshot => found & TICK == TICK,
            Kind::Gap => found & (SYMBOL | FROM | TO) == SYMBOL | FROM | TO,
            _ => found & TYPE != 0,
        };
        message.raw = &bytes[start..=end];
        message.keep_own_numbers();
        complete.then_some((message, end + 1))
    }

    /// Where the object ends whose next key is at `at`, when nothing but a possible `n` is wanted any more.
    ///
    /// The first brace is the object's own if no string, object or array is open before it: an even number of quotes,
    /// none of them escaped, and no opening bracket.
    fn rest(&self, bytes: &[u8], at: usize, found: u8, message: &mut Message<'_>) -> Option<usize> {
        let end = at + memchr(b'}', &bytes[at..])?;
        let rest = &bytes[at..end];
        if memchr3(b'\\', b'{', b'[', rest).is_some() || !memchr_iter(b'"', rest).count().is_multiple_of(2) {
            return None;
        }
        if found & N == 0
            && let Some(key) = self.n.find(rest)
        {
            // Without escapes, quotes open and close by turns, and nothing but a comma may follow a closing one:
            // so this is the key, and not the inside of a string.
            message.n = integer(pair(bytes, at + key)?.value)?;
        }
        Some(end)
    }
}

// === impl Message ===

impl<'a> Message<'a> {
    fn empty() -> Self {
        Message {
            kind: Kind::Other,
            symbol: Cow::Borrowed(b""),
            seq: 0,
            n: 1,
            from: 0,
            to: 0,
            rx: 0,
            raw: b"",
        }
    }

    /// Forgets numbers that a message of this kind does not have, whichever way they were read.
    fn keep_own_numbers(&mut self) {
        let ticks = matches!(self.kind, Kind::Update | Kind::Snapshot);
        if !ticks {
            (self.seq, self.rx, self.n) = (0, 0, 1);
        }
        if self.kind != Kind::Gap {
            (self.from, self.to) = (0, 0);
        }
    }

    /// Takes one pair in; says which key it was, 0 for any other. `None` when the value is not a plain one.
    fn read(&mut self, pair: &Pair<'a>) -> Option<u8> {
        match pair.key {
            b"type" => {
                self.kind = Kind::parse(string(pair.value)?);
                Some(TYPE)
            }
            b"symbol" => {
                self.symbol = Cow::Borrowed(string(pair.value)?);
                Some(SYMBOL)
            }
            b"seq" => integer(pair.value).map(|seq| self.seq = seq).map(|()| SEQ),
            b"rx" => {
                integer(pair.value).and_then(|rx| i64::try_from(rx).ok()).map(|rx| self.rx = rx).map(|()| RX)
            }
            b"from" => integer(pair.value).map(|from| self.from = from).map(|()| FROM),
            b"to" => integer(pair.value).map(|to| self.to = to).map(|()| TO),
            b"n" => integer(pair.value).map(|n| self.n = n).map(|()| N),
            _ => Some(0),
        }
    }
}

// === impl Kind ===

impl Kind {
    fn parse(name: &[u8]) -> Kind {
        match name {
            b"update" => Kind::Update,
            b"snapshot" => Kind::Snapshot,
            b"gap" => Kind::Gap,
            b"status" => Kind::Status,
            b"welcome" => Kind::Welcome,
            b"subscribed" => Kind::Subscribed,
            b"heartbeat" => Kind::Heartbeat,
            b"drain" => Kind::Drain,
            b"end" => Kind::End,
            b"error" => Kind::Error,
            _ => Kind::Other,
        }
    }
}

/// The pair at `at`; `None` when the key or the value is anything but a plain scalar without escapes.
pub fn pair(bytes: &[u8], at: usize) -> Option<Pair<'_>> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let key_end = plain_string_end(bytes, at + 1)?;
    if bytes.get(key_end + 1) != Some(&b':') {
        return None;
    }
    let start = key_end + 2;
    let next = match bytes.get(start)? {
        b'"' => plain_string_end(bytes, start + 1)? + 1,
        b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => {
            start
                + bytes[start..]
                    .iter()
                    .position(|byte| matches!(byte, b',' | b'}' | b' ' | b'\n' | b'\r' | b'\t'))?
        }
        _ => return None,
    };
    matches!(bytes.get(next), Some(b',' | b'}')).then(|| Pair {
        key: &bytes[at + 1..key_end],
        value: &bytes[start..next],
        next,
    })
}

/// Every pair of an object with its value as it stands there, by the fast way or by `serde_json`.
///
/// # Errors
/// When the bytes are no JSON object.
pub fn pairs(object: &[u8], mut take: impl FnMut(&[u8], &[u8])) -> Result<(), ScanError> {
    let mut found: [Option<Pair<'_>>; 24] = [const { None }; 24];
    if let Some(count) = plain_pairs(object, &mut found) {
        for pair in found[..count].iter().flatten() {
            take(pair.key, pair.value);
        }
        return Ok(());
    }
    let (object, _end) = parse(object, 0)?;
    for (key, value) in object {
        take(key.as_bytes(), value.get().as_bytes());
    }
    Ok(())
}

/// Fills `found` and says how many; nothing may be taken before the whole object is known to be plain.
fn plain_pairs<'a>(object: &'a [u8], found: &mut [Option<Pair<'a>>]) -> Option<usize> {
    let mut at = if object.first() == Some(&b'{') { 1 } else { return None };
    for (index, place) in found.iter_mut().enumerate() {
        let pair = pair(object, at)?;
        at = pair.next + 1;
        let last = object[pair.next] == b'}';
        *place = Some(pair);
        if last {
            return (at == object.len()).then_some(index + 1);
        }
    }
    None
}

/// Where the closing quote of a string is that begins at `at`; `None` when it has an escape or does not end.
fn plain_string_end(bytes: &[u8], at: usize) -> Option<usize> {
    // Keys and symbols have a handful of bytes: a plain loop costs less than the call of a search.
    let length = bytes.get(at..)?.iter().position(|&byte| byte == b'"' || byte == b'\\')?;
    (bytes[at + length] == b'"').then_some(at + length)
}

/// What stands between a value's quotes.
fn string(value: &[u8]) -> Option<&[u8]> {
    match value {
        [b'"', inside @ .., b'"'] => Some(inside),
        _ => None,
    }
}

/// A whole number, not negative.
fn integer(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 20 {
        return None;
    }
    value.iter().try_fold(0u64, |sum, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(space).count())
}

fn end_of_array(payload: &[u8], at: usize) -> Result<(), ScanError> {
    let end = skip_space(payload, at + 1);
    if end == payload.len() { Ok(()) } else { Err(ScanError::NotAnArray { at: end }) }
}

// === the slow way ===

type Object<'a> = HashMap<String, &'a RawValue>;

/// The object at `start`, by `serde_json`, and where it ends.
fn parse(bytes: &[u8], start: usize) -> Result<(Object<'_>, usize), ScanError> {
    let fault = |why: String| ScanError::NotAnObject { at: start, why };
    let rest = bytes.get(start..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Object<'_>>();
    match values.next() {
        Some(Ok(object)) => Ok((object, start + values.byte_offset())),
        Some(Err(error)) => Err(fault(error.to_string())),
        None => Err(fault("nothing is there".to_owned())),
    }
}

fn slow(bytes: &[u8], start: usize) -> Result<(Message<'_>, usize), ScanError> {
    let (object, end) = parse(bytes, start)?;
    let mut message = Message { raw: &bytes[start..end], ..Message::empty() };
    let kind: String = required(&object, "type")?;
    message.kind = Kind::parse(kind.as_bytes());
    if let Some(symbol) = optional::<String>(&object, "symbol")? {
        message.symbol = Cow::Owned(symbol.into_bytes());
    }
    match message.kind {
        Kind::Update | Kind::Snapshot => {
            required::<String>(&object, "symbol")?;
            message.n = optional(&object, "n")?.unwrap_or(1);
            message.seq = required(&object, "seq")?;
            message.rx = required(&object, "rx")?;
        }
        Kind::Gap => {
            required::<String>(&object, "symbol")?;
            message.from = required(&object, "from")?;
            message.to = required(&object, "to")?;
        }
        _ => {}
    }
    Ok((message, end))
}

fn required<T: serde::de::DeserializeOwned>(object: &Object<'_>, key: &'static str) -> Result<T, ScanError> {
    optional(object, key)?.ok_or(ScanError::Missing { key })
}

fn optional<T: serde::de::DeserializeOwned>(
    object: &Object<'_>,
    key: &'static str,
) -> Result<Option<T>, ScanError> {
    let Some(raw) = object.get(key) else { return Ok(None) };
    match serde_json::from_str(raw.get()) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(ScanError::Value { key, value: raw.get().chars().take(40).collect() }),
    }
}
