//! [`Reference`]: a symbol's price, and the decimal places of its prices and sizes, that a client is told with the
//! symbol's number, so that prices can be written as differences from it.
//!
//! Not a price to show. Invariant: a shard chooses it once for each topic; so no message changes what another one means.

use crate::{
    tick::{Decimal, Field, Volume},
    topic::Record,
};

/// From which a symbol's prices are differences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reference {
    /// Whole number of 10 to the power of minus the places of prices.
    pub price: i64,
    /// From the bid to the ask, in the same units. It is subtracted from each ask.
    pub spread: i64,
    pub places: Places,
}

/// The decimal places that all prices, and all sizes, are written with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Places {
    pub price: u32,
    pub size: u32,
}

/// The prices of a record, in the order in which one of them is looked for.
pub const PRICES: [Field; 6] = [Field::Bid, Field::Ask, Field::Last, Field::Open, Field::High, Field::Low];
/// Its sizes that are plain decimals; the volume is one, too.
pub const SIZES: [Field; 3] = [Field::BidSize, Field::AskSize, Field::LastSize];

/// The first price that is seen may end in zeros.
const PRICE_PLACES_MIN: u32 = 2;

impl Reference {
    pub const ZERO: Reference = Reference { price: 0, spread: 0, places: Places { price: 0, size: 0 } };

    /// For a topic with this record, from which later ones will hardly be far.
    pub fn of(record: &Record) -> Reference {
        let fields = &record.fields;
        let places = |field| fields.get_decimal(field).map(|value: Decimal| shortest(value.mantissa()).1);
        let most = |of: &[Field]| of.iter().filter_map(|&field| places(field)).max();
        let volume = fields.mask.contains(Field::Volume).then(|| fields.volume());
        let volume = volume.and_then(Volume::mantissa).map(|mantissa| shortest(mantissa).1);
        let places = Places {
            price: most(&PRICES).unwrap_or(0).clamp(PRICE_PLACES_MIN, Places::MAX),
            size: most(&SIZES).or(volume).unwrap_or(0).min(Places::MAX),
        };
        let value = |field| in_places(fields.get_decimal(field)?.mantissa(), places.price);
        let spread = value(Field::Bid).zip(value(Field::Ask)).and_then(|(bid, ask)| ask.checked_sub(bid));
        let spread = spread.unwrap_or(0);
        // Where there is no bid, the ask stands for it.
        let price = PRICES.iter().find_map(|&field| value(field)).unwrap_or(0);
        Reference { price, spread, places }
    }

    /// The reference of values that have none: with these places, from 0.
    pub const fn from_zero(places: Places) -> Reference {
        Reference { places, ..Reference::ZERO }
    }
}

impl Places {
    /// The most that fit into half a byte, of which one value says that there are none.
    pub const MAX: u32 = 14;

    /// Both in one byte.
    pub fn byte(self) -> u8 {
        (self.size << 4 | self.price) as u8
    }
}

/// A mantissa without its trailing zeros, and the places that are left.
pub fn shortest((mut mantissa, mut places): (i64, u32)) -> (i64, u32) {
    while places > 0 && mantissa % 10 == 0 {
        (mantissa, places) = (mantissa / 10, places - 1);
    }
    (mantissa, places)
}

/// The mantissa of the same value with other places; `None` when there is none.
#[inline]
pub fn in_places((mantissa, from): (i64, u32), to: u32) -> Option<i64> {
    if from <= to {
        return mantissa.checked_mul(10i64.checked_pow(to - from)?);
    }
    let unit = 10i64.checked_pow(from - to)?;
    let value = mantissa / unit;
    (value * unit == mantissa).then_some(value)
}
