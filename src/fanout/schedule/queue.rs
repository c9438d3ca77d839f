//! [`SendQueue`]: a session's FIFO of subscriptions that are behind, from which any can be removed.
//!
//! Each entry has a slot number, so removal needs no search: a client may resubscribe to thousands of symbols while all
//! of them wait for its socket. A removed entry leaves a hole, which is skipped later.
//!
//! Invariant: the first and the last entry are never holes, and there are fewer holes than half the entries plus
//! [`HOLES_SLACK`].

use std::collections::VecDeque;

/// Subscription keys, in order. An entry keeps its slot number until the queue is [compacted](Self::close_up).
#[derive(Default)]
pub(in crate::fanout) struct SendQueue {
    entries: VecDeque<u32>,
    /// The slot of the first entry; slot numbers wrap.
    first: u32,
    holes: u32,
}

/// The entry that stands for the session's every-mode queue.
pub(in crate::fanout) const EVERY_QUEUE: u32 = u32::MAX;
const HOLE: u32 = u32::MAX - 1;
/// The highest possible subscription key.
const KEY_MAX: u32 = HOLE - 1;
const HOLES_SLACK: usize = 16;

impl SendQueue {
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len() - self.holes as usize
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Appends an entry; returns its slot.
    #[inline]
    pub fn push_back(&mut self, key: u32) -> u32 {
        let slot = self.first.wrapping_add(self.entries.len() as u32);
        self.entries.push_back(key);
        slot
    }

    /// Prepends an entry; returns its slot.
    #[inline]
    pub fn push_front(&mut self, key: u32) -> u32 {
        self.first = self.first.wrapping_sub(1);
        self.entries.push_front(key);
        self.first
    }

    #[inline]
    pub fn pop_front(&mut self) -> Option<u32> {
        let key = self.entries.pop_front()?;
        self.first = self.first.wrapping_add(1);
        if self.holes > 0 {
            self.trim();
        }
        Some(key)
    }

    /// Removes the entry in this slot.
    pub fn remove(&mut self, slot: u32) {
        let at = slot.wrapping_sub(self.first) as usize;
        if let Some(entry) = self.entries.get_mut(at).filter(|entry| **entry != HOLE) {
            *entry = HOLE;
            self.holes += 1;
            self.trim();
        }
    }

    /// Whether the queue should be [compacted](Self::close_up).
    pub fn is_full_of_holes(&self) -> bool {
        self.holes as usize > self.entries.len() / 2 + HOLES_SLACK
    }

    /// Removes the holes; yields each entry with its new slot.
    pub fn close_up(&mut self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.entries.retain(|&key| key != HOLE);
        self.holes = 0;
        let first = self.first;
        self.entries.iter().zip(0u32..).map(move |(&key, at)| (key, first.wrapping_add(at)))
    }

    /// The subscriptions in it, without the every-mode entry.
    pub fn subs(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.iter().copied().filter(|&key| key <= KEY_MAX)
    }

    /// Whether `holds` is true for each subscription, and for `None` at the every-mode entry. Stops at the first
    /// `false`.
    pub fn all(&self, mut holds: impl FnMut(Option<u32>) -> bool) -> bool {
        // Two loops over one closure, so that its body is inlined.
        let (front, back) = self.entries.as_slices();
        for entries in [front, back] {
            for &key in entries {
                if key != HOLE && !holds((key <= KEY_MAX).then_some(key)) {
                    return false;
                }
            }
        }
        true
    }

    #[cfg(test)]
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.entries.iter().copied().filter(|&key| key != HOLE)
    }

    pub fn clear(&mut self) {
        self.entries.clear();
        self.holes = 0;
    }

    fn trim(&mut self) {
        while self.entries.front() == Some(&HOLE) {
            self.entries.pop_front();
            self.first = self.first.wrapping_add(1);
            self.holes -= 1;
        }
        while self.entries.back() == Some(&HOLE) {
            self.entries.pop_back();
            self.holes -= 1;
        }
    }

    #[cfg(test)]
    pub fn at(&self, slot: u32) -> Option<u32> {
        self.entries.get(slot.wrapping_sub(self.first) as usize).copied().filter(|&key| key != HOLE)
    }

    /// A deliberate fault, for tests.
    #[cfg(test)]
    pub fn spoil(&mut self, how: impl FnOnce(&mut VecDeque<u32>)) {
        let live: VecDeque<u32> = self.iter().collect();
        *self = SendQueue { entries: live, first: 0, holes: 0 };
        how(&mut self.entries);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Entries come out in order, without removed ones, also when slot numbers wrap; and the queue stays small.
        #[test]
        fn is_a_list_from_which_anything_can_be_taken(
            first in prop_oneof![Just(0u32), Just(u32::MAX - 3)], acts in prop::collection::vec((0u8..6, any::<prop::sample::Index>()), 1..300)
        ) {
            let mut queue = SendQueue { first, ..SendQueue::default() };
            let mut naive: VecDeque<(u32, u32)> = VecDeque::new();
            for (key, (act, which)) in (0u32..).zip(acts) {
                match act {
                    0 | 1 => {
                        let slot = queue.push_back(key);
                        naive.push_back((key, slot));
                    }
                    2 => {
                        let slot = queue.push_front(key);
                        naive.push_front((key, slot));
                    }
                    3 => prop_assert_eq!(queue.pop_front(), naive.pop_front().map(|(key, _)| key)),
                    _ if naive.is_empty() => {}
                    _ => {
                        let (_, slot) = naive.remove(which.index(naive.len())).unwrap();
                        queue.remove(slot);
                    }
                }
                if queue.is_full_of_holes() {
                    for ((key, slot), naive) in queue.close_up().zip(&mut naive) {
                        prop_assert_eq!(key, naive.0);
                        naive.1 = slot;
                    }
                }
                prop_assert!(queue.iter().eq(naive.iter().map(|&(key, _)| key)));
                prop_assert_eq!((queue.len(), queue.is_empty()), (naive.len(), naive.is_empty()));
                prop_assert!(queue.entries.len() <= 2 * naive.len() + 2 * HOLES_SLACK + 2);
            }
        }
    }
}
