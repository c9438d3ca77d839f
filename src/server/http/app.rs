//! [`App`]: the state of routes beyond their own shard.

use std::sync::{Arc, atomic::AtomicU64};

use tokio::sync::{Semaphore, mpsc::UnboundedSender};

use super::{bulk::BulkRequests, scrapes::ScrapeQueue};
use crate::{
    clock::{Clock, MarketClock},
    server::{intake::FeedStatus, message::ToShard, metrics::Metrics},
    throttle::Throttle,
    tick::Nanos,
};

pub struct App {
    pub metrics: Metrics,
    pub shards: Vec<UnboundedSender<ToShard>>,
    pub feeds: Vec<Arc<FeedStatus>>,
    pub clock: Clock,
    pub market: MarketClock,
    pub began: Nanos,
    /// Throttles the warning that a shard does not answer.
    pub shard_silent: Throttle,
    /// Counted by the log writer.
    pub log_lines_dropped: Arc<AtomicU64>,
    pub scrapes: ScrapeQueue,
    /// Permits of long answers in progress.
    pub bulk: Arc<BulkRequests>,
    /// Permits of usage reports, which read files.
    pub reports: Arc<Semaphore>,
    /// Whether operators have a listener of their own.
    pub has_admin: bool,
}
