//! Messages as the venue documents them.

use super::*;
use crate::feed::upstream::testing::{Talk, dialer};

/// A message of trades with these numbers.
pub fn trades(kind: &str, numbers: &[u64]) -> String {
    let trade = |number: &u64| {
        format!(
            r#"{{"symbol":"MATIC/USD","side":"sell","price":0.5117,"qty":40.0000000{},"ord_type":"market","trade_id":{number},"timestamp":"2023-09-25T07:49:37.{:06}Z"}}"#,
            number % 10,
            number % 1_000_000,
        )
    };
    let trades: Vec<String> = numbers.iter().map(trade).collect();
    format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, trades.join(","))
}

fn line(number: u64) -> String {
    let size = match number % 10 {
        0 => "40".to_owned(),
        last => format!("40.0000000{last}"),
    };
    format!(
        r#"{{"symbol":"MATIC/USD","ts":{},"last":0.5117,"last_size":{size},"side":"sell","trade_id":"{number}"}} counted {number}"#,
        1_695_628_177_000_000 + number % 1_000_000,
    )
}

#[test]
fn both_channels_are_asked_for_and_acknowledged_by_symbol() {
    let (mut talk, sends) = Talk::open(&*dialer(&Kraken, "", &["BTC/USD"]), &["BTC/USD", "ETH/USD"]);
    assert_eq!(
        sends,
        [
            r#"{"method":"subscribe","params":{"channel":"trade","snapshot":false,"symbol":["BTC/USD","ETH/USD"]},"req_id":1}"#,
            r#"{"method":"subscribe","params":{"channel":"ticker","event_trigger":"bbo","symbol":["BTC/USD","ETH/USD"]},"req_id":2}"#,
        ]
    );
    let ack = r#"{"method":"subscribe","result":{"channel":"ticker","symbol":"BTC/USD","snapshot":true},"success":true,"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z","req_id":1}"#;
    let quotes = Stream::new("BTC/USD", StreamKind::Quotes);
    assert_eq!(talk.notes(ack), [Note::Subscribed(quotes.clone())]);
    let error = |symbol: &str, words: &str, id: u64| {
        format!(
            r#"{{"error":"{words}","method":"subscribe","success":false,"symbol":"{symbol}","req_id":{id},"time_in":"2023-09-25T09:04:31.742599Z","time_out":"2023-09-25T09:04:31.742648Z"}}"#
        )
    };
    let why = "Currency pair not supported ETH/USD";
    assert_eq!(
        talk.notes(&error("ETH/USD", why, 1)),
        [Note::Refused { stream: Stream::new("ETH/USD", StreamKind::Trades), why: why.to_owned() }]
    );
    let already = Note::Subscribed(Stream::new("ETH/USD", StreamKind::Quotes));
    assert_eq!(talk.notes(&error("ETH/USD", "Already subscribed", 2)), [already]);
    let rate = r#"{"error":"Exceeded msg rate","method":"subscribe","success":false}"#;
    assert_eq!(talk.notes(rate), [Note::Reconnect { why: "Exceeded msg rate".to_owned() }]);
    assert_eq!(
        talk.change(&[], &[quotes]),
        [
            r#"{"method":"unsubscribe","params":{"channel":"ticker","event_trigger":"bbo","symbol":["BTC/USD"]},"req_id":2}"#
        ]
    );
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = Talk::open(&*dialer(&Kraken, "", &["BTC/USD"]), &["BTC/USD"]);
    assert_eq!(talk.ticks(&trades("update", &[4_665_906, 4_665_907])), [line(4_665_906), line(4_665_907)]);
    let ticker = r#"{"channel":"ticker","type":"snapshot","data":[{"symbol":"BTC/USD","bid":105944.20,"bid_qty":2.5,"ask":105944.30,"ask_qty":3.2,"last":105899.40,"volume":163.28908096,"vwap":105904.39279,"low":104711.00,"high":106613.10,"change":250.00,"change_pct":0.24,"timestamp":"2022-12-25T09:30:59.123456Z"}]}"#;
    assert_eq!(
        talk.ticks(ticker),
        [
            r#"{"symbol":"BTC/USD","ts":1671960659123456,"bid":105944.2,"bid_size":2.5,"ask":105944.3,"ask_size":3.2,"last":105899.4}"#
        ]
    );
    for nothing in
        [r#"{"channel":"heartbeat"}"#, r#"{"method":"pong","req_id":42,"time_in":"","time_out":""}"#]
    {
        assert_eq!(talk.ticks(nothing), [""; 0]);
    }
}

#[test]
fn a_history_is_no_news_and_fills_what_was_missed() {
    let dialer = dialer(&Kraken, "", &["MATIC/USD"]);
    let (mut talk, _) = Talk::open(&*dialer, &["MATIC/USD"]);
    assert_eq!(talk.notes(&trades("snapshot", &[1, 2])), [Note::History { ticks: 2 }]);
    assert_eq!(talk.ticks(&trades("update", &[3])), [line(3)]);
    drop(talk);
    let (mut talk, sends) = Talk::open(&*dialer, &["MATIC/USD"]);
    assert!(sends[0].contains(r#""snapshot":true"#), "{sends:?}");
    assert_eq!(talk.ticks(&trades("snapshot", &[4, 5])), [line(4), line(5)]);
    assert_eq!(talk.notes(&trades("snapshot", &[4, 5])), [Note::History { ticks: 2 }]);
}

#[test]
fn the_system_halts_and_trades() {
    let (mut talk, _) = Talk::open(&*dialer(&Kraken, "", &["BTC/USD"]), &["BTC/USD"]);
    let status = |system: &str| {
        format!(
            r#"{{"channel":"status","type":"update","data":[{{"version":"2.0.10","system":"{system}","api_version":"v2","connection_id":12834474834097612770}}]}}"#
        )
    };
    let symbol = CompactString::new("BTC/USD");
    // Another connection may have told of a halt.
    assert_eq!(talk.notes(&status("online")), [Note::Trading { symbol: symbol.clone() }]);
    assert_eq!(talk.notes(&status("online")), []);
    let why = "the system is in maintenance".to_owned();
    assert_eq!(talk.notes(&status("maintenance")), [Note::Halted { symbol: symbol.clone(), why }]);
    assert_eq!(talk.notes(&status("limit_only")), [Note::Trading { symbol }]);
}

#[test]
fn a_quiet_connection_is_pinged_and_given_up() {
    let (mut talk, _) = Talk::open(&*dialer(&Kraken, "", &["BTC/USD"]), &["BTC/USD"]);
    assert_eq!(talk.wake(), (vec![r#"{"method":"ping"}"#.to_owned()], vec![]));
    talk.ticks(r#"{"method":"pong"}"#);
    assert_eq!(talk.wake().0.len(), 1);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}

#[test]
fn the_list_has_the_names_of_the_second_version() {
    let page = br#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","status":"online"},"XDGEUR":{"wsname":"XDG/EUR","status":"online"},"A":{"wsname":"A/USD","status":"cancel_only"}}}"#;
    let dialer = dialer(&Kraken, "", &["*"]);
    let page = dialer.listing().unwrap().read(page).unwrap();
    assert_eq!(page.symbols, ["DOGE/EUR", "BTC/USD"].map(CompactString::new));
}

#[test]
fn a_name_of_the_first_version_is_told() {
    let mut options = Options::parse("kraken", "").unwrap();
    let told = Kraken.configure(&mut options, &[CompactString::new("XBT/USD")]).err().unwrap();
    assert!(told.to_string().contains("BTC/USD here"), "{told}");
}
