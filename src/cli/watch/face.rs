//! The interface between a watch and its output: events of the connection go to a [`WatchOutput`], which draws when it is due.
//!
//! Not a drawing: [`log`](super::log) and [`fullscreen`](super::fullscreen) are. Invariant: [`WatchOutput::due`] may be
//! cancelled at any moment and loses nothing.

use std::{io, ops::ControlFlow};

use tickcast::tick::Nanos;
use tickcast_client::{Event, Mirror, Totals};

/// The output of a watch.
pub trait WatchOutput {
    /// One message has changed the board; `now` is the server's time.
    ///
    /// # Errors
    /// When the output takes no more.
    fn changed(&mut self, event: &Event<'_>, now: Nanos) -> io::Result<()>;

    /// The state of the connection, for a person.
    fn say(&mut self, what: &str);

    /// An error message of the server.
    fn complain(&mut self, what: &str);

    /// Ends when there is something to do in [`step`](Self::step): a key was pressed, or it is time to draw.
    async fn due(&mut self);

    /// Does what is due; a break when the user quits.
    ///
    /// # Errors
    /// When the output takes no more.
    fn step(&mut self, board: &Mirror, link: &Link<'_>) -> io::Result<ControlFlow<()>>;
}

/// The connection, as a heading shows it.
#[derive(Clone, Copy)]
pub struct Link<'a> {
    pub url: &'a str,
    pub up: bool,
    /// The options of the subscriptions: mode and interval.
    pub asked: &'a str,
    /// When the last byte of this connection came, by our clock.
    pub heard: Option<Nanos>,
    pub rates: Rates,
    pub now: Nanos,
    /// The server's time, by which prices have their ages.
    pub server_now: Nanos,
}

/// Updates, ticks and bytes a second, over the last second or a little more.
#[derive(Clone, Copy, Default, Debug)]
pub struct Rates {
    pub since: Nanos,
    pub updates: u64,
    pub ticks: u64,
    pub bytes: u64,
    pub updates_per_second: f64,
    pub ticks_per_second: f64,
    pub bytes_per_second: f64,
}

// === impl Rates ===

impl Rates {
    pub fn starting(now: Nanos) -> Self {
        Rates { since: now, ..Rates::default() }
    }

    /// Takes the board's totals in, once a second.
    pub fn look(&mut self, board: &Mirror, now: Nanos) {
        let seconds = now.since(self.since) as f64 / 1e9;
        if seconds < 1.0 {
            return;
        }
        let Totals { updates, merged, bytes, .. } = *board.totals();
        let ticks = updates + merged;
        *self = Rates {
            since: now,
            updates,
            ticks,
            bytes,
            updates_per_second: (updates - self.updates) as f64 / seconds,
            ticks_per_second: (ticks - self.ticks) as f64 / seconds,
            bytes_per_second: (bytes - self.bytes) as f64 / seconds,
        };
    }
}
