//! Data frames, ready for the socket, header and all.
//!
//! A [`Framer`] builds one frame at a time in a buffer that it keeps, so that no delivery allocates. What several
//! sessions get alike is encoded once: a topic's whole record, its last tick, and its newest ticks one after another,
//! of which a session copies the stretch it needs at one go. Finished frames may be held until they are sent, and kept to
//! be sent once more.
//!
//! Invariant: encodings share what is encoded of topics when they write messages alike, and otherwise never.

use super::{
    cached::Cached,
    encodings::encoder::{Encoder, Messages},
    frame_buffers::{FrameBuffers, FrameSize, HeldFrame, ReadyFrame},
    frame_writer::FrameWriter,
};

/// Builds frames in every encoding, one at a time.
pub struct Framer {
    frames: FrameBuffers,
    /// What is encoded of topics: by the encoding whose messages they are, then by local topic.
    cached: Vec<Vec<Cached>>,
}

impl Framer {
    /// `payload_bytes_max`: of one frame; at least 2 KiB.
    pub fn new(payload_bytes_max: usize) -> Self {
        Framer { frames: FrameBuffers::new(payload_bytes_max), cached: Vec::new() }
    }

    /// From the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.frames.set_frame_bytes(payload_bytes_max);
    }

    /// Releases the buffers of frames that nobody holds.
    pub fn shrink(&mut self) {
        self.frames.shrink();
    }

    /// Begins a frame in this encoding; an unfinished one is forgotten.
    pub fn begin<E: Encoder>(&mut self, size: FrameSize) -> FrameWriter<'_, E> {
        self.frames.begin(size, E::Messages::begin);
        self.writer()
    }

    /// Writes on in the frame that was begun, in the encoding that it was begun in.
    #[inline]
    pub fn writer<E: Encoder>(&mut self) -> FrameWriter<'_, E> {
        let index = usize::from(<E::Messages as Encoder>::ID);
        if index >= self.cached.len() {
            self.cached.resize_with(index + 1, Vec::new);
        }
        FrameWriter::new(&mut self.frames, &mut self.cached[index])
    }

    /// The finished frame, until the next one begins. `None` when it has no message.
    pub fn ready(&self) -> Option<ReadyFrame<'_>> {
        self.frames.ready()
    }

    /// The finished frame, until it is released. `None` when it has no message.
    pub fn hold(&mut self) -> Option<HeldFrame> {
        self.frames.hold()
    }

    pub fn get(&self, held: &HeldFrame) -> ReadyFrame<'_> {
        self.frames.get(held)
    }

    pub fn release(&mut self, held: HeldFrame) {
        self.frames.release(held);
    }
}
