//! Messages as the venue documents them.

use super::*;
use crate::feed::upstream::testing::{self, Talk, key_file};

fn dialer(query: &str, symbol: &str) -> Arc<dyn Dialer> {
    let query = format!("{query}&key_file={}", key_file("KEY").display());
    testing::dialer(&Massive, &query, &[symbol])
}

fn status(status: &str, message: &str) -> String {
    format!(r#"[{{"ev":"status","status":"{status}","message":"{message}"}}]"#)
}

/// An authenticated conversation, and what it asked for.
fn live(query: &str, symbol: &str) -> (Talk, Vec<String>) {
    let (mut talk, sends) = Talk::open(&*dialer(query, symbol), &[symbol]);
    assert_eq!(sends, [""; 0]);
    talk.hear(&status("connected", "Connected Successfully"));
    assert_eq!(talk.sends(), [r#"{"action":"auth","params":"KEY"}"#]);
    talk.hear(&status("auth_success", "authenticated"));
    let sends = talk.sends();
    (talk, sends)
}

#[test]
fn each_step_waits_for_the_word_of_the_venue() {
    let (mut talk, sends) = live("market=stocks", "MSFT");
    assert_eq!(
        sends,
        [
            r#"{"action":"subscribe","params":"T.MSFT,Q.MSFT"}"#,
            r#"{"action":"subscribe","params":"LULD.MSFT"}"#
        ]
    );
    let [trades, quotes] = [StreamKind::Trades, StreamKind::Quotes].map(|kind| Stream::new("MSFT", kind));
    assert_eq!(talk.notes(&status("success", "subscribed to: T.MSFT")), [Note::Subscribed(trades.clone())]);
    let words = "not authorized for Q.MSFT";
    assert_eq!(
        talk.notes(&status("error", words)),
        [Note::Refused { stream: quotes, why: words.to_owned() }]
    );
    assert_eq!(
        talk.change(&[Stream::new("*", StreamKind::Trades)], &[trades]),
        [
            r#"{"action":"unsubscribe","params":"T.MSFT"}"#,
            r#"{"action":"unsubscribe","params":"LULD.MSFT"}"#,
            r#"{"action":"subscribe","params":"T.*"}"#,
            r#"{"action":"subscribe","params":"LULD.*"}"#,
        ]
    );
    assert_eq!(
        live("market=crypto", "BTC-USD").1,
        [r#"{"action":"subscribe","params":"XT.BTC-USD,XQ.BTC-USD"}"#]
    );
    assert_eq!(live("market=forex", "EUR/USD").1, [r#"{"action":"subscribe","params":"C.EUR/USD"}"#]);
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = live("market=stocks", "MSFT");
    let message = r#"[{"ev":"T","sym":"MSFT","x":4,"i":"12345","z":3,"p":114.125,"s":100,"ds":"100.0","c":[0,12],"t":1536036818784,"q":3681328,"trfi":201,"trft":1536036818700},{"ev":"Q","sym":"MSFT","bx":4,"bp":114.125,"bs":100,"ax":7,"ap":114.128,"as":160,"c":0,"i":[604],"t":1536036818784,"q":50385480,"z":3},{"ev":"AM","sym":"GTE","v":4110,"av":9470157,"op":0.4372,"vw":0.4488,"o":0.4488,"c":0.4486,"h":0.4489,"l":0.4486,"a":0.4352,"z":685,"s":1610144640000,"e":1610144700000}]"#;
    let lines = talk.ticks(message);
    assert_eq!(
        lines,
        [
            r#"{"symbol":"MSFT","ts":1536036818784000,"last":114.125,"last_size":100,"trade_id":"12345","affects":["volume"]} named at 3681328"#,
            r#"{"symbol":"MSFT","ts":1536036818784000,"bid":114.125,"bid_size":100,"ask":114.128,"ask_size":160}"#,
        ]
    );
    let broken = message.replacen("\"p\":114.125", "\"p\":[]", 1);
    let out = talk.hear(&broken);
    assert_eq!((out.ticks.len(), out.notes.len()), (1, 1));
}

#[test]
fn halts_are_told() {
    let (mut talk, _) = live("market=stocks", "MSFT");
    let limit = |indicator: u64| {
        format!(
            r#"[{{"ev":"LULD","T":"MSFT","h":492.99,"l":446.04,"i":[{indicator}],"z":3,"t":1764086430905642800,"q":5925769}}]"#
        )
    };
    let symbol = CompactString::new("MSFT");
    assert_eq!(talk.notes(&limit(16)), []);
    let why = "trading is halted".to_owned();
    assert_eq!(talk.notes(&limit(17)), [Note::Halted { symbol: symbol.clone(), why }]);
    assert_eq!(talk.notes(&limit(18)), [Note::Trading { symbol }]);
    assert_eq!(talk.notes(&status("success", "subscribed to: LULD.MSFT")), []);
}

#[test]
fn what_ends_a_connection_is_told() {
    let (mut talk, _) = live("market=stocks", "MSFT");
    let why = "authentication failed".to_owned();
    assert_eq!(talk.notes(&status("auth_failed", &why)), [Note::Fatal { why }]);
    for word in ["auth_timeout", "max_connections", "slow_consumer", "force_disconnect"] {
        assert!(matches!(talk.notes(&status(word, "words"))[..], [Note::Reconnect { .. }]), "{word}");
    }
    let (mut talk, _) = Talk::open(&*dialer("", "MSFT"), &["MSFT"]);
    assert_eq!(talk.wake().0, [r#"{"action":"auth","params":"KEY"}"#]);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}

#[test]
fn markets_have_their_paths() {
    let group = StreamGroup { channel: "", streams: Vec::new() };
    let dialer = dialer("market=forex&delayed=true", "EUR/USD");
    assert_eq!((dialer.root(), dialer.path(&group)), ("wss://delayed.massive.com", "/forex".to_owned()));
    assert_eq!(dialer.kinds(), [StreamKind::Quotes]);
}
