//! Messages of venues that are recorded as they came, and replayed as the same ticks.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    harness::{Server, Venue, files, program},
    upstream::{BTC, acknowledge, binance, quote, trade},
};

/// A recording of messages that runs.
struct RawRecording {
    process: Child,
    path: PathBuf,
}

impl RawRecording {
    fn start(feed: &str, name: &str) -> RawRecording {
        let path = files::path(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
        command.args(["record", "--raw", "--feed", feed, "--output"]).arg(&path);
        RawRecording { process: command.spawn().expect("the binary under test"), path }
    }

    /// Ends it, and replays what it has until there are so many ticks.
    async fn replayed(self, ticks: u64) -> Server {
        program::send(self.process.id(), Signal::INT);
        let ended = tokio::task::spawn_blocking(move || program::status(self.process)).await;
        assert!(ended.expect("a recorder that ends").success());
        let source = format!("replay:{}?speed=max", self.path.display());
        let server = Server::with().feed(&source).start().await;
        let ingested = "tickcast_ticks_ingested_total";
        server.until_metrics("the ticks", |metrics| metrics.sum(ingested) == ticks).await;
        assert_eq!(server.metrics().await.sum("tickcast_ticks_rejected_total"), 0);
        server
    }
}

#[tokio::test]
async fn messages_are_recorded_raw_and_replayed() {
    let venue = Venue::start().await;
    let recording = RawRecording::start(&binance(&venue, "BTCUSDT", ""), "upstream-raw.txt.gz");
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    for number in 1..=3 {
        // Of several lines.
        end.say(&trade("BTCUSDT", number).replace("\"data\":", "\r\n  \"data\":\n")).await;
        // Text, though it says to be none.
        end.say_binary(quote("BTCUSDT", number).into_bytes()).await;
    }
    // A pong comes back behind them.
    end.ping(b"all").await;
    let server = recording.replayed(6).await;
    let snapshot = server.get("/v1/snapshot?symbols=BTCUSDT").await.json();
    assert_eq!(snapshot[0]["last"].to_string(), "3.00000001");
    assert_eq!(snapshot[0]["bid"].to_string(), "3.1");
}

/// An array of one object, whose only member has a name and a value of less than 32 bytes each.
fn packed(members: &[(&str, PackedValue<'_>)]) -> Vec<u8> {
    let text = |text: &str| [&[0xa0 | text.len() as u8], text.as_bytes()].concat();
    let mut message = vec![0x91, 0x80 | members.len() as u8];
    for (name, value) in members {
        message.extend(text(name));
        match value {
            PackedValue::Text(value) => message.extend(text(value)),
            PackedValue::Number(value) => message.extend([&[0xcb][..], &value.to_be_bytes()].concat()),
            PackedValue::Seconds(value) => message.extend([&[0xd6, 0xff][..], &value.to_be_bytes()].concat()),
        }
    }
    message
}

enum PackedValue<'a> {
    Text(&'a str),
    Number(f64),
    /// A time.
    Seconds(u32),
}

#[tokio::test]
async fn binary_messages_are_recorded_too() {
    use PackedValue::{Number, Seconds, Text};

    let venue = Venue::start().await;
    let key = files::path("venue-raw.key");
    fs::write(&key, "key\n").expect("a file");
    let feed =
        format!("alpaca?symbols=AAPL&key_file={0}&secret_file={0}&url={1}", key.display(), venue.url());
    let recording = RawRecording::start(&feed, "upstream-binary.txt.gz");
    let mut end = venue.accept().await;
    for step in ["connected", "authenticated"] {
        end.say_binary(packed(&[("T", Text("success")), ("msg", Text(step))])).await;
        // The key, and then what is subscribed to.
        end.heard().await;
    }
    end.say_binary(packed(&[
        ("T", Text("t")),
        ("S", Text("AAPL")),
        ("i", Number(96_921.0)),
        ("p", Number(126.55)),
        ("s", Number(7.0)),
        ("t", Seconds(1_700_000_000)),
        ("z", Text("C")),
    ]))
    .await;
    end.ping(b"all").await;
    let server = recording.replayed(1).await;
    let snapshot: Value = server.get("/v1/snapshot?symbols=AAPL").await.json();
    assert_eq!(
        (&snapshot[0]["last"], &snapshot[0]["last_size"], &snapshot[0]["ts"]),
        (&json!(126.55), &json!(7), &json!(1_700_000_000_000_000_u64))
    );
}
