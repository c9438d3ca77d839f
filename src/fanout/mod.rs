//! The fan-out: which subscriptions are behind, and what each session is sent next. Cursors, not message queues.
//!
//! Loss: a session queues no messages. Each subscription has a cursor, the last seq that it was sent; each session has
//! a FIFO queue of the subscriptions that are behind. [`Fanout::fill`] serves that queue only when the socket can take
//! bytes. Mode `latest` sends the topic's current record with the number of ticks that it stands for. Mode `every`
//! sends the ticks after the cursor, mode `trades` the record at each trade after it; if the ring has dropped these, a
//! gap with exact seqs and a snapshot. Every loss carries a number.
//!
//! Pure: no tokio, no clock, no I/O. Times are arguments, history is read through [`Store`](crate::topic::Store). Each
//! shard owns one [`Fanout`]; nothing in it is shared.
//!
//! Invariants (checked by `model/` against a naive model):
//! - for each subscription seqs only rise, and `seq == previous seq + n`, or a gap says which ticks are missing;
//! - [`Accounts::residual`] is 0 between any two calls;
//! - the memory of a session depends on its subscriptions alone;
//! - a subscription that is behind is in its session's send queue, in its every-mode queue, or waits for the end of its
//!   interval, exactly once.

mod accounting;
mod apply;
mod apply_delayed;
mod change_delays;
mod emit;
mod entitlement;
mod fill;
#[cfg(test)]
mod model;
mod pace;
mod patterns;
mod resume;
mod resync;
mod schedule;
mod shard;
mod shrink;
mod state;
mod status;
mod subscribe;
mod subscription_lists;
mod topic_state;
mod user_shares;
mod view;
mod work_units;

use std::time::Duration;

pub use accounting::{Accounts, FrameTally, GapReason, LateTally};
pub use emit::{Emit, TopicRef};
pub use entitlement::{Moved, Restricted, Withdrawn};
pub use fill::FRAMES_KEPT;
pub use patterns::{HeldGlob, Place, Subscriber};
pub use resume::{ResumePoint, SubscribeOutcome};
pub use shard::{Fanout, First, Notice};
pub use status::{Behind, Listed};
pub use subscribe::{Change, SubscribeRequest, Subscribed, TooMany};
pub use view::{Form, NAME_BYTES_MAX, Name, View};
pub use work_units::{CHANGE_UNITS, SUBSCRIBE_UNITS, Units};

pub use crate::tick::Glob;
use crate::topic::Detail;

/// Index of a session in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey(pub u32);

/// Index of a topic in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalId(pub u32);

/// How a subscription is served.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// The newest record. Ticks in between are conflated and counted.
    #[default]
    Latest,
    /// Every tick, in order, from the ring.
    Every,
    /// Every trade, in order, with the quote at that time. Quotes in between are conflated and counted.
    Trades,
    /// One snapshot; then the subscription ends.
    Once,
}

/// The options that a client requested for a subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    pub mode: Mode,
    /// Minimum time between two messages; zero for none.
    pub interval: Duration,
    pub view: View,
    /// Whether the first message is a snapshot.
    pub snapshot: bool,
}

impl Spec {
    /// The batch detail that its subscriptions need.
    fn needs(&self) -> Detail {
        self.mode.needs(!self.view.has_every_field())
    }
}

impl Mode {
    pub const ALL: [Mode; 4] = [Mode::Latest, Mode::Every, Mode::Trades, Mode::Once];

    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Latest => "latest",
            Mode::Every => "every",
            Mode::Trades => "trades",
            Mode::Once => "once",
        }
    }

    pub fn parse(text: &str) -> Option<Mode> {
        Mode::ALL.into_iter().find(|mode| mode.as_str() == text)
    }

    /// Whether conflating unsent ticks would lose something to this mode: pending ticks are then read from history, or
    /// reported as a gap.
    pub const fn reads_history(self) -> bool {
        matches!(self, Mode::Every | Mode::Trades)
    }

    /// The batch detail that subscriptions in this mode need; `some_fields`: with chosen fields only.
    const fn needs(self, some_fields: bool) -> Detail {
        Detail::of(some_fields || matches!(self, Mode::Every), matches!(self, Mode::Trades))
    }
}

impl Default for Spec {
    fn default() -> Self {
        Spec { mode: Mode::Latest, interval: Duration::ZERO, view: View::WHOLE, snapshot: true }
    }
}
