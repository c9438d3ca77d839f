//! Order books: every open order, the total at each price, and changes at the top.
//!
//! Invariants: the shares at a price are the sum of its open orders'; a price without shares is removed; a refused
//! change changes nothing.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use crate::tick::Symbol;

/// The books of all instruments of a feed: `K` identifies an order, `P` is a price in the feed's units.
pub struct OrderBook<K = u64, P = u32> {
    orders: HashMap<K, BookOrder<P>, foldhash::fast::RandomState>,
    /// By the feed's number of the instrument.
    instruments: Vec<Option<Instrument<P>>>,
}

struct Instrument<P> {
    symbol: Symbol,
    /// Shares by price.
    bids: BTreeMap<P, u64>,
    asks: BTreeMap<P, u64>,
}

/// An open order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BookOrder<P = u32> {
    /// The feed's number of the instrument.
    pub locate: u16,
    pub bid: bool,
    /// In the feed's units.
    pub price: P,
    pub shares: u32,
}

/// A price and the shares there.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct BookLevel<P = u32> {
    pub price: P,
    pub shares: u64,
}

/// The new top of each side that changed; no shares when the side is empty.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Top<P = u32> {
    pub bid: Option<BookLevel<P>>,
    pub ask: Option<BookLevel<P>>,
}

/// A day of all of Nasdaq has some two million at once; this limit is some 700 megabytes.
const ORDERS_MAX: usize = 1 << 24;

// === impl OrderBook ===

impl<K, P> Default for OrderBook<K, P> {
    fn default() -> Self {
        OrderBook { orders: HashMap::default(), instruments: Vec::new() }
    }
}

impl<K: Copy + Eq + Hash, P: Copy + Ord + Default> OrderBook<K, P> {
    /// Gives an instrument its name.
    pub fn name(&mut self, locate: u16, symbol: Symbol) {
        let place = usize::from(locate);
        if self.instruments.len() <= place {
            self.instruments.resize_with(place + 1, || None);
        }
        match &mut self.instruments[place] {
            Some(instrument) if instrument.symbol == symbol => {}
            Some(instrument) => instrument.symbol = symbol,
            none => {
                *none = Some(Instrument { symbol, bids: BTreeMap::new(), asks: BTreeMap::new() });
            }
        }
    }

    pub fn symbol(&self, locate: u16) -> Option<&Symbol> {
        Some(&self.instruments.get(usize::from(locate))?.as_ref()?.symbol)
    }

    pub fn get(&self, reference: K) -> Option<BookOrder<P>> {
        self.orders.get(&reference).copied()
    }

    /// `None` when the order exists already, its instrument has no name, or there are too many.
    pub fn add(&mut self, reference: K, order: BookOrder<P>) -> Option<Top<P>> {
        if self.orders.len() >= ORDERS_MAX || self.orders.contains_key(&reference) {
            return None;
        }
        let top = self.change(order, |shares| shares + u64::from(order.shares))?;
        self.orders.insert(reference, order);
        Some(top)
    }

    /// Removes shares, and the order when none are left. `None` when it does not exist or has fewer.
    pub fn reduce(&mut self, reference: K, shares: u32) -> Option<Top<P>> {
        let order = self.orders.get_mut(&reference)?;
        let left = order.shares.checked_sub(shares)?;
        let taken = *order;
        order.shares = left;
        if left == 0 {
            self.orders.remove(&reference);
        }
        self.change(taken, |sum| sum.saturating_sub(u64::from(shares)))
    }

    /// `None` when the order does not exist.
    pub fn remove(&mut self, reference: K) -> Option<Top<P>> {
        let order = self.orders.remove(&reference)?;
        self.change(order, |sum| sum.saturating_sub(u64::from(order.shares)))
    }

    /// Replaces an order by another on its side. `None` when it does not exist, or the other one does.
    pub fn replace(&mut self, reference: K, other: K, shares: u32, price: P) -> Option<Top<P>> {
        let order = self.get(reference)?;
        if other != reference && self.orders.contains_key(&other) {
            return None;
        }
        let before = self.best(order)?;
        self.remove(reference)?;
        self.add(other, BookOrder { price, shares, ..order })?;
        let after = self.best(order)?;
        Some(changed(order.bid, before, after))
    }

    /// Empties an instrument's book. Its orders stay under their keys, which must not be used again.
    #[cfg(feature = "dbn")]
    pub fn clear(&mut self, locate: u16) -> Option<Top<P>> {
        let instrument = self.instruments.get_mut(usize::from(locate))?.as_mut()?;
        let (bid, ask) = (instrument.best(true), instrument.best(false));
        instrument.bids.clear();
        instrument.asks.clear();
        let gone = |before: BookLevel<P>| (before != BookLevel::default()).then(BookLevel::default);
        Some(Top { bid: gone(bid), ask: gone(ask) })
    }

