//! One session's interest in one topic: the cursor, and what is due next.
//!
//! Invariants: `cursor` never falls, except when a client comes back with another epoch; `lead <= skipped <= head - cursor`.

use crate::{
    fanout::Mode,
    tick::{FieldSet, Nanos},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum Place {
    /// Not behind, but for ticks that have none of its fields.
    Idle,
    /// In its session's list (`latest`, `once`) or every-mode queue (`every`).
    Queued,
    /// In the wheel, by itself or with others of its session, until its interval is over.
    Waiting,
}

pub(in crate::fanout) struct Sub {
    /// The last seq that was sent, or that the subscription began at.
    pub cursor: u64,
    /// Ticks after the cursor that had none of its fields; they are recorded as filtered already.
    pub skipped: u64,
    /// Not to be sent before this, when it has an interval; 0 when nothing was sent with that interval yet.
    pub due: Nanos,
    /// When the oldest tick was taken in that it is behind by.
    pub since: Nanos,
    pub session: u32,
    pub topic: u32,
    /// Its place in the topic's list.
    pub slot: u32,
    /// Its place in the session's list or every-mode queue, while it is queued.
    pub queued: u32,
    pub interval_ms: u32,
    /// Mode `every`: how many of the skipped ticks stand right behind the cursor. What comes after them is due next.
    pub lead: u32,
    pub wanted: FieldSet,
    pub mode: Mode,
    pub place: Place,
    pub base: Base,
    /// Everything up to the snapshot is announced as a gap: the client came with another epoch.
    pub other_epoch: bool,
    /// The client came with a claim and has been sent nothing yet: a gap now is the resume's.
    pub claims: bool,
}

/// Each client of many symbols has many of these.
const _: () = assert!(size_of::<Sub>() <= 64);

/// What the next message must be, before changes make sense.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum Base {
    /// The client has one.
    None,
    /// The record as it stands, as a snapshot: the client has nothing.
    Record,
    /// The record as it stands, in place of the ticks since the last message: `set` asked for something else.
    Again,
}
