//! Where a feed's ticks go. What becomes of them there, a feed does not know.
//!
//! Invariant: a sink never waits for a client, so a feed is never held up by one.

use std::time::Duration;

use super::reject::{Refused, RejectReason};
use crate::{
    clock::Anchor,
    tick::{Nanos, Tick},
    wakeup::Wakeup,
};

/// Where a feed's ticks go. `service` gives each feed one; tests give a vector.
pub trait Sink: Send {
    /// Takes the ticks in, in order, and leaves the vector empty. A tick that is refused is counted by the sink and
    /// described in `refused`; the others are taken.
    fn submit(&mut self, ticks: &mut Vec<Tick>, refused: &mut Vec<Refused>);

    /// As [`Self::submit`], with the time of each by the market's clock.
    fn submit_dated(&mut self, ticks: &mut Vec<Tick>, _rx: &[Nanos], refused: &mut Vec<Refused>) {
        self.submit(ticks, refused);
    }

    /// Counts a line or record that never became a tick.
    fn reject(&mut self, reason: RejectReason);

    /// How far this feed is behind its own schedule: a replay its pace, a simulation its rate.
    fn lag(&mut self, behind: Duration);

    /// The time, by the service's clock, for what must be stamped or paced.
    fn now(&self) -> Nanos;

    /// Sets how the market's clock goes on, if the feed is one that [drives](super::Feed::begins) it.
    fn drive(&mut self, _anchor: Anchor) {}

    /// How the feed stands, whenever that changes; only feeds that may be held say so.
    fn activity(&mut self, _activity: Activity) {}

    /// Whether the feed is going to ask for [`Self::room`] or [`Self::is_taken`]: readers are watched only meanwhile.
    fn watch_readers(&mut self, _watches: bool) {}

    /// Whether every reader that must miss nothing was sent all that was submitted; if not, the wakeup
    /// [is notified](Self::listen) when that may be so.
    fn is_taken(&mut self) -> bool {
        true
    }

    /// How many ticks more may be submitted without a reader that must miss nothing missing one; with 0 the wakeup
    /// [is notified](Self::listen) when there may be room.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Clients that have subscribed to something.
    fn clients(&self) -> usize {
        0
    }

    /// Rings when there is something new to ask the sink for.
    fn listen(&mut self, _wakeup: &Wakeup) {}
}

/// How a feed stands that may be held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Activity {
    Playing,
    /// On purpose it gives nothing for now.
    Held,
    /// It has come to its end; it may be asked to begin again.
    Ended,
}
