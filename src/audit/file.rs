//! The file that is written: continued after a restart, rotated by size and by month.
//!
//! The current file keeps its name. A full one is renamed to the same name with the number of its last line,
//! `audit-000000001207.jsonl`, so names sort as lines follow each other, and `audit*.jsonl` names all of them.
//!
//! Loss: a record that was only begun when the process died stays as it is, and the line after it says how long it is.
//!
//! Invariants: a line is written whole or, as far as the disk allows, not at all; the chain moves on only when it is.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use super::{
    chain::{Chain, Sealed, hex},
    event::{Event, VERSION},
    month::Month,
};
use crate::tick::Nanos;

pub struct AuditFile {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be whole lines.
    bytes: u64,
    bytes_max: u64,
    month: Month,
    chain: Chain,
    /// It has its first line.
    has_begun: bool,
    /// It may end in a part of a write that failed.
    has_part: bool,
}

/// Why the accounts cannot be continued.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    #[error("cannot open or read {path}")]
    Open { path: String, source: io::Error },
    #[error("{path} is not a regular file")]
    NoFile { path: String },
    #[error(
        "the last whole line of {path} is not an audit record, so it cannot be continued: move the file away"
    )]
    NoRecord { path: String },
}

/// Lines of one write, which are made in memory before it.
const LINES_AT_ONCE: usize = 8_192;
/// More than the longest record.
const TAIL_BYTES: u64 = 1024 * 1024;

impl AuditFile {
    /// Opens a file, or continues it: number and hash go on from its last whole line, or from that of the newest rotated one.
    ///
    /// # Errors
    /// When it cannot be opened, or does not end in a record.
    pub fn open(path: &Path, bytes_max: u64, now: Nanos) -> Result<Self, AuditFileError> {
        let shown = || path.display().to_string();
        let failed = |source| AuditFileError::Open { path: shown(), source };
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path).map_err(failed)?;
        if !file.metadata().map_err(failed)?.is_file() {
            return Err(AuditFileError::NoFile { path: shown() });
        }
        let mut tail = Tail::read(&mut file).map_err(failed)?;
        if tail.text.is_empty() {
            // The first line was only begun: nothing was recorded here.
            file.set_len(0).map_err(failed)?;
            tail = Tail::default();
        }
        let (chain, month) = match tail.last(path)? {
            Some((chain, ts)) => (chain, Month::of_micros(ts)),
            None => (newest_rotated(path)?.unwrap_or_default(), Month::of(now)),
        };
        let mut audit = AuditFile {
            path: path.to_owned(),
            file,
            bytes: tail.bytes,
            bytes_max,
            month,
            chain,
            has_begun: true,
            has_part: false,
        };
        if !tail.torn.is_empty() {
            audit.file.write_all(b"\n").map_err(failed)?;
            audit.bytes += 1;
            match tail.whole(&audit.chain) {
                Some(chain) => audit.chain = chain,
                None => {
                    let torn = Event::Torn { bytes: tail.torn.len() as u64 };
                    audit.write(&[(now, torn)]).map_err(failed)?;
                }
            }
        }
        let begin = audit.begin(true);
        audit.write(&[(now, begin)]).map_err(failed)?;
        Ok(audit)
    }

    fn begin(&self, started: bool) -> Event {
        Event::Begin { version: VERSION, started, prev: hex(&self.chain.hash) }
    }

    /// Where the chain stands.
    pub fn chain(&self) -> Chain {
        self.chain
    }

    /// Appends events, with one write, up to the first that belongs into another month, or for which the write would be too
    /// long; returns how many.
    ///
    /// # Errors
    /// When the disk does not take them. Nothing was appended then, and the same records may be appended later.
    pub fn append(&mut self, events: &[(Nanos, Event)]) -> io::Result<usize> {
        let Some(first) = events.first().map(|(at, _)| Month::of(*at)) else { return Ok(0) };
        if self.bytes > 0 && (first > self.month || self.bytes >= self.bytes_max) {
            self.rotate()?;
        }
        self.month = self.month.max(first);
        let mut lines = 0;
        let fits = |(at, event): &&(Nanos, Event)| {
            let is_first = lines == 0;
            lines += event.line_count();
            Month::of(*at) <= self.month && (is_first || lines <= LINES_AT_ONCE)
        };
        let count = events.iter().take_while(fits).count();
        self.write(&events[..count])?;
        Ok(count)
    }

    /// Has the disk take what was written.
    ///
    /// # Errors
    /// When it cannot.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn write(&mut self, events: &[(Nanos, Event)]) -> io::Result<()> {
        let mut chain = self.chain;
        let begin = events
            .first()
            .filter(|_| !self.has_begun)
            .map(|(at, _)| chain.seal(at.micros(), &self.begin(false)));
        let mut lines = begin.unwrap_or_default();
        for (at, event) in events {
            for line in event.lines() {
                lines.push_str(&chain.seal(at.micros(), &line));
            }
        }
        if self.has_part {
            self.file.set_len(self.bytes)?;
            self.has_part = false;
        }
        if let Err(error) = self.file.write_all(lines.as_bytes()) {
            // A part of it may be there. If it cannot be taken back now, it is before the next write, or by the next process.
            self.has_part = self.file.set_len(self.bytes).is_err();
            return Err(error);
        }
        self.bytes += lines.len() as u64;
        (self.chain, self.has_begun) = (chain, true);
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.file.sync_data()?;
        match fs::rename(&self.path, rotated(&self.path, self.chain.n)) {
            // The file was renamed before, and a new one could not be made.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            other => other?,
        }
        self.file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        (self.bytes, self.has_begun) = (0, false);
        Ok(())
    }
}

