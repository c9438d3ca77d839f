//! Whole watches against a small server on loopback.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use clap::Parser;
use serde_json::json;
use tickcast_client::{
    Mirror,
    testing::{Mock, Script, Then},
};
use tokio::{runtime, sync::oneshot};

use super::{
    WatchArgs,
    log::TickLog,
    watcher::{WatchError, Watcher},
};

#[derive(Parser)]
#[command(args_override_self = true)]
struct Line {
    #[command(flatten)]
    watch: WatchArgs,
}

/// An output that a test can read while it is written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Writes a frame on a board.
pub fn take(board: &mut Mirror, frame: &str) {
    let mut events = board.receive(frame, 0);
    while events.next_event().unwrap().is_some() {}
}

fn args(url: &str, symbols: &[&str]) -> WatchArgs {
    let words = ["watch", "--url", url].into_iter().chain(symbols.iter().copied());
    Line::try_parse_from(words).unwrap_or_else(|error| panic!("{error}")).watch
}

/// Watches until `enough` says so; the answer is how it ended and all that was written.
fn watch(
    script: Script,
    symbols: &[&str],
    enough: impl Fn(&Mock, &str) -> bool,
) -> (Result<(), WatchError>, String, Mock) {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mock = Mock::start(script).await;
        let args = args(&mock.url(), symbols);
        let paper = Paper::default();
        let (stop, stopped) = oneshot::channel();
        let mut stop = Some(stop);
        let mut watcher = Watcher::new(&args, args.url.clone(), TickLog::new(paper.clone()));
        let done = {
            let mut run = std::pin::pin!(watcher.run(async { drop(stopped.await) }));
            loop {
                tokio::select! {
                    biased;
                    done = &mut run => break done,
                    () = tokio::task::yield_now() => {
                        if enough(&mock, &paper.text()) && let Some(stop) = stop.take() {
                            stop.send(()).unwrap();
                        }
                    }
                }
            }
        };
        drop(watcher);
        (done, paper.text(), mock)
    })
}

#[test]
fn a_log_shows_every_change_and_what_is_lost() {
    let enough = |_: &Mock, text: &str| text.contains("seq 107");
    let (done, text, mock) = watch(Script::default(), &["BTC-USD"], enough);
    done.unwrap();
    let lines: Vec<&str> = text.lines().map(|line| line.split("  age").next().unwrap()).collect();
    assert_eq!(
        lines,
        [
            "BTC-USD  seq 100  bid 100.5  ask 900719925.1234567  vol 12",
            "BTC-USD  seq 101  bid 101.5  ask 900719925.1234567  vol 12",
            "BTC-USD  seq 104  n 3  bid 104.5  ask 900719925.1234567  vol 12",
            "BTC-USD  gap: ticks 105 to 106 are lost",
            "BTC-USD  seq 106  bid 106.5  ask 900719925.1234567  vol 12",
            "BTC-USD  seq 107  bid 107.5  ask 900719925.1234567  vol 12",
        ]
    );
    let expected =
        json!({"op": "subscribe", "id": 1, "symbols": ["BTC-USD"], "mode": "latest", "interval_ms": 100});
    assert_eq!(mock.commands(), [expected]);
}

#[test]
fn fields_are_chosen_and_others_are_named() {
    let (done, _, mock) = watch(Script::default(), &["A", "--fields", "bid,ask,mark_price"], |mock, _| {
        !mock.commands().is_empty()
    });
    done.unwrap();
    // The third one may be of the server's configuration.
    assert_eq!(mock.commands()[0]["fields"], json!(["bid", "ask", "mark_price"]));
    let error = Line::try_parse_from(["watch", "A", "--fields", "bid,Volumes"]).err().unwrap().to_string();
    assert!(error.contains("'Volumes'") && error.contains("last_size, side, trade_id"), "{error}");
}

#[test]
fn a_lost_connection_is_resumed() {
    let then = |session| if session == 0 { Then::Drop } else { Then::Stay };
    let script = Script { then, ..Script::default() };
    let enough = |mock: &Mock, _: &str| mock.commands().len() == 2;
    let (done, text, mock) = watch(script, &["BTC-USD", "ETH-USD"], enough);
    done.unwrap();
    assert_eq!(mock.commands()[1]["resume"], json!({"epoch": "e1", "last": {"BTC-USD": 107, "ETH-USD": 14}}));
    // Nothing was sent twice.
    assert_eq!(text.matches("seq 107").count(), 1);
}

#[test]
fn a_server_that_does_not_want_us_is_left_alone() {
    let script = Script { then: |_| Then::Close(4129), ..Script::default() };
    let (done, ..) = watch(script, &["BTC-USD"], |_, _| false);
    let error = done.unwrap_err().to_string();
    assert_eq!(error, "the server closed with 4129, and does not want us back: told to");
}

#[test]
fn what_goes_wrong_at_first_is_said_in_one_line() {
    let (done, ..) = watch(Script { handshake: 404, ..Script::default() }, &["A"], |_, _| false);
    let error = done.unwrap_err().to_string();
    assert_eq!(error, "the server answered 404 Not Found: draining: try another server");

    let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first_error = |url: &str| {
        let args = args(url, &["A"]);
        let log = TickLog::new(io::sink());
        runtime
            .block_on(async { Watcher::new(&args, args.url.clone(), log).run(std::future::pending()).await })
            .unwrap_err()
            .to_string()
    };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let free = listener.local_addr().unwrap();
    drop(listener);
    let refused = first_error(&format!("ws://{free}"));
    assert!(refused.starts_with(&format!("cannot connect to {free}: ")), "{refused}");
    // No name has 64 characters between two dots, so nobody has to be asked.
    let host = "x".repeat(64);
    let unknown = first_error(&format!("ws://{host}.invalid"));
    assert!(unknown.starts_with(&format!("cannot find the host {host}.invalid: ")), "{unknown}");
    assert!(!refused.contains('\n') && !unknown.contains('\n'));
}
