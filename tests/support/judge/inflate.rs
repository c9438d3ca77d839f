//! What a client of permessage-deflate (RFC 7692) undoes: each message is compressed by itself.

use flate2::{Decompress, FlushDecompress, Status};

/// The first bit that a frame may have for an extension: the message is compressed.
pub const RSV1: u8 = 0x40;
/// What a client offers for [`Encoding::Compressed`](super::Encoding::Compressed).
pub const OFFER: &str = "permessage-deflate; client_no_context_takeover";
/// What a sender leaves out at a message's end.
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The message that was compressed. Panics when it is not one that was compressed by itself and is whole.
pub fn inflated(deflated: &[u8]) -> Vec<u8> {
    let input = [deflated, &TAIL].concat();
    let mut inflater = Decompress::new(false);
    let mut out = Vec::with_capacity(4 * input.len().max(1_024));
    loop {
        let rest = &input[usize::try_from(inflater.total_in()).expect("a length")..];
        let status = inflater.decompress_vec(rest, &mut out, FlushDecompress::Sync).expect("deflate");
        assert_ne!(status, Status::StreamEnd, "the service ends no stream within a message");
        if out.len() < out.capacity() {
            assert_eq!(inflater.total_in(), input.len() as u64, "a message is read to its end");
            return out;
        }
        out.reserve(out.capacity());
    }
}
