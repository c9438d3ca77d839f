//! The best bid and ask of a record, for dialects whose clients are told a quote.

use crate::{
    tick::{Decimal, Field, FieldSet},
    wire::encodings::encoder::Shown,
};

/// A side that is empty has a price and a size of 0, as venues write it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quote {
    pub bid: Decimal,
    pub bid_size: Decimal,
    pub ask: Decimal,
    pub ask_size: Decimal,
}

impl Quote {
    pub const EMPTY: Quote =
        Quote { bid: Decimal::ZERO, bid_size: Decimal::ZERO, ask: Decimal::ZERO, ask_size: Decimal::ZERO };

    /// `None` of a symbol that never had one. One whose sides are both withdrawn is told: its client has the last one.
    #[inline]
    pub fn of(shown: &Shown<'_>) -> Option<Quote> {
        let fields = shown.fields;
        if fields.named().intersect(FieldSet::QUOTE).is_empty() {
            return None;
        }
        let side = |price, size| {
            let price = fields.get_decimal(price);
            let size = fields.get_decimal(size).filter(|_| price.is_some());
            (price.unwrap_or(Decimal::ZERO), size.unwrap_or(Decimal::ZERO))
        };
        let (bid, bid_size) = side(Field::Bid, Field::BidSize);
        let (ask, ask_size) = side(Field::Ask, Field::AskSize);
        Some(Quote { bid, bid_size, ask, ask_size })
    }
}
