//! Where a feed's ticks go. A feed does not know what becomes of them.
//!
//! Invariant: a sink never waits for a client, so no client delays a feed.

use std::{sync::Arc, time::Duration};

use super::reject::{RefusedTick, RejectReason};
use crate::{
    clock::Anchor,
    tick::{Nanos, State, Symbol, Tick},
    wakeup::Wakeup,
};

/// Where a feed's ticks go. In the service it is `FeedSink` (`server/intake.rs`), which hands them to the market; in a
/// test it is a vector.
pub trait Sink: Send {
    /// Takes the ticks in, in order, and leaves the vector empty. A refused tick is counted by the sink and described
    /// in `refused`; the others are taken.
    fn submit(&mut self, ticks: &mut Vec<Tick>, refused: &mut Vec<RefusedTick>);

    /// As [`Self::submit`], with the time of each by the market's clock.
    fn submit_dated(&mut self, ticks: &mut Vec<Tick>, _rx: &[Nanos], refused: &mut Vec<RefusedTick>) {
        self.submit(ticks, refused);
    }

    /// Counts a line or record that never became a tick.
    fn reject(&mut self, reason: RejectReason);

    /// How late this feed is: a replay behind its pace, a simulation behind its rate.
    fn lag(&mut self, behind: Duration);

    /// The time by the service's clock, for stamps and pacing.
    fn now(&self) -> Nanos;

    /// Sets how the market's clock advances, if the feed [drives](super::Feed::begins) it.
    fn drive(&mut self, _anchor: Anchor) {}

    /// States of symbols that the feed knows of by itself, at each change. The vector is left empty. Of these symbols
    /// the feed alone says whether they are stale, and not the time since their last tick.
    fn states(&mut self, states: &mut Vec<SymbolState>) {
        states.clear();
    }

    /// The condition of a feed's connections, now and then.
    fn links(&mut self, _links: &FeedLinks) {}

    /// Whether the messages of venues are wanted as they came.
    fn wants_raw(&self) -> bool {
        false
    }

    /// A message of a venue as it came, if these are wanted: text, which may have line ends within; a binary one in the
    /// form of captures.
    fn raw(&mut self, _rx: Nanos, _message: &[u8]) {}

    /// The feed's activity, at each change; only feeds that can be held report it.
    fn activity(&mut self, _activity: FeedActivity) {}

    /// Whether the feed will ask for [`Self::room`] or [`Self::is_taken`]: readers are watched only while it does.
    fn watch_readers(&mut self, _watches: bool) {}

    /// Whether every reader that must miss nothing was sent all that was submitted; if not, the wakeup
    /// [is notified](Self::listen) when that may be so.
    fn is_taken(&mut self) -> bool {
        true
    }

    /// How many more ticks may be submitted before a reader that must miss nothing misses one; with 0 the wakeup
    /// [is notified](Self::listen) when there may be room.
    fn room(&mut self) -> usize {
        usize::MAX
    }

    /// Clients that have at least one subscription.
    fn clients(&self) -> usize {
        0
    }

    /// Notifies this wakeup when an answer of the sink may have changed.
    fn listen(&mut self, _wakeup: &Wakeup) {}
}

/// The state of a symbol, as its feed tells it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SymbolState {
    pub symbol: Symbol,
    pub state: State,
    /// For a person; empty where the state says all.
    pub reason: Arc<str>,
}

/// The connections of a feed to a venue: counts since the start, except where it says now.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct FeedLinks {
    /// Connections that are open now, and how many there should be.
    pub open: usize,
    pub wanted: usize,
    /// Why none is open; `None` while one is, or the first is being made.
    pub why_dark: Option<Arc<str>>,
    pub reconnects: u64,
    pub messages: u64,
    /// Ticks that came twice and were dropped.
    pub duplicates: u64,
    /// How often the venue's numbers had a hole, and how many ticks are missing.
    pub gaps: u64,
    pub missing: u64,
    /// Streams that were silent though subscribed to, and were subscribed to anew.
    pub resubscribed: u64,
    /// From the venue's time of its last tick to its receipt.
    pub lag: Duration,
}

/// The activity of a feed that can be held.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FeedActivity {
    Playing,
    /// Paused or waiting on purpose: it gives nothing for now.
    Held,
    /// It has reached its end, and can be started again.
    Ended,
}
