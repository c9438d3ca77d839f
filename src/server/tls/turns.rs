//! [`Turns`]: which handshake is worked on next: round robin over addresses; within one, started handshakes first.
//! Pure.
//!
//! So a client waits for at most one piece of work of each other address, however many handshakes that has. A flood of
//! `ClientHello`s from one address delays only itself.

use std::{
    collections::{HashMap, VecDeque},
    hash::Hash,
};

/// The kind of a piece of work.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flight {
    /// Its `ClientHello`.
    First,
    /// The client's answer; its handshake holds memory until it is finished.
    Later,
}

/// Pending work of clients with addresses of type `K`.
pub struct Turns<K, T> {
    /// Addresses with work, each once; the first is next.
    ring: VecDeque<K>,
    waiting: HashMap<K, Waiting<T>>,
}

/// The work of one address, in order of arrival.
struct Waiting<T> {
    later: VecDeque<T>,
    first: VecDeque<T>,
}

impl<K, T> Default for Turns<K, T> {
    fn default() -> Self {
        Turns { ring: VecDeque::new(), waiting: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, T> Turns<K, T> {
    pub fn push(&mut self, address: K, flight: Flight, work: T) {
        let waiting = self.waiting.entry(address).or_insert_with(|| {
            self.ring.push_back(address);
            Waiting { later: VecDeque::new(), first: VecDeque::new() }
        });
        match flight {
            Flight::First => waiting.first.push_back(work),
            Flight::Later => waiting.later.push_back(work),
        }
    }

    /// The next piece of work.
    pub fn pop(&mut self) -> Option<T> {
        let address = self.ring.pop_front()?;
        let waiting = self.waiting.get_mut(&address)?;
        let work = waiting.later.pop_front().or_else(|| waiting.first.pop_front());
        if waiting.later.is_empty() && waiting.first.is_empty() {
            self.waiting.remove(&address);
        } else {
            self.ring.push_back(address);
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// All work comes once, and between two turns of an address each other one has at most one.
        #[test]
        fn addresses_come_by_turns_and_each_piece_once(
            steps in prop::collection::vec(prop::option::weighted(0.7, (0_u8..5, any::<bool>())), 0..200),
        ) {
            let mut turns = Turns::default();
            // Address, flight and number of what waits; turns of others since an address had one, or got work.
            let mut waiting: Vec<(u8, bool, usize)> = Vec::new();
            let mut since = [[0; 5]; 5];
            let ends = std::iter::repeat_n(None, steps.len());
            for (number, step) in steps.iter().copied().chain(ends).enumerate() {
                if let Some((address, is_later)) = step {
                    if waiting.iter().all(|(of, ..)| *of != address) {
                        since[usize::from(address)] = [0; 5];
                    }
                    waiting.push((address, is_later, number));
                    let flight = if is_later { Flight::Later } else { Flight::First };
                    turns.push(address, flight, (address, is_later, number));
                    continue;
                }
                let Some(next) = turns.pop() else {
                    prop_assert!(waiting.is_empty());
                    continue;
                };
                let of = |work: &&(u8, bool, usize)| work.0 == next.0;
                let first = waiting.iter().filter(of).min_by_key(|work| (!work.1, work.2));
                prop_assert_eq!(first, Some(&next), "of one address, who has begun, and then who came first");
                waiting.retain(|work| *work != next);
                since[usize::from(next.0)] = [0; 5];
                let others: BTreeSet<u8> = waiting.iter().map(|work| work.0).filter(|of| *of != next.0).collect();
                for other in others {
                    let had = &mut since[usize::from(other)][usize::from(next.0)];
                    *had += 1;
                    prop_assert!(*had <= 1, "{} had two turns while {} waited", next.0, other);
                }
            }
            prop_assert!(waiting.is_empty() && turns.ring.is_empty() && turns.waiting.is_empty());
        }
    }
}
