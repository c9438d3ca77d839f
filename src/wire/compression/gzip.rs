//! An event stream as one gzip member (RFC 1952) without a compressor of its own.
//!
//! Shared events are deflate blocks that refer to nothing before them, so the same bytes fit into every stream at any
//! place. What a session alone is sent stands in stored blocks. Of the member only a checksum is kept, which grows by
//! those of its parts; with it the stream has a proper end.

use flate2::Crc;

/// Deflate, no name and no time, made on any system.
const HEAD: [u8; 10] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF];
/// An empty block that is the last.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// The most bytes in a stored block.
const STORED_BYTES_MAX: usize = 0xFFFF;

/// Appends what a stream begins with.
pub fn write_head(out: &mut Vec<u8>) {
    out.extend_from_slice(&HEAD);
}

/// Appends bytes as they are, in stored blocks.
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
