//! A session's subscriptions by topic. A topic may have several, with different names.
//!
//! A sorted vector is the smallest map, and the fastest for the few hundred subscriptions of most sessions. Inserting
//! into one of a hundred thousand entries would move half a megabyte, so a large map is a tree.

use std::collections::BTreeSet;

/// (topic, subscription) keys, sorted.
#[derive(Debug)]
pub(in crate::fanout) enum SubscriptionMap {
    Few(Vec<(u32, u32)>),
    Many(BTreeSet<(u32, u32)>),
}

/// A larger vector becomes a tree; a tree below a quarter of this becomes a vector.
const FEW_MAX: usize = 1024;

impl SubscriptionMap {
    pub fn len(&self) -> usize {
        match self {
            SubscriptionMap::Few(few) => few.len(),
            SubscriptionMap::Many(many) => many.len(),
        }
    }

    /// The subscriptions to one topic.
    #[inline]
    pub fn of(&self, topic: u32) -> impl Iterator<Item = u32> + '_ {
        self.from((topic, 0)).take_while(move |&(held, _)| held == topic).map(|(_, key)| key)
    }

    /// The first entry at or after this one.
    pub fn next_from(&self, at: (u32, u32)) -> Option<(u32, u32)> {
        self.from(at).next()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.from((0, 0))
    }

    #[inline]
    fn from(&self, at: (u32, u32)) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (few, many) = match self {
            SubscriptionMap::Few(few) => (&few[few.partition_point(|&held| held < at)..], None),
            SubscriptionMap::Many(many) => (&[][..], Some(many.range(at..))),
        };
        few.iter().chain(many.into_iter().flatten()).copied()
    }

    pub fn insert(&mut self, topic: u32, key: u32) {
        match self {
            SubscriptionMap::Few(few) => {
                few.insert(few.partition_point(|&held| held < (topic, key)), (topic, key));
                if few.len() > FEW_MAX {
                    *self = SubscriptionMap::Many(few.drain(..).collect());
                }
            }
            SubscriptionMap::Many(many) => drop(many.insert((topic, key))),
        }
    }

    pub fn remove(&mut self, topic: u32, key: u32) {
        match self {
            SubscriptionMap::Few(few) => {
                if let Ok(at) = few.binary_search(&(topic, key)) {
                    few.remove(at);
                }
                if few.is_empty() {
                    *few = Vec::new();
                }
            }
            SubscriptionMap::Many(many) => {
                many.remove(&(topic, key));
                if many.len() < FEW_MAX / 4 {
                    *self = SubscriptionMap::Few(self.iter().collect());
                }
            }
        }
    }

    /// Removes and returns an entry of the highest topic.
    pub fn pop_last(&mut self) -> Option<(u32, u32)> {
        match self {
            SubscriptionMap::Few(few) => few.pop(),
            SubscriptionMap::Many(many) => many.pop_last(),
        }
    }

    pub fn shrink_to_fit(&mut self) {
        if let SubscriptionMap::Few(few) = self {
            few.shrink_to_fit();
        }
    }
}

impl Default for SubscriptionMap {
    fn default() -> Self {
        SubscriptionMap::Few(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 20, ..ProptestConfig::default() })]

        /// In either form, all entries are found, in order.
        #[test]
        fn few_and_many_are_the_same(
            held in prop::collection::hash_set((0u32..2_000, 0u32..4), 0..2_500),
            gone in prop::collection::vec((0u32..2_000, 0u32..4), 0..5_000),
        ) {
            let (mut subs, mut expected) = (SubscriptionMap::default(), BTreeSet::new());
            for &(topic, key) in &held {
                subs.insert(topic, key);
                expected.insert((topic, key));
            }
            let same = |subs: &SubscriptionMap, expected: &BTreeSet<(u32, u32)>| {
                let of = |topic| expected.range((topic, 0)..(topic + 1, 0)).map(|&(_, key)| key);
                let next = |from| expected.range((from, 2)..).next().copied();
                subs.iter().eq(expected.iter().copied()) && subs.len() == expected.len()
                    && (0..2_000).step_by(7).all(|from| subs.next_from((from, 2)) == next(from) && subs.of(from).eq(of(from)))
            };
            prop_assert!(same(&subs, &expected));
            for (topic, key) in gone {
                subs.remove(topic, key);
                expected.remove(&(topic, key));
            }
            prop_assert!(same(&subs, &expected));
        }
    }
}
