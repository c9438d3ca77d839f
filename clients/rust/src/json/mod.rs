//! The encoding `tickcast.v1.json`: a frame is a JSON array of messages.
//!
//! A tick is first walked key by key, in whatever order the keys come, only as far as needed; whatever the walk does not
//! understand (white space, escapes, nested values, a missing key) is read again by `serde_json`. So the fast way decides
//! how much a message costs, and never what it says. Everything but ticks and gaps is `serde_json`'s from the beginning.
//!
//! Invariants: on valid JSON both ways agree (a property test holds it); nothing here panics on any text.

mod pairs;
#[cfg(test)]
mod tests;
mod values;

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use memchr::{memchr, memchr_iter, memchr3, memmem::Finder};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::message::{Gap, Message, Tick};
use pairs::{Pair, integer, pair, string};

/// The messages of a frame, in order. Behind a fault there are no more.
///
/// ```
/// use tickcast_client::{Message, Messages};
///
/// let frame = r#"[{"type":"update","symbol":"BTCUSDT","seq":54,"ts":1,"rx":2,"bid":87232.01},{"type":"end"}]"#;
/// let mut messages = Messages::new(frame);
/// let Some(Ok(Message::Update(tick))) = messages.next() else { panic!() };
/// assert_eq!((&*tick.symbol, tick.seq, tick.n), ("BTCUSDT", 54, 1));
/// assert_eq!(tick.values()?.text(tickcast_client::Field::Bid), Some("87232.01"));
/// assert_eq!(messages.next().transpose()?, Some(Message::End));
/// assert!(messages.next().is_none());
/// # Ok::<(), tickcast_client::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    frame: &'a str,
    at: usize,
    stands: Stands,
}

/// Where the reading of a frame stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Before,
    /// Behind a message: a comma or the array's end is next.
    Between,
    /// The array has ended, or is none.
    Behind,
}

/// Why a frame cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    #[error("not a JSON array of messages, at byte {at}")]
    NotAnArray { at: usize },
    #[error("not a JSON object, at byte {at}: {why}")]
    NotAnObject { at: usize, why: String },
    #[error("a message without {key}")]
    Missing { key: &'static str },
    #[error("{key} is not what it should be: {value}")]
    Value { key: &'static str, value: String },
    #[error("a message of the type {kind} is not what it should be: {source}")]
    Message { kind: String, source: serde_json::Error },
}

/// What a message is, as far as the walk has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Update,
    Snapshot,
    Gap,
    Other,
}

/// One message before it is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Head<'a> {
    kind: Kind,
    /// The type as it was written.
    name: Cow<'a, str>,
    symbol: Cow<'a, str>,
    reason: Cow<'a, str>,
    seq: u64,
    n: u64,
    from: u64,
    to: u64,
    rx: i64,
    raw: &'a str,
}

const TYPE: u8 = 1;
const SYMBOL: u8 = 2;
const SEQ: u8 = 4;
const RX: u8 = 8;
const FROM: u8 = 16;
const TO: u8 = 32;
const N: u8 = 64;
const TICK: u8 = TYPE | SYMBOL | SEQ | RX;

/// The prepared search for the key `n`, so that no message pays for preparing it.
static KEY_N: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"n\":"));

// === impl Messages ===

impl<'a> Messages<'a> {
    pub fn new(frame: &'a str) -> Self {
        Messages { frame, at: 0, stands: Stands::Before }
    }

    fn step(&mut self) -> Result<Option<Message<'a>>, MessageError> {
        let bytes = self.frame.as_bytes();
        let at = skip_space(bytes, self.at);
        match (self.stands, bytes.get(at)) {
            (Stands::Before, Some(b'[')) => {
                let first = skip_space(bytes, at + 1);
                if bytes.get(first) == Some(&b']') {
                    return self.end_of_array(first);
                }
                self.at = first;
            }
            (Stands::Between, Some(b',')) => self.at = skip_space(bytes, at + 1),
            (Stands::Between, Some(b']')) => return self.end_of_array(at),
            _ => return Err(MessageError::NotAnArray { at }),
        }
        let (head, end) = match fast(self.frame, self.at) {
            Some(found) => found,
            None => slow(self.frame, self.at)?,
        };
        (self.at, self.stands) = (end, Stands::Between);
        head.typed().map(Some)
    }

    fn end_of_array(&mut self, at: usize) -> Result<Option<Message<'a>>, MessageError> {
        self.stands = Stands::Behind;
        let end = skip_space(self.frame.as_bytes(), at + 1);
        if end == self.frame.len() { Ok(None) } else { Err(MessageError::NotAnArray { at: end }) }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stands == Stands::Behind {
            return None;
        }
        let found = self.step();
        if found.is_err() {
            self.stands = Stands::Behind;
        }
        found.transpose()
    }
}

