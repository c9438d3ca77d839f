//! The head of a message: its type and the numbers that its kind has, by the walk over plain pairs or by `serde_json`.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use memchr::{memchr, memchr_iter, memchr3, memmem::Finder};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    MessageError,
    pairs::{Pair, integer, pair, string},
};
use crate::{
    message::{Gap, Message, Tick},
    tick::Body,
};

/// What a message is, as far as the walk has to know.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Update,
    Snapshot,
    Gap,
    Other,
}

/// One message before it is typed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head<'a> {
    kind: Kind,
    /// The type as it was written.
    name: Cow<'a, str>,
    symbol: Cow<'a, str>,
    /// The name of the subscription.
    of: Option<Cow<'a, str>>,
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

/// The message at `start` and where it ends; `None` when it is not laid out as the fast way knows it.
pub fn fast(frame: &str, start: usize) -> Option<(Head<'_>, usize)> {
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
            of: None,
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
            "as" => {
                self.of = Some(Cow::Borrowed(string(pair.value)?));
                Some(0)
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

    pub fn typed(self) -> Result<Message<'a>, MessageError> {
        let Head { symbol, of: name, seq, n, rx: rx_us, raw, .. } = self;
        match self.kind {
            Kind::Update => {
                let body = Body::Json(raw);
                return Ok(Message::Update(Tick { symbol, name, seq, n, rx_us, body }));
            }
            // A snapshot merges no ticks, even if it has an `n`.
            Kind::Snapshot => {
                let body = Body::Json(raw);
                return Ok(Message::Snapshot(Tick { symbol, name, seq, n: 1, rx_us, body }));
            }
            Kind::Gap => {
                let reason = (&*self.reason).into();
                return Ok(Message::Gap(Gap { symbol, name, from: self.from, to: self.to, reason }));
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
            "auth" => serde_json::from_str(raw).map(Message::Auth),
            "published" => serde_json::from_str(raw).map(Message::Published),
            "error" => serde_json::from_str(raw).map(Message::Error),
            "sent" => serde_json::from_str(raw).map(Message::Sent),
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

// === the slow way ===

pub type Object<'a> = HashMap<String, &'a RawValue>;

/// The object at `start`, by `serde_json`, and where it ends.
pub fn parse(frame: &str, start: usize) -> Result<(Object<'_>, usize), MessageError> {
    let fault = |why: String| MessageError::NotAnObject { at: start, why };
    let rest = frame.get(start..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Object<'_>>();
    match values.next() {
        Some(Ok(object)) => Ok((object, start + values.byte_offset())),
        Some(Err(error)) => Err(fault(error.to_string())),
        None => Err(fault("nothing is there".to_owned())),
    }
}

pub fn slow(frame: &str, start: usize) -> Result<(Head<'_>, usize), MessageError> {
    let (object, end) = parse(frame, start)?;
    let name: String = required(&object, "type")?;
    let mut head =
        Head { kind: Kind::of(&name), name: Cow::Owned(name), raw: &frame[start..end], ..Head::empty() };
    if head.kind != Kind::Other {
        head.of = optional::<String>(&object, "as")?.map(Cow::Owned);
    }
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

pub fn optional<'a, T: Deserialize<'a>>(
    object: &Object<'a>,
    key: &'static str,
) -> Result<Option<T>, MessageError> {
    let Some(raw) = object.get(key) else { return Ok(None) };
    match serde_json::from_str(raw.get()) {
        Ok(value) => Ok(Some(value)),
        Err(_) => Err(MessageError::Value { key, value: raw.get().chars().take(40).collect() }),
    }
}
