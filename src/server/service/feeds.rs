//! A service's feeds: opens and names them, and determines the market's clock and the end of the market.

use std::sync::{Arc, atomic::Ordering};

use super::setup::{Setup, StartError};
use crate::{
    clock::{Clock, MarketClock},
    escape::escaped,
    feed::{DeclaredSymbols, Feed, Opened, Source, venue_limits::overloads},
    scenario::RunningScenario,
    server::{
        intake::{Condition, FeedKind, FeedStatus},
        message::ToShard,
        state::ServerState,
    },
    topic::FeedId,
};

/// The opened feeds, before their threads start.
pub(super) struct OpenFeeds {
    /// The status of each feed, by id.
    pub statuses: Vec<Arc<FeedStatus>>,
    pub to_run: Vec<(Arc<FeedStatus>, Box<dyn Feed>)>,
    /// The feed of published ticks; it has no thread.
    pub push: Arc<FeedStatus>,
    /// It was configured by name.
    push_is_named: bool,
    /// The symbols that feeds declare.
    pub listings: Vec<Arc<dyn DeclaredSymbols>>,
}

/// Notifies the shards when the market is over, that is, when every configured feed is a replay that has ended, and
/// when it continues.
pub(super) fn ending(feeds: &OpenFeeds, server: &Arc<ServerState>) -> Arc<dyn Fn() + Send + Sync> {
    let running: Vec<_> = feeds.to_run.iter().map(|(status, _)| Arc::clone(status)).collect();
    let may_end = !feeds.push_is_named && running.iter().all(|feed| feed.replay.is_some());
    let server = Arc::clone(server);
    Arc::new(move || {
        let over = may_end && running.iter().all(|feed| *feed.condition() == Condition::Ended);
        if server.over.swap(over, Ordering::AcqRel) != over {
            for inbox in &server.inboxes {
                // A shard that has ended needs no message.
                let _ = inbox.send(ToShard::Over(over));
            }
        }
    })
}

/// Opens all feeds. Publishing over HTTP has a feed of its own, configured or not.
pub(super) fn open_feeds(setup: &Setup) -> Result<OpenFeeds, StartError> {
    // A single feed logs its overload itself.
    for crowd in overloads(&setup.feeds).iter().filter(|crowd| crowd.feeds.len() > 1) {
        tracing::warn!("{crowd}");
    }
    let mut statuses: Vec<Arc<FeedStatus>> = Vec::new();
    let mut to_run = Vec::new();
    let (mut push, mut listings) = (None, Vec::new());
    for source in &setup.feeds {
        let name = unique(source.name(), &statuses);
        let opened = source
            .open(&setup.limits, &setup.fields)
            .map_err(|source| StartError::Feed { name: name.clone(), source })?;
        match opened {
            Opened::Feed(feed) => {
                let status = add_feed(&mut statuses, name, source.kind.name(), Some(&*feed));
                listings.extend(feed.listing());
                to_run.push((status, feed));
            }
            Opened::Push if push.is_some() => {}
            Opened::Push => push = Some(add_feed(&mut statuses, name, "push", None)),
        }
    }
    let push_is_named = push.is_some();
    let push = push.unwrap_or_else(|| {
        let name = unique("push", &statuses);
        add_feed(&mut statuses, name, "push", None)
    });
    Ok(OpenFeeds { statuses, to_run, push, push_is_named, listings })
}

/// The scenario of the only replay that has one; announced in the log.
pub(super) fn begin_faults(feeds: &[Source]) -> Result<Option<Arc<RunningScenario>>, StartError> {
    let mut named = feeds.iter().filter_map(|source| Some((source.name(), source.scenario()?)));
    let Some((name, config)) = named.next() else { return Ok(None) };
    let running = RunningScenario::load(config)
        .map_err(|source| StartError::Feed { name: name.to_owned(), source: source.into() })?;
    tracing::warn!(
        feed = name,
        scenario = %escaped(&running.scenario.name),
        seed = running.seed,
        "venue faults are done to every session of a dialect; /v1/faults tells them"
    );
    Ok(Some(Arc::new(running)))
}

/// The market's clock: the machine's, or the one that the only feed drives.
pub(super) fn market_clock(clock: Clock, feeds: &OpenFeeds) -> Result<MarketClock, StartError> {
    let driver = feeds.to_run.iter().find_map(|(status, feed)| Some((status, feed.begins()?)));
    match driver {
        None => Ok(MarketClock::of_world(clock)),
        Some((_, begin)) if feeds.to_run.len() == 1 => Ok(MarketClock::driven(clock, begin)),
        Some((status, _)) => Err(StartError::Clocks { name: status.name.clone() }),
    }
}

fn add_feed(
    statuses: &mut Vec<Arc<FeedStatus>>,
    name: String,
    source: &'static str,
    feed: Option<&dyn Feed>,
) -> Arc<FeedStatus> {
    let id = FeedId(u16::try_from(statuses.len()).unwrap_or(u16::MAX));
    let kind = if feed.is_some() { FeedKind::Expected } else { FeedKind::Pushed };
    let mut status = FeedStatus::new(name, id, kind, feed.and_then(Feed::replay));
    status.source = source;
    status.upstream = feed.and_then(Feed::upstream);
    let status = Arc::new(status);
    statuses.push(Arc::clone(&status));
    status
}

/// The name, with the first number from 2 on appended if needed to make it unique.
fn unique(name: &str, statuses: &[Arc<FeedStatus>]) -> String {
    let taken = |name: &str| statuses.iter().any(|status| status.name == name);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(|name| !taken(name)).unwrap_or_default()
}
