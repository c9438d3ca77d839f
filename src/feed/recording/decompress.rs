//! Decompression: detected by the first bytes, streamed, with never more than a window in memory.
//!
//! Consecutive parts of a file (members, frames or streams) are one file, since recorders append that way. Zeros after
//! them are padding of a disk or tape block, and are ignored.
//!
//! Invariants: a file that was cut ends with [`io::ErrorKind::UnexpectedEof`], after everything that could be read;
//! damage is an error and never a panic.

use std::io::{self, BufRead, BufReader, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;

/// The compression of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CompressionKind {
    Plain,
    Gzip,
    Zstd,
    Bzip2,
    Xz,
}

/// Members of gzip or streams of bzip2, each with its own decoder.
struct GzipMembers<R, D> {
    decoder: Option<D>,
    begin: fn(R) -> D,
    end: fn(D) -> R,
}

/// Streams of xz. Its reader loses what it has read of a piece that is cut, so pieces are small.
struct Xz<R: Read> {
    streams: XzReader<R>,
    /// The error that ended it; returned after everything before it.
    broken: Option<io::Error>,
}

/// The size of one read.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The name endings that indicate compression.
pub const ENDINGS: [&str; 4] = ["gz", "zst", "bz2", "xz"];
/// The longest prefix that identifies a compression.
const MAGIC_BYTES: usize = 10;
const XZ_PIECE_BYTES: usize = 256;
/// The limit of an xz window: its highest level needs half of it, and a header may ask for 4 GiB.
const XZ_KIBIBYTES_MAX: u32 = 130 * 1024;

/// Adds the right decompressor, chosen by the first bytes.
pub fn decompress(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(MAGIC_BYTES);
    raw.by_ref().take(MAGIC_BYTES as u64).read_to_end(&mut magic)?;
    let kind = CompressionKind::of(&magic);
    let whole = io::Cursor::new(magic).chain(raw);
    let buffered = |whole| BufReader::with_capacity(CHUNK_BYTES, whole);
    Ok(match kind {
        CompressionKind::Plain => Box::new(whole),
        CompressionKind::Gzip => {
            Box::new(GzipMembers::of(buffered(whole), GzDecoder::new, GzDecoder::into_inner))
        }
        CompressionKind::Zstd => Box::new(zstd::stream::read::Decoder::new(whole)?),
        CompressionKind::Bzip2 => {
            Box::new(GzipMembers::of(buffered(whole), BzDecoder::new, BzDecoder::into_inner))
        }
        CompressionKind::Xz => Box::new(Xz {
            streams: XzReader::new_mem_limit(buffered(whole), true, XZ_KIBIBYTES_MAX),
            broken: None,
        }),
    })
}

// === impl CompressionKind ===

impl CompressionKind {
    fn of(magic: &[u8]) -> Self {
        // Text may begin like a bzip2 header; the mark of a block, or of an end without blocks, decides.
        let blocks = magic.get(4..10).is_some_and(|mark| {
            mark == [0x31, 0x41, 0x59, 0x26, 0x53, 0x59] || mark == [0x17, 0x72, 0x45, 0x38, 0x50, 0x90]
        });
        match magic {
            [0x1f, 0x8b, ..] => CompressionKind::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => CompressionKind::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] if blocks => CompressionKind::Bzip2,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => CompressionKind::Xz,
            _ => CompressionKind::Plain,
        }
    }
}

// === impl GzipMembers ===

impl<R: BufRead, D: Read> GzipMembers<R, D> {
    fn of(input: R, begin: fn(R) -> D, end: fn(D) -> R) -> Self {
        GzipMembers { decoder: Some(begin(input)), begin, end }
    }
}

impl<R: BufRead, D: Read> Read for GzipMembers<R, D> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let len = decoder.read(out)?;
            if len > 0 || out.is_empty() {
                return Ok(len);
            }
            let Some(mut input) = self.decoder.take().map(self.end) else { break };
            loop {
                let ahead = input.fill_buf()?;
                let zeros = ahead.iter().take_while(|byte| **byte == 0).count();
                if ahead.is_empty() {
                    return Ok(0);
                }
                let is_all = zeros == ahead.len();
                input.consume(zeros);
                if !is_all {
                    break;
                }
            }
            self.decoder = Some((self.begin)(input));
        }
        Ok(0)
    }
}

// === impl Xz ===

