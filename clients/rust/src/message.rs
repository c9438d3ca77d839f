//! The messages of a server, typed and borrowed from their frame.
//!
//! Values only; [`Messages`](crate::Messages) parses them from JSON, [`Decoder`](crate::binary::Decoder) from binary
//! frames. Unknown keys are ignored, and a message of an unknown
//! type is [`Message::Other`], so that clients work with newer servers.

use std::{borrow::Cow, collections::BTreeMap};

use serde::{Deserialize, Serialize};

use crate::{
    field::{FIELDS, Field},
    tick::Body,
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
    /// A snapshot: a whole record.
    Snapshot(Tick<'a>),
    /// An update: what changed.
    Update(Tick<'a>),
    /// A gap: ticks that will not be sent.
    Gap(Gap<'a>),
    Status(Status<'a>),
    Heartbeat(Heartbeat),
    Pong(Pong),
    List(List<'a>),
    /// A token was taken.
    Auth(Auth),
    Published(Published<'a>),
    Error(Fault<'a>),
    /// The server will close soon.
    Drain(Drain),
    /// When this frame was sent, for connections that ask for it.
    Sent(Sent),
    /// The market is over.
    End,
    /// A type that this version does not know.
    Other {
        kind: Cow<'a, str>,
        raw: &'a str,
    },
}

/// The identity of the server's session, and its limits.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct Welcome<'a> {
    /// (epoch, symbol, seq) names one tick for ever.
    #[serde(borrow)]
    pub epoch: Cow<'a, str>,
    /// Where the times of binary frames count from, in microseconds since 1970; `None` where there are none.
    #[serde(rename = "origin", default)]
    pub origin_us: Option<i64>,
    pub heartbeat_ms: u64,
    #[serde(default, borrow)]
    pub session: Cow<'a, str>,
    #[serde(default)]
    pub limits: Limits,
    /// The fields that this server's configuration adds to the fixed ones, in their order.
    #[serde(default, borrow)]
    pub fields: Vec<ConfiguredField<'a>>,
}

/// A field that a server's configuration adds to the fixed ones. Its words are those of the configuration.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct ConfiguredField<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `decimal`, `integer` or `text`.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// What a tick's value makes of the record's: `last`, `sum`, `min`, `max` or `first`.
    #[serde(borrow)]
    pub merge: Cow<'a, str>,
}

/// Limits of the server that concern clients; `None` where it does not announce one.
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
    /// In `subscribed`: what the ids of binary frames stand for; empty where there are none.
    #[serde(default, borrow)]
    pub fields: Vec<TableField<'a>>,
}

/// A field, as binary frames name it.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct TableField<'a> {
    pub id: u64,
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    /// `decimal`, `integer`, `side` or `text`; a kind of a newer server is written as a text is.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
}

/// The result of one entry of `symbols`.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct SymbolResult<'a> {
    /// The name or glob of the command.
    #[serde(borrow)]
    pub symbol: Cow<'a, str>,
    /// Which of several subscriptions to the symbol it is about; `None`: the one without a name.
    #[serde(rename = "as", default, borrow)]
    pub name: Option<Cow<'a, str>>,
    pub status: Outcome,
    /// For a glob: how many symbols it matches now.
    pub matched: Option<u64>,
    /// `Some(false)`: no feed lists the name and it never ticked.
    pub known: Option<bool>,
    /// How much later than in real time the symbol is shown, in milliseconds; `None` in real time.
    pub delay_ms: Option<u64>,
    /// What must be shown beside delayed data.
    #[serde(default, borrow)]
    pub notice: Option<Cow<'a, str>>,
    /// For an error: a stable code, and a sentence for people.
    #[serde(default, borrow)]
    pub code: Cow<'a, str>,
    #[serde(default, borrow)]
    pub message: Cow<'a, str>,
}

/// A snapshot or an update, as far as every client needs it; [`values`](Tick::values) reads the record's fields.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tick<'a> {
    pub symbol: Cow<'a, str>,
    /// Which of several subscriptions to the symbol it is about; `None`: the one without a name.
    pub name: Option<Cow<'a, str>>,
    pub seq: u64,
    /// How many ticks an update merges; 1 for a snapshot.
    pub n: u64,
    /// When the service took the tick in, by the service's clock, in microseconds since 1970.
    pub rx_us: i64,
    pub(crate) body: Body<'a>,
}

/// The fields that a snapshot or an update has, as texts: a decimal's digits are those of the wire.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Values<'a> {
    /// The feed's own event time, in microseconds since 1970.
    pub ts_us: Option<i64>,
    pub(crate) texts: [Value<'a>; FIELDS],
    /// The fields that this server's configuration adds, or that are newer than this crate: by name, as they come.
    pub others: Vec<(Cow<'a, str>, Value<'a>)>,
}

/// One field in a message.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub enum Value<'a> {
    /// Absent: a record keeps its value.
    #[default]
    Absent,
    Text(Cow<'a, str>),
    /// Withdrawn (`null` on the wire): a record has no value any more.
    Withdrawn,
}

/// Ticks that the subscription will not get, from the first to the last, both included.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap<'a> {
    pub symbol: Cow<'a, str>,
    /// Which of several subscriptions to the symbol it is about; `None`: the one without a name.
    pub name: Option<Cow<'a, str>>,
    pub from: u64,
    pub to: u64,
    pub reason: GapReason,
}

