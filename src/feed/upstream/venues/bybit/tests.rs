//! Messages as the venue documents them.

use super::*;
use crate::feed::upstream::testing::{Talk, dialer};

const TRADE: &str = r#"{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":1672304486868,"data":[{"T":1672304486865,"s":"BTCUSDT","S":"Buy","v":"0.001","p":"16578.50","L":"PlusTick","i":"20f43950-d8dd-5b31-9112-a178eb6023af","BT":false,"seq":1783284617}]}"#;

fn book(kind: &str, ts: u64, number: u64, bids: &str, asks: &str) -> String {
    format!(
        r#"{{"topic":"orderbook.1.BTCUSDT","type":"{kind}","ts":{ts},"data":{{"s":"BTCUSDT","b":[{bids}],"a":[{asks}],"u":{number},"seq":7961638724}},"cts":{ts}}}"#
    )
}

#[test]
fn requests_have_at_most_ten_topics_of_spot() {
    let symbols = ["A", "B", "C", "D", "E", "F"];
    let (_, sends) = Talk::open(&*dialer(&Bybit, "category=spot", &symbols), &symbols);
    assert_eq!(sends.len(), 2);
    assert!(sends.iter().all(|send| send.matches("orderbook.1.").count() <= 5), "{sends:?}");
    assert_eq!(sends[1], r#"{"args":["publicTrade.F","orderbook.1.F"],"op":"subscribe","req_id":"2"}"#);
    let linear = dialer(&Bybit, "category=linear", &symbols);
    let (_, sends) = Talk::open(&*linear, &symbols);
    assert_eq!(sends.len(), 1);
    let group = StreamGroup { channel: "", streams: Vec::new() };
    assert_eq!(linear.path(&group), "/v5/public/linear");
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = Talk::open(&*dialer(&Bybit, "", &["BTCUSDT"]), &["BTCUSDT"]);
    assert_eq!(
        talk.ticks(TRADE),
        [
            r#"{"symbol":"BTCUSDT","ts":1672304486865000,"last":16578.5,"last_size":0.001,"side":"buy","trade_id":"20f43950-d8dd-5b31-9112-a178eb6023af"} named at 1783284617"#
        ]
    );
    assert_eq!(
        talk.ticks(&book(
            "snapshot",
            1_672_304_484_978,
            18_521_288,
            r#"["16493.50","0.006"]"#,
            r#"["16611.00","0.029"]"#
        )),
        [
            r#"{"symbol":"BTCUSDT","ts":1672304484978000,"bid":16493.5,"bid_size":0.006,"ask":16611,"ask_size":0.029}"#
        ]
    );
}

#[test]
fn a_delta_moves_takes_out_and_leaves() {
    let (mut talk, _) = Talk::open(&*dialer(&Bybit, "", &["BTCUSDT"]), &["BTCUSDT"]);
    let mut check = |kind: &str, number: u64, bids: &str, asks: &str, expected: &str| {
        let lines = talk.ticks(&book(kind, 1_672_304_484_978, number, bids, asks));
        let expected = format!(r#"{{"symbol":"BTCUSDT","ts":1672304484978000{expected}}}"#);
        assert_eq!(lines, [expected], "{kind} {number}");
    };
    check("delta", 2, r#"["16493.50","0"],["16494.00","0.1"]"#, "", r#","bid":16494,"bid_size":0.1"#);
    check("delta", 3, "", r#"["16611.00","0.000"]"#, r#","ask":null,"ask_size":null"#);
    check("snapshot", 4, r#"["1","2"]"#, "", r#","bid":1,"bid_size":2,"ask":null,"ask_size":null"#);
}

#[test]
fn late_updates_are_dropped_and_a_restart_is_taken() {
    let (mut talk, _) = Talk::open(&*dialer(&Bybit, "", &["BTCUSDT"]), &["BTCUSDT"]);
    for (ts, number, taken) in [(10, 7, 1), (12, 9, 1), (11, 8, 0), (13, 9, 1), (20, 1, 1), (21, 2, 1)] {
        let ts = 1_672_304_484_978 + ts;
        let ticks = talk.ticks(&book("snapshot", ts, number, r#"["1","2"]"#, r#"["3","4"]"#));
        assert_eq!(ticks.len(), taken, "{number}");
    }
}

#[test]
fn a_refusal_costs_only_the_streams_that_it_is_about() {
    let (mut talk, _) = Talk::open(&*dialer(&Bybit, "", &["A", "B"]), &["A", "B"]);
    let trades = |symbol: &str| Stream::new(symbol, StreamKind::Trades);
    let quotes = |symbol: &str| Stream::new(symbol, StreamKind::Quotes);
    let answer = |success: bool, words: &str, id: u64| {
        format!(
            r#"{{"success":{success},"ret_msg":"{words}","conn_id":"2324d924-aa4d-45b0-a858-7b8be29ab52b","req_id":"{id}","op":"subscribe"}}"#
        )
    };
    let words = "error:handler not found,topic:publicTrade.B";
    talk.hear(&answer(false, words, 1));
    assert_eq!(talk.told(), [Note::Refused { stream: trades("B"), why: words.to_owned() }]);
    assert_eq!(
        talk.sends(),
        [r#"{"args":["publicTrade.A","orderbook.1.A","orderbook.1.B"],"op":"subscribe","req_id":"2"}"#]
    );
    // Without a name each half is asked for by itself, down to one stream.
    talk.hear(&answer(false, "Params Error", 2));
    assert_eq!(
        talk.sends(),
        [
            r#"{"args":["publicTrade.A"],"op":"subscribe","req_id":"3"}"#,
            r#"{"args":["orderbook.1.A","orderbook.1.B"],"op":"subscribe","req_id":"4"}"#,
        ]
    );
    assert_eq!(talk.notes(&answer(true, "", 3)), [Note::Subscribed(trades("A"))]);
    talk.hear(&answer(false, "error:already subscribed,topic:orderbook.1.A", 4));
    assert_eq!(talk.told(), [Note::Subscribed(quotes("A"))]);
    assert_eq!(talk.sends(), [r#"{"args":["orderbook.1.B"],"op":"subscribe","req_id":"5"}"#]);
    assert_eq!(talk.notes(&answer(true, "", 5)), [Note::Subscribed(quotes("B"))]);
    assert_eq!(
        talk.change(&[trades("B")], &[quotes("B")]),
        [
            r#"{"args":["orderbook.1.B"],"op":"unsubscribe"}"#,
            r#"{"args":["publicTrade.B"],"op":"subscribe","req_id":"6"}"#
        ]
    );
}

#[test]
fn a_ping_is_sent_each_20_seconds() {
    let (mut talk, _) = Talk::open(&*dialer(&Bybit, "", &["A"]), &["A"]);
    let opened = talk.now;
    assert_eq!(talk.wake(), (vec![r#"{"op":"ping"}"#.to_owned()], vec![]));
    assert_eq!(talk.now.since(opened), 20_000_000_000);
    let pong =
        r#"{"success":true,"ret_msg":"pong","conn_id":"0970e817-426e-429a-a679-ff7f55e0b16a","op":"ping"}"#;
    assert_eq!(talk.ticks(pong), [""; 0]);
    assert_eq!(talk.wake().0.len(), 1);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}

#[test]
fn the_list_is_read_page_by_page() {
    let page = br#"{"retCode":0,"retMsg":"OK","result":{"category":"linear","list":[{"symbol":"BTCUSDT","status":"Trading"},{"symbol":"X","status":"PreLaunch"}],"nextPageCursor":"first%3DA"},"time":1}"#;
    let dialer = dialer(&Bybit, "category=linear", &["*"]);
    let page = dialer.listing().unwrap().read(page).unwrap();
    assert_eq!(page.symbols, [CompactString::new("BTCUSDT")]);
    let next = "/v5/market/instruments-info?category=linear&limit=1000&cursor=first%253DA";
    assert_eq!(page.next, Some(ListingRequest::get(next)));
}
