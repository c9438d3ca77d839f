//! [`EventStreamGzip`]: server-sent events with gzip. A shared event is compressed once for all streams.

use super::{
    encoder::{Encoder, HEAD_BYTES},
    event_stream::EventStream,
    json::Json,
};
use crate::wire::{CloseReason, compression::Deflater};

/// The encoding of event streams whose client accepts gzip. `wire/compression/gzip.rs` assembles the stream.
pub struct EventStreamGzip;

impl Encoder for EventStreamGzip {
    const ID: u8 = 5;
    type Messages = Json;
    const HAS_POSITION: bool = true;
    const IS_GZIP: bool = true;

    fn frame(bytes: &mut Vec<u8>, deflater: &mut Deflater) -> usize {
        let start = EventStream::frame(bytes, deflater);
        deflater.replace_by_blocks(start, bytes);
        0
    }

    fn frame_control(payload: &[u8], out: &mut Vec<u8>, deflater: &mut Deflater) {
        let mut event = Vec::with_capacity(payload.len() + HEAD_BYTES);
        EventStream::frame_control(payload, &mut event, deflater);
        deflater.append_blocks(&event, out);
    }

    fn retry(retry_ms: u64, out: &mut Vec<u8>) {
        EventStream::retry(retry_ms, out);
    }

    fn close(reason: CloseReason, out: &mut Vec<u8>) {
        EventStream::close(reason, out);
    }
}
