//! What a server says, typed and borrowed from the frame that it came in.
//!
//! Values only: how they stand in a frame is the encoding's affair ([`Messages`](crate::Messages) reads JSON). Keys that this
//! version does not know are passed over, and a message of an unknown type is [`Message::Other`], so that a newer server
//! breaks nothing.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::{
    field::{FIELDS, Field},
    words::{GapReason, Mode, Outcome, Pace, State},
};

/// One message.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Message<'a> {
    /// The first of a connection.
    Welcome(Welcome<'a>),
    Subscribed(Answer<'a>),
    Unsubscribed(Answer<'a>),
    Set(Answer<'a>),
    /// A whole record, a new base.
    Snapshot(Tick<'a>),
    /// What changed.
    Update(Tick<'a>),
    /// What will not be sent.
    Gap(Gap<'a>),
    Status(Status<'a>),
    Heartbeat(Heartbeat),
    Pong(Pong),
    List(List<'a>),
    Error(Fault<'a>),
    /// The server will close soon.
    Drain(Drain),
    /// The market is over.
    End,
    /// A type that this version does not know.
    Other {
        kind: Cow<'a, str>,
        raw: &'a str,
    },
}

/// Who the server is, and what it allows.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct Welcome<'a> {
    /// (epoch, symbol, seq) names one tick for ever.
    #[serde(borrow)]
    pub epoch: Cow<'a, str>,
    pub heartbeat_ms: u64,
    #[serde(default, borrow)]
    pub session: Cow<'a, str>,
    #[serde(default)]
    pub limits: Limits,
}

/// Limits of the server that a client plans by; those it does not tell are `None`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Deserialize, Debug)]
#[non_exhaustive]
pub struct Limits {
    pub subscriptions: Option<u64>,
    pub globs: Option<u64>,
    pub message_bytes: Option<u64>,
    pub interval_ms: Option<u64>,
    pub ring_ticks: Option<u64>,
    pub stale_ms: Option<u64>,
}

/// What a command's answer echoes.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize, Debug)]
#[serde(untagged)]
pub enum Id {
    Number(u64),
    Text(Box<str>),
}

/// The answer to a command, with a result for each entry of its symbols.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct Answer<'a> {
    pub id: Option<Id>,
    #[serde(borrow)]
    pub results: Vec<SymbolResult<'a>>,
}

/// What came of one entry of `symbols`.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct SymbolResult<'a> {
    /// A name or a glob, as it was asked for.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    pub status: Outcome,
    /// Of a glob: how many symbols it matches now.
    pub matched: Option<u64>,
    /// `Some(false)`: no feed lists the name and it never ticked.
    pub known: Option<bool>,
    /// Of an error: a stable word, and a sentence for people.
    #[serde(default, borrow)]
    pub code: Cow<'a, str>,
    #[serde(default, borrow)]
    pub message: Cow<'a, str>,
}

/// A snapshot or an update, as far as every client needs it; [`values`](Tick::values) reads the record's fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tick<'a> {
    pub symbol: Cow<'a, str>,
    pub seq: u64,
    /// How many ticks it stands for.
    pub n: u64,
    /// When the service took the tick in, by the service's clock, in microseconds since 1970.
    pub rx_us: i64,
    /// The whole message as it stands in the frame.
    pub raw: &'a str,
}

/// The fields that a snapshot or an update has, as texts: a decimal's digits are those of the wire.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Values<'a> {
    /// The feed's own event time, in microseconds since 1970.
    pub ts_us: Option<i64>,
    pub(crate) texts: [Value<'a>; FIELDS],
}

/// What a message says of one field.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Value<'a> {
    /// Nothing: a record keeps what it has.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// The value is void (`null` on the wire), and a record forgets it.
    Withdrawn,
}

/// Ticks from the first to the last, both included, that are lost to the subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap<'a> {
    pub symbol: Cow<'a, str>,
    pub from: u64,
    pub to: u64,
    pub reason: GapReason,
}

/// Of a symbol, or of this session.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Status<'a> {
    #[serde(default, borrow)]
    pub symbol: Option<Cow<'a, str>>,
    pub state: Option<State>,
    pub pace: Option<Pace>,
}

/// Silence that is alive.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct Heartbeat {
    #[serde(rename = "ts")]
    pub ts_us: i64,
    /// Everything shown is true as of then.
    #[serde(rename = "asof")]
    pub as_of_us: i64,
    /// How many subscriptions are behind.
    #[serde(rename = "dirty")]
    pub behind: u64,
    /// How old the oldest tick is that they wait for.
    pub oldest_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Pong {
    pub id: Option<Id>,
    /// The server's time.
    #[serde(rename = "ts")]
    pub ts_us: i64,
}

/// What this session is subscribed to.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct List<'a> {
    pub id: Option<Id>,
    #[serde(borrow)]
    pub subscriptions: Vec<Listed<'a>>,
    #[serde(default, borrow)]
    pub globs: Vec<Cow<'a, str>>,
}

#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Listed<'a> {
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    pub mode: Mode,
    #[serde(default)]
    pub interval_ms: u64,
    /// The last that was sent.
    #[serde(default)]
    pub seq: u64,
    pub state: State,
}

/// A command that was not carried out.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Fault<'a> {
    pub id: Option<Id>,
    /// A stable word for programs.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// A sentence for people.
    #[serde(default, borrow)]
    pub message: Cow<'a, str>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct Drain {
    /// Come back after so long: each session is given a time of its own.
    pub retry_ms: u64,
}

// === impl Gap ===

impl Gap<'_> {
    /// How many ticks are lost; 0 when it ends before it begins.
    pub fn ticks(&self) -> u64 {
        self.to.checked_sub(self.from).map_or(0, |more| more.saturating_add(1))
    }
}

// === impl Values ===

impl Values<'_> {
    /// A field's text, when the message has it.
    pub fn text(&self, field: Field) -> Option<&str> {
        match &self.texts[field as usize] {
            Value::Text(text) => Some(text),
            Value::Absent | Value::Withdrawn => None,
        }
    }

    /// The fields that the message withdraws, in the order of [`Field::ALL`].
    pub fn withdrawn(&self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(|&field| self.texts[field as usize] == Value::Withdrawn)
    }

    /// The fields that the message has, in the order of [`Field::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Field, &str)> {
        Field::ALL.into_iter().filter_map(|field| Some((field, self.text(field)?)))
    }
}
