//! [`Framer`]: builds data frames with their headers, ready for the socket. Which messages they have is the fan-out's
//! choice.
//!
//! It builds one frame at a time in a reused buffer, so that no delivery allocates. What several sessions need is
//! encoded once: a topic's whole record, its changes since different seqs, its last tick, and a run of its newest
//! ticks, of which a session gets a part in one copy. Finished frames can be held until they are sent, and kept for
//! repetition.
//!
//! Invariant: encodings share cached messages exactly when they use the same `Messages` type.

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
    /// Compresses frames and control messages in compressed encodings.
    pub deflater: Deflater,
    /// Scratch for ticks that are older than the cached ones.
    old_run: Run,
}

impl Framer {
    /// `payload_bytes_max`: payload limit of a frame, at least 2 KiB. For a service without configured fields.
    pub fn new(payload_bytes_max: usize) -> Self {
        Framer::with_message_bytes(payload_bytes_max, MESSAGE_BYTES_MAX)
    }

    /// As `new`, for messages of up to `message_bytes_max`; a frame has room for two of them.
    pub fn with_message_bytes(payload_bytes_max: usize, message_bytes_max: usize) -> Self {
        Framer {
            frames: FrameBuffers::new(payload_bytes_max, message_bytes_max),
            cached: Vec::new(),
            deflater: Deflater::default(),
            old_run: Run::default(),
        }
    }

    /// Sets the origin of times, for encodings whose times are relative.
    #[must_use]
    pub fn with_origin(mut self, origin: Nanos) -> Self {
        self.frames.set_origin(origin);
        self
    }

    /// Applies from the next frame on.
    pub fn set_frame_bytes(&mut self, payload_bytes_max: usize) {
        self.frames.set_frame_bytes(payload_bytes_max);
    }

    /// Frees unused buffers and the compressors.
    pub fn shrink(&mut self) {
        self.frames.shrink();
        self.deflater.shrink();
    }

    /// Starts a frame in this encoding. An unfinished frame is discarded.
    pub fn begin<E: Encoder>(&mut self, size: FrameSize) -> FrameWriter<'_, E> {
        self.begin_sent(size, None)
    }

    /// As [`Self::begin`]; `sent`: the send time, for clients that asked for it.
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

    /// A writer for the current frame, in its encoding.
    #[inline]
    pub fn writer<E: Encoder>(&mut self) -> FrameWriter<'_, E> {
        let index = usize::from(<E::Messages as Encoder>::ID);
        if index >= self.cached.len() {
            self.cached.resize_with(index + 1, CachedTopics::default);
        }
        FrameWriter::new(&mut self.frames, &mut self.cached[index], &mut self.deflater, &mut self.old_run)
    }

    /// The payload limit of a frame of this size, and of a message.
    pub fn room(&self, size: FrameSize) -> (usize, usize) {
        self.frames.room(size)
    }

    /// Makes a frame of complete messages that `write` appends, under this encoding's number.
    pub fn compose(
        &mut self,
        size: FrameSize,
        encoding: u8,
        write: impl FnOnce(&mut Vec<u8>) -> FaultyFill,
    ) -> FaultyFill {
        // What precedes the first message is up to `write`.
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

    /// The finished frame, until the next one starts; `None` if it is empty.
    pub fn ready(&self) -> Option<ReadyFrame<'_>> {
        self.frames.ready()
    }

    /// Whether the last frame is missing ticks of which its client must miss nothing.
    pub fn has_lost(&self) -> bool {
        self.frames.current().has_lost
    }

    /// Sets the session's next sequence number, for encodings that number messages, and its unfinished message: for the
    /// next frame.
    pub fn set_message(&mut self, sequence: u64, unfinished: Option<Unfinished>) {
        self.frames.set_message(sequence, unfinished);
    }

    /// Both values after the frame is filled, for the session's next one.
    pub fn message(&self) -> (u64, Option<Unfinished>) {
        let times = &self.frames.current().times;
        (times.sequence, times.unfinished)
    }

    /// The finished frame, held until it is released; `None` if it is empty.
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
