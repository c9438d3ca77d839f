//! Each tick of a stream once and in its order, though it comes over two connections, twice, or out of order. Pure.
//!
//! What rises by one with each trade ([`Number::Counted`]) tells what is missing. A number that runs ahead waits for
//! those before it, for [`HOLD`] and [`HELD_MAX`] ticks at most; then they are a gap, which is told with its length. The
//! first of a stream waits too, since those before it may be on their way. A trade that comes after it was told missing is
//! late: it is delivered as one that counts in the volume, the high and the low, and is not the last trade. What stands for
//! a span of numbers ([`Number::Spanned`]) waits as well, once spans have been seen to join. A name with a place
//! ([`Number::Placed`]) tells nothing of what is missing: it never waits, and is late when it is behind the last.
//!
//! Invariants: numbers that are delivered only rise, but for late ones, and unless the venue begins its numbering again;
//! what is not delivered is counted as a duplicate, or told as a gap.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use foldhash::fast::FixedState;

use super::{
    missing::MissingNumbers,
    venue::{Number, VenueTick},
};
use crate::tick::{Affects, Nanos, Tick};

/// The order of one stream's ticks.
#[derive(Default, Debug)]
pub struct Sequence {
    /// Of the last tick that was delivered.
    last: Option<u64>,
    /// The latest time of the venue's on a delivered tick: what is newer than it is not a repetition.
    newest: Option<Nanos>,
    /// The last names, where they have no order.
    names: LastNames,
    /// The link is new, and named ticks from before this time are repetitions: their names may be forgotten.
    repeats_before: Option<Nanos>,
    /// Ticks that run ahead, by their numbers.
    held: Vec<HeldTick>,
    /// What was told missing.
    missing: MissingNumbers,
    /// Repetitions one after another, for numbering that began again without times.
    repeated: u32,
    /// Spans one after another that joined.
    joined: u32,
}

/// A tick that waits, since when, and the numbers that it stands for.
#[derive(Debug)]
struct HeldTick {
    since: Nanos,
    first: u64,
    number: u64,
    tick: Tick,
}

/// The last [`NAMES_MAX`] names.
#[derive(Default, Debug)]
struct LastNames {
    known: HashSet<u64, FixedState>,
    /// The oldest first, each with the place of its tick, or [`NOWHERE`].
    order: VecDeque<(u64, u64)>,
    /// The highest place of a name that is not known any more.
    forgotten: u64,
}

/// What became of the ticks that were offered.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SequenceCounts {
    pub duplicates: u64,
    /// How often something was missing, and how many ticks.
    pub gaps: u64,
    pub missing: u64,
    /// Of these, what came after all.
    pub late: u64,
    /// The venue's numbering began again.
    pub restarts: u64,
}

/// How long a tick waits for those before it.
pub const HOLD: Duration = Duration::from_millis(250);
const HELD_MAX: usize = 256;
const NAMES_MAX: usize = 1_024;
/// The most names of one place, which nothing else tells apart.
const NAMES_OF_PLACE_MAX: usize = 16_384;
/// No place.
const NOWHERE: u64 = 0;
/// How much older than the newest tick a named one may be behind a reconnect, when its name is not known.
const NAMED_LATE: Duration = Duration::from_secs(2);
/// After so many spans that joined, one that does not join the last is taken as running ahead.
const JOINED_MIN: u32 = 8;
/// So many repetitions in a row are numbering that began again.
const REPEATED_MAX: u32 = 128;

// === impl Sequence ===

