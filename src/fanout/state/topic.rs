//! A topic as one shard sees it: its record, its newest ticks, and its subscriptions. Older ticks are in the market's
//! ring.
//!
//! Invariant: each subscription is in `plain` or in `masked`, at the index that its `slot` says.

use std::time::Duration;

use super::TapeEvents;
use crate::{
    access::ProductId,
    planted::{Fault, is_planted},
    tick::{Nanos, State, Symbol},
    topic::{Image, Plane, Record, Stamped, Store, ToldState, TopicId},
};

/// In place of the local topic of a symbol without subscriptions here.
pub(in crate::fanout) const UNWATCHED: u32 = u32::MAX;

/// A symbol that has subscriptions here, or had some.
pub(in crate::fanout) struct LocalTopic {
    pub symbol: Symbol,
    /// By which its messages are counted.
    pub product: ProductId,
    pub plane: Plane,
    /// How much later than in real time it is shown, in milliseconds; 0 in real time.
    pub delay_ms: u32,
    /// Of delayed ones: what became due by other delays before these is not taken in any more.
    pub rule: u32,
    /// `None` until the symbol is listed.
    pub market: Option<TopicId>,
    pub record: Record,
    pub state: State,
    /// What its feed told of it last: then neither time nor ticks decide.
    pub told: Option<ToldState>,
    /// Subscriptions to every field: each tick concerns all of them.
    pub plain: Vec<u32>,
    /// Idle ones among the plain subscriptions, each at least once, so that a batch walks over these and not over all.
    /// Also keys of subscriptions that are no longer idle, or gone, which are skipped.
    pub idle: Vec<u32>,
    /// Subscriptions to some fields: each tick is compared with the fields of each of them.
    pub masked: Vec<u32>,
    /// How many subscriptions read its ticks one by one, and how many read the records at its tape events.
    pub tick_readers: u32,
    pub tape_readers: u32,
    /// How many of those that read its history are behind.
    pub readers_behind: u32,
    /// The newest ticks, while a subscription may need them one by one.
    pub recent: Vec<Stamped>,
    /// The records at the newest trades, while a subscription in mode `trades` may need them.
    pub tape_events: TapeEvents,
    /// Subscriptions in mode `trades`, to every field, that wait for an interval: a trade ends it. Each at least once;
    /// also keys of subscriptions that no longer wait, or are gone, which are skipped.
    pub held: Vec<u32>,
    /// Its ticks in the present batch, and when the first of them was received.
    pub fresh: u64,
    pub fresh_rx: Nanos,
}

/// Takes the next tick into a record.
#[inline]
pub(in crate::fanout) fn advance(record: &mut Record, tick: &Stamped) {
    tick.advance(record);
}

impl LocalTopic {
    /// Whether a cancel or correction would be merged away in a message that stands for all ticks after a cursor. One
    /// of the last tick may be: then it is read for nothing, and only when that tick is not alone.
    #[inline]
    pub fn hides_correction(&self, cursor: u64) -> bool {
        self.record.corrected_at > cursor
            && self.record.seq > cursor + 1
            && !is_planted(Fault::MergesCorrection)
    }

    pub fn new(symbol: Symbol) -> Self {
        LocalTopic {
            symbol,
            product: ProductId::REST,
            plane: Plane::RealTime,
            delay_ms: 0,
            rule: 0,
            market: None,
            record: Record::default(),
            state: State::Pending,
            told: None,
            plain: Vec::new(),
            idle: Vec::new(),
            masked: Vec::new(),
            tick_readers: 0,
            tape_readers: 0,
            readers_behind: 0,
            recent: Vec::new(),
            tape_events: TapeEvents::default(),
            held: Vec::new(),
            fresh: 0,
            fresh_rx: Nanos::default(),
        }
    }

    /// Of the delayed market.
    pub fn delayed(symbol: Symbol, delay_ms: u32, rule: u32) -> Self {
        LocalTopic { plane: Plane::Delayed, delay_ms, rule, ..LocalTopic::new(symbol) }
    }

    #[inline]
    pub fn is_delayed(&self) -> bool {
        self.plane == Plane::Delayed
    }

    /// When what was received then could first be shown here.
    pub fn due(&self, rx: Nanos) -> Nanos {
        if self.delay_ms == 0 { rx } else { rx.plus(Duration::from_millis(u64::from(self.delay_ms))) }
    }

    /// As the market has it now.
    pub fn image(&self, market: TopicId, store: &impl Store) -> Image {
        match self.plane {
            Plane::RealTime => store.image(market),
            Plane::Delayed => store.delayed_image(market),
        }
    }

    /// Takes a tick into the record, and among the recent ticks when any subscription may need it there.
    #[inline]
    pub fn apply(&mut self, tick: &Stamped, recent_ticks: usize) {
        advance(&mut self.record, tick);
        if self.tick_readers > 0 {
            if self.recent.len() >= recent_ticks {
                self.recent.drain(..recent_ticks / 2);
            }
            self.recent.push(tick.clone());
        }
    }

    /// As [`Store::history`], up to the record here; the store is not asked for recent ticks.
    pub fn history(&self, from: u64, max: usize, store: &impl Store, out: &mut Vec<Stamped>) -> u64 {
        if self.is_delayed() {
            // The market's ring is ahead of it.
            return u64::MAX;
        }
        let oldest = self.recent.first().map_or(u64::MAX, |tick| tick.seq);
        if let Some(first) = from.checked_sub(oldest).and_then(|first| usize::try_from(first).ok()) {
            out.extend(self.recent.iter().skip(first).take(max).cloned());
            return oldest;
        }
        self.market.map_or(u64::MAX, |market| store.history(market, from, self.record.seq, max, out))
    }

    pub fn subscribers(&self) -> impl Iterator<Item = u32> + '_ {
        self.plain.iter().chain(&self.masked).copied()
    }

    /// Whether a subscription here must see each of its ticks.
    pub fn wants_ticks(&self) -> bool {
        self.tick_readers > 0 || !self.masked.is_empty()
    }

    /// As [`TapeEvents::push`], for the record as it is.
    pub fn keep_tape_event(&mut self, most: usize) {
        let seen = self.record.seq - self.fresh;
        self.tape_events.push(&self.record, seen, self.readers_behind > 0, most);
    }

    /// Whether the records after a batch may not be enough for a subscription here.
    #[inline]
    pub fn needs_more(&self) -> bool {
        self.tape_readers > 0 || self.wants_ticks()
    }

    pub fn has_subscribers(&self) -> bool {
        !self.plain.is_empty() || !self.masked.is_empty()
    }
}
