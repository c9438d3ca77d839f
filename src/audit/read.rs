//! Files of accounts, read in the order of their lines, each line verified.
//!
//! Invariant: what is handed on is what was written, from the first line of the first file to the last of the last, or the
//! reader has said which line is not.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{
    chain::{Chain, Sealed, hex, unhex},
    event::Event,
};

/// A record, verified.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRecord {
    pub n: u64,
    /// In microseconds since 1970.
    pub ts: i64,
    pub event: Event,
}

/// What is wrong, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{file}{}: {what}", at_line(*.line))]
pub struct AuditFault {
    pub file: String,
    /// From 1; 0 when the file as a whole cannot be read.
    pub line: u64,
    pub what: String,
}

fn at_line(line: u64) -> String {
    if line == 0 { String::new() } else { format!(", line {line}") }
}

/// Verifies lines, one by one, across files.
#[derive(Default)]
pub struct AuditReader {
    chain: Chain,
    /// Whether a line was read.
    has_begun: bool,
    file: String,
    line: u64,
    /// The length of a line that is not a record, and what is wrong with it. The next line has to say that it was torn.
    torn: Option<(u64, AuditFault)>,
}

/// Reads files, in whatever order they are named, and hands on each record. Returns where the chain ends.
///
/// # Errors
/// At the first line that does not follow from the ones before it, or cannot be read.
pub fn read_files(paths: &[PathBuf], each: impl FnMut(AuditRecord)) -> Result<Chain, AuditFault> {
    let wholes: Vec<_> = paths.iter().map(|path| (path.clone(), u64::MAX)).collect();
    read_beginnings(&wholes, each)
}

/// As [`read_files`], of each file so many bytes.
pub(super) fn read_beginnings(
    beginnings: &[(PathBuf, u64)],
    mut each: impl FnMut(AuditRecord),
) -> Result<Chain, AuditFault> {
    let mut files = Vec::new();
    for (path, bytes) in beginnings.iter().filter(|(_, bytes)| *bytes > 0) {
        // An empty file was made and not begun.
        if let Some(first) = first_number(path)? {
            files.push((first, path, *bytes));
        }
    }
    files.sort();
    let mut reader = AuditReader::default();
    for (_, path, bytes) in files {
        let file = open(path)?;
        reader.begin_file(path.display().to_string());
        let mut lines = BufReader::new(file.take(bytes));
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line).map_err(|error| reader.fault(error.to_string()))? > 0 {
            if let Some(record) = reader.take(&line)? {
                each(record);
            }
            line.clear();
        }
    }
    reader.end()
}

fn open(path: &Path) -> Result<File, AuditFault> {
    File::open(path).map_err(|error| unread(path, &error))
}

pub(super) fn unread(path: &Path, error: &io::Error) -> AuditFault {
    AuditFault { file: path.display().to_string(), line: 0, what: format!("cannot be read: {error}") }
}

/// The number of a file's first line; `None` for an empty file.
fn first_number(path: &Path) -> Result<Option<u64>, AuditFault> {
    let mut line = String::new();
    let read = BufReader::new(open(path)?).read_line(&mut line).map_err(|error| unread(path, &error))?;
    if read == 0 {
        return Ok(None);
    }
    let body = Sealed::of(line.trim_end()).and_then(|sealed| sealed.read().ok());
    let what = "it is not an audit record";
    let fault = || AuditFault { file: path.display().to_string(), line: 1, what: what.to_owned() };
    body.map(|body| Some(body.n)).ok_or_else(fault)
}

impl AuditReader {
    pub fn begin_file(&mut self, name: String) {
        (self.file, self.line) = (name, 0);
    }

    /// Takes a line with its line end; `None` for one that was torn, and said to be.
    ///
    /// # Errors
    /// When it does not follow.
    pub fn take(&mut self, line: &[u8]) -> Result<Option<AuditRecord>, AuditFault> {
        self.line += 1;
        let read = self.verify(line);
        match (read, self.torn.take()) {
            (Ok(record), None) => Ok(Some(record)),
            (Ok(record), Some((bytes, _))) if record.event == (Event::Torn { bytes }) => Ok(Some(record)),
            (Ok(_) | Err(_), Some((_, fault))) => Err(fault),
            (Err(fault), None) => {
                let bytes = line.strip_suffix(b"\n").unwrap_or(line).len() as u64;
                self.torn = Some((bytes, fault));
                Ok(None)
            }
        }
    }

    fn verify(&mut self, line: &[u8]) -> Result<AuditRecord, AuditFault> {
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(self.fault("it has no end: it was cut off, or is being written".to_owned()));
        };
        let no_record = || self.fault("it is not an audit record".to_owned());
        let sealed = str::from_utf8(line).ok().and_then(Sealed::of).ok_or_else(no_record)?;
        let body =
            sealed.read().map_err(|error| self.fault(format!("it is not an audit record: {error}")))?;
        if !self.has_begun {
            self.chain = self.first(body.n, &body.event)?;
        }
        let next = self.chain.n + 1;
        if body.n != next {
            let how =
                if body.n > next { "lines are missing before it" } else { "it is repeated, or out of order" };
            return Err(self.fault(format!("its number is {}, and {next} is next: {how}", body.n)));
        }
        if self.chain.following(sealed.body) != sealed.hash {
            let what = "its hash does not follow from it and the line before it: it was changed, or that line was replaced";
            return Err(self.fault(what.to_owned()));
        }
        if matches!(&body.event, Event::Begin { prev, .. } if *prev != hex(&self.chain.hash)) {
            return Err(self.fault("it does not continue the line before it".to_owned()));
        }
        self.chain = Chain { n: body.n, hash: sealed.hash };
        self.has_begun = true;
        Ok(AuditRecord { n: body.n, ts: body.ts, event: body.event })
    }

    /// Where the chain stood before the first line, which says so. Earlier files may be elsewhere.
    fn first(&self, n: u64, event: &Event) -> Result<Chain, AuditFault> {
        let prev = match event {
            Event::Begin { prev, .. } => unhex(prev),
            _ => None,
        };
        let before = n.checked_sub(1).zip(prev);
        before.map(|(n, hash)| Chain { n, hash }).ok_or_else(|| {
            self.fault("it is not the first line of a file: lines before it are missing".to_owned())
        })
    }

    /// After the last line: where the chain ends.
    ///
    /// # Errors
    /// When the last line is not a record.
    pub fn end(self) -> Result<Chain, AuditFault> {
        match self.torn {
            // A file that is being written, or whose process has died.
            Some((_, fault)) => Err(fault),
            None => Ok(self.chain),
        }
    }

    fn fault(&self, what: String) -> AuditFault {
        AuditFault { file: self.file.clone(), line: self.line, what }
    }
}
