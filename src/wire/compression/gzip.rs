//! Assembles an event stream as one gzip member (RFC 1952), without a compressor per stream.
//!
//! Shared events are deflate blocks without back-references beyond themselves, so the same bytes fit anywhere into any
//! stream. Bytes of a single session go into stored blocks. The only state per stream is a checksum, combined from
//! those of its parts, with which the stream is properly ended.

use flate2::Crc;

/// Header: deflate, no name, no time, unknown system.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
/// An empty final block.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// The maximum size of a stored block.
const STORED_BYTES_MAX: usize = 0xFFFF;

/// Appends the start of a stream.
pub fn write_head(out: &mut Vec<u8>) {
    out.extend_from_slice(&HEAD);
}

/// Appends bytes uncompressed, in stored blocks.
pub fn write_stored(plain: &[u8], out: &mut Vec<u8>) {
    for piece in plain.chunks(STORED_BYTES_MAX) {
        let length = piece.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
}

/// Appends the end of a stream whose plain bytes have this checksum.
pub fn write_end(sum: &Crc, out: &mut Vec<u8>) {
    out.extend_from_slice(&LAST_BLOCK);
    out.extend_from_slice(&sum.sum().to_le_bytes());
    out.extend_from_slice(&sum.amount().to_le_bytes());
}
