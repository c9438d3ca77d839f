//! `/v1/feeds`: each feed's condition, for people and the dashboard.
//!
//! Not metrics, and not symbols: even a healthy feed may have stale symbols.

use std::{rc::Rc, sync::Arc, sync::atomic::Ordering, time::Duration};

use hyper::StatusCode;
use serde::Serialize;

use super::{
    app::App,
    response::{self, HttpResponse},
};
use crate::{
    access::Rights,
    server::{
        failure::Failure,
        intake::{Condition, FeedKind, FeedStatus},
        shard::Shard,
    },
    tick::Nanos,
};

/// One feed. Fields of venue connections are `null` for other feeds.
#[derive(Serialize)]
struct FeedRow<'a> {
    name: &'a str,
    kind: &'static str,
    condition: FeedCondition,
    connected: Option<bool>,
    connections: Option<usize>,
    connections_wanted: Option<usize>,
    reconnects: u64,
    // Reveals activity of the whole market: `null` for callers who may read only part of it, or only delayed.
    messages: Option<u64>,
    ingested: Option<u64>,
    lag_ms: Option<f64>,
    /// By the market's clock, in microseconds.
    last: Option<i64>,
    reason: Option<String>,
}

/// A feed's condition in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
enum FeedCondition {
    Running,
    Held,
    Ended,
    /// Nothing was received for `limits.stale_ms`, and the feed's symbols are judged by that.
    Stale,
    /// No connection to its venue is open.
    Dark,
    Failed,
}

/// The answer of `/readyz`.
#[derive(Serialize)]
struct Ready<'a> {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dark: Vec<DarkFeed<'a>>,
}

#[derive(Serialize)]
struct DarkFeed<'a> {
    feed: &'a str,
    reason: String,
}

pub fn feeds(app: &App, shard: &Rc<Shard>, rights: &Rights) -> Result<HttpResponse, Failure> {
    let (now, stale) = (app.market.now(), shard.node.limits.stale);
    let mut rows: Vec<FeedRow<'_>> = app.feeds.iter().map(|feed| row(feed, now, stale)).collect();
    if !rights.may_know_activity() {
        for row in &mut rows {
            row.hide_activity();
        }
    }
    let internal = |error: serde_json::Error| {
        Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    };
    serde_json::to_string(&rows).map(response::json).map_err(internal)
}

/// Ready, with the venues that are dark nevertheless.
pub(super) fn ready(feeds: &[Arc<FeedStatus>]) -> String {
    let dark = feeds
        .iter()
        .filter_map(|feed| Some(DarkFeed { feed: &feed.name, reason: feed.why_dark()?.to_string() }));
    let ready = Ready { status: "ready", dark: dark.collect() };
    serde_json::to_string(&ready).unwrap_or_else(|_| "{\"status\":\"ready\"}".to_owned())
}

fn row(feed: &FeedStatus, now: Nanos, stale: Duration) -> FeedRow<'_> {
    let (links, last) = (feed.links(), feed.last());
    let (condition, reason) = condition(feed, now, stale);
    let lag = links.as_ref().map_or_else(|| feed.lag(), |links| links.lag);
    let is_venue = feed.upstream.is_some();
    let of_venue = |count: usize| is_venue.then_some(count);
    let (open, wanted) = links.as_ref().map_or((0, 0), |links| (links.open, links.wanted));
    FeedRow {
        name: &feed.name,
        kind: feed.source,
        condition,
        connected: is_venue.then_some(open > 0),
        connections: of_venue(open),
        connections_wanted: of_venue(wanted),
        reconnects: feed.reconnects.load(Ordering::Relaxed),
        messages: is_venue.then(|| links.as_ref().map_or(0, |links| links.messages)),
        ingested: Some(feed.ingested.load(Ordering::Relaxed)),
        lag_ms: Some((lag.as_secs_f64() * 1e6).round() / 1e3),
        last: last.map(Nanos::micros),
        reason,
    }
}

impl FeedRow<'_> {
    fn hide_activity(&mut self) {
        (self.messages, self.ingested, self.lag_ms, self.last) = (None, None, None, None);
    }
}

/// The condition, with the reason if it is not good.
fn condition(feed: &FeedStatus, now: Nanos, stale: Duration) -> (FeedCondition, Option<String>) {
    match &*feed.condition() {
        Condition::Failed(why) => return (FeedCondition::Failed, Some(why.clone())),
        Condition::Held => return (FeedCondition::Held, None),
        Condition::Ended => return (FeedCondition::Ended, None),
        Condition::Running => {}
    }
    if feed.upstream.is_some() {
        let Some(links) = feed.links() else { return (FeedCondition::Running, None) };
        let missing = links.open < links.wanted && links.open > 0;
        return match &links.why_dark {
            Some(why) => (FeedCondition::Dark, Some(why.to_string())),
            None if missing => {
                let why = format!("{} of {} connections are open", links.open, links.wanted);
                (FeedCondition::Running, Some(why))
            }
            None => (FeedCondition::Running, None),
        };
    }
    let silent =
        feed.last().map(|last| Duration::from_nanos(now.since(last))).filter(|silent| *silent > stale);
    match silent {
        Some(silent) if feed.kind == FeedKind::Expected => {
            (FeedCondition::Stale, Some(format!("no tick for {} s", silent.as_secs())))
        }
        _ => (FeedCondition::Running, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::FeedId;

    #[test]
    fn a_feed_is_stale_by_its_last_tick_and_failed_by_its_reason() {
        let feed = |kind| FeedStatus::new("f".to_owned(), FeedId(0), kind, None);
        let (stale, second) = (Duration::from_secs(10), 1_000_000_000);
        let at = |feed: &FeedStatus, seconds| condition(feed, Nanos(seconds * second), stale);
        let expected = feed(FeedKind::Expected);
        assert_eq!(at(&expected, 100), (FeedCondition::Running, None), "no tick yet");
        expected.set_last(Nanos(100 * second));
        assert_eq!(at(&expected, 110), (FeedCondition::Running, None));
        assert_eq!(at(&expected, 112), (FeedCondition::Stale, Some("no tick for 12 s".to_owned())));
        let pushed = feed(FeedKind::Pushed);
        pushed.set_last(Nanos(100 * second));
        assert_eq!(at(&pushed, 500), (FeedCondition::Running, None), "publishers come when they like");
        for (set, word) in [(Condition::Held, FeedCondition::Held), (Condition::Ended, FeedCondition::Ended)]
        {
            expected.set_condition(set);
            assert_eq!(at(&expected, 500), (word, None));
        }
        expected.set_condition(Condition::Failed("it broke".to_owned()));
        assert_eq!(at(&expected, 500), (FeedCondition::Failed, Some("it broke".to_owned())));
    }
}
