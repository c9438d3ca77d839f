//! The buffers of frames: the current one, those that are kept for reuse, those that are held until they are sent, and
//! free ones. What is in a frame: `frame.rs`.
//!
//! Invariants: a frame that is kept or held does not change. A frame is reused only for sessions with its encoding.

use flate2::Crc;

use super::{
    frame::{Frame, ReadyFrame},
    times::{FrameTimes, Unfinished},
};
use crate::{fanout::FRAMES_KEPT, tick::Nanos};

pub(super) struct FrameBuffers {
    all: Vec<Frame>,
    /// Free buffers.
    free: Vec<usize>,
    /// The frame that is being written.
    current: usize,
    /// Frames that are kept for reuse, by their numbers.
    kept: [Option<usize>; FRAMES_KEPT],
    /// The kept frame that is sent in place of the current one.
    repeats: Option<usize>,
    /// The current frame is to be kept under this number.
    keep_as: Option<usize>,
    /// The finished frame: the current one, or the one in its place.
    finished: Option<usize>,
    payload_bytes_max: usize,
    /// More than the longest message.
    message_bytes_max: usize,
    /// The times that a frame begins with.
    times: FrameTimes,
    /// The encoding and the size that the current frame was begun in, when the next one of these may go on with it: a
    /// frame that was repeated has left it without a message.
    begun: Option<(u8, FrameSize)>,
}

/// A finished frame that does not change until it is [released](super::Framer::release).
#[must_use = "a frame that is not released is never used again"]
pub struct HeldFrame(usize);

/// The size of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// Up to the limit: fewer frames cost less.
    Full,
    /// Small: the client is behind, and messages that are chosen later have newer values.
    Small,
    /// For a client that is behind and reads few frames a second.
    Medium,
}

/// Bytes of a frame for a client that is behind: messages that are encoded can no longer be conflated.
const SMALL_FRAME_BYTES: usize = 2 * 1024;
const MEDIUM_FRAME_BYTES: usize = 6 * 1024;

/// A frame has space for at least two messages, whatever the limit.
fn at_least_two(payload_bytes_max: usize, message_bytes_max: usize) -> usize {
    payload_bytes_max.max(2 * message_bytes_max)
}

impl FrameBuffers {
    pub fn new(payload_bytes_max: usize, message_bytes_max: usize) -> Self {
        FrameBuffers {
            all: vec![Frame::default()],
            free: Vec::new(),
            current: 0,
            kept: [None; FRAMES_KEPT],
            repeats: None,
            keep_as: None,
            finished: None,
            payload_bytes_max: at_least_two(payload_bytes_max, message_bytes_max),
            message_bytes_max,
            times: FrameTimes::default(),
            begun: None,
        }
    }

    /// Frames begin with this time.
    pub fn set_origin(&mut self, origin: Nanos) {
        self.times = FrameTimes::since(origin);
        self.begun = None;
    }

    /// The next frame begins with this number of a message, or within a message.
    pub fn set_message(&mut self, sequence: u64, unfinished: Option<Unfinished>) {
        if (self.times.sequence, self.times.unfinished) != (sequence, unfinished) {
            (self.times.sequence, self.times.unfinished) = (sequence, unfinished);
            self.begun = None;
        }
    }

