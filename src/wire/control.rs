//! [`Control`]: all messages that are not data. They are rare, so serde writes them.
//!
//! Invariant: a control message is one frame: a JSON array with this one message.

use std::{sync::Arc, time::Duration};

use compact_str::CompactString;
use serde::{Serialize, Serializer};

use super::{CommandError, ErrorCode, Id, PROTOCOL_VERSION, published::Published};
use crate::{
    fanout::Name,
    limits::Limits,
    tick::{CustomFields, Nanos, State, custom::CustomField},
};

/// The limits that `welcome` lists: those that a client has to know, in the units that their names end with.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ShownLimits {
    pub subscriptions: usize,
    pub globs: usize,
    pub message_bytes: usize,
    pub commands_per_second: u32,
    pub commands_burst: u32,
    pub frame_bytes: usize,
    pub interval_ms: u64,
    pub ring_ticks: usize,
    pub stale_ms: u64,
    pub unsent_bytes: usize,
    /// When present, the server accepts `ack`.
    pub target_delay_ms: u64,
    pub control_bytes: usize,
    pub line_bytes: usize,
    pub handshake_ms: u64,
    pub auth_ms: u64,
    pub pong_ms: u64,
    pub progress_ms: u64,
    pub close_grace_ms: u64,
}

/// A configured field, as listed in `welcome`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ShownField<'a> {
    pub name: &'a str,
    pub kind: &'static str,
    pub merge: &'static str,
}

impl<'a> ShownField<'a> {
    fn of(field: &'a CustomField) -> Self {
        ShownField { name: field.name.as_str(), kind: field.kind.name(), merge: field.merge.name() }
    }
}

/// The number that stands for a field's name in data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct NumberedField<'a> {
    pub id: u32,
    pub name: &'a str,
    /// The type of its values.
    pub kind: &'static str,
}

/// A command's result for one symbol or glob.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Entry {
    /// Short names are stored inline: most commands name many symbols, each with an entry.
    pub symbol: CompactString,
    /// The subscription's name.
    #[serde(rename = "as", skip_serializing_if = "Option::is_none", serialize_with = "write_name")]
    pub name: Option<Name>,
    pub status: Status,
    /// `Some(false)` if the symbol has no tick and no feed declares it, so it may not exist; otherwise `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<bool>,
    /// The number of symbols that a glob matches now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<usize>,
    /// The delay of a delayed symbol, and the notice that must be displayed with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_notice")]
    pub notice: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Ok,
    Pending,
    Resumed,
    Gap,
    Error,
}

/// Whether a session keeps up with its data.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    #[default]
    Live,
    Conflating,
}

/// One subscription, in the answer to `list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ListEntry<'a> {
    pub symbol: String,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none", serialize_with = "write_name")]
    pub name: Option<Name>,
    pub mode: &'static str,
    /// The delay in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u32>,
    pub interval_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<&'a str>>,
    /// Set when decimals are text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<&'static str>,
    /// The seq up to which everything was sent.
    pub seq: u64,
    #[serde(serialize_with = "write_state")]
    pub state: State,
}

/// A standing glob with a name, in the answer to `list`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NamedGlob {
    pub symbol: CompactString,
    #[serde(rename = "as", skip_serializing_if = "Option::is_none", serialize_with = "write_name")]
    pub name: Option<Name>,
}

/// Every control message.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Control<'a> {
    Welcome {
        protocol: u32,
        session: &'a str,
        epoch: &'a str,
        /// The origin of timestamps in binary data.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_origin")]
        origin: Option<Nanos>,
        heartbeat_ms: u64,
        limits: ShownLimits,
        /// The configured fields.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<ShownField<'a>>,
    },
    Subscribed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        results: Vec<Entry>,
        /// The field numbers, for encodings that use numbers for names.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        fields: Vec<NumberedField<'a>>,
    },
    Unsubscribed {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        results: Vec<Entry>,
    },
    Set {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        results: Vec<Entry>,
    },
    #[serde(rename = "status")]
    SymbolStatus {
        #[serde(rename = "as", skip_serializing_if = "Option::is_none", serialize_with = "write_name")]
        name: Option<Name>,
        symbol: &'a str,
        #[serde(serialize_with = "write_state")]
        state: State,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    },
    #[serde(rename = "status")]
    PaceStatus {
        pace: Pace,
    },
    Heartbeat {
        #[serde(serialize_with = "write_micros")]
        ts: Nanos,
        #[serde(serialize_with = "write_micros")]
        asof: Nanos,
        dirty: usize,
        oldest_ms: u64,
    },
    Pong {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        #[serde(serialize_with = "write_micros")]
        ts: Nanos,
    },
    List {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        subscriptions: Vec<ListEntry<'a>>,
        /// Globs without a name.
        globs: Vec<CompactString>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        named_globs: Vec<NamedGlob>,
    },
    Published(Published<'a>),
    Error {
        /// The name of the subscription concerned, if any.
        #[serde(rename = "as", skip_serializing_if = "Option::is_none", serialize_with = "write_name")]
        name: Option<Name>,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        code: ErrorCode,
        message: &'a str,
    },
    /// A token was accepted.
    Auth {
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Id>,
        /// When the token expires, by the clock of `ts`; `None` for never.
        #[serde(skip_serializing_if = "Option::is_none", serialize_with = "write_end")]
        expires: Option<Nanos>,
    },
    /// The session's token expires soon.
    #[serde(rename = "status")]
    ExpiryStatus {
        #[serde(serialize_with = "write_micros")]
        expires: Nanos,
    },
    Drain {
        retry_ms: u64,
    },
    /// Every feed is a replay that has ended.
    End,
}

