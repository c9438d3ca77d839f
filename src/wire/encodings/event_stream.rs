//! [`EventStream`]: JSON as server-sent events. Each frame is one event of a `text/event-stream`, whose data is the
//! array of messages.
//!
//! A browser's `EventSource` reconnects by itself: after the delay in `retry`, sending the last `id`, which the session
//! writes.

use super::{
    encoder::{Encoder, HEAD_BYTES},
    json::Json,
};
use crate::wire::{CloseReason, assembled::write_int, compression::Deflater};

/// The encoding of event streams.
pub struct EventStream;

const HEAD: &[u8] = b"data: ";
const TAIL: &[u8] = b"\n\n";

impl Encoder for EventStream {
    const ID: u8 = 1;
    type Messages = Json;
    const HAS_POSITION: bool = true;

    fn frame(bytes: &mut Vec<u8>, _: &mut Deflater) -> usize {
        const START: usize = HEAD_BYTES - HEAD.len();
        bytes[START..HEAD_BYTES].copy_from_slice(HEAD);
        bytes.extend_from_slice(TAIL);
        START
    }

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, _: &mut Deflater) {
        out.extend_from_slice(HEAD);
        out.extend_from_slice(payload);
        out.extend_from_slice(TAIL);
    }

    fn retry(retry_ms: u64, out: &mut Vec<u8>) {
        out.extend_from_slice(b"retry: ");
        write_int(retry_ms, out);
        out.extend_from_slice(TAIL);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        out.extend_from_slice(b"event: close\ndata: {\"code\":");
        write_int(u64::from(reason.code()), out);
        out.extend_from_slice(b",\"reason\":\"");
        out.extend_from_slice(reason.phrase().as_bytes());
        out.extend_from_slice(b"\"}\n\n");
    }
}