impl<R: Read> Read for Xz<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < out.len() && self.broken.is_none() {
            let end = out.len().min(filled + XZ_PIECE_BYTES);
            match self.streams.read(&mut out[filled..end]) {
                Ok(0) => return Ok(filled),
                Ok(len) => filled += len,
                Err(error) if error.kind() == io::ErrorKind::OutOfMemory => {
                    let why = "its xz window is larger than 128 MiB";
                    self.broken = Some(io::Error::new(io::ErrorKind::InvalidData, why));
                }
                Err(error) => self.broken = Some(error),
            }
        }
        match &self.broken {
            Some(error) if filled == 0 => Err(io::Error::new(error.kind(), error.to_string())),
            _ => Ok(filled),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn bzip2(bytes: &[u8]) -> Vec<u8> {
        let mut out = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn xz(bytes: &[u8]) -> Vec<u8> {
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    /// Everything up to the end, and the error that ended it.
    fn read(bytes: &[u8]) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut input = match decompress(io::Cursor::new(bytes.to_vec())) {
            Ok(input) => input,
            Err(error) => return (Vec::new(), Some(error.kind())),
        };
        let (mut all, mut chunk) = (Vec::new(), vec![0; 4096]);
        loop {
            match input.read(&mut chunk) {
                Ok(0) => return (all, None),
                Ok(len) => all.extend_from_slice(&chunk[..len]),
                Err(error) => return (all, Some(error.kind())),
            }
        }
    }

    fn text() -> Vec<u8> {
        (0..60_000).flat_map(|line| format!("{},{}\n", line * 7919 % 10_007, line).into_bytes()).collect()
    }

    #[test]
    fn parts_behind_one_another_are_one_file() {
        for compress in [bzip2 as fn(&[u8]) -> Vec<u8>, xz] {
            let (first, second) = (text(), b"more\n".to_vec());
            let file = [compress(&first), compress(&second)].concat();
            assert_eq!(read(&file), ([first, second].concat(), None));
            assert_eq!(read(&compress(b"")), (Vec::new(), None));
        }
        assert_eq!(read(b"BZh9,price\n"), (b"BZh9,price\n".to_vec(), None), "a table");
    }

    #[test]
    fn zeros_behind_the_last_part_are_nothing() {
        let gzip = |bytes: &[u8]| {
            let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            out.write_all(bytes).unwrap();
            out.finish().unwrap()
        };
        for compress in [&gzip as &dyn Fn(&[u8]) -> Vec<u8>, &bzip2, &xz] {
            for zeros in [4, 512, 200_000] {
                let padded = [compress(b"one\n"), vec![0; zeros]].concat();
                assert_eq!(read(&padded), (b"one\n".to_vec(), None));
            }
        }
        let between = [gzip(b"one\n"), vec![0; 7], gzip(b""), gzip(b"two\n")].concat();
        assert_eq!(read(&between), (b"one\ntwo\n".to_vec(), None));
        let (found, error) = read(&[gzip(b"one\n"), b"something else".to_vec()].concat());
        assert!(found == b"one\n" && error.is_some());
    }

    #[test]
    fn a_file_that_was_cut_is_read_up_to_the_cut() {
        for (compress, lost_max) in [(bzip2 as fn(&[u8]) -> Vec<u8>, 100_000), (xz, 1_000)] {
            let (whole, mut file) = (text(), compress(&text()));
            file.truncate(file.len() - 10);
            let (found, error) = read(&file);
            assert_eq!(error, Some(io::ErrorKind::UnexpectedEof));
            assert!(whole.starts_with(&found) && found.len() + lost_max >= whole.len(), "{}", found.len());
        }
    }

    #[test]
    fn a_window_that_is_too_large_is_refused_before_it_is_made() {
        let mut options = lzma_rust2::XzOptions::with_preset(1);
        options.lzma_options.dict_size = 256 << 20;
        // A file's maker need not have its window: only the header asks for it.
        let mut out = lzma_rust2::XzWriter::new(Vec::new(), options).unwrap();
        out.write_all(b"price\n").unwrap();
        assert_eq!(read(&out.finish().unwrap()), (Vec::new(), Some(io::ErrorKind::InvalidData)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn damage_panics_nowhere(
            which in any::<bool>(),
            damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            cut in any::<prop::sample::Index>(),
        ) {
            let text = &text()[..20_000];
            let mut file = if which { bzip2(text) } else { xz(text) };
            for (at, byte) in damage {
                let at = at.index(file.len());
                file[at] = byte;
            }
            file.truncate(cut.index(file.len()) + 1);
            let (found, _) = read(&file);
            prop_assert!(found.len() <= 1 << 20);
        }
    }
}
