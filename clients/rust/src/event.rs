//! The events of a [`Mirror`](crate::Mirror): what a frame has changed.

use compact_str::CompactString;

use crate::{
    field::Field,
    message::{Answer, Auth, Fault, Gap, Heartbeat, List, Pong, Published, Sent, Tick, Welcome},
    report::TradeReport,
    seq::Breach,
    topic::Topic,
    words::Pace,
};

/// One change. The mirror has already applied it.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The first of a connection.
    Welcome(Welcome<'a>),
    /// A symbol's record.
    Record(Change<'a>),
    /// A trade of a symbol was cancelled or corrected: `report` says which, and the record is what is left.
    Correction(Change<'a>),
    /// Ticks are lost to the subscription; a snapshot follows.
    Gap(Loss<'a>),
    /// The state of a symbol.
    State(&'a Topic),
    /// Whether this session keeps up.
    Pace(&'a Pace),
    Subscribed(Answer<'a>),
    Unsubscribed(Answer<'a>),
    Set(Answer<'a>),
    /// A command was not carried out.
    Error(Fault<'a>),
    Heartbeat(Heartbeat),
    /// When this frame was sent, for connections that ask for it.
    Sent(Sent),
    /// The estimate of the server's time has improved.
    Pong(Pong),
    List(List<'a>),
    /// A token was taken. Symbols that were `not_entitled` are asked for again.
    Auth(Auth),
    /// The session's token expires soon, and the session with it unless a new one is sent: in microseconds since 1970 by the
    /// service's clock.
    Expiring(i64),
    /// What became of published ticks.
    Published(Published<'a>),
    /// The server closes soon.
    Drain,
    /// The market is over: there is nothing more to come.
    End,
    /// A message that this version does not know.
    Other,
}

/// A symbol's record has changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change<'a> {
    /// The topic, with the change applied.
    pub topic: &'a Topic,
    /// The message itself, with its fields.
    pub tick: Tick<'a>,
    /// A whole record; otherwise what has changed.
    pub is_snapshot: bool,
    /// The seq of the record before; 0 when there was none, or one of another epoch.
    pub had: u64,
    /// Fields of the record before that this snapshot does not have.
    pub forgotten: Vec<Field>,
    /// The same of fields that the server's configuration adds.
    pub forgotten_others: Vec<CompactString>,
    /// What it says of a trade beside the record's fields.
    pub report: Option<TradeReport<'a>>,
    /// How it breaks law 4, if it does: a fault of the server.
    pub breach: Option<Breach>,
}

/// Ticks are lost to a subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loss<'a> {
    pub topic: &'a Topic,
    pub gap: Gap<'a>,
    pub breach: Option<Breach>,
}
