//! [`LocalTopic`]: a topic as its shard sees it, with its record, recent ticks and subscriptions. Older ticks are in
//! the market's ring.
//!
//! Invariant: each subscription is in `plain` or in `masked`, at the index in its `slot`.

use std::time::Duration;

use super::TapeEvents;
use crate::{
    access::ProductId,
    planted::{Fault, is_planted},
    tick::{Nanos, State, Symbol},
    topic::{Image, Plane, Record, Stamped, Store, ToldState, TopicId},
};

/// Marks a symbol without subscriptions on this shard.
pub(in crate::fanout) const UNWATCHED: u32 = u32::MAX;

/// A symbol with subscriptions on this shard, now or earlier.
pub(in crate::fanout) struct LocalTopic {
    pub symbol: Symbol,
    /// The product by which its messages are counted.
    pub product: ProductId,
    pub plane: Plane,
    /// Delay in milliseconds; 0 in real time.
    pub delay_ms: u32,
    /// Delayed topics: version of the delay rules; batches due under earlier rules are ignored.
    pub rule: u32,
    /// `None` until the symbol is listed.
    pub market: Option<TopicId>,
    pub record: Record,
    pub state: State,
    /// The last state reported by the feed; it overrides ticks and their age.
    pub told: Option<ToldState>,
    /// Subscriptions to every field: each tick matters to all of them.
    pub plain: Vec<u32>,
    /// The idle ones of `plain`, each at least once, so that a batch need not walk all. May hold keys that are no
    /// longer idle, or gone; these are skipped.
    pub idle: Vec<u32>,
    /// Subscriptions with chosen fields: each tick is matched against each of them.
    pub masked: Vec<u32>,
    /// How many subscriptions read single ticks, and how many read tape events.
    pub tick_readers: u32,
    pub tape_readers: u32,
    /// How many of those that read history are behind.
    pub readers_behind: u32,
    /// Recent ticks, kept while a subscription may need them singly.
    pub recent: Vec<Stamped>,
    /// Records at recent tape events, kept while a subscription in mode `trades` may need them.
    pub tape_events: TapeEvents,
    /// Subscriptions to every field in mode `trades` that wait for an interval, which a trade ends. Each at least once;
    /// may hold keys that no longer wait, or are gone, which are skipped.
    pub held: Vec<u32>,
    /// The number of its ticks in the current batch, and the receive time of the first.
    pub fresh: u64,
    pub fresh_rx: Nanos,
}

/// Applies the next tick to a record.
#[inline]
pub(in crate::fanout) fn advance(record: &mut Record, tick: &Stamped) {
    tick.advance(record);
}

impl LocalTopic {
    /// Whether conflating all ticks after a cursor would hide a cancel or correction. One in the last tick counts
    /// unless that tick is alone; then history is read for nothing.
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

    /// A topic of the delayed market.
    pub fn delayed(symbol: Symbol, delay_ms: u32, rule: u32) -> Self {
        LocalTopic { plane: Plane::Delayed, delay_ms, rule, ..LocalTopic::new(symbol) }
    }

    #[inline]
    pub fn is_delayed(&self) -> bool {
        self.plane == Plane::Delayed
    }

    /// The earliest time at which a tick with this receive time can be shown here.
    pub fn due(&self, rx: Nanos) -> Nanos {
        if self.delay_ms == 0 { rx } else { rx.plus(Duration::from_millis(u64::from(self.delay_ms))) }
    }

    /// The topic's current image in its market, real time or delayed.
    pub fn image(&self, market: TopicId, store: &impl Store) -> Image {
        match self.plane {
            Plane::RealTime => store.image(market),
            Plane::Delayed => store.delayed_image(market),
        }
    }

    /// Applies a tick to the record, and adds it to the recent ticks if a subscription may need it.
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

    /// As [`Store::history`], up to the record here; recent ticks are served without the store.
    pub fn history(&self, from: u64, max: usize, store: &impl Store, out: &mut Vec<Stamped>) -> u64 {
        if self.is_delayed() {
            // The market's ring is ahead of this record.
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

    /// Whether a subscription here must see each tick.
    pub fn wants_ticks(&self) -> bool {
        self.tick_readers > 0 || !self.masked.is_empty()
    }

    /// As [`TapeEvents::push`], for the current record.
    pub fn keep_tape_event(&mut self, most: usize) {
        let seen = self.record.seq - self.fresh;
        self.tape_events.push(&self.record, seen, self.readers_behind > 0, most);
    }

    /// Whether some subscription may need more than the records after a batch.
    #[inline]
    pub fn needs_more(&self) -> bool {
        self.tape_readers > 0 || self.wants_ticks()
    }

    pub fn has_subscribers(&self) -> bool {
        !self.plain.is_empty() || !self.masked.is_empty()
    }
}
