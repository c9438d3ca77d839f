//! The thread of the delayed market: takes in ingest's batches, and releases what is due by the market's clock.
//!
//! It sleeps until data is due or queued, and takes in queued batches at most every [`PAUSE`], so that a busy market
//! does not wake it for each batch.

use std::{io, sync::Arc, thread, time::Duration};

use crate::{
    access::settings::AuthSettings,
    clock::{Clock, MarketClock},
    shutdown::Stop,
    topic::{DelayedMarket, Detail, Ingest},
    wakeup::Wakeup,
};

/// Minimum time between two looks at the queue.
const PAUSE: Duration = Duration::from_millis(5);
/// Maximum sleep while a replay drives the clock, whose speed may change.
const DRIVEN_SLEEP: Duration = Duration::from_millis(100);
/// Maximum sleep otherwise.
const SLEEP: Duration = Duration::from_secs(60);

/// Adds the configured delayed market to ingest; returns the wakeup of its thread, or `None` when no product is
/// delayed.
pub fn join(ingest: Ingest, settings: &AuthSettings, clock: &MarketClock) -> (Ingest, Option<Wakeup>) {
    if settings.is_open() || settings.delayed_grid.is_zero() {
        return (ingest, None);
    }
    let wakeup = Wakeup::default();
    let waking = wakeup.clone();
    let wake = Box::new(move || waking.notify());
    let market = DelayedMarket::new(Arc::clone(&settings.products), settings.delayed_grid, wake);
    // When a replay drives the clock, one batch may span much market time.
    let detail = if clock.is_driven() { Detail::Ticks } else { Detail::Records };
    (ingest.with_delayed(Some(market), detail), Some(wakeup))
}

/// Starts the thread if needed; it ends with the feeds, like the market that it follows.
///
/// # Errors
/// When the thread cannot be started.
pub fn start(
    ingest: &Arc<Ingest>,
    wakeup: Option<Wakeup>,
    clock: Clock,
    market: &MarketClock,
    stop: &Stop,
) -> io::Result<()> {
    let Some(wakeup) = wakeup else { return Ok(()) };
    let (ingest, market, stop) = (Arc::clone(ingest), market.clone(), stop.clone());
    stop.notifies(&wakeup);
    let thread = thread::Builder::new().name("delayed".to_owned());
    thread.spawn(move || {
        while !stop.wait(PAUSE) {
            let now = clock.now();
            let due = ingest.turn_delayed(market.at(now));
            let until = due.map_or(SLEEP, |due| Duration::from_nanos(market.when(due).since(now)));
            let most = if market.is_driven() { DRIVEN_SLEEP } else { SLEEP };
            wakeup.wait(until.min(most));
        }
    })?;
    Ok(())
}
