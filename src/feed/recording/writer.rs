//! Writes a recording, plain or compressed, in any format that can be written.
//!
//! Loss: what was written after the last [`Writer::flush`] is lost when the writer is neither flushed nor finished.
//!
//! Invariants: the same ticks give the same bytes (no time, no host in them); what was written before a flush can be
//! read, even if the file is never finished.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
};

use flate2::write::GzEncoder;

use super::Header;
use crate::{
    feed::formats::{Kept, Rows},
    tick::{Nanos, Tick},
};

/// A recording that is being written.
pub struct Writer<W: Write + Send> {
    out: Encoder<W>,
    rows: Rows,
    /// Lines that the encoder has not been given yet.
    lines: Vec<u8>,
}

/// How a recording is compressed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Compression {
    #[default]
    Plain,
    /// Level 0 to 9.
    Gzip(u32),
    /// Level 1 to 22.
    Zstd(i32),
}

enum Encoder<W: Write + Send> {
    Plain(W),
    Gzip(GzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::ParquetWriter<W>>),
}

/// Lines go to the encoder this many bytes at a time, or when flushed.
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
    /// Creates the file, or empties it when there is one, compressed as its name says.
    ///
    /// # Errors
    /// When the file cannot be created or written.
    pub fn create(path: &Path, header: &Header) -> io::Result<Self> {
        Self::new(File::create(path)?, Compression::of(path), header)
    }
}

impl<W: Write + Send> Writer<W> {
    /// Begins a recording of our own format.
    ///
    /// # Errors
    /// When the compressor cannot be set up.
    pub fn new(out: W, compression: Compression, header: &Header) -> io::Result<Self> {
        Self::with_rows(out, compression, Rows::Own, header)
    }

    /// Begins one of any format; only our own has a header.
    ///
    /// # Errors
    /// When the compressor cannot be set up.
    pub fn with_rows(out: W, compression: Compression, rows: Rows, header: &Header) -> io::Result<Self> {
        #[cfg(feature = "parquet")]
        if rows == Rows::Parquet {
            if compression != Compression::Plain {
                let why = "Parquet is compressed within: it takes a name without an ending such as .gz";
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            let out = Encoder::Parquet(super::ParquetWriter::new(out)?.into());
            return Ok(Writer { out, rows, lines: Vec::new() });
        }
        let out = match compression {
            Compression::Plain => Encoder::Plain(out),
            Compression::Gzip(level) => Encoder::Gzip(GzEncoder::new(out, flate2::Compression::new(level))),
            Compression::Zstd(level) => Encoder::Zstd(zstd::stream::write::Encoder::new(out, level)?),
        };
        let lines = rows.names().map_or_else(|| header.line(), String::into_bytes);
        Ok(Writer { out, rows, lines })
    }

    /// Appends a tick that was received at `rx`.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn write(&mut self, tick: &Tick, rx: Nanos) -> io::Result<Kept> {
        #[cfg(feature = "parquet")]
        if let Encoder::Parquet(out) = &mut self.out {
            return out.write(tick, rx).map(|()| Kept::All);
        }
        let kept = self.rows.write(tick, rx, &mut self.lines);
        if self.lines.len() >= LINES_BYTES {
            self.pass_lines()?;
        }
        Ok(kept)
    }

    /// Appends a line of our own format that is no tick. It begins with [`crate::feed::formats::META`].
    pub fn note(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// What the output was given so far, compressed, and what waits for it, not compressed.
    pub fn output(&self) -> (&W, usize) {
        let out = match &self.out {
            Encoder::Plain(out) => out,
            Encoder::Gzip(out) => out.get_ref(),
            Encoder::Zstd(out) => out.get_ref(),
            #[cfg(feature = "parquet")]
            Encoder::Parquet(out) => out.get_ref(),
        };
        (out, self.lines.len())
    }

    /// Makes readable what was written so far, at some cost in compression.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn flush(&mut self) -> io::Result<()> {
        self.pass_lines()?;
        match &mut self.out {
            Encoder::Plain(out) => out.flush(),
            Encoder::Gzip(out) => out.flush(),
            Encoder::Zstd(out) => out.flush(),
            // Readable once it is finished.
            #[cfg(feature = "parquet")]
            Encoder::Parquet(_) => Ok(()),
        }
    }

    /// Writes the end and gives the output back.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.pass_lines()?;
        let mut out = match self.out {
            Encoder::Plain(out) => out,
            Encoder::Gzip(out) => out.finish()?,
            Encoder::Zstd(out) => out.finish()?,
            #[cfg(feature = "parquet")]
            Encoder::Parquet(out) => out.finish()?,
        };
        out.flush()?;
        Ok(out)
    }

    fn pass_lines(&mut self) -> io::Result<()> {
        match &mut self.out {
            Encoder::Plain(out) => out.write_all(&self.lines),
            Encoder::Gzip(out) => out.write_all(&self.lines),
            Encoder::Zstd(out) => out.write_all(&self.lines),
            #[cfg(feature = "parquet")]
            Encoder::Parquet(_) => Ok(()),
        }?;
        self.lines.clear();
        Ok(())
    }
}
