//! Who is behind, and what each session is sent next: cursors, not queues.
//!
//! Loss first. A session holds no queue of messages. Each subscription holds a cursor, the last seq it was sent, and
//! each session a first-in-first-out list of subscriptions that are behind. When a socket can take bytes, and only
//! then, [`Fanout::fill`] walks that list: mode `latest` gets the topic's current record and says how many ticks it
//! stands for; mode `every` gets the ticks from its cursor on, or a gap with exact seqs and a snapshot when the ring has
//! moved past it. What is lost always carries a number.
//!
//! Pure: no tokio, no clock, no I/O; times are handed in, history is read through [`Store`](crate::topic::Store). One
//! shard owns one [`Fanout`]; nothing in it is shared.
//!
//! Invariants (held by `model/` against a naive model):
//! - for each subscription seqs only rise and `seq == previous seq + n`, or a gap says what is missing;
//! - [`Accounts::residual`] is 0 between any two calls;
//! - a session's memory depends on its subscriptions alone;
//! - a subscription that is behind is in its session's list, its every-mode queue or the wheel, exactly once.

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
mod work_units;

use std::time::Duration;

pub use accounting::{Accounts, FrameTally, GapReason};
pub use emit::Emit;
pub use frame_cache::FRAMES_KEPT;
pub use resume::{ResumePoint, SubscribeOutcome};
pub use shard::{Fanout, Notice};
pub use status::{Behind, Listed};
pub use subscribe::{Change, SubscribeRequest, Subscribed, TooMany};
pub use work_units::{CHANGE_UNITS, SUBSCRIBE_UNITS, Units};

pub use crate::glob::Glob;
use crate::tick::FieldSet;

/// Place of a session in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SessionKey(pub u32);

/// Place of a topic in its shard's fan-out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LocalId(pub u32);

/// How a subscription is served.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Mode {
    /// The newest record; ticks in between are conflated and counted.
    #[default]
    Latest,
    /// Every tick, in order, out of the ring.
    Every,
    /// One snapshot, and the subscription is over.
    Once,
}

/// What a client asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Spec {
    pub mode: Mode,
    /// The least time between two messages; zero for none.
    pub interval: Duration,
    pub wanted: FieldSet,
    /// Whether it begins with a snapshot.
    pub snapshot: bool,
}

impl Spec {
    /// Whether its subscription must see each tick by itself.
    fn sees_each_tick(&self) -> bool {
        self.mode == Mode::Every || self.wanted != FieldSet::ALL
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
        Spec { mode: Mode::Latest, interval: Duration::ZERO, wanted: FieldSet::ALL, snapshot: true }
    }
}