/// The name of a file that is full; `n` is the number of its last line.
fn rotated(path: &Path, n: u64) -> PathBuf {
    let mut name = path.file_stem().map(OsString::from).unwrap_or_default();
    name.push(format!("-{n:012}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Where the newest rotated file ends.
pub(super) fn newest_rotated(path: &Path) -> Result<Option<Chain>, AuditFileError> {
    let open = |path: &Path, source| AuditFileError::Open { path: path.display().to_string(), source };
    let rotated = rotated_files(path).map_err(|error| open(folder_of(path), error))?;
    let Some((_, name)) = rotated.into_iter().max() else { return Ok(None) };
    let tail =
        File::open(&name).and_then(|mut file| Tail::read(&mut file)).map_err(|error| open(&name, error))?;
    Ok(tail.last(&name)?.map(|(chain, _)| chain))
}

/// The full files of an audit whose current file is `path`, each with the number of its last line.
pub(super) fn rotated_files(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder_of(path))? {
        let name = entry?.path();
        let number = name.file_stem().and_then(|stem| stem.to_str()?.rsplit_once('-')?.1.parse().ok());
        files.extend(
            number.filter(|&n| rotated(path, n).file_name() == name.file_name()).map(|n| (n, name.clone())),
        );
    }
    files.sort();
    Ok(files)
}

/// How much of a file are whole lines, while another thread appends to it.
pub(super) fn whole_bytes(path: &Path) -> io::Result<u64> {
    let tail = Tail::read(&mut File::open(path)?)?;
    Ok(tail.bytes - tail.torn.len() as u64)
}

pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The end of a file.
#[derive(Default)]
struct Tail {
    text: Vec<u8>,
    /// Bytes of the whole file.
    bytes: u64,
    /// What is after the last line end.
    torn: Vec<u8>,
}

impl Tail {
    fn read(file: &mut File) -> io::Result<Self> {
        let bytes = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(bytes.saturating_sub(TAIL_BYTES)))?;
        let mut text = Vec::new();
        // Only up to there: more may have been appended meanwhile.
        Read::by_ref(file).take(TAIL_BYTES.min(bytes)).read_to_end(&mut text)?;
        let whole = memchr::memrchr(b'\n', &text).map_or(0, |end| end + 1);
        let torn = text.split_off(whole);
        Ok(Tail { text, bytes, torn })
    }

    /// Where the chain stands when only the line end of a record is missing.
    fn whole(&self, before: &Chain) -> Option<Chain> {
        let sealed = Sealed::of(str::from_utf8(&self.torn).ok()?)?;
        let n = sealed.read().ok()?.n;
        (before.following(sealed.body) == sealed.hash).then_some(Chain { n, hash: sealed.hash })
    }

    /// The chain as of the last record, and its time; `None` for a file without a whole line. A line that was torn is
    /// followed by one that is whole.
    fn last(&self, path: &Path) -> Result<Option<(Chain, i64)>, AuditFileError> {
        let Some(lines) = self.text.strip_suffix(b"\n") else { return Ok(None) };
        let line = memchr::memrchr(b'\n', lines).map_or(lines, |end| &lines[end + 1..]);
        let sealed = str::from_utf8(line).ok().and_then(Sealed::of);
        let body = sealed.as_ref().and_then(|sealed| sealed.read().ok());
        match (sealed, body) {
            (Some(sealed), Some(body)) => Ok(Some((Chain { n: body.n, hash: sealed.hash }, body.ts))),
            _ => Err(AuditFileError::NoRecord { path: path.display().to_string() }),
        }
    }
}
