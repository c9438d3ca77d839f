//! Messages as the venue documents them and as they were received in August 2026.

use super::*;
use crate::feed::upstream::{
    testing::{Talk, dialer},
    venue::Number,
};

const ACK: &str = r#"{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48.228846629Z","sequence_num":2,"events":[{"subscriptions":{"market_trades":["BTC-USD","ETH-USD"]}}]}"#;
const TICKER: &str = r#"{"channel":"ticker","timestamp":"2026-08-09T21:05:48.229198328Z","sequence_num":6,"events":[{"type":"snapshot","tickers":[{"type":"ticker","product_id":"BTC-USD","price":"65086.18","volume_24_h":"2867.54532609","low_24_h":"64675.22","high_24_h":"65252.99","low_52_w":"57717.55","high_52_w":"126296","price_percent_chg_24_h":"0.09601107287722","best_bid":"65083.66","best_ask":"65083.67","best_bid_quantity":"0.20371215","best_ask_quantity":"0.24290402"}]}]}"#;

/// A message of trades with these numbers, the newest first as the venue writes them.
pub fn trades(kind: &str, sequence: u64, numbers: &[u64]) -> String {
    let trade = |number: &u64| {
        format!(
            r#"{{"product_id":"BTC-USD","trade_id":"{number}","price":"65083.67","size":"0.0103436{}","time":"2026-08-09T21:05:48.{:06}Z","side":"SELL"}}"#,
            number % 10,
            number % 1_000_000,
        )
    };
    let trades: Vec<String> = numbers.iter().rev().map(trade).collect();
    format!(
        r#"{{"channel":"market_trades","timestamp":"2026-08-09T21:05:48.251397169Z","sequence_num":{sequence},"events":[{{"type":"{kind}","trades":[{}]}}]}}"#,
        trades.join(",")
    )
}

fn line(number: u64) -> String {
    format!(
        r#"{{"symbol":"BTC-USD","ts":{},"last":65083.67,"last_size":0.0103436{},"side":"buy","trade_id":"{number}"}} counted {number}"#,
        1_786_309_548_000_000 + number % 1_000_000,
        number % 10,
    )
}

