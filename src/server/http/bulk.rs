//! Permits for requests with long answers: a few at once, for clients that read.
//!
//! A client that has accepted no byte for a second loses its permit and connection when another client wants it. So an
//! unread answer blocks nobody.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::activity::HttpActivity;
use crate::{
    server::{failure::Failure, shard::Shard},
    session::stats::LimitHit,
};

/// The connections with long answers.
#[derive(Default)]
pub struct BulkRequests(Mutex<Vec<Arc<HttpActivity>>>);

/// The permit of one connection; released by drop.
pub struct BulkPermit {
    bulk: Arc<BulkRequests>,
    activity: Arc<HttpActivity>,
}

/// After accepting nothing for this long, a client may lose its permit.
const STALLED: Duration = Duration::from_secs(1);

/// Takes a permit for this caller.
///
/// # Errors
/// When all permits are held by clients that read.
pub fn permit(
    bulk: &Arc<BulkRequests>,
    shard: &Shard,
    activity: &Arc<HttpActivity>,
) -> Result<BulkPermit, Failure> {
    let most = shard.node.limits.bulk_requests;
    BulkPermit::take(bulk, activity, most, Instant::now()).ok_or_else(|| {
        shard.core.borrow_mut().stats.limits[LimitHit::BulkRequests as usize] += 1;
        Failure::busy()
    })
}

impl BulkPermit {
    fn take(
        bulk: &Arc<BulkRequests>,
        activity: &Arc<HttpActivity>,
        most: usize,
        now: Instant,
    ) -> Option<Self> {
        let mut held = bulk.held();
        if held.len() >= most {
            let stalled = (0..held.len()).filter_map(|at| Some((held[at].stalled_for(now)?, at))).max()?;
            if stalled.0 < STALLED {
                return None;
            }
            held.swap_remove(stalled.1).displace();
        }
        held.push(Arc::clone(activity));
        Some(BulkPermit { bulk: Arc::clone(bulk), activity: Arc::clone(activity) })
    }
}

impl BulkRequests {
    fn held(&self) -> MutexGuard<'_, Vec<Arc<HttpActivity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for BulkPermit {
    fn drop(&mut self) {
        let mut held = self.bulk.held();
        // A displaced connection no longer has a permit.
        if let Some(at) = held.iter().position(|held| Arc::ptr_eq(held, &self.activity)) {
            held.swap_remove(at);
        }
    }
}
