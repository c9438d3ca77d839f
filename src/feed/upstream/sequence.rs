//! Each tick of a stream once and in its order, though it comes over two connections, twice, or out of order. Pure.
//!
//! What rises by one with each trade ([`Number::Counted`]) tells what is missing. A number that runs ahead waits for
//! those before it, for [`HOLD`] and [`HELD_MAX`] ticks at most; then they are a gap, which is told with its length. A
//! trade that comes after it was told missing is counted as late and is not delivered, since it would be out of order.
//!
//! Invariants: numbers that are delivered only rise, unless the venue begins its numbering again; what is not delivered
//! is counted as a duplicate, or told as a gap.

use std::{collections::VecDeque, time::Duration};

use super::venue::{Number, VenueTick};
use crate::tick::{Nanos, Tick};

/// The order of one stream's ticks.
#[derive(Default, Debug)]
pub struct Sequence {
    /// Of the last tick that was delivered.
    last: Option<u64>,
    /// The latest time of the venue's on a delivered tick: what is newer than it is no repetition.
    newest: Option<Nanos>,
    /// The last names, where they have no order.
    names: VecDeque<u64>,
    /// The link is new, and named ticks from before this time are repetitions: their names may be forgotten.
    repeats_before: Option<Nanos>,
    /// Ticks that run ahead, by their numbers.
    held: Vec<(u64, Tick)>,
    held_since: Nanos,
    /// Repetitions one after another, for numbering that began again without times.
    repeated: u32,
    /// The link is new: what is missing before its first tick will not come.
    is_fresh: bool,
}

/// What became of the ticks that were offered.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SequenceCounts {
    pub duplicates: u64,
    /// How often something was missing, and how many ticks.
    pub gaps: u64,
    pub missing: u64,
    /// The venue's numbering began again.
    pub restarts: u64,
}

/// How long a tick waits for those before it.
pub const HOLD: Duration = Duration::from_millis(250);
const HELD_MAX: usize = 256;
const NAMES_MAX: usize = 1_024;
/// How much older than the newest tick a named one may be behind a reconnect, when its name is not known.
const NAMED_LATE: Duration = Duration::from_secs(2);
/// So many repetitions in a row are numbering that began again.
const REPEATED_MAX: u32 = 128;

// === impl Sequence ===

impl Sequence {
    /// Takes a tick; appends what can be delivered.
    pub fn offer(&mut self, now: Nanos, tick: VenueTick, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        let VenueTick { tick, number, .. } = tick;
        match number {
            Number::None => out.push(tick),
            Number::Named(name) if self.names.contains(&name) || self.is_before_renewal(&tick) => {
                counts.duplicates += 1;
            }
            Number::Named(name) => {
                if self.names.len() >= NAMES_MAX {
                    self.names.pop_front();
                }
                self.names.push_back(name);
                self.newest = self.newest.max(tick.ts);
                out.push(tick);
            }
            Number::Rising(number) => {
                let last = self.last;
                if last.is_some_and(|last| number <= last && !self.restarts(number, last, &tick, counts)) {
                    counts.duplicates += 1;
                } else {
                    self.deliver(number, tick, out);
                }
            }
            Number::Counted(number) => self.count(now, number, tick, out, counts),
        }
    }

    fn count(
        &mut self,
        now: Nanos,
        number: u64,
        tick: Tick,
        out: &mut Vec<Tick>,
        counts: &mut SequenceCounts,
    ) {
        let Some(last) = self.last else { return self.deliver(number, tick, out) };
        if number <= last {
            if self.restarts(number, last, &tick, counts) {
                self.release(out, counts);
                self.deliver(number, tick, out);
            } else {
                counts.duplicates += 1;
            }
            return;
        }
        if number == last + 1 {
            self.deliver(number, tick, out);
            self.release_next(out);
        } else if self.is_fresh {
            counts.gaps += 1;
            counts.missing += number - last - 1;
            self.deliver(number, tick, out);
        } else {
            self.hold(now, number, tick, counts);
            if self.held.len() > HELD_MAX {
                self.release(out, counts);
            }
        }
    }

    fn hold(&mut self, now: Nanos, number: u64, tick: Tick, counts: &mut SequenceCounts) {
        match self.held.binary_search_by_key(&number, |(held, _)| *held) {
            Ok(_) => counts.duplicates += 1,
            Err(at) => {
                if self.held.is_empty() {
                    self.held_since = now;
                }
                self.held.insert(at, (number, tick));
            }
        }
    }

    /// When what waits is delivered without those before it.
    pub fn due(&self) -> Option<Nanos> {
        (!self.held.is_empty()).then(|| self.held_since.plus(HOLD))
    }

    /// Delivers what has waited long enough, and counts what is missing.
    pub fn expire(&mut self, now: Nanos, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        if self.due().is_some_and(|due| due <= now) {
            self.release(out, counts);
        }
    }

    /// Delivers all that waits: no link will bring what is missing.
    pub fn release(&mut self, out: &mut Vec<Tick>, counts: &mut SequenceCounts) {
        for (number, tick) in std::mem::take(&mut self.held) {
            if let Some(missing) = self.last.map(|last| number - last - 1).filter(|missing| *missing > 0) {
                counts.gaps += 1;
                counts.missing += missing;
            }
            self.deliver(number, tick, out);
        }
    }

    /// The stream comes over another link from now on, which brings nothing from before.
    pub fn renewed(&mut self) {
        self.is_fresh = true;
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
            Number::Named(name) => self.names.contains(&name),
            Number::Counted(number) | Number::Rising(number) => self.last.is_some_and(|last| number <= last),
        }
    }

    fn release_next(&mut self, out: &mut Vec<Tick>) {
        while let Some(&(number, _)) = self.held.first()
            && self.last.is_some_and(|last| number == last + 1)
        {
            let (number, tick) = self.held.remove(0);
            self.deliver(number, tick, out);
        }
    }

    fn deliver(&mut self, number: u64, tick: Tick, out: &mut Vec<Tick>) {
        (self.last, self.repeated, self.is_fresh) = (Some(number), 0, false);
        self.newest = self.newest.max(tick.ts);
        out.push(tick);
    }

    /// Whether a number that is not above the last one is of numbering that began again: it is newer by the venue's own
    /// clock, or repetitions do not end.
    fn restarts(&mut self, number: u64, last: u64, tick: &Tick, counts: &mut SequenceCounts) -> bool {
        self.repeated += 1;
        let is_newer = number < last && tick.ts.is_some() && self.newest.is_some() && tick.ts > self.newest;
        // With a time, a repetition is known as one however long it goes on.
        let restarts = is_newer || (tick.ts.is_none() && self.repeated > REPEATED_MAX);
        if restarts {
            counts.restarts += 1;
            self.newest = None;
        }
        restarts
    }
}

#[cfg(test)]
mod tests;
