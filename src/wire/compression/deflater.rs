//! [`Deflater`]: a shard's compressor. Compresses payloads as raw deflate (RFC 1951), each on its own.
//!
//! Every payload starts with an empty window (no context takeover): one result serves all sessions that are sent it,
//! and a session has no compression state. The compressor is created on first use; a shard without compressing sessions
//! has none.
//!
//! Invariants: the same payload gives the same bytes. A payload that does not get shorter is sent uncompressed.

use flate2::{Compress, Crc, FlushCompress};

use super::gzip;

/// The window: the maximum distance of back-references.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeflateWindow {
    /// 32 KiB: the default of every receiver.
    Full,
    /// 512 bytes, for receivers that ask for less memory.
    Small,
}

/// The compressor of a shard.
#[derive(Default)]
pub struct Deflater {
    /// Shorter payloads are not compressed; 0 turns compression off.
    bytes_min: usize,
    full: Option<Box<Compress>>,
    small: Option<Box<Compress>>,
    /// The last result; its capacity is reused.
    out: Vec<u8>,
    pub counts: DeflateCounts,
    /// Checksum of the plain bytes of the last [blocks](Self::append_blocks).
    pub plain: Crc,
}

/// Compression counts. A shared payload counts once.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct DeflateCounts {
    /// Sizes before compression, of payloads that were sent compressed.
    pub plain_bytes: u64,
    /// Sizes after compression.
    pub deflated_bytes: u64,
}

/// The end of a flush: an empty stored block, which is not sent (RFC 7692, 7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// Overhead of a result beside its coded bytes, with some reserve.
const BLOCK_BYTES: usize = 64;

/// zlib's level 1. Levels 2 and 3 cost three times as much for a quarter fewer bytes.
const LEVEL: flate2::Compression = flate2::Compression::new(1);

impl DeflateWindow {
    pub const fn bits(self) -> u8 {
        match self {
            DeflateWindow::Full => 15,
            DeflateWindow::Small => 9,
        }
    }
}

impl Deflater {
    pub fn new(bytes_min: usize) -> Self {
        Deflater { bytes_min, ..Deflater::default() }
    }

    /// Applies from the next payload on.
    pub fn set_bytes_min(&mut self, bytes_min: usize) {
        self.bytes_min = bytes_min;
    }

    /// Releases the compressors.
    pub fn shrink(&mut self) {
        (self.full, self.small, self.out) = (None, None, Vec::new());
    }

    /// Replaces the bytes from `at` on by their compressed form without [`TAIL`]. `false` if they are to be sent
    /// uncompressed.
    pub fn replace(&mut self, window: DeflateWindow, at: usize, bytes: &mut Vec<u8>) -> bool {
        self.out.clear();
        self.out.resize(at, 0);
        if !self.compress(window, &bytes[at..]) {
            return false;
        }
        std::mem::swap(bytes, &mut self.out);
        true
    }

    /// The compressed form of a payload without [`TAIL`]; `None` if it is to be sent uncompressed.
    pub fn deflated(&mut self, window: DeflateWindow, payload: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        self.compress(window, payload).then_some(&*self.out)
    }

    /// Appends the bytes as deflate blocks that fit into any stream: compressed, or stored if that is not worth it.
    pub fn append_blocks(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        self.make_blocks(plain);
        out.extend_from_slice(&self.out);
    }

    /// Replaces the content of `bytes` by blocks of what follows `at`.
    pub fn replace_by_blocks(&mut self, at: usize, bytes: &mut Vec<u8>) {
        self.make_blocks(&bytes[at..]);
        std::mem::swap(bytes, &mut self.out);
    }

    fn make_blocks(&mut self, plain: &[u8]) {
        self.plain.reset();
        self.plain.update(plain);
        self.out.clear();
        if self.compress(DeflateWindow::Full, plain) {
            self.out.extend_from_slice(&TAIL);
        } else {
            self.out.clear();
            gzip::write_stored(plain, &mut self.out);
        }
    }

    /// Compresses a payload into `out`. Returns whether that is worth it.
    fn compress(&mut self, window: DeflateWindow, payload: &[u8]) -> bool {
        if self.bytes_min == 0 || payload.len() < self.bytes_min {
            return false;
        }
        let (head, most) = (self.out.len(), payload.len());
        // Room for any result: a code takes at most nine bits per byte.
        self.out.reserve(most + most / 8 + BLOCK_BYTES);
        let slot = match window {
            DeflateWindow::Full => &mut self.full,
            DeflateWindow::Small => &mut self.small,
        };
        let compress =
            slot.get_or_insert_with(|| Box::new(Compress::new_with_window_bits(LEVEL, false, window.bits())));
        compress.reset();
        let result = compress.compress_vec(payload, &mut self.out, FlushCompress::Sync);
        let is_whole = result.is_ok() && compress.total_in() == payload.len() as u64;
        // A complete flush ends with the tail.
        if !is_whole || !self.out.ends_with(&TAIL) {
            // `reset` does not recover the room of unfetched output, and the compressor panics without room.
            *slot = None;
            return false;
        }
        let deflated_bytes = self.out.len() - head - TAIL.len();
        if deflated_bytes >= most {
            return false;
        }
        self.out.truncate(head + deflated_bytes);
        self.counts.plain_bytes += most as u64;
        self.counts.deflated_bytes += deflated_bytes as u64;
        true
    }
}

