//! Runs feeds: each on a thread, with a sink for its ticks and a status for observers.
//!
//! It connects `feed`, which knows no topics, with `topic`, which knows no feeds.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};

use crate::{
    clock::{Anchor, Clock, MarketClock},
    feed::{
        FeedActivity, FeedLinks, RefusedTick, RejectCounts, RejectReason, Sink, SymbolState, UpstreamControl,
        replay::ReplayControl,
    },
    publish::{PublishResult, PublishSink},
    tick::{Nanos, Tick},
    topic::{FeedId, Ingest},
    wakeup::Wakeup,
};

/// One feed's counts and condition, written by the feed's thread, read by scrapes and probes.
#[derive(Debug)]
pub struct FeedStatus {
    pub name: String,
    pub id: FeedId,
    pub kind: FeedKind,
    /// As in `--feed`, such as `binance` or `replay`.
    pub source: &'static str,
    /// The control handle, for replays.
    pub replay: Option<Arc<ReplayControl>>,
    /// The control handle, for venue feeds.
    pub upstream: Option<Arc<UpstreamControl>>,
    pub ingested: AtomicU64,
    rejected: [AtomicU64; RejectReason::ALL.len()],
    pub reconnects: AtomicU64,
    /// How far it is behind its own schedule, in nanoseconds.
    lag: AtomicU64,
    /// When it last sent a tick, by the market's clock; 0 before the first.
    last: AtomicI64,
    /// The state of venue connections; replaced whole, a few times a second.
    links: ArcSwapOption<FeedLinks>,
    /// Rarely written, read by every probe.
    condition: ArcSwap<Condition>,
}

/// Whether ticks are expected.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FeedKind {
    /// The feed sends ticks by itself; readiness waits a while for the first.
    Expected,
    /// Publishers push ticks into it whenever they have some.
    Pushed,
}

/// The condition of a feed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Condition {
    Running,
    /// Paused: it sends no ticks for now.
    Held,
    /// It has ended.
    Ended,
    /// It failed, for this reason.
    Failed(String),
}

/// The sink that passes a feed's ticks to the market.
pub struct FeedSink {
    pub status: Arc<FeedStatus>,
    pub ingest: Arc<Ingest>,
    pub clock: Clock,
    pub market: MarketClock,
    /// Called when the feed has ended, or continues after its end.
    pub ended: Arc<dyn Fn() + Send + Sync>,
    /// Whether it follows the readers' progress.
    pub watches_readers: bool,
}

impl Condition {
    /// Whether it runs, even if paused.
    pub fn is_up(&self) -> bool {
        matches!(self, Condition::Running | Condition::Held)
    }
}

impl FeedStatus {
    pub fn new(name: String, id: FeedId, kind: FeedKind, replay: Option<Arc<ReplayControl>>) -> Self {
        FeedStatus {
            name,
            id,
            kind,
            source: "push",
            replay,
            upstream: None,
            ingested: AtomicU64::new(0),
            rejected: Default::default(),
            reconnects: AtomicU64::new(0),
            lag: AtomicU64::new(0),
            last: AtomicI64::new(0),
            links: ArcSwapOption::empty(),
            condition: ArcSwap::from_pointee(Condition::Running),
        }
    }

    pub fn count_rejected(&self, reason: RejectReason, lines: u64) {
        self.rejected[reason as usize].fetch_add(lines, Ordering::Relaxed);
    }

    pub fn rejected(&self, reason: RejectReason) -> u64 {
        self.rejected[reason as usize].load(Ordering::Relaxed)
    }

    pub fn lag(&self) -> Duration {
        Duration::from_nanos(self.lag.load(Ordering::Relaxed))
    }

    /// When it last sent a tick, by the market's clock.
    pub fn last(&self) -> Option<Nanos> {
        Some(self.last.load(Ordering::Relaxed)).filter(|&last| last != 0).map(Nanos)
    }

    pub fn set_last(&self, now: Nanos) {
        self.last.store(now.0, Ordering::Relaxed);
    }

    /// The state of its venue connections.
    pub fn links(&self) -> Option<Arc<FeedLinks>> {
        self.links.load_full()
    }

    pub fn condition(&self) -> Arc<Condition> {
        self.condition.load_full()
    }

    pub fn set_condition(&self, condition: Condition) {
        self.condition.store(Arc::new(condition));
    }

