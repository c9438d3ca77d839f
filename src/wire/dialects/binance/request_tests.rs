//! Requests of clients, and the vendor's answers.

use super::{address::Address, conversation::BinanceSession, messages::close_of};
use crate::{
    tick::Nanos,
    wire::{
        CloseReason,
        dialects::{Carried, Dialect, Leaving, Moment, Wish, WishRefusal, Wishes},
    },
};

const NOW: Moment = Moment { machine: Nanos(5), market: Nanos(1_770_123_456_789_000_000) };

fn session(path: &str) -> BinanceSession {
    BinanceSession::new(Address::of(path, "").unwrap())
}

/// What a session answers, when everything it wishes for is granted.
fn ask(session: &mut BinanceSession, text: &str) -> Vec<String> {
    ask_with(session, text, &Carried::Subscribed(None))
}

fn ask_with(session: &mut BinanceSession, text: &str, result: &Carried) -> Vec<String> {
    let mut wishes = Wishes::default();
    session.text(text, NOW, &mut wishes);
    let results: Vec<_> = wishes.0.iter().filter(|wish| wish.asks()).map(|_| result.clone()).collect();
    if !results.is_empty() {
        session.carried_out(&results, NOW, &mut wishes);
    }
    sent(&wishes)
}

fn sent(Wishes(wishes): &Wishes) -> Vec<String> {
    let sent = wishes.iter().filter_map(|wish| match wish {
        Wish::Send(payload) => Some(String::from_utf8(payload.clone()).unwrap()),
        _ => None,
    });
    sent.collect()
}

#[track_caller]
fn check(session: &mut BinanceSession, text: &str, expected: &str) {
    assert_eq!(ask(session, text), [expected], "{text}");
}

#[test]
fn requests_are_answered_with_their_id_as_it_came() {
    let mut session = session("/ws");
    check(
        &mut session,
        r#"{"method":"SUBSCRIBE","params":["btcusdt@aggTrade","btcusdt@trade"],"id":1}"#,
        r#"{"result":null,"id":1}"#,
    );
    check(
        &mut session,
        r#"{"method":"SUBSCRIBE","params":["BTCUSDT@trade"],"id":"again"}"#,
        r#"{"result":null,"id":"again"}"#,
    );
    check(
        &mut session,
        r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#,
        r#"{"result":["btcusdt@aggTrade","btcusdt@trade"],"id":3}"#,
    );
    check(
        &mut session,
        r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade","never@trade"],"id":312}"#,
        r#"{"result":null,"id":312}"#,
    );
    check(
        &mut session,
        r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":-9223372036854775808}"#,
        r#"{"result":null,"id":-9223372036854775808}"#,
    );
    check(
        &mut session,
        r#"{ "id" : "9d32157c-a556-4d27-9866-66760a174b57", "method" : "LIST_SUBSCRIPTIONS" }"#,
        r#"{"result":["btcusdt@aggTrade"],"id":"9d32157c-a556-4d27-9866-66760a174b57"}"#,
    );
    check(
        &mut session,
        r#"{"method":"SUBSCRIBE","params":["what@ever"],"id":null}"#,
        r#"{"result":null,"id":null}"#,
    );
    check(
        &mut session,
        r#"{"method":"LIST_SUBSCRIPTIONS"}"#,
        r#"{"result":["btcusdt@aggTrade","what@ever"],"id":null}"#,
    );
}

