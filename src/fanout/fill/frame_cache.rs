//! The last frames, by what they were filled for, so that they can be sent again to sessions that are due the same.
//!
//! A pure table: `shared_frames.rs` looks sessions up in it, and [`Emit`](crate::fanout::Emit) keeps the bytes. A key
//! has a part for each subscription that is behind, in the order of the session's queues: the topic, the view, the
//! mode, the cursor, the seq that it is due to, and whether it was sent nothing yet. The encoding of the frame is
//! compared, too.
//!
//! Several frames are kept, for kinds of dashboards that take turns, and for frames that follow one another: each entry
//! remembers which one was used after it. Where no two sessions are due the same, keeping frames is wasted work: after
//! [`PATIENCE`] misses in a row only some sessions are looked up.
//!
//! Invariant: a topic and two of its seqs mean the same ticks for ever, and a view's id the same view until a view
//! ends, so an entry is never wrong, only useless.

use crate::{
    fanout::{
        FrameTally, Mode,
        state::{Claim, ViewId},
    },
    tick::Nanos,
};

/// How many frames are kept: enough for four kinds of dashboards, or the four frames of a turn, and as many again.
pub const FRAMES_KEPT: usize = 8;
/// After this many misses in a row, one session in [`LOOK_EACH`] is looked up and kept.
const PATIENCE: u32 = 32;
const LOOK_EACH: u32 = 16;

/// The last frames, by their keys.
#[derive(Default)]
pub(in crate::fanout) struct FrameCache {
    pub frames: [CachedFrame; FRAMES_KEPT],
    /// The entry that was used or written last.
    last: usize,
    /// The entry that is written next.
    next: usize,
    /// How many sessions in a row were not found.
    misses: u32,
}

/// What one frame was filled for, and what it left. Its bytes are kept by [`Emit`](crate::fanout::Emit), under its
/// number.
#[derive(Default)]
pub(in crate::fanout) struct CachedFrame {
    /// How it is encoded. A session with another encoding is due other bytes.
    pub encoding: u8,
    /// How many views of the shard had ended when it was filled. One that ended since may have left its id to another.
    pub views_ended: u64,
    /// A part for each subscription, in the order of the session's queues; empty when there is nothing to repeat.
    pub key: Vec<KeyPart>,
    /// Subscriptions that are still behind after it, in the order of the queues.
    pub left: Vec<Left>,
    pub tally: FrameTally,
    /// The entry that was used after this one, last time.
    then: usize,
}

/// One subscription's part in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) struct KeyPart {
    pub topic: u32,
    pub view: ViewId,
    pub mode: Mode,
    /// Nothing, or that it was sent nothing yet: then its next message is its first one.
    pub claim: Claim,
    pub cursor: u64,
    /// The last seq that it is due: the topic's head, or the last trade before quotes that wait.
    pub to: u64,
}

/// A subscription that the frame did not bring to its head.
#[derive(Clone, Copy)]
pub(in crate::fanout) struct Left {
    pub part: KeyPart,
    pub since: Nanos,
}

impl FrameCache {
    /// Whether the next session is looked up, and its frame kept.
    pub fn is_tried(&self) -> bool {
        self.misses < PATIENCE || self.misses.is_multiple_of(LOOK_EACH)
    }

    /// The numbers of all entries, the likeliest first.
    pub fn candidates(&self) -> impl Iterator<Item = usize> + use<> {
        let guess = self.frames[self.last].then;
        (0..FRAMES_KEPT).map(move |step| (guess + step) % FRAMES_KEPT)
    }

    /// The frame of this number is sent again.
    pub fn found(&mut self, at: usize) {
        self.frames[self.last].then = at;
        (self.last, self.misses) = (at, 0);
    }

    /// Counts a miss. Says whether the frame that is filled instead is kept, under the number [`Self::next`].
    pub fn begins(&mut self) -> bool {
        let is_tried = self.is_tried();
        self.misses = if is_tried { self.misses + 1 } else { self.misses.wrapping_add(1).max(PATIENCE) };
        is_tried
    }

    /// The number of the frame that is kept next.
    pub fn next(&self) -> usize {
        self.next
    }

    /// The frame of this number is written.
    pub fn keep(&mut self, at: usize) {
        self.frames[self.last].then = at;
        self.frames[at].then = at;
        (self.last, self.next) = (at, (at + 1) % FRAMES_KEPT);
    }
}
