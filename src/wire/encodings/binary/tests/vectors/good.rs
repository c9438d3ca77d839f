//! Frames that the service sends.

use std::sync::Arc;

use super::{Instrument, Scene, TEXT, Vector, stamped, table};
use crate::{
    fanout::{GapReason, Name, View},
    tick::{
        Affects, CustomValue, Decimal, Field, FieldSet, Fields, ReportKind, Side, TradeId, TradeReport,
        Volume, WantedFields,
    },
};

fn decimal(text: &str) -> Decimal {
    Decimal::parse(text).unwrap()
}

fn decimals(values: &[(Field, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (field, value) in values {
        fields.set_decimal(*field, decimal(value));
    }
    fields
}

fn quote(bid: &str, bid_size: &str, ask: &str, ask_size: &str) -> Fields {
    let values =
        [(Field::Bid, bid), (Field::BidSize, bid_size), (Field::Ask, ask), (Field::AskSize, ask_size)];
    decimals(&values)
}

fn id(text: &str) -> TradeId {
    TradeId::new(text).unwrap()
}

fn everything() -> Fields {
    let mut fields = quote("87231.99", "2.47718", "87232", "2.93082");
    fields.merge(&decimals(&[
        (Field::Last, "87232"),
        (Field::LastSize, "0.0013"),
        (Field::Open, "87000.5"),
        (Field::High, "87500"),
        (Field::Low, "86990.01"),
    ]));
    fields.set_side(Side::Buy);
    fields.set_volume(Volume::parse("1234.03714").unwrap());
    fields.set_trades(4711);
    fields.set_trade_id(id("4744868157"));
    fields
}

fn bitcoin() -> Instrument {
    Instrument::new("BTCUSDT", 3).tick(66, 1_500_000, 800, &everything())
}

pub fn quotes() -> Vector {
    let first = Instrument::new("AAPL", 0).tick(1, 2_000_000, 350, &quote("187.41", "200", "187.42", "300"));
    let other = Instrument::new("EUR/USD", 130).tick(
        1_000,
        2_000_000,
        20,
        &quote("1.08425", "1000000", "1.08432", "1500000"),
    );
    let second = first.later(2, 2_000_150, 420, &quote("187.42", "100", "187.43", "500"));
    let bid = first.later(3, 2_000_900, 300, &decimals(&[(Field::Bid, "187.4")]));
    let sizes =
        other.later(1_007, 2_000_900, 25, &decimals(&[(Field::BidSize, "900000"), (Field::Ask, "1.08431")]));
    Scene::new()
        .frame(|out| {
            out.snapshot(&first.first(), &TEXT);
            out.snapshot(&other.first(), &TEXT);
        })
        .frame(|out| out.last_tick(&second.at(), &TEXT))
        .frame(|out| {
            out.last_tick(&bid.at(), &TEXT);
            out.merged(&sizes.at(), 7, WantedFields::NONE, &TEXT);
        })
        .end(
            "quotes",
            "Two symbols are introduced by their snapshots; then short updates, of one tick and of seven. The times of a \
             frame begin anew.",
        )
}

pub fn every_field() -> Vector {
    let (record, mut trade) = (bitcoin(), decimals(&[(Field::Last, "87231.99"), (Field::LastSize, "0.5")]));
    trade.set_side(Side::Sell);
    trade.set_volume(Volume::parse("1234.53714").unwrap());
    trade.set_trades(4712);
    trade.set_trade_id(id("4744868158"));
    let traded = record.later(67, 1_502_000, 900, &trade);
    Scene::new()
        .frame(|out| out.snapshot(&record.first(), &TEXT))
        .frame(|out| out.last_tick(&traded.at(), &TEXT))
        .frame(|out| out.merged(&traded.at(), 60, WantedFields::ALL, &TEXT))
        .end("every_field", "A record with every fixed field, a trade, and the whole record in an update.")
}

pub fn withdrawn() -> Vector {
    let record = bitcoin();
    let mut fields = decimals(&[(Field::Bid, "87230")]);
    fields.withdraw_all(Field::Ask.bit().with(Field::AskSize).with(Field::TradeId));
    let without = record.later(67, 1_600_000, 900, &fields);
    let mut nothing = Fields::default();
    nothing.withdraw(Field::Bid);
    let bare = without.later(68, 1_600_000, 900, &nothing);
    Scene::new()
        .frame(|out| out.snapshot(&record.first(), &TEXT))
        .frame(|out| {
            out.last_tick(&without.at(), &TEXT);
            out.last_tick(&bare.at(), &TEXT);
            out.snapshot(&bare.at(), &TEXT);
        })
        .end(
            "withdrawn",
            "Fields without a value any more: null in updates, absent in a snapshot, which replaces the record.",
        )
}

pub fn reports() -> Vector {
    let record = bitcoin();
    let odd_lot = TradeReport {
        affects: Affects::VOLUME.with(Affects::HIGH_LOW),
        last: Some(decimal("87230.5")),
        last_size: Some(decimal("0.004")),
        side: Some(Side::Sell),
        ..TradeReport::of(ReportKind::Trade, id("4744868161"))
    };
    let nothing = TradeReport {
        affects: Affects::NONE,
        last: Some(decimal("87230")),
        last_size: Some(decimal("1")),
        ..TradeReport::of(ReportKind::Trade, TradeId::default())
    };
    let correction = TradeReport {
        last: Some(decimal("87231")),
        ..TradeReport::of(ReportKind::Correct, id("4744868157"))
    };
    let cancel = TradeReport::of(ReportKind::Cancel, id("4744868160"));
    let mut ticks = Vec::new();
    for (report, volume) in [(odd_lot, "1234.04114"), (nothing, ""), (correction, ""), (cancel, "1234.03714")]
    {
        let mut fields = Fields::default();
        if !volume.is_empty() {
            fields.set_volume(Volume::parse(volume).unwrap());
        }
        fields.set_report(Some(Arc::new(report)));
        let seq = 67 + ticks.len() as u64;
        ticks.push(record.later(seq, 1_700_000 + 40 * ticks.len() as i64, 55, &fields));
    }
    let ticks: Vec<_> = ticks.iter().collect();
    Scene::new()
        .frame(|out| out.snapshot(&record.first(), &TEXT))
        .frame(|out| ticks.iter().for_each(|tick| out.last_tick(&tick.at(), &TEXT)))
        .end("reports", "Trades that do not affect everything, a correction, and a cancel.")
}

pub fn runs() -> Vector {
    let fields = quote("187.41", "200", "187.42", "300");
    let record = Instrument::new("AAPL", 0).tick(20, 2_000_000, 350, &fields);
    let mut withdrawal = Fields::default();
    withdrawal.withdraw_all(Field::Bid.bit().with(Field::BidSize));
    let ticks = [
        stamped(21, 2_000_000, 350, decimals(&[(Field::Bid, "187.42")])),
        stamped(22, 2_000_010, 355, decimals(&[(Field::Ask, "187.44"), (Field::AskSize, "100")])),
        stamped(23, 2_000_010, 354, withdrawal),
        stamped(24, 2_000_500, -3, everything()),
        stamped(25, 2_000_400, 60, decimals(&[(Field::Last, "187.435")])),
    ];
    let tape = View { name: Name::new("tape"), ..TEXT };
    let sent = |count| assert_eq!(count, 5);
    Scene::new()
        .frame(|out| sent(out.run(&record.first(), &ticks, &TEXT)))
        .frame(|out| {
            out.run(&record.at(), &ticks[..2], &TEXT);
            out.run(&record.at(), &ticks[2..3], &TEXT);
            out.run(&record.at(), &ticks[3..4], &TEXT);
        })
        .frame(|out| sent(out.run(&record.at(), &ticks, &tape)))
        .end(
            "runs",
            "Consecutive ticks in one message: with an introduction, with the name of a subscription. A tick alone is an \
             update.",
        )
}

pub fn names_and_fields() -> Vector {
    let record = bitcoin();
    let later = record.later(70, 1_600_000, 900, &quote("87230", "1", "87231", "2"));
    let named = View { name: Name::new("Zeile 1 é"), ..TEXT };
    let some = View { wanted: Field::Bid.bit().with(Field::Volume).into(), ..TEXT };
    let none = View { wanted: Field::Open.bit().into(), ..TEXT };
    Scene::new()
        .frame(|out| {
            out.snapshot(&record.first(), &named);
            out.snapshot(&record.first(), &some);
        })
        .frame(|out| {
            out.last_tick(&later.at(), &named);
            out.merged(&later.at(), 4, WantedFields::NONE, &some);
            // No wanted field has changed; the seq moves on.
            out.merged(&later.at(), 4, WantedFields::NONE, &none);
            out.tape_event(&later.at(), &later.record, 4, FieldSet::QUOTE.into(), &named);
        })
        .end("names_and_fields", "Several subscriptions to one symbol: with a name, and with some fields.")
}

fn decimals_of(values: &[(Field, &str)], volume: &str) -> Fields {
    let mut fields = decimals(values);
    if !volume.is_empty() {
        fields.set_volume(Volume::parse(volume).unwrap());
    }
    fields
}

pub fn odd_decimals() -> Vector {
    let steps = [
        decimals_of(&[(Field::Bid, "100"), (Field::BidSize, "1")], ""),
        // More places than the reference has.
        decimals_of(&[(Field::Bid, "100.12345"), (Field::Ask, "100.2"), (Field::BidSize, "0.5")], ""),
        decimals_of(&[(Field::Bid, "-37.63"), (Field::Ask, "-37.5")], ""),
        decimals_of(&[(Field::Last, "0.000000000000000001"), (Field::LastSize, "1")], ""),
        decimals_of(&[(Field::Last, "-999999999999999999"), (Field::High, "9223372036.854775807")], ""),
        decimals_of(&[(Field::Last, "0.12345678901234"), (Field::LastSize, "12345678901234")], ""),
        decimals_of(&[(Field::LastSize, "999999999999999999")], "999999999999999999999999"),
        decimals_of(&[(Field::Bid, "0")], "123456789012345678901234.567890123456789012"),
        decimals_of(&[], "9223372036854775807"),
        decimals_of(&[], "0.000000000000000001"),
    ];
    let mut record = Instrument::new("ODD", 7);
    let mut scene = Scene::new();
    for (index, fields) in steps.iter().enumerate() {
        record = record.later(index as u64 + 1, 5_000_000, 1, fields);
        let (is_first, record) = (index == 0, &record);
        scene = scene.frame(|out| {
            if is_first {
                out.snapshot(&record.first(), &TEXT);
            } else {
                out.last_tick(&record.at(), &TEXT);
            }
        });
    }
    scene.end(
        "decimals",
        "Values that the reference does not fit: places of their own, and each decimal by itself; below 0, with 18 places, \
         of 18 digits, totals of more than 64 bits.",
    )
}

pub fn configured() -> Vector {
    let table = table();
    let field = |name| table.find(name).unwrap();
    let mut fields = decimals(&[(Field::Bid, "87232.01")]);
    fields.set_custom(&table, field("mark"), CustomValue::Decimal(decimal("-87231.6175")));
    let turnover = Volume::parse("123456789012345678901234.5").unwrap();
    fields.set_custom(&table, field("turnover"), CustomValue::Total(turnover));
    fields.set_custom(&table, field("open_interest"), CustomValue::Integer(i64::MIN));
    fields.set_custom(&table, field("phase"), CustomValue::Text("post-only \"é\\".into()));
    let record = Instrument::new("BTC-PERP", 9).tick(8, 1_000, 10, &fields);
    let mut more = Fields::default();
    more.set_custom(&table, field("mark"), CustomValue::Decimal(decimal("0")));
    more.set_custom(&table, field("turnover"), CustomValue::Total(Volume::parse("-0.25").unwrap()));
    more.set_custom(&table, field("open_interest"), CustomValue::Integer(300));
    more.withdraw_custom(&table, field("phase"));
    let later = record.later(9, 2_000, 10, &more);
    let tick = stamped(10, 2_000, 10, more.clone());
    Scene::new()
        .frame(|out| out.snapshot(&record.first(), &TEXT))
        .frame(|out| {
            out.merged(&later.at(), 1, WantedFields::ALL, &TEXT);
            out.tick(&later.at(), &tick, 2, &TEXT);
            out.snapshot(&later.at(), &TEXT);
        })
        .end("configured", "Fields that the configuration adds: of each kind, and one withdrawn.")
}

pub fn gaps() -> Vector {
    let record = bitcoin();
    let tape = View { name: Name::new("tape"), ..TEXT };
    Scene::new()
        .frame(|out| {
            out.gap(&record.first(), 1, 66, GapReason::Epoch, &TEXT);
            out.snapshot(&record.at(), &TEXT);
        })
        .frame(|out| {
            out.gap(&record.at(), 60, 66, GapReason::Slow, &tape);
            out.gap(&record.at(), 66, 66, GapReason::Resume, &TEXT);
        })
        .end("gaps", "Each reason of a gap; the first message of a subscription may be one.")
}

pub fn sent() -> Vector {
    let first = Instrument::new("AAPL", 0).tick(1, 2_000_000, 350, &quote("187.41", "200", "187.42", "300"));
    let second = first.later(2, 2_000_150, 420, &quote("187.42", "100", "187.43", "500"));
    Scene::new()
        .sent(250, |out| out.snapshot(&first.first(), &TEXT))
        .sent(0x12_3456, |out| out.last_tick(&second.at(), &TEXT))
        .sent(0xFF_FFFF, |out| out.gap(&second.at(), 1, 2, GapReason::Slow, &TEXT))
        .end(
            "sent",
            "With tx=true: each frame begins with the time from its newest receipt to its sending, in microseconds.",
        )
}

pub fn extremes() -> Vector {
    let fields = quote("187.41", "200", "187.42", "300");
    let record =
        Instrument::new("X", u32::MAX).tick(u64::MAX, 4_000_000_000_000_000, 5_742_860_800_000_000, &fields);
    let early = record.later(u64::MAX, -1_742_860_800_000_000, -4_000_000_000_000_000, &fields);
    let long = Instrument::new(&"Z".repeat(64), 16_384).tick(127, 0, 0, &fields);
    let name = View { name: Name::new(&"n".repeat(32)), ..TEXT };
    Scene::new()
        .frame(|out| out.snapshot(&record.first(), &TEXT))
        .frame(|out| {
            out.last_tick(&early.at(), &TEXT);
            out.merged(&early.at(), u64::MAX, WantedFields::ALL, &TEXT);
            out.gap(&early.at(), u64::MAX, u64::MAX, GapReason::Slow, &TEXT);
        })
        .frame(|out| out.snapshot(&long.first(), &name))
        .end("extremes", "The largest numbers, times far apart, the longest symbol and name.")
}
