//! Writes a recording, plain or compressed, in any writable format.
//!
//! Loss: without a flush or finish, everything written after the last [`Writer::flush`] is lost.
//!
//! Invariants: the same ticks give the same bytes (no time, no host in them); what was written before a flush can be
//! read, even if the file is never finished.

#[cfg(feature = "parquet")]
use std::sync::Arc;
use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use flate2::write::GzEncoder;

use super::Header;
use crate::{
    feed::formats::{Kept, Rows, WholeQuotes},
    tick::{Nanos, Tick},
};

/// A recording being written.
pub struct Writer<W: Write + Send> {
    out: RecordingOutput<W>,
    rows: Rows,
    /// For rows with whole quotes.
    quotes: WholeQuotes,
    /// Lines that were not passed to the encoder yet.
    lines: Vec<u8>,
}

/// The compression of a recording.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    #[default]
    Plain,
    /// Level 0 to 9.
    Gzip(u32),
    /// Level 1 to 22.
    Zstd(i32),
}

enum RecordingOutput<W: Write + Send> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::ParquetWriter<W>>),
}

/// Lines are passed to the encoder in pieces of this many bytes, or at a flush.
const LINES_BYTES: usize = 32 * 1024;
const GZIP_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

// === impl Compression ===

impl Compression {
    /// By the ending of a file's name: `.gz`, `.zst`, or anything else for none.
    pub fn of(path: &Path) -> Self {
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("gz") => Compression::Gzip(GZIP_LEVEL),
            Some(ending) if ending.eq_ignore_ascii_case("zst") => Compression::Zstd(ZSTD_LEVEL),
            _ => Compression::Plain,
        }
    }
}

// === impl Writer ===

impl Writer<File> {
    /// Creates the file, or truncates an existing one; compressed as its name says.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        Self::new(File::create(path)?, Compression::of(path), header)
    }
}

impl<W: Write + Send> Writer<W> {
    /// Starts a recording of our own format.
    ///
    /// # Errors
    /// When the compressor cannot be set up.
    pub fn new(out: W, compression: Compression, header: &Header) -> io::Result<Self> {
        Self::with_rows(out, compression, Rows::Own, header)
    }

    /// Starts one of any format; only our own has a header.
    ///
    /// # Errors
    /// When the compressor cannot be set up.
    pub fn with_rows(out: W, compression: Compression, rows: Rows, header: &Header) -> io::Result<Self> {
        #[cfg(feature = "parquet")]
        if let Rows::Parquet { fields } = &rows {
            if compression != Compression::Plain {
                let why = "Parquet is compressed within: it takes a name without an ending such as .gz";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            let out = RecordingOutput::Parquet(super::ParquetWriter::new(out, Arc::clone(fields))?.into());
            return Ok(Writer { out, rows, quotes: WholeQuotes::default(), lines: Vec::new() });
        }
        let out = match compression {
            Compression::Plain => RecordingOutput::Plain(out),
            Compression::Gzip(level) => {
                RecordingOutput::Gzip(GzEncoder::new(out, flate2::Compression::new(level)))
            }
            Compression::Zstd(level) => RecordingOutput::Zstd(zstd::stream::write::Encoder::new(out, level)?),
        };
        let lines = rows.names().map_or_else(|| header.line(), String::into_bytes);
        Ok(Writer { out, rows, quotes: WholeQuotes::default(), lines })
    }

    /// Starts a file of lines of another kind, without a first line of ours.
    ///
    /// # Errors
    /// When the compressor cannot be set up.
    pub fn of_lines(out: W, compression: Compression) -> io::Result<Self> {
        let writer = Self::new(out, compression, &Header::default())?;
        Ok(Writer { lines: Vec::new(), ..writer })
    }

    /// Appends a tick with receive time `rx`.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&mut self, tick: &Tick, rx: Nanos) -> io::Result<Kept> {
        #[cfg(feature = "parquet")]
        if let RecordingOutput::Parquet(out) = &mut self.out {
            return out.write(tick, rx).map(|()| Kept::All);
        }
        let kept = match &self.rows {
            Rows::TardisQuotes { .. } => self.rows.write(&self.quotes.complete(tick), rx, &mut self.lines),
            rows => rows.write(tick, rx, &mut self.lines),
        };
        if self.lines.len() >= LINES_BYTES {
            self.pass_lines()?;
        }
        Ok(kept)
    }

    /// Appends a line of our own format that is not a tick. It starts with [`crate::feed::formats::META`].
    pub fn note(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// The bytes of the output so far, compressed, and those waiting for it, not compressed.
    pub fn output(&self) -> (&W, usize) {
        let out = match &self.out {
            RecordingOutput::Plain(out) => out,
            RecordingOutput::Gzip(out) => out.get_ref(),
            RecordingOutput::Zstd(out) => out.get_ref(),
            #[cfg(feature = "parquet")]
            RecordingOutput::Parquet(out) => out.get_ref(),
        };
        (out, self.lines.len())
    }

    /// Makes everything written so far readable, at some cost in compression.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.pass_lines()?;
        match &mut self.out {
            RecordingOutput::Plain(out) => out.flush(),
            RecordingOutput::Gzip(out) => out.flush(),
            RecordingOutput::Zstd(out) => out.flush(),
            // Readable once it was finished.
            #[cfg(feature = "parquet")]
            RecordingOutput::Parquet(_) => Ok(()),
        }
    }

    /// Writes the end and returns the output.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass_lines()?;
        let mut out = match self.out {
            RecordingOutput::Plain(out) => out,
            RecordingOutput::Gzip(out) => out.finish()?,
            RecordingOutput::Zstd(out) => out.finish()?,
            #[cfg(feature = "parquet")]
            RecordingOutput::Parquet(out) => out.finish()?,
        };
        out.flush()?;
        Ok(out)
    }

    fn pass_lines(&mut self) -> io::Result<()> {
        match &mut self.out {
            RecordingOutput::Plain(out) => out.write_all(&self.lines),
            RecordingOutput::Gzip(out) => out.write_all(&self.lines),
            RecordingOutput::Zstd(out) => out.write_all(&self.lines),
            #[cfg(feature = "parquet")]
            RecordingOutput::Parquet(_) => Ok(()),
        }?;
        self.lines.clear();
        Ok(())
    }
}
