//! The buffers of frames: the current one, those that are kept for reuse, those that are held until they are sent, and
//! free ones.
//!
//! Invariants: a frame that is kept or held does not change. A frame is reused only for sessions with its encoding.

use flate2::Crc;

use super::{encodings::encoder::HEAD_BYTES, frame_times::FrameTimes, taken_in::TakenIn};
use crate::{
    access::{ProductCounts, ProductId},
    fanout::FRAMES_KEPT,
    tick::Nanos,
};

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

/// A frame, finished or not.
#[derive(Default)]
pub(super) struct Frame {
    /// Space for the header, then the payload.
    pub bytes: Vec<u8>,
    /// The most bytes of payload.
    pub room_bytes: usize,
    /// More than the longest message.
    pub message_bytes_max: usize,
    /// Bytes of its last message, if that is one which may be longer.
    long_bytes: usize,
    /// When it is sent, if its clients have asked for it.
    pub sent: Option<Nanos>,
    /// The times of its last message.
    pub times: FrameTimes,
    /// Length of `bytes` before the first message.
    begun_bytes: usize,
    /// Bytes of the payload before it was compressed, once the frame is finished.
    payload_bytes: usize,
    /// Offset of the header in `bytes`, once the frame is finished.
    start: usize,
    /// The encoding of a finished frame.
    encoding: Option<u8>,
    /// Time of receipt of the newest tick of each message.
    pub rx: Vec<Nanos>,
    /// The product of the last messages, and the first of these.
    product: ProductId,
    product_from: usize,
    /// How many messages there are of each product, once the frame is finished.
    uses: ProductCounts,
    /// Which of them are when the message could first be shown, and when its tick was taken in: those that are shown delayed.
    late: Vec<(usize, Nanos)>,
    /// The sum of these times, once the frame is finished.
    taken_in: TakenIn,
    pub newest_order: u64,
    /// It leaves out ticks of a form of which a client must miss nothing.
    pub has_lost: bool,
    /// Of a finished frame that is a part of a gzip member: the checksum of its plain bytes.
    plain: Crc,
    /// How many users the frame has: it is kept, or held.
    users: u32,
}

/// A finished frame that does not change until it is [released](super::Framer::release).
#[must_use = "a frame that is not released is never used again"]
pub struct HeldFrame(usize);

