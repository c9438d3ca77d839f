//! [`KeptHandshakes`]: a bounded set of running handshakes, and which one is dropped for a new one. Pure.
//!
//! Loss: one more than `most` drops the oldest of the address with the most handshakes; among equal addresses, the one
//! with the oldest handshake. So a flooding client drops its own, and a distributed flood leaves each client the time
//! in which `most` others start. The newest is never dropped, so no client waits for room.
//!
//! Invariants: at most `most` are kept. While counts differ, no address loses a handshake if it has fewer than another.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap},
    hash::Hash,
};

/// Handshakes by addresses of type `K`, each with an item of type `T`.
pub struct KeptHandshakes<K, T> {
    most: usize,
    begun: u64,
    total: usize,
    /// By address, each in starting order.
    of: HashMap<K, BTreeMap<u64, T>>,
    /// Dropping order, last first: the most handshakes, then the oldest.
    order: BTreeSet<(usize, Reverse<u64>, K)>,
}

impl<K: Copy + Eq + Ord + Hash, T> KeptHandshakes<K, T> {
    pub fn new(most: usize) -> Self {
        let (of, order) = (HashMap::new(), BTreeSet::new());
        KeptHandshakes { most: most.max(1), begun: 0, total: 0, of, order }
    }

    pub fn count(&self) -> usize {
        self.total
    }

    /// Keeps one more handshake; returns its number, and the item dropped for it.
    pub fn begin(&mut self, address: K, item: T) -> (u64, Option<T>) {
        self.begun += 1;
        let number = self.begun;
        self.change(address, |all| all.insert(number, item));
        self.total += 1;
        let dropped = if self.total > self.most { self.drop_one() } else { None };
        (number, dropped)
    }

    /// Removes a finished handshake; `None` if it was dropped before.
    pub fn end(&mut self, address: K, number: u64) -> Option<T> {
        let ended = self.change(address, |all| all.remove(&number))?;
        self.total -= 1;
        Some(ended)
    }

    fn drop_one(&mut self) -> Option<T> {
        let &(_, Reverse(oldest), address) = self.order.last()?;
        self.end(address, oldest)
    }

    /// Changes the handshakes of an address, and updates its place in the order.
    fn change<R>(&mut self, address: K, change: impl FnOnce(&mut BTreeMap<u64, T>) -> R) -> R {
        let rank = |all: &BTreeMap<u64, T>| Some((all.len(), Reverse(*all.first_key_value()?.0), address));
        let all = self.of.entry(address).or_default();
        let before = rank(all);
        let result = change(all);
        let after = rank(all);
        if all.is_empty() {
            self.of.remove(&address);
        }
        if let Some(before) = before {
            self.order.remove(&before);
        }
        self.order.extend(after);
        result
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a handshake of an address does.
    #[derive(Clone, Debug)]
    enum Step {
        Begin(u8),
        /// The one at this place, counted round, is done.
        End(usize),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => prop_oneof![3 => Just(0_u8), 2 => 1_u8..6].prop_map(Step::Begin),
            1 => any::<usize>().prop_map(Step::End),
        ];
        prop::collection::vec(step, 0..200)
    }

    proptest! {
        #[test]
        fn the_oldest_of_the_address_with_the_most_goes_and_nobody_else(most in 1_usize..12, steps in steps()) {
            let mut kept = KeptHandshakes::new(most);
            // Address and number, in the order in which they have begun.
            let mut model: Vec<(u8, u64)> = Vec::new();
            for (step, token) in steps.into_iter().zip(0_u64..) {
                match step {
                    Step::Begin(address) => {
                        let (number, dropped) = kept.begin(address, token);
                        model.push((address, number));
                        let count = |of: u8| model.iter().filter(|(address, _)| *address == of).count();
                        let expected = (model.len() > most).then(|| {
                            let largest = model.iter().map(|(address, _)| count(*address)).max().unwrap();
                            model.iter().position(|(address, _)| count(*address) == largest).unwrap()
                        });
                        prop_assert_eq!(dropped.is_some(), expected.is_some());
                        if let Some(at) = expected {
                            let (of, gone) = model.remove(at);
                            prop_assert!(gone != number, "who has just begun stays");
                            prop_assert_eq!(kept.end(of, gone), None, "it has gone already");
                        }
                    }
                    Step::End(at) if !model.is_empty() => {
                        let (address, number) = model.remove(at % model.len());
                        prop_assert!(kept.end(address, number).is_some());
                    }
                    Step::End(_) => {}
                }
                prop_assert_eq!(kept.count(), model.len());
                prop_assert!(kept.count() <= most);
            }
            for (address, number) in model {
                prop_assert!(kept.end(address, number).is_some());
            }
            prop_assert!(kept.of.is_empty() && kept.order.is_empty(), "nothing is left of who has gone");
        }

        /// A client that keeps to its share of the room loses nothing, whatever the others do.
        #[test]
        fn who_has_no_more_than_its_share_loses_none(
            most in 1_usize..40,
            floods in prop::collection::vec(1_u8..5, 0..400),
            when in prop::collection::vec(0_usize..400, 1..8),
        ) {
            let mut kept = KeptHandshakes::new(most);
            let share = most / 5;
            let mut own = Vec::new();
            for (at, flood) in floods.into_iter().enumerate() {
                if when.contains(&at) && own.len() < share {
                    own.push(kept.begin(0, true).0);
                }
                prop_assert_ne!(kept.begin(flood, false).1, Some(true));
            }
            for number in own {
                prop_assert_eq!(kept.end(0, number), Some(true));
            }
        }
    }
}
