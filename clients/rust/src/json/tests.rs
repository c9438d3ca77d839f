//! The fast way against `serde_json`, on messages in any order and escaping.

use proptest::prelude::*;
use serde_json::Value;

use super::{head::Object, *};
use crate::field::Field;

/// What a message says, as far as the walk reads it.
fn said(message: &Message<'_>) -> (&'static str, String, [u64; 4], i64) {
    match message {
        Message::Update(tick) => ("update", tick.symbol.to_string(), [tick.seq, tick.n, 0, 0], tick.rx_us),
        Message::Snapshot(tick) => ("snapshot", tick.symbol.to_string(), [tick.seq, 1, 0, 0], tick.rx_us),
        Message::Gap(gap) => ("gap", gap.symbol.to_string(), [0, 1, gap.from, gap.to], 0),
        _ => ("other", String::new(), [0, 1, 0, 0], 0),
    }
}

/// The same by `serde_json` alone: the reference.
fn reference(value: &Value) -> (&'static str, String, [u64; 4], i64) {
    let number = |key: &str| value[key].as_u64().unwrap();
    let symbol = value["symbol"].as_str().unwrap_or("").to_owned();
    match value["type"].as_str().unwrap() {
        "update" => {
            let n = value["n"].as_u64().unwrap_or(1);
            ("update", symbol, [number("seq"), n, 0, 0], value["rx"].as_i64().unwrap())
        }
        "snapshot" => ("snapshot", symbol, [number("seq"), 1, 0, 0], value["rx"].as_i64().unwrap()),
        "gap" => ("gap", symbol, [0, 1, number("from"), number("to")], 0),
        _ => ("other", String::new(), [0, 1, 0, 0], 0),
    }
}

/// The text of the whole message.
fn raw<'a>(tick: &crate::Tick<'a>) -> &'a str {
    let crate::tick::Body::Json(raw) = tick.body else { panic!("{tick:?} is of no text") };
    raw
}

fn read(frame: &str) -> Result<Vec<Message<'_>>, MessageError> {
    Messages::new(frame).collect()
}

fn check(frame: &str) {
    let values: Vec<Value> = serde_json::from_str(frame).unwrap();
    let found = read(frame).unwrap_or_else(|error| panic!("{frame}: {error}"));
    assert_eq!(found.len(), values.len(), "{frame}");
    for (message, value) in found.iter().zip(&values) {
        assert_eq!(said(message), reference(value), "{frame}");
        if let Message::Update(tick) | Message::Snapshot(tick) = message {
            assert_eq!(&serde_json::from_str::<Value>(raw(tick)).unwrap(), value);
        }
    }
}

fn check_fault(frame: &str, part: &str) {
    let error = read(frame).expect_err(frame).to_string();
    assert!(error.contains(part), "{frame}: {error}");
}

#[test]
fn messages_are_read_as_the_contract_shows_them() {
    check("[]");
    check(" [ ] ");
    check(r#"[{"type":"update","symbol":"BTC-USD","seq":7,"ts":5,"rx":9,"bid":1.5,"side":"buy","n":3}]"#);
    check(
        r#"[{"type":"update","symbol":"A","seq":1,"ts":-1,"rx":1},{"type":"gap","symbol":"A","from":2,"to":9,"reason":"ring"}]"#,
    );
    check(
        r#"[{"type":"snapshot","symbol":"A","seq":18446744073709551615,"ts":1,"rx":1,"volume":10000000000000.5}]"#,
    );
    check(
        r#"[{"type":"subscribed","id":1,"results":[{"symbol":"A","status":"ok"}]},{"type":"status","pace":"live"}]"#,
    );
    check(r#"[{"type":"heartbeat","ts":1,"asof":1,"dirty":0,"oldest_ms":0}]"#);
}

#[test]
fn strings_that_look_like_structure_do_not_mislead() {
    check(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"x":"}","n":4}]"#);
    check(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"x":"\"n\":9","n":4}]"#);
    check(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"x":"n","y":"},{","z":{"n":7},"n":4}]"#);
    check(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"x":[{"n":7}]}]"#);
    check(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"\u006e":4}]"#);
    check(r#"[{"type":"upd\u0061te","symbol":"\u0041","seq":1,"rx":-5}]"#);
}

