//! Messages as the venue documents them, in JSON and in `MessagePack`.

use super::*;
use crate::feed::upstream::testing::{self, Talk, key_file};

const CONNECTED: &str = r#"[{"T":"success","msg":"connected"}]"#;
const AUTHENTICATED: &str = r#"[{"T":"success","msg":"authenticated"}]"#;

fn dialer(query: &str, symbol: &str) -> Arc<dyn Dialer> {
    let (key, secret) = (key_file("CK1"), key_file("s3cret"));
    let query = format!("{query}&key_file={}&secret_file={}", key.display(), secret.display());
    testing::dialer(&Alpaca, &query, &[symbol])
}

/// An authenticated conversation in JSON.
fn live(query: &str, symbol: &str) -> Talk {
    let (mut talk, sends) = Talk::open(&*dialer(query, symbol), &[symbol]);
    assert_eq!(sends, [""; 0]);
    talk.hear(CONNECTED);
    assert_eq!(talk.sends(), [r#"{"action":"auth","key":"CK1","secret":"s3cret"}"#]);
    talk.hear(AUTHENTICATED);
    talk
}

#[test]
fn each_step_waits_for_the_word_of_the_venue() {
    let mut talk = live("source=iex", "AAPL");
    assert_eq!(
        talk.sends(),
        [
            r#"{"action":"subscribe","statuses":["AAPL"],"trades":["AAPL"]}"#,
            r#"{"action":"subscribe","quotes":["AAPL"]}"#,
        ]
    );
    let ack = r#"[{"T":"subscription","trades":["AAPL"],"quotes":["AAPL"],"bars":[],"statuses":["AAPL"]}]"#;
    let [trades, quotes] = [StreamKind::Trades, StreamKind::Quotes].map(|kind| Stream::new("AAPL", kind));
    assert_eq!(talk.notes(ack), [Note::Subscribed(trades.clone()), Note::Subscribed(quotes)]);
    let sent = talk.change(&[Stream::new("*", StreamKind::Trades)], &[trades]);
    assert_eq!(
        sent,
        [
            r#"{"action":"unsubscribe","statuses":["AAPL"],"trades":["AAPL"]}"#,
            r#"{"action":"subscribe","statuses":["*"],"trades":["*"]}"#,
        ]
    );
    let mut talk = live("source=crypto", "BTC/USD");
    assert_eq!(talk.sends()[0], r#"{"action":"subscribe","trades":["BTC/USD"]}"#);
}

#[test]
fn without_a_greeting_we_authenticate_and_without_an_answer_we_go() {
    let (mut talk, _) = Talk::open(&*dialer("encoding=json", "AAPL"), &["AAPL"]);
    assert_eq!(talk.wake().0, [r#"{"action":"auth","key":"CK1","secret":"s3cret"}"#]);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
    assert_eq!(talk.conversation.due(), None);
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let mut talk = live("source=sip", "AAPL");
    talk.sends();
    let message = r#"[{"T":"t","S":"AAPL","i":96921,"x":"D","p":126.55,"s":1,"t":"2021-02-22T15:51:44.208Z","c":["@","I"],"z":"C"},{"T":"q","S":"AMD","bx":"U","bp":87.66,"bs":1,"ax":"Q","ap":87.68,"as":4,"t":"2021-02-22T15:51:45.335689322Z","c":["R"],"z":"C"},{"T":"t","S":"AAPL","i":96921,"x":"Q","p":126.56,"s":2,"t":"2021-02-22T15:51:45.5Z","c":["@"],"z":"C"}]"#;
    let lines = [
        r#"{"symbol":"AAPL","ts":1614009104208000,"last":126.55,"last_size":1,"trade_id":"96921","affects":["volume"]} named"#,
        r#"{"symbol":"AMD","ts":1614009105335689,"bid":87.66,"bid_size":1,"ask":87.68,"ask_size":4}"#,
        r#"{"symbol":"AAPL","ts":1614009105500000,"last":126.56,"last_size":2,"trade_id":"96921"} named"#,
    ];
    assert_eq!(talk.ticks(message), lines);
    // Names are those of an exchange.
    let out = talk.hear(message);
    assert_ne!(out.ticks[0].number, out.ticks[2].number);
    out.ticks.clear();
    let cancel = r#"[{"T":"x","S":"GOOGL","i":465,"x":"D","p":105.31,"s":300,"a":"C","z":"C","t":"2023-04-06T13:15:42.83540958Z"}]"#;
    assert_eq!(talk.ticks(cancel), [r#"{"symbol":"GOOGL","ts":1680786942835409,"cancel":"465"} named"#]);
    // A broken point costs no other.
    let broken = message.replacen("126.55", "\"x\"", 1);
    let out = talk.hear(&broken);
    assert_eq!((out.ticks.len(), out.notes.len()), (2, 1));
    out.clear();
    let broken = message.replacen("\"S\":\"AAPL\"", "\"S\":\"AAPL\",\"S\":\"AAPL\"", 1);
    let out = talk.hear(&broken);
    assert_eq!((out.ticks.len(), out.notes.len()), (2, 1));
}

#[test]
fn crypto_says_who_took() {
    let mut talk = live("source=crypto", "AVAX/USD");
    talk.sends();
    let message = r#"[{"T":"t","S":"AVAX/USD","p":47.299,"s":29.205707815,"t":"2024-03-12T10:27:48.858228144Z","i":3447222699101865076,"tks":"S"},{"T":"q","S":"BAT/USD","bp":0.35718,"bs":13445.46,"ap":0.3581,"as":13561.902,"t":"2024-03-12T10:29:43.111588173Z"}]"#;
    assert_eq!(
        talk.ticks(message),
        [
            r#"{"symbol":"AVAX/USD","ts":1710239268858228,"last":47.299,"last_size":29.205707815,"side":"sell","trade_id":"3447222699101865076"} named"#,
            r#"{"symbol":"BAT/USD","ts":1710239383111588,"bid":0.35718,"bid_size":13445.46,"ask":0.3581,"ask_size":13561.902}"#,
        ]
    );
}

#[test]
fn message_pack_is_answered_in_kind_and_decoded_alike() {
    let dialer = dialer("source=test", "FAKEPACA");
    assert_eq!(dialer.headers(), [("Content-Type", "application/msgpack".to_owned())]);
    let (mut talk, _) = Talk::open(&*dialer, &["FAKEPACA"]);
    let mut out = Reaction::default();
    let mut binary = |message: &[u8], out: &mut Reaction| {
        talk.conversation.binary(Nanos(0), &mut message.to_vec(), out);
    };
    let pack = |text: &str| msgpack::from_json(&serde_json::from_str(text).unwrap());
    binary(&pack(CONNECTED), &mut out);
    binary(&pack(AUTHENTICATED), &mut out);
    let sent: Vec<String> = out
        .sends
        .iter()
        .map(|send| {
            let Outgoing::Binary(bytes) = send else { panic!("{send:?}") };
            let mut json = Vec::new();
            msgpack::to_json(bytes, &mut json).unwrap();
            String::from_utf8(json).unwrap()
        })
        .collect();
    assert_eq!(
        sent,
        [
            r#"{"action":"auth","key":"CK1","secret":"s3cret"}"#,
            r#"{"action":"subscribe","trades":["FAKEPACA"]}"#,
            r#"{"action":"subscribe","quotes":["FAKEPACA"]}"#,
        ]
    );
    out.clear();
    // A trade with a timestamp of 8 bytes and a price as a double.
    let mut trade = b"\x91\x86\xa1T\xa1t\xa1S\xa8FAKEPACA\xa1i\xcd\x01\x00\xa1p\xcb".to_vec();
    trade.extend_from_slice(&126.55f64.to_be_bytes());
    trade.extend_from_slice(b"\xa1s\x07\xa1t\xd7\xff");
    trade.extend_from_slice(&((208_000_001u64 << 34) + 1_614_009_104).to_be_bytes());
    binary(&trade, &mut out);
    assert_eq!(out.notes, []);
    let tick = &out.ticks[0].tick;
    assert_eq!(tick.ts, Some(Nanos(1_614_009_104_208_000_001)));
    assert_eq!(tick.fields.get_decimal(crate::tick::Field::Last).unwrap().to_string(), "126.55");
    out.clear();
    binary(&trade[..trade.len() - 1], &mut out);
    assert!(matches!(out.notes[..], [Note::Reject { .. }]));
}

#[test]
fn errors_are_told_by_their_numbers() {
    let error = |code: u16| format!(r#"[{{"T":"error","code":{code},"msg":"words"}}]"#);
    let check = |code: u16, is: fn(&[Note]) -> bool| {
        let mut talk = live("source=sip", "AAPL");
        talk.sends();
        let notes = talk.notes(&error(code));
        assert!(is(&notes), "{code}: {notes:?}");
    };
    for code in [402, 408, 409] {
        check(code, |notes| matches!(notes, [Note::Fatal { .. }]));
    }
    for code in [401, 404, 406, 500] {
        check(code, |notes| matches!(notes, [Note::Reconnect { .. }]));
    }
    for code in [405, 410] {
        check(code, |notes| matches!(notes, [Note::Refused { .. }, Note::Refused { .. }]));
    }
    check(407, |notes| matches!(notes, [Note::Gap { .. }]));
    check(403, <[Note]>::is_empty);
    check(400, |notes| matches!(notes, [Note::Reject { .. }]));
}

#[test]
fn halts_are_told() {
    let mut talk = live("source=sip", "AAPL");
    talk.sends();
    let status = |code: &str| {
        format!(
            r#"[{{"T":"s","S":"AAPL","sc":"{code}","sm":"Trading Halt","rc":"T12","rm":"Halt Additional Info","t":"2021-02-22T19:15:00Z","z":"C"}}]"#
        )
    };
    let symbol = CompactString::new("AAPL");
    let why = "Trading Halt: Halt Additional Info".to_owned();
    assert_eq!(talk.notes(&status("H")), [Note::Halted { symbol: symbol.clone(), why }]);
    assert_eq!(talk.notes(&status("Q")), []);
    assert_eq!(talk.notes(&status("T")), [Note::Trading { symbol }]);
}

#[test]
fn a_key_that_is_missing_and_a_symbol_of_another_market_are_told() {
    let told = |query: &str, symbol: &str| {
        let mut options = Options::parse("alpaca", query).unwrap();
        let made = Alpaca.configure(&mut options, &[CompactString::new(symbol)]);
        options.finish(made).err().unwrap().to_string()
    };
    let missing = told("key_file=/nowhere/key", "AAPL");
    assert!(missing.contains("/nowhere/key"), "{missing}");
    let file = key_file("CK2");
    let query = format!("source=crypto&key_file={0}&secret_file={0}", file.display());
    assert!(told(&query, "AAPL").contains("a pair such as BTC/USD"));
    assert!(told("source=nyse", "AAPL").contains("overnight"));
}
