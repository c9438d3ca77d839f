//! Markets by chance: trades with names of all kinds that affect much or little, cancels and corrections of some of them, and
//! quotes whose sides come, change and are withdrawn.

use std::sync::Arc;

use proptest::prelude::*;

use crate::tick::{
    Affects, Decimal, Field, FieldSet, Fields, ReportKind, Side, TradeId, TradeReport,
    testing::{ANY_SYMBOL, any_size, any_trade_id},
};

/// What happens to one symbol.
#[derive(Clone, Debug)]
pub struct Script {
    pub symbol: String,
    pub names: Vec<TradeId>,
    pub events: Vec<Event>,
    /// How many ticks are due at once.
    pub together: usize,
}

#[derive(Clone, Debug)]
pub struct Event {
    /// In nanoseconds.
    pub at: i64,
    pub what: EventKind,
}

/// Trades are named by an index; one beyond the names has none.
#[derive(Clone, Debug)]
pub enum EventKind {
    Trade { price: Decimal, size: Decimal, side: Side, name: usize, affects: Affects },
    Quote { bid: SideChange, ask: SideChange },
    Cancel { name: usize },
    Correct { name: usize, price: Option<Decimal>, size: Option<Decimal> },
}

/// What becomes of one side of the book.
#[derive(Clone, Debug)]
pub enum SideChange {
    Kept,
    Set(Decimal, Option<Decimal>),
    Withdrawn,
    /// Its size alone.
    Unsized,
}

/// From 2001 to 2096: decoders tell the unit of a time by its size.
const TIMES: std::ops::Range<i64> = 1_000_000_000_000_000_000..4_000_000_000_000_000_000;

impl Event {
    pub fn fields(&self, names: &[TradeId]) -> Fields {
        let mut fields = Fields::default();
        match &self.what {
            EventKind::Trade { price, size, side, name, affects } => {
                fields.set_decimal(Field::Last, *price);
                fields.set_decimal(Field::LastSize, *size);
                if *side != Side::Unknown {
                    fields.set_side(*side);
                }
                if let Some(name) = names.get(*name) {
                    fields.set_trade_id(*name);
                }
                fields.limit_trade(*affects);
            }
            EventKind::Quote { bid, ask } => {
                bid.put(Field::Bid, Field::BidSize, &mut fields);
                ask.put(Field::Ask, Field::AskSize, &mut fields);
            }
            EventKind::Cancel { name } => {
                fields.set_report(Some(Arc::new(TradeReport::of(ReportKind::Cancel, names[*name]))));
            }
            EventKind::Correct { name, price, size } => {
                let mut report = TradeReport::of(ReportKind::Correct, names[*name]);
                (report.last, report.last_size) = (*price, *size);
                fields.set_report(Some(Arc::new(report)));
            }
        }
        fields
    }
}

impl SideChange {
    fn put(&self, price: Field, size: Field, fields: &mut Fields) {
        match self {
            SideChange::Kept => {}
            SideChange::Set(value, at) => {
                fields.set_decimal(price, *value);
                if let Some(at) = at {
                    fields.set_decimal(size, *at);
                }
            }
            SideChange::Withdrawn => fields.withdraw_all(FieldSet::NONE.with(price).with(size)),
            SideChange::Unsized => fields.withdraw(size),
        }
    }
}

/// Above zero, of every scale.
fn prices() -> impl Strategy<Value = Decimal> {
    any_size().prop_map(|value| if value == Decimal::ZERO { Decimal::from_units(1) } else { value })
}

fn side_changes() -> impl Strategy<Value = SideChange> {
    prop_oneof![
        2 => Just(SideChange::Kept),
        4 => (prices(), proptest::option::weighted(0.9, prices())).prop_map(|(price, size)| SideChange::Set(price, size)),
        3 => Just(SideChange::Withdrawn),
        1 => Just(SideChange::Unsized),
    ]
}

fn affects() -> impl Strategy<Value = Affects> {
    let all = [Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME];
    let some = (0..8u8).prop_map(move |bits| {
        let set = all.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        set.fold(Affects::NONE, |set, (_, one)| set.with(one))
    });
    prop_oneof![Just(Affects::ALL), some]
}

const NAMES: usize = 4;

fn kinds() -> impl Strategy<Value = EventKind> {
    let sides = prop_oneof![Just(Side::Buy), Just(Side::Sell), Just(Side::Unknown)];
    let trades = (prices(), prices(), sides, 0..=NAMES, affects())
        .prop_map(|(price, size, side, name, affects)| EventKind::Trade { price, size, side, name, affects });
    let quotes = (side_changes(), side_changes())
        .prop_filter("a quote says something", |(bid, ask)| {
            !matches!((bid, ask), (SideChange::Kept, SideChange::Kept))
        })
        .prop_map(|(bid, ask)| EventKind::Quote { bid, ask });
    let values = (proptest::option::of(prices()), proptest::option::of(prices()))
        .prop_filter("a correction has a value", |(price, size)| price.is_some() || size.is_some());
    let corrections =
        (0..NAMES, values).prop_map(|(name, (price, size))| EventKind::Correct { name, price, size });
    prop_oneof![
        4 => trades,
        4 => quotes,
        1 => (0..NAMES).prop_map(|name| EventKind::Cancel { name }),
        1 => corrections,
    ]
}

pub fn scripts() -> impl Strategy<Value = Script> {
    let pairs = prop_oneof![
        Just("BTCUSDT"),
        Just("BTC-USD"),
        Just("1000000MOG-PERP-INTX"),
        Just("BRK.B"),
        Just("O:SPY251219C00650000")
    ];
    let symbols = prop_oneof![pairs.prop_map(str::to_owned), ANY_SYMBOL];
    let events = (TIMES, kinds()).prop_map(|(at, what)| Event { at, what });
    let names = proptest::collection::vec(any_trade_id(), NAMES);
    (symbols, names, proptest::collection::vec(events, 1..30), 1..6_usize)
        .prop_map(|(symbol, names, events, together)| Script { symbol, names, events, together })
}
