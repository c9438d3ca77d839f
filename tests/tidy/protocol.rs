//! docs/PROTOCOL.md against the code: every example is what the server writes or reads, and every table is complete.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;
use tickcast::{
    access::ProductId,
    fanout::{Emit, GapReason, LocalId, Name, TopicRef, View},
    feed::{RejectReason, ndjson::NdjsonDecoder},
    limits::Limits,
    publish::{Outcome, RejectedEntry, cut},
    tick::{
        Affects, CustomFields, CustomValue, Decimal, Field, FieldSet, Fields, Nanos, Numbers, ReportKind,
        Side, State, Symbol, TradeId, TradeReport, Volume, WantedFields,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
    },
    topic::{Record, TopicId},
    wire::{
        CloseReason, CommandError, Control, Encoding, ErrorCode, FrameSize, FrameWriter, Framer, Id,
        ReadyFrame,
        close::Retry,
        command::CommandReader,
        control::{Entry, ListEntry, NamedGlob, Pace, Status},
        encodings::event_stream::EventStream,
        published::Published,
    },
};

use super::{files, marked, read, rows};

fn page() -> String {
    read("docs/PROTOCOL.md")
}

/// The lines of the page's blocks of JSON, each one an example.
fn examples(page: &str) -> Vec<&str> {
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    blocks.flat_map(str::lines).collect()
}

// The record of the examples: BTCUSDT as of some moment of the bundled recording.

const RX: Nanos = Nanos(1_795_416_101_413_382_000);
const TS: Nanos = Nanos(1_742_944_025_399_339_000);

fn symbol() -> Symbol {
    Symbol::new("BTCUSDT").unwrap()
}

