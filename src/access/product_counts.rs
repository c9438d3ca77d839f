//! Counts of what was sent, by product: the quote meter.
//!
//! Invariant: without products it is one number, and owns no memory.

/// A product, by its place among the configured ones.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ProductId(u8);

/// How many messages, events or answers, by product.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ProductCounts {
    /// Of the symbols that no configured product has.
    rest: u64,
    /// Of configured ones, as far as they have any.
    named: Vec<u64>,
}

// === impl ProductId ===

impl ProductId {
    /// Of the symbols that no configured product has.
    pub const REST: ProductId = ProductId(0);

    /// The configured product at this place.
    pub fn named(place: usize) -> Self {
        ProductId(u8::try_from(place + 1).unwrap_or_default())
    }

    /// Its place among the configured ones.
    pub fn place(self) -> Option<usize> {
        usize::from(self.0).checked_sub(1)
    }
}

// === impl ProductCounts ===

impl ProductCounts {
    #[inline]
    pub fn add(&mut self, product: ProductId, count: u64) {
        match product.place() {
            None => self.rest += count,
            Some(place) => {
                if place >= self.named.len() {
                    self.named.resize(place + 1, 0);
                }
                self.named[place] += count;
            }
        }
    }

    #[inline]
    pub fn add_all(&mut self, more: &ProductCounts) {
        self.rest += more.rest;
        if !more.named.is_empty() {
            self.add_named(more);
        }
    }

    fn add_named(&mut self, more: &ProductCounts) {
        if self.named.len() < more.named.len() {
            self.named.resize(more.named.len(), 0);
        }
        for (count, more) in self.named.iter_mut().zip(&more.named) {
            *count += more;
        }
    }

    /// Begins anew, with the memory that it has.
    #[inline]
    pub fn clear(&mut self) {
        self.rest = 0;
        self.named.clear();
    }

    /// Products of which there is something.
    pub fn iter(&self) -> impl Iterator<Item = (ProductId, u64)> + '_ {
        let named = self.named.iter().enumerate().map(|(place, &count)| (ProductId::named(place), count));
        std::iter::once((ProductId::REST, self.rest)).chain(named).filter(|&(_, count)| count > 0)
    }

    pub fn sum(&self) -> u64 {
        self.rest + self.named.iter().sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn counts_are_those_of_a_table(adds in prop::collection::vec((0..9_usize, 0..5_u64, any::<bool>()), 0..50)) {
            let (mut counts, mut table) = (ProductCounts::default(), BTreeMap::<ProductId, u64>::new());
            for (at, count, as_one) in adds {
                let product = at.checked_sub(1).map_or(ProductId::REST, ProductId::named);
                if as_one {
                    counts.add(product, count);
                } else {
                    let mut more = ProductCounts::default();
                    more.add(product, count);
                    counts.add_all(&more);
                }
                *table.entry(product).or_default() += count;
            }
            table.retain(|_, count| *count > 0);
            prop_assert_eq!(counts.sum(), table.values().sum::<u64>());
            prop_assert_eq!(counts.iter().collect::<BTreeMap<_, _>>(), table);
        }
    }
}