    /// Applies from the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = at_least_two(payload_bytes_max, self.message_bytes_max);
        self.begun = None;
    }

    /// The most bytes of payload of a frame, and of a message.
    pub fn room(&self, size: FrameSize) -> (usize, usize) {
        let room_bytes = match size {
            FrameSize::Full => self.payload_bytes_max,
            FrameSize::Small => self.at_most(SMALL_FRAME_BYTES),
            FrameSize::Medium => self.at_most(MEDIUM_FRAME_BYTES),
        };
        (room_bytes, self.message_bytes_max)
    }

    fn at_most(&self, payload_bytes: usize) -> usize {
        at_least_two(payload_bytes, self.message_bytes_max).min(self.payload_bytes_max)
    }

    /// Releases the buffers of free frames.
    pub fn shrink(&mut self) {
        for &free in &self.free {
            self.all[free] = Frame::default();
        }
    }

    #[inline]
    pub fn current(&self) -> &Frame {
        &self.all[self.current]
    }

    #[inline]
    pub fn current_mut(&mut self) -> &mut Frame {
        &mut self.all[self.current]
    }

    /// Begins a frame in an encoding. `begin` is given the times that frames begin with, those of this one, and its bytes,
    /// to write what goes before the first message. An unfinished frame is discarded.
    #[inline]
    pub fn begin(
        &mut self,
        encoding: u8,
        size: FrameSize,
        sent: Option<Nanos>,
        begin: impl FnOnce(&FrameTimes, &mut FrameTimes, &mut Vec<u8>),
    ) {
        (self.repeats, self.keep_as, self.finished) = (None, None, None);
        let begun = sent.is_none().then_some((encoding, size));
        if begun.is_none() || self.begun != begun || !self.current().is_untouched() {
            self.begun = begun;
            self.begin_anew(size, sent, begin);
        }
    }

    #[inline]
    fn begin_anew(
        &mut self,
        size: FrameSize,
        sent: Option<Nanos>,
        begin: impl FnOnce(&FrameTimes, &mut FrameTimes, &mut Vec<u8>),
    ) {
        if self.current().users > 0 {
            self.current = self.free.pop().unwrap_or_else(|| {
                self.all.push(Frame::default());
                self.all.len() - 1
            });
        }
        let (room_bytes, message_bytes_max) = self.room(size);
        let frame = &mut self.all[self.current];
        frame.sent = sent;
        frame.begin(room_bytes, message_bytes_max, |times, bytes| begin(&self.times, times, bytes));
    }

    /// The current frame is to be kept under this number.
    pub fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    /// Replaces the current frame by the one that was kept under this number. `false` when that has another encoding,
    /// or when the current one has space for more, or when it says that it was sent at another time.
    pub fn repeat(&mut self, number: usize, encoding: u8) -> bool {
        let Some(index) = self.kept[number] else { return false };
        let fits = self.all[index].is_as_due(encoding, self.current());
        self.repeats = fits.then_some(index);
        fits
    }

    /// Finishes the current frame, unless it has no message. `end` ends the payload. `frame` writes the header, and
    /// returns where the frame begins.
    #[inline]
    pub fn finish(
        &mut self,
        encoding: u8,
        end: impl FnOnce(&mut Vec<u8>),
        frame: impl FnOnce(&mut Vec<u8>, &mut Crc) -> usize,
    ) {
        if self.repeats.is_some() {
            self.finished = self.repeats;
            return;
        }
        let index = self.current;
        let current = &mut self.all[index];
        if current.is_empty() {
            return;
        }
        self.begun = None;
        current.finish(encoding, self.payload_bytes_max, end, frame);
        if let Some(number) = self.keep_as.take() {
            current.users += 1;
            if let Some(before) = self.kept[number].replace(index) {
                self.let_go(before);
            }
        }
        self.finished = Some(index);
    }

    /// The finished frame, until the next one begins. `None` when it has no message.
    pub fn ready(&self) -> Option<ReadyFrame<'_>> {
        self.finished.map(|index| self.all[index].ready())
    }

    /// The finished frame, until it is released. `None` when it has no message.
    pub fn hold(&mut self) -> Option<HeldFrame> {
        let index = self.finished?;
        self.all[index].users += 1;
        Some(HeldFrame(index))
    }

    pub fn get(&self, held: &HeldFrame) -> ReadyFrame<'_> {
        self.all[held.0].ready()
    }

    pub fn release(&mut self, HeldFrame(index): HeldFrame) {
        self.let_go(index);
    }

    fn let_go(&mut self, index: usize) {
        let frame = &mut self.all[index];
        frame.users -= 1;
        if frame.users == 0 && index != self.current {
            self.free.push(index);
        }
    }
}

#[cfg(test)]
mod tests;
