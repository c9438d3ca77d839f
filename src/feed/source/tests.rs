//! What `--feed` takes, and in which words it refuses the rest.

use std::{path::Path, time::Duration};

use super::*;
use crate::{
    feed::{
        formats::{Hints, Unit},
        pace::ReplaySpeed,
        recording::{OnError, RecordingInput, Selection},
        replay::{AtEnd, Start, TimestampMode},
    },
    limits,
    tick::{Glob, Nanos, Symbol},
};

#[track_caller]
fn kind(text: &str) -> SourceKind {
    Source::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).kind
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(Source::parse(text).unwrap_err().to_string(), expected, "{text}");
}

#[test]
fn sources_and_their_defaults() {
    assert_eq!(kind("sim"), SourceKind::Sim(sim::SimConfig::default()));
    assert_eq!(kind("sim?"), SourceKind::Sim(sim::SimConfig::default()));
    assert_eq!(kind("-"), SourceKind::Stdin);
    assert_eq!(kind("push"), SourceKind::Push);
    let once = |file| SourceKind::Replay(replay::ReplayConfig::of(file));
    assert_eq!(kind("replay:/data/a=b&c.gz"), once(RecordingInput::File("/data/a=b&c.gz".into())));
    assert_eq!(kind("replay:bundled"), once(RecordingInput::Bundled));
    assert_eq!(kind("replay:./bundled"), once(RecordingInput::File("./bundled".into())));
    assert_eq!(Source::bundled(), Source::parse(DEFAULT).unwrap());
}

#[test]
fn options() {
    assert_eq!(
        kind("sim?symbols=500&rate=5000&seed=7&burst=10&zipf=0&trades=0.5&count=9&speed=max&start=1000"),
        SourceKind::Sim(sim::SimConfig {
            symbols: 500,
            rate: 5_000,
            seed: 7,
            burst: 10.0,
            zipf_exponent: 0.0,
            trades: 0.5,
            count: Some(9),
            speed: ReplaySpeed::Max,
            start: Some(Nanos(1_000_000)),
        })
    );
    let file = RecordingInput::File("a.ndjson".into());
    assert_eq!(
        kind("replay:a.ndjson?speed=10&loop=true"),
        SourceKind::Replay(replay::ReplayConfig {
            speed: ReplaySpeed::Times(10.0),
            end: AtEnd::Loop,
            ..replay::ReplayConfig::of(file.clone())
        })
    );
    assert_eq!(
        kind("replay:a.ndjson?loop=false&speed=m%61x"),
        SourceKind::Replay(replay::ReplayConfig {
            speed: ReplaySpeed::Max,
            ..replay::ReplayConfig::of(file.clone())
        })
    );
    let SourceKind::Replay(config) = kind(
        "replay:a.ndjson?file=b%26.csv&file=c/*.gz&from=2025-03-25&to=1742860801000000&symbols=A,B*&on_error=stop",
    ) else {
        panic!("another kind")
    };
    let files = ["a.ndjson", "b&.csv", "c/*.gz"];
    assert_eq!(config.inputs, files.map(|file| RecordingInput::File(file.into())));
    assert_eq!(config.selection.from, Some(Nanos(1_742_860_800_000_000_000)));
    assert_eq!(config.selection.to, Some(Nanos(1_742_860_801_000_000_000)));
    assert_eq!(config.selection.on_error, OnError::Stop);
    assert_eq!(config.selection.symbols.iter().map(Glob::as_str).collect::<Vec<_>>(), ["A", "B*"]);
    assert_eq!(
        kind(
            "replay:a.ndjson?from=2025-03-25T23:07:00Z&to=1742944200000000&symbols=BTC*,ETH-USD&max_gap=1m&start=clients:3&clock=replay"
        ),
        SourceKind::Replay(replay::ReplayConfig {
            selection: Selection {
                from: Some(Nanos(1_742_944_020_000_000_000)),
                to: Some(Nanos(1_742_944_200_000_000_000)),
                symbols: vec![Glob::new("BTC*").unwrap(), Glob::new("ETH-USD").unwrap()],
                ..Selection::default()
            },
            max_gap: replay::MaxGap::Most(Duration::from_secs(60)),
            start: Start::Clients(3),
            clock: TimestampMode::Replay,
            ..replay::ReplayConfig::of(file.clone())
        })
    );
    let hinted = "replay:a.csv?columns=ts:timestamp,last:price%2Cusd&unit=ms&symbol=XYZ&prefix=BINANCE:";
    let SourceKind::Replay(config) = kind(hinted) else { panic!("another kind") };
    let hints = Hints {
        columns: Some("ts:timestamp,last:price%2Cusd".parse().unwrap()),
        unit: Some(Unit::Millis),
        symbol: Some(Symbol::new("XYZ").unwrap()),
        prefix: Some("BINANCE:".parse().unwrap()),
        ..Hints::default()
    };
    assert_eq!(config.selection.hints, hints);
    let start = |text: &str| {
        SourceKind::Replay(replay::ReplayConfig {
            start: text_start(text),
            ..replay::ReplayConfig::of(file.clone())
        })
    };
    for text in ["now", "paused", "on_subscribe"] {
        assert_eq!(kind(&format!("replay:a.ndjson?start={text}")), start(text));
    }
}

