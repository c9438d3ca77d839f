//! `/v1/replay`: a replay's state, and commands that control it.
//!
//! Commands run on the feed's thread, and are answered when done.

use std::{rc::Rc, sync::Arc, time::Duration};

use hyper::{Method, Request, StatusCode, body::Incoming};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    app::App,
    body,
    response::{self, HttpResponse},
};
use crate::{
    feed::{
        RejectReason, ReplaySpeed,
        recording::{TIME_EXPECTED, parse_time},
        replay::{Refusal, ReplayCommand, ReplayControl, ReplaySpan, ReplayState},
    },
    server::{failure::Failure, intake::FeedStatus, message::ToShard, shard::Shard},
    session::inbound::query,
};

/// The pause between two checks of what shards have sent: initial and maximum.
const CHECK_PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(16));

/// A command is one line.
const BODY_BYTES_MAX: usize = 4 * 1024;

/// The state, as it is answered.
#[derive(Serialize)]
struct ReplayAnswer<'a> {
    feed: &'a str,
    #[serde(flatten)]
    state: ReplayState,
    /// Omitted unless requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    span: Option<KnownSpan>,
    /// Records that did not become a tick.
    rejected: u64,
    /// Clients subscribed now.
    clients: usize,
}

/// `null` until it is known.
#[derive(Serialize)]
struct KnownSpan(Option<ReplaySpan>);

/// The parameters of the query.
#[derive(Default)]
struct ReplayQuery {
    feed: Option<String>,
    span: bool,
}

/// The commands that may be posted.
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase", deny_unknown_fields)]
enum ReplayOp {
    Pause {},
    Resume {},
    Step {
        /// `null` is the same as absent.
        n: Option<Value>,
        wait: Option<bool>,
    },
    Seek {
        to: Value,
    },
    Speed {
        speed: Value,
    },
    Restart {},
    Sync {},
}

/// When a command is answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answered {
    /// When it is done.
    Done,
    /// When also every session was sent everything due at that market time.
    Sent,
}