    /// Why it has failed, if it has.
    pub fn why_failed(&self) -> Option<String> {
        match &*self.condition() {
            Condition::Failed(why) => Some(format!("feed {} has failed: {why}", self.name)),
            Condition::Running | Condition::Held | Condition::Ended => None,
        }
    }

    /// Why it has no connection to its venue; `None` while connected, or before the first attempt.
    pub fn why_dark(&self) -> Option<Arc<str>> {
        self.links()?.why_dark.clone()
    }

    /// Whether it should send ticks by itself and has sent none yet.
    pub fn is_awaited(&self) -> bool {
        self.kind == FeedKind::Expected && self.last().is_none() && *self.condition() == Condition::Running
    }
}

impl FeedSink {
    fn record(&self, taken: usize, now: Nanos, refused: &[RefusedTick]) {
        for refused in refused {
            self.status.count_rejected(refused.reason, 1);
        }
        if taken > 0 {
            self.status.ingested.fetch_add(taken as u64, Ordering::Relaxed);
            self.status.set_last(now);
        }
    }
}

impl PublishSink for FeedSink {
    fn take(&self, ticks: &mut Vec<Tick>) -> PublishResult {
        let now = self.market.now();
        let mut taking = PublishResult::default();
        let PublishResult { refused, seqs, .. } = &mut taking;
        taking.taken = self.ingest.submit_published(self.status.id, ticks, now, refused, seqs);
        self.record(taking.taken, now, &taking.refused);
        taking
    }

    fn count_rejected(&self, counts: &RejectCounts) {
        for (reason, count) in counts.iter() {
            self.status.count_rejected(reason, count);
        }
    }
}

impl Sink for FeedSink {
    fn submit(&mut self, ticks: &mut Vec<Tick>, refused: &mut Vec<RefusedTick>) {
        let now = self.market.now();
        let before = refused.len();
        let taken = self.ingest.submit(self.status.id, ticks, now, refused);
        self.record(taken, now, &refused[before..]);
    }

    fn submit_dated(&mut self, ticks: &mut Vec<Tick>, rx: &[Nanos], refused: &mut Vec<RefusedTick>) {
        let before = refused.len();
        let taken = self.ingest.submit_dated(self.status.id, ticks, rx, refused);
        self.record(taken, rx.last().copied().unwrap_or_default(), &refused[before..]);
    }

    fn reject(&mut self, reason: RejectReason) {
        self.status.count_rejected(reason, 1);
    }

    fn states(&mut self, states: &mut Vec<SymbolState>) {
        self.ingest.tell(self.status.id, states);
    }

    fn links(&mut self, links: &FeedLinks) {
        self.status.links.store(Some(Arc::new(links.clone())));
        self.status.reconnects.store(links.reconnects, Ordering::Relaxed);
    }

    fn lag(&mut self, behind: Duration) {
        self.status.lag.store(u64::try_from(behind.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn now(&self) -> Nanos {
        self.clock.now()
    }

    fn drive(&mut self, anchor: Anchor) {
        self.market.drive(anchor);
    }

    fn activity(&mut self, activity: FeedActivity) {
        self.status.set_condition(match activity {
            FeedActivity::Playing => Condition::Running,
            FeedActivity::Held => Condition::Held,
            FeedActivity::Ended => Condition::Ended,
        });
        if activity == FeedActivity::Ended {
            tracing::info!(feed = self.status.name, "the replay is over");
            self.ingest.close(self.status.id);
        } else {
            self.ingest.reopen(self.status.id);
        }
        (self.ended)();
    }

    fn watch_readers(&mut self, watches: bool) {
        if std::mem::replace(&mut self.watches_readers, watches) != watches {
            self.ingest.watch_readers(watches);
        }
    }

    fn is_taken(&mut self) -> bool {
        self.ingest.is_taken()
    }

    fn room(&mut self) -> usize {
        self.ingest.room()
    }

    fn clients(&self) -> usize {
        self.ingest.readers.clients()
    }

    fn listen(&mut self, wakeup: &Wakeup) {
        self.ingest.readers.listen(wakeup);
    }
}

/// A feed that has ended no longer follows readers.
impl Drop for FeedSink {
    fn drop(&mut self) {
        self.watch_readers(false);
    }
}
