//! `info`, `convert` and `record` as processes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

use rustix::process::Signal;

use crate::harness::{Market, Server, files, program};

/// A path at which there is nothing: what the test had there before is removed.
pub fn fresh(name: &str) -> PathBuf {
    let path = files::path(name);
    let _ = fs::remove_file(&path);
    path
}

pub fn tickcast(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    program::output(command.args(arguments).stdin(Stdio::null()))
}

#[track_caller]
pub fn succeeds(arguments: &[&str]) -> Output {
    let output = tickcast(arguments);
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

/// The output of `info --json` for one file.
#[track_caller]
pub fn info(path: &str) -> Value {
    let output = succeeds(&["info", "--json", path]);
    serde_json::from_slice::<Value>(&output.stdout).expect("JSON")["files"][0].take()
}

#[test]
fn info_tells_what_the_bundled_recording_holds() {
    let told = info("bundled");
    for (name, value) in
        [("records", 50_000), ("trades", 11_032), ("peak_1s", 2_767), ("peak_10ms", 758), ("out_of_order", 0)]
    {
        assert_eq!(told[name], value, "{name}");
    }
    assert_eq!(told["first"], 1_742_944_020_773_684_i64);
    assert_eq!(told["symbols"]["SOLUSDT"]["records"].as_u64().map(|count| count > 0), Some(true));
    let table = String::from_utf8(succeeds(&["info", "bundled"]).stdout).expect("text");
    for part in ["format        tickcast", "50000 (11032 trades, 38968 quotes)", "2767 in 1 s, 758 in 10 ms"]
    {
        assert!(table.contains(part), "{part}: {table}");
    }
    let refused = tickcast(&["info", "/nonexistent"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&refused.stderr).starts_with("tickcast info: cannot read /nonexistent: ")
    );
}

#[test]
fn a_recording_comes_back_from_every_format_as_it_was() {
    let text = |path: &Path| path.to_str().expect("a plain name").to_owned();
    let straight = text(&fresh("straight.ndjson"));
    succeeds(&["convert", "bundled", "--output", &straight]);
    let table = text(&fresh("bundled.csv.gz"));
    succeeds(&["convert", "bundled", "-o", &table]);
    assert_eq!(info(&table)["format"], "csv");
    // What a table has no place for is the first line's texts.
    let ticks =
        |path: &str| fs::read_to_string(path).expect("a file").split_once('\n').expect("lines").1.to_owned();
    let back = text(&fresh("back.ndjson"));
    succeeds(&["convert", &table, "-o", &back]);
    assert_eq!(ticks(&back), ticks(&straight));
    // Trades and quotes apart, and merged again: as many, at the same times.
    let (trades, quotes) = (text(&fresh("t.csv.zst")), text(&fresh("q.csv.zst")));
    let told =
        succeeds(&["convert", "bundled", "-o", &trades, "--as", "tardis-trades", "--exchange", "binance"]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("38968 ticks left out"));
    succeeds(&["convert", "bundled", "-o", &quotes, "--as", "tardis-quotes", "--exchange", "binance"]);
    let merged = text(&fresh("merged.ndjson.gz"));
    succeeds(&["convert", &trades, &quotes, "-o", &merged]);
    let (was, is) = (info("bundled"), info(&merged));
    for name in ["records", "trades", "quotes", "first", "last", "peak_1s", "peak_10ms", "symbols"] {
        assert_eq!(is[name], was[name], "{name}");
    }
    assert_eq!(tickcast(&["convert", "bundled", "-o", "-", "--as", "arrow"]).status.code(), Some(2));
}

#[cfg(feature = "parquet")]
#[test]
fn a_recording_comes_back_from_parquet_as_it_was() {
    let text = |path: &Path| path.to_str().expect("a plain name").to_owned();
    let (straight, table, back) =
        (text(&fresh("whole.ndjson")), text(&fresh("whole.parquet")), text(&fresh("whole-back.ndjson")));
    succeeds(&["convert", "bundled", "--output", &straight]);
    succeeds(&["convert", "bundled", "--output", &table]);
    assert!(fs::read(&table).expect("a file").starts_with(b"PAR1"));
    succeeds(&["convert", &table, "--output", &back]);
    let ticks =
        |path: &str| fs::read_to_string(path).expect("a file").split_once('\n').expect("lines").1.to_owned();
    assert!(ticks(&back) == ticks(&straight), "{back} and {straight} differ");
    // From its end: that a pipe does not have.
    let script = "cat \"$1\" | \"$0\" info /dev/stdin";
    let piped =
        program::output(Command::new("sh").args(["-c", script, env!("CARGO_BIN_EXE_tickcast"), &table]));
    let error = String::from_utf8_lossy(&piped.stderr).into_owned();
    assert_eq!(piped.status.code(), Some(2), "{error}");
    assert!(error.contains("it is a Parquet file, which is read from its end: not from a pipe"), "{error}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn parquet_is_refused_with_the_build_that_reads_and_writes_it() {
    let file = fresh("not-read.parquet");
    fs::write(&file, b"PAR1 and more PAR1").expect("a folder for files of tests");
    let path = file.to_str().expect("a plain name");
    for arguments in [&["info", path][..], &["convert", "bundled", "-o", "x.parquet"]] {
        let refused = tickcast(arguments);
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{error}");
        assert!(error.contains("--features parquet"), "{error}");
    }
}

/// As JSON numbers and in quotes, into every format and back.
#[test]
fn every_digit_of_a_long_number_comes_back_from_every_format() {
    let text = |path: &Path| path.to_str().expect("a plain name").to_owned();
    let ticks =
        |path: &str| fs::read_to_string(path).expect("a file").split_once('\n').expect("lines").1.to_owned();
    let decimals =
        ["123456789.123456789", "0.000000001", "9223372036.854775807", "12345678.100000001", "0.1", "100"];
    let record = |name: &str, quote: &str| {
        let mut lines = vec![r#"{"tickcast":"recording","version":1}"#.to_owned()];
        for (index, digits) in decimals.iter().enumerate() {
            let value = format!("{quote}{digits}{quote}");
            let fields = format!(r#""last":{value},"last_size":{value},"side":"buy""#);
            lines.push(format!(r#"{{"symbol":"A","ts":{index},"rx":{index},{fields}}}"#));
        }
        let path = fresh(name);
        fs::write(&path, lines.join("\n")).expect("a folder for files of tests");
        text(&path)
    };
    let from = |source: &str, name: &str, kind: &str| {
        let (there, back) = (text(&fresh(name)), text(&fresh(&format!("{name}-back.ndjson"))));
        succeeds(&["convert", source, "--as", kind, "--exchange", "binance", "-o", &there]);
        succeeds(&["convert", &there, "-o", &back]);
        (there.clone(), ticks(&back))
    };
    let (numbers, strings) = (record("numbers.ndjson", ""), record("strings.ndjson", "\""));
    let (own, expected) = from(&strings, "exact.ndjson", "own");
    for digits in decimals {
        assert!(expected.contains(digits), "{digits}: {expected}");
    }
    assert_eq!(ticks(&own), expected, "the same ticks give the same bytes");
    for source in [&numbers, &strings] {
        for (name, kind) in
            [("exact.ndjson", "own"), ("exact.csv", "csv"), ("exact-trades.csv", "tardis-trades")]
        {
            assert_eq!(from(source, name, kind).1, expected, "{source} as {kind}");
        }
    }
}

/// The same options as flags, and as the query of a source.
#[test]
fn a_table_of_any_columns_is_read_as_somebody_says() {
    let table = fresh("other-names.csv");
    let rows =
        "id,timestamp,price,qty,side\n1,1583020803145,8531.5,0.25,Buy\n2,1583020803146,8531.25,1,SELL\n";
    fs::write(&table, rows).expect("a folder for files of tests");
    let table = table.to_str().expect("a plain name");
    let columns = "ts:timestamp,last:price,last_size:qty,side:side";
    let flags = ["--columns", columns, "--unit", "ms", "--symbol", "XYZ", "--prefix", "X:"];
    let converted = succeeds(&[&["convert", table, "-o", "-"], &flags[..]].concat());
    let expected = [
        r#"{"symbol":"X:XYZ","ts":1583020803145000,"rx":1583020803145000,"last":8531.5,"last_size":0.25,"side":"buy"}"#,
        r#"{"symbol":"X:XYZ","ts":1583020803146000,"rx":1583020803146000,"last":8531.25,"last_size":1,"side":"sell"}"#,
    ];
    let text = String::from_utf8(converted.stdout).expect("text");
    assert_eq!(text.lines().skip(1).collect::<Vec<_>>(), expected);
    let told = succeeds(&[&["info", "--json", table], &flags[..]].concat());
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert_eq!((&told["files"][0]["format"], &told["files"][0]["records"]), (&"columns".into(), &2.into()));
    let recorded = fresh("other-names.ndjson");
    let source = format!("replay:{table}?columns={columns}&unit=ms&symbol=XYZ&prefix=X:&speed=max");
    succeeds(&["record", "--feed", &source, "--output", recorded.to_str().expect("a plain name")]);
    let recorded = fs::read_to_string(recorded).expect("a file");
    assert!(recorded.contains(r#""symbol":"X:XYZ","ts":1583020803145000"#), "{recorded}");
    for (flags, part) in [
        (
            ["--columns", "last:prise", "--symbol", "X"],
            "it has no column \"prise\"; there are \"id\", \"timestamp\"",
        ),
        (["--columns", "prise:price", "--symbol", "X"], "\"prise\" is nothing that a tick has"),
        (["--columns", "ts:timestamp,last:price", "--unit", "ms"], "give symbol=NAME"),
        (["--columns", "last:price", "--unit", "h"], "not s, ms, us, ns or iso"),
    ] {
        let refused = tickcast(&[&["info", table], &flags[..]].concat());
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{flags:?}");
        assert!(error.contains(part), "{flags:?}: {error}");
    }
}

#[test]
fn a_recording_is_not_converted_onto_itself() {
    // More than is read before the output is begun, so that writing over it would lose something.
    let own = fresh("onto.ndjson");
    let text = own.to_str().expect("a plain name");
    succeeds(&["convert", "bundled", "-o", text]);
    let was = fs::read(&own).expect("a file");
    let other_name = fresh("onto-link.ndjson");
    std::os::unix::fs::symlink(&own, &other_name).expect("a link");
    let pattern = own.with_file_name("onto.*");
    let pattern = pattern.to_str().expect("a plain name");
    for (input, output) in [(text, &own), (text, &other_name), (pattern, &own)] {
        let refused = tickcast(&["convert", input, "-o", output.to_str().expect("a plain name")]);
        assert_eq!(refused.status.code(), Some(2));
        let told = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(told.contains("is one of the recordings that are read"), "{told}");
        assert!(fs::read(&own).expect("a file") == was, "{input} is as it was");
    }
}

#[test]
fn broken_records_are_told_with_their_place_and_end_it_when_asked() {
    let path = fresh("broken.csv");
    fs::write(&path, "symbol,ts,bid\nA,1,1\nA,2,x\nA,3,3\n").expect("a file");
    let path = path.to_str().expect("a plain name");
    let output = succeeds(&["convert", path, "-o", "-", "--as", "own"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let fault = format!("{path}, line 3: value: bid: not a decimal number");
    assert!(told.contains(&fault), "{told}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 3);
    let stopped = tickcast(&["convert", path, "-o", "-", "--as", "own", "--on-error", "stop"]);
    assert_eq!(stopped.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&stopped.stdout).lines().count(), 2, "what came before is there");
}

#[tokio::test]
async fn a_server_is_recorded_tick_by_tick() {
    let server = Server::start().await;
    let path = fresh("recorded.ndjson.zst");
    let text = path.to_str().expect("a plain name").to_owned();
    let url = format!("ws://{}", server.address);
    let recorder = Command::new(env!("CARGO_BIN_EXE_tickcast"))
        .args(["record", "--url", &url, "-o", &text, "--origin", "a test"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary of this crate");
    server.until_metrics("a session", |metrics| metrics.sum("tickcast_sessions") == 1).await;
    let mut market = Market::new(7, "R", 5);
    // The subscription is taken before the first tick that it is sent.
    server.publish(&market.ticks(1)).await;
    server.until_metrics("a delivery", |metrics| metrics.sum("tickcast_updates_delivered_total") > 0).await;
    server.publish(&market.ticks(2_000)).await;
    server
        .until_metrics("all of them", |metrics| {
            // Not those that were offered: a shard offers what it has taken of what was ingested.
            metrics.sum("tickcast_updates_delivered_total") >= 2_000
        })
        .await;
    program::send(recorder.id(), Signal::INT);
    let ended = tokio::task::spawn_blocking(move || program::ended(recorder)).await;
    let Output { status, stderr, .. } = ended.expect("a recorder that ends");
    let told = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{told}");
    assert!(told.contains("0 disconnects, 0 ticks in gaps"), "{told}");
    let told = info(&text);
    assert_eq!(told["origin"], "a test");
    assert_eq!(told["rejected"], 0);
    let records = told["records"].as_u64().expect("a count");
    assert!((2_000..=2_001).contains(&records), "{records}");
}

#[tokio::test]
async fn a_recorder_ends_with_the_replay_that_it_records() {
    let server = Server::with().feed("replay:bundled?speed=max&start=on_subscribe").start().await;
    let path = fresh("replayed.ndjson.zst");
    let text = path.to_str().expect("a plain name").to_owned();
    let url = format!("ws://{}", server.address);
    let recorded = tokio::task::spawn_blocking({
        let text = text.clone();
        move || succeeds(&["record", "--url", &url, "-o", &text])
    });
    let told = String::from_utf8_lossy(&recorded.await.expect("a thread").stderr).into_owned();
    assert!(told.contains("the replay is over"), "{told}");
    assert!(told.contains("0 disconnects, 0 ticks in gaps"), "{told}");
    // Nothing is lost at speed `max`.
    assert_eq!(info(&text)["records"], 50_000);
}

#[test]
fn a_feed_is_recorded_into_files_by_size() {
    let name = fresh("sim.ndjson");
    let folder = name.parent().expect("a folder");
    let text = name.to_str().expect("a plain name");
    let source = "sim?symbols=5&speed=max&count=20000&seed=1";
    succeeds(&["record", "--feed", source, "-o", text, "--rotate-bytes", "500K"]);
    let pattern = folder.join("sim-*.ndjson");
    let output = succeeds(&["info", "--json", pattern.to_str().expect("a plain name")]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let files = told["files"].as_array().expect("files");
    assert!(files.len() > 1);
    assert_eq!(files.iter().map(|file| file["records"].as_u64().unwrap_or(0)).sum::<u64>(), 20_000);
    let again = tickcast(&["record", "--feed", source, "-o", files[0]["file"].as_str().expect("a name")]);
    assert_eq!(again.status.code(), Some(2), "nothing is written over");
}

#[tokio::test]
async fn several_files_are_replayed_as_one_and_cut_by_time_and_symbol() {
    let trades = fresh("replayed-trades.csv.gz");
    let quotes = fresh("replayed-quotes.csv");
    for (path, rows) in [(&trades, "tardis-trades"), (&quotes, "tardis-quotes")] {
        succeeds(&["convert", "bundled", "-o", path.to_str().expect("a plain name"), "--as", rows]);
    }
    let files = format!("replay:{}?file={}&speed=max", trades.display(), quotes.display());
    let (from, to, symbols) = ("2025-03-25T23:08:00Z", "2025-03-25T23:09:00Z", "BTC*,SOLUSDT");
    let output = succeeds(&["info", "--json", "--from", from, "--to", to, "--symbols", symbols, "bundled"]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let selected = told["files"][0]["records"].as_u64().expect("a count");
    assert!((1_000..40_000).contains(&selected), "{selected}");
    let cut = format!("{files}&from={from}&to={to}&symbols={symbols}");
    for (source, ticks, topics) in [(files, 50_000, 3), (cut, selected, 2)] {
        let server = Server::with().feed(&source).start().await;
        // A feed that has ended leaves its symbols closed.
        crate::harness::eventually("the end", async || {
            let symbols = server.symbols().await;
            symbols.len() == topics && symbols.iter().all(|(_, _, state)| state == "closed")
        })
        .await;
        let metrics = server.metrics().await;
        assert_eq!(metrics.sum("tickcast_ticks_ingested_total"), ticks, "{source}");
        assert_eq!(metrics.sum("tickcast_ticks_rejected_total"), 0, "{source}");
    }
}

#[test]
fn info_counts_the_gaps_that_a_recorder_noted() {
    let path = fresh("gaps.ndjson");
    let lines = [
        r#"{"tickcast":"recording","version":1}"#,
        r#"{"symbol":"A","rx":1000,"bid":1}"#,
        r#"{"tickcast":"gap","rx":2000,"symbol":"A","from":7,"to":9,"reason":"slow"}"#,
        r#"{"tickcast":"gap","rx":3000,"symbol":"B","from":5,"to":5,"reason":"resume"}"#,
        r#"{"tickcast":"gap","rx":3000,"symbol":"B","from":5,"to":4,"reason":"resume"}"#,
        r#"{"tickcast":"disconnected","rx":3000,"why":"a test"}"#,
        "",
    ];
    fs::write(&path, lines.join("\n")).expect("a directory for files of tests");
    let name = path.to_str().expect("a plain name");
    let told = info(name);
    // The first line, the gap that is none, and the disconnect.
    assert_eq!((&told["gaps"], &told["gap_ticks"], &told["passed"]), (&2.into(), &4.into(), &3.into()));
    let table = String::from_utf8(succeeds(&["info", name]).stdout).expect("text");
    assert!(table.contains("gaps          2, of 4 ticks"), "{table}");
    let output = succeeds(&["info", "--json", "--symbols", "B", name]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(told["files"][0]["gap_ticks"], 1);
}

/// A market as two recorders hear of it, one in each encoding: line for line the same.
#[tokio::test]
async fn what_is_recorded_does_not_depend_on_the_encoding() {
    let source = "replay:bundled?speed=max&clock=replay&start=clients:2";
    let server = Server::patient().feed(source).start().await;
    let url = format!("ws://{}", server.address);
    let record = async |encoding: &'static str| {
        let path = fresh(&format!("recorded-{encoding}.ndjson"));
        let output = path.to_str().expect("a plain name").to_owned();
        let url = url.clone();
        let recorded = tokio::task::spawn_blocking(move || {
            succeeds(&["record", "--url", &url, "--encoding", encoding, "-o", &output]);
        });
        recorded.await.expect("a recording");
        let text = fs::read_to_string(path).expect("a recording");
        // The notes have the times of the recording itself.
        let is_tick = |line: &&str| !line.starts_with(r#"{"tickcast":"#);
        text.lines().filter(is_tick).map(str::to_owned).collect::<Vec<_>>()
    };
    let (binary, json) = tokio::join!(record("binary"), record("json"));
    assert_eq!(binary.len(), 50_000);
    let first = binary.iter().zip(&json).find(|(binary, json)| binary != json);
    assert_eq!((first, json.len()), (None, 50_000));
}