pub async fn replay(
    app: &Arc<App>,
    shard: &Rc<Shard>,
    request: Request<Incoming>,
) -> Result<HttpResponse, Failure> {
    let query = ReplayQuery::parse(request.uri().query().unwrap_or_default())?;
    let clients = shard.node.ingest.readers.clients();
    let shown = |feed, control, state| ReplayAnswer::of(feed, control, state, &query, clients);
    let body = if request.method() != Method::POST && query.feed.as_deref() == Some(ALL) {
        let all: Vec<ReplayAnswer> =
            replays(app).map(|(feed, control)| shown(feed, control, control.state())).collect();
        if all.is_empty() {
            return Err(no_replay());
        }
        serde_json::to_string(&all)
    } else {
        let (feed, control) = find(app, query.feed.as_deref())?;
        let state = if request.method() == Method::POST {
            let (command, answered) = read(shard, request).await?;
            let (reply, done) = tokio::sync::oneshot::channel();
            // If the receiver is gone, the request was cancelled.
            control.ask(command, Box::new(move |result| drop(reply.send(result))));
            let done = done.await.unwrap_or_else(|_| Err(Refusal::Gone("it did not answer".to_owned())));
            let state = done
                .map_err(|refusal| Failure::new(StatusCode::CONFLICT, "replay_ended", refusal.to_string()))?;
            if answered == Answered::Sent {
                until_sent(app).await;
            }
            state
        } else {
            control.state()
        };
        serde_json::to_string(&shown(feed, control, state))
    };
    body.map(response::json)
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

/// Waits until every session was sent everything due now. A session that accepts nothing is closed after
/// `limits.progress_ms`, which bounds the wait.
async fn until_sent(app: &App) {
    let as_of = app.market.now();
    let mut pause = CHECK_PAUSES.0;
    loop {
        let replies = app.shards.iter().map(|shard| {
            let (reply, answer) = tokio::sync::oneshot::channel();
            // If the receiver is gone, the request was cancelled.
            let reply = move |is_caught_up| {
                let _ = reply.send(is_caught_up);
            };
            let _ = shard.send(ToShard::CaughtUp(as_of, Box::new(reply)));
            answer
        });
        // Ask all before awaiting the first answer. A shard that has ended has no sessions left.
        let mut are_caught_up = true;
        for answer in replies.collect::<Vec<_>>() {
            are_caught_up &= answer.await.unwrap_or(true);
        }
        if are_caught_up {
            return;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(CHECK_PAUSES.1);
    }
}

/// The name for all replays; no feed can have it.
const ALL: &str = "*";

fn replays(app: &App) -> impl Iterator<Item = (&FeedStatus, &ReplayControl)> {
    app.feeds.iter().filter_map(|feed| feed.replay.as_deref().map(|control| (&**feed, control)))
}

fn no_replay() -> Failure {
    let message = "no feed of this server is a replay: start it with --feed replay:FILE";
    Failure::new(StatusCode::NOT_FOUND, "no_replay", message)
}

/// The named replay, or the only one.
fn find<'a>(app: &'a App, named: Option<&str>) -> Result<(&'a FeedStatus, &'a ReplayControl), Failure> {
    let names = || replays(app).map(|(feed, _)| feed.name.as_str()).collect::<Vec<_>>().join(", ");
    match (named, replays(app).count()) {
        (_, 0) => Err(no_replay()),
        (Some(name), _) => replays(app).find(|(feed, _)| feed.name == name).ok_or_else(|| {
            let message = format!("no replay is called {name:?}: there are {}", names());
            Failure::new(StatusCode::NOT_FOUND, "no_replay", message)
        }),
        (None, 1) => replays(app).next().ok_or_else(no_replay),
        (None, _) => {
            let message = format!("there are several replays: name one with ?feed=, of {}", names());
            Err(Failure::bad_request("missing_parameter", message))
        }
    }
}

// === impl ReplayQuery ===

impl ReplayQuery {
    fn parse(query: &str) -> Result<Self, Failure> {
        let mut parsed = ReplayQuery::default();
        for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
            match (&*key, &*value) {
                ("feed", name) => parsed.feed = Some(name.to_owned()),
                ("span", "true") => parsed.span = true,
                ("span", "false") => parsed.span = false,
                ("span", value) => {
                    let message = format!("span must be true or false, got {value:?}");
                    return Err(Failure::bad_request("bad_value", message));
                }
                (key, _) => {
                    let message = format!("/v1/replay has no parameter {key:?}: it has feed and span");
                    return Err(Failure::bad_request("unknown_parameter", message));
                }
            }
        }
        Ok(parsed)
    }
}

// === impl ReplayAnswer ===

impl<'a> ReplayAnswer<'a> {
    fn of(
        feed: &'a FeedStatus,
        control: &ReplayControl,
        state: ReplayState,
        query: &ReplayQuery,
        clients: usize,
    ) -> Self {
        let rejected = RejectReason::ALL.iter().map(|&reason| feed.rejected(reason)).sum();
        ReplayAnswer {
            feed: &feed.name,
            state,
            span: query.span.then(|| KnownSpan(control.span())),
            rejected,
            clients,
        }
    }
}

async fn read(shard: &Shard, request: Request<Incoming>) -> Result<(ReplayCommand, Answered), Failure> {
    let body = body::receive(request, BODY_BYTES_MAX, shard.node.limits.handshake).await?;
    parse(&body.text()?)
}

