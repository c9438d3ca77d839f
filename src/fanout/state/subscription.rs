//! One session's interest in one topic: the cursor, and what is to be sent next.
//!
//! Invariants: `cursor` never falls, except when a client comes back with another epoch;
//! `lead <= skipped <= head - cursor`.

use super::{LocalTopic, ViewId};
use crate::{
    fanout::{GapReason, Mode, View, pace::SendPace},
    tick::Nanos,
    topic::Detail,
};

/// Where a subscription is in the schedule.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum SubscriptionState {
    /// Not behind, except by ticks that have none of its fields.
    Idle,
    /// In its session's send queue (`latest`, `trades`, `once`) or every-mode queue (`every`).
    Queued,
    /// Behind, and waiting for the end of its interval, alone or in an interval group.
    Waiting,
}

pub(in crate::fanout) struct Subscription {
    /// The last seq that was sent, or that the subscription began at.
    pub cursor: u64,
    /// Ticks after the cursor that had none of its fields; they are recorded as filtered already.
    pub skipped: u64,
    /// Not to be sent before this, when it has an interval; 0 when nothing was sent with that interval yet.
    pub due: Nanos,
    /// When the oldest tick that it is behind by was received.
    pub since: Nanos,
    pub session: u32,
    pub topic: u32,
    /// Its index in the topic's list.
    pub slot: u32,
    /// Its slot in the session's send queue, or its index in the every-mode queue, while it is queued.
    pub queued: u32,
    pub pace: SendPace,
    /// Where history is read: how many of the skipped ticks come right after the cursor. The tick after them is sent
    /// next.
    pub lead: u32,
    pub view: ViewId,
    pub mode: Mode,
    pub state: SubscriptionState,
    pub base: Base,
    pub claim: Claim,
}

/// Each client of many symbols has many of these.
const _: () = assert!(size_of::<Subscription>() <= 64);

/// What the next message must be, before changes make sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum Base {
    /// The client has one.
    None,
    /// The record as it is, as a snapshot: the client has nothing.
    Record,
    /// The current record, in place of the ticks since the last message, because `set` has changed the subscription.
    Again,
}

/// What a client says that it has, until it was sent something. Those after `Told` were sent nothing yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::fanout) enum Claim {
    /// It was sent something.
    None,
    /// It had a claim, and was sent something, but no tick: the reason of a gap is still `resume`.
    Told,
    /// Nothing.
    New,
    /// Ticks up to the cursor: the reason of a gap now is `resume`.
    Resumed,
    /// Ticks of another epoch: everything up to the snapshot is announced as a gap.
    OtherEpoch,
}

impl Claim {
    /// Whether the client claims nothing.
    #[inline]
    pub fn is_none(self) -> bool {
        matches!(self, Claim::None | Claim::New)
    }

    /// Whether the client was sent nothing yet.
    #[inline]
    pub fn is_first(self) -> bool {
        self > Claim::Told
    }

    /// Once it is caught up. Ticks without a wanted field may have been all that it was behind by.
    #[inline]
    pub fn caught_up(self) -> Claim {
        if self.is_first() { Claim::New } else { Claim::None }
    }
}

impl Subscription {
    /// Whether the message that is written now is its first one.
    #[inline]
    pub fn takes_first(&mut self) -> bool {
        let is_first = self.claim.is_first();
        if is_first {
            self.claim = if self.claim == Claim::New { Claim::None } else { Claim::Told };
        }
        is_first
    }

    /// What it needs of a batch.
    pub fn needs(&self) -> Detail {
        self.mode.needs(!self.view.has_every_field())
    }

    /// Whether it is sent ticks one by one, or must count those that it is not sent.
    #[inline]
    pub fn reads_ticks(&self) -> bool {
        self.mode == Mode::Every || (self.mode == Mode::Trades && !self.view.has_every_field())
    }

