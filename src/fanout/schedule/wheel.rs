//! A timing wheel for intervals: slots of one millisecond, in place of a timer per subscription.
//!
//! Entries are not cancelled: when one fires, its owner checks that it is still valid.
//!
//! Invariant: an entry fires at the first `advance` at or after its due time, never earlier.

use crate::{fanout::Units, tick::Nanos};

const SLOTS: i64 = SLOTS_COUNT as i64;
const SLOTS_COUNT: usize = 1024;
const SLOT_NANOS: i64 = 1_000_000;
/// Cost of checking whether an entry is still valid.
const ENTRY_UNITS: usize = 2;

pub(in crate::fanout) struct Wheel<K> {
    slots: Vec<Vec<WheelEntry<K>>>,
    /// The slot number, not wrapped, that `advance` visits next.
    next: i64,
    entries: usize,
    /// The slot, wrapped, at which `sweep` continues.
    swept: usize,
}

#[derive(Clone, Copy)]
struct WheelEntry<K> {
    due: Nanos,
    key: K,
}

impl<K: Copy + Ord> Wheel<K> {
    pub fn new(now: Nanos) -> Self {
        Wheel {
            slots: vec![Vec::new(); SLOTS_COUNT],
            next: now.0.div_euclid(SLOT_NANOS),
            entries: 0,
            swept: 0,
        }
    }

    pub fn insert(&mut self, key: K, due: Nanos) {
        let slot = slot_of(due).max(self.next);
        self.slots[index(slot)].push(WheelEntry { due, key });
        self.entries += 1;
    }

    /// Appends the entries that are due to `fired`, with their due times.
    pub fn advance(&mut self, now: Nanos, fired: &mut Vec<(K, Nanos)>) {
        let last = now.0.div_euclid(SLOT_NANOS);
        if self.entries == 0 {
            self.next = last.max(self.next);
            return;
        }
        // After a pause longer than one turn of the wheel, visit each slot once.
        let first = self.next.max(last - SLOTS + 1);
        for slot in first..=last {
            let entries = &mut self.slots[index(slot)];
            let before = entries.len();
            entries.retain(|entry| {
                if entry.due <= now {
                    fired.push((entry.key, entry.due));
                }
                entry.due > now
            });
            self.entries -= before - entries.len();
            if entries.is_empty() && entries.capacity() > 64 {
                entries.shrink_to(16);
            }
        }
        // Visit the slot of `now` again: it may hold entries due later in the same millisecond.
        self.next = last.max(self.next);
    }

    pub fn len(&self) -> usize {
        self.entries
    }

    #[cfg(test)]
    pub fn entries(&self) -> impl Iterator<Item = (K, Nanos)> + '_ {
        self.slots.iter().flatten().map(|entry| (entry.key, entry.due))
    }

    /// Removes invalid entries and duplicates, slot by slot as far as the units last. The next call continues from
    /// there.
    pub fn sweep(&mut self, units: &mut Units, is_valid: impl Fn(K, Nanos) -> bool) {
        for _ in 0..self.slots.len() {
            if units.is_spent() {
                break;
            }
            let entries = &mut self.slots[self.swept];
            self.swept = (self.swept + 1) % SLOTS_COUNT;
            let before = entries.len();
            units.spend(1 + ENTRY_UNITS * before);
            entries.retain(|entry| is_valid(entry.key, entry.due));
            entries.sort_unstable_by_key(|entry| (entry.due, entry.key));
            entries.dedup_by_key(|entry| (entry.due, entry.key));
            entries.shrink_to(2 * entries.len());
            self.entries -= before - entries.len();
        }
    }

    /// A lower bound for the next due time, later than the last `advance`; `None` when the wheel is empty.
    pub fn next_due(&self) -> Option<Nanos> {
        if self.entries == 0 {
            return None;
        }
        let turn = self.next..self.next + SLOTS;
        let due_in = |slot: i64| {
            let limit = Nanos((slot + 1) * SLOT_NANOS);
            self.slots[index(slot)].iter().map(|entry| entry.due).filter(|&due| due < limit).min()
        };
        turn.clone().find_map(due_in).or(Some(Nanos(turn.end * SLOT_NANOS)))
    }
}

fn slot_of(due: Nanos) -> i64 {
    due.0.div_euclid(SLOT_NANOS)
}

fn index(slot: i64) -> usize {
    usize::try_from(slot.rem_euclid(SLOTS)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fires_what_a_sorted_list_fires(
            start in 0i64..5_000_000_000,
            steps in prop::collection::vec((0i64..4_000_000_000, prop::collection::vec(0i64..6_000_000_000, 0..4)), 0..40),
        ) {
            let mut now = Nanos(start);
            let mut wheel = Wheel::new(now);
            let mut waiting: Vec<(u32, Nanos)> = Vec::new();
            let mut key = 0;
            for (step, inserts) in steps {
                for delay in inserts {
                    let due = Nanos(now.0 + delay);
                    wheel.insert(key, due);
                    waiting.push((key, due));
                    key += 1;
                }
                let earliest = waiting.iter().map(|&(_, due)| due).min();
                match (wheel.next_due(), earliest) {
                    (Some(next), Some(earliest)) => prop_assert!(next <= earliest.max(now)),
                    (next, earliest) => prop_assert_eq!(next, earliest),
                }
                now = Nanos(now.0 + step);
                let mut fired = Vec::new();
                wheel.advance(now, &mut fired);
                fired.sort_unstable();
                let mut expected: Vec<_> = waiting.iter().copied().filter(|&(_, due)| due <= now).collect();
                expected.sort_unstable();
                prop_assert_eq!(fired, expected);
                waiting.retain(|&(_, due)| due > now);
                prop_assert!(wheel.next_due().is_none_or(|next| next > now));
            }
        }
    }
}
