//! Of which products somebody could read anything: the access that is held, whether it is used or not.
//!
//! Only patterns are compared, whatever symbols there are. So a product is held where a symbol of it may be listed later,
//! and one of which every symbol belongs to products before it is left out only where one pattern says so.

use compact_str::CompactString;

use super::{
    product_counts::ProductId,
    products::Products,
    rights::{Rights, SymbolPatterns},
};
use crate::tick::Glob;

impl Products {
    /// The names of the products of which these rights allow anything, in real time or delayed.
    pub fn held(&self, rights: &Rights) -> Vec<CompactString> {
        let mut held = vec![false; self.len()];
        for patterns in [&rights.read, &rights.delayed] {
            for symbol in patterns.names() {
                held[self.id_of(symbol).place().unwrap_or(self.len() - 1)] = true;
            }
            for glob in patterns.globs() {
                self.hold(glob, &mut held);
            }
        }
        let places = 0..self.len() - 1;
        let ids = places.map(ProductId::named).chain([ProductId::REST]);
        ids.zip(held).filter(|(_, is_held)| *is_held).map(|(id, _)| self.name(id).clone()).collect()
    }

    /// Marks the products of symbols that this pattern may match; the last one is that of all others.
    fn hold(&self, glob: &Glob, held: &mut [bool]) {
        for (product, held) in self.named().iter().zip(held.iter_mut()) {
            *held |= product.symbols.overlaps(glob);
            if product.symbols.covers(glob) {
                return;
            }
        }
        if let Some(rest) = held.last_mut() {
            *rest = true;
        }
    }
}

impl SymbolPatterns {
    fn overlaps(&self, glob: &Glob) -> bool {
        self.globs().iter().any(|own| own.overlaps(glob))
            || self.names().iter().any(|name| glob.matches(name))
    }

    fn covers(&self, glob: &Glob) -> bool {
        self.globs().iter().any(|own| own.covers(glob))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::access::Product;

    fn patterns(texts: &[&str]) -> SymbolPatterns {
        SymbolPatterns::new(texts.iter().copied()).unwrap()
    }

    #[test]
    fn products_are_held_where_a_pattern_may_match_a_symbol_of_them() {
        let product = |name, symbols: &[&str]| Product::new(name, patterns(symbols), Duration::ZERO);
        let named = vec![
            product("hkg", &["XHKG.*"]),
            product("x", &["X*"]),
            product("two", &["AAPL", "MSFT"]),
            product("us", &["*.US"]),
        ];
        let products = Products::new(named, Duration::ZERO);
        let check = |read: &[&str], delayed: &[&str], expected: &str| {
            let rights = Rights { read: patterns(read), delayed: patterns(delayed), ..Rights::default() };
            assert_eq!(products.held(&rights).join(" "), expected, "{read:?} {delayed:?}");
        };
        check(&[], &[], "");
        check(&["*"], &[], "hkg x two us default");
        check(&["XHKG.7*"], &[], "hkg");
        check(&["X*"], &[], "hkg x");
        check(&["XNAS.A"], &["AAPL"], "x two");
        check(&["A*"], &[], "two us default");
        check(&["B"], &[], "default");
        check(&["B*.US"], &["XHKG.1"], "hkg us");
        let of_rest = Products::default();
        assert_eq!(of_rest.held(&Rights { read: patterns(&["A"]), ..Rights::default() }), ["default"]);
    }
}
