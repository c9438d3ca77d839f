//! Whole recordings of a small server on loopback.

use std::path::PathBuf;

use serde_json::json;
use tickcast::feed::recording::{Block, RecordReader, RecordingInput, Selection, open};
use tickcast_client::testing::{Mock, Script, Then};

use super::*;

/// Records until `enough` says so; the answer is how it ended, the summary, the recording's text, and the server.
fn recorded(
    name: &str,
    script: Script,
    enough: impl Fn(&Mock) -> bool,
) -> (Result<(), RecordError>, String, PathBuf, Mock) {
    let path = std::env::temp_dir().join(format!("tickcast-recorder-{}-{name}.ndjson", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mock = Mock::start(script).await;
        let url = Endpoint::parse(&mock.url()).unwrap();
        let symbols = ["BTC-USD".to_owned(), "ETH-USD".to_owned()];
        let mut files = Files::new(&path, Header::default(), Rotation::default()).unwrap();
        let (stop, stopped) = oneshot::channel();
        let mut stop = Some(stop);
        let mut recorder = Recorder::new(url, &symbols, &mut files);
        let done = {
            let mut run = std::pin::pin!(recorder.run(async { drop(stopped.await) }));
            loop {
                tokio::select! {
                    biased;
                    done = &mut run => break done,
                    () = tokio::task::yield_now() => {
                        if enough(&mock) && let Some(stop) = stop.take() {
                            stop.send(()).unwrap();
                        }
                    }
                }
            }
        };
        let summary = recorder.summary();
        files.finish().unwrap();
        (done, summary, path, mock)
    })
}

#[test]
fn a_lost_connection_is_resumed_and_stands_in_the_recording() {
    let then = |session| if session == 0 { Then::Drop } else { Then::Stay };
    let script = Script { then, ..Script::default() };
    let (done, summary, path, mock) = recorded("resumed", script, |mock| mock.commands().len() == 2);
    done.unwrap();
    let commands = mock.commands();
    assert_eq!(
        commands[0],
        json!({"op": "subscribe", "id": 1, "symbols": ["BTC-USD", "ETH-USD"], "mode": "every"})
    );
    assert_eq!(commands[1]["resume"], json!({"epoch": "e1", "last": {"BTC-USD": 107, "ETH-USD": 14}}));
    let text = std::fs::read_to_string(&path).unwrap();
    for (part, count) in [
        (r#"{"tickcast":"connected","#, 2),
        (r#"{"tickcast":"disconnected","#, 1),
        (r#""symbol":"BTC-USD","from":105,"to":106,"#, 1),
        (r#""bid":107.5"#, 1),
    ] {
        assert_eq!(text.matches(part).count(), count, "{part}: {text}");
    }
    assert!(summary.starts_with("2 symbols, 1 disconnects, "), "{summary}");
    assert!(summary.contains(" merged"), "{summary}");
    let mut recording = open(&[RecordingInput::File(path.clone())], &Selection::default(), 4_096).unwrap();
    let mut block = Block::default();
    while recording.next_block(&mut block).unwrap() {}
    assert_eq!(block.tally.total(), 0, "{:?}", block.rejects);
    assert!(block.records.iter().any(|record| record.tick.symbol.as_str() == "ETH-USD"));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn what_is_recorded_does_not_depend_on_the_encoding() {
    let ticks = |name, subprotocol| {
        let script = Script { subprotocol, start_us: Some(1_742_944_025_000_000), ..Script::default() };
        let (done, _, path, _) = recorded(name, Script { then: |_| Then::End, ..script }, |_| false);
        done.unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        // The notes have the times of the recording itself.
        let is_tick = |line: &&str| !line.contains(r#"{"tickcast":"#);
        text.lines().filter(is_tick).map(str::to_owned).collect::<Vec<_>>()
    };
    let (binary, json) = (ticks("binary", "tickcast.v1.binary"), ticks("json", "tickcast.v1.json"));
    assert_eq!(binary, json);
    assert!(json.len() > 6, "{json:?}");
}

#[test]
fn a_server_that_does_not_want_us_is_left_alone() {
    let script = Script { then: |_| Then::Close(4129), ..Script::default() };
    let (done, _, path, _) = recorded("dismissed", script, |_| false);
    assert_eq!(
        done.unwrap_err().to_string(),
        "the server closed with 4129, and does not want us back: told to"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn counts_of_bytes_have_units() {
    assert_eq!(bytes("1000"), Ok(1_000));
    assert_eq!(bytes("5k"), Ok(5 << 10));
    assert_eq!(bytes("500M"), Ok(500 << 20));
    assert_eq!(bytes("2G"), Ok(2 << 30));
    for text in ["", "0", "G", "-1", "1T", "99999999999G", "\u{e9}"] {
        assert!(bytes(text).is_err(), "{text}");
    }
}

#[test]
fn files_are_not_rotated_at_every_tick() {
    for text in ["0s", "1ns", "999ms", "often"] {
        assert!(rotation_time(text).is_err(), "{text}");
    }
    assert_eq!(rotation_time("1h"), Ok(Duration::from_secs(3_600)));
}
