//! Values for property tests: symbols of every alphabet; decimals of every magnitude, with few digits and with as many as
//! there can be.

use proptest::prelude::*;

use super::{Decimal, TradeId, Volume};

/// Of all printable ASCII that a symbol may have; of long characters, with blanks within.
pub const ANY_SYMBOL: &str = "[!-~&&[^\"\\\\,]]{1,64}|币[!-~ 币\u{e9}&&[^\"\\\\,]]{0,18}[*!币]";

/// Whole units of 64 bits, and decimals of up to 18 digits and 18 places.
pub fn any_decimal() -> impl Strategy<Value = Decimal> {
    let units = (any::<i64>(), 0u32..64, 0u32..10)
        .prop_map(|(units, shift, zeros)| (units >> shift) / 10i64.pow(zeros) * 10i64.pow(zeros))
        .prop_map(Decimal::from_units);
    let any_scale = (-999_999_999_999_999_999i64..=999_999_999_999_999_999, 0u32..18, 0u32..=18)
        .prop_map(|(digits, cut, places)| Decimal::with_places(digits / 10i64.pow(cut), places).unwrap());
    prop_oneof![units, any_scale]
}

/// Not below 0.
pub fn any_size() -> impl Strategy<Value = Decimal> {
    any_decimal()
        .prop_map(|value| Decimal::parse(value.to_string().trim_start_matches('-')).unwrap_or(Decimal::MAX))
}

/// Not below 0, up to the limit, with up to 18 places.
pub fn any_volume() -> impl Strategy<Value = Volume> {
    let units = (0..10i128.pow(33), 0u32..30).prop_map(|(units, cut)| units / 10i128.pow(cut));
    let rest = prop_oneof![Just(0), 1u32..1_000_000_000];
    (units, rest).prop_map(|(units, rest)| Volume::from_parts(units, rest))
}

/// Numbers, UUIDs, and texts of every length.
pub fn any_trade_id() -> impl Strategy<Value = TradeId> {
    let text = "[ -~&&[^\"\\\\]]{1,32}|币[ -~币&&[^\"\\\\]]{0,9}";
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9A-F]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let named = |text: String| TradeId::new(&text).unwrap();
    prop_oneof![any::<u64>().prop_map(TradeId::of_number), text.prop_map(named), uuid.prop_map(named)]
}
