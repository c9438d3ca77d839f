//! What a frame has changed: the events of a [`Mirror`](crate::Mirror).

use crate::{
    field::Field,
    message::{Answer, Fault, Gap, Heartbeat, List, Pong, Tick, Welcome},
    seq::Breach,
    topic::Topic,
    words::Pace,
};

/// One change. The mirror has taken it in already.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The first of a connection.
    Welcome(Welcome<'a>),
    /// A symbol's record.
    Record(Change<'a>),
    /// Ticks are lost to the subscription; a snapshot follows.
    Gap(Loss<'a>),
    /// How a symbol stands.
    State(&'a Topic),
    /// How this session keeps up.
    Pace(&'a Pace),
    Subscribed(Answer<'a>),
    Unsubscribed(Answer<'a>),
    Set(Answer<'a>),
    /// A command was not carried out.
    Error(Fault<'a>),
    Heartbeat(Heartbeat),
    /// The mirror knows the server's time better now.
    Pong(Pong),
    List(List<'a>),
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
    /// As it is now.
    pub topic: &'a Topic,
    /// The message itself: what it brought, and what it did not.
    pub tick: Tick<'a>,
    /// A whole record; otherwise what has changed.
    pub is_snapshot: bool,
    /// The seq of the record that was held before; 0 when none was, or one of another epoch.
    pub had: u64,
    /// Fields that were known, and that this snapshot no longer has.
    pub forgotten: Vec<Field>,
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