#[test]
fn the_property_changes_how_messages_are_written() {
    let mut session = session("/ws");
    let raw = session.encoding();
    check(
        &mut session,
        r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#,
        r#"{"result":false,"id":2}"#,
    );
    check(
        &mut session,
        r#"{"method":"SET_PROPERTY","params":["combined",true],"id":5}"#,
        r#"{"result":null,"id":5}"#,
    );
    check(
        &mut session,
        r#"{"method":"GET_PROPERTY","params":["combined"],"id":2}"#,
        r#"{"result":true,"id":2}"#,
    );
    assert_ne!(session.encoding(), raw);
    let mut wishes = Wishes::default();
    session.leaving(Leaving::Drain, NOW, &mut wishes);
    assert_eq!(
        sent(&wishes),
        [r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#]
    );
    check(
        &mut session,
        r#"{"method":"SET_PROPERTY","params":["combined",false],"id":6}"#,
        r#"{"result":null,"id":6}"#,
    );
    let mut wishes = Wishes::default();
    session.leaving(Leaving::Drain, NOW, &mut wishes);
    assert_eq!(sent(&wishes), [r#"{"e":"serverShutdown","E":1770123456789}"#]);
}

#[test]
fn faults_are_told_in_the_venues_words() {
    let mut session = session("/stream");
    for (text, expected) in [
        (
            r#"{"method":"GET_PROPERTY","params":["colour"],"id":7}"#,
            r#"{"code":0,"msg":"Unknown property","id":7}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["colour",true],"id":"a"}"#,
            r#"{"code":0,"msg":"Unknown property","id":"a"}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined",1],"id":1}"#,
            r#"{"code":1,"msg":"Invalid value type: expected Boolean"}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":["combined"],"id":1}"#,
            r#"{"code":1,"msg":"Invalid value type: expected Boolean"}"#,
        ),
        (
            r#"{"method":"SET_PROPERTY","params":[true,true],"id":1}"#,
            r#"{"code":2,"msg":"Invalid request: property name must be a string"}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":[],"id":1}"#,
            r#"{"code":2,"msg":"Invalid request: property name must be a string"}"#,
        ),
        (
            r#"{"method":"GET_PROPERTY","params":["combined","x"],"id":1}"#,
            r#"{"code":2,"msg":"Invalid request: too many parameters"}"#,
        ),
        (
            r#"{"method":"LIST_SUBSCRIPTIONS","id":1.5}"#,
            r#"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#,
        ),
        (
            r#"{"method":"LIST_SUBSCRIPTIONS","id":"1234567890123456789012345678901234567"}"#,
            r#"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#,
        ),
        (
            r#"{"method":"LIST_SUBSCRIPTIONS","id":{}}"#,
            r#"{"code":2,"msg":"Invalid request: request ID must be an unsigned integer"}"#,
        ),
        (
            "{\n\"method\":\"SUBSCRIBES\"}",
            r#"{"code":2,"msg":"Invalid request: unknown variant SUBSCRIBES, expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, `SET_PROPERTY`, `GET_PROPERTY` at line 2 column 21"}"#,
        ),
        (
            r#"{"params":["btcusdt@trade"],"id":1}"#,
            r#"{"code":2,"msg":"Invalid request: missing field `method` at line 1 column 35"}"#,
        ),
        (
            "5",
            r#"{"code":2,"msg":"Invalid request: invalid type: integer `5`, expected struct Request at line 1 column 1"}"#,
        ),
        ("hello", r#"{"code":3,"msg":"Invalid JSON: expected value at line 1 column 1"}"#),
        (
            r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","btcusdt@kline_1m"],"id":1}"#,
            r#"{"code":2,"msg":"Invalid request: stream btcusdt@kline_1m is not available"}"#,
        ),
    ] {
        check(&mut session, text, expected);
    }
    check(&mut session, r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, r#"{"result":[],"id":1}"#);
}

#[test]
fn a_session_has_1024_streams_and_is_told_of_one_more() {
    let mut session = session("/ws");
    let names = |from: usize, to: usize| {
        let names: Vec<_> = (from..to).map(|number| format!("s{number}@trade")).collect();
        serde_json::to_string(&names).unwrap()
    };
    let full = r#"{"code":2,"msg":"Invalid request: too many parameters"}"#;
    check(
        &mut session,
        &format!(r#"{{"method":"SUBSCRIBE","params":{},"id":1}}"#, names(0, 1024)),
        r#"{"result":null,"id":1}"#,
    );
    check(&mut session, &format!(r#"{{"method":"SUBSCRIBE","params":{},"id":2}}"#, names(0, 1025)), full);
    check(
        &mut session,
        &format!(r#"{{"method":"SUBSCRIBE","params":{},"id":3}}"#, names(0, 1024)),
        r#"{"result":null,"id":3}"#,
    );
    check(
        &mut session,
        &format!(r#"{{"method":"UNSUBSCRIBE","params":{},"id":4}}"#, names(0, 1)),
        r#"{"result":null,"id":4}"#,
    );
    check(
        &mut session,
        &format!(r#"{{"method":"SUBSCRIBE","params":{},"id":5}}"#, names(1024, 1025)),
        r#"{"result":null,"id":5}"#,
    );
    // The service may allow fewer.
    check(
        &mut session,
        &format!(r#"{{"method":"UNSUBSCRIBE","params":{},"id":6}}"#, names(0, 1025)),
        r#"{"result":null,"id":6}"#,
    );
    let request = r#"{"method":"SUBSCRIBE","params":["a@trade"],"id":7}"#;
    assert_eq!(ask_with(&mut session, request, &Carried::Refused(WishRefusal::TooMany)), [full]);
    assert_eq!(
        ask_with(&mut session, request, &Carried::Refused(WishRefusal::NotEntitled)),
        [r#"{"result":null,"id":7}"#]
    );
    check(&mut session, r#"{"method":"LIST_SUBSCRIPTIONS","id":8}"#, r#"{"result":["a@trade"],"id":8}"#);
}

#[test]
fn the_streams_of_the_address_are_subscribed_to_once() {
    let mut session = session("/ws/btcusdt@trade/BTCUSDT@trade/btcusdt@bookTicker/0");
    let mut wishes = Wishes::default();
    session.opened(NOW, &mut wishes);
    assert_eq!(wishes.0.iter().filter(|wish| wish.asks()).count(), 2);
    session.carried_out(&[Carried::Subscribed(None), Carried::Subscribed(None)], NOW, &mut wishes);
    assert_eq!(sent(&wishes), Vec::<String>::new(), "an address is not answered");
    check(
        &mut session,
        r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#,
        r#"{"result":["btcusdt@trade","btcusdt@bookTicker"],"id":1}"#,
    );
    // Some clients put a stream into the address, and subscribe to it once more.
    check(
        &mut session,
        r#"{"method":"SUBSCRIBE","params":["btcusdt@trade"],"id":2}"#,
        r#"{"result":null,"id":2}"#,
    );
}

#[test]
fn an_address_with_1025_streams_is_refused_and_closed() {
    let opened = |streams: usize| {
        let names: Vec<_> = (0..streams).map(|number| format!("s{number}@trade")).collect();
        // A stream that stands twice is one.
        let mut session = session(&format!("/ws/{}/S0@trade", names.join("/")));
        let mut wishes = Wishes::default();
        session.opened(NOW, &mut wishes);
        wishes
    };
    let full = opened(1024);
    assert_eq!(full.0.iter().filter(|wish| wish.asks()).count(), 1024);
    assert!(full.0.iter().all(Wish::asks));
    let refused = opened(1025);
    assert_eq!(sent(&refused), [r#"{"code":2,"msg":"Invalid request: too many parameters"}"#]);
    assert!(!refused.0.iter().any(Wish::asks), "none is begun");
    let Some(Wish::CloseSaying(CloseReason::Policy, words)) = refused.0.last() else {
        panic!("it stays open: {refused:?}")
    };
    assert_eq!(*words, "Invalid request: too many parameters");
}

#[test]
fn an_address_is_told_of_what_is_not_served_and_of_what_it_may_not_have() {
    let opened = |address: &str| {
        let mut session = session(address);
        let mut wishes = Wishes::default();
        session.opened(NOW, &mut wishes);
        (session, wishes)
    };
    let (mut session, wishes) = opened("/ws/btcusdt@trade/btcusdt@kline_1m");
    let missing = r#"{"code":2,"msg":"Invalid request: stream btcusdt@kline_1m is not available"}"#;
    assert_eq!(sent(&wishes), [missing]);
    assert_eq!(wishes.0.iter().filter(|wish| wish.asks()).count(), 1);
    check(
        &mut session,
        r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#,
        r#"{"result":["btcusdt@trade"],"id":1}"#,
    );
    let (_, wishes) = opened("/ws/btcusdt@kline_1m");
    assert_eq!(sent(&wishes), [missing]);
    assert!(matches!(wishes.0.last(), Some(Wish::CloseSaying(CloseReason::Policy, _))), "nothing would come");
    let (mut session, _) = opened("/ws/btcusdt@trade/ethusdt@trade");
    let mut wishes = Wishes::default();
    let results = [Carried::Subscribed(None), Carried::Refused(WishRefusal::TooMany)];
    session.carried_out(&results, NOW, &mut wishes);
    assert_eq!(sent(&wishes), [r#"{"code":2,"msg":"Invalid request: too many parameters"}"#]);
    assert!(matches!(wishes.0.last(), Some(Wish::CloseSaying(CloseReason::Policy, _))), "one would be mute");
}

#[test]
fn every_close_has_a_code_that_a_client_of_the_venue_knows() {
    for reason in CloseReason::ALL {
        let (code, phrase) = close_of(reason);
        assert!(code < 1016 && phrase.len() <= 123, "{reason:?}: {code} {phrase}");
    }
    assert_eq!(close_of(CloseReason::Slow).0, 1008);
    assert_eq!(close_of(CloseReason::PongTimeout), (1008, "Pong timeout"));
    assert_eq!(close_of(CloseReason::Policy), (1008, "Too many requests"));
}