fn decimals(values: &[(Field, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (field, value) in values {
        fields.set_decimal(*field, Decimal::parse(value).unwrap());
    }
    fields
}

fn record(seq: u64, ts: Nanos, rx: Nanos, values: [&str; 10], side: Side, trades: u64) -> Record {
    let [bid, bid_size, ask, ask_size, last, last_size, open, high, low, volume] = values;
    let mut fields = decimals(&[
        (Field::Bid, bid),
        (Field::BidSize, bid_size),
        (Field::Ask, ask),
        (Field::AskSize, ask_size),
        (Field::Last, last),
        (Field::LastSize, last_size),
        (Field::Open, open),
        (Field::High, high),
        (Field::Low, low),
    ]);
    fields.set_side(side);
    fields.set_volume(Volume::parse(volume).unwrap());
    fields.set_trades(trades);
    Record { seq, order: seq, ts, rx, changed: fields.mask, fields, ..Record::default() }
}

fn base() -> Record {
    let values = [
        "87232", "2.49442", "87232.01", "2.63082", "87232.01", "0.00078", "87232", "87232.01", "87232",
        "0.03359",
    ];
    let (ts, rx) = (Nanos(1_742_944_024_612_000_000), Nanos(1_795_416_100_751_351_000));
    record(53, ts, rx, values, Side::Buy, 12)
}

fn merged() -> Record {
    let values = [
        "87232", "2.47718", "87232.01", "2.93082", "87232", "0.0013", "87232", "87232.01", "87232", "0.03584",
    ];
    let mut record = record(66, TS, RX, values, Side::Sell, 14);
    let unchanged = [Field::Open, Field::High, Field::Low];
    record
        .note(unchanged.into_iter().fold(record.fields.mask, |changed, field| changed.without(field.bit())));
    record
}

fn configured() -> Arc<CustomFields> {
    let names =
        [("mark", CustomKind::Decimal), ("open_interest", CustomKind::Integer), ("phase", CustomKind::Text)];
    let field = |(name, kind)| {
        let name = CustomName::parse(name).unwrap();
        CustomField { name, kind, merge: CustomMerge::Last, symbols: Vec::new() }
    };
    CustomFields::new(names.map(field).into())
}

fn with_configured_fields() -> Record {
    let table = configured();
    let mut fields = decimals(&[(Field::Bid, "87232.01")]);
    for (name, value) in [("mark", "87231.6175"), ("open_interest", "73012"), ("phase", "post-only")] {
        let id = table.find(name).unwrap();
        fields.set_custom(&table, id, CustomValue::parse(table.get(id), value).unwrap());
    }
    Record { seq: 8, order: 8, ts: TS, rx: RX, changed: fields.mask, fields, ..Record::default() }
}

/// As of a trade at the offer, after four ticks that changed the bid.
fn at_trade() -> Record {
    let values = [
        "87232", "2.47718", "87232.01", "2.93082", "87232.01", "0.0013", "87232", "87232.01", "87232",
        "0.03714",
    ];
    let mut record = record(13, TS, RX, values, Side::Buy, 15);
    let moved = [Field::Last, Field::LastSize, Field::Side, Field::Volume, Field::Trades];
    record.note(moved.into_iter().fold(Field::Bid.bit(), FieldSet::with));
    record
}

/// One frame with what `emit` writes.
fn data(emit: impl FnOnce(&mut FrameWriter<'_, EventStream>)) -> String {
    let mut framer = Framer::new(16 * 1024);
    let mut writer = framer.begin(FrameSize::Full);
    emit(&mut writer);
    let ReadyFrame { bytes, .. } = writer.finish().expect("there is a message");
    let text = std::str::from_utf8(bytes).unwrap();
    text.strip_prefix("data: ").unwrap().trim_end().to_owned()
}

fn topic<'a>(symbol: &'a Symbol, record: &'a Record) -> TopicRef<'a> {
    TopicRef {
        local: LocalId(0),
        number: TopicId(0),
        symbol,
        product: ProductId::REST,
        record,
        is_first: false,
        delay_ms: None,
    }
}

fn tape() -> Name {
    Name::new("tape").expect("a name")
}

fn control(message: &Control<'_>) -> String {
    let mut out = Vec::new();
    message.write(&mut out);
    String::from_utf8(out).unwrap()
}

fn data_messages() -> Vec<String> {
    let (symbol, all) = (symbol(), &View::WHOLE);
    let tape = View { name: Some(tape()), ..View::WHOLE };
    let texts = View { numbers: Numbers::Text, ..tape.clone() };
    let fields = decimals(&[(Field::Bid, "87232.01"), (Field::BidSize, "0.50")]);
    let changed =
        Record { seq: 54, order: 54, ts: TS, rx: RX, changed: fields.mask, fields, ..Record::default() };
    let mut gone = Fields::default();
    gone.withdraw_all(Field::Ask.bit().with(Field::AskSize));
    let gone = Record {
        seq: 67,
        order: 67,
        ts: TS,
        rx: RX,
        changed: gone.named(),
        fields: gone,
        ..Record::default()
    };
    let decimal = |text| Decimal::parse(text).ok();
    let odd_lot = TradeReport {
        affects: Affects::VOLUME,
        last: decimal("87230.5"),
        last_size: decimal("0.004"),
        side: Some(Side::Sell),
        ..TradeReport::of(ReportKind::Trade, id("4744868161"))
    };
    let correction = TradeReport {
        last: decimal("87231"),
        last_size: decimal("0.002"),
        side: Some(Side::Buy),
        ..TradeReport::of(ReportKind::Correct, id("4744868157"))
    };
    vec![
        data(|framer| framer.snapshot(&topic(&symbol, &base()), all)),
        delayed(),
        data(|framer| framer.last_tick(&topic(&symbol, &changed), all)),
        data(|framer| framer.merged(&topic(&symbol, &merged()), 12, WantedFields::NONE, all)),
        data(|framer| framer.last_tick(&topic(&symbol, &gone), all)),
        reported(68, Some(odd_lot), |fields| set_totals(fields, "0.03984", Some(15))),
        reported(69, Some(correction), |fields| set_totals(fields, "0.04106", None)),
        reported(70, Some(TradeReport::of(ReportKind::Cancel, id("4744868160"))), |fields| {
            let last = [(Field::Last, "87232.01"), (Field::LastSize, "0.00078")];
            fields.merge(&decimals(&last));
            fields.set_side(Side::Buy);
            fields.set_trade_id(id("4744868159"));
            set_totals(fields, "0.03976", Some(14));
        }),
        data(|framer| {
            framer.tape_event(&topic(&symbol, &at_trade()), &at_trade(), 5, FieldSet::QUOTE.into(), all);
        }),
        data(|framer| framer.gap(&topic(&symbol, &changed), 71, 2311, GapReason::Slow, all)),
        data(|framer| {
            framer.snapshot(&topic(&Symbol::new("BTC-PERP").unwrap(), &with_configured_fields()), all);
        }),
        data(|framer| framer.last_tick(&topic(&symbol, &changed), &tape)),
        data(|framer| framer.last_tick(&topic(&symbol, &changed), &texts)),
    ]
}

fn delayed() -> String {
    let (symbol, record) = (symbol(), base());
    let topic = TopicRef { delay_ms: Some(900_000), ..topic(&symbol, &record) };
    data(|framer| framer.snapshot(&topic, &View::WHOLE))
}

fn id(text: &str) -> TradeId {
    TradeId::new(text).unwrap()
}

fn set_totals(fields: &mut Fields, volume: &str, trades: Option<u64>) {
    fields.set_volume(Volume::parse(volume).unwrap());
    if let Some(trades) = trades {
        fields.set_trades(trades);
    }
}

/// The update of a tick that reports of a trade.
fn reported(seq: u64, report: Option<TradeReport>, moved: impl FnOnce(&mut Fields)) -> String {
    let mut fields = Fields::default();
    moved(&mut fields);
    fields.set_report(report.map(Arc::new));
    let changed = fields.named();
    let record = Record { seq, order: seq, ts: TS, rx: RX, changed, fields, ..Record::default() };
    data(|framer| framer.last_tick(&topic(&symbol(), &record), &View::WHOLE))
}

fn answers() -> Vec<String> {
    let id = |number| Some(Id::Number(number));
    let subscribed = vec![
        Entry::new("BTCUSDT", Status::Ok),
        Entry::new("NEW", Status::Pending),
        Entry { known: Some(false), ..Entry::new("NWE", Status::Pending) },
        Entry { matched: Some(2), ..Entry::new("ETH*", Status::Ok) },
        Entry::error("B,C", ErrorCode::BadSymbol, Symbol::new("B,C").unwrap_err().to_string()),
    ];
    let not_subscribed =
        Entry::error("XYZ", ErrorCode::NotSubscribed, "this session is not subscribed to it");
    let listed = ListEntry {
        symbol: "BTCUSDT".to_owned(),
        name: None,
        mode: "latest",
        delay_ms: None,
        interval_ms: 250,
        fields: Some(vec![Field::Bid.name(), Field::Ask.name()]),
        numbers: None,
        seq: 66,
        state: State::Live,
    };
    let symbol = |name| Symbol::new(name).expect("a symbol");
    let outcome = Outcome {
        accepted: 2,
        rejected: vec![RejectedEntry {
            at: 1,
            reason: RejectReason::Value,
            message: "bid: not a decimal number".to_owned(),
        }],
        rejected_total: 1,
        seqs: vec![(symbol("ACME"), 1207), (symbol("ACME.B"), 12)],
        seqs_hidden: 0,
    };
    let fault = CommandReader::default()
        .read(&mut br#"{"op":"subscribe","id":7,"symbols":["A"],"mode":"fast"}"#.to_vec(), &Limits::default())
        .expect_err("there is no mode fast");
    [
        Control::Subscribed { id: id(1), results: subscribed, fields: Vec::new() },
        Control::Subscribed {
            id: id(1),
            results: vec![Entry {
                delay_ms: Some(900_000),
                notice: Some("HKEX data, delayed by at least 15 minutes".into()),
                ..Entry::new("XHKG.5", Status::Ok)
            }],
            fields: Vec::new(),
        },
        Control::Unsubscribed { id: id(2), results: vec![Entry::new("BTCUSDT", Status::Ok)] },
        Control::Set { id: id(3), results: vec![not_subscribed] },
        Control::Pong { id: id(5), ts: Nanos(1_795_416_104_000_000_000) },
        Control::List {
            id: Some(Id::Text("mine".to_owned())),
            subscriptions: vec![listed.clone()],
            globs: vec!["ETH*".into()],
            named_globs: Vec::new(),
        },
        Control::Subscribed {
            id: None,
            results: vec![Entry::new("BTCUSDT", Status::Ok).named(Some(&tape()))],
            fields: Vec::new(),
        },
        Control::List {
            id: None,
            subscriptions: vec![ListEntry {
                name: Some(tape()),
                mode: "every",
                interval_ms: 0,
                fields: None,
                ..listed
            }],
            globs: Vec::new(),
            named_globs: vec![NamedGlob { symbol: "ETH*".into(), name: Some(tape()) }],
        },
        Control::error(&fault),
        Control::Auth { id: id(6), expires: Some(Nanos(1_795_416_160_000_000_000)) },
        Control::Published(Published::of(id(7), None, &outcome)),
        Control::Published(Published::of(
            id(8),
            Some(41),
            &Outcome { accepted: 2, rejected: Vec::new(), rejected_total: 0, ..outcome.clone() },
        )),
        Control::Published(Published { id: id(9), number: Some(41), ..Published::default() }),
    ]
    .iter()
    .map(control)
    .collect()
}

fn announcements() -> Vec<String> {
    let now = Nanos(1_795_416_105_000_000_000);
    [
        Control::welcome("42", "hof6rnqbm4", &Limits::default(), &CustomFields::none()),
        Control::SymbolStatus { name: None, symbol: "BTCUSDT", state: State::Stale, reason: None },
        Control::SymbolStatus {
            name: None,
            symbol: "ETHUSDT",
            state: State::Stale,
            reason: Some("no connection to the venue: it has closed the connection"),
        },
        Control::PaceStatus { pace: Pace::Conflating },
        Control::ExpiryStatus { expires: Nanos(1_795_416_160_000_000_000) },
        Control::Heartbeat { ts: now, asof: now, dirty: 0, oldest_ms: 0 },
        Control::Drain { retry_ms: 1730 },
        Control::End,
    ]
    .iter()
    .map(control)
    .collect()
}

/// That no kind of control message is forgotten above: a new one does not compile here.
fn is_shown(message: &Control<'_>) {
    match message {
        Control::Welcome { .. }
        | Control::Subscribed { .. }
        | Control::Unsubscribed { .. }
        | Control::Set { .. }
        | Control::SymbolStatus { .. }
        | Control::PaceStatus { .. }
        | Control::Heartbeat { .. }
        | Control::Pong { .. }
        | Control::List { .. }
        | Control::Published(_)
        | Control::Error { .. }
        | Control::Auth { .. }
        | Control::ExpiryStatus { .. }
        | Control::Drain { .. }
        | Control::End => {}
    }
}

#[test]
fn every_message_is_shown_as_the_server_writes_it() {
    is_shown(&Control::Drain { retry_ms: 0 });
    let page = page();
    let shown: BTreeSet<&str> = examples(&page).into_iter().filter(|line| line.starts_with('[')).collect();
    let written: Vec<String> = [data_messages(), answers(), announcements()].concat();
    let written: BTreeSet<&str> = written.iter().map(String::as_str).collect();
    let missing: Vec<_> = written.difference(&shown).collect();
    let foreign: Vec<_> = shown.difference(&written).collect();
    assert!(
        missing.is_empty() && foreign.is_empty(),
        "not on the page: {missing:#?}\nnot written: {foreign:#?}"
    );
}

#[test]
fn every_message_adds_up_from_one_example_to_the_next() {
    let page = page();
    // A subscription with a name counts by itself, and is shown by one message.
    let is_unnamed = |message: &Value| message["as"].is_null();
    let mut seq = 0;
    for line in examples(&page).into_iter().filter(|line| line.starts_with('[')) {
        let messages: Vec<Value> = serde_json::from_str(line).unwrap();
        for message in messages.into_iter().filter(is_unnamed) {
            let number = |name: &str| message[name].as_u64();
            match message["type"].as_str().unwrap() {
                "snapshot" => seq = number("seq").unwrap(),
                "update" => {
                    assert_eq!(number("seq"), Some(seq + number("n").unwrap_or(1)), "{line}");
                    seq = number("seq").unwrap();
                }
                "gap" => assert_eq!(number("from"), Some(seq + 1), "{line}"),
                _ => {}
            }
        }
    }
    assert!(seq > 0, "no snapshot is shown");
}

#[test]
fn every_command_is_one_that_the_server_reads_and_every_op_is_shown() {
    let page = page();
    let mut ops = BTreeSet::new();
    for line in examples(&page).into_iter().filter(|line| line.contains("\"op\"")) {
        // Ticks are read apart from their command.
        let head = cut::cut(line.as_bytes(), 10).map(|cut| cut.head);
        let mut text = head.unwrap_or_else(|| line.as_bytes().to_vec());
        let read = CommandReader::default().read(&mut text, &Limits::default());
        assert!(read.is_ok(), "{line}: {read:?}");
        ops.insert(serde_json::from_str::<Value>(line).unwrap()["op"].as_str().unwrap().to_owned());
    }
    let unknown = CommandReader::default().read(&mut br#"{"op":""}"#.to_vec(), &Limits::default());
    let Err(CommandError { message, .. }) = unknown else { panic!("an empty op was read") };
    // "there is no op "": it is one of subscribe, …"
    let known = message.split("one of ").nth(1).unwrap().split(", ").map(str::to_owned);
    assert_eq!(ops, known.collect());
}

#[test]
fn every_example_is_json_and_ticks_are_ticks() {
    let page = page();
    let mut ticks = 0;
    for line in examples(&page) {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        if value.get("symbol").is_some() {
            let decoded = NdjsonDecoder::new(64 * 1024).decode(&mut line.as_bytes().to_vec());
            assert!(decoded.is_ok(), "{line}: {decoded:?}");
            ticks += 1;
        }
    }
    assert!(ticks >= 2, "a tick and a recording's tick are shown");
}

#[test]
fn every_close_code_is_in_its_table_with_its_advice() {
    let page = page();
    let shown: Vec<_> = rows(marked(&page, "close codes"));
    assert_eq!(shown.len(), CloseReason::ALL.len());
    for reason in CloseReason::ALL {
        let (code, label) = (reason.code().to_string(), format!("`{}`", reason.label()));
        let row = shown.iter().find(|row| row[0] == code).unwrap_or_else(|| panic!("no close code {code}"));
        assert_eq!(row[1], label, "{code}");
        let advice = match reason.retry() {
            Retry::ComeBack => "come back",
            Retry::WithNewToken => "come back with a new token",
            Retry::DoNot => "do not come back",
        };
        assert!(row[3].starts_with(advice), "{code}: {advice} is the advice, not {}", row[3]);
    }
}

#[test]
fn every_word_for_a_fault_and_for_a_gap_is_in_its_table() {
    let page = page();
    let firsts = |name: &str| -> Vec<String> {
        rows(marked(&page, name)).iter().map(|row| row[0].trim_matches('`').to_owned()).collect()
    };
    assert_eq!(firsts("error codes"), ErrorCode::ALL.map(|code| code.as_str().to_owned()));
    assert_eq!(firsts("gap reasons"), GapReason::ALL.map(|reason| reason.label().to_owned()));
}

#[test]
fn every_field_of_a_record_is_named() {
    let page = page();
    let names: Vec<String> = Field::ALL.iter().map(|field| format!("`{}`", field.name())).collect();
    assert!(page.contains(&names.join(", ")), "{names:?}");
}

#[test]
fn every_limit_that_is_named_is_in_the_welcome() {
    let page = page();
    let welcome: Value =
        serde_json::from_str(&control(&Control::welcome("", "", &Limits::default(), &CustomFields::none())))
            .unwrap();
    let shown = welcome[0]["limits"].as_object().unwrap();
    let named = page.split("`limits.").skip(1).map(|rest| rest.split('`').next().unwrap());
    let missing: BTreeSet<&str> = named.filter(|name| !shown.contains_key(*name)).collect();
    assert!(missing.is_empty(), "these want a place in ShownLimits (src/wire/control.rs): {missing:?}");
    // The example has every key, as a test of the configuration says.
    let example = read("examples/tickcast.toml");
    let (_, limits) = example.split_once("\n[limits]\n").expect("a table of limits");
    let limits = limits.split("\n[").next().unwrap();
    for (key, value) in shown {
        let is_key = limits.lines().any(|line| line.starts_with(&format!("{key} = ")));
        assert!(is_key && value.is_u64(), "limits.{key} is not a key of the configuration");
    }
}

#[test]
fn every_route_and_every_error_over_http_is_in_the_table() {
    let page = page();
    let table = marked(&page, "routes");
    let shown: Vec<String> =
        rows(table).iter().map(|row| format!("{} {}", row[0].trim_matches('`'), row[1])).collect();
    // The table of routes, as written in the source: `("/path", &[Method::GET, Method::HEAD]),`.
    let source = read("src/server/routes.rs");
    let routes = source.lines().filter_map(|line| line.trim().strip_prefix("(\"/"));
    let routes: Vec<String> = routes
        .map(|line| {
            let (path, methods) = line.split_once("\", &[Method::").expect("a path and its methods");
            format!("/{path} {}", methods.split([',', ']']).next().unwrap())
        })
        .collect();
    assert_eq!(shown, routes);
    for path in files("src/server", "rs") {
        for code in codes(&read(&path)) {
            assert!(page.contains(&format!("`{code}`")), "{code}, of {path}, is not on the page");
        }
    }
    for code in codes(&read("src/server/handshake.rs")) {
        assert!(table.contains(&format!("`{code}`")), "{code}, of the handshake, is not in the table");
    }
}

/// The codes of errors that a source file has: strings of small letters and underscores that stand where one belongs.
fn codes(source: &str) -> BTreeSet<String> {
    let before = ["StatusCode::", "bad_request(", "code: "];
    let mut found = BTreeSet::new();
    for start in
        before.iter().flat_map(|before| source.match_indices(before)).map(|(at, before)| at + before.len())
    {
        let statement: String = source[start..].chars().take_while(|char| *char != ';').take(120).collect();
        let mut parts = statement.split('"');
        let (Some(between), Some(text)) = (parts.next(), parts.next()) else { continue };
        if between.contains(['{', '(']) {
            continue;
        }
        if text.len() > 2 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            found.insert(text.to_owned());
        }
    }
    found
}

#[test]
fn the_end_of_an_event_stream_is_shown_as_it_is_written() {
    let mut out = Vec::new();
    Encoding::EVENT_STREAM.write_close(CloseReason::Drain, &mut out);
    assert!(page().contains(std::str::from_utf8(&out).unwrap()));
}
