//! Where a recording goes: one file, or one after another by size or time.
//!
//! A file that is there is never written over; one that got no line is taken away again. What was written is made
//! readable every [`FLUSH_EVERY`], so a process that dies loses no more than that. Standard output, pipes and devices
//! take lines too.
//!
//! Invariants: what is reported as written can be read; every file is a recording of its own, with its first line;
//! notes of gaps stand among the ticks where they happened; of two files the one with the higher number is the later
//! one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use tickcast::{
    feed::recording::{self, Block, Compression, Header, RecordReader, RecordingInput, Selection, Writer},
    limits,
    tick::{Nanos, Tick},
};

use super::target::{CountingWriter, RecordTarget};

/// When a new file is begun.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Rotation {
    /// Compressed bytes that a file may have, roughly: it ends with what the compressor held by then.
    pub bytes: Option<u64>,
    pub every: Option<Duration>,
}

/// The files of one recording.
pub struct Files {
    path: PathBuf,
    /// `None`: lines of another kind, without a first line of ours.
    header: Option<Header>,
    rotation: Rotation,
    current: Option<Current>,
    /// The number of the next file.
    next_number: u32,
    flushed: Nanos,
    /// Ticks of files that have ended.
    settled: u64,
    /// What was given to the file in hand did not all go into it.
    failed: bool,
    pub begun: u32,
}

/// The file in hand.
struct Current {
    writer: Writer<CountingWriter>,
    path: PathBuf,
    /// When its first line came.
    begun: Option<Nanos>,
    ticks: u64,
    /// Of them those that were made readable.
    flushed: u64,
}

const NANOS: i64 = 1_000_000_000;
/// What may be lost of a process that dies.
pub const FLUSH_EVERY: Duration = Duration::from_secs(1);

// === impl Files ===

impl Files {
    /// Opens the first output, so that what cannot be written is known at once.
    ///
    /// # Errors
    /// When the folder cannot be read, the file is there, or it cannot be created.
    pub fn new(path: &Path, header: Header, rotation: Rotation) -> io::Result<Self> {
        Self::open(path, Some(header), rotation)
    }

    /// As [`Self::new`], for messages as they came.
    ///
    /// # Errors
    /// As above.
    pub fn of_messages(path: &Path, rotation: Rotation) -> io::Result<Self> {
        Self::open(path, None, rotation)
    }

    fn open(path: &Path, header: Option<Header>, rotation: Rotation) -> io::Result<Self> {
        let mut files = Files {
            path: path.to_owned(),
            header,
            rotation,
            current: None,
            next_number: 1,
            flushed: Nanos(0),
            settled: 0,
            failed: false,
            begun: 0,
        };
        if files.rotates() {
            files.next_number = files.highest_number()? + 1;
        }
        files.begin()?;
        Ok(files)
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, tick: &Tick, rx: Nanos, now: Nanos) -> io::Result<()> {
        let current = self.current(now)?;
        let written = current.writer.write(tick, rx).map(drop);
        current.ticks += 1;
        self.failed |= written.is_err();
        written
    }

    /// Writes a message with its time of receipt, as captures have them: seconds, a colon, and the message on one line.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn message(&mut self, rx: Nanos, message: &[u8], now: Nanos) -> io::Result<()> {
        let mut line = format!("{}.{:09}: ", rx.0.div_euclid(NANOS), rx.0.rem_euclid(NANOS)).into_bytes();
        line.extend(message.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        let current = self.current(now)?;
        current.writer.note(&line);
        current.ticks += 1;
        Ok(())
    }

