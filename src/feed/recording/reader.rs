//! Reads a recording as a stream: bytes, decompressed, to blocks of ticks.
//!
//! Loss: a broken line is described in [`Decoded::rejected`] and skipped. A compressed file that was cut is read up
//! to the cut; the piece of a line before the cut is dropped, and [`Reader::is_cut`] tells of it.
//!
//! Invariant: memory is one chunk and one line, whatever the file's size.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::Path,
};

use super::Header;
use crate::feed::{
    FeedError,
    ndjson::{BlockDecoder, Decoded},
};

/// An opened recording; its first line has been read.
pub struct Reader {
    /// The file's name, for messages.
    name: String,
    header: Header,
    input: Box<dyn Read + Send>,
    block: BlockDecoder,
    chunk: Box<[u8]>,
    cut: bool,
}

/// A block of ticks is what one chunk holds.
const CHUNK_BYTES: usize = 64 * 1024;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

// === impl Reader ===

impl Reader {
    /// Opens a file and reads its first line.
    ///
    /// # Errors
    /// When the file cannot be read, or is no recording.
    pub fn open(path: &Path, line_bytes_max: usize) -> Result<Self, FeedError> {
        let name = path.display().to_string();
        match File::open(path) {
            Ok(file) => Self::new(name, file, line_bytes_max),
            Err(source) => Err(FeedError::Read { path: name, source }),
        }
    }

    /// Reads the first line of `raw`, which may be compressed. `name` is for messages.
    ///
    /// # Errors
    /// When `raw` cannot be read, or is no recording.
    pub fn new(
        name: String,
        raw: impl Read + Send + 'static,
        line_bytes_max: usize,
    ) -> Result<Self, FeedError> {
        let failed = |source| FeedError::Read { path: name.clone(), source };
        let mut input = decompress(raw).map_err(failed)?;
        let line = first_line(&mut input, line_bytes_max).map_err(failed)?;
        let header =
            Header::parse(&line).map_err(|why| FeedError::NotARecording { path: name.clone(), why })?;
        Ok(Reader {
            name,
            header,
            input,
            block: BlockDecoder::starting_after(1, line_bytes_max),
            chunk: vec![0; CHUNK_BYTES].into_boxed_slice(),
            cut: false,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Whether the compressed stream broke off before its end.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Appends the next block to `out`, which may be an empty one; `false` when there is no more.
    ///
    /// # Errors
    /// When the file cannot be read on, or its compression is damaged.
    pub fn read(&mut self, out: &mut Decoded) -> Result<bool, FeedError> {
        if self.cut {
            return Ok(false);
        }
        loop {
            match self.input.read(&mut self.chunk) {
                Ok(0) => {
                    self.block.finish(out);
                    return Ok(false);
                }
                Ok(len) => {
                    self.block.feed(&mut self.chunk[..len], out);
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Only a decompressor says so: what it still had came before.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    self.cut = true;
                    return Ok(false);
                }
                Err(source) => return Err(FeedError::Read { path: self.name.clone(), source }),
            }
        }
    }
}

/// Puts the right decompressor in front, by the first bytes.
fn decompress(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
    raw.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(GZIP_MAGIC);
    let zstd = magic == ZSTD_MAGIC;
    let whole = io::Cursor::new(magic).chain(raw);
    Ok(if gzip {
        // Members one after another are one file: that is how a recorder appends.
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, whole)))
    } else if zstd {
        Box::new(zstd::stream::read::Decoder::new(whole)?)
    } else {
        Box::new(BufReader::new(whole))
    })
}

/// Takes the bytes up to the first line end, and not one more.
fn first_line(input: &mut dyn Read, line_bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() <= line_bytes_max {
        match input.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => line.push(byte[0]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(line)
}
