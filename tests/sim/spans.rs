//! Spans of upgrades and commands: what they say, and what they never do.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use serde_json::json;
use tickcast::{limits::DEFAULT, spans::TARGET};
use tracing_subscriber::fmt::{MakeWriter, format::FmtSpan};

use super::stage::{NEAR, Stage, UPGRADE};

/// In a token, a query and a symbol: it is in no span.
const MARKER: &str = "MarkerThatNobodyMaySee";

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("one thread").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Lines {
    type Writer = Lines;

    fn make_writer(&'w self) -> Lines {
        self.clone()
    }
}

/// The spans that end while this runs, each with its fields.
fn spans(run: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .without_time()
        .with_writer(lines.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, run);
    let text = String::from_utf8(lines.0.lock().expect("one thread").clone()).expect("text");
    let ours = text.lines().filter(|line| line.contains(&format!("{TARGET}: close")));
    ours.filter_map(|line| Some(line.trim().strip_prefix("TRACE ")?.split_once("}:")?.0.to_owned() + "}"))
        .collect()
}

#[test]
fn upgrades_and_commands_have_spans_and_messages_have_none() {
    let spans = spans(|| {
        let mut stage = Stage::new(DEFAULT);
        let client = stage.connect(&NEAR);
        let path = format!("/v1/stream?symbols={MARKER}&token={MARKER}");
        stage.send(client, UPGRADE.replace("/v1/stream", &path).as_bytes());
        stage.message(client, |message| message.is("subscribed"));
        stage.subscribe(client, &["A", "B*", "no symbol,"], &json!({"id": 1}));
        stage.command(client, &json!({"op": "ping"}));
        stage.message(client, |message| message.is("pong"));
        stage.command(client, &json!({"op": "auth", "token": MARKER}));
        stage.message(client, |message| message.is("error"));
        stage.command(client, &json!({"op": MARKER}));
        stage.message(client, |message| message.is("error"));
        for bid in 1..=20 {
            stage.bid("A", bid);
            stage.run_for(10);
        }
        stage.hang_up(client);
        stage.run_for(1_000);
    });
    assert!(!spans.iter().any(|span| span.contains(MARKER)), "{spans:#?}");
    let session = "session=1 ";
    let failed = |code: &str| format!("outcome=\"{code}\" otel.status_code=\"ERROR\"");
    let expected = [
        "upgrade{session=1 outcome=\"ok\"}".to_owned(),
        format!("command{{op=\"subscribe\" {session}symbols=1 refused=0 outcome=\"ok\"}}"),
        format!("command{{op=\"subscribe\" {session}symbols=3 refused=1 outcome=\"ok\"}}"),
        format!("command{{op=\"ping\" {session}symbols=0 outcome=\"ok\"}}"),
        format!("command{{op=\"auth\" {session}symbols=0 {}}}", failed("auth_not_configured")),
        format!("command{{op=\"unread\" {session}symbols=0 {}}}", failed("unknown_op")),
    ];
    assert_eq!(spans, expected, "twenty messages have none");
}

#[test]
fn a_refused_upgrade_says_why_and_a_command_that_is_not_answered_is_gone() {
    let spans = spans(|| {
        let limits = tickcast::limits::Limits { sessions_per_address: 1, ..DEFAULT };
        let mut stage = Stage::new(limits);
        let first = stage.websocket(&NEAR);
        let second = stage.connect(&NEAR);
        stage.send(second, UPGRADE.as_bytes());
        stage.closed(second);
        stage.hang_up(first);
        stage.run_for(1_000);
    });
    assert!(spans[0].contains("outcome=\"ok\""), "{spans:?}");
    assert!(spans[1].starts_with("upgrade{session=2 outcome=") && spans[1].contains("ERROR"), "{spans:?}");
    assert_eq!(spans.len(), 2);
}