    /// Writes a line that is not a tick.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&mut self, line: &str, now: Nanos) -> io::Result<()> {
        self.current(now)?.writer.note(line.as_bytes());
        Ok(())
    }

    /// Makes readable what was written, when it is time.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn look(&mut self, now: Nanos) -> io::Result<()> {
        if now.since(self.flushed) < FLUSH_EVERY.as_nanos() as u64 {
            return Ok(());
        }
        self.flushed = now;
        let Some(current) = self.current.as_mut().filter(|current| current.begun.is_some()) else {
            return Ok(());
        };
        let flushed = current.writer.flush();
        match &flushed {
            Ok(()) => current.flushed = current.ticks,
            Err(_) => self.failed = true,
        }
        flushed
    }

    /// Ends the file in hand; says how many ticks can be read of it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        let Some(Current { writer, path, begun, ticks, flushed }) = self.current.take() else {
            return Ok(());
        };
        let (is_file, failed) = (matches!(writer.output().0.target, RecordTarget::File(_)), self.failed);
        if begun.is_none() && is_file {
            drop(writer);
            self.begun -= 1;
            return fs::remove_file(path);
        }
        let ended = writer.finish().and_then(|out| match out.target {
            RecordTarget::File(file) => file.sync_all(),
            RecordTarget::Stream(_) => Ok(()),
        });
        self.settled += match &ended {
            Ok(()) if !failed => ticks,
            _ if is_file => readable(&path),
            _ => flushed,
        };
        ended
    }

    /// Ticks of the files that have ended, as far as they can be read.
    pub fn ticks(&self) -> u64 {
        self.settled
    }

    /// What [`Self::ticks`] counts.
    pub fn unit(&self) -> &'static str {
        if self.header.is_some() { "ticks" } else { "messages" }
    }

    fn rotates(&self) -> bool {
        self.rotation != Rotation::default()
    }

    /// The file in hand, or the next when that is full or old.
    fn current(&mut self, now: Nanos) -> io::Result<&mut Current> {
        let ended = self.current.as_ref().is_some_and(|Current { writer, begun, .. }| {
            let full = self.rotation.bytes.is_some_and(|max| writer.output().0.bytes >= max);
            let begun = begun.unwrap_or(now);
            full || self.rotation.every.is_some_and(|every| now.since(begun) >= every.as_nanos() as u64)
        });
        if ended {
            self.finish()?;
        }
        if self.current.is_none() {
            self.begin()?;
        }
        let current = self.current.as_mut().expect("begun above");
        current.begun.get_or_insert(now);
        Ok(current)
    }

    fn begin(&mut self) -> io::Result<()> {
        let path = if self.rotates() { numbered(&self.path, self.next_number) } else { self.path.clone() };
        let output = CountingWriter::open(&path)?;
        self.next_number += 1;
        self.begun += 1;
        let compression = Compression::of(&path);
        let writer = match &self.header {
            Some(header) => Writer::new(output, compression, header)?,
            None => Writer::of_lines(output, compression)?,
        };
        self.current = Some(Current { writer, path, begun: None, ticks: 0, flushed: 0 });
        Ok(())
    }

    /// The highest number of a file that an earlier run left; 0 when there is none.
    fn highest_number(&self) -> io::Result<u32> {
        let folder = self.path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let (stem, ending) = parts(&self.path);
        let mut highest = 0;
        for entry in folder.read_dir()? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let number = name.strip_prefix(&format!("{stem}-")).and_then(|rest| rest.strip_suffix(&ending));
            highest = highest.max(number.and_then(|number| number.parse().ok()).unwrap_or(0));
        }
        Ok(highest)
    }
}

/// `market.ndjson.zst` and 7: `market-00007.ndjson.zst`.
fn numbered(path: &Path, number: u32) -> PathBuf {
    let (stem, ending) = parts(path);
    path.with_file_name(format!("{stem}-{number:05}{ending}"))
}

/// A file's name up to its first full stop, and from there on.
fn parts(path: &Path) -> (String, String) {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let at = name.get(1..).and_then(|rest| rest.find('.')).map_or(name.len(), |at| at + 1);
    (name[..at].to_owned(), name[at..].to_owned())
}

/// How many ticks a reader finds in a file that was broken off.
fn readable(path: &Path) -> u64 {
    let input = RecordingInput::File(path.to_owned());
    let Ok(mut recording) = recording::open(&[input], &Selection::default(), limits::DEFAULT.line_bytes)
    else {
        return 0;
    };
    let (mut block, mut ticks) = (Block::default(), 0);
    loop {
        let more = recording.next_block(&mut block);
        ticks += block.records.len() as u64;
        block.clear();
        if !matches!(more, Ok(true)) {
            return ticks;
        }
    }
}

#[cfg(test)]
mod tests;
