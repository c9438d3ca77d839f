//! Replays over the recording within the program and over vectors: messages as they must be, and laws.

use std::sync::Arc;

use proptest::prelude::*;

use super::{
    library::Library,
    options::{ReplayRequest, StreamRequest},
    permit::Readable,
    replay::{ClientReplay, Filled, Framing, ReplayOutput},
    stream::MessageStream,
};
use crate::{
    feed::{
        FeedError,
        recording::{Block, RecordReader, RecordedTick, RecordingInput, Selection},
    },
    limits,
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick},
};

fn request(options: &str) -> ReplayRequest {
    let options: String = form_urlencoded::byte_serialize(options.as_bytes()).collect();
    ReplayRequest::parse(&format!("options={options}")).unwrap()
}

fn one(symbols: &str, types: &str) -> StreamRequest {
    let options = format!(
        r#"{{"exchange":"binance","symbols":{symbols},"from":"2025-03-25","to":"2025-03-26","dataTypes":{types},"withDisconnectMessages":true}}"#
    );
    request(&options).streams.remove(0)
}

/// Lines of our own format, opened as a file.
fn lines(name: &str, text: &str) -> RecordingInput {
    RecordingInput::Bytes { name: name.to_owned(), bytes: Arc::from(text.as_bytes()) }
}

fn open(request: &StreamRequest, inputs: &[RecordingInput]) -> MessageStream {
    let line_bytes_max = limits::DEFAULT.line_bytes;
    MessageStream::open(request, inputs, Selection::default(), Readable::All, line_bytes_max).unwrap()
}

/// Everything, as lines.
fn play(streams: Vec<MessageStream>) -> Vec<String> {
    let mut replay = ClientReplay::new(streams.into_iter().map(|stream| (0, stream)));
    let mut outputs = [ReplayOutput::new(Framing::Lines)];
    let mut all = Vec::new();
    loop {
        let filled = replay.fill(None, &mut outputs).unwrap();
        all.append(&mut outputs[0].bytes);
        if filled == Filled::Ended {
            let text = String::from_utf8(all).unwrap();
            return text.lines().map(str::to_owned).collect();
        }
    }
}

const MICRO: i64 = 1_742_944_020_000_000;

fn tick(symbol: &str, after: i64, fields: &str) -> String {
    let (ts, rx) = (MICRO + after, MICRO + after + 2);
    format!("{{\"symbol\":\"{symbol}\",\"ts\":{ts},\"rx\":{rx},{fields}}}\n")
}

