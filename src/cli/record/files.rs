//! Where a recording goes: one file, or one after another by size or time.
//!
//! A file that is there is never written over; one that got no line is taken away again. What was written is made readable
//! every [`FLUSH_EVERY`], so a process that dies loses no more than that. Standard output, pipes and devices take lines too.
//!
//! Invariants: what is reported as written can be read; every file is a recording of its own, with its first line; notes of gaps stand among the ticks where they
//! happened; of two files the one with the higher number is the later one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use tickcast::{
    feed::recording::{self, Block, Compression, Header, RecordReader, RecordingInput, Selection, Writer},
    limits,
    tick::{Nanos, Tick},
};

use crate::cli::output::is_standard;

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
    header: Header,
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

/// An output that knows how much was written.
struct CountingWriter {
    out: RecordTarget,
    bytes: u64,
}

enum RecordTarget {
    File(File),
    Stream(Box<dyn Write + Send>),
}

/// What may be lost of a process that dies.
pub const FLUSH_EVERY: Duration = Duration::from_secs(1);

// === impl Files ===

impl Files {
    /// Opens the first output, so that what cannot be written is known at once.
    ///
    /// # Errors
    /// When the folder cannot be read, the file is there, or it cannot be created.
    pub fn new(path: &Path, header: Header, rotation: Rotation) -> io::Result<Self> {
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

    /// Writes a line that is no tick.
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
        let (is_file, failed) = (matches!(writer.output().0.out, RecordTarget::File(_)), self.failed);
        if begun.is_none() && is_file {
            drop(writer);
            self.begun -= 1;
            return fs::remove_file(path);
        }
        let ended = writer.finish().and_then(|out| match out.out {
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
        let out = if is_standard(&path) {
            RecordTarget::Stream(Box::new(io::stdout()))
        } else if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            RecordTarget::Stream(Box::new(OpenOptions::new().write(true).open(&path)?))
        } else {
            RecordTarget::File(File::create_new(&path)?)
        };
        self.next_number += 1;
        self.begun += 1;
        let writer = Writer::new(CountingWriter { out, bytes: 0 }, Compression::of(&path), &self.header)?;
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

// === impl Counted ===

impl Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = match &mut self.out {
            RecordTarget::File(file) => file.write(bytes),
            RecordTarget::Stream(out) => out.write(bytes),
        }?;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            RecordTarget::File(file) => file.flush(),
            RecordTarget::Stream(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tickcast::{
        feed::recording::{Block, RecordReader, RecordingInput, Selection, open},
        tick::{Decimal, Field, Fields, Symbol},
    };

    /// A quote of `symbol` with this bid, at this event time in microseconds.
    fn tick(symbol: &str, bid: &str, ts: i64) -> Tick {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Bid, Decimal::parse(bid).unwrap());
        Tick { symbol: Symbol::new(symbol).unwrap(), ts: Nanos::from_micros(ts), fields }
    }

    /// A folder of its own for each test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tickcast-record-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn seconds(seconds: i64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    fn read(pattern: PathBuf) -> Block {
        let mut recording = open(&[RecordingInput::File(pattern)], &Selection::default(), 1_024).unwrap();
        let mut block = Block::default();
        while recording.next_block(&mut block).unwrap() {}
        block
    }

    #[test]
    fn files_are_begun_by_time_and_none_is_written_over() {
        let folder = folder("time");
        let path = folder.join("market.ndjson.zst");
        let rotation = Rotation { bytes: None, every: Some(Duration::from_secs(10)) };
        for run in 0..2 {
            let mut files = Files::new(&path, Header::default(), rotation).unwrap();
            for second in 0..25 {
                let at = seconds(run * 100 + second);
                files.write(&tick("A", "1", at.micros()), at, at).unwrap();
            }
            files.finish().unwrap();
            assert_eq!((files.begun, files.ticks()), (3, 25));
        }
        assert!(folder.join("market-00006.ndjson.zst").exists());
        assert_eq!(read(folder.join("market-*.ndjson.zst")).records.len(), 50);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_output_is_opened_at_once_and_taken_away_when_nothing_came() {
        let folder = folder("nothing");
        let path = folder.join("a.ndjson");
        let mut files = Files::new(&path, Header::default(), Rotation::default()).unwrap();
        assert!(path.exists());
        files.look(seconds(9)).unwrap();
        files.finish().unwrap();
        assert_eq!((path.exists(), files.begun, files.ticks()), (false, 0, 0));
        let missing = Files::new(&folder.join("none/a.ndjson"), Header::default(), Rotation::default());
        assert_eq!(missing.err().unwrap().kind(), io::ErrorKind::NotFound);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_went_into_nothing_is_not_reported() {
        for count in [1, 5_000] {
            let mut files =
                Files::new(Path::new("/dev/full"), Header::default(), Rotation::default()).unwrap();
            let written =
                (0..count).try_for_each(|at| files.write(&tick("A", "1", 1), seconds(at), seconds(at)));
            assert_eq!(written.is_err(), count > 1, "buffered, as long as it is little");
            assert!(files.finish().is_err());
            assert_eq!(files.ticks(), 0);
        }
    }

    #[test]
    fn files_are_begun_by_size() {
        let folder = folder("size");
        let path = folder.join("market.ndjson");
        let rotation = Rotation { bytes: Some(100_000), every: None };
        let mut files = Files::new(&path, Header::default(), rotation).unwrap();
        for second in 0..5_000 {
            files.write(&tick("A", "1", 1), seconds(second), seconds(second)).unwrap();
        }
        files.finish().unwrap();
        assert!(files.begun > 1);
        let longest = folder.read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).max();
        assert!(longest.unwrap() < 200_000);
        assert_eq!(read(folder.join("market-*")).records.len(), 5_000);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_was_flushed_is_readable_when_the_process_dies() {
        let folder = folder("dies");
        for name in ["a.ndjson.gz", "a.ndjson.zst", "a.ndjson"] {
            let path = folder.join(name);
            let mut files = Files::new(&path, Header::default(), Rotation::default()).unwrap();
            files.write(&tick("A", "1", 1), seconds(1), seconds(1)).unwrap();
            files.note("{\"tickcast\":\"gap\",\"symbol\":\"A\",\"from\":2,\"to\":3}", seconds(1)).unwrap();
            files.look(seconds(3)).unwrap();
            // A process that dies runs no destructor.
            std::mem::forget(files);
            let block = read(path.clone());
            assert_eq!((block.records.len(), block.passed, block.tally.total()), (1, 2, 0), "{name}");
            let again = Files::new(&path, Header::default(), Rotation::default());
            assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
        }
        fs::remove_dir_all(folder).unwrap();
    }
}
