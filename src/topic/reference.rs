//! [`Reference`]: a symbol's base price, and the decimal places of its prices and sizes, for encodings that write
//! prices as differences. The client receives it with the symbol's number.
//!
//! Not a price to display. Invariant: it is fixed by the topic's first tick, so it is the same on every shard, in every
//! session and every replay, and no later message changes how another is decoded.

use crate::tick::{Decimal, Field, Fields};

/// The base that a symbol's prices are differences from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Reference {
    /// The base price, in units of 10^-(price places).
    pub price: i64,
    /// Ask minus bid, in the same units. Asks are differences from price plus spread.
    pub spread: i32,
    pub places: Places,
}

/// The decimal places of all prices, and of all sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Places {
    pub price: u8,
    pub size: u8,
}

/// The price fields of a record, in the order in which the base price is looked for.
pub const PRICES: [Field; 6] = [Field::Bid, Field::Ask, Field::Last, Field::Open, Field::High, Field::Low];
/// The size fields that are plain decimals; the volume is one too.
pub const SIZES: [Field; 3] = [Field::BidSize, Field::AskSize, Field::LastSize];

/// Fewer places are never used: the first price may end in zeros. A size without places counts shares or contracts.
const PRICE_PLACES_MIN: u8 = 2;
const SIZE_PLACES: u8 = 3;

/// Every record has one, so it must stay small.
const _: () = assert!(size_of::<Reference>() <= 16);

impl Reference {
    pub const ZERO: Reference = Reference { price: 0, spread: 0, places: Places { price: 0, size: 0 } };

    /// From a topic's first tick: later prices are expected to be close.
    #[cold]
    pub fn of(first: &Fields) -> Reference {
        let places = |field| first.get_decimal(field).map(|value: Decimal| shortest(value.mantissa()).1);
        let most = |of: &[Field]| of.iter().filter_map(|&field| places(field)).max();
        let most = |of: &[Field]| most(of).map(|places| u8::try_from(places).unwrap_or(u8::MAX));
        let size = match most(&SIZES) {
            Some(0) => 0,
            most => most.unwrap_or(0).max(SIZE_PLACES),
        };
        let places = Places {
            price: most(&PRICES).unwrap_or(0).clamp(PRICE_PLACES_MIN, Places::MAX),
            size: size.min(Places::MAX),
        };
        let value = |field| in_places(first.get_decimal(field)?.mantissa(), places.price.into());
        let spread = value(Field::Bid).zip(value(Field::Ask)).and_then(|(bid, ask)| ask.checked_sub(bid));
        let spread = spread.and_then(|spread| i32::try_from(spread).ok()).unwrap_or(0);
        // Without a bid the ask is the base.
        let price = PRICES.iter().find_map(|&field| value(field)).unwrap_or(0);
        Reference { price, spread, places }
    }

    /// Sets it from a record's fields if they are those of the first tick.
    #[inline]
    pub fn begin(&mut self, seq: u64, fields: &Fields) {
        if seq == 1 {
            *self = Reference::of(fields);
        }
    }

    /// A base of 0 with these places, for values that have no reference.
    pub const fn from_zero(places: Places) -> Reference {
        Reference { places, ..Reference::ZERO }
    }
}

impl Places {
    /// The most that fits into 4 bits; one value of them means none.
    pub const MAX: u8 = 14;

    /// Both, packed into one byte.
    pub fn byte(self) -> u8 {
        self.size << 4 | self.price
    }
}

/// Strips trailing zeros: the mantissa, and the places that remain.
pub fn shortest((mut mantissa, mut places): (i64, u32)) -> (i64, u32) {
    while places > 0 && mantissa % 10 == 0 {
        (mantissa, places) = (mantissa / 10, places - 1);
    }
    (mantissa, places)
}

/// The mantissa of the same value with other places; `None` when it cannot be represented.
#[inline]
pub fn in_places((mantissa, from): (i64, u32), to: u32) -> Option<i64> {
    if from <= to {
        return mantissa.checked_mul(10i64.checked_pow(to - from)?);
    }
    let unit = 10i64.checked_pow(from - to)?;
    let value = mantissa / unit;
    (value * unit == mantissa).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Record;

    fn fields(values: &[(Field, &str)]) -> Fields {
        let mut fields = Fields::default();
        for (field, value) in values {
            fields.set_decimal(*field, Decimal::parse(value).unwrap());
        }
        fields
    }

    fn check(first: &[(Field, &str)], price: i64, spread: i32, places: (u8, u8)) {
        let mut record = Record::default();
        record.take(&fields(first)).unwrap();
        let (price_places, size) = places;
        let expected = Reference { price, spread, places: Places { price: price_places, size } };
        assert_eq!(record.reference, expected, "{first:?}");
        record.take(&fields(&[(Field::Bid, "0.123456789"), (Field::BidSize, "0.00001")])).unwrap();
        assert_eq!(record.reference, expected, "a later tick changes nothing");
    }

    #[test]
    fn the_first_tick_decides() {
        use Field::{Ask, Bid, BidSize, Last, LastSize};
        check(&[(Bid, "87232.5"), (BidSize, "2.49442"), (Ask, "87232.51")], 8_723_250, 1, (2, 5));
        check(&[(Last, "187.41"), (LastSize, "100")], 18_741, 0, (2, 0));
        // Sizes that are unknown, or have few places.
        check(&[(Bid, "1.2345")], 12_345, 0, (4, 3));
        check(&[(Ask, "5"), (Field::AskSize, "0.5")], 500, 0, (2, 3));
        // No price; and values that overflow 64 bits with these places.
        check(&[(BidSize, "7")], 0, 0, (2, 0));
        check(&[(Bid, "0.00000000000001"), (Ask, "90000000")], 1, 0, (14, 3));
    }
}