#[test]
fn each_channel_is_a_request() {
    let (mut talk, sends) =
        Talk::open(&*dialer(&Coinbase, "", &["BTC-USD", "ETH-USD"]), &["BTC-USD", "ETH-USD"]);
    let request = |kind: &str, channel: &str, products: &str| {
        format!(r#"{{"channel":"{channel}","product_ids":[{products}],"type":"{kind}"}}"#)
    };
    let both = r#""BTC-USD","ETH-USD""#;
    assert_eq!(
        sends,
        [
            request("subscribe", "market_trades", both),
            request("subscribe", "ticker", both),
            request("subscribe", "status", both),
            r#"{"channel":"heartbeats","type":"subscribe"}"#.to_owned(),
        ]
    );
    let sent = talk.change(
        &[Stream::new("SOL-USD", StreamKind::Trades)],
        &[Stream::new("ETH-USD", StreamKind::Quotes), Stream::new("X-USD", StreamKind::Quotes)],
    );
    assert_eq!(
        sent,
        [
            request("unsubscribe", "ticker", r#""ETH-USD""#),
            request("subscribe", "market_trades", r#""SOL-USD""#),
            request("subscribe", "status", r#""SOL-USD""#),
        ]
    );
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = Talk::open(&*dialer(&Coinbase, "", &["BTC-USD"]), &["BTC-USD"]);
    let stream = Stream::new("BTC-USD", StreamKind::Trades);
    assert_eq!(talk.notes(ACK), [Note::Subscribed(stream)]);
    assert_eq!(talk.notes(&ACK.replace("\":2,", "\":3,")), []);
    let ticker = TICKER.replace("\":6,", "\":4,");
    assert_eq!(
        talk.ticks(&ticker),
        [
            r#"{"symbol":"BTC-USD","ts":1786309548229198,"bid":65083.66,"bid_size":0.20371215,"ask":65083.67,"ask_size":0.24290402,"last":65086.18}"#
        ]
    );
    // Two trades of one time are told apart by their numbers.
    assert_eq!(talk.ticks(&trades("update", 5, &[7, 8, 9])), [line(7), line(8), line(9)]);
    let beat = r#"{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48.856364007Z","sequence_num":6,"events":[{"current_time":"2026-08-09 21:05:48.854840045 +0000 UTC m=+41691.260485341","heartbeat_counter":41691}]}"#;
    assert_eq!(talk.ticks(beat), [""; 0]);
}

#[test]
fn a_history_is_no_news_and_fills_what_was_missed() {
    let dialer = dialer(&Coinbase, "", &["BTC-USD"]);
    let (mut talk, _) = Talk::open(&*dialer, &["BTC-USD"]);
    assert_eq!(talk.notes(&trades("snapshot", 0, &[1, 2, 3])), [Note::History { ticks: 3 }]);
    // What the history has as well comes once.
    assert_eq!(talk.ticks(&trades("update", 1, &[3, 4])), [line(3), line(4)]);
    drop(talk);
    let (mut talk, _) = Talk::open(&*dialer, &["BTC-USD"]);
    let out = talk.hear(&trades("snapshot", 0, &[2, 3, 4, 5, 6]));
    assert_eq!(out.ticks.iter().map(|one| one.number).collect::<Vec<_>>(), [5, 6].map(Number::Counted));
    out.ticks.clear();
    assert_eq!(talk.told(), [Note::History { ticks: 3 }]);
    assert_eq!(talk.ticks(&trades("update", 1, &[7])), [line(7)]);
}

#[test]
fn a_jump_of_the_numbering_is_told_and_asks_for_tickers() {
    let (mut talk, _) = Talk::open(&*dialer(&Coinbase, "", &["BTC-USD"]), &["BTC-USD"]);
    talk.ticks(&trades("update", 3, &[1]));
    let out = talk.hear(&trades("update", 6, &[2]));
    assert_eq!(out.ticks.len(), 1);
    out.ticks.clear();
    let why = "sequence_num 6 after 3: 2 messages are missing".to_owned();
    assert_eq!(talk.told(), [Note::Gap { why }]);
    assert_eq!(talk.sends(), [r#"{"channel":"ticker","product_ids":["BTC-USD"],"type":"subscribe"}"#]);
    // Not again for some seconds.
    talk.hear(&trades("update", 9, &[3])).ticks.clear();
    assert_eq!((talk.told().len(), talk.sends().len()), (1, 0));
    // An older quote is not news; an older trade has a number of its own.
    assert_eq!(talk.ticks(TICKER), [""; 0]);
    assert_eq!(talk.ticks(&trades("update", 8, &[4])), [line(4)]);
    // Numbering that begins again is not a jump.
    talk.ticks(&trades("update", 200, &[5]).replace("\":200,", "\":10,"));
    talk.hear(&trades("update", 300, &[6])).clear();
    assert_eq!(talk.ticks(&trades("update", 0, &[7])), [line(7)]);
    assert_eq!(talk.ticks(&trades("update", 1, &[8])), [line(8)]);
}

#[test]
fn halts_and_refusals_are_told() {
    let (mut talk, _) = Talk::open(&*dialer(&Coinbase, "", &["BTC-USD"]), &["BTC-USD"]);
    let status = |status: &str| {
        format!(
            r#"{{"channel":"status","timestamp":"2023-02-09T20:29:49.753424311Z","sequence_num":0,"events":[{{"type":"snapshot","products":[{{"product_type":"SPOT","id":"BTC-USD","base_currency":"BTC","quote_currency":"USD","base_increment":"0.00000001","quote_increment":"0.01","display_name":"BTC/USD","status":"{status}","status_message":"","min_market_funds":"1"}}]}}]}}"#
        )
    };
    let symbol = CompactString::new("BTC-USD");
    // Another connection may have told of a halt.
    assert_eq!(talk.notes(&status("online")), [Note::Trading { symbol: symbol.clone() }]);
    assert_eq!(talk.notes(&status("online")), []);
    assert_eq!(
        talk.notes(&status("offline")),
        [Note::Halted { symbol: symbol.clone(), why: "offline".to_owned() }]
    );
    assert_eq!(talk.notes(&status("online")), [Note::Trading { symbol }]);
    let error = r#"{"type":"error","message":"Failed to subscribe: BTC-USD is not a valid product"}"#;
    let why = "Failed to subscribe: BTC-USD is not a valid product".to_owned();
    let refused = |kind| Note::Refused { stream: Stream::new("BTC-USD", kind), why: why.clone() };
    assert_eq!(talk.notes(error), [refused(StreamKind::Trades), refused(StreamKind::Quotes)]);
    assert!(matches!(
        talk.notes(r#"{"type":"error","message":"rate limit exceeded"}"#)[..],
        [Note::Reconnect { .. }]
    ));
    assert!(matches!(talk.notes(r#"{"type":"error","message":"failure"}"#)[..], [Note::Reject { .. }]));
    assert!(matches!(talk.notes("{")[..], [Note::Reject { .. }]));
}

#[test]
fn the_list_has_what_is_traded() {
    let page = br#"{"products":[{"product_id":"BTC-USD","price":"1","status":"online","is_disabled":false},{"product_id":"X-USD","status":"delisted"}],"num_products":2}"#;
    let dialer = dialer(&Coinbase, "", &["*"]);
    let page = dialer.listing().unwrap().read(page).unwrap();
    assert_eq!(page, ListedPage { symbols: vec![CompactString::new("BTC-USD")], ..ListedPage::default() });
    assert!(dialer.listing().unwrap().read(b"[").is_err());
}
