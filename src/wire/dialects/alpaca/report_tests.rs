//! Golden messages of cancels and corrections, by the venue's documents, in both encodings.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    json::AlpacaJson,
    packed::AlpacaPacked,
    streams::{CRYPTO_TRADES, TRADES},
};
use crate::{
    msgpack,
    tick::{Affects, Decimal, Nanos, ReportKind, Side, Symbol, TradeId, TradeReport},
    topic::{Record, Stamped},
    wire::{
        dialects::{
            stream::DialectStream,
            testing::{self, Sent},
        },
        encodings::venue::Framed,
    },
};

/// 2023-04-06T14:25:06.542305024Z
const TIME: Nanos = Nanos(1_680_791_106_542_305_024);

fn report(kind: ReportKind, name: &str) -> TradeReport {
    TradeReport::of(kind, TradeId::new(name).unwrap())
}

/// A tick with a report, behind which the last trade is another.
fn tick(seq: u64, report: TradeReport) -> Stamped {
    let mut tick = testing::trade(seq, TIME, "1", "2", Side::Buy, 3);
    tick.fields.set_report(Some(Arc::new(report)));
    tick
}

/// What follows one another is one array; in `MessagePack` each has its own.
fn written(stream: &'static DialectStream, ticks: &[Stamped]) -> (Vec<Value>, Vec<Value>) {
    let (symbol, record) = (Symbol::new("EEM").unwrap(), Record::default());
    let sent: Vec<_> = ticks
        .iter()
        .map(|tick| Sent { stream, symbol: &symbol, spelled: None, record: &record, tick: Some(tick) })
        .collect();
    let of_json = testing::messages::<Framed<AlpacaJson<0>>>(&sent, &mut 0);
    let of_packed = testing::messages::<Framed<AlpacaPacked<0>>>(&sent, &mut 0);
    let unpacked = of_packed.iter().map(|message| {
        let mut json = Vec::new();
        msgpack::to_json(message, &mut json).expect("whole messages");
        serde_json::from_slice(&json).unwrap()
    });
    (of_json.iter().map(|message| serde_json::from_slice(message).unwrap()).collect(), unpacked.collect())
}

#[test]
fn a_cancel_and_a_correction_are_the_venues_and_come_with_trades() {
    let mut correction = report(ReportKind::Correct, "52983525033527");
    correction.last = Decimal::parse("39.1809").ok();
    correction.last_size = Decimal::parse("440000").ok();
    correction.affects = Affects::VOLUME;
    let traded = testing::trade(6, TIME, "39.1582", "440000", Side::Sell, 52_983_525_033_527);
    let ticks = [traded, tick(7, correction), tick(8, report(ReportKind::Cancel, "465"))];
    let (of_json, of_packed) = written(&TRADES, &ticks);
    let time = "2023-04-06T14:25:06.542305024Z";
    let corrected = json!({"T": "c", "S": "EEM", "x": "V", "oi": 52_983_525_033_527u64, "op": 0, "os": 0, "oc": ["@", "I"],
        "ci": 52_983_525_033_527u64, "cp": 39.1809, "cs": 440_000, "cc": ["@", "I"], "z": "C", "t": time});
    let cancelled =
        json!({"T": "x", "S": "EEM", "i": 465, "x": "V", "p": 0, "s": 0, "a": "C", "z": "C", "t": time});
    assert_eq!(of_json.len(), 1, "one array");
    assert_eq!(of_json[0][0]["T"], "t");
    assert_eq!((&of_json[0][1], &of_json[0][2]), (&corrected, &cancelled));
    let as_packed = |mut value: Value, doubles: &[&str]| {
        for name in doubles {
            value[name] = json!(value[name].as_f64());
        }
        value["t"] = json!(TIME.0);
        json!([value])
    };
    assert_eq!(of_packed[1..], [as_packed(corrected, &["op"]), as_packed(cancelled, &["p"])]);
}

#[test]
fn what_a_client_could_not_understand_is_not_told() {
    let mut half = report(ReportKind::Correct, "465");
    half.last = Decimal::parse("1").ok();
    let named = report(ReportKind::Cancel, "27fff20b");
    assert_eq!(written(&TRADES, &[tick(7, half), tick(8, named)]), (Vec::new(), Vec::new()));
    let of_crypto = tick(9, report(ReportKind::Cancel, "465"));
    assert_eq!(written(&CRYPTO_TRADES, &[of_crypto]), (Vec::new(), Vec::new()));
}