fn text_start(text: &str) -> Start {
    match text {
        "now" => Start::AtOnce,
        "paused" => Start::Paused,
        _ => Start::Clients(1),
    }
}

#[test]
fn names() {
    let name = |text: &str| Source::parse(text).unwrap().name().to_owned();
    assert_eq!(["sim", "replay:x", "-", "push"].map(name), ["sim", "replay", "stdin", "push"]);
    let named = ["sim?name=a.B-1_", "replay:x?name=y", "-?name=pipe", "push?name=api"];
    assert_eq!(named.map(name), ["a.B-1_", "y", "pipe", "api"]);
    assert_eq!("sim?seed=2".parse::<Source>().unwrap().to_string(), "sim?seed=2");
}

#[test]
fn what_is_no_source_is_refused_with_what_there_is() {
    let sources = "there are sim, replay:FILE, replay:bundled, - (standard input), push, and the venues alpaca, binance, binance-usdm, bybit, coinbase, hyperliquid, kraken, massive, okx, tickcast (binance?symbols=BTCUSDT)";
    for text in ["", "nasdaq", "nats://localhost:4222", "simulation", "push:x"] {
        check_refused(text, &format!("unknown source {text:?}; {sources}"));
    }
    for (text, meant) in [
        ("binanse", "binance"),
        ("SIM", "sim"),
        ("stdin", "-"),
        ("replay", "replay:bundled"),
        ("day.ndjson.gz", "replay:day.ndjson.gz"),
        ("/data/day?speed=2", "replay:/data/day"),
        ("kraken:BTC/USD", "kraken?symbols=BTC/USD"),
    ] {
        check_refused(text, &format!("unknown source {text:?}; did you mean {meant}?"));
    }
    let no_symbol =
        "binance: option symbols: at least one is needed, as the venue spells it, or * for all of them";
    check_refused("binance", no_symbol);
    check_refused("replay:", "replay: a file is missing, as in replay:FILE, or replay:bundled");
    check_refused("replay:?speed=2", "replay: a file is missing, as in replay:FILE, or replay:bundled");
}

