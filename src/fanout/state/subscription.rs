//! [`Subscription`]: one session's interest in one topic, with its cursor and what its next message must be.
//!
//! Invariants: `cursor` never falls, except when a client resumes from another epoch; `lead <= skipped <= head -
//! cursor`.

use super::{LocalTopic, ViewId};
use crate::{
    fanout::{GapReason, Mode, View, pace::SendPace},
    tick::Nanos,
    topic::Detail,
};

/// The subscription's place in the schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum SubscriptionState {
    /// Caught up, except for ticks without any of its fields.
    Idle,
    /// In its session's send queue (`latest`, `trades`, `once`) or every-mode queue (`every`).
    Queued,
    /// Behind, and waiting for its interval to end, alone or in an interval group.
    Waiting,
}

pub(in crate::fanout) struct Subscription {
    /// The last seq sent, or the seq at which the subscription started.
    pub cursor: u64,
    /// Ticks after the cursor without any of its fields, already counted as filtered.
    pub skipped: u64,
    /// With an interval: the earliest time of the next message; 0 when none was sent with this interval yet.
    pub due: Nanos,
    /// Receive time of the oldest tick that it is behind by.
    pub since: Nanos,
    pub session: u32,
    pub topic: u32,
    /// Index in the topic's list of subscriptions.
    pub slot: u32,
    /// While queued: slot in the session's send queue, or index in its every-mode queue.
    pub queued: u32,
    pub pace: SendPace,
    /// For modes that read history: how many skipped ticks directly follow the cursor. The tick after them is the next
    /// to send.
    pub lead: u32,
    pub view: ViewId,
    pub mode: Mode,
    pub state: SubscriptionState,
    pub base: Base,
    pub claim: Claim,
}

/// A client with many symbols has many of these.
const _: () = assert!(size_of::<Subscription>() <= 64);

/// The base that the client needs first, before changes make sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum Base {
    /// The client has a base.
    None,
    /// A snapshot of the current record: the client has nothing.
    Record,
    /// The current record in place of the ticks since the last message: `set` has changed the subscription.
    Again,
}

/// What a resuming client claims to have, until a message is sent. The values after `Told`: nothing was sent yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::fanout) enum Claim {
    /// No claim: a message was sent.
    None,
    /// A claim, and messages were sent, but no tick yet: the reason of a gap is still `resume`.
    Told,
    /// A new subscription, without a claim.
    New,
    /// A claim of the ticks up to the cursor: a gap would have the reason `resume`.
    Resumed,
    /// A claim of another epoch: everything up to the snapshot is reported as a gap.
    OtherEpoch,
}

impl Claim {
    /// Whether there is no claim any more.
    #[inline]
    pub fn is_none(self) -> bool {
        matches!(self, Claim::None | Claim::New)
    }

    /// Whether nothing was sent yet.
    #[inline]
    pub fn is_first(self) -> bool {
        self > Claim::Told
    }

    /// The claim once it is caught up; perhaps all pending ticks were filtered.
    #[inline]
    pub fn caught_up(self) -> Claim {
        if self.is_first() { Claim::New } else { Claim::None }
    }
}

impl Subscription {
    /// Whether the message being written is the first.
    #[inline]
    pub fn takes_first(&mut self) -> bool {
        let is_first = self.claim.is_first();
        if is_first {
            self.claim = if self.claim == Claim::New { Claim::None } else { Claim::Told };
        }
        is_first
    }

    /// The batch detail that it needs.
    pub fn needs(&self) -> Detail {
        self.mode.needs(!self.view.has_every_field())
    }

    /// Whether it is sent single ticks, or must count the ticks that it is not sent.
    #[inline]
    pub fn reads_ticks(&self) -> bool {
        self.mode == Mode::Every || (self.mode == Mode::Trades && !self.view.has_every_field())
    }

