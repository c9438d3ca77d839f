//! Places for requests with long answers: a few at once, for clients that read.
//!
//! A client that has taken no byte for a second loses its place, and its connection, when another client wants it. So
//! an answer that is not read keeps no other client from reading.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{App, Caller, Failure};
use crate::session::{activity::Activity, shard::Shard, stats::LimitHit};

/// The connections with long answers.
#[derive(Default)]
pub struct Bulk(Mutex<Vec<Arc<Activity>>>);

/// The place of one such connection; released by drop.
pub struct Place {
    bulk: Arc<Bulk>,
    activity: Arc<Activity>,
}

/// A client that has taken nothing for this long may lose its place.
const STALLED: Duration = Duration::from_secs(1);

/// A place for this caller.
///
/// # Errors
/// When all places are taken, by clients that read.
pub fn place(app: &App, shard: &Shard, caller: &Caller) -> Result<Place, Failure> {
    let most = shard.shared.limits.bulk_requests;
    Place::take(&app.bulk, &caller.activity, most, Instant::now()).ok_or_else(|| {
        shard.core.borrow_mut().stats.limits[LimitHit::BulkRequests as usize] += 1;
        Failure::busy()
    })
}

impl Place {
    fn take(bulk: &Arc<Bulk>, activity: &Arc<Activity>, most: usize, now: Instant) -> Option<Self> {
        let mut held = bulk.held();
        if held.len() >= most {
            let stalled = (0..held.len()).filter_map(|at| Some((held[at].stalled_for(now)?, at))).max()?;
            if stalled.0 < STALLED {
                return None;
            }
            held.swap_remove(stalled.1).displace();
        }
        held.push(Arc::clone(activity));
        Some(Place { bulk: Arc::clone(bulk), activity: Arc::clone(activity) })
    }
}

impl Bulk {
    fn held(&self) -> MutexGuard<'_, Vec<Arc<Activity>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut held = self.bulk.held();
        // A connection that was asked to end has no place any more.
        if let Some(at) = held.iter().position(|held| Arc::ptr_eq(held, &self.activity)) {
            held.swap_remove(at);
        }
    }
}
