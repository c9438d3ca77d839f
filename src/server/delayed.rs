//! The thread of the delayed market: takes in what ingest tells, and gives out what is due, by the market's clock.
//!
//! It sleeps until something is due or told, and takes in what was told at most every [`PAUSE`], so that a busy market does not
//! wake it for each batch.

use std::{io, sync::Arc, thread, time::Duration};

use crate::{
    access::settings::AuthSettings,
    clock::{Clock, MarketClock},
    shutdown::Stop,
    topic::{DelayedMarket, Detail, Ingest},
    wakeup::Wakeup,
};

/// Between two looks at what was told.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest sleep while a replay drives the clock, which may then run at another speed.
const DRIVEN_SLEEP: Duration = Duration::from_millis(100);
/// The longest sleep otherwise.
const SLEEP: Duration = Duration::from_secs(60);

/// Adds a delayed market to ingest, as it is configured, and says what wakes its thread; `None` where nobody may read anything
/// delayed.
pub fn join(ingest: Ingest, settings: &AuthSettings, clock: &MarketClock) -> (Ingest, Option<Wakeup>) {
    if settings.is_open() || settings.delayed_grid.is_zero() {
        return (ingest, None);
    }
    let wakeup = Wakeup::default();
    let waking = wakeup.clone();
    let wake = Box::new(move || waking.notify());
    let market = DelayedMarket::new(Arc::clone(&settings.products), settings.delayed_grid, wake);
    // Where a replay drives the clock, one batch may be of much of its time.
    let detail = if clock.is_driven() { Detail::Ticks } else { Detail::Records };
    (ingest.with_delayed(Some(market), detail), Some(wakeup))
}

/// Starts the thread, if there is something for it; it ends with the feeds, like the market that it follows.
///
/// # Errors
/// When it cannot be started.
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
