//! The last frames by what they were filled for, to be sent again to sessions that are due the very same.
//!
//! A pure table: `shared_frames.rs` looks sessions up in it, [`Emit`](super::Emit) keeps the bytes. A key has a part for each subscription that
//! is behind, in the order of the session's list: the topic, the cursor, the head. With it goes the encoding of the frame.
//!
//! Several frames are kept, for kinds of dashboards that take turns, and for frames that follow one another: each knows
//! which one was wanted after it. Where no session is due the same as another, keeping is for nothing: after [`PATIENCE`]
//! misses it is tried only now and then.
//!
//! Invariant: a topic, a cursor and a head name the same ticks for ever, so a kept frame is never wrong, only of no use.

use super::FrameTally;
use crate::tick::Nanos;

/// How many frames are kept to be repeated: four kinds of dashboards, or the four frames of a turn; and as many again.
pub const FRAMES_KEPT: usize = 8;
/// After so many misses in a row only each [`LOOK_EACH`]th session is looked up and kept.
const PATIENCE: u32 = 32;
const LOOK_EACH: u32 = 16;

/// The last frames, by their keys.
#[derive(Default)]
pub(super) struct FrameCache {
    pub frames: [CachedFrame; FRAMES_KEPT],
    /// The one that was repeated or written last.
    last: usize,
    /// The one that is written next.
    next: usize,
    /// Sessions in a row whose key was not found.
    misses: u32,
}

/// What one frame was filled for, and what it did. Its bytes are kept by [`Emit`](super::emit::Emit), under its number.
#[derive(Default)]
pub(super) struct CachedFrame {
    /// How it is written: a session with another encoding is due other bytes.
    pub encoding: u8,
    /// The part of each subscription, in the order of the session's list; empty when there is nothing to repeat.
    pub key: Vec<KeyPart>,
    /// What it left over, in the order of the lists.
    pub left: Vec<Left>,
    pub tally: FrameTally,
    /// The frame that was wanted after this one, last time.
    then: usize,
}

/// One subscription's part in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct KeyPart {
    pub topic: u32,
    /// It stands in the queue of mode `every`.
    pub in_every_queue: bool,
    pub cursor: u64,
    pub head: u64,
}

/// A subscription that the frame did not bring to its head.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub part: KeyPart,
    pub since: Nanos,
}

impl FrameCache {
    /// Whether it is worth while to look up and to keep.
    pub fn is_tried(&self) -> bool {
        self.misses < PATIENCE || self.misses.is_multiple_of(LOOK_EACH)
    }

    /// The numbers of all frames, the likeliest first.
    pub fn candidates(&self) -> impl Iterator<Item = usize> + use<> {
        let guess = self.frames[self.last].then;
        (0..FRAMES_KEPT).map(move |step| (guess + step) % FRAMES_KEPT)
    }

    /// The frame of this number is sent again.
    pub fn found(&mut self, at: usize) {
        self.frames[self.last].then = at;
        (self.last, self.misses) = (at, 0);
    }

    /// Whether the next frame is to be kept; counts a miss. Its number is [`Self::next`].
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