/// The message at `start` and where it ends; `None` when it is not laid out as the fast way knows it.
fn fast(frame: &str, start: usize) -> Option<(Head<'_>, usize)> {
    let bytes = frame.as_bytes();
    let mut head = Head::empty();
    let mut found = 0u8;
    if bytes.get(start) != Some(&b'{') {
        return None;
    }
    let mut at = start + 1;
    let end = loop {
        let pair = pair(frame, at)?;
        found |= head.read(&pair)?;
        if bytes[pair.next] == b'}' {
            break pair.next;
        }
        at = pair.next + 1;
        if found & TICK == TICK && matches!(head.kind, Kind::Update | Kind::Snapshot) {
            break rest(frame, at, found, &mut head)?;
        }
    };
    let complete = match head.kind {
        Kind::Update | Kind::Snapshot => found & TICK == TICK,
        Kind::Gap => found & (SYMBOL | FROM | TO) == SYMBOL | FROM | TO,
        Kind::Other => found & TYPE != 0,
    };
    head.raw = &frame[start..=end];
    complete.then_some((head, end + 1))
}

/// Where the object ends whose next key is at `at`, when nothing but a possible `n` is wanted any more.
///
/// The first brace is the object's own if no string, object or array is open before it: an even number of quotes, none of
/// them escaped, and no opening bracket.
fn rest(frame: &str, at: usize, found: u8, head: &mut Head<'_>) -> Option<usize> {
    let bytes = frame.as_bytes();
    let end = at + memchr(b'}', &bytes[at..])?;
    let rest = &bytes[at..end];
    if memchr3(b'\\', b'{', b'[', rest).is_some() || !memchr_iter(b'"', rest).count().is_multiple_of(2) {
        return None;
    }
    if found & N == 0
        && let Some(key) = KEY_N.find(rest)
    {
        // Without escapes, quotes open and close by turns, and nothing but a comma may follow a closing one: so this is
        // the key, and not the inside of a string.
        head.n = integer(pair(frame, at + key)?.value)?;
    }
    Some(end)
}

// === impl Head ===

impl<'a> Head<'a> {
    fn empty() -> Self {
        let none = Cow::Borrowed("");
        Head {
            kind: Kind::Other,
            name: none.clone(),
            symbol: none.clone(),
            reason: none,
            seq: 0,
            n: 1,
            from: 0,
            to: 0,
            rx: 0,
            raw: "",
        }
    }

    /// Takes one pair in; says which key it was, 0 for any other. `None` when the value is not a plain one.
    fn read(&mut self, pair: &Pair<'a>) -> Option<u8> {
        let number = |into: &mut u64, flag| integer(pair.value).map(|value| *into = value).map(|()| flag);
        match pair.key {
            "type" => {
                let name = string(pair.value)?;
                (self.kind, self.name) = (Kind::of(name), Cow::Borrowed(name));
                Some(TYPE)
            }
            "symbol" => {
                self.symbol = Cow::Borrowed(string(pair.value)?);
                Some(SYMBOL)
            }
            "reason" => {
                self.reason = Cow::Borrowed(string(pair.value)?);
                Some(0)
            }
            "seq" => number(&mut self.seq, SEQ),
            "rx" => {
                self.rx = i64::try_from(integer(pair.value)?).ok()?;
                Some(RX)
            }
            "from" => number(&mut self.from, FROM),
            "to" => number(&mut self.to, TO),
            "n" => number(&mut self.n, N),
            _ => Some(0),
        }
    }