fn parse(body: &[u8]) -> Result<(ReplayCommand, Answered), Failure> {
    let op: ReplayOp = serde_json::from_slice(body).map_err(|error| {
        let message = format!("no command, such as {{\"op\":\"pause\"}}: {error}");
        Failure::bad_request("bad_body", message)
    })?;
    let bad = |name: &str, value: &Value, expected: &str| {
        Failure::bad_request("bad_value", format!("{name} must be {expected}, got {value}"))
    };
    // A string is parsed like an option of the source, a number by value.
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut answered = Answered::Done;
    let command = match op {
        ReplayOp::Pause {} => ReplayCommand::Pause,
        ReplayOp::Resume {} => ReplayCommand::Resume,
        ReplayOp::Restart {} => ReplayCommand::Restart,
        ReplayOp::Sync {} => {
            answered = Answered::Sent;
            ReplayCommand::Sync
        }
        ReplayOp::Step { n, wait } => {
            answered = if wait == Some(true) { Answered::Sent } else { Answered::Done };
            let n = n.unwrap_or(Value::from(1));
            let count = whole(&n).filter(|&count| count > 0);
            ReplayCommand::Step(count.ok_or_else(|| bad("n", &n, "a whole number from 1"))?)
        }
        ReplayOp::Seek { to } => {
            let time = parse_time(&text(&to)).ok_or_else(|| bad("to", &to, TIME_EXPECTED))?;
            ReplayCommand::Seek(time)
        }
        ReplayOp::Speed { speed } => {
            let parsed = text(&speed).parse().map_err(|()| bad("speed", &speed, ReplaySpeed::EXPECTED))?;
            ReplayCommand::Speed(parsed)
        }
    };
    Ok((command, answered))
}

/// A whole number, as `250`, `250.0` or `2.5e2`.
fn whole(value: &Value) -> Option<u64> {
    /// From here on doubles skip whole numbers.
    const DOUBLE_MAX: f64 = (1u64 << 53) as f64;
    let double =
        || value.as_f64().filter(|number| number.fract() == 0.0 && (0.0..=DOUBLE_MAX).contains(number));
    value.as_u64().or_else(|| double().map(|number| number as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::Nanos;

    #[test]
    fn commands_are_read() {
        let check = |text: &str, expected: ReplayCommand| {
            assert_eq!(parse(text.as_bytes()).ok(), Some((expected, Answered::Done)), "{text}");
        };
        check(r#"{"op":"pause"}"#, ReplayCommand::Pause);
        check(r#"{"op":"resume"}"#, ReplayCommand::Resume);
        check(r#"{"op":"restart"}"#, ReplayCommand::Restart);
        check(r#"{"op":"step"}"#, ReplayCommand::Step(1));
        check(r#"{"op":"step","n":10}"#, ReplayCommand::Step(10));
        check(r#"{"op":"step","n":10.0,"wait":null}"#, ReplayCommand::Step(10));
        check(r#"{"op":"step","n":1e3}"#, ReplayCommand::Step(1_000));
        check(r#"{"op":"step","n":null}"#, ReplayCommand::Step(1));
        let noon = Nanos(1_742_904_000_000_000_000);
        check(r#"{"op":"seek","to":"2025-03-25T12:00:00Z"}"#, ReplayCommand::Seek(noon));
        check(r#"{"op":"seek","to":1742904000000000}"#, ReplayCommand::Seek(noon));
        check(r#"{"op":"speed","speed":10}"#, ReplayCommand::Speed(ReplaySpeed::Times(10.0)));
        check(r#"{"op":"speed","speed":"max"}"#, ReplayCommand::Speed(ReplaySpeed::Max));
        check(r#"{"op":"step","n":3,"wait":false}"#, ReplayCommand::Step(3));
        let waits = |text: &str, expected: ReplayCommand| {
            assert_eq!(parse(text.as_bytes()).ok(), Some((expected, Answered::Sent)), "{text}");
        };
        waits(r#"{"op":"step","n":3,"wait":true}"#, ReplayCommand::Step(3));
        waits(r#"{"op":"sync"}"#, ReplayCommand::Sync);
    }

    #[test]
    fn what_is_no_command_is_refused() {
        for text in [
            "",
            "{}",
            "[]",
            r#"{"op":"stop"}"#,
            r#"{"op":"pause","n":1}"#,
            r#"{"op":"step","n":0}"#,
            r#"{"op":"step","n":-1}"#,
            r#"{"op":"step","n":1.5}"#,
            r#"{"op":"step","n":1,"wait":1}"#,
            r#"{"op":"sync","wait":true}"#,
            r#"{"op":"step","n":1,"n":2}"#,
            r#"{"op":"pause","op":"pause"}"#,
            r#"{"op":"seek"}"#,
            r#"{"op":"seek","to":"noon"}"#,
            r#"{"op":"seek","to":null}"#,
            r#"{"op":"speed","speed":0}"#,
            r#"{"op":"speed","speed":[1]}"#,
        ] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
