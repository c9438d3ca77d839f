//! Messages as the venue documents them.

use super::*;
use crate::feed::upstream::testing::{Talk, dialer};

const TRADE: &str = r#"{"arg":{"channel":"trades","instId":"BTC-USDT"},"data":[{"instId":"BTC-USDT","tradeId":"130639474","px":"42219.9","sz":"0.12060306","side":"buy","ts":"1630048897897","count":"3","source":"0","seqId":1234}]}"#;

fn best(ts: u64, number: u64) -> String {
    format!(
        r#"{{"arg":{{"channel":"bbo-tbt","instId":"BTC-USDT"}},"data":[{{"asks":[["111.06","55154","0","2"]],"bids":[["111.05","57745","0","2"]],"ts":"{ts}","seqId":{number}}}]}}"#
    )
}

#[test]
fn streams_are_asked_for_together() {
    let (_, sends) = Talk::open(&*dialer(&Okx, "", &["BTC-USDT"]), &["BTC-USDT"]);
    assert_eq!(
        sends,
        [
            r#"{"args":[{"channel":"trades","instId":"BTC-USDT"},{"channel":"bbo-tbt","instId":"BTC-USDT"}],"op":"subscribe"}"#,
            r#"{"args":[{"channel":"instruments","instType":"SPOT"}],"op":"subscribe"}"#,
        ]
    );
    let (mut talk, sends) = Talk::open(&*dialer(&Okx, "quotes=tickers", &["BTC-USDT"]), &["BTC-USDT"]);
    assert!(sends[0].contains("tickers") && !sends[0].contains("bbo-tbt"), "{sends:?}");
    let quotes = Stream::new("BTC-USDT", StreamKind::Quotes);
    assert_eq!(
        talk.change(&[], &[quotes]),
        [r#"{"args":[{"channel":"tickers","instId":"BTC-USDT"}],"op":"unsubscribe"}"#]
    );
}

#[test]
fn messages_of_the_venue_are_ticks() {
    let (mut talk, _) = Talk::open(&*dialer(&Okx, "", &["BTC-USDT"]), &["BTC-USDT"]);
    assert_eq!(
        talk.ticks(TRADE),
        [
            r#"{"symbol":"BTC-USDT","ts":1630048897897000,"last":42219.9,"last_size":0.12060306,"side":"buy","trade_id":"130639474"} from 130639472 to 130639474"#
        ]
    );
    assert_eq!(
        talk.ticks(&best(1_670_324_386_802, 363_996_337)),
        [
            r#"{"symbol":"BTC-USDT","ts":1670324386802000,"bid":111.05,"bid_size":57745,"ask":111.06,"ask_size":55154}"#
        ]
    );
    let ticker = r#"{"arg":{"channel":"tickers","instId":"BTC-USDT"},"data":[{"instType":"SPOT","instId":"BTC-USDT","last":"9999.99","lastSz":"0.1","askPx":"9999.99","askSz":"11","bidPx":"8888.88","bidSz":"5","open24h":"9000","ts":"1597026383085"}]}"#;
    assert_eq!(
        talk.ticks(ticker),
        [
            r#"{"symbol":"BTC-USDT","ts":1597026383085000,"bid":8888.88,"bid_size":5,"ask":9999.99,"ask_size":11,"last":9999.99}"#
        ]
    );
}

#[test]
fn late_quotes_are_dropped_and_numbering_that_begins_again_is_taken() {
    let (mut talk, _) = Talk::open(&*dialer(&Okx, "", &["BTC-USDT"]), &["BTC-USDT"]);
    for (ts, number, taken) in [(10, 70, 1), (12, 90, 1), (11, 80, 0), (20, 5, 1), (21, 6, 1)] {
        assert_eq!(talk.ticks(&best(1_670_324_386_802 + ts, number)).len(), taken, "{number}");
    }
}

#[test]
fn answers_are_for_one_stream_each() {
    let (mut talk, _) = Talk::open(&*dialer(&Okx, "", &["BTC-USDT"]), &["BTC-USDT", "ETH-USDT"]);
    let ack = r#"{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#;
    assert_eq!(talk.notes(ack), [Note::Subscribed(Stream::new("BTC-USDT", StreamKind::Trades))]);
    let words = "Wrong URL or channel:bbo-tbt,instId:ETH-USDT doesn't exist. Please use the correct URL, channel and parameters referring to API document.";
    let error = format!(r#"{{"event":"error","msg":"{words}","code":"60018","connId":"a4d3ae55"}}"#);
    let stream = Stream::new("ETH-USDT", StreamKind::Quotes);
    assert_eq!(talk.notes(&error), [Note::Refused { stream, why: words.to_owned() }]);
    assert!(matches!(talk.notes(&error)[..], [Note::Reject { .. }]));
    let notice = r#"{"event":"notice","code":"64008","msg":"The connection will soon be closed for a service upgrade. Please reconnect.","connId":"a4d3ae55"}"#;
    let why = "The connection will soon be closed for a service upgrade. Please reconnect.".to_owned();
    assert_eq!(talk.notes(notice), [Note::Leaving { why }]);
    let count = r#"{"event":"channel-conn-count","channel":"trades","connCount":"2","connId":"abcd1234"}"#;
    assert_eq!(talk.notes(count), []);
}

#[test]
fn instruments_that_are_not_live_are_halted() {
    let symbols = ["BTC-USDT", "BTC-USDT-SWAP", "BTC-USD-261225", "BTC-USD-261225-50000-C"];
    let (mut talk, sends) = Talk::open(&*dialer(&Okx, "", &symbols), &symbols);
    let types = r#"{"args":[{"channel":"instruments","instType":"FUTURES"},{"channel":"instruments","instType":"OPTION"},{"channel":"instruments","instType":"SPOT"},{"channel":"instruments","instType":"SWAP"}],"op":"subscribe"}"#;
    assert_eq!(sends[1..], [types.to_owned()]);
    let list = |states: &[(&str, &str)]| {
        let one = |(symbol, state): &(&str, &str)| {
            format!(
                r#"{{"instType":"SPOT","instId":"{symbol}","instFamily":"","tickSz":"0.1","state":"{state}","ruleType":"normal"}}"#
            )
        };
        let data: Vec<String> = states.iter().map(one).collect();
        format!(r#"{{"arg":{{"channel":"instruments","instType":"SPOT"}},"data":[{}]}}"#, data.join(","))
    };
    let halted = |symbol: &str, state: &str| Note::Halted {
        symbol: CompactString::new(symbol),
        why: format!("its state is {state}"),
    };
    let trading = |symbol: &str| Note::Trading { symbol: CompactString::new(symbol) };
    let first = list(&[("AAA-USDT", "suspend"), ("BTC-USDT", "live"), ("BTC-USDT-SWAP", "preopen")]);
    assert_eq!(talk.notes(&first), [trading("BTC-USDT"), halted("BTC-USDT-SWAP", "preopen")]);
    assert_eq!(talk.notes(&list(&[("BTC-USDT", "suspend")])), [halted("BTC-USDT", "suspend")]);
    assert_eq!(talk.notes(&list(&[("BTC-USDT", "live")])), [trading("BTC-USDT")]);
    assert!(
        !talk.conversation.is_recorded(first.as_bytes()) && talk.conversation.is_recorded(TRADE.as_bytes())
    );
    // A type is asked for once, and a refusal is not a stream's.
    let more = [Stream::new("ETH-USDT", StreamKind::Trades)];
    assert_eq!(talk.change(&more, &[]).len(), 1);
    let error = r#"{"event":"error","msg":"Wrong URL or channel:instruments,instType:SPOT doesn't exist.","code":"60018"}"#;
    assert!(matches!(talk.notes(error)[..], [Note::Reject { .. }]));
}

#[test]
fn a_quiet_connection_is_pinged_by_text() {
    let (mut talk, _) = Talk::open(&*dialer(&Okx, "", &["BTC-USDT"]), &["BTC-USDT"]);
    assert_eq!(talk.wake(), (vec!["ping".to_owned()], vec![]));
    assert_eq!(talk.ticks("pong"), [""; 0]);
    assert_eq!(talk.wake().0.len(), 1);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}

#[test]
fn the_list_has_what_is_live() {
    let page = br#"{"code":"0","msg":"","data":[{"instType":"SPOT","instId":"BTC-USDT","state":"live"},{"instId":"X-USDT","state":"suspend"}]}"#;
    let dialer = dialer(&Okx, "", &["*"]);
    let page = dialer.listing().unwrap().read(page).unwrap();
    assert_eq!(page.symbols, [CompactString::new("BTC-USDT")]);
}
