//! Where a recording goes: one file, or one after another by size or time.
//!
//! A file that is there is never written over. What was written is made readable every [`FLUSH_EVERY`], so a process that
//! dies loses no more than that.
//!
//! Invariants: every file is a recording of its own, with its first line; notes of gaps stand among the ticks where they
//! happened; of two files the one with the higher number is the later one.

use std::{
    fs::File,
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    feed::recording::{Compression, Header, Writer},
    tick::{Nanos, Tick},
};

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
    /// The file in hand, and when it was begun; none before the first line.
    current: Option<(Writer<Counted>, Nanos)>,
    /// The number of the next file.
    next_number: u32,
    flushed: Nanos,
    pub ticks: u64,
    pub begun: u32,
}

/// A file that knows how much was written.
struct Counted {
    file: File,
    bytes: u64,
}

/// What may be lost of a process that dies.
pub const FLUSH_EVERY: Duration = Duration::from_secs(1);

// === impl Files ===

impl Files {
    /// Nothing is created before the first line; that the folder can be read, and the file is not there, is known at once.
    ///
    /// # Errors
    /// When the folder cannot be read, or the file is there.
    pub fn new(path: &Path, header: Header, rotation: Rotation) -> io::Result<Self> {
        let mut files = Files {
            path: path.to_owned(),
            header,
            rotation,
            current: None,
            next_number: 1,
            flushed: Nanos(0),
            ticks: 0,
            begun: 0,
        };
        if files.rotates() {
            files.next_number = files.highest_number()? + 1;
        } else if path.exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(files)
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, tick: &Tick, rx: Nanos, now: Nanos) -> io::Result<()> {
        self.ticks += 1;
        self.writer(now)?.write(tick, rx).map(drop)
    }

    /// Writes a line that is no tick.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn note(&mut self, line: &str, now: Nanos) -> io::Result<()> {
        self.writer(now)?.note(line.as_bytes());
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
        match &mut self.current {
            Some((writer, _)) => writer.flush(),
            None => Ok(()),
        }
    }

    /// Ends the file in hand.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(&mut self) -> io::Result<()> {
        match self.current.take() {
            Some((writer, _)) => writer.finish()?.file.sync_all(),
            None => Ok(()),
        }
    }

    fn rotates(&self) -> bool {
        self.rotation != Rotation::default()
    }

    /// The file in hand, or the next when that is full or old.
    fn writer(&mut self, now: Nanos) -> io::Result<&mut Writer<Counted>> {
        let ended = self.current.as_ref().is_some_and(|(writer, begun)| {
            let full = self.rotation.bytes.is_some_and(|max| writer.output().0.bytes >= max);
            full || self.rotation.every.is_some_and(|every| now.since(*begun) >= every.as_nanos() as u64)
        });
        if ended {
            self.finish()?;
        }
        match &mut self.current {
            Some(_) => {}
            none => {
                let path = if self.rotation == Rotation::default() {
                    self.path.clone()
                } else {
                    numbered(&self.path, self.next_number)
                };
                let file = Counted { file: File::create_new(&path)?, bytes: 0 };
                self.next_number += 1;
                self.begun += 1;
                *none = Some((Writer::new(file, Compression::of(&path), &self.header)?, now));
            }
        }
        Ok(&mut self.current.as_mut().expect("begun above").0)
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

// === impl Counted ===

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = self.file.write(bytes)?;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::{
        recording::{Block, Input, Records, Selection, open},
        testing::tick,
    };

    /// A folder of its own for each test.
    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tickcast-record-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn seconds(seconds: i64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    fn read(pattern: PathBuf) -> Block {
        let mut recording = open(&[Input::File(pattern)], &Selection::default(), 1_024).unwrap();
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
            assert_eq!((files.begun, files.ticks), (3, 25));
        }
        assert!(folder.join("market-00006.ndjson.zst").exists());
        assert_eq!(read(folder.join("market-*.ndjson.zst")).records.len(), 50);
        std::fs::remove_dir_all(folder).unwrap();
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
        std::fs::remove_dir_all(folder).unwrap();
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
        std::fs::remove_dir_all(folder).unwrap();
    }
}
