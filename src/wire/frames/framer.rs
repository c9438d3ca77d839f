//! Data frames with their headers, ready for the socket.
//!
//! A [`Framer`] builds one frame at a time in a buffer that it reuses, so that no delivery allocates. What several
//! sessions need is encoded once: a topic's whole record, what has changed of it since different seqs, its last tick,
//! and a run of its newest ticks, of which a session gets a part in one copy. Finished frames can be held until they
//! are sent, and kept for reuse.
//!
//! Invariant: encodings share cached messages when they use the same type of messages, and otherwise never.

use super::{
    buffers::{FrameBuffers, FrameSize, HeldFrame},
    cached::CachedTopics,
    frame::ReadyFrame,
    run::Run,
    times::Unfinished,
    writer::FrameWriter,
};
use crate::{
    tick::Nanos,
    wire::{
        compression::Deflater,
        encodings::encoder::{Encoder, HEAD_BYTES, MESSAGE_BYTES_MAX, Messages},
        faulty::FaultyFill,
    },
};

/// Builds frames in every encoding, one at a time.
pub struct Framer {
    frames: FrameBuffers,
    /// Cached messages, by the encoding that writes them.
    cached: Vec<CachedTopics>,
    /// Of frames and control messages in encodings that are compressed.
    pub deflater: Deflater,
    /// For ticks that are older than those in the cache.
    old_run: Run,
}

impl Framer {
    /// `payload_bytes_max`: the most bytes of payload in a frame; at least 2 KiB. For a service whose configuration
    /// adds no fields.
    pub fn new(payload_bytes_max: usize) -> Self {
        Framer::with_message_bytes(payload_bytes_max, MESSAGE_BYTES_MAX)
    }

    /// The same where a message has up to so many bytes. A frame has space for two of them.
    pub fn with_message_bytes(payload_bytes_max: usize, message_bytes_max: usize) -> Self {
        Framer {
            frames: FrameBuffers::new(payload_bytes_max, message_bytes_max),
            cached: Vec::new(),
            deflater: Deflater::default(),
            old_run: Run::default(),
        }
    }

    /// With times since this one, in encodings that have them so.
    #[must_use]
    pub fn with_origin(mut self, origin: Nanos) -> Self {
        self.frames.set_origin(origin);
        self
    }

    /// Applies from the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.frames.set_frame_bytes(payload_bytes_max);
    }

    /// Releases the buffers of free frames, and the compressors.
    pub fn shrink(&mut self) {
        self.frames.shrink();
        self.deflater.shrink();
    }

    /// Begins a frame in this encoding. An unfinished frame is discarded.
    pub fn begin<E: Encoder>(&mut self, size: FrameSize) -> FrameWriter<'_, E> {
        self.begin_sent(size, None)
    }

    /// The same for clients that have asked when it is sent.
    pub fn begin_sent<E: Encoder>(&mut self, size: FrameSize, sent: Option<Nanos>) -> FrameWriter<'_, E> {
        self.frames.begin(E::ID, size, sent, |begun, times, out| {
            if E::Messages::CONTINUES {
                *times = *begun;
            } else {
                times.restart(begun);
            }
            E::Messages::begin(out);
            if let Some(at) = sent {
                E::Messages::sent(at, out);
            }
        });
        self.writer()
    }

    /// A writer for the current frame, in the encoding of that frame.
    #[inline]
    pub fn writer<E: Encoder>(&mut self) -> FrameWriter<'_, E> {
        let index = usize::from(<E::Messages as Encoder>::ID);
        if index >= self.cached.len() {
            self.cached.resize_with(index + 1, CachedTopics::default);
        }
        FrameWriter::new(&mut self.frames, &mut self.cached[index], &mut self.deflater, &mut self.old_run)
    }

    /// The most bytes of payload of a frame of this size, and of a message.
    pub fn room(&self, size: FrameSize) -> (usize, usize) {
        self.frames.room(size)
    }

    /// Makes a frame of whole messages in the encoding of this number that are written elsewhere: `write` appends them.
    pub fn compose(
        &mut self,
        size: FrameSize,
        encoding: u8,
        write: impl FnOnce(&mut Vec<u8>) -> FaultyFill,
    ) -> FaultyFill {
        // What stands before its first message is its own.
        self.frames.begin(u8::MAX, size, None, |_, _, _| {});
        let frame = self.frames.current_mut();
        let filled = write(&mut frame.bytes);
        for &(rx, order) in &filled.sent {
            frame.record(rx, order);
        }
        frame.has_lost = filled.has_lost;
        self.frames.finish(encoding, |_| {}, |_, _| HEAD_BYTES);
        filled
    }

    /// The finished frame, until the next one begins. `None` when it has no message.
    pub fn ready(&self) -> Option<ReadyFrame<'_>> {
        self.frames.ready()
    }

    /// Whether the frame that was written last leaves out ticks of which its client must miss nothing.
    pub fn has_lost(&self) -> bool {
        self.frames.current().has_lost
    }

    /// The number of the next message of a session, in encodings that number them, and the message that it was sent a
    /// part of: for the next frame.
    pub fn set_message(&mut self, sequence: u64, unfinished: Option<Unfinished>) {
        self.frames.set_message(sequence, unfinished);
    }

    /// The same once that is filled, for the one behind it.
    pub fn message(&self) -> (u64, Option<Unfinished>) {
        let times = &self.frames.current().times;
        (times.sequence, times.unfinished)
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
