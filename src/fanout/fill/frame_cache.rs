//! [`FrameCache`]: the last frames, keyed by what they were filled for, to be repeated to sessions with the same key.
//!
//! A pure table: `shared_frames.rs` does the look-ups, and [`Emit`](crate::fanout::Emit) keeps the bytes. A key has one
//! part for each subscription that is behind, in queue order: topic, view, mode, cursor, target seq, and whether it was
//! sent anything yet. The encoding must match too.
//! compared, too.
//!
//! Several frames are kept, for different dashboards in turn and for consecutive frames: each entry remembers its usual
//! successor. If no two sessions match, keeping frames is wasted work: after [`PATIENCE`] misses in a row only some
//! sessions are looked up.
//!
//! Invariant: a topic and two of its seqs always mean the same ticks, and a view id the same view until a view ends. So
//! an entry may become useless, but never wrong.

use crate::{
    fanout::{
        FrameTally, Mode,
        state::{Claim, ViewId},
    },
    tick::Nanos,
};

/// The number of frames kept: enough for four kinds of dashboards, or four frames of a turn, twice over.
pub const FRAMES_KEPT: usize = 8;
/// After this many misses in a row, only one session in [`LOOK_EACH`] is looked up and kept.
const PATIENCE: u32 = 32;
const LOOK_EACH: u32 = 16;

/// The last frames, with their keys.
#[derive(Default)]
pub(in crate::fanout) struct FrameCache {
    pub frames: [CachedFrame; FRAMES_KEPT],
    /// The entry that was last used or written.
    last: usize,
    /// The entry that is overwritten next.
    next: usize,
    /// Consecutive misses.
    misses: u32,
}

/// A frame's key, and its effect on the queues. [`Emit`](crate::fanout::Emit) keeps its bytes under the entry's number.
#[derive(Default)]
pub(in crate::fanout) struct CachedFrame {
    /// Id of the encoding. Another encoding has other bytes.
    pub encoding: u8,
    /// The shard's count of ended views at fill time. A view that ended since may have passed its id to another.
    pub views_ended: u64,
    /// One part for each subscription, in queue order; empty when the frame cannot be repeated.
    pub key: Vec<KeyPart>,
    /// Subscriptions that are still behind after the frame, in queue order.
    pub left: Vec<Left>,
    pub tally: FrameTally,
    /// The entry that was used after this one last time.
    then: usize,
}

/// The part of one subscription in a frame's key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) struct KeyPart {
    pub topic: u32,
    pub view: ViewId,
    pub mode: Mode,
    /// Either nothing, or that no message was sent yet: then the next one is its first.
    pub claim: Claim,
    pub cursor: u64,
    /// The seq up to which it is due: the topic's head, or the last trade when later quotes are held back.
    pub to: u64,
}

/// A subscription that the frame did not bring up to its head.
#[derive(Clone, Copy)]
pub(in crate::fanout) struct Left {
    pub part: KeyPart,
    pub since: Nanos,
}

impl FrameCache {
    /// Whether to look up the next session and keep its frame.
    pub fn is_tried(&self) -> bool {
        self.misses < PATIENCE || self.misses.is_multiple_of(LOOK_EACH)
    }

    /// All entries, the likeliest first.
    pub fn candidates(&self) -> impl Iterator<Item = usize> + use<> {
        let guess = self.frames[self.last].then;
        (0..FRAMES_KEPT).map(move |step| (guess + step) % FRAMES_KEPT)
    }

    /// Notes a hit on this entry.
    pub fn found(&mut self, at: usize) {
        self.frames[self.last].then = at;
        (self.last, self.misses) = (at, 0);
    }

    /// Counts a miss. Returns whether to keep the frame that is filled instead, as entry [`Self::next`].
    pub fn begins(&mut self) -> bool {
        let is_tried = self.is_tried();
        self.misses = if is_tried { self.misses + 1 } else { self.misses.wrapping_add(1).max(PATIENCE) };
        is_tried
    }

    /// The entry that is overwritten next.
    pub fn next(&self) -> usize {
        self.next
    }

    /// Notes that this entry was written.
    pub fn keep(&mut self, at: usize) {
        self.frames[self.last].then = at;
        self.frames[at].then = at;
        (self.last, self.next) = (at, (at + 1) % FRAMES_KEPT);
    }
}