    /// Whether it is a subscription of this topic in mode `trades`, to every field, that waits for its interval.
    pub fn holds_quotes_of(&self, topic: u32) -> bool {
        let waits = self.state == SubscriptionState::Waiting && self.mode == Mode::Trades;
        waits && self.topic == topic && self.view.has_every_field()
    }

    /// Whether it is an idle subscription to every field of this topic: the next tick makes it fall behind.
    #[inline]
    pub fn is_idle_on(&self, topic: u32) -> bool {
        self.state == SubscriptionState::Idle && self.topic == topic && self.view.has_every_field()
    }

    /// Whether it is due every tick after the cursor: it was sent something, or has waited since before the first tick.
    #[inline]
    pub fn has_begun(&self) -> bool {
        self.base != Base::Record || (self.cursor == 0 && self.claim.is_none())
    }

    /// Whether its ticks are merged, and a cancel or a correction among them must not be. What `once` asks for by
    /// itself is a snapshot, which merges nothing.
    pub fn is_told_corrections(&self) -> bool {
        match self.mode {
            Mode::Latest | Mode::Trades => self.has_begun(),
            Mode::Once => self.base == Base::Again,
            Mode::Every => false,
        }
    }

    /// Why ticks that the ring no longer has are lost to it.
    pub fn gap_reason(&self) -> GapReason {
        if self.claim.is_none() { GapReason::Slow } else { GapReason::Resume }
    }

    /// The first seq that may have to be sent.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.cursor + 1 + u64::from(self.lead)
    }

    /// The next tick that is to be sent, as an index into the topic's recent ticks; none when it is older than those.
    /// `view` is its own.
    #[inline]
    pub fn next_recent(&self, topic: &LocalTopic, view: &View) -> Option<usize> {
        let oldest = topic.recent.first()?.seq;
        let first = usize::try_from(self.next_seq().checked_sub(oldest)?).ok()?;
        let mut ticks = topic.recent.get(first..)?.iter();
        ticks.position(|tick| view.wants(tick)).map(|index| first + index)
    }

    /// The order, among the ticks of all topics, of the next one that is to be sent; 0, which is before all others,
    /// when it is no longer among the recent ticks. `view` is its own.
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

    /// The order of the next trade that is to be sent; 0 when it is no longer kept, and the last of all when there is
    /// none.
    fn next_trade_order(&self, topic: &LocalTopic) -> u64 {
        let after = self.next_seq() - 1;
        if !topic.tape_events.cover(after) {
            return 0;
        }
        topic.tape_events.after(after).next().map_or(u64::MAX, |event| event.order)
    }

    /// The seq up to which it is due, when its turn comes. In mode `trades` quotes behind the last trade wait for an
    /// interval.
    #[inline]
    pub fn due_to(&self, topic: &LocalTopic) -> u64 {
        let last_trade = || topic.tape_events.newest_after(self.cursor);
        let waits = self.mode == Mode::Trades && self.pace.has_interval();
        waits.then(last_trade).flatten().unwrap_or(topic.record.seq)
    }

    /// Mode `trades`: an order beyond that of the last tick that was sent, and not beyond that of the next; 0 when none
    /// is known.
    pub fn order_after_cursor(&self, topic: &LocalTopic) -> u64 {
        if self.base != Base::None {
            return topic.record.order;
        }
        topic.tape_events.at(self.cursor).map_or(0, |event| event.order + 1)
    }

    /// It was sent the record as of `head`: changes make sense from there on.
    #[inline]
    pub fn begin_at(&mut self, head: u64) {
        self.cursor = head;
        self.skipped = 0;
        self.lead = 0;
        self.base = Base::None;
    }
}

/// Skipped ticks right after the cursor, as a `lead`. More of them than it can count cost a look at the ring, no more.
#[inline]
pub(in crate::fanout) fn lead(skipped: u64) -> u32 {
    u32::try_from(skipped).unwrap_or(u32::MAX)
}
