//! The fast way against `serde_json`, on messages in any order and escaping.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What a message says, by `serde_json` alone: the reference.
fn reference(value: &Value) -> (Kind, String, [u64; 4], i64) {
    let kind = Kind::parse(value["type"].as_str().unwrap().as_bytes());
    let number =
        |key: &str, own: bool, absent| if own { value[key].as_u64().unwrap_or(absent) } else { absent };
    let tick = matches!(kind, Kind::Update | Kind::Snapshot);
    let gap = kind == Kind::Gap;
    let numbers =
        [number("seq", tick, 0), number("n", tick, 1), number("from", gap, 0), number("to", gap, 0)];
    let rx = if tick { value["rx"].as_i64().unwrap() } else { 0 };
    (kind, value["symbol"].as_str().unwrap_or("").to_owned(), numbers, rx)
}

fn scan(payload: &[u8]) -> Result<Vec<Message<'_>>, ScanError> {
    let mut found = Vec::new();
    Scanner::default().each(payload, |message| found.push(message.clone())).map(|()| found)
}

fn check(payload: &str) {
    let values: Vec<Value> = serde_json::from_str(payload).unwrap();
    let found = scan(payload.as_bytes()).unwrap_or_else(|error| panic!("{payload}: {error}"));
    assert_eq!(found.len(), values.len(), "{payload}");
    for (message, value) in found.iter().zip(&values) {
        let symbol = String::from_utf8(message.symbol.to_vec()).unwrap();
        let numbers = [message.seq, message.n, message.from, message.to];
        assert_eq!((message.kind, symbol, numbers, message.rx), reference(value), "{payload}");
        assert_eq!(&serde_json::from_slice::<Value>(message.raw).unwrap(), value);
    }
}

fn check_fault(payload: &str, part: &str) {
    let error = scan(payload.as_bytes()).expect_err(payload).to_string();
    assert!(error.contains(part), "{payload}: {error}");
}

#[test]
fn messages_are_read_as_the_contract_shows_them() {
    check("[]");
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
    check_fault("[{}]", "without type");
    check_fault(r#"[{"type":"update","symbol":"A","rx":1}]"#, "without seq");
    check_fault(r#"[{"type":"update","symbol":"A","seq":-1,"rx":1}]"#, "seq is not what it should be: -1");
    check_fault(r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"n":"2"}]"#, "n is not");
    check_fault(r#"[{"type":"gap","symbol":"A","from":1}]"#, "without to");
    check_fault(r#"[{"type":"status"}"#, "not a JSON array");
    check_fault(r#"[{"type":"status"}] x"#, "not a JSON array");
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
        assert!(Scanner::default().fast(message.as_bytes(), 0).is_some(), "{message}");
    }
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
    let kinds = prop::sample::select(vec!["update", "update", "snapshot", "gap", "status", "welcome", "set"]);
    let extra = prop::collection::vec(
        prop_oneof![
            Just(("side".to_owned(), "\"sell\"".to_owned())),
            Just(("bid".to_owned(), "-87000.1".to_owned())),
            Just(("nested".to_owned(), "{\"n\":5,\"seq\":[1,{\"rx\":2}]}".to_owned())),
            Just(("flag".to_owned(), "null".to_owned())),
            "[ -~é]{0,12}".prop_map(|text| ("text".to_owned(), quoted(&text, false))),
        ],
        0..4,
    );
    let n = prop::option::of(1u64..1_000_000_000);
    let symbol = ("[A-Za-z0-9._:/@^=#+-]{1,20}", any::<bool>());
    (kinds, symbol, any::<[u64; 3]>(), n, any::<i64>(), extra).prop_map(
        |(kind, (symbol, escape), seqs, n, rx, extra)| {
            let mut pairs = vec![
                ("type".to_owned(), quoted(kind, escape)),
                ("symbol".to_owned(), quoted(&symbol, escape)),
                ("seq".to_owned(), seqs[0].to_string()),
                ("rx".to_owned(), rx.to_string()),
                ("from".to_owned(), seqs[1].to_string()),
                ("to".to_owned(), seqs[2].to_string()),
            ];
            pairs.extend(n.map(|n| ("n".to_owned(), n.to_string())));
            for (index, (key, value)) in extra.into_iter().enumerate() {
                pairs.push((format!("{key}{index}"), value));
            }
            pairs
        },
    )
}

fn payload() -> impl Strategy<Value = String> {
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
    fn it_agrees_with_serde_json_in_any_order_and_escaping(payload in payload()) {
        check(&payload);
    }

    #[test]
    fn pairs_are_those_that_serde_json_finds(pairs_in in message().prop_shuffle()) {
        let text = pairs_in.iter().map(|(key, value)| format!("\"{key}\":{value}"));
        let object = format!("{{{}}}", text.collect::<Vec<_>>().join(","));
        let mut found = serde_json::Map::new();
        pairs(object.as_bytes(), |key, value| {
            let key = String::from_utf8(key.to_vec()).unwrap();
            found.insert(key, serde_json::from_slice(value).unwrap());
        }).unwrap();
        prop_assert_eq!(Value::Object(found), serde_json::from_str::<Value>(&object).unwrap());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>, cut in 0usize..200) {
        let _ = scan(&bytes);
        let usual = r#"[{"type":"update","symbol":"BTC-USD","seq":7,"ts":5,"rx":9,"side":"buy","n":3}]"#;
        let _ = scan(&usual.as_bytes()[..cut.min(usual.len())]);
        let _ = pairs(&bytes, |_, _| {});
    }
}
