//! What a client is sent, as lines; and these lines played again.

use proptest::{array::uniform3, prelude::*};
use tickcast_client::{Event, Mirror, Subscription};

use super::*;
use tickcast::{
    feed::{
        RefusedTick,
        ndjson::{NdjsonDecoder, write_line},
    },
    tick::{
        CustomFields, WantedFields,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
    },
    topic::{Detail, FeedId, Market, Record},
};

/// Ticks as lines, gaps as notes.
fn take(mirror: &mut Mirror, frame: &str) -> Result<Vec<String>, InvalidMessage> {
    take_with(mirror, frame, &mut Configured::default())
}

fn take_with(
    mirror: &mut Mirror,
    frame: &str,
    configured: &mut Configured,
) -> Result<Vec<String>, InvalidMessage> {
    let mut lines = Vec::new();
    let mut events = mirror.receive(frame, 0);
    while let Some(event) = events.next_event()? {
        match event {
            Event::Record(change) | Event::Correction(change) => {
                lines.extend(tick(&change, configured)?.map(|(tick, rx)| {
                    let mut line = Vec::new();
                    write_line(&tick, Some(rx), &mut line);
                    String::from_utf8(line).unwrap().trim_end().to_owned()
                }));
            }
            Event::Welcome(welcome) => configured.begin(&welcome.fields),
            Event::Gap(loss) => lines.push(gap_note(&loss, Nanos(9_000))),
            _ => {}
        }
    }
    Ok(lines)
}

fn mirror() -> Mirror {
    Mirror::new(Subscription::every(["A"]))
}

#[test]
fn updates_are_ticks_and_snapshots_no_trades() {
    let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"ts":1,"rx":2,"last":87000.123456789,"last_size":1,"side":"buy","volume":9,"trades":4},
        {"type":"update","symbol":"A","seq":6,"ts":3,"rx":4,"bid":"9223372036.854775807"}]"#;
    assert_eq!(
        take(&mut mirror(), frame).unwrap(),
        [
            r#"{"symbol":"A","ts":1,"rx":2,"last":87000.123456789,"side":"buy","volume":9,"trades":4}"#,
            r#"{"symbol":"A","ts":3,"rx":4,"bid":"9223372036.854775807"}"#,
        ]
    );
}

#[test]
fn configured_fields_are_played_as_they_were() {
    let (mut mirror, mut configured) = (mirror(), Configured::default());
    let frame = r#"[{"type":"welcome","protocol":1,"session":"1","epoch":"e","heartbeat_ms":5000,"limits":{},
        "fields":[{"name":"mark","kind":"decimal","merge":"last"},{"name":"paid","kind":"decimal","merge":"sum"},
        {"name":"oi","kind":"integer","merge":"sum"},{"name":"phase","kind":"text","merge":"first"}]}]"#;
    assert!(take_with(&mut mirror, frame, &mut configured).unwrap().is_empty());
    let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"rx":2,"bid":1,"mark":2.5,"paid":0.3,"oi":7,"phase":"a \"b\""},
        {"type":"update","symbol":"A","seq":6,"rx":4,"paid":0.100000000000000002,"oi":9,"unheard":1},
        {"type":"update","symbol":"A","seq":7,"rx":5,"paid":null,"mark":3},
        {"type":"update","symbol":"A","seq":8,"rx":6,"paid":4}]"#;
    assert_eq!(
        take_with(&mut mirror, frame, &mut configured).unwrap(),
        [
            r#"{"symbol":"A","rx":2,"bid":1,"mark":2.5,"paid":0.3,"oi":7,"phase":"a \"b\""}"#,
            r#"{"symbol":"A","rx":4,"paid":"-0.199999999999999998","oi":2}"#,
            r#"{"symbol":"A","rx":5,"mark":3,"paid":null}"#,
            r#"{"symbol":"A","rx":6,"paid":4}"#,
        ]
    );
    let frame = r#"[{"type":"gap","symbol":"A","from":9,"to":20,"reason":"slow"},
        {"type":"snapshot","symbol":"A","seq":20,"rx":9,"bid":1,"paid":5,"oi":9}]"#;
    assert_eq!(
        take_with(&mut mirror, frame, &mut configured).unwrap()[1],
        r#"{"symbol":"A","rx":9,"bid":1,"paid":1,"oi":0,"mark":null,"phase":null}"#
    );
}