/// A frame that is ready to be sent.
pub struct ReadyFrame<'a> {
    pub bytes: &'a [u8],
    /// Time of receipt of the newest tick of each message.
    pub rx: &'a [Nanos],
    pub taken_in: TakenIn,
    /// How many messages there are of each product.
    pub uses: &'a ProductCounts,
    /// Order of the newest tick in it, over all symbols.
    pub newest_order: u64,
    /// Of a part of a gzip member: the checksum of its plain bytes.
    pub plain: &'a Crc,
}

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

    /// The next frame begins with this number of a message.
    pub fn set_sequence(&mut self, sequence: u64) {
        self.times.sequence = sequence;
        self.begun = None;
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

    /// Begins a frame in an encoding. `begin` writes what goes before the first message. An unfinished frame is discarded.
    #[inline]
    pub fn begin(
        &mut self,
        encoding: u8,
        size: FrameSize,
        sent: Option<Nanos>,
        begin: impl FnOnce(&mut Vec<u8>),
    ) {
        (self.repeats, self.keep_as, self.finished) = (None, None, None);
        let begun = sent.is_none().then_some((encoding, size));
        if begun.is_none() || self.begun != begun || !self.current().is_untouched() {
            self.begun = begun;
            self.begin_anew(size, sent, begin);
        }
    }

    fn begin_anew(&mut self, size: FrameSize, sent: Option<Nanos>, begin: impl FnOnce(&mut Vec<u8>)) {
        if self.current().users > 0 {
            self.current = self.free.pop().unwrap_or_else(|| {
                self.all.push(Frame::default());
                self.all.len() - 1
            });
        }
        let ((room_bytes, message_bytes_max), times) = (self.room(size), self.times);
        let frame = self.current_mut();
        (frame.sent, frame.times) = (sent, times);
        frame.begin(room_bytes, message_bytes_max, begin);
    }

    /// The current frame is to be kept under this number.
    pub fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    /// Replaces the current frame by the one that was kept under this number. `false` when that has another encoding, or
    /// when the current one has space for more, or when it says that it was sent at another time.
    pub fn repeat(&mut self, number: usize, encoding: u8) -> bool {
        let Some(index) = self.kept[number] else { return false };
        let (kept, room_bytes) = (&self.all[index], self.current().room_bytes);
        // A full frame may have left out messages that fit into a larger one.
        let fits = kept.encoding == Some(encoding)
            && kept.sent == self.current().sent
            && kept.payload_bytes <= room_bytes
            && (kept.payload_bytes + kept.message_bytes_max <= kept.room_bytes
                || kept.room_bytes == room_bytes);
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
        if current.bytes.len() <= current.begun_bytes {
            return;
        }
        debug_assert!(
            current.payload_bytes() <= self.payload_bytes_max + current.long_bytes,
            "a message is longer than any may be"
        );
        self.begun = None;
        end(&mut current.bytes);
        current.payload_bytes = current.payload_bytes();
        current.start = frame(&mut current.bytes, &mut current.plain);
        current.encoding = Some(encoding);
        current.taken_in = TakenIn::of(&current.rx);
        current.turn_product(ProductId::REST);
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

impl Frame {
    fn begin(&mut self, room_bytes: usize, message_bytes_max: usize, begin: impl FnOnce(&mut Vec<u8>)) {
        (self.room_bytes, self.message_bytes_max, self.long_bytes) = (room_bytes, message_bytes_max, 0);
        self.encoding = None;
        self.newest_order = 0;
        self.has_lost = false;
        self.rx.clear();
        (self.product, self.product_from) = (ProductId::REST, 0);
        self.uses.clear();
        self.late.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        begin(&mut self.bytes);
        self.begun_bytes = self.bytes.len();
    }

    /// Whether nothing was written since it was begun.
    #[inline]
    fn is_untouched(&self) -> bool {
        self.bytes.len() == self.begun_bytes && !self.has_lost
    }

    /// The next messages are of this product.
    #[inline]
    pub fn is_of(&mut self, product: ProductId) {
        if self.product != product {
            self.turn_product(product);
        }
    }

    fn turn_product(&mut self, product: ProductId) {
        self.uses.add(self.product, (self.rx.len() - self.product_from) as u64);
        (self.product, self.product_from) = (product, self.rx.len());
    }

    /// Records a message by its newest tick.
    #[inline]
    pub fn record(&mut self, rx: Nanos, order: u64) {
        self.rx.push(rx);
        self.newest_order = self.newest_order.max(order);
    }

    /// As [`Self::record`], of a message that is shown later than it was taken in: `due` is when it could first be shown.
    #[cold]
    pub fn record_late(&mut self, due: Nanos, rx: Nanos, order: u64) {
        self.late.push((self.rx.len(), rx));
        self.record(due, order);
    }

    /// When the newest tick of its messages was taken in.
    pub fn newest_rx(&self) -> Option<Nanos> {
        let mut rx = self.rx.clone();
        for &(at, taken_in) in &self.late {
            rx[at] = taken_in;
        }
        rx.into_iter().max()
    }

    /// As [`Self::record`], of a message that begins at this offset, if there is one: a dialect may have nothing to say.
    #[inline]
    pub fn record_from(&mut self, begin: usize, rx: Nanos, order: u64) {
        if self.bytes.len() > begin {
            self.record(rx, order);
        }
    }

    /// What was written from this offset is one message that may be longer than others: none follows it.
    #[cold]
    pub fn end_with_long(&mut self, begin: usize) {
        (self.long_bytes, self.room_bytes) = (self.bytes.len() - begin, 0);
    }

    /// Whether another message fits, whatever it is.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.payload_bytes() + self.message_bytes_max <= self.room_bytes
    }

    fn ready(&self) -> ReadyFrame<'_> {
        let Frame { newest_order, taken_in, .. } = *self;
        ReadyFrame {
            bytes: &self.bytes[self.start..],
            rx: &self.rx,
            taken_in,
            uses: &self.uses,
            newest_order,
            plain: &self.plain,
        }
    }

    fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEAD_BYTES
    }
}

#[cfg(test)]
mod tests;