    /// Whether it is a subscription to every field of this topic, in mode `trades`, waiting for its interval.
    pub fn holds_quotes_of(&self, topic: u32) -> bool {
        let waits = self.state == SubscriptionState::Waiting && self.mode == Mode::Trades;
        waits && self.topic == topic && self.view.has_every_field()
    }

    /// Whether it is an idle subscription to every field of this topic, which any next tick puts behind.
    #[inline]
    pub fn is_idle_on(&self, topic: u32) -> bool {
        self.state == SubscriptionState::Idle && self.topic == topic && self.view.has_every_field()
    }

    /// Whether every tick after the cursor is due: it was sent something, or has waited since before the first tick.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.base != Base::Record || (self.cursor == 0 && self.claim.is_none())
    }

    /// Whether its ticks are conflated, so that cancels and corrections need messages of their own. Not for mode
    /// `once`, whose answer is a snapshot.
    pub fn is_told_corrections(&self) -> bool {
        match self.mode {
            Mode::Latest | Mode::Trades => self.has_begun(),
            Mode::Once => self.base == Base::Again,
            Mode::Every => false,
        }
    }

    /// The gap reason if the ring has dropped its next ticks.
    pub fn gap_reason(&self) -> GapReason {
        if self.claim.is_none() { GapReason::Slow } else { GapReason::Resume }
    }

    /// The first seq that may have to be sent.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.cursor + 1 + u64::from(self.lead)
    }

    /// Index of the next tick to send in the topic's recent ticks; `None` when that tick is older. `view`: its own.
    #[inline]
    pub fn next_recent(&self, topic: &LocalTopic, view: &View) -> Option<usize> {
        let oldest = topic.recent.first()?.seq;
        let first = usize::try_from(self.next_seq().checked_sub(oldest)?).ok()?;
        let mut ticks = topic.recent.get(first..)?.iter();
        ticks.position(|tick| view.wants(tick)).map(|index| first + index)
    }

    /// `order` of the next tick to send; 0, before all others, when that tick is not among the recent ones. `view`: its
    /// own.
    #[inline]
    pub fn next_order(&self, topic: &LocalTopic, view: &View) -> u64 {
        if self.base != Base::None {
            return topic.record.order;
        }
        if self.mode == Mode::Trades {
            return self.next_trade_order(topic);
        }
        self.next_recent(topic, view).map_or(0, |index| topic.recent[index].order)
    }

    /// `order` of the next trade to send; 0 when that trade is no longer kept, the maximum when there is none.
    fn next_trade_order(&self, topic: &LocalTopic) -> u64 {
        let after = self.next_seq() - 1;
        if !topic.tape_events.cover(after) {
            return 0;
        }
        topic.tape_events.after(after).next().map_or(u64::MAX, |event| event.order)
    }

    /// The seq up to which it is due at its turn. In mode `trades`, quotes after the last trade wait for an interval.
    #[inline]
    pub fn due_to(&self, topic: &LocalTopic) -> u64 {
        let last_trade = || topic.tape_events.newest_after(self.cursor);
        let waits = self.mode == Mode::Trades && self.pace.has_interval();
        waits.then(last_trade).flatten().unwrap_or(topic.record.seq)
    }

    /// Mode `trades`: an order after the last tick sent and at most that of the next; 0 when none is known.
    pub fn order_after_cursor(&self, topic: &LocalTopic) -> u64 {
        if self.base != Base::None {
            return topic.record.order;
        }
        topic.tape_events.at(self.cursor).map_or(0, |event| event.order + 1)
    }

    /// Notes that it was sent the record as of `head`, as the base of later changes.
    #[inline]
    pub fn begin_at(&mut self, head: u64) {
        self.cursor = head;
        self.skipped = 0;
        self.lead = 0;
        self.base = Base::None;
    }
}

/// Skipped ticks that directly follow the cursor, as a `lead`. Saturates; more only cost a look at the ring.
#[inline]
pub(in crate::fanout) fn lead(skipped: u64) -> u32 {
    u32::try_from(skipped).unwrap_or(u32::MAX)
}