/// The status of a symbol, or of this session.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Status<'a> {
    #[serde(default, borrow)]
    pub symbol: Option<Cow<'a, str>>,
    /// Which of several subscriptions to the symbol it is about; `None`: the one without a name.
    #[serde(rename = "as", default, borrow)]
    pub name: Option<Cow<'a, str>>,
    pub state: Option<State>,
    /// Why the symbol is in this state, for a person, where its feed told.
    #[serde(default, borrow)]
    pub reason: Option<Cow<'a, str>>,
    pub pace: Option<Pace>,
    /// When the token of this session expires, in microseconds since 1970 by the service's clock: soon.
    #[serde(rename = "expires", default)]
    pub expires_us: Option<i64>,
}

/// A heartbeat: sent when there is nothing else to send.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct Heartbeat {
    #[serde(rename = "ts")]
    pub ts_us: i64,
    /// All records are complete up to this time.
    #[serde(rename = "asof")]
    pub as_of_us: i64,
    /// How many subscriptions are behind.
    #[serde(rename = "dirty")]
    pub behind: u64,
    /// The age of the oldest tick that they wait for, in milliseconds.
    pub oldest_ms: u64,
}

#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Pong {
    pub id: Option<Id>,
    /// The server's time.
    #[serde(rename = "ts")]
    pub ts_us: i64,
}

/// The answer to `auth`: from now on the new token counts.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Auth {
    pub id: Option<Id>,
    /// When the token expires, in microseconds since 1970 by the service's clock.
    #[serde(rename = "expires", default)]
    pub expires_us: Option<i64>,
}

/// The subscriptions of this session.
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
    /// Which of several subscriptions to the symbol it is about; `None`: the one without a name.
    #[serde(rename = "as", default, borrow)]
    pub name: Option<Cow<'a, str>>,
    pub mode: Mode,
    /// How much later than in real time the symbol is shown; `None` in real time.
    pub delay_ms: Option<u64>,
    #[serde(default)]
    pub interval_ms: u64,
    /// The last that was sent.
    #[serde(default)]
    pub seq: u64,
    pub state: State,
}

/// What became of published ticks.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Published<'a> {
    pub id: Option<Id>,
    /// Of the publisher's message; where it asked, of its last one.
    pub number: Option<u64>,
    pub accepted: u64,
    /// The last seq of each symbol: the ticks of a symbol in one message have the seqs up to it.
    #[serde(default, borrow)]
    pub seqs: BTreeMap<Cow<'a, str>, u64>,
    #[serde(default, borrow)]
    pub rejected: Vec<RejectedTick<'a>>,
    /// More that were not taken in.
    #[serde(default)]
    pub rejected_not_shown: u64,
}

/// A tick that was not taken in.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct RejectedTick<'a> {
    /// Its place in the command, from 0.
    pub index: usize,
    /// A stable code for programs.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// A sentence for people.
    #[serde(default, borrow)]
    pub message: Cow<'a, str>,
}

/// A command that was not carried out.
#[derive(Clone, PartialEq, Eq, Deserialize, Debug)]
pub struct Fault<'a> {
    pub id: Option<Id>,
    /// A stable code for programs.
    #[serde(borrow)]
    pub code: Cow<'a, str>,
    /// A sentence for people.
    #[serde(default, borrow)]
    pub message: Cow<'a, str>,
}

/// When a frame of data was sent, by the service's clock.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct Sent {
    /// In microseconds since 1970.
    #[serde(rename = "ts")]
    pub ts_us: i64,
    /// It was sent then or later: the encoding has no room for more.
    #[serde(skip)]
    pub or_later: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct Drain {
    /// Milliseconds to wait before reconnecting; different for each session.
    pub retry_ms: u64,
}

/// The digits of a number, or the contents of a text without escapes.
pub(crate) fn number_or_text(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes().first()? {
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        b'"' => raw.get(1..raw.len() - 1).filter(|text| !text.contains('\\')).map(Cow::Borrowed),
        _ => None,
    }
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
