//! Requests of operators: metrics, readiness, the slowest sessions.

use std::{
    net::IpAddr,
    rc::Rc,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use compact_str::CompactString;
use futures_util::future::join_all;
use hyper::StatusCode;
use serde::Serialize;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep_until, timeout_at},
};

use super::{
    app::App,
    bulk,
    caller::Caller,
    feeds,
    response::{self, HttpResponse},
    scrapes::{LastScrape, ScrapeQueue},
    walk::{self, SessionsWalk, WalkBody},
};
use crate::{
    server::{failure::Failure, message::ToShard, metrics::ScrapeInputs, shard::Shard, state::ServerState},
    session::{
        inbound::query,
        maintenance::{
            slow::SlowSession,
            top::{Used, UsedNow},
        },
        stats::ShardReport,
    },
    topic::DelayedMarket,
};

/// A shard answers between two turns, which take milliseconds. One that does not is stuck, and the scrape reports it.
const SHARD_ANSWER: Duration = Duration::from_secs(2);
const SLOWEST_DEFAULT: usize = 20;
const SLOWEST_MAX: usize = 1_000;
/// A request for more sessions than this counts as a long answer.
const SLOWEST_AT_ONCE: usize = 64;

/// The pause after a scrape, as a multiple of its duration.
const REST_FACTOR: u32 = 4;

pub async fn metrics(app: &Arc<App>, shard: &Rc<Shard>) -> Result<HttpResponse, Failure> {
    let ScrapeQueue { begun, last } = &app.scrapes;
    let seen = begun.load(Ordering::Acquire);
    let mut last = last.lock().await;
    if last.number <= seen {
        if let Some(next) = last.next {
            sleep_until(next).await;
        }
        let number = begun.fetch_add(1, Ordering::AcqRel) + 1;
        let began = Instant::now();
        let text = scrape(app, shard).await?;
        let ended = Instant::now();
        *last = LastScrape { number, text, next: Some(ended + REST_FACTOR * (ended - began)) };
    }
    Ok(response::metrics(last.text.clone()))
}

async fn scrape(app: &Arc<App>, shard: &Rc<Shard>) -> Result<Bytes, Failure> {
    let answers = ask_all(app, ToShard::Report).await;
    let (app, server) = (Arc::clone(app), Arc::clone(&shard.server));
    // Visits all topics and counts the process's files, so off the threads with sessions.
    tokio::task::spawn_blocking(move || text(&app, &server, answers).into())
        .await
        .map_err(|error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string()))
}

fn text(app: &App, server: &ServerState, answers: Vec<Option<ShardReport>>) -> Vec<u8> {
    let mut report = ShardReport::default();
    let mut shards = 0;
    for (number, answer) in answers.into_iter().enumerate() {
        match answer {
            Some(answer) => {
                report.add(&answer);
                shards += 1;
            }
            None => {
                let ended = server.ended.lock().unwrap_or_else(PoisonError::into_inner);
                report.add(ended.get(&number).unwrap_or(&ShardReport::default()));
            }
        }
    }
    let now = app.market.now();
    let stale_nanos = u64::try_from(server.node.limits.stale.as_nanos()).unwrap_or(u64::MAX);
    let inputs = ScrapeInputs {
        feeds: &app.feeds,
        rejected: &server.rejected,
        refused: &server.node.refused,
        topics: server.node.ingest.topics(),
        topics_stale: server.node.ingest.count_stale(now, stale_nanos),
        shards,
        shards_configured: app.shards.len(),
        draining: server.draining.load(Ordering::Relaxed),
        ready: shards == app.shards.len() && why_not_ready(app, server).is_ok(),
        limits: &server.node.limits,
        log_lines_dropped: app.log_lines_dropped.load(Ordering::Relaxed),
        replays: &server.replays,
        faults: server.node.faults.as_deref(),
        audit: server.node.audit.as_deref(),
        delayed: server.node.ingest.delayed().map(DelayedMarket::report),
        uptime_seconds: app.clock.now().since(app.began) as f64 / 1e9,
        #[cfg(feature = "tls")]
        tls: server.tls.as_deref(),
        #[cfg(feature = "tls")]
        key_servers: &server.key_servers,
        now,
    };
    app.metrics.text(&report, &inputs)
}