    fn typed(self) -> Result<Message<'a>, MessageError> {
        let Head { symbol, seq, n, rx: rx_us, raw, .. } = self;
        match self.kind {
            Kind::Update => return Ok(Message::Update(Tick { symbol, seq, n, rx_us, raw })),
            // A snapshot stands for no ticks, whatever it says.
            Kind::Snapshot => return Ok(Message::Snapshot(Tick { symbol, seq, n: 1, rx_us, raw })),
            Kind::Gap => {
                let reason = (&*self.reason).into();
                return Ok(Message::Gap(Gap { symbol, from: self.from, to: self.to, reason }));
            }
            Kind::Other => {}
        }
        let typed = match &*self.name {
            "welcome" => serde_json::from_str(raw).map(Message::Welcome),
            "subscribed" => serde_json::from_str(raw).map(Message::Subscribed),
            "unsubscribed" => serde_json::from_str(raw).map(Message::Unsubscribed),
            "set" => serde_json::from_str(raw).map(Message::Set),
            "status" => serde_json::from_str(raw).map(Message::Status),
            "heartbeat" => serde_json::from_str(raw).map(Message::Heartbeat),
            "pong" => serde_json::from_str(raw).map(Message::Pong),
            "list" => serde_json::from_str(raw).map(Message::List),
            "error" => serde_json::from_str(raw).map(Message::Error),
            "drain" => serde_json::from_str(raw).map(Message::Drain),
            "end" => Ok(Message::End),
            _ => return Ok(Message::Other { kind: self.name, raw }),
        };
        typed.map_err(|source| MessageError::Message { kind: self.name.into_owned(), source })
    }
}

// === impl Kind ===

impl Kind {
    fn of(name: &str) -> Kind {
        match name {
            "update" => Kind::Update,
            "snapshot" => Kind::Snapshot,
            "gap" => Kind::Gap,
            _ => Kind::Other,
        }
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(space).count())
}

// === the slow way ===

type Object<'a> = HashMap<String, &'a RawValue>;

/// The object at `start`, by `serde_json`, and where it ends.
fn parse(frame: &str, start: usize) -> Result<(Object<'_>, usize), MessageError> {
    let fault = |why: String| MessageError::NotAnObject { at: start, why };
    let rest = frame.get(start..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<'_>>();
    match values.next() {
        Some(Ok(object)) => Ok((object, start + values.byte_offset())),
        Some(Err(error)) => Err(fault(error.to_string())),
        None => Err(fault("nothing is there".to_owned())),
    }
}

fn slow(frame: &str, start: usize) -> Result<(Head<'_>, usize), MessageError> {
    let (object, end) = parse(frame, start)?;
    let name: String = required(&object, "type")?;
    let mut head =
        Head { kind: Kind::of(&name), name: Cow::Owned(name), raw: &frame[start..end], ..Head::empty() };
    match head.kind {
        Kind::Update | Kind::Snapshot => {
            head.symbol = Cow::Owned(required(&object, "symbol")?);
            head.n = optional(&object, "n")?.unwrap_or(1);
            head.seq = required(&object, "seq")?;
            head.rx = required(&object, "rx")?;
        }
        Kind::Gap => {
            head.symbol = Cow::Owned(required(&object, "symbol")?);
            head.from = required(&object, "from")?;
            head.to = required(&object, "to")?;
            head.reason = Cow::Owned(optional(&object, "reason")?.unwrap_or_default());
        }
        Kind::Other => {}
    }
    Ok((head, end))
}

fn required<'a, T: Deserialize<'a>>(object: &Object<'a>, key: &'static str) -> Result<T, MessageError> {
    optional(object, key)?.ok_or(MessageError::Missing { key })
}

fn optional<'a, T: Deserialize<'a>>(
    object: &Object<'a>,
    key: &'static str,
) -> Result<Option<T>, MessageError> {
    let Some(raw) = object.get(key) else { return Ok(None) };
    match serde_json::from_str(raw.get()) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(MessageError::Value { key, value: raw.get().chars().take(40).collect() }),
    }
}