#[test]
fn wrong_options_are_refused_with_what_is_allowed() {
    check_refused("push?rate=1", "push: unknown option \"rate\"; it has name");
    check_refused("replay:x?sped=1", "replay: unknown option \"sped\"; did you mean speed?");
    check_refused(
        "replay:x?rate=1",
        "replay: unknown option \"rate\"; it has file, from, to, symbols, on_error, sorted, columns, unit, symbol, prefix, speed, loop, start, max_gap, clock, scenario, seed, name",
    );
    check_refused("replay:x?unit=minutes", "replay: option unit: not s, ms, us, ns or iso");
    check_refused(
        "replay:x?scenario=day-close&clock=wall",
        "replay: a scenario's faults happen by the recording's time: leave clock=wall out",
    );
    check_refused(
        "replay:x?seed=7",
        "replay: seed is the seed of a scenario's faults, and there is no scenario",
    );
    check_refused(
        "replay:x?columns=ts:a",
        "replay: option columns: no field of a record, such as bid, ask or last, is among them",
    );
    check_refused("sim?Rate=1", "sim: unknown option \"Rate\"; did you mean rate?");
    check_refused("sim?seed=1&seed=1", "sim: option \"seed\" is given twice");
    // All that is wrong is told at once, and a misspelt option beside what is missing for it.
    check_refused(
        "sim?rate=fast&symbls=4&zipf=11",
        "sim: option rate must be a whole number from 1 to 10000000, got \"fast\"; sim: option zipf must be a number \
         from 0 to 10, got \"11\"; sim: unknown option \"symbls\"; did you mean symbols?",
    );
    check_refused(
        "binance?symbol=BTCUSDT",
        "binance: option symbols: at least one is needed, as the venue spells it, or * for all of them; binance: unknown \
         option \"symbol\"; did you mean symbols?",
    );
    // What is missing for its value alone is told once.
    check_refused("alpaca?symbols=AAPL&key_file=", "alpaca: option key_file must be a file, got \"\"");
    let whole = "a whole number from 1 to 1000000";
    for value in ["0", "-1", "1000001", "1.5", "", "many"] {
        check_refused(
            &format!("sim?symbols={value}"),
            &format!("sim: option symbols must be {whole}, got {value:?}"),
        );
    }
    check_refused("sim?burst=0.5", "sim: option burst must be a number from 1 to 1000, got \"0.5\"");
    check_refused("sim?zipf=NaN", "sim: option zipf must be a number from 0 to 10, got \"NaN\"");
    check_refused("sim?trades=1.1", "sim: option trades must be a number from 0 to 1, got \"1.1\"");
    check_refused("sim?count=0", "sim: option count must be a whole number from 1, got \"0\"");
    check_refused("replay:x?loop=yes", "replay: option loop must be true or false, got \"yes\"");
    for speed in ["0", "-1", "inf", "NaN", "fast", "2000000"] {
        check_refused(
            &format!("replay:x?speed={speed}"),
            &format!("replay: option speed must be a number from 0.001 to 1000000, or max, got {speed:?}"),
        );
    }
    for start in ["clients:0", "clients:", "soon", ""] {
        check_refused(
            &format!("replay:x?start={start}"),
            &format!("replay: option start must be now, paused, on_subscribe or clients:N, got {start:?}"),
        );
    }
    check_refused(
        "replay:x?max_gap=long",
        "replay: option max_gap must be auto, none, or a duration such as 30s, got \"long\"",
    );
    check_refused(
        "replay:x?from=noon",
        "replay: option from must be a time in UTC such as 2025-03-25T23:07:00Z or 2025-03-25, or seconds (10 digits), milliseconds, microseconds or nanoseconds since 1970, got \"noon\"",
    );
    check_refused("-?name=", "-: option name must be 1 to 32 of a-z A-Z 0-9 _ . -, got \"\"");
    check_refused("-?name=a%22b", "-: option name must be 1 to 32 of a-z A-Z 0-9 _ . -, got \"a\\\"b\"");
}

#[test]
fn opening_finds_what_is_missing() {
    let open = |text: &str| Source::parse(text).unwrap().open(&limits::DEFAULT, &CustomFields::none());
    assert!(matches!(open("push"), Ok(Opened::Push)));
    for text in ["sim", "-", "replay:bundled"] {
        assert!(matches!(open(text), Ok(Opened::Feed(_))), "{text}");
    }
    let missing = Path::new("/nonexistent/x.ndjson");
    let error = open(&format!("replay:{}?loop=true", missing.display())).err().unwrap();
    assert_eq!(error.to_string(), "cannot read /nonexistent/x.ndjson");
}