/// Readiness is about this process, not the market: started, not stopping, keys loaded, no feed failed, all shards
/// answering. A silent feed is a data problem: symbols become stale, and an alert reports it.
pub async fn ready(app: &App, shard: &Rc<Shard>) -> Result<HttpResponse, Failure> {
    why_not_ready(app, &shard.server)?;
    let answers = ask_all(app, ToShard::Alive).await;
    // In a drain shards end one by one, and the server is not ready then either.
    if answers.iter().any(Option::is_none) {
        let message = "a shard does not answer: its sessions get nothing";
        return Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, "shard_silent", message));
    }
    Ok(response::json(feeds::ready(&app.feeds)))
}

/// Why clients should go elsewhere, apart from shards that do not answer.
fn why_not_ready(app: &App, server: &ServerState) -> Result<(), Failure> {
    if server.leaving.load(Ordering::Relaxed) {
        return Err(Failure::draining());
    }
    let unready = |code, message| Err(Failure::new(StatusCode::SERVICE_UNAVAILABLE, code, message));
    let failed: Vec<String> = app.feeds.iter().filter_map(|feed| feed.why_failed()).collect();
    if !failed.is_empty() {
        return unready("feed_failed", failed.join("; "));
    }
    if !server.node.authority.has_keys() {
        let message = "a key server has given no keys yet: tokens that it signed cannot be verified";
        return unready("no_keys", message.to_owned());
    }
    // A server that replaces another should have prices first; but with a closed market it must not wait for ever.
    let running = Duration::from_nanos(app.clock.now().since(app.began));
    let awaited = app.feeds.iter().find(|feed| feed.is_awaited());
    if let Some(feed) = awaited.filter(|_| running < server.node.limits.stale) {
        let why = feed.why_dark().map(|why| format!("; {why}")).unwrap_or_default();
        let message = format!(
            "feed {} has given no tick yet: a moment is given to it (limits.stale_ms){why}",
            feed.name
        );
        return unready("starting", message);
    }
    Ok(())
}

pub async fn slow(
    app: &App,
    shard: &Rc<Shard>,
    caller: &Caller,
    query: &str,
) -> Result<HttpResponse, Failure> {
    let count = count_of("/debug/slow", query)?;
    let answers = ask_all(app, |reply| ToShard::Slowest(count, reply)).await;
    let mut slowest: Vec<_> = answers.into_iter().flatten().flatten().collect();
    slowest.sort_by_key(SlowSession::rank);
    slowest.truncate(count);
    let rows = SessionsWalk::new(slowest);
    if count <= SLOWEST_AT_ONCE {
        return Ok(response::whole("application/json", walk::whole(rows).into()));
    }
    let permit = bulk::permit(&app.bulk, shard, &caller.activity)?;
    Ok(response::walk(WalkBody::new(shard, Box::new(rows), permit)))
}

/// The users and addresses whose open sessions were sent the most.
pub async fn users(app: &App, query: &str) -> Result<HttpResponse, Failure> {
    let count = count_of("/debug/users", query)?;
    let answers = ask_all(app, ToShard::Used).await;
    // There may be as many as sessions, so off the threads with sessions.
    let text = tokio::task::spawn_blocking(move || {
        let mut used = Used::default();
        answers.into_iter().flatten().for_each(|answer| used.add(answer));
        let users = used.top_users(count).into_iter().map(|(user, used)| TopUser { user, used });
        let addresses = used.top_addresses(count);
        let addresses = addresses.into_iter().map(|(address, used)| TopAddress { address, used });
        serde_json::to_string(&TopUsers { users: users.collect(), addresses: addresses.collect() })
    });
    let internal = |message: String| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message);
    let text = text.await.map_err(|error| internal(error.to_string()))?;
    text.map(response::json).map_err(|error| internal(error.to_string()))
}

