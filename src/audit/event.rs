//! What is recorded. Each event is one line; its names are a contract with whoever reads the files.

use std::net::IpAddr;

use compact_str::CompactString;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line of each file and of each process, with the hash of the line before it. `started`: a process began;
    /// sessions that were open before it ended then at the latest.
    Begin {
        version: u32,
        started: bool,
        prev: String,
    },
    /// The line before this one is the beginning of a record that was never finished: the process or the machine died.
    Torn {
        bytes: u64,
    },
    /// Events that could not be recorded.
    Lost {
        events: u64,
    },
    Opened {
        session: u64,
        #[serde(flatten)]
        who: AuditUser,
        address: IpAddr,
        agent: String,
        via: AuditChannel,
        /// When its token ends, in microseconds since 1970.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires: Option<i64>,
        /// Of which anything may be read.
        #[serde(default = "only_default")]
        products: Vec<CompactString>,
    },
    /// A session has another token: of the same user, or of another.
    Renewed {
        session: u64,
        #[serde(flatten)]
        who: AuditUser,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires: Option<i64>,
        #[serde(default = "only_default")]
        products: Vec<CompactString>,
    },
    /// Symbols that were sent to a user of this class for the first time in this month. One may be recorded again. Each has
    /// a line of its own, with `symbol`: [`Event::lines`].
    Received {
        #[serde(flatten)]
        who: AuditUser,
        product: CompactString,
        #[serde(rename = "symbol", serialize_with = "one", deserialize_with = "of_one")]
        symbols: Vec<CompactString>,
        delayed: bool,
        via: AuditChannel,
    },
    /// Messages, events or answers since the last such record of the same session.
    Used {
        #[serde(flatten)]
        who: AuditUser,
        product: CompactString,
        messages: u64,
        via: AuditChannel,
    },
    Refused {
        #[serde(flatten)]
        who: AuditUser,
        address: IpAddr,
        code: CompactString,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        symbol: Option<CompactString>,
    },
    /// More refusals, of which there were too many to record each.
    RefusedMore {
        count: u64,
    },
    /// What an operator, or the list of revocations, has ended.
    Revoked {
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user: Option<CompactString>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<CompactString>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        session: Option<u64>,
    },
    /// An operator asked for sessions to be closed: those of a user, of a token, or one. Each that was closed has a
    /// `revoked` of its own.
    Closed {
        /// Who asked, if it was by a token.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        by: Option<CompactString>,
        address: IpAddr,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        user: Option<CompactString>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        token: Option<CompactString>,
        #[serde(skip_serializing_if = "Option::is_none", default)]
        session: Option<u64>,
        sessions: u64,
    },
    Ended {
        session: u64,
        reason: CompactString,
    },
}

/// A user, and the class in which it reads. Both are absent for clients without a token.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct AuditUser {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub user: Option<CompactString>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub class: Option<CompactString>,
}

/// By what it was sent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditChannel {
    /// WebSocket.
    Stream,
    /// Event streams.
    Sse,
    /// Answers to single requests.
    Rest,
}

/// The product of every symbol that no configured product has.
pub const DEFAULT_PRODUCT: &str = "default";
/// What records have that were written before they named products.
fn only_default() -> Vec<CompactString> {
    vec![DEFAULT_PRODUCT.into()]
}

/// The version of the format.
pub(super) const VERSION: u32 = 1;

fn one<S: Serializer>(symbols: &[CompactString], serializer: S) -> Result<S::Ok, S::Error> {
    match symbols {
        [symbol] => symbol.serialize(serializer),
        symbols => symbols.serialize(serializer),
    }
}

fn of_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CompactString>, D::Error> {
    CompactString::deserialize(deserializer).map(|symbol| vec![symbol])
}

impl Event {
    /// How many lines it is written as.
    pub(super) fn line_count(&self) -> usize {
        if let Event::Received { symbols, .. } = self { symbols.len() } else { 1 }
    }

    /// What stands in each of its lines.
    pub(super) fn lines(&self) -> Vec<Event> {
        let Event::Received { who, product, symbols, delayed, via } = self else { return vec![self.clone()] };
        let line = |symbol: &CompactString| Event::Received {
            who: who.clone(),
            product: product.clone(),
            symbols: vec![symbol.clone()],
            delayed: *delayed,
            via: *via,
        };
        symbols.iter().map(line).collect()
    }
}

impl AuditChannel {
    pub const fn as_str(self) -> &'static str {
        match self {
            AuditChannel::Stream => "stream",
            AuditChannel::Sse => "sse",
            AuditChannel::Rest => "rest",
        }
    }
}
