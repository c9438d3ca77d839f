//! Which subscriptions are behind, and what each session is sent next: cursors, not queues of messages.
//!
//! Loss first. A session keeps no messages. Each subscription has a cursor, the last seq that it was sent, and each
//! session has a first-in-first-out queue of the subscriptions that are behind. [`Fanout::fill`] takes from that queue
//! when the socket can take bytes, and only then. Mode `latest` gets the topic's current record, with the number of
//! ticks that it stands for. Mode `every` gets the ticks after its cursor, or, when the ring no longer has them, a gap
//! with exact seqs and a snapshot. Every loss carries a number.
//!
//! Pure: no tokio, no clock, no I/O. Times are arguments, and history is read through [`Store`](crate::topic::Store). One
//! shard owns one [`Fanout`]; nothing in it is shared.
//!
//! Invariants (checked by `model/` against a naive model):
//! - for each subscription seqs only rise and `seq == previous seq + n`, or a gap says what is missing;
//! - [`Accounts::residual`] is 0 between any two calls;
//! - the memory of a session depends on its subscriptions alone;
//! - a subscription that is behind is in its session's send queue, in its every-mode queue, or waits for the end of its
//!   interval, exactly once.

mod accounting;
mod apply;
mod emit;
mod fill;
mod frame_cache;
#[cfg(test)]
mod model;
mod open_frame;
mod patterns;
mod resume;
mod resync;
mod schedule;
mod shard;
mod shared_frames;
mod shrink;
mod state;
mod status;
mod subscribe;
mod subscription_lists;
mod topic_state;
mod view;
mod work_units;

use std::time::Duration;

pub use accounting::{Accounts, FrameTally, GapReason};
pub use emit::Emit;
pub use frame_cache::FRAMES_KEPT;
pub use patterns::{HeldGlob, Place, Subscriber};
pub use resume::{ResumePoint, SubscribeOutcome};
pub use shard::{Fanout, Notice};
pub use status::{Behind, Listed};
pub use subscribe::{Change, SubscribeRequest, Subscribed, TooMany};
pub use view::{Name, View};
pub use work_units::{CHANGE_UNITS, SUBSCRIBE_UNITS, Units};

pub use crate::tick::Glob;

/// Index of a session in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey(pub u32);

/// Index of a topic in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalId(pub u32);

/// How a subscription is served.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// The newest record. Ticks in between are conflated, and counted.
    #[default]
    Latest,
    /// Every tick, in order, from the ring.
    Every,
    /// One snapshot, and then the subscription ends.
    Once,
}

/// What a client requested for a subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spec {
    pub mode: Mode,
    /// The least time between two messages; zero for none.
    pub interval: Duration,
    pub view: View,
    /// Whether the first message is a snapshot.
    pub snapshot: bool,
}

impl Spec {
    /// Whether its subscriptions must see each tick by itself, and not only the record.
    fn sees_each_tick(&self) -> bool {
        self.mode == Mode::Every || !self.view.has_every_field()
    }
}

impl Mode {
    pub const fn as_str(self) -> &'static str {
        match self {
            Mode::Latest => "latest",
            Mode::Every => "every",
            Mode::Once => "once",
        }
    }

    pub fn parse(text: &str) -> Option<Mode> {
        [Mode::Latest, Mode::Every, Mode::Once].into_iter().find(|mode| mode.as_str() == text)
    }
}

impl Default for Spec {
    fn default() -> Self {
        Spec { mode: Mode::Latest, interval: Duration::ZERO, view: View::WHOLE, snapshot: true }
    }
}
