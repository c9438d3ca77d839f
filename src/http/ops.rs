//! What operators ask: metrics, readiness, the slowest sessions.

use std::{
    rc::Rc,
    sync::{PoisonError, atomic::Ordering},
    time::Duration,
};

use hyper::StatusCode;
use tokio::sync::oneshot;

use super::{Answer, App, Failure, answer};
use crate::{
    metrics::Levels,
    session::{
        shard::{Shard, SlowSession, ToShard},
        stats::Report,
    },
};

/// A shard answers between two turns, in milliseconds; one that does not is stuck, and the scrape says so.
const SHARD_ANSWER: Duration = Duration::from_secs(2);
const SLOWEST_DEFAULT: usize = 20;
const SLOWEST_MAX: usize = 1_000;

pub async fn metrics(app: &App, shard: &Rc<Shard>) -> Answer {
    let mut report = Report::default();
    let mut shards = 0;
    let shared = &shard.shared;
    for (number, answer) in ask_all(app, ToShard::Report).await.into_iter().enumerate() {
        match answer {
            Some(answer) => {
                report.add(&answer);
                shards += 1;
            }
            None => {
                let ended = shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
                report.add(ended.get(&number).unwrap_or(&Report::default()));
            }
        }
    }
    let now = app.market.now();
    let stale_nanos = u64::try_from(shared.limits.stale.as_nanos()).unwrap_or(u64::MAX);
    let levels = Levels {
        feeds: &app.feeds,
        rejected: &shared.rejected,
        topics: shared.ingest.topics(),
        topics_stale: shared.ingest.count_stale(now, stale_nanos),
        shards,
        shards_configured: app.shards.len(),
        draining: shared.draining.load(Ordering::Relaxed),
        ready: why_not_ready(app, shard).is_ok_and(|faults| faults.is_empty()),
        limits: &shared.limits,
        log_lines_dropped: app.log_lines_dropped.load(Ordering::Relaxed),
        uptime_seconds: app.clock.now().since(app.began) as f64 / 1e9,
        now,
    };
    answer::metrics(app.metrics.text(&report, &levels))
}

/// Ready: not draining, and every feed that is to give ticks does.
pub fn ready(app: &App, shard: &Rc<Shard>) -> Result<Answer, Failure> {
    let faults = why_not_ready(app, shard)?;
    if faults.is_empty() {
        return Ok(answer::json("{\"status\":\"ready\"}".to_owned()));
    }
    Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "feed_not_fresh", faults.join("; ")))
}

/// What is wrong with the feeds; an error when the server drains, and the feeds do not matter.
fn why_not_ready(app: &App, shard: &Rc<Shard>) -> Result<Vec<String>, Failure> {
    let shared = &shard.shared;
    if shared.draining.load(Ordering::Relaxed) {
        return Err(Failure::draining());
    }
    let now = app.market.now();
    Ok(app.feeds.iter().filter_map(|feed| feed.why_not_fresh(now, shared.limits.stale)).collect())
}

pub async fn slow(app: &App, query: &str) -> Result<Answer, Failure> {
    let mut count = SLOWEST_DEFAULT;
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if key != "k" {
            return Err(Failure::bad_request(
                "unknown_parameter",
                format!("/debug/slow has no parameter {key:?}: it has k"),
            ));
        }
        count = value.parse().ok().filter(|&count| count <= SLOWEST_MAX).ok_or_else(|| {
            Failure::bad_request(
                "bad_value",
                format!("k must be a whole number from 0 to {SLOWEST_MAX}, this is {value:?}"),
            )
        })?;
    }
    let answers = ask_all(app, |reply| ToShard::Slowest(count, reply)).await;
    let mut slowest: Vec<_> = answers.into_iter().flatten().flatten().collect();
    slowest.sort_by_key(SlowSession::rank);
    slowest.truncate(count);
    serde_json::to_string(&slowest)
        .map(answer::json)
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

/// Asks every shard, and waits for all answers at once; a shard that has ended gives none.
async fn ask_all<T>(app: &App, question: impl Fn(oneshot::Sender<T>) -> ToShard) -> Vec<Option<T>> {
    let asked: Vec<_> = app
        .shards
        .iter()
        .map(|inbox| {
            let (reply, answer) = oneshot::channel();
            // When the shard has ended, the question is dropped, and the answer says so.
            let _ = inbox.send(question(reply));
            answer
        })
        .collect();
    let mut answers = Vec::with_capacity(asked.len());
    for answer in asked {
        match tokio::time::timeout(SHARD_ANSWER, answer).await {
            Ok(answer) => answers.push(answer.ok()),
            Err(_) => {
                if let Some(unsaid) = app.shard_silent.pass(app.clock.now()) {
                    tracing::warn!(unsaid, "a shard has not answered for {SHARD_ANSWER:?}");
                }
                answers.push(None);
            }
        }
    }
    answers
}
