//! What a shard compresses: payloads as raw deflate (RFC 1951), each by itself.
//!
//! Every payload begins with an empty window, so it depends on nothing that was compressed before: one result serves
//! all sessions that are sent it, and a session owns no state. The compressor is made when it is first needed; a shard
//! without a session that asks for compression has none.
//!
//! Invariants: the same payload gives the same bytes. Without a compressed form that is shorter, the payload is sent as
//! it is.

use flate2::{Compress, Crc, FlushCompress};

use super::gzip;

/// How far back a compressed payload refers at most.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeflateWindow {
    /// 32 KiB: what every receiver has, unless it says otherwise.
    Full,
    /// 512 bytes, for receivers with less memory.
    Small,
}

/// The compressor of a shard.
#[derive(Default)]
pub struct Deflater {
    /// Shorter payloads are not compressed; 0: none is.
    bytes_min: usize,
    full: Option<Box<Compress>>,
    small: Option<Box<Compress>>,
    /// The last result. Kept for its capacity.
    out: Vec<u8>,
    pub counts: DeflateCounts,
    /// The checksum of what was last made [blocks](Self::append_blocks) of, before that.
    pub plain: Crc,
}

/// What was compressed. A payload that is shared counts once.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct DeflateCounts {
    /// Bytes before, of payloads that were sent compressed.
    pub plain_bytes: u64,
    /// Bytes after.
    pub deflated_bytes: u64,
}

/// The end of a flush: an empty stored block. A message is sent without it (RFC 7692, 7.2.1).
pub(super) const TAIL: [u8; 4] = [0, 0, 0xFF, 0xFF];

/// What a result has beside the codes of its bytes, and some more.
const BLOCK_BYTES: usize = 64;

/// zlib's level 1. Levels 2 and 3 cost three times as much, for a quarter less bytes.
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

    /// Replaces what follows `at` by its compressed form without [`TAIL`]. `false` when it is to be sent as it is.
    pub fn replace(&mut self, window: DeflateWindow, at: usize, bytes: &mut Vec<u8>) -> bool {
        self.out.clear();
        self.out.resize(at, 0);
        if !self.compress(window, &bytes[at..]) {
            return false;
        }
        std::mem::swap(bytes, &mut self.out);
        true
    }

    /// The compressed form of a payload without [`TAIL`]; `None` when it is to be sent as it is.
    pub fn deflated(&mut self, window: DeflateWindow, payload: &[u8]) -> Option<&[u8]> {
        self.out.clear();
        self.compress(window, payload).then_some(&*self.out)
    }

    /// Appends blocks with these bytes, which fit into any stream: compressed, or stored when that is not worth it.
    pub fn append_blocks(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        self.make_blocks(plain);
        out.extend_from_slice(&self.out);
    }

    /// Replaces `bytes` by blocks with what follows `at` in them.
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

    /// Appends the compressed form of a payload to `out`. Says whether that is worth it.
    fn compress(&mut self, window: DeflateWindow, payload: &[u8]) -> bool {
        if self.bytes_min == 0 || payload.len() < self.bytes_min {
            return false;
        }
        let (head, most) = (self.out.len(), payload.len());
        // There is room for every result: a byte has a code of at most nine bits.
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
        // The flush is complete when the output ends with it.
        if !is_whole || !self.out.ends_with(&TAIL) {
            // `reset` does not give back the room of output that was not taken, and the compressor panics without any.
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

    /// As a client inflates a message, with code that is not ours or the compressor's. It knows no more of what came
    /// before than its window has room for.
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

    /// Frames as they are: text that repeats itself, near and far.
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

    /// Bytes of the longest code, among which nothing repeats itself.
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
            // Enough of them that the compressor's own buffer would be used up many times.
            for seed in 0..2_000 {
                assert_eq!(deflater.deflated(window, &noise(900, seed)), None);
                if seed % 500 == 0 {
                    // No more room than one of them has.
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
