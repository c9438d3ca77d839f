//! [`Inflater`]: a shard's decompressor for its clients' messages, one at a time.
//!
//! Each message is inflated whole and independently, so a session has no state. Invariants: the output never exceeds
//! the limit, whatever the input; no input panics.

use flate2::{Decompress, FlushDecompress, Status};

use super::deflater::TAIL;

/// The decompressor, created on first use.
#[derive(Default)]
pub struct Inflater {
    inflater: Option<Box<Decompress>>,
    /// The last message; its capacity is reused.
    out: Vec<u8>,
}

/// Why a message could not be inflated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InflateFault {
    /// It is not valid raw deflate.
    #[error("the message is not what deflate writes")]
    Invalid,
    /// It is longer than allowed.
    #[error("the message is too long")]
    TooLong,
}

/// An empty final block: the inflater then reports whether the input ended between two blocks.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// Initial size of the output, which doubles as needed.
const OUT_BYTES: usize = 4 * 1024;
/// A larger output buffer is freed after its message.
const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Maximum number of deflate streams in one message. A sender may end one at each flush (RFC 7692, 7.2.3.4), that is,
/// for each piece; each costs as much as hundreds of bytes.
const ENDS_MAX: usize = 64;

impl Inflater {
    /// Releases the inflater.
    pub fn shrink(&mut self) {
        *self = Inflater::default();
    }

    /// Inflates a client's message, to at most `bytes_max`.
    ///
    /// # Errors
    /// When the message is corrupt, or too long.
    pub fn inflate(&mut self, deflated: &[u8], bytes_max: usize) -> Result<&[u8], InflateFault> {
        let Inflater { inflater, out } = self;
        let inflater = inflater.get_or_insert_with(|| Box::new(Decompress::new(false)));
        inflater.reset(false);
        out.clear();
        out.shrink_to(KEPT_BYTES_MAX);
        let mut ends = 0;
        if deflated.is_empty() {
            return Ok(out);
        }
        // After an ended stream the sender owes a byte of padding (RFC 7692, 7.2.3.4). Some omit it; the message is
        // complete without it.
        let mut is_at_end = inflate_some(inflater, deflated, out, bytes_max, &mut ends)?;
        if !is_at_end {
            for input in [&TAIL[..], &LAST_BLOCK] {
                is_at_end = inflate_some(inflater, input, out, bytes_max, &mut ends)?;
            }
        }
        // Otherwise the message was truncated, and took the added block for its own data.
        if is_at_end { Ok(out) } else { Err(InflateFault::Invalid) }
    }
}

/// Inflates this part of the input. Returns whether a stream ends with it.
fn inflate_some(
    inflater: &mut Decompress,
    mut input: &[u8],
    out: &mut Vec<u8>,
    bytes_max: usize,
    ends: &mut usize,
) -> Result<bool, InflateFault> {
    loop {
        if out.len() == out.capacity() {
            // One byte beyond the limit shows that it is exceeded.
            let room = (bytes_max + 1).saturating_sub(out.len());
            out.reserve_exact(room.min(out.len().max(OUT_BYTES)));
        }
        let (before_in, before_out) = (inflater.total_in(), out.len());
        let status =
            inflater.decompress_vec(input, out, FlushDecompress::Sync).map_err(|_| InflateFault::Invalid)?;
        if out.len() > bytes_max {
            return Err(InflateFault::TooLong);
        }
        let taken = (inflater.total_in() - before_in) as usize;
        input = &input[taken..];
        if status == Status::StreamEnd {
            *ends += 1;
            if *ends > ENDS_MAX {
                return Err(InflateFault::Invalid);
            }
            inflater.reset(false);
            if input.is_empty() {
                return Ok(true);
            }
        } else if taken == 0 && out.len() == before_out && out.len() < out.capacity() {
            // No progress with input and room available: invalid.
            return if input.is_empty() { Ok(false) } else { Err(InflateFault::Invalid) };
        }
        if input.is_empty() && out.len() < out.capacity() {
            return Ok(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    use super::*;

    /// Compresses a message as a client would, in pieces that are each flushed.
    fn deflated(payload: &[u8], piece_bytes: usize, level: u32) -> Vec<u8> {
        let mut compress = Compress::new(Compression::new(level), false);
        let mut out = Vec::with_capacity(payload.len() * 2 + 100 + 20 * payload.len() / piece_bytes);
        for piece in payload.chunks(piece_bytes) {
            compress.compress_vec(piece, &mut out, FlushCompress::Sync).unwrap();
        }
        out.truncate(out.len().saturating_sub(TAIL.len()));
        if payload.is_empty() { vec![0] } else { out }
    }

    fn inflated(deflated: &[u8], bytes_max: usize) -> Result<Vec<u8>, InflateFault> {
        Inflater::default().inflate(deflated, bytes_max).map(<[u8]>::to_vec)
    }

    proptest! {
        #[test]
        fn a_message_is_as_before_it_was_compressed(
            payload in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'x')], 0..20_000),
            piece_bytes in 500usize..30_000, level in 0u32..=9,
        ) {
            let deflated = deflated(&payload, piece_bytes, level);
            prop_assert_eq!(inflated(&deflated, payload.len()), Ok(payload.clone()));
            if let Some(less) = payload.len().checked_sub(1) {
                prop_assert_eq!(inflated(&deflated, less), Err(InflateFault::TooLong));
            }
        }

        #[test]
        fn no_bytes_panic_or_exceed_the_limit(
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0u8..8], 0..300), bytes_max in 0usize..5_000,
        ) {
            let mut inflater = Inflater::default();
            if let Ok(out) = inflater.inflate(&bytes, bytes_max) {
                prop_assert!(out.len() <= bytes_max);
            }
            prop_assert!(inflater.out.capacity() <= bytes_max + 1 + OUT_BYTES);
            prop_assert_eq!(inflater.inflate(&deflated(b"next", 9, 6), 9), Ok(&b"next"[..]));
        }
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        let check = |bytes: &[u8], expected: &[u8]| {
            assert_eq!(inflated(bytes, 100).as_deref(), Ok(expected), "{bytes:x?}");
        };
        check(&[0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], b"Hello");
        check(&[0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], b"Hello");
        check(&[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], b"Hello");
        check(&[0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], b"Hello");
        check(&[0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], b"Hello");
        check(&[0x00], b"");
        check(&[], b"");
    }

    #[test]
    fn what_deflate_does_not_write_is_refused() {
        let whole = deflated(&b"a message, and a message".repeat(20), 1_000, 6);
        for cut in 1..whole.len() - 1 {
            assert_eq!(inflated(&whole[..cut], 1_000), Err(InflateFault::Invalid), "cut to {cut} bytes");
        }
        assert_eq!(inflated(&[0x06], 100), Err(InflateFault::Invalid), "a kind of block that there is not");
        assert_eq!(inflated(&[3, 0].repeat(ENDS_MAX + 1), 100), Err(InflateFault::Invalid));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = deflated(&vec![0; 4 * 1024 * 1024], 1 << 20, 9);
        assert!(bomb.len() < 8 * 1024);
        let mut inflater = Inflater::default();
        assert_eq!(inflater.inflate(&bomb, 64 * 1024), Err(InflateFault::TooLong));
        assert!(inflater.out.capacity() <= 64 * 1024 + 1);
    }
}