impl Sequence {
    /// Takes a tick; appends what can be delivered.
    pub fn offer(&mut self, now: Nanos, tick: VenueTick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        let VenueTick { tick, number, .. } = tick;
        match number {
            Number::None => out.push(tick),
            Number::Named(name) if self.names.known.contains(&name) || self.is_before_renewal(&tick) => {
                counts.duplicates += 1;
            }
            Number::Named(name) => {
                self.names.insert(name, NOWHERE);
                self.newest = self.newest.max(tick.ts);
                out.push(tick);
            }
            Number::Placed { name, .. } if self.names.known.contains(&name) => counts.duplicates += 1,
            Number::Placed { name, place } => self.place(name, place, tick, out, counts),
            Number::Rising(number) => {
                let last = self.last;
                if last.is_some_and(|last| number <= last && !self.restarts(number, last, &tick, counts)) {
                    counts.duplicates += 1;
                } else {
                    self.deliver(number, tick, out);
                }
            }
            Number::Counted(number) => {
                self.joined = JOINED_MIN;
                self.count(HeldTick { since: now, first: number, number, tick }, out, counts);
            }
            Number::Spanned { first, number } => {
                let first = first.min(number);
                self.count(HeldTick { since: now, first, number, tick }, out, counts);
            }
        }
    }

    /// A name that is not known, of a tick with a place. Whether any is missing before it nobody knows, so none waits; one
    /// that is behind the last is late.
    fn place(&mut self, name: u64, place: u64, tick: Tick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        if self.last.is_some_and(|last| place < last) {
            if !self.is_newer(&tick) {
                if place <= self.names.forgotten {
                    counts.duplicates += 1;
                    return;
                }
                self.repeated += 1;
                if self.repeated <= REPEATED_MAX {
                    self.names.insert(name, place);
                    self.deliver_late(tick, out, counts);
                    return;
                }
            }
            counts.restarts += 1;
            self.newest = None;
            self.names.forget_places();
        }
        self.names.insert(name, place);
        self.deliver(place, tick, out);
    }

    fn count(&mut self, tick: HeldTick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        let HeldTick { first, number, .. } = tick;
        let Some(last) = self.last else { return self.hold(tick, out, counts) };
        if number <= last {
            if self.missing.take(number) {
                self.deliver_late(tick.tick, out, counts);
            } else if self.restarts(number, last, &tick.tick, counts) {
                self.release(out, counts);
                self.missing.clear();
                self.deliver(number, tick.tick, out);
            } else {
                counts.duplicates += 1;
            }
        } else if first <= last.saturating_add(1) {
            self.joined = self.joined.saturating_add(1);
            self.deliver(number, tick.tick, out);
            self.release_next(out);
        } else if self.joined >= JOINED_MIN {
            self.hold(tick, out, counts);
        } else {
            // Whether anything is missing is not known.
            self.joined = 0;
            self.missing.add(last + 1, first - 1);
            self.deliver(number, tick.tick, out);
        }
    }

    fn hold(&mut self, tick: HeldTick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        match self.held.binary_search_by_key(&tick.number, |held| held.number) {
            Ok(_) => counts.duplicates += 1,
            Err(at) => self.held.insert(at, tick),
        }
        if self.held.len() > HELD_MAX {
            self.release_first(1, out, counts);
        }
    }

    /// When what waits is delivered without those before it.
    pub fn due(&self) -> Option<Nanos> {
        self.held.iter().map(|held| held.since.plus(HOLD)).min()
    }

    /// Whether a tick waits.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Delivers what has waited long enough, and counts what is missing.
    pub fn expire(&mut self, now: Nanos, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        if let Some(at) = self.held.iter().rposition(|held| held.since.plus(HOLD) <= now) {
            self.release_first(at + 1, out, counts);
        }
    }

    /// Delivers all that waits: no link will bring what is missing.
    pub fn release(&mut self, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        self.release_first(self.held.len(), out, counts);
    }

    /// Delivers so many of those that wait without those before them, and what follows these.
    fn release_first(&mut self, count: usize, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        let rest = self.held.split_off(count);
        for HeldTick { first, number, tick, .. } in std::mem::replace(&mut self.held, rest) {
            if let Some(last) = self.last.filter(|last| first > last.saturating_add(1)) {
                counts.gaps += 1;
                counts.missing += first - last - 1;
                self.missing.add(last + 1, first - 1);
                self.joined = 0;
            } else {
                self.joined = self.joined.saturating_add(1);
            }
            self.deliver(number, tick, out);
        }
        self.release_next(out);
    }