    /// Changes the shares at an order's price.
    fn change(&mut self, order: BookOrder<P>, sum: impl FnOnce(u64) -> u64) -> Option<Top<P>> {
        let instrument = self.instruments.get_mut(usize::from(order.locate))?.as_mut()?;
        let before = instrument.best(order.bid);
        let side = instrument.side(order.bid);
        let shares = sum(side.get(&order.price).copied().unwrap_or(0));
        if shares == 0 {
            side.remove(&order.price);
        } else {
            side.insert(order.price, shares);
        }
        Some(changed(order.bid, before, instrument.best(order.bid)))
    }

    fn best(&self, order: BookOrder<P>) -> Option<BookLevel<P>> {
        Some(self.instruments.get(usize::from(order.locate))?.as_ref()?.best(order.bid))
    }
}

fn changed<P: Copy + PartialEq>(bid: bool, before: BookLevel<P>, after: BookLevel<P>) -> Top<P> {
    let level = (before != after).then_some(after);
    if bid { Top { bid: level, ask: None } } else { Top { bid: None, ask: level } }
}

// === impl Instrument ===

impl<P: Copy + Ord + Default> Instrument<P> {
    fn side(&mut self, bid: bool) -> &mut BTreeMap<P, u64> {
        if bid { &mut self.bids } else { &mut self.asks }
    }

    /// The highest bid or the lowest ask; no shares when there is none.
    fn best(&self, bid: bool) -> BookLevel<P> {
        let best = if bid { self.bids.last_key_value() } else { self.asks.first_key_value() };
        best.map_or(BookLevel::default(), |(&price, &shares)| BookLevel { price, shares })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One change, with small numbers so that changes collide.
    #[derive(Clone, Debug)]
    enum BookOp {
        Add(u64, bool, u32, u32),
        Reduce(u64, u32),
        Remove(u64),
        Replace(u64, u64, u32, u32),
    }

    fn op() -> impl Strategy<Value = BookOp> {
        let (reference, price, shares) = (0u64..12, 1u32..6, 1u32..5);
        prop_oneof![
            (reference.clone(), any::<bool>(), price.clone(), shares.clone())
                .prop_map(|(reference, bid, price, shares)| BookOp::Add(reference, bid, price, shares)),
            (reference.clone(), shares.clone())
                .prop_map(|(reference, shares)| BookOp::Reduce(reference, shares)),
            reference.clone().prop_map(BookOp::Remove),
            (reference.clone(), reference, shares, price)
                .prop_map(|(old, new, shares, price)| BookOp::Replace(old, new, shares, price)),
        ]
    }

    /// The best of a list of orders, by linear search.
    fn naive(orders: &BTreeMap<u64, BookOrder>, bid: bool) -> BookLevel {
        let side = || orders.values().filter(|order| order.bid == bid);
        let prices = side().map(|order| order.price);
        let best = if bid { prices.max() } else { prices.min() };
        let Some(price) = best else { return BookLevel::default() };
        let shares = side().filter(|order| order.price == price).map(|order| u64::from(order.shares)).sum();
        BookLevel { price, shares }
    }

    fn apply_naively(orders: &mut BTreeMap<u64, BookOrder>, op: &BookOp) -> bool {
        match *op {
            BookOp::Add(reference, bid, price, shares) => {
                let new = !orders.contains_key(&reference);
                if new {
                    orders.insert(reference, BookOrder { locate: 1, bid, price, shares });
                }
                new
            }
            BookOp::Reduce(reference, shares) => match orders.get_mut(&reference) {
                Some(order) if order.shares >= shares => {
                    order.shares -= shares;
                    orders.retain(|_, order| order.shares > 0);
                    true
                }
                _ => false,
            },
            BookOp::Remove(reference) => orders.remove(&reference).is_some(),
            BookOp::Replace(old, new, shares, price) => match orders.get(&old).copied() {
                Some(order) if old == new || !orders.contains_key(&new) => {
                    orders.remove(&old);
                    orders.insert(new, BookOrder { price, shares, ..order });
                    true
                }
                _ => false,
            },
        }
    }

    proptest! {
        /// After every change the top is that of all orders and is returned, and a refused change has no effect.
        #[test]
        fn the_top_is_that_of_all_open_orders(ops in proptest::collection::vec(op(), 1..60)) {
            let (mut book, mut orders) = (OrderBook::<u64, u32>::default(), BTreeMap::new());
            book.name(1, Symbol::new("A").unwrap());
            for op in &ops {
                let before = (naive(&orders, true), naive(&orders, false));
                let top = match *op {
                    BookOp::Add(reference, bid, price, shares) =>
                        book.add(reference, BookOrder { locate: 1, bid, price, shares }),
                    BookOp::Reduce(reference, shares) => book.reduce(reference, shares),
                    BookOp::Remove(reference) => book.remove(reference),
                    BookOp::Replace(old, new, shares, price) => book.replace(old, new, shares, price),
                };
                prop_assert_eq!(top.is_some(), apply_naively(&mut orders, op), "{:?}", op);
                let after = (naive(&orders, true), naive(&orders, false));
                if let Some(top) = top {
                    prop_assert_eq!(top.bid, (before.0 != after.0).then_some(after.0), "{:?}", op);
                    prop_assert_eq!(top.ask, (before.1 != after.1).then_some(after.1), "{:?}", op);
                }
            }
        }
    }
}
