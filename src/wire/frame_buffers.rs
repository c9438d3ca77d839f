//! The buffers of frames: the one that is written, those that are kept to be sent once more, those that are held until
//! they are sent, and free ones.
//!
//! Invariants: a frame that is kept or held stays as it is. A frame is sent once more only in the encoding that it has.

use super::{
    encodings::encoder::{HEAD_BYTES, MESSAGE_BYTES_MAX},
    taken_in::TakenIn,
};
use crate::{fanout::FRAMES_KEPT, tick::Nanos};

pub(super) struct FrameBuffers {
    all: Vec<Frame>,
    /// Neither current nor used by anyone.
    free: Vec<usize>,
    /// The one that is being written.
    current: usize,
    /// Frames that may be sent once more, by their numbers.
    kept: [Option<usize>; FRAMES_KEPT],
    /// In place of the current frame this one is sent once more.
    repeats: Option<usize>,
    /// The current frame is to be kept under this number.
    keep_as: Option<usize>,
    /// The current frame, or the one in its place, once it is finished.
    finished: Option<usize>,
    payload_bytes_max: usize,
}

/// A frame, or what there is of it so far.
#[derive(Default)]
pub(super) struct Frame {
    /// Room for the header, then the payload.
    pub bytes: Vec<u8>,
    /// How much payload it may have.
    pub room_bytes: usize,
    /// Of `bytes`, before the first message.
    begun_bytes: usize,
    /// Where the header begins, once the frame is finished.
    start: usize,
    /// The encoding of a finished frame.
    encoding: Option<u8>,
    /// When the newest tick of each message was taken in.
    pub rx: Vec<Nanos>,
    /// The same in sum, once the frame is finished.
    taken_in: TakenIn,
    pub newest_order: u64,
    /// How many want it to stay as it is: it is kept, or held.
    users: u32,
}

/// A finished frame that stays as it is until it is [released](super::Framer::release).
#[must_use = "a frame that is not released is never used again"]
pub struct HeldFrame(usize);

/// A frame that is ready to be sent.
pub struct ReadyFrame<'a> {
    pub bytes: &'a [u8],
    /// Of each message, when its newest tick was taken in.
    pub rx: &'a [Nanos],
    pub taken_in: TakenIn,
    /// Index among all ticks of the newest one that it holds.
    pub newest_order: u64,
}

/// How much one frame may hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameSize {
    /// As much as the limit allows: the fewer frames, the less they cost.
    Full,
    /// A little: the client is behind, and what is chosen later is fresher.
    Small,
}

/// A client that is behind gets frames of this size, in bytes: what is encoded can no longer be conflated.
const SMALL_FRAME_BYTES: usize = 2 * 1024;

/// A frame has room for two messages at least, whatever the limit.
fn at_least_two(payload_bytes_max: usize) -> usize {
    payload_bytes_max.max(2 * MESSAGE_BYTES_MAX)
}

impl FrameBuffers {
    pub fn new(payload_bytes_max: usize) -> Self {
        FrameBuffers {
            all: vec![Frame::default()],
            free: Vec::new(),
            current: 0,
            kept: [None; FRAMES_KEPT],
            repeats: None,
            keep_as: None,
            finished: None,
            payload_bytes_max: at_least_two(payload_bytes_max),
        }
    }

    /// From the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.payload_bytes_max = at_least_two(payload_bytes_max);
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

    /// Begins a frame with what `begin` writes before its first message; an unfinished one is forgotten.
    pub fn begin(&mut self, size: FrameSize, begin: fn(&mut Vec<u8>)) {
        if self.current().users > 0 {
            self.current = self.free.pop().unwrap_or_else(|| {
                self.all.push(Frame::default());
                self.all.len() - 1
            });
        }
        (self.repeats, self.keep_as, self.finished) = (None, None, None);
        let room_bytes = match size {
            FrameSize::Full => self.payload_bytes_max,
            FrameSize::Small => SMALL_FRAME_BYTES.min(self.payload_bytes_max),
        };
        self.current_mut().begin(room_bytes, begin);
    }

    /// The current frame is to be kept under this number.
    pub fn keep(&mut self, number: usize) {
        self.keep_as = Some(number);
    }

    /// Puts the frame that was kept under this number in place of the current one. `false` when it has another encoding, or
    /// when the current one would have held more.
    pub fn repeat(&mut self, number: usize, encoding: u8) -> bool {
        let Some(index) = self.kept[number] else { return false };
        let (kept, room_bytes) = (&self.all[index], self.current().room_bytes);
        // One that is full may have left something over that another room would have held.
        let fits = kept.encoding == Some(encoding)
            && kept.payload_bytes() <= room_bytes
            && (kept.has_room() || kept.room_bytes == room_bytes);
        self.repeats = fits.then_some(index);
        fits
    }

    /// Finishes the current frame, unless it has no message. `frame` frames it; says where it then begins.
    pub fn finish(&mut self, encoding: u8, frame: impl FnOnce(&mut Vec<u8>) -> usize) {
        if self.repeats.is_some() {
            self.finished = self.repeats;
            return;
        }
        let index = self.current;
        let current = &mut self.all[index];
        if current.bytes.len() <= current.begun_bytes {
            return;
        }
        debug_assert!(current.payload_bytes() <= self.payload_bytes_max, "longer than MESSAGE_BYTES_MAX");
        current.start = frame(&mut current.bytes);
        current.encoding = Some(encoding);
        current.taken_in = TakenIn::of(&current.rx);
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
    fn begin(&mut self, room_bytes: usize, begin: fn(&mut Vec<u8>)) {
        self.room_bytes = room_bytes;
        self.encoding = None;
        self.newest_order = 0;
        self.rx.clear();
        self.bytes.clear();
        self.bytes.extend_from_slice(&[0; HEAD_BYTES]);
        begin(&mut self.bytes);
        self.begun_bytes = self.bytes.len();
    }

    /// Records a message by its newest tick.
    #[inline]
    pub fn record(&mut self, rx: Nanos, order: u64) {
        self.rx.push(rx);
        self.newest_order = self.newest_order.max(order);
    }

    /// Whether another message fits, whatever it is.
    #[inline]
    pub fn has_room(&self) -> bool {
        self.payload_bytes() + MESSAGE_BYTES_MAX <= self.room_bytes
    }

    fn ready(&self) -> ReadyFrame<'_> {
        let Frame { newest_order, taken_in, .. } = *self;
        ReadyFrame { bytes: &self.bytes[self.start..], rx: &self.rx, taken_in, newest_order }
    }

    fn payload_bytes(&self) -> usize {
        self.bytes.len() - HEAD_BYTES
    }
}