#[test]
fn what_is_no_frame_is_refused_with_the_fault() {
    check_fault("", "not a JSON array");
    check_fault("{}", "not a JSON array");
    check_fault("[", "not a JSON object");
    check_fault("[1]", "not a JSON object");
    check_fault("[{}]", "without type");
    check_fault(r#"[{"type":"update","symbol":"A","rx":1}]"#, "without seq");
    check_fault(r#"[{"type":"update","symbol":"A","seq":-1,"rx":1}]"#, "seq is not what it should be: -1");
    check_fault(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"n":"2"}]"#, "n is not");
    check_fault(r#"[{"type":"gap","symbol":"A","from":1}]"#, "without to");
    check_fault(r#"[{"type":"status"}"#, "not a JSON array");
    check_fault(r#"[{"type":"status"}] x"#, "not a JSON array");
    check_fault(r#"[{"type":"welcome","epoch":1}]"#, "the type welcome is not what it should be");
    check_fault(r#"[{"type":"drain","retry_ms":-1}]"#, "the type drain is not what it should be");
}

#[test]
fn what_stands_before_a_fault_is_handed_out_and_nothing_behind_it() {
    let mut messages = Messages::new(r#"[{"type":"end"},1,{"type":"end"}]"#);
    assert!(matches!(messages.next(), Some(Ok(Message::End))));
    assert!(matches!(messages.next(), Some(Err(MessageError::NotAnObject { .. }))));
    assert!(messages.next().is_none());
}

#[test]
fn the_usual_layout_takes_the_fast_way() {
    for message in [
        r#"{"type":"update","symbol":"BTC-USD","seq":7,"ts":5,"rx":9,"bid":1.5,"side":"buy","n":3}"#,
        r#"{"type":"update","symbol":"BTC-USD","seq":7,"n":3,"ts":5,"rx":9,"bid":1.5,"side":"buy"}"#,
        r#"{"type":"snapshot","symbol":"BTC-USD","seq":7,"ts":5,"rx":9,"bid":1.5}"#,
        r#"{"type":"gap","symbol":"A","from":2,"to":9,"reason":"ring"}"#,
        r#"{"type":"heartbeat","ts":1,"asof":1,"dirty":0,"oldest_ms":0}"#,
    ] {
        assert!(fast(message, 0).is_some(), "{message}");
    }
}

#[test]
fn a_newer_server_breaks_nothing() {
    let frame = r#"[{"type":"new","what":1},{"type":"status","symbol":"A","state":"auction","more":[1]}]"#;
    let found = read(frame).unwrap();
    assert!(matches!(&found[0], Message::Other { kind, .. } if kind == "new"));
    let Message::Status(status) = &found[1] else { panic!("{found:?}") };
    assert_eq!(status.state.as_ref().map(crate::words::State::as_str), Some("auction"));
}

#[test]
fn values_are_the_texts_of_the_wire_or_a_fault() {
    let values = |pairs: &str| {
        let frame = format!(r#"[{{"type":"update","symbol":"A","seq":1,"rx":1,{pairs}}}]"#);
        let message = read(&frame).unwrap().pop().unwrap();
        let Message::Update(tick) = message else { panic!() };
        let values = tick.values().map_err(|error| error.to_string())?;
        Ok::<_, String>(
            values.iter().map(|(field, text)| format!("{}={text}", field.name())).collect::<Vec<_>>(),
        )
    };
    assert_eq!(values(r#""bid":87000.10,"side":"buy","ts":-5"#).unwrap(), ["bid=87000.10", "side=buy"]);
    assert_eq!(values(r#""bid" : 1.5, "side":"b\u0075y""#).unwrap(), ["bid=1.5", "side=buy"]);
    assert_eq!(values(r#""bid":"9223372036.854775807","ask":null"#).unwrap(), ["bid=9223372036.854775807"]);
    assert_eq!(values(r#""bid":true"#).unwrap_err(), "bid is not what it should be: true");
    assert_eq!(values(r#""x":[],"bid":{}"#).unwrap_err(), "bid is not what it should be: {}");
    assert_eq!(values(r#""x":[],"ts":"now""#).unwrap_err(), "ts is not what it should be: \"now\"");
}

/// JSON for a string, with some of its characters escaped although they need not be.
fn quoted(text: &str, escape: bool) -> String {
    let mut out = String::from('"');
    for (index, char) in text.chars().enumerate() {
        match char {
            '"' | '\\' => out.extend(['\\', char]),
            _ if escape && index % 3 == 0 && u32::from(char) < 0x1_0000 => {
                out.extend(format!("\\u{:04x}", u32::from(char)).chars());
            }
            _ => out.push(char),
        }
    }
    out.push('"');
    out
}

/// The pairs of a message of any kind, and more that nobody knows.
fn message() -> impl Strategy<Value = Vec<(String, String)>> {
    let kinds = prop::sample::select(vec!["update", "update", "snapshot", "gap", "status", "auction", "end"]);
    let extra = prop::collection::vec(
        prop_oneof![
            Just(("sides".to_owned(), "\"sell\"".to_owned())),
            Just(("bids".to_owned(), "-87000.1".to_owned())),
            Just(("nested".to_owned(), "{\"n\":5,\"seq\":[1,{\"rx\":2}]}".to_owned())),
            Just(("flag".to_owned(), "null".to_owned())),
            "[ -~é]{0,12}".prop_map(|text| ("text".to_owned(), quoted(&text, false))),
        ],
        0..4,
    );
    let n = prop::option::of(1u64..1_000_000_000);
    let symbol = ("[A-Za-z0-9._:/@^=#+-]{1,20}", any::<bool>());
    let fields = ("-?(0|[1-9][0-9]{0,5})\\.[0-9]{1,3}", prop::sample::select(vec!["buy", "sell", "unknown"]));
    (kinds, symbol, any::<[u64; 3]>(), n, any::<i64>(), fields, extra).prop_map(
        |(kind, (symbol, escape), seqs, n, rx, (bid, side), extra)| {
            let mut pairs = vec![
                ("type".to_owned(), quoted(kind, escape)),
                ("symbol".to_owned(), quoted(&symbol, escape)),
                ("seq".to_owned(), seqs[0].to_string()),
                ("rx".to_owned(), rx.to_string()),
                ("from".to_owned(), seqs[1].to_string()),
                ("to".to_owned(), seqs[2].to_string()),
                ("bid".to_owned(), bid),
                ("side".to_owned(), quoted(side, escape)),
            ];
            pairs.extend(n.map(|n| ("n".to_owned(), n.to_string())));
            for (index, (key, value)) in extra.into_iter().enumerate() {
                pairs.push((format!("{key}{index}"), value));
            }
            pairs
        },
    )
}

fn frame() -> impl Strategy<Value = String> {
    let shuffled = message().prop_shuffle();
    let spaced =
        (shuffled, prop::sample::select(vec!["", "", "", " ", "\n\t"])).prop_map(|(pairs, space)| {
            let pairs =
                pairs.iter().map(|(key, value)| format!("{space}\"{key}\"{space}:{space}{value}{space}"));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
        });
    prop::collection::vec(spaced, 0..5).prop_map(|messages| format!("[{}]", messages.join(",")))
}

proptest! {
    #[test]
    fn it_agrees_with_serde_json_in_any_order_and_escaping(frame in frame()) {
        check(&frame);
    }

    #[test]
    fn values_are_those_that_serde_json_finds(frame in frame()) {
        for message in read(&frame).unwrap() {
            let (Message::Update(tick) | Message::Snapshot(tick)) = message else { continue };
            let value: Object<'_> = serde_json::from_str(raw(&tick)).unwrap();
            let values = tick.values().unwrap();
            prop_assert_eq!(values.text(Field::Bid), Some(value["bid"].get()));
            let side: String = serde_json::from_str(value["side"].get()).unwrap();
            prop_assert_eq!(values.text(Field::Side), Some(side.as_str()));
            prop_assert_eq!(values.iter().count(), 2);
        }
    }

    #[test]
    fn no_text_makes_it_panic(text: String, cut in 0usize..200) {
        let walk = |frame: &str| {
            for message in Messages::new(frame) {
                if let Ok(Message::Update(tick) | Message::Snapshot(tick)) = message {
                    let _ = tick.values();
                }
            }
        };
        walk(&text);
        walk(&format!("[{text}"));
        walk(&format!("[{{\"type\":\"update\",\"symbol\":\"{text}\",\"seq\":1,\"rx\":1,\"bid\":\"{text}\"}}]"));
        let usual = r#"[{"type":"update","symbol":"BTC-USD","seq":7,"ts":5,"rx":9,"side":"buy","n":3}]"#;
        walk(&usual[..cut.min(usual.len())]);
    }
}