impl Control<'_> {
    /// Whether the message reveals symbols, so that it needs the right to read them.
    pub const fn tells_of_symbols(&self) -> bool {
        !matches!(
            self,
            Control::Welcome { .. }
                | Control::PaceStatus { .. }
                | Control::ExpiryStatus { .. }
                | Control::Heartbeat { .. }
                | Control::Pong { .. }
                | Control::Auth { .. }
                | Control::Error { name: None, .. }
                | Control::Drain { .. }
                | Control::End
        )
    }

    /// Appends the payload of one frame: an array of this one message.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_json(std::slice::from_ref(self), out);
    }
}

pub(super) fn write_json(value: &(impl Serialize + ?Sized), out: &mut Vec<u8>) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "messages have string keys, and a vector takes every write");
}

impl<'a> Control<'a> {
    pub fn welcome(session: &'a str, epoch: &'a str, limits: &Limits, fields: &'a CustomFields) -> Self {
        Control::Welcome {
            protocol: PROTOCOL_VERSION,
            session,
            epoch,
            origin: None,
            heartbeat_ms: millis(limits.heartbeat),
            limits: ShownLimits {
                subscriptions: limits.subscriptions,
                globs: limits.globs,
                message_bytes: limits.message_bytes,
                commands_per_second: limits.commands_per_second,
                commands_burst: limits.commands_burst,
                frame_bytes: limits.frame_bytes,
                interval_ms: millis(limits.interval),
                ring_ticks: limits.ring_ticks,
                stale_ms: millis(limits.stale),
                unsent_bytes: limits.unsent_bytes,
                target_delay_ms: millis(limits.target_delay),
                control_bytes: limits.control_bytes,
                line_bytes: limits.line_bytes,
                handshake_ms: millis(limits.handshake),
                auth_ms: millis(limits.auth),
                pong_ms: millis(limits.pong),
                progress_ms: millis(limits.progress),
                close_grace_ms: millis(limits.close_grace),
            },
            fields: fields.iter().map(|(_, field)| ShownField::of(field)).collect(),
        }
    }

    pub fn error(error: &'a CommandError) -> Self {
        Control::Error { name: None, id: error.id.clone(), code: error.code, message: &error.message }
    }
}

impl Entry {
    pub fn new(symbol: impl Into<CompactString>, status: Status) -> Self {
        Entry {
            symbol: symbol.into(),
            name: None,
            status,
            known: None,
            matched: None,
            delay_ms: None,
            notice: None,
            code: None,
            message: None,
        }
    }

    /// The same message, for the subscription of this name.
    pub fn named(self, name: Option<&Name>) -> Self {
        Entry { name: name.cloned(), ..self }
    }

    pub fn error(symbol: impl Into<CompactString>, code: ErrorCode, message: impl Into<String>) -> Self {
        Entry { code: Some(code), message: Some(message.into()), ..Entry::new(symbol, Status::Error) }
    }
}

impl Status {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Status::Ok => "ok",
            Status::Pending => "pending",
            Status::Resumed => "resumed",
            Status::Gap => "gap",
            Status::Error => "error",
        }
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Whole milliseconds, the unit of durations on the wire.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn write_micros<S: Serializer>(time: &Nanos, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.micros())
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_end<S: Serializer>(end: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(end.unwrap_or_default().micros())
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_origin<S: Serializer>(origin: &Option<Nanos>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(origin.unwrap_or_default().micros())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn write_state<S: Serializer>(state: &State, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_name<S: Serializer>(name: &Option<Name>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name.as_ref().map_or("", Name::as_str))
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn write_notice<S: Serializer>(notice: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(notice.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;