    /// The stream comes over another link from now on.
    pub fn renewed(&mut self) {
        self.repeated = 0;
        self.repeats_before =
            self.newest.map(|newest| Nanos(newest.0.saturating_sub(NAMED_LATE.as_nanos() as i64)));
    }

    /// Whether a named tick is one that a new link repeats, by its time. A tick that is not as old ends the repetitions.
    fn is_before_renewal(&mut self, tick: &Tick) -> bool {
        let (Some(before), Some(ts)) = (self.repeats_before, tick.ts) else { return false };
        let is_before = ts < before;
        if !is_before && self.newest.is_none_or(|newest| ts > newest) {
            self.repeats_before = None;
        }
        is_before
    }

    /// Whether this number, or one after it, was delivered.
    pub fn has_reached(&self, number: Number) -> bool {
        match number {
            Number::None => false,
            Number::Named(name) => self.names.known.contains(&name),
            Number::Placed { name, place } => {
                self.names.known.contains(&name) || self.last.is_some_and(|last| place < last)
            }
            Number::Counted(number) | Number::Rising(number) | Number::Spanned { number, .. } => {
                self.last.is_some_and(|last| number <= last)
            }
        }
    }

    fn release_next(&mut self, out: &mut Vec<Tick>) {
        let Some(mut last) = self.last else { return };
        let joins = |held: &&HeldTick| {
            let joins = held.first <= last.saturating_add(1);
            last = held.number;
            joins
        };
        let count = self.held.iter().take_while(joins).count();
        let rest = self.held.split_off(count);
        for HeldTick { number, tick, .. } in std::mem::replace(&mut self.held, rest) {
            self.deliver(number, tick, out);
        }
    }

    /// One that was told missing.
    fn deliver_late(&mut self, mut tick: Tick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        counts.late += 1;
        self.newest = self.newest.max(tick.ts);
        tick.fields.limit_trade(Affects::HIGH_LOW.with(Affects::VOLUME));
        out.push(tick);
    }

    fn deliver(&mut self, number: u64, tick: Tick, out: &mut Vec<Tick>) {
        (self.last, self.repeated) = (Some(number), 0);
        self.newest = self.newest.max(tick.ts);
        out.push(tick);
    }

    /// Whether a tick is newer than all that were delivered, by the venue's own clock.
    fn is_newer(&self, tick: &Tick) -> bool {
        tick.ts.is_some() && self.newest.is_some() && tick.ts > self.newest
    }

    /// Whether a number that is not above the last one is of numbering that began again: it is newer by the venue's own
    /// clock, or repetitions do not end.
    fn restarts(&mut self, number: u64, last: u64, tick: &Tick, counts: &mut SequenceCounts) -> bool {
        self.repeated += 1;
        let is_newer = number < last && self.is_newer(tick);
        // With a time, a repetition is known as one however long it goes on.
        let restarts = is_newer || (tick.ts.is_none() && self.repeated > REPEATED_MAX);
        if restarts {
            counts.restarts += 1;
            self.newest = None;
        }
        restarts
    }
}

// === impl LastNames ===

impl LastNames {
    /// Takes a name that is not known, and forgets the oldest where there are too many.
    fn insert(&mut self, name: u64, place: u64) {
        while self.order.len() >= NAMES_MAX
            && let Some(&(oldest, of)) = self.order.front()
        {
            if of == place && place != NOWHERE && self.order.len() < NAMES_OF_PLACE_MAX {
                break;
            }
            self.order.pop_front();
            self.known.remove(&oldest);
            self.forgotten = self.forgotten.max(of);
        }
        self.known.insert(name);
        self.order.push_back((name, place));
    }

    /// Places begin again.
    fn forget_places(&mut self) {
        self.order.iter_mut().for_each(|(_, place)| *place = NOWHERE);
        self.forgotten = NOWHERE;
    }
}

#[cfg(test)]
mod tests;
