//! [`FrameBuffers`]: the buffers of frames: the current one, those kept for repetition, those held until sent, and free
//! ones. A frame's content is in `frame.rs`.
//!
//! Invariants: a kept or held frame does not change. A frame is repeated only for sessions with its encoding.

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
    /// The frame being written.
    current: usize,
    /// Frames kept for repetition, by number.
    kept: [Option<usize>; FRAMES_KEPT],
    /// The kept frame that is sent instead of the current one.
    repeats: Option<usize>,
    /// The number under which the current frame is to be kept.
    keep_as: Option<usize>,
    /// The finished frame: the current one, or the kept one that replaces it.
    finished: Option<usize>,
    payload_bytes_max: usize,
    /// More than the longest message.
    message_bytes_max: usize,
    /// The times that each frame starts from.
    times: FrameTimes,
    /// Encoding and size of a started but empty current frame, left over when a kept frame was repeated: the next frame
    /// like it may use it.
    begun: Option<(u8, FrameSize)>,
}

/// A finished frame, unchanged until it is [released](super::Framer::release).
#[must_use = "a frame that is not released is never used again"]
pub struct HeldFrame(usize);

/// The size of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// Up to the limit: fewer frames cost less.
    Full,
    /// Small: the client is behind, and messages chosen later have newer values.
    Small,
    /// For a client that is behind and reads few frames a second.
    Medium,
}

/// Frame size for a client that is behind: encoded messages can no longer be conflated.
const SMALL_FRAME_BYTES: usize = 2 * 1024;
const MEDIUM_FRAME_BYTES: usize = 6 * 1024;

/// A frame has room for at least two messages, whatever the limit.
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

    /// Sets the origin of frame times.
    pub fn set_origin(&mut self, origin: Nanos) {
        self.times = FrameTimes::since(origin);
        self.begun = None;
    }

    /// Sets the sequence number, and the unfinished message, that the next frame starts with.
    pub fn set_message(&mut self, sequence: u64, unfinished: Option<Unfinished>) {
        if (self.times.sequence, self.times.unfinished) != (sequence, unfinished) {
            (self.times.sequence, self.times.unfinished) = (sequence, unfinished);
            self.begun = None;
        }
    }

    /// Sets the limit of a frame's payload; applies from the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = at_least_two(payload_bytes_max, self.message_bytes_max);
        self.begun = None;
    }

    /// The payload limit of a frame of this size, and of a message.
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

    /// Starts a frame in an encoding; an unfinished one is discarded. `begin` writes what precedes the first message,
    /// given the origin times, the frame's times and its bytes.
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

    /// Keeps the current frame under this number when it is finished.
    pub fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    /// Replaces the current frame by the kept one of this number. `false` if that has another encoding or send time, or
    /// if the current frame has room for more messages.
    pub fn repeat(&mut self, number: usize, encoding: u8) -> bool {
        let Some(index) = self.kept[number] else { return false };
        let fits = self.all[index].is_as_due(encoding, self.current());
        self.repeats = fits.then_some(index);
        fits
    }

    /// Finishes the current frame, unless it is empty. `end` ends the payload; `frame` writes the header and returns
    /// the offset of the frame.
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

    /// The finished frame, until the next one starts; `None` if it is empty.
    pub fn ready(&self) -> Option<ReadyFrame<'_>> {
        self.finished.map(|index| self.all[index].ready())
    }

    /// The finished frame, held until it is released; `None` if it is empty.
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
