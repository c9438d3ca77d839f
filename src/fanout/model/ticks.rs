//! Ticks of random runs: quotes and trades, some with withdrawn fields, and cancels and corrections of trades.

use proptest::prelude::*;

use super::naive;
use crate::tick::{
    Affects, CustomValue, Decimal, Field, FieldSet, Fields, ReportKind, Side, TradeId, TradeReport,
};

/// Ticks, some of which withdraw fields: an empty side of the book, the totals, any fields. About `corrections` in 16
/// are cancels or corrections.
pub fn fields(corrections: u32) -> impl Strategy<Value = Fields> {
    let some = |fields: &[Field]| fields.iter().fold(FieldSet::NONE, |set, &field| set.with(field));
    let withdrawn = prop_oneof![
        16 => Just(FieldSet::NONE),
        3 => Just(some(&[Field::Bid, Field::BidSize])),
        2 => Just(some(&[Field::Ask, Field::AskSize])),
        1 => Just(some(&[Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades])),
        2 => (0..=FieldSet::ALL.0).prop_map(FieldSet),
    ];
    // Also of a field that the record does not have, and nothing beside.
    let set = prop_oneof![12 => set_fields(), 2 => Just(Fields::default()), corrections => correction()];
    let configured = prop_oneof![6 => Just(Vec::new()), 2 => prop::collection::vec((any::<bool>(), prop::option::weighted(0.8, -9i64..9)), 1..3)];
    (set, withdrawn, configured).prop_filter_map("a tick has a field", |(mut fields, withdrawn, more)| {
        let is_correction = fields.correction().is_some();
        if !is_correction {
            fields.withdraw_all(withdrawn);
        }
        let table = naive::configured();
        for (is_sum, value) in more.into_iter().filter(|_| !is_correction) {
            let id = table.find(if is_sum { "paid" } else { "mark" })?;
            match value {
                Some(value) => fields.set_custom(&table, id, CustomValue::Integer(value)),
                None => fields.withdraw_custom(&table, id),
            }
        }
        (fields.has_values() || is_correction).then_some(fields)
    })
}

/// Cancels and corrections, occasionally with a field besides; those of unknown trades are refused.
fn correction() -> impl Strategy<Value = Fields> {
    let values = (prop::option::of(-50i64..50), prop::option::of(0i64..20));
    let beside = prop::option::weighted(0.2, -50i64..50);
    (any::<bool>(), 0u64..3, values, beside).prop_map(|(is_cancel, id, (last, last_size), bid)| {
        let is_cancel = is_cancel || (last.is_none() && last_size.is_none());
        let kind = if is_cancel { ReportKind::Cancel } else { ReportKind::Correct };
        let value = |value: Option<i64>| value.filter(|_| !is_cancel).map(Decimal::from_units);
        let of = TradeReport::of(kind, TradeId::of_number(id));
        let report = TradeReport { last: value(last), last_size: value(last_size), ..of };
        let mut fields = Fields::default();
        fields.set_report(Some(report.into()));
        if let Some(bid) = bid {
            fields.set_decimal(Field::Bid, Decimal::from_units(bid));
        }
        fields
    })
}

/// Quotes, halves of quotes, trades, prices without a size; rarely a side alone.
fn set_fields() -> impl Strategy<Value = Fields> {
    let scaled = |value, places| Decimal::with_places(value, places).unwrap_or_default();
    let price = prop_oneof![
        8 => (-50i64..50).prop_map(Decimal::from_units),
        1 => (-50i64..50).prop_map(move |value| scaled(value, 18)),
        1 => (-50i64..50).prop_map(move |value| scaled(value * 20_000_000_000_000_000, 1)),
    ];
    let size = prop_oneof![
        25 => (0i64..20).prop_map(Decimal::from_units),
        5 => (0i64..20).prop_map(move |value| scaled(value * 49_999_999_999_999_999, 18)),
        1 => Just(Decimal::from_units(i64::MAX - 3)),
        1 => Just(Decimal::MAX),
    ];
    let side = prop_oneof![Just(None), Just(Some(Side::Buy)), Just(Some(Side::Sell))];
    let quote = |kind: u8, price: Decimal, size: Decimal| {
        let mut fields = Fields::default();
        if kind & 1 != 0 {
            fields.set_decimal(Field::Bid, price);
            fields.set_decimal(Field::BidSize, size);
        }
        if kind & 2 != 0 {
            fields.set_decimal(Field::Ask, price);
            fields.set_decimal(Field::AskSize, size);
        }
        fields
    };
    let id = prop_oneof![1 => Just(None), 1 => (0u64..3).prop_map(Some)];
    // A few do not affect every total.
    let affects = prop_oneof![12 => Just(Affects::ALL), 1 => Just(Affects::VOLUME), 1 => Just(Affects::LAST)];
    let trade = |price: Decimal, size: Decimal, side: Option<Side>, id: Option<u64>, affects: Affects| {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, price);
        fields.set_decimal(Field::LastSize, size);
        if let Some(side) = side {
            fields.set_side(side);
        }
        if let Some(id) = id {
            fields.set_trade_id(TradeId::of_number(id));
        }
        fields.limit_trade(affects);
        fields
    };
    prop_oneof![
        6 => (1u8..4, price.clone(), size.clone()).prop_map(move |(kind, price, size)| quote(kind, price, size)),
        5 => (price.clone(), size, side, id, affects)
            .prop_map(move |(price, size, side, id, affects)| trade(price, size, side, id, affects)),
        1 => price.prop_map(|price| {
            let mut fields = Fields::default();
            fields.set_decimal(Field::Last, price);
            fields
        }),
        1 => Just(()).prop_map(|()| {
            let mut fields = Fields::default();
            fields.set_side(Side::Buy);
            fields
        }),
    ]
}