/// The answer of `/debug/users`.
#[derive(Serialize)]
struct TopUsers {
    users: Vec<TopUser>,
    addresses: Vec<TopAddress>,
}

#[derive(Serialize)]
struct TopUser {
    user: CompactString,
    #[serde(flatten)]
    used: UsedNow,
}

#[derive(Serialize)]
struct TopAddress {
    address: IpAddr,
    #[serde(flatten)]
    used: UsedNow,
}

/// The single parameter of these paths: how many to show.
fn count_of(path: &str, query: &str) -> Result<usize, Failure> {
    let mut count = SLOWEST_DEFAULT;
    for (key, value) in query::singles(query).map_err(|name| Failure::given_twice(&name))? {
        if key != "k" {
            let message = format!("{path} has no parameter {key:?}: it has k");
            return Err(Failure::bad_request("unknown_parameter", message));
        }
        count = value.parse().ok().filter(|&count| count <= SLOWEST_MAX).ok_or_else(|| {
            let message = format!("k must be a whole number from 0 to {SLOWEST_MAX}, got {value:?}");
            Failure::bad_request("bad_value", message)
        })?;
    }
    Ok(count)
}

/// Asks every shard, and awaits all answers together. A shard that has ended gives none.
pub(super) async fn ask_all<T>(
    app: &App,
    question: impl Fn(oneshot::Sender<T>) -> ToShard,
) -> Vec<Option<T>> {
    let replies: Vec<_> = app
        .shards
        .iter()
        .map(|inbox| {
            let (reply, answer) = oneshot::channel();
            // If the shard has ended, the question is dropped with its reply channel.
            let _ = inbox.send(question(reply));
            answer
        })
        .collect();
    let silent = || {
        if let Some(suppressed) = app.shard_silent.pass(app.clock.now()) {
            tracing::warn!(suppressed, "a shard has not answered for {SHARD_ANSWER:?}");
        }
    };
    let answers = all_at_once(replies, Instant::now() + SHARD_ANSWER, silent).await;
    answers.into_iter().map(|answer| answer?.ok()).collect()
}

/// Awaits all answers with one common deadline, so that stuck shards do not add up. A late answer is `None`, and calls
/// `silent`.
async fn all_at_once<F: Future>(
    answers: impl IntoIterator<Item = F>,
    until: Instant,
    silent: impl Fn(),
) -> Vec<Option<F::Output>> {
    let silent = &silent;
    join_all(
        answers
            .into_iter()
            .map(|answer| async move { timeout_at(until, answer).await.inspect_err(|_| silent()).ok() }),
    )
    .await
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, future::poll_fn, pin::pin, task::Poll};

    use super::*;

    fn run<T>(test: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(test)
    }

    #[test]
    fn shards_that_are_stuck_are_waited_for_together() {
        run(async {
            let (asked, silent) = (Cell::new(0), Cell::new(0));
            let stuck = || {
                let mut first = true;
                poll_fn({
                    let asked = &asked;
                    move |_| {
                        asked.set(asked.get() + u32::from(std::mem::take(&mut first)));
                        Poll::<()>::Pending
                    }
                })
            };
            let far = Instant::now() + Duration::from_secs(3_600);
            let waiting = all_at_once((0..8).map(|_| stuck()), far, || silent.set(silent.get() + 1));
            let mut waiting = pin!(waiting);
            let first_look = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await;
            assert!(!first_look, "nobody answers before the time is over");
            assert_eq!((asked.get(), silent.get()), (8, 0), "all of them are waited for at once");
        });
    }

    #[test]
    fn who_answers_counts_though_another_is_silent() {
        run(async {
            let silent = Cell::new(0);
            let shard = |number: u32| async move {
                if number == 1 {
                    std::future::pending::<()>().await;
                }
                number
            };
            let over = Instant::now();
            let answers = all_at_once((0..3).map(shard), over, || silent.set(silent.get() + 1)).await;
            assert_eq!((answers, silent.get()), (vec![Some(0), None, Some(2)], 1));
        });
    }
}
