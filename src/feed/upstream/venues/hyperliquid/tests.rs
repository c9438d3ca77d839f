//! Messages as the venue documents them.

use proptest::prelude::*;

use super::*;
use crate::feed::upstream::{
    sequence::{Sequence, SequenceCounts},
    testing::{Talk, dialer},
};

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
    let line = r#"{"symbol":"SOL","ts":1708622398623000,"last":23.25,"last_size":1.5,"side":"sell","trade_id":"118906512037719"} named at 1708622398623000000"#;
    assert_eq!(talk.ticks(&trades("SOL", &[(1_708_622_398_623, 118_906_512_037_719)])), [line]);
    assert_eq!(talk.ticks(r#"{"channel":"pong"}"#), [""; 0]);
}

/// The venue's documents: a trade is unique by its block, its coin and its name.
#[test]
fn a_name_that_comes_in_another_block_is_another_trade() {
    let (mut talk, _) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL"]), &["SOL"]);
    let mut number = |time| talk.hear(&trades("SOL", &[(time, 7)])).ticks.pop().expect("a trade").number;
    let [one, again, other] = [1_700, 1_700, 1_900].map(&mut number);
    assert_eq!(one, again);
    assert_ne!(one, other);
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
    let marked = trades("ETH", &[(8_500, 6)]).replace("\"data\"", "\"isSnapshot\":true,\"data\"");
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
fn what_was_missed_meanwhile_comes_with_the_history() {
    let dialer = dialer(&Hyperliquid, "", &["SOL"]);
    let names = |talk: &mut Talk, message: &str| -> Vec<String> {
        let out = talk.hear(message);
        out.ticks.drain(..).map(|one| one.tick.fields.trade_id().to_string()).collect()
    };
    let (mut talk, _) = Talk::open(&*dialer, &["SOL"]);
    assert_eq!(talk.notes(&trades("SOL", &[(1_700, 11), (1_600, 12)])), [Note::History { ticks: 2 }]);
    talk.ticks(&trades("SOL", &[(1_800, 13)]));
    drop(talk);
    let (mut talk, _) = Talk::open(&*dialer, &["SOL"]);
    // The newest first: two later blocks, one trade of the last block known that was not seen, and what is known.
    let history = trades("SOL", &[(2_000, 3), (1_900, 9), (1_800, 4), (1_800, 13), (1_700, 11)]);
    assert_eq!(names(&mut talk, &history), ["4", "9", "3"]);
    assert_eq!(talk.told(), [Note::History { ticks: 2 }]);
    drop(talk);
    // All of it is later than what is known.
    let (mut talk, _) = Talk::open(&*dialer, &["SOL"]);
    assert_eq!(names(&mut talk, &trades("SOL", &[(9_000, 6), (8_000, 5)])), ["5", "6"]);
    assert!(matches!(&talk.told()[..], [Note::Gap { why }] if why.contains("trades of SOL may be missing")));
    drop(talk);
    // So it is when the coin is moved here from a connection that is still open.
    let (mut talk, _) = Talk::open(&*dialer, &["BTC"]);
    talk.change(&[Stream::new("SOL", StreamKind::Trades)], &[]);
    assert_eq!(names(&mut talk, &trades("SOL", &[(11_000, 8), (10_000, 7)])), ["7", "8"]);
    assert_eq!(talk.told(), []);
}

#[test]
fn a_quiet_connection_is_pinged() {
    let (mut talk, _) = Talk::open(&*dialer(&Hyperliquid, "", &["SOL"]), &["SOL"]);
    let opened = talk.now;
    assert_eq!(talk.wake(), (vec![r#"{"method":"ping"}"#.to_owned()], vec![]));
    assert_eq!(talk.now.since(opened), 50_000_000_000);
    assert!(matches!(talk.wake().1[..], [Note::Reconnect { .. }]));
}

proptest! {
    /// Each connection is cut at any trade, also within a block; some trades happen while it is down; and the history of the
    /// next one goes back to the last trade known, or further.
    #[test]
    fn each_trade_comes_once_and_in_order_over_cuts(
        connections in prop::collection::vec((0u64..12, 1u64..12, 1u64..25), 1..7),
    ) {
        // Two trades a block, whose names have no order.
        let of = |number: u64| (1_700_000_000_000 + number / 2, 1_000_000_007 - number * 7_919 % 1_000_003);
        let dialer = dialer(&Hyperliquid, "", &["SOL"]);
        let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
        let (mut delivered, mut last) = (Vec::new(), 999_u64);
        for (at, (down, back, live)) in connections.iter().enumerate() {
            let (mut talk, _) = Talk::open(&*dialer, &["SOL"]);
            sequence.renewed();
            // The first one begins with a block.
            let first = last + 1 + if at == 0 { 2 * down } else { *down };
            let mut messages: Vec<Vec<u64>> = Vec::new();
            if at > 0 {
                messages.push((last + 1 - back..first).collect());
            }
            let live: Vec<u64> = (first..first + live).collect();
            messages.extend(live.chunk_by(|one, other| one / 2 == other / 2).map(<[u64]>::to_vec));
            for numbers in messages {
                let points: Vec<(u64, u64)> = numbers.into_iter().map(of).collect();
                for tick in talk.hear(&trades("SOL", &points)).ticks.drain(..) {
                    sequence.offer(Nanos(0), tick, &mut delivered, &mut counts);
                }
            }
            let gaps = talk.told().iter().filter(|note| matches!(note, Note::Gap { .. })).count();
            prop_assert_eq!(gaps, 0);
            last = *live.last().unwrap();
        }
        let names = delivered.iter().map(|tick| tick.fields.trade_id().text().parse().unwrap());
        let expected = (1_000 + 2 * connections[0].0..=last).map(|number| of(number).1);
        prop_assert_eq!(names.collect::<Vec<u64>>(), expected.collect::<Vec<_>>());
    }
}
