//! Messages of the protocol, as docs/PROTOCOL.md has them.

use super::*;
use crate::feed::upstream::venue::Outgoing;

fn dialer() -> Arc<dyn Dialer> {
    Tickcast.configure(&mut Options::parse("tickcast", "").unwrap(), &[]).unwrap()
}

fn connect(dialer: &dyn Dialer, symbols: &[&str]) -> Box<dyn Conversation> {
    let streams = symbols.iter().map(|symbol| Stream::new(symbol, StreamKind::Quotes)).collect();
    dialer.connect(&StreamGroup { channel: "", streams }, &CustomFields::none())
}

fn told(conversation: &mut dyn Conversation, message: &str) -> Vec<String> {
    let mut out = Reaction::default();
    conversation.text(Nanos(0), &mut message.as_bytes().to_vec(), &mut out);
    let ticks = out.ticks.iter().map(|tick| crate::feed::testing::line(&tick.tick));
    let notes = out.notes.iter().map(|note| format!("{note:?}"));
    let sends = out
        .sends
        .iter()
        .map(|sent| if let Outgoing::Text(text) = sent { text.clone() } else { String::new() });
    ticks.chain(notes).chain(sends).collect()
}

#[test]
fn messages_of_the_protocol() {
    let dialer = dialer();
    let mut other = connect(&*dialer, &["BTCUSDT"]);
    let mut check =
        |message: &str, expected: &[&str]| assert_eq!(told(&mut *other, message), expected, "{message}");
    check(
        r#"[{"type":"welcome","protocol":1,"epoch":"e1","heartbeat_ms":5000}]"#,
        &[r#"{"id":1,"mode":"every","numbers":"string","op":"subscribe","symbols":["BTCUSDT"]}"#],
    );
    check(
        r#"[{"type":"subscribed","id":1,"results":[{"symbol":"BTCUSDT","status":"ok"},{"symbol":"X","status":"error","code":"not_entitled","message":"no"}]}]"#,
        &[
            r#"Subscribed(Stream { symbol: "BTCUSDT", kind: Quotes })"#,
            r#"Refused { stream: Stream { symbol: "X", kind: Quotes }, why: "no" }"#,
        ],
    );
    // The trade of a snapshot is not new; totals stand.
    check(
        r#"[{"type":"snapshot","symbol":"BTCUSDT","seq":53,"ts":1742944024612000,"rx":1795416100751351,"bid":"87232","last":"87232.01","last_size":"0.00078","side":"buy","volume":"0.03359","trades":12}]"#,
        &[
            r#"{"symbol":"BTCUSDT","ts":1742944024612000,"bid":87232,"last":87232.01,"side":"buy","volume":0.03359,"trades":12}"#,
        ],
    );
    check(
        r#"[{"type":"update","symbol":"BTCUSDT","seq":54,"ts":1742944025399339,"rx":1795416101413382,"bid":"87232.01","ask":null},{"type":"update","symbol":"BTCUSDT","seq":54,"rx":1,"bid":"1"}]"#,
        &[r#"{"symbol":"BTCUSDT","ts":1742944025399339,"bid":87232.01,"ask":null}"#],
    );
    check(
        r#"[{"type":"update","symbol":"BTCUSDT","seq":55,"ts":1742944025399339,"rx":1,"trade":{"last":"87230.5","last_size":"0.004","side":"sell","trade_id":"4744868161","affects":["volume"]},"volume":"0.03984","trades":15}]"#,
        &[
            r#"{"symbol":"BTCUSDT","ts":1742944025399339,"last":87230.5,"last_size":0.004,"side":"sell","trade_id":"4744868161","volume":0.03984,"trades":15,"affects":["volume"]}"#,
        ],
    );
    check(
        r#"[{"type":"gap","symbol":"BTCUSDT","from":56,"to":60,"reason":"slow"},{"type":"status","symbol":"BTCUSDT","state":"stale"},{"type":"heartbeat","ts":1}]"#,
        &[
            r#"Gap { why: "BTCUSDT, 56 to 60, 5 ticks: slow" }"#,
            r#"Stale { symbol: "BTCUSDT", why: "the other server says so" }"#,
        ],
    );
    check(
        "{}",
        &[
            r#"Reject { reason: Syntax, why: "no messages of the protocol: invalid type: map, expected a sequence at line 1 column 0" }"#,
        ],
    );
}

/// Numbers and words as no server writes them.
#[test]
fn a_gap_without_end_is_told_in_few_words() {
    let dialer = dialer();
    let gap = r#"[{"type":"gap","symbol":"A","from":1,"to":18446744073709551615,"reason":"LONG"}]"#;
    let lines = told(&mut *connect(&*dialer, &["A"]), &gap.replace("LONG", &"x".repeat(1_000)));
    assert!(lines.len() == 1 && lines[0].len() < 300, "{lines:?}");
}

#[test]
fn the_next_connection_resumes_where_the_last_one_was() {
    let dialer = dialer();
    let mut first = connect(&*dialer, &["A", "B"]);
    let welcome = |epoch: &str| format!(r#"[{{"type":"welcome","epoch":"{epoch}"}}]"#);
    told(&mut *first, &welcome("e1"));
    told(&mut *first, r#"[{"type":"update","symbol":"A","seq":7,"rx":1,"bid":"1"}]"#);
    let mut second = connect(&*dialer, &["A", "B"]);
    let asked = told(&mut *second, &welcome("e1"));
    assert!(asked[0].contains(r#""resume":{"epoch":"e1","last":{"A":7}}"#), "{asked:?}");
    // Another epoch numbers anew.
    let mut third = connect(&*dialer, &["A", "B"]);
    let asked = told(&mut *third, &welcome("e2"));
    assert!(!asked[0].contains("resume"), "{asked:?}");
    assert_eq!(told(&mut *third, r#"[{"type":"update","symbol":"A","seq":1,"rx":1,"bid":"2"}]"#).len(), 1);
}

/// The order of members is not a part of the protocol, and another one is read in another way.
#[test]
fn updates_are_the_same_ticks_whatever_the_order_of_their_members() {
    let members = [
        r#""seq":7,"ts":1742944025399339,"rx":1795416101413382,"bid":"87232.01","bid_size":"4.21","ask":null"#,
        r#""seq":8,"rx":1,"last":"87230.5","last_size":"0.004","side":"sell","trade_id":"4744868161","volume":"0.03984","trades":15"#,
        r#""seq":9,"rx":1,"n":3,"new_member":[1],"bid":"1e-7""#,
        r#""seq":10,"rx":1,"trade":{"last":"5","last_size":"1","affects":["volume"]},"bid":"4""#,
        r#""seq":10,"rx":1,"bid":"3""#,
        r#""seq":9,"rx":1,"bid":"3""#,
        r#""seq":11,"rx":1,"bid":"x""#,
        r#""seq":12,"rx":1,"cancel":"4744868161","volume":"0.03""#,
        r#""seq":18446744073709551615,"rx":1,"bid":"3""#,
    ];
    for symbol in ["BTCUSDT", "EUR/USD", r#"q\"uote"#, r"\u0041"] {
        let (one, other) = (dialer(), dialer());
        let (mut one, mut other) = (connect(&*one, &[symbol]), connect(&*other, &[symbol]));
        for members in members {
            let usual = format!(r#"[{{"type":"update","symbol":"{symbol}",{members}}}]"#);
            let turned = format!(r#"[{{{members},"symbol":"{symbol}","type":"update"}}]"#);
            let (usual, turned) = (told(&mut *one, &usual), told(&mut *other, &turned));
            assert_eq!(usual, turned, "{symbol}, {members}");
        }
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_panic(message in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let dialer = dialer();
        connect(&*dialer, &["A"]).text(Nanos(0), &mut message.clone(), &mut Reaction::default());
    }
}
