//! The state that routes need besides their own shard.

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
    /// Limits the warning that a shard has not answered.
    pub shard_silent: Throttle,
    /// Counted by the writer of the log.
    pub log_lines_dropped: Arc<AtomicU64>,
    pub scrapes: ScrapeQueue,
    /// Long answers that are being read.
    pub bulk: Arc<BulkRequests>,
    /// Of reports of use, which read files.
    pub reports: Arc<Semaphore>,
    /// Whether operators have a listener of their own.
    pub has_admin: bool,
}