#[test]
fn what_is_withdrawn_is_null_and_so_is_what_a_snapshot_no_longer_has() {
    let mut mirror = mirror();
    let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"rx":2,"bid":1,"ask":2,"last":3,"last_size":1},
        {"type":"update","symbol":"A","seq":6,"rx":4,"bid":null,"side":null}]"#;
    let lines = take(&mut mirror, frame).unwrap();
    assert_eq!(lines[1], r#"{"symbol":"A","rx":4,"bid":null,"side":null}"#);
    let frame = r#"[{"type":"gap","symbol":"A","from":7,"to":20,"reason":"slow"},
        {"type":"snapshot","symbol":"A","seq":20,"rx":9,"bid":5,"last":3,"last_size":1}]"#;
    let lines = take(&mut mirror, frame).unwrap();
    assert_eq!(lines[1], r#"{"symbol":"A","rx":9,"bid":5,"last":3,"ask":null}"#);
}

#[test]
fn gaps_are_notes_and_a_known_record_is_no_tick() {
    let mut mirror = mirror();
    take(&mut mirror, r#"[{"type":"snapshot","symbol":"A","seq":8,"rx":1,"bid":1}]"#).unwrap();
    let gap = r#"[{"type":"gap","symbol":"A","from":9,"to":20,"reason":"resume"}]"#;
    let note = take(&mut mirror, gap).unwrap().remove(0);
    assert_eq!(note, r#"{"tickcast":"gap","rx":9,"symbol":"A","from":9,"to":20,"reason":"resume"}"#);
    let snapshot = r#"[{"type":"snapshot","symbol":"A","seq":20,"rx":1,"bid":1}]"#;
    assert_eq!(take(&mut mirror, snapshot).unwrap().len(), 1, "the record as of the gap's end");
    assert_eq!(take(&mut mirror, snapshot).unwrap().len(), 0, "known already");
}

#[test]
fn a_merged_update_that_names_a_trade_keeps_the_totals() {
    let mut mirror = mirror();
    let frame = r#"[{"type":"snapshot","symbol":"A","seq":5,"rx":2,"last":9,"last_size":2,"high":10,"volume":9,"trades":4},
        {"type":"update","symbol":"A","seq":7,"rx":4,"last":20,"last_size":1,"n":2}]"#;
    assert_eq!(
        take(&mut mirror, frame).unwrap()[1],
        r#"{"symbol":"A","rx":4,"last":20,"last_size":1,"high":10,"volume":9,"trades":4,"open":null,"low":null}"#
    );
    let nothing = r#"[{"type":"update","symbol":"A","seq":9,"rx":4,"n":2}]"#;
    assert_eq!(take(&mut mirror, nothing).unwrap().len(), 0, "no field that is wanted has changed");
}

/// Quotes, trades, their fields alone, and withdrawals.
fn any_fields() -> impl Strategy<Value = Fields> {
    let decimals = [Field::Bid, Field::Last, Field::LastSize, Field::High];
    let field = (prop::sample::select(decimals.to_vec()), 1i64..9);
    let kinds = prop_oneof![3 => Just(None), 1 => any::<u16>().prop_map(Some)];
    (prop::collection::vec(field, 1..4), any::<[bool; 2]>(), kinds).prop_map(
        |(values, [has_side, has_id], withdrawn)| {
            let mut fields = Fields::default();
            for (field, value) in values {
                fields.set_decimal(field, Decimal::from_units(value));
            }
            if fields.mask.contains_all(FieldSet::TRADE) {
                has_side.then(|| fields.set_side(Side::Buy));
                has_id.then(|| fields.set_trade_id(TradeId::of_number(7)));
            }
            let gone = withdrawn.map_or(FieldSet::NONE, |bits| FieldSet(bits).intersect(FieldSet::ALL));
            fields.withdraw_all(gone.without(fields.mask));
            fields
        },
    )
}

proptest! {
    /// Whatever was merged into an update, its line makes the record that the server had.
    #[test]
    fn what_merged_updates_say_is_what_is_played(
        messages in prop::collection::vec(prop::collection::vec(any_fields(), 1..4), 1..8),
    ) {
        let (mut server, mut played, mut mirror) = (Record::default(), Record::default(), mirror());
        for ticks in messages {
            let cursor = server.seq;
            for tick in &ticks {
                server.take(tick).unwrap();
            }
            let (fields, mut sent) = (server.changed_since(cursor).fields, Vec::new());
            server.fields.write_json(fields, &mut sent);
            server.fields.write_json_nulls(fields, &mut sent);
            let (seq, sent) = (server.seq, String::from_utf8(sent).unwrap());
            let update = format!(
                r#"[{{"type":"update","symbol":"A","seq":{seq},"rx":1742860800000000{sent},"n":{}}}]"#,
                seq - cursor,
            );
            let line = take(&mut mirror, &update).unwrap().remove(0);
            let tick = NdjsonDecoder::new(4_096).decode(&mut line.into_bytes()).unwrap().tick;
            played.take(&tick.fields).unwrap();
            let set = |record: &Record| record.fields.only(record.fields.mask);
            prop_assert_eq!(set(&played), set(&server), "{}", update);
        }
    }
}

/// Of every magnitude.
fn any_decimal() -> impl Strategy<Value = Decimal> {
    (-999_999_999_999_999_999i64..=999_999_999_999_999_999, 0u32..18, 0u32..=18)
        .prop_map(|(digits, cut, places)| Decimal::with_places(digits / 10i64.pow(cut), places).unwrap())
}

proptest! {
    /// From a line through a topic, the wire, a client and a recording to the wire again.
    #[test]
    fn a_decimal_comes_back_digit_for_digit(prices in uniform3(any_decimal()), size in any_decimal()) {
        let [bid, ask, last] = prices;
        let size = Decimal::parse(size.to_string().trim_start_matches('-')).unwrap();
        let published = format!(r#"{{"symbol":"A","bid":"{bid}","ask":"{ask}","last":"{last}","last_size":"{size}"}}"#);
        let on_wire = |line: &str| {
            let tick = NdjsonDecoder::new(4_096).decode(&mut line.as_bytes().to_vec()).unwrap().tick;
            let mut record = Record::default();
            record.take(&tick.fields).unwrap();
            let mut out = Vec::new();
            record.last_change().write_json(WantedFields::ALL, &mut out);
            String::from_utf8(out).unwrap()
        };
        let sent = on_wire(&published);
        for (name, value) in [("bid", bid), ("ask", ask), ("last", last), ("high", last), ("low", last), ("volume", size)] {
            prop_assert!(format!("{sent},").contains(&format!(",\"{name}\":{value},")), "{}: {}", name, sent);
        }
        let update = format!(r#"[{{"type":"update","symbol":"A","seq":1,"rx":1742860800000000{sent}}}]"#);
        let recorded = take(&mut mirror(), &update).unwrap().remove(0);
        prop_assert_eq!(on_wire(&recorded), sent);
    }
}

/// A market, and what a client of mode `every` is sent of it.
struct Played {
    market: Market,
    table: Arc<CustomFields>,
    refused: Vec<RefusedTick>,
}

/// Of every way to merge.
const WELCOME: &str = r#"[{"type":"welcome","protocol":1,"session":"1","epoch":"e","heartbeat_ms":5000,"limits":{},
    "fields":[{"name":"mark","kind":"decimal","merge":"last"},{"name":"paid","kind":"decimal","merge":"sum"},
    {"name":"oi","kind":"integer","merge":"sum"},{"name":"least","kind":"integer","merge":"min"},
    {"name":"most","kind":"decimal","merge":"max"},{"name":"phase","kind":"text","merge":"first"}]}]"#;

impl Played {
    fn new() -> Self {
        let field = |(name, kind, merge)| CustomField {
            name: CustomName::parse(name).unwrap(),
            kind,
            merge,
            symbols: Vec::new(),
        };
        let fields = [
            ("mark", CustomKind::Decimal, CustomMerge::Last),
            ("paid", CustomKind::Decimal, CustomMerge::Sum),
            ("oi", CustomKind::Integer, CustomMerge::Sum),
            ("least", CustomKind::Integer, CustomMerge::Min),
            ("most", CustomKind::Decimal, CustomMerge::Max),
            ("phase", CustomKind::Text, CustomMerge::First),
        ];
        Played {
            market: Market::new(vec!["f".to_owned()], 1, 1),
            table: CustomFields::new(fields.map(field).to_vec()),
            refused: Vec::new(),
        }
    }

    /// The message of a line's tick; nothing when it was refused.
    fn line(&mut self, line: &str) -> Option<String> {
        let mut decoder = NdjsonDecoder::new(4_096).with_fields(Arc::clone(&self.table));
        let mut ticks = vec![decoder.decode(&mut line.as_bytes().to_vec()).unwrap().tick];
        let rx = Nanos(1_742_860_800_000_000_000);
        let batch = self.market.ingest(FeedId(0), &mut ticks, rx, &mut self.refused, Detail::Ticks);
        let tick = batch.ticks.first()?;
        let mut out =
            format!(r#"{{"type":"update","symbol":"A","seq":{},"rx":{}"#, tick.seq, rx.micros()).into_bytes();
        tick.fields.report().inspect(|report| report.write_json::<false>(&mut out));
        tick.fields.write_json(WantedFields::ALL, &mut out);
        tick.fields.write_json_nulls(WantedFields::ALL, &mut out);
        Some(format!("[{}}}]", String::from_utf8(out).unwrap()))
    }
}

#[test]
fn corrections_are_lines_of_their_own() {
    let frame = r#"[{"type":"update","symbol":"A","seq":6,"ts":3,"rx":4,"trade":{"last":9.5,"last_size":3,"side":"buy","trade_id":"o","affects":["volume"]},"volume":9},
        {"type":"update","symbol":"A","seq":7,"rx":4,"correct":"o","trade":{"last":9.5,"last_size":2,"side":"buy","affects":["volume"]},"volume":8},
        {"type":"update","symbol":"A","seq":8,"rx":4,"correct":"l","trade":{"last":"7","last_size":"1"},"last":7,"high":7},
        {"type":"update","symbol":"A","seq":9,"rx":4,"cancel":"l","last":6,"last_size":5,"trade_id":"k","high":null}]"#;
    assert_eq!(
        take(&mut mirror(), frame).unwrap(),
        [
            r#"{"symbol":"A","ts":3,"rx":4,"last":9.5,"last_size":3,"side":"buy","trade_id":"o","volume":9,"affects":["volume"]}"#,
            r#"{"symbol":"A","rx":4,"correct":"o","last":9.5,"last_size":2,"side":"buy","volume":8}"#,
            r#"{"symbol":"A","rx":4,"correct":"l","last":7,"last_size":1,"high":7}"#,
            r#"{"symbol":"A","rx":4,"cancel":"l","last":6,"last_size":5,"trade_id":"k","high":null}"#,
        ]
    );
}

fn any_line() -> impl Strategy<Value = String> {
    let trade = (1i64..9, 1i64..5, prop::option::weighted(0.8, 0u8..8), 0usize..8).prop_map(
        |(last, size, id, affects)| {
            let id = id.map_or(String::new(), |id| format!(r#","trade_id":"{id}""#));
            let affects = [
                "",
                "",
                "",
                "",
                r#","affects":[]"#,
                r#","affects":["volume"]"#,
                r#","affects":["last"]"#,
                r#","side":"buy""#,
            ][affects];
            format!(r#""last":{last},"last_size":{size}{id}{affects}"#)
        },
    );
    let cancel = (0u8..8).prop_map(|id| format!(r#""cancel":"{id}""#));
    let correct = (0u8..8, 1i64..9).prop_map(|(id, last)| format!(r#""correct":"{id}","last":{last}"#));
    let given = (1i64..9)
        .prop_map(|high| format!(r#""last":{high},"last_size":1,"trade_id":"{high}","high":{high}"#));
    let quote = (1i64..9).prop_map(|bid| format!(r#""bid":{bid}"#));
    let names = prop::sample::select(vec!["mark", "paid", "oi", "least", "most", "phase"]);
    let configured = (names, prop::option::weighted(0.8, -9i64..9), any::<bool>());
    let configured = configured.prop_map(|(name, value, has_quote)| {
        let value = value.map_or("null".to_owned(), |value| format!("\"{value}\""));
        let quote = if has_quote { r#""bid":5,"# } else { "" };
        format!(r#"{quote}"{name}":{value}"#)
    });
    prop_oneof![8 => trade, 3 => cancel, 3 => correct, 2 => given, 1 => quote, 4 => configured]
        .prop_map(|fields| format!(r#"{{"symbol":"A",{fields}}}"#))
}

proptest! {
    /// A recording of a day with corrections and configured fields plays as the day was, tick by tick.
    #[test]
    fn a_recorded_tape_plays_the_same(lines in prop::collection::vec(any_line(), 1..40)) {
        let (mut live, mut again, mut mirror) = (Played::new(), Played::new(), mirror());
        let mut configured = Configured::default();
        take_with(&mut mirror, WELCOME, &mut configured).unwrap();
        for line in lines {
            let Some(sent) = live.line(&line) else { continue };
            let recorded = take_with(&mut mirror, &sent, &mut configured).unwrap();
            prop_assert_eq!(recorded.len(), 1);
            let played = again.line(&recorded[0]);
            // A side that was not known is named as such.
            let plain = |message: &str| message.replace(r#","side":"unknown""#, "");
            prop_assert_eq!(played.as_deref().map(plain), Some(plain(&sent)), "{} as {} {:?}", line, &recorded[0], &again.refused);
        }
    }
}

#[test]
fn what_is_no_tick_is_an_error() {
    let update = |pairs: &str| format!(r#"[{{"type":"update","symbol":"A","seq":1,"rx":1,{pairs}}}]"#);
    for pairs in [r#""bid":"ten""#, r#""side":"both""#, r#""volume":-1"#, r#""trades":1.5"#, r#""bid":[]"#] {
        let error = take(&mut mirror(), &update(pairs)).unwrap_err().to_string();
        assert!(error.starts_with("the server sent an invalid message: "), "{error}");
    }
    let symbol = r#"[{"type":"update","symbol":"","seq":1,"rx":1}]"#;
    assert!(take(&mut mirror(), symbol).is_err());
}