#[test]
fn messages_have_the_names_and_the_order_of_the_real_ones() {
    let text = [
        tick("BTCUSDT", 0, r#""bid":"87000.10","bid_size":"0.5""#),
        tick("BTCUSDT", 1_000, r#""ask":87000.2,"ask_size":1.25"#),
        tick("BTCUSDT", 2_500, r#""last":87000.2,"last_size":0.00000001,"side":"buy","trade_id":"123""#),
        format!(
            "{{\"symbol\":\"BTCUSDT\",\"rx\":{},\"last\":1,\"last_size\":2,\"bid\":null}}\n",
            MICRO + 3_000
        ),
    ]
    .concat();
    let all = r#"["book_ticker","trade","quote"]"#;
    let found = play(vec![open(&one(r#"["btcusdt"]"#, all), &[lines("a.ndjson", &text)])]);
    let expected = [
        r#"{"type":"book_snapshot","symbol":"BTCUSDT","exchange":"binance","name":"quote","depth":1,"interval":0,"bids":[{"price":87000.1,"amount":0.5}],"asks":[{}],"timestamp":"2025-03-25T23:07:00.000Z","localTimestamp":"2025-03-25T23:07:00.000002Z"}"#,
        r#"{"type":"book_ticker","symbol":"BTCUSDT","exchange":"binance","bidPrice":87000.1,"bidAmount":0.5,"timestamp":"2025-03-25T23:07:00.000Z","localTimestamp":"2025-03-25T23:07:00.000002Z"}"#,
        r#"{"type":"book_snapshot","symbol":"BTCUSDT","exchange":"binance","name":"quote","depth":1,"interval":0,"bids":[{"price":87000.1,"amount":0.5}],"asks":[{"price":87000.2,"amount":1.25}],"timestamp":"2025-03-25T23:07:00.001Z","localTimestamp":"2025-03-25T23:07:00.001002Z"}"#,
        r#"{"type":"book_ticker","symbol":"BTCUSDT","exchange":"binance","askAmount":1.25,"askPrice":87000.2,"bidPrice":87000.1,"bidAmount":0.5,"timestamp":"2025-03-25T23:07:00.001Z","localTimestamp":"2025-03-25T23:07:00.001002Z"}"#,
        r#"{"type":"trade","symbol":"BTCUSDT","exchange":"binance","id":"123","price":87000.2,"amount":0.00000001,"side":"buy","timestamp":"2025-03-25T23:07:00.002500Z","localTimestamp":"2025-03-25T23:07:00.002502Z"}"#,
        r#"{"type":"trade","symbol":"BTCUSDT","exchange":"binance","price":1,"amount":2,"side":"unknown","timestamp":"2025-03-25T23:07:00.003000Z","localTimestamp":"2025-03-25T23:07:00.003000Z"}"#,
        r#"{"type":"book_snapshot","symbol":"BTCUSDT","exchange":"binance","name":"quote","depth":1,"interval":0,"bids":[{}],"asks":[{"price":87000.2,"amount":1.25}],"timestamp":"2025-03-25T23:07:00.003000Z","localTimestamp":"2025-03-25T23:07:00.003000Z"}"#,
        r#"{"type":"book_ticker","symbol":"BTCUSDT","exchange":"binance","askAmount":1.25,"askPrice":87000.2,"bidAmount":0.5,"timestamp":"2025-03-25T23:07:00.003000Z","localTimestamp":"2025-03-25T23:07:00.003000Z"}"#,
    ];
    for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found, expected, "message {at}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn a_lost_connection_is_told_once_behind_what_was_received_last() {
    let lost =
        |after: i64| format!("{{\"tickcast\":\"disconnected\",\"rx\":{},\"why\":\"x\"}}\n", MICRO + after);
    let trade = |after: i64| tick("A", after, r#""last":1,"last_size":1"#);
    let text = [
        "{\"tickcast\":\"recording\",\"version\":1}\n".to_owned(),
        lost(0),
        trade(1_000),
        lost(1_500),
        lost(1_600),
        trade(2_000),
        trade(3_000),
        lost(3_500),
    ]
    .concat();
    let mut asked = one("[]", r#"["trade"]"#);
    let told = |asked: &StreamRequest| -> Vec<String> {
        let found = play(vec![open(asked, &[lines("a.ndjson", &text)])]);
        found.iter().map(|line| line[9..14].to_owned() + &line[line.len() - 9..line.len() - 2]).collect()
    };
    let all = ["trade001002Z", "disco001002Z", "trade002002Z", "trade003002Z", "disco003002Z"];
    assert_eq!(told(&asked), all);
    asked.with_disconnects = false;
    assert_eq!(told(&asked), ["trade001002Z", "trade002002Z", "trade003002Z"]);
}

#[test]
fn from_is_included_and_to_is_not_by_the_time_of_receipt() {
    let text: String = (0..10).map(|at| tick("A", at * 1_000, r#""last":1,"last_size":1"#)).collect();
    let mut asked = one("[]", r#"["trade"]"#);
    (asked.from, asked.to) = (Nanos((MICRO + 2_002) * 1_000), Nanos((MICRO + 5_002) * 1_000));
    let found = play(vec![open(&asked, &[lines("a.ndjson", &text)])]);
    let times: Vec<&str> = found.iter().map(|line| &line[line.len() - 9..line.len() - 3]).collect();
    assert_eq!(times, ["002002", "003002", "004002"]);
}

#[test]
fn the_recording_within_the_program_is_shown_whole() {
    let inputs = Library::default().inputs("binance").unwrap();
    let count = |symbols: &str, types: &str| play(vec![open(&one(symbols, types), &inputs)]).len();
    assert_eq!(count("[]", r#"["trade"]"#), 11_032);
    assert_eq!(count("[]", r#"["trade","book_ticker"]"#), 50_000);
    let each: usize = ["btcusdt", "ETHUSDT", "SolUsdt"]
        .map(|symbol| count(&format!("[\"{symbol}\"]"), r#"["trade","book_ticker"]"#))
        .iter()
        .sum();
    assert_eq!(each, 50_000);
    assert_eq!(count(r#"["NONE"]"#, r#"["trade"]"#), 0);
}

/// Records in memory, a few in each block.
struct Records(Vec<RecordedTick>, usize);

impl RecordReader for Records {
    fn name(&self) -> &'static str {
        "records"
    }

    fn next_block(&mut self, block: &mut Block) -> Result<bool, FeedError> {
        let count = self.0.len().min(self.1);
        block.records.extend(self.0.drain(..count));
        Ok(!self.0.is_empty())
    }

    fn rewind(&mut self) -> Result<(), FeedError> {
        Ok(())
    }
}

fn records(times: &[i64], symbol: &str, block: usize) -> Records {
    let tick = |rx: &i64| {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, Decimal::from_units(1));
        fields.set_decimal(Field::LastSize, Decimal::from_units(1));
        let tick = Tick { symbol: Symbol::new(symbol).unwrap(), ts: None, fields };
        RecordedTick { rx: Nanos(*rx * 1_000_000), tick }
    };
    Records(times.iter().map(tick).collect(), block)
}

proptest! {
    /// Streams are merged as a stable sort of sorted streams would merge them, for each output the same whether it is
    /// alone or not, and however often it is filled.
    #[test]
    fn streams_are_merged_by_time_and_outputs_do_not_touch_each_other(
        times in proptest::collection::vec(proptest::collection::vec(0i64..50, 0..40), 1..5),
        block in 0usize..5,
        step in 1i64..60,
    ) {
        let asked = one("[]", r#"["trade"]"#);
        let sorted: Vec<Vec<i64>> = times.iter().map(|times| { let mut times = times.clone(); times.sort_unstable(); times }).collect();
        let stream = |place: usize| {
            let reader = records(&sorted[place], &format!("S{place}"), block.max(1));
            MessageStream::of(&asked, Box::new(reader), Readable::All)
        };
        let mut expected: Vec<(i64, usize)> = sorted.iter().enumerate()
            .flat_map(|(place, times)| times.iter().map(move |time| (*time, place))).collect();
        expected.sort_unstable();
        let joined = play((0..sorted.len()).map(stream).collect());
        let symbol = |place: usize| format!("\"symbol\":\"S{place}\"");
        prop_assert_eq!(joined.len(), expected.len());
        for (line, (time, place)) in joined.iter().zip(&expected) {
            prop_assert!(line.contains(&symbol(*place)) && line.contains(&format!("00.{time:03}000Z")), "{} {}", line, time);
        }
        // Each has an output of its own, and is filled in steps of time.
        let mut replay = ClientReplay::new((0..sorted.len()).map(|place| (place, stream(place))));
        let mut outputs: Vec<ReplayOutput> = sorted.iter().map(|_| ReplayOutput::new(Framing::Lines)).collect();
        let mut until = 0;
        loop {
            let before: usize = outputs.iter().map(|output| output.bytes.len()).sum();
            match replay.fill(Some(Nanos(until * 1_000_000)), &mut outputs).unwrap() {
                Filled::Ended => break,
                Filled::Waits(next) => {
                    prop_assert!(next > Nanos(until * 1_000_000));
                    until += step;
                }
                Filled::More => prop_assert!(outputs.iter().map(|output| output.bytes.len()).sum::<usize>() > before),
            }
        }
        for (place, output) in outputs.into_iter().enumerate() {
            let alone: String = play(vec![stream(place)]).iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            prop_assert_eq!(String::from_utf8(output.bytes).unwrap(), alone);
        }
    }

    /// Of several outputs none is ahead of another by more than a second of the recording.
    #[test]
    fn several_outputs_are_filled_with_what_was_received_together(
        times in proptest::collection::vec(proptest::collection::vec(0i64..9_000, 1..40), 2..5),
    ) {
        let asked = one("[]", r#"["trade"]"#);
        let sorted: Vec<Vec<i64>> = times.iter().map(|times| { let mut times = times.clone(); times.sort_unstable(); times }).collect();
        let stream = |place: usize| {
            MessageStream::of(&asked, Box::new(records(&sorted[place], "A", 8)), Readable::All)
        };
        let mut received: Vec<i64> = sorted.iter().flatten().copied().collect();
        received.sort_unstable();
        let mut received = received.as_slice();
        let mut replay = ClientReplay::new((0..sorted.len()).map(|place| (place, stream(place))));
        let mut outputs: Vec<ReplayOutput> = sorted.iter().map(|_| ReplayOutput::new(Framing::Lines)).collect();
        while replay.fill(None, &mut outputs).unwrap() != Filled::Ended || !received.is_empty() {
            let lines = outputs.iter_mut().map(|output| std::mem::take(&mut output.bytes));
            let filled: usize = lines.map(|bytes| memchr::memchr_iter(b'\n', &bytes).count()).sum();
            let (now, rest) = received.split_at(filled);
            if let [first, .., last] = now {
                prop_assert!(last - first <= 1_000, "{} and {} are filled together", first, last);
            }
            received = rest;
        }
    }
}
