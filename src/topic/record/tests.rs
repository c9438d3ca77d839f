//! How ticks and trades move a record and its totals.

use super::*;
use crate::tick::{Decimal, TradeId, Volume};

fn trade(last: i64, size: i64) -> Fields {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Last, Decimal::from_units(last));
    fields.set_decimal(Field::LastSize, Decimal::from_units(size));
    fields
}

fn merged(ticks: &[Fields]) -> Fields {
    let mut record = Record::default();
    for tick in ticks {
        record.take(tick).unwrap();
    }
    record.fields
}

#[test]
fn trades_move_the_totals() {
    let fields = merged(&[trade(10, 1), trade(14, 2), trade(9, 3)]);
    assert_eq!(fields.get_decimal(Field::Open), Some(Decimal::from_units(10)));
    assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(14)));
    assert_eq!(fields.get_decimal(Field::Low), Some(Decimal::from_units(9)));
    assert_eq!((fields.volume(), fields.trades), (Volume::from_units(6), 3));
}

#[test]
fn totals_that_the_feed_gives_stand() {
    let mut given = trade(10, 1);
    given.set_volume(Volume::from_units(1_000));
    given.set_decimal(Field::High, Decimal::from_units(99));
    let fields = merged(&[given, trade(14, 2)]);
    assert_eq!((fields.volume(), fields.trades), (Volume::from_units(1_002), 2));
    assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(99)));
}

#[test]
fn a_quote_moves_no_total() {
    let mut quote = Fields::default();
    quote.set_decimal(Field::Bid, Decimal::from_units(5));
    assert_eq!(merged(&[quote]).mask, Field::Bid.bit());
}

#[test]
fn what_a_tick_changed_is_its_fields_and_the_totals_that_it_moved() {
    let mut record = Record::default();
    record.take(&trade(10, 1)).unwrap();
    let first =
        [Field::Last, Field::LastSize, Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades];
    assert_eq!(record.changed, first.into_iter().fold(FieldSet::NONE, FieldSet::with));
    record.take(&trade(9, 3)).unwrap();
    let second = [Field::Last, Field::LastSize, Field::Low, Field::Volume, Field::Trades];
    assert_eq!(record.changed, second.into_iter().fold(FieldSet::NONE, FieldSet::with));
    let change = record.last_change();
    assert_eq!((change.mask, change.volume(), change.trades), (record.changed, Volume::from_units(4), 2));
    assert_eq!(change.get_decimal(Field::High), None);
}

#[test]
fn a_trade_over_the_limit_of_a_volume_changes_nothing() {
    let mut given = trade(10, 1);
    given.set_volume(Volume::parse("999999999999999999999999.999999998").unwrap());
    let mut record = Record::default();
    record.take(&given).unwrap();
    record.take(&trade(11, 1)).unwrap();
    let before = record.clone();
    assert_eq!(record.take(&trade(99, 1)), Err(TotalFull::Volume));
    assert_eq!(record, before);
    assert_eq!(record.fields.volume().to_string(), "999999999999999999999999.999999999");
    record.take(&given).unwrap();
}

#[test]
fn a_withdrawn_total_begins_anew_with_the_next_trade() {
    let mut withdrawal = Fields::default();
    let totals = [Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades];
    let all = totals.into_iter().fold(FieldSet::NONE, FieldSet::with);
    withdrawal.withdraw_all(all);
    let fields = merged(&[trade(10, 5), trade(14, 2), withdrawal.clone()]);
    assert_eq!((fields.mask, fields.withdrawn()), (FieldSet::TRADE, all));
    let fields = merged(&[trade(10, 5), trade(14, 2), withdrawal, trade(12, 3), trade(11, 1)]);
    assert_eq!(
        (fields.volume(), fields.trades, fields.withdrawn()),
        (Volume::from_units(4), 2, FieldSet::NONE)
    );
    let prices = [Field::Open, Field::High, Field::Low].map(|field| fields.get_decimal(field).unwrap());
    assert_eq!(prices, [12, 12, 11].map(Decimal::from_units));
    // A trade that withdraws a total is not in it, and one without its last price leaves the totals alone.
    let mut last = trade(13, 1);
    last.withdraw(Field::Volume);
    assert_eq!(merged(&[trade(10, 5), last.clone()]).withdrawn(), Field::Volume.bit());
    assert_eq!(merged(&[trade(10, 5), last, trade(9, 2)]).volume(), Volume::from_units(2));
    let mut price = Fields::default();
    price.withdraw(Field::Last);
    let fields = merged(&[trade(10, 5), price]);
    assert_eq!((fields.volume(), fields.get_decimal(Field::Last)), (Volume::from_units(5), None));
    assert_eq!(fields.get_decimal(Field::High), Some(Decimal::from_units(10)));
}

#[test]
fn a_withdrawn_side_stays_so_until_a_trade_has_one() {
    let mut none = Fields::default();
    none.withdraw(Field::Side);
    let mut sold = trade(10, 1);
    sold.set_side(Side::Sell);
    assert_eq!(merged(&[sold.clone(), none.clone(), trade(11, 1)]).withdrawn(), Field::Side.bit());
    assert_eq!(merged(&[none, sold]).side, Side::Sell);
}

#[test]
fn high_and_low_compare_across_scales() {
    let trade = |last: &str| {
        let mut fields = trade(0, 1);
        fields.set_decimal(Field::Last, Decimal::parse(last).unwrap());
        fields
    };
    let prices = ["0.0000016425", "0.000001642", "10000000000", "0.00000164251", "9999999999.5"];
    let fields = merged(&prices.map(trade));
    let shown = |field| fields.get_decimal(field).unwrap().to_string();
    assert_eq!(
        [shown(Field::Open), shown(Field::High), shown(Field::Low)],
        [prices[0], prices[2], prices[1]]
    );
}

#[test]
fn a_trade_without_a_name_does_not_keep_the_last_one() {
    let mut named = trade(10, 1);
    named.set_trade_id(TradeId::of_number(7));
    let fields = merged(&[named.clone(), trade(11, 1)]);
    assert_eq!((&*fields.trade_id().text(), fields.withdrawn()), ("", Field::TradeId.bit()));
    assert_eq!((fields.trades, fields.volume()), (2, Volume::from_units(2)));
    let mut record = Record::default();
    for trade in [named.clone(), trade(11, 1), trade(12, 1)] {
        record.take(&trade).unwrap();
    }
    assert!(!record.changed.contains(Field::TradeId), "there was none any more");
    let fields = merged(&[named.clone(), trade(11, 1), named.clone()]);
    assert_eq!((&*fields.trade_id().text(), fields.withdrawn()), ("7", FieldSet::NONE));
    assert!(!merged(&[trade(11, 1)]).named().contains(Field::TradeId));
    // A quote is not a trade: the name stays.
    let mut quote = Fields::default();
    quote.set_decimal(Field::Bid, Decimal::from_units(5));
    assert_eq!(&*merged(&[named, quote]).trade_id().text(), "7");
}

#[test]
fn a_trade_of_unknown_side_does_not_keep_the_last_one() {
    let mut sold = trade(10, 1);
    sold.set_side(Side::Sell);
    assert_eq!(merged(&[sold, trade(11, 1)]).side, Side::Unknown);
}
