//! Products: which symbols are reported together, and how they are shown to whoever may only read them delayed.
//!
//! Venues license data by product. Each has its delay, the fields that may be shown with it, and the notice that must stand
//! beside it. A symbol is of the first product whose patterns match it, and of [`DEFAULT_PRODUCT`] where none does.
//!
//! Invariant: a symbol has one product, so it has one delay.

use std::{sync::Arc, time::Duration};

use compact_str::CompactString;

use super::{authority::DELAY, product_counts::ProductId, rights::SymbolPatterns};
use crate::{
    audit::DEFAULT_PRODUCT,
    tick::{CustomFields, Symbol, WantedFields},
};

/// Symbols that are reported together, and shown alike when they are shown later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Product {
    /// As the usage audit has it.
    pub name: CompactString,
    pub symbols: SymbolPatterns,
    /// How much later than in real time its symbols are shown delayed.
    pub delay: Duration,
    /// The names of the fields that are shown delayed; `None` for all that the token allows.
    pub fields: Option<Vec<CompactString>>,
    /// What must be shown beside delayed data.
    pub notice: Option<Arc<str>>,
}

/// All products, in the order in which they are asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Products {
    named: Vec<Product>,
    rest: Product,
}

/// The most products that may be configured: each is asked in turn when a subscription begins.
pub const PRODUCTS_MAX: usize = 64;
const _: () = assert!(PRODUCTS_MAX < u8::MAX as usize, "a product is a byte");
/// The longest name of a product, and the longest notice, in bytes.
pub const PRODUCT_NAME_BYTES_MAX: usize = 64;
pub const NOTICE_BYTES_MAX: usize = 512;

// === impl Product ===

impl Product {
    /// Of a name and patterns, with the delay of all others.
    pub fn new(name: &str, symbols: SymbolPatterns, delay: Duration) -> Self {
        Product { name: name.into(), symbols, delay, fields: None, notice: None }
    }

    /// The delay as messages have it.
    pub fn delay_ms(&self) -> u32 {
        u32::try_from(self.delay.as_millis()).unwrap_or(u32::MAX)
    }

    /// The fields that are shown delayed. A name that this service does not have shows nothing.
    pub fn delayed_fields(&self, table: &CustomFields) -> WantedFields {
        let Some(names) = &self.fields else { return WantedFields::ALL };
        let known = names
            .iter()
            .fold(WantedFields::NONE, |fields, name| fields.with_name(name, table).unwrap_or(fields));
        known.normal(table)
    }
}

// === impl Products ===

impl Products {
    /// `delay`: of the symbols that no product has.
    pub fn new(named: Vec<Product>, delay: Duration) -> Self {
        Products { named, rest: Product::new(DEFAULT_PRODUCT, SymbolPatterns::all(), delay) }
    }

    /// The product of a symbol.
    #[inline]
    pub fn of(&self, symbol: &Symbol) -> &Product {
        self.get(self.id_of(symbol))
    }

    #[inline]
    pub fn id_of(&self, symbol: &Symbol) -> ProductId {
        let place = self.named.iter().position(|product| product.symbols.matches(symbol));
        place.map_or(ProductId::REST, ProductId::named)
    }

    pub fn get(&self, product: ProductId) -> &Product {
        product.place().and_then(|place| self.named.get(place)).unwrap_or(&self.rest)
    }

    /// The place of a symbol's product in [`Self::all`].
    pub fn place(&self, symbol: &Symbol) -> usize {
        self.id_of(symbol).place().unwrap_or(self.named.len())
    }

    /// Those that are configured, and that of all other symbols.
    pub fn all(&self) -> impl Iterator<Item = &Product> {
        self.named.iter().chain([&self.rest])
    }

    /// Whether both have the same products of the same symbols, which are perhaps shown otherwise.
    pub fn are_of_same_symbols(&self, others: &Products) -> bool {
        let is_same =
            |(one, other): (&Product, &Product)| one.name == other.name && one.symbols == other.symbols;
        self.named.len() == others.named.len() && self.named.iter().zip(&others.named).all(is_same)
    }

    /// As the usage audit has it.
    pub fn name(&self, product: ProductId) -> &CompactString {
        &self.get(product).name
    }

    /// Those that are configured.
    pub(super) fn named(&self) -> &[Product] {
        &self.named
    }

    /// How many there are, with that of all other symbols.
    pub(super) fn len(&self) -> usize {
        self.named.len() + 1
    }
}

impl Default for Products {
    /// None is configured.
    fn default() -> Self {
        Products::new(Vec::new(), DELAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Field;

    fn product(name: &str, symbols: &[&str], delay_ms: u64) -> Product {
        let symbols = SymbolPatterns::new(symbols.iter().copied()).unwrap();
        Product::new(name, symbols, Duration::from_millis(delay_ms))
    }

    #[test]
    fn a_symbol_is_of_the_first_product_that_matches_it() {
        let named = vec![product("hkg", &["XHKG.*"], 900_000), product("all of x", &["X*", "AAPL"], 600_000)];
        let products = Products::new(named, Duration::from_secs(1_200));
        let check = |symbol: &str, name: &str, delay_ms| {
            let product = products.of(&Symbol::new(symbol).unwrap());
            assert_eq!((product.name.as_str(), product.delay_ms()), (name, delay_ms), "{symbol}");
        };
        check("XHKG.5", "hkg", 900_000);
        check("XNAS.AAPL", "all of x", 600_000);
        check("AAPL", "all of x", 600_000);
        check("BTC", "default", 1_200_000);
        assert_eq!(products.all().map(Product::delay_ms).collect::<Vec<_>>(), [900_000, 600_000, 1_200_000]);
        assert_eq!(Products::default().all().map(|product| product.delay).collect::<Vec<_>>(), [DELAY]);
        let of = |symbol: &str, delay_ms| {
            Products::new(vec![product("x", &[symbol], delay_ms)], Duration::from_millis(delay_ms))
        };
        assert!(of("A", 1).are_of_same_symbols(&of("A", 2)));
        assert!(!of("A", 1).are_of_same_symbols(&of("B", 1)));
        assert!(!of("A", 1).are_of_same_symbols(&Products::default()));
    }

    #[test]
    fn fields_are_all_or_those_that_are_named() {
        let table = CustomFields::default();
        let mut some = product("a", &["A"], 1);
        assert_eq!(some.delayed_fields(&table), WantedFields::ALL);
        some.fields = Some(vec!["bid".into(), "of another service".into()]);
        assert_eq!(some.delayed_fields(&table), Field::Bid.bit().into());
    }
}
