//! A session's subscriptions, by topic.
//!
//! A sorted vector is the smallest map, and the fastest one for the few hundred subscriptions that most sessions have. An
//! insertion into the middle of a hundred thousand would move half a megabyte, so a large map is a tree.

use std::collections::BTreeMap;

/// (topic, subscription), in order of the topics.
#[derive(Debug)]
pub(in crate::fanout) enum SubscriptionMap {
    Few(Vec<(u32, u32)>),
    Many(BTreeMap<u32, u32>),
}

/// A larger vector becomes a tree, and a tree of less than a quarter of it a vector.
const FEW_MAX: usize = 1024;

impl SubscriptionMap {
    pub fn len(&self) -> usize {
        match self {
            SubscriptionMap::Few(few) => few.len(),
            SubscriptionMap::Many(many) => many.len(),
        }
    }

    pub fn find(&self, topic: u32) -> Option<u32> {
        match self {
            SubscriptionMap::Few(few) => {
                few.binary_search_by_key(&topic, |&(topic, _)| topic).ok().map(|at| few[at].1)
            }
            SubscriptionMap::Many(many) => many.get(&topic).copied(),
        }
    }

    /// The first whose topic is not below this one.
    pub fn next_from(&self, topic: u32) -> Option<(u32, u32)> {
        match self {
            SubscriptionMap::Few(few) => few.get(few.partition_point(|&(held, _)| held < topic)).copied(),
            SubscriptionMap::Many(many) => many.range(topic..).next().map(|(&topic, &key)| (topic, key)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let (few, many) = match self {
            SubscriptionMap::Few(few) => (&few[..], None),
            SubscriptionMap::Many(many) => (&[][..], Some(many)),
        };
        few.iter().copied().chain(many.into_iter().flatten().map(|(&topic, &key)| (topic, key)))
    }

    /// The topic must not be in the map.
    pub fn insert(&mut self, topic: u32, key: u32) {
        match self {
            SubscriptionMap::Few(few) => {
                few.insert(few.partition_point(|&(held, _)| held < topic), (topic, key));
                if few.len() > FEW_MAX {
                    *self = SubscriptionMap::Many(few.drain(..).collect());
                }
            }
            SubscriptionMap::Many(many) => drop(many.insert(topic, key)),
        }
    }

    pub fn remove(&mut self, topic: u32) {
        match self {
            SubscriptionMap::Few(few) => {
                if let Ok(at) = few.binary_search_by_key(&topic, |&(topic, _)| topic) {
                    few.remove(at);
                }
                if few.is_empty() {
                    *few = Vec::new();
                }
            }
            SubscriptionMap::Many(many) => {
                many.remove(&topic);
                if many.len() < FEW_MAX / 4 {
                    *self = SubscriptionMap::Few(self.iter().collect());
                }
            }
        }
    }

    /// Takes out the one with the highest topic.
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

        /// However many there are, they are found, and are in order.
        #[test]
        fn few_and_many_are_the_same(
            topics in prop::collection::hash_set(0u32..5_000, 0..2_500), gone in prop::collection::vec(0u32..5_000, 0..5_000)
        ) {
            let (mut subs, mut expected) = (SubscriptionMap::default(), BTreeMap::new());
            for &topic in &topics {
                subs.insert(topic, topic + 7);
                expected.insert(topic, topic + 7);
            }
            let same = |subs: &SubscriptionMap, expected: &BTreeMap<u32, u32>| {
                let all = subs.iter().eq(expected.iter().map(|(&topic, &key)| (topic, key)));
                let next = |from| expected.range(from..).next().map(|(&topic, &key)| (topic, key));
                all && subs.len() == expected.len()
                    && (0..5_000).step_by(97).all(|from| subs.next_from(from) == next(from) && subs.find(from) == expected.get(&from).copied())
            };
            prop_assert!(same(&subs, &expected));
            for topic in gone {
                subs.remove(topic);
                expected.remove(&topic);
            }
            prop_assert!(same(&subs, &expected));
        }
    }
}
