//! Cancels and corrections one by one; `tests/random.rs` compares whole tapes with their recomputation.

mod random;

use crate::{
    feed::{RefusedTick, RejectReason, ndjson::NdjsonDecoder},
    limits::{self, Limits},
    tick::{Affects, Fields, Nanos, Symbol, Tick, TradeId, WantedFields},
    topic::{Detail, FeedId, Market, TopicId},
};

const SYMBOL: &str = "A";

/// A market of one topic, whose table holds so many trades.
struct Topic(Market);

impl Topic {
    fn new(trades_max: usize) -> Self {
        let mut market = Market::new(vec!["feed".to_owned()], 1, 4);
        market.set_tape_limits(&Limits { tape_trades: trades_max, ..limits::DEFAULT });
        Topic(market)
    }

    /// Takes a tick in; what subscribers merge is what the record has.
    fn take(&mut self, fields: &Fields) -> Result<Fields, RejectReason> {
        let tick = Tick { symbol: Symbol::new(SYMBOL).unwrap(), ts: None, fields: fields.clone() };
        let (mut refused, before) = (Vec::<RefusedTick>::new(), self.record());
        let batch = self.0.ingest(FeedId(0), &mut vec![tick], Nanos(9), &mut refused, Detail::Ticks);
        if let Some(refused) = refused.first() {
            assert_eq!(self.record(), before, "what is refused changes nothing");
            return Err(refused.reason);
        }
        let (stamped, mut merged) = (&batch.ticks[0], before);
        merged.merge(&stamped.fields);
        assert_eq!(merged, self.record());
        let mut ring = Vec::new();
        self.0.history(TopicId(0), stamped.seq, stamped.seq, 1, &mut ring);
        assert_eq!(&ring[0], stamped, "the ring has the same");
        Ok(stamped.fields.clone())
    }

