//! Messages as the venue documents them.

use super::*;
use crate::feed::upstream::testing::{Talk, dialer};

/// A message of trades of a coin, each with its time and name.
fn trades(coin: &str, trades: &[(u64, u64)]) -> String {
    let trade = |(time, name): &(u64, u64)| {
        format!(
            r#"{{"coin":"{coin}","side":"A","px":"23.25","sz":"1.5","hash":"0x00","time":{time},"tid":{name},"users":["0x1","0x2"]}}"#
        )
    };
    let trades: Vec<String> = trades.iter().map(trade).collect();
    format!(r#"{{"channel":"trades","data":[{}]}}"#, trades.join(","))
}

fn best(time: u64) -> String {
    format!(
        r#"{{"channel":"bbo","data":{{"coin":"SOL","time":{time},"bbo":[{{"px":"23.2","sz":"3","n":2}},{{"px":"23.3","sz":"4.5","n":1}}]}}}}"#
    )
}

#[test]
fn each_stream_is_asked_for_and_acknowledged_by_itself() {
    let (mut talk, sends) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL"]), &["SOL"]);
    assert_eq!(
        sends,
        [
            r#"{"method":"subscribe","subscription":{"coin":"SOL","type":"bbo"}}"#,
            r#"{"method":"subscribe","subscription":{"coin":"SOL","type":"trades"}}"#,
        ]
    );
    let ack = r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"SOL"}}}"#;
    let stream = Stream::new("SOL", StreamKind::Trades);
    assert_eq!(talk.notes(ack), [Note::Subscribed(stream.clone())]);
    let words = r#"Invalid subscription {"type":"bbo","coin":"SOL"}"#;
    let error = json!({"channel": "error", "data": words}).to_string();
    let refused = Note::Refused { stream: Stream::new("SOL", StreamKind::Quotes), why: words.to_owned() };
    assert_eq!(talk.notes(&error), [refused]);
    assert!(matches!(talk.notes(&error)[..], [Note::Reject { .. }]));
    assert_eq!(
        talk.change(&[], &[stream]),
        [r#"{"method":"unsubscribe","subscription":{"coin":"SOL","type":"trades"}}"#]
    );
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL"]), &["SOL"]);
    assert_eq!(
        talk.ticks(&best(1_708_622_398_623)),
        [r#"{"symbol":"SOL","ts":1708622398623000,"bid":23.2,"bid_size":3,"ask":23.3,"ask_size":4.5}"#]
    );
    let line = r#"{"symbol":"SOL","ts":1708622398623000,"last":23.25,"last_size":1.5,"side":"sell","trade_id":"118906512037719"} named"#;
    assert_eq!(talk.ticks(&trades("SOL", &[(1_708_622_398_623, 118_906_512_037_719)])), [line]);
    assert_eq!(talk.ticks(r#"{"channel":"pong"}"#), [""; 0]);
}

#[test]
fn the_first_trades_are_a_history_by_their_times() {
    let (mut talk, _) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL", "BTC"]), &["SOL", "BTC", "ETH"]);
    // Of several blocks.
    assert_eq!(talk.notes(&trades("SOL", &[(1_700, 1), (1_600, 2)])), [Note::History { ticks: 2 }]);
    assert_eq!(talk.ticks(&trades("SOL", &[(1_800, 3), (1_801, 4)])).len(), 2);
    talk.ticks(&best(9_000));
    // Of one block, long before the newest.
    assert_eq!(talk.notes(&trades("BTC", &[(3_000, 5)])), [Note::History { ticks: 1 }]);
    assert_eq!(talk.ticks(&trades("ETH", &[(8_500, 6), (8_500, 7)])).len(), 2);
    let marked = trades("ETH", &[(9_500, 8)]).replace("\"data\"", "\"isSnapshot\":true,\"data\"");
    assert_eq!(talk.notes(&marked), [Note::History { ticks: 1 }]);
}

#[test]
fn the_list_has_the_perpetuals() {
    let page = br#"{"universe":[{"szDecimals":5,"name":"BTC","maxLeverage":40,"marginTableId":56},{"szDecimals":1,"name":"MATIC","maxLeverage":20,"marginTableId":20,"isDelisted":true},{"szDecimals":0,"name":"kPEPE","maxLeverage":10}],"marginTables":[],"collateralToken":0}"#;
    let dialer = dialer(&Hyperliquid, "", &["*"]);
    let listing = dialer.listing().unwrap();
    let body = Some(r#"{"type":"meta"}"#.to_owned());
    assert_eq!(listing.first(), ListingRequest { path: "/info".to_owned(), body });
    assert_eq!(listing.read(page).unwrap().symbols, ["BTC", "kPEPE"].map(CompactString::new));
}

#[test]
fn a_quiet_connection_is_pinged() {
    let (mut talk, _) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL"]), &["SOL"]);
    let opened = talk.now;
    assert_eq!(talk.wake(), (vec![r#"{"method":"ping"}"#.to_owned()], vec![]));
    assert_eq!(talk.now.since(opened), 50_000_000_000);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}