#[cfg(test)]
mod tests {
    use miniz_oxide::inflate::{TINFLStatus, core::DecompressorOxide, core::decompress, core::inflate_flags};
    use proptest::prelude::*;

    use super::*;

    /// Inflates a message as a client would, with an independent implementation that keeps no more history than its
    /// window.
    fn inflated(window: DeflateWindow, deflated: &[u8]) -> Vec<u8> {
        let input = [deflated, &TAIL].concat();
        let mut ring = vec![0; 1 << window.bits()];
        let (mut out, mut taken, mut at) = (Vec::new(), 0, 0);
        let mut inflater = DecompressorOxide::new();
        loop {
            let flags = inflate_flags::TINFL_FLAG_HAS_MORE_INPUT;
            let (status, read, written) = decompress(&mut inflater, &input[taken..], &mut ring, at, flags);
            out.extend_from_slice(&ring[at..at + written]);
            (taken, at) = (taken + read, (at + written) % ring.len());
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput if taken == input.len() => return out,
                other => panic!("{other:?} after {taken} of {} bytes", input.len()),
            }
        }
    }

    /// Like real frames: text that repeats itself, near and far.
    fn payload() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            prop::collection::vec(any::<u8>(), 0..300),
            "[a-z]{1,8}".prop_map(String::into_bytes),
            Just(br#"{"type":"update","symbol":"S0001","seq":119,"ts":1796008871614597,"#.to_vec()),
            (any::<u8>(), 0usize..4_000).prop_map(|(byte, count)| vec![byte; count]),
        ];
        prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn a_client_inflates_what_was_compressed(payloads in prop::collection::vec(payload(), 1..6)) {
            let mut deflater = Deflater::new(1);
            let mut plain_bytes = 0;
            for window in [DeflateWindow::Full, DeflateWindow::Small] {
                for payload in &payloads {
                    let alone = Deflater::new(1).deflated(window, payload).map(<[u8]>::to_vec);
                    let mut bytes = [b"head", &payload[..]].concat();
                    prop_assert_eq!(deflater.replace(window, 4, &mut bytes), alone.is_some());
                    let Some(alone) = alone else {
                        prop_assert_eq!(&bytes[4..], &payload[..], "unchanged");
                        continue;
                    };
                    plain_bytes += payload.len() as u64;
                    prop_assert_eq!(&bytes[4..], &alone[..], "it depends on nothing before");
                    prop_assert!(alone.len() < payload.len());
                    prop_assert_eq!(&inflated(window, &alone), payload);
                }
            }
            prop_assert_eq!(deflater.counts.plain_bytes, plain_bytes);
        }
    }

    /// Bytes with the longest codes and no repetition.
    fn noise(bytes: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let noise = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            144 + (state >> 57) as u8 % 112
        });
        noise.take(bytes).collect()
    }

    #[test]
    fn payloads_that_would_get_longer_do_no_harm_to_those_after_them() {
        let mut deflater = Deflater::new(1);
        let text = b"a message, and a message, and a message".repeat(8);
        for window in [DeflateWindow::Full, DeflateWindow::Small] {
            // Enough to use up the compressor's own buffer many times.
            for seed in 0..2_000 {
                assert_eq!(deflater.deflated(window, &noise(900, seed)), None);
                if seed % 500 == 0 {
                    // Room for no more than one of them.
                    deflater.out = Vec::new();
                    let deflated = deflater.deflated(window, &text).map(<[u8]>::to_vec);
                    assert_eq!(inflated(window, &deflated.expect("it repeats itself")), text);
                }
            }
        }
    }

    #[test]
    fn what_is_short_or_gets_no_shorter_is_sent_as_it_is() {
        let text = vec![b'x'; 256];
        let mut deflater = Deflater::new(256);
        assert!(deflater.deflated(DeflateWindow::Full, &text).is_some_and(|deflated| deflated.len() < 16));
        assert_eq!(deflater.deflated(DeflateWindow::Full, &text[1..]), None);
        assert_eq!(deflater.deflated(DeflateWindow::Full, &noise(300, 1)), None);
        assert_eq!(deflater.counts.plain_bytes, 256);
        deflater.set_bytes_min(0);
        assert_eq!(deflater.deflated(DeflateWindow::Full, &text), None, "it is off");
    }
}