    fn line(&mut self, line: &str) -> Result<Fields, RejectReason> {
        let line = format!(r#"{{"symbol":"A",{line}}}"#);
        let decoded = NdjsonDecoder::new(4_096).decode(&mut line.clone().into_bytes());
        self.take(&decoded.unwrap_or_else(|error| panic!("{line}: {error}")).tick.fields)
    }

    fn record(&self) -> Fields {
        self.0.image(TopicId(0)).record.fields
    }

    /// The fields of the record, without its quote.
    fn shown(&self) -> String {
        shown(&self.record())
    }
}

fn shown(fields: &Fields) -> String {
    let mut out = Vec::new();
    fields.write_json(Affects::ALL.fields().into(), &mut out);
    String::from_utf8(out).unwrap().replace('"', "")
}

fn check(lines: &[&str], expected: &str) {
    let mut topic = Topic::new(100);
    for line in lines {
        topic.line(line).unwrap_or_else(|reason| panic!("{line}: {reason:?}"));
    }
    assert_eq!(topic.shown(), expected, "{lines:?}");
}

const TRADES: [&str; 3] = [
    r#""last":10,"last_size":1,"side":"buy","trade_id":"a""#,
    r#""last":14,"last_size":2,"side":"sell","trade_id":"b""#,
    r#""last":12,"last_size":3,"side":"buy","trade_id":"c""#,
];

#[test]
fn a_cancel_puts_back_what_the_trade_moved() {
    let [a, b, c] = TRADES;
    let check = |cancels: &[&str], expected: &str| check(&[&[a, b, c], cancels].concat(), expected);
    let cancel = [r#""cancel":"a""#, r#""cancel":"b""#, r#""cancel":"c""#];
    check(&[], ",last:12,last_size:3,side:buy,trade_id:c,open:10,high:14,low:10,volume:6,trades:3");
    check(&cancel[..1], ",last:12,last_size:3,side:buy,trade_id:c,open:14,high:14,low:12,volume:5,trades:2");
    check(&cancel[1..2], ",last:12,last_size:3,side:buy,trade_id:c,open:10,high:12,low:10,volume:4,trades:2");
    check(&cancel[2..], ",last:14,last_size:2,side:sell,trade_id:b,open:10,high:14,low:10,volume:3,trades:2");
    check(&cancel[1..], ",last:10,last_size:1,side:buy,trade_id:a,open:10,high:10,low:10,volume:1,trades:1");
    check(&cancel, "");
}

#[test]
fn a_correction_replaces_price_and_size_and_what_it_does_not_say_stays() {
    let [a, b, c] = TRADES;
    let check = |corrections: &[&str], expected: &str| check(&[&[a, b, c], corrections].concat(), expected);
    check(
        &[r#""correct":"b","last":11,"last_size":5"#],
        ",last:12,last_size:3,side:buy,trade_id:c,open:10,high:12,low:10,volume:9,trades:3",
    );
    check(
        &[r#""correct":"c","last":20"#, r#""correct":"c","side":"sell""#, r#""correct":"c","last_size":4"#],
        ",last:20,last_size:4,side:sell,trade_id:c,open:10,high:20,low:10,volume:7,trades:3",
    );
    check(
        &[r#""correct":"a","last":13,"last_size":1"#, r#""cancel":"a""#, r#""correct":"b","last":1"#],
        ",last:12,last_size:3,side:buy,trade_id:c,open:1,high:12,low:1,volume:5,trades:2",
    );
}

#[test]
fn what_names_no_trade_that_stands_is_refused() {
    let mut topic = Topic::new(2);
    let unknown = Err(RejectReason::UnknownTrade);
    assert_eq!(topic.line(r#""cancel":"a""#), unknown);
    for trade in TRADES {
        topic.line(trade).unwrap();
    }
    assert_eq!(topic.line(r#""cancel":"a""#), unknown, "it has left the table");
    topic.line(r#""cancel":"b""#).unwrap();
    assert_eq!(topic.line(r#""cancel":"b""#), unknown, "twice");
    assert_eq!(topic.line(r#""correct":"b","last":1,"last_size":1"#), unknown);
    // Of two trades with one name the newest stands for it.
    topic.line(r#""last":9,"last_size":1,"trade_id":"c""#).unwrap();
    topic.line(r#""cancel":"c""#).unwrap();
    assert_eq!(topic.line(r#""cancel":"c""#), unknown);
    assert_eq!(
        topic.shown(),
        ",last:12,last_size:3,side:buy,trade_id:c,open:10,high:12,low:10,volume:4,trades:2"
    );
    let mut off = Topic::new(0);
    off.line(TRADES[0]).unwrap();
    assert_eq!(off.line(r#""cancel":"a""#), unknown);
}

#[test]
fn the_tick_names_what_it_moved_and_its_report_is_whole() {
    let mut topic = Topic::new(9);
    for trade in TRADES {
        topic.line(trade).unwrap();
    }
    let mut tick = |line: &str| {
        let fields = topic.line(line).unwrap();
        let (mut report, mut moved) = (Vec::new(), Vec::new());
        fields.report().unwrap().write_json::<false>(&mut report);
        fields.write_json(WantedFields::ALL, &mut moved);
        fields.write_json_nulls(WantedFields::ALL, &mut moved);
        [report, moved].map(|out| String::from_utf8(out).unwrap().replace('"', ""))
    };
    assert_eq!(
        tick(r#""correct":"b","last":11"#),
        [",correct:b,trade:{last:11,last_size:2,side:sell}", ",high:12"]
    );
    assert_eq!(tick(r#""cancel":"b""#), [",cancel:b", ",volume:4,trades:2"]);
    assert_eq!(
        tick(r#""cancel":"c""#),
        [",cancel:c", ",last:10,last_size:1,trade_id:a,high:10,volume:1,trades:1"]
    );
    assert_eq!(
        tick(r#""cancel":"a""#),
        [
            ",cancel:a",
            ",last:null,last_size:null,side:null,trade_id:null,open:null,high:null,low:null,volume:null,trades:null"
        ]
    );
}

#[test]
fn a_trade_moves_what_it_affects() {
    let affects = |words: &str, expected: &str| {
        let odd = format!(r#""last":20,"last_size":5,"side":"sell","trade_id":"o","affects":{words}"#);
        check(&[TRADES[0], &odd], expected);
        let before = ",last:10,last_size:1,side:buy,trade_id:a,open:10,high:10,low:10,volume:1,trades:1";
        check(&[TRADES[0], &odd, r#""cancel":"o""#], before);
    };
    let kept = "last:10,last_size:1,side:buy,trade_id:a";
    affects("[]", &format!(",{kept},open:10,high:10,low:10,volume:1,trades:1"));
    affects(r#"["volume"]"#, &format!(",{kept},open:10,high:10,low:10,volume:6,trades:2"));
    affects(r#"["high_low"]"#, &format!(",{kept},open:10,high:20,low:10,volume:1,trades:1"));
    let last = "last:20,last_size:5,side:sell,trade_id:o";
    affects(r#"["last"]"#, &format!(",{last},open:10,high:10,low:10,volume:1,trades:1"));
    let all = r#"["volume","last","high_low"]"#;
    affects(all, &format!(",{last},open:10,high:20,low:10,volume:6,trades:2"));
    // The first trade that affects the last one is the open.
    let odd = r#""last":20,"last_size":5,"affects":["high_low","volume"]"#;
    check(
        &[odd, TRADES[0]],
        ",last:10,last_size:1,side:buy,trade_id:a,open:10,high:20,low:10,volume:6,trades:2",
    );
}

#[test]
fn a_given_total_stands_and_what_may_be_its_own_trade_s_is_withdrawn_until_it_is_proved() {
    let [a, b, _] = TRADES;
    // A trade before a given total is no longer in it; the one that came with it is.
    let given = r#""last":12,"last_size":3,"trade_id":"c","volume":100,"trades":7"#;
    check(
        &[a, b, given, r#""cancel":"b""#],
        ",last:12,last_size:3,side:unknown,trade_id:c,open:10,high:12,low:10,volume:100,trades:7",
    );
    check(
        &[a, b, given, r#""cancel":"c""#],
        ",last:14,last_size:2,side:sell,trade_id:b,open:10,high:14,low:10,volume:97,trades:6",
    );
    // The high may be that of the trade, or of one that nobody told of: a session may have begun.
    let high = r#""last":12,"last_size":3,"trade_id":"c","high":12"#;
    let cancelled = [b, high, r#""cancel":"c""#];
    let rest = |high: &str, low: i64, size: i64, trades: i64| {
        format!(
            ",last:11,last_size:1,side:unknown,trade_id:d,open:14{high},low:{low},volume:{size},trades:{trades}"
        )
    };
    let more = |last: i64| format!(r#""last":{last},"last_size":1,"trade_id":"d""#);
    check(&cancelled, ",last:14,last_size:2,side:sell,trade_id:b,open:14,low:14,volume:2,trades:1");
    check(&[&cancelled[..], &[&more(11)]].concat(), &rest("", 11, 3, 2));
    check(&[&cancelled[..], &[&more(12), &more(11)]].concat(), &rest(",high:12", 11, 4, 3));
    check(&[&cancelled[..], &[r#""high":11"#, &more(11)]].concat(), &rest(",high:11", 11, 3, 2));
    check(&[&cancelled[..], &[r#""high":null"#, &more(11)]].concat(), &rest(",high:11", 11, 3, 2));
    // Beside a correction null is not a beginning.
    let unproved = [a, b, r#""cancel":"b","high":null"#, &more(11)];
    check(&unproved, ",last:11,last_size:1,side:unknown,trade_id:d,open:10,low:10,volume:2,trades:2");
    // A total that is given as it is anyway is not news.
    let given = r#""last":14,"last_size":2,"trade_id":"b","open":10,"high":14,"volume":3,"trades":2"#;
    check(&[a, given, r#""cancel":"a""#, r#""cancel":"b""#], "");
    // A given field in the correction itself stands.
    check(
        &[a, b, r#""cancel":"b","high":13,"volume":9"#],
        ",last:10,last_size:1,side:buy,trade_id:a,open:10,high:13,low:10,volume:9,trades:1",
    );
}

#[test]
fn a_correction_of_an_unknown_trade_is_taken_when_its_line_says_what_it_moves() {
    // As in a recording that begins after the trade.
    let mut topic = Topic::new(9);
    topic.line(r#""last":10,"side":"buy","trade_id":"x","high":14,"volume":100,"trades":40"#).unwrap();
    topic.line(r#""cancel":"w","high":13,"volume":90,"trades":39"#).unwrap();
    topic.line(r#""correct":"x","last":11,"last_size":2,"volume":91"#).unwrap();
    assert_eq!(topic.shown(), ",last:11,last_size:2,side:buy,trade_id:x,high:13,volume:91,trades:39");
    assert_eq!(topic.line(r#""cancel":"x""#), Err(RejectReason::UnknownTrade));
}

#[test]
fn a_correction_that_no_volume_holds_changes_nothing() {
    let mut topic = Topic::new(9);
    topic.line(TRADES[0]).unwrap();
    topic.line(r#""volume":"999999999999999999999998""#).unwrap();
    topic.line(TRADES[1].replace(":2,", ":1,").as_str()).unwrap();
    assert_eq!(topic.line(r#""correct":"b","last_size":2"#), Err(RejectReason::Value));
    topic.line(r#""correct":"b","last_size":0.5"#).unwrap();
    assert!(topic.shown().ends_with("volume:999999999999999999999998.5,trades:2"), "{}", topic.shown());
}

#[test]
fn a_topic_without_names_has_no_table_and_a_trade_costs_what_the_page_says() {
    assert_eq!(size_of::<super::TapeTrade>(), 80, "limits.tape_trades says so");
    let mut topic = Topic::new(5);
    topic.line(r#""last":9,"last_size":1"#).unwrap();
    assert!(!topic.0.has_tape(TopicId(0)));
    topic.line(TRADES[0]).unwrap();
    assert!(topic.0.has_tape(TopicId(0)));
    let id = TradeId::new("a").unwrap();
    assert_eq!(topic.record().trade_id(), &id);
}
