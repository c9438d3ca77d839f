//! A small file that is read again when it changes: a certificate, a key, a list of what is revoked.
//!
//! It is polled, for that works on every file system and with every way to replace a file: rewriting it, renaming another
//! one over it, or moving a symbolic link of a directory above it, as Kubernetes does. A poll of a file that rests costs
//! one `stat`. What to do with the content, and to keep the old one when the new one is broken, is the caller's part.
//!
//! Invariants: no content is reported twice in a row; the newest content is reported at last, also when a change kept
//! both size and times; no content is of two versions of a file, unless a writer changes it under the same times; a
//! failure is reported once, and so is its end. The content itself is not kept here: it may be secret.

use std::{
    fs::{File, Metadata},
    hash::BuildHasher,
    io::{self, ErrorKind, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use foldhash::quality::RandomState;
use thiserror::Error;

use crate::escape::Escaped;

/// A file, and how it was when it was read last.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    /// A longer file is some other one.
    bytes_max: u64,
    last: LastRead,
    hasher: RandomState,
}

/// Why a file cannot be used. Lower case, one level; the system's reason is its source.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("cannot read {}", Escaped(.path))]
    Unreadable { path: String, source: io::Error },
    #[error("{} is not a file; a directory, pipe or device cannot be read again", Escaped(.path))]
    NoFile { path: String },
    #[error("{} is longer than the {bytes_max} bytes that it may have; is it the right file?", Escaped(.path))]
    TooLong { path: String, bytes_max: u64 },
    #[error("{} changes while it is read; write a new file and rename it", Escaped(.path))]
    Changing { path: String },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LastRead {
    Never,
    Failed(ErrorKind),
    /// The hash is of the content. For so many more polls the content is compared, whatever the metadata say.
    Read {
        stamp: FileStamp,
        hash: u64,
        compares: u8,
    },
}

/// What changes with a file, by the file system's account. Its times are as coarse as the file system has them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct FileStamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file may change twice within one step of its file system's clock: 10 ms, or 2 s where that is coarse. So its content
/// is compared at this many polls after a change.
const COMPARES: u8 = 3;
/// So often a file is read until it did not change meanwhile.
const ATTEMPTS: usize = 3;

// === impl WatchedFile ===

impl WatchedFile {
    pub fn new(path: impl Into<PathBuf>, bytes_max: u64) -> Self {
        WatchedFile { path: path.into(), bytes_max, last: LastRead::Never, hasher: RandomState::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The content as it is now; what [`Self::changed`] compares with from now on.
    ///
    /// # Errors
    /// When it cannot be read, is not a file, is too long, or does not come to rest.
    pub fn read(&mut self) -> Result<Vec<u8>, FileError> {
        let read = self.read_whole();
        self.last = match &read {
            Ok((stamp, content)) => {
                LastRead::Read { stamp: *stamp, hash: self.hasher.hash_one(content), compares: COMPARES }
            }
            Err(error) => LastRead::Failed(error.kind()),
        };
        read.map(|(_, content)| content)
    }

    /// The content when it is another than the last one, or when it can be read again; a failure when it is new. `None`:
    /// nothing has changed.
    pub fn changed(&mut self) -> Option<Result<Vec<u8>, FileError>> {
        let before = self.last;
        if let LastRead::Read { stamp, compares: 0, .. } = before
            && self.stamp().is_some_and(|now| now == stamp)
        {
            return None;
        }
        let read = self.read();
        match (before, &mut self.last) {
            (LastRead::Failed(then), LastRead::Failed(now)) if then == *now => None,
            (
                LastRead::Read { stamp: old, hash: then, compares: left },
                LastRead::Read { stamp, hash, compares },
            ) if then == *hash => {
                if old == *stamp {
                    *compares = left.saturating_sub(1);
                }
                None
            }
            _ => Some(read),
        }
    }

    fn stamp(&self) -> Option<FileStamp> {
        self.path.metadata().ok().map(|metadata| FileStamp::of(&metadata))
    }

    fn read_whole(&self) -> Result<(FileStamp, Vec<u8>), FileError> {
        for _ in 0..ATTEMPTS {
            if let Some(read) = self.read_once()? {
                return Ok(read);
            }
        }
        Err(FileError::Changing { path: self.shown() })
    }

    /// `None` when the file changed while it was read.
    fn read_once(&self) -> Result<Option<(FileStamp, Vec<u8>)>, FileError> {
        let failed = |source| FileError::Unreadable { path: self.shown(), source };
        // Asked before it is opened: opening a pipe waits for its writer.
        if !self.path.metadata().map_err(failed)?.is_file() {
            return Err(FileError::NoFile { path: self.shown() });
        }
        let file = File::open(&self.path).map_err(failed)?;
        let before = FileStamp::of(&file.metadata().map_err(failed)?);
        if before.bytes > self.bytes_max {
            return Err(FileError::TooLong { path: self.shown(), bytes_max: self.bytes_max });
        }
        // Room for all of it at once: a vector that grows leaves copies of a secret behind. One byte more shows the end.
        let mut content = Vec::with_capacity(before.bytes as usize + 1);
        (&file).take(before.bytes + 1).read_to_end(&mut content).map_err(failed)?;
        let after = FileStamp::of(&file.metadata().map_err(failed)?);
        let is_whole = before == after && content.len() as u64 == before.bytes;
        Ok(is_whole.then_some((before, content)))
    }

    fn shown(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }
}

// === impl FileError ===

impl FileError {
    /// Whether two failures are the same to an operator.
    fn kind(&self) -> ErrorKind {
        match self {
            FileError::Unreadable { source, .. } => source.kind(),
            FileError::NoFile { .. } => ErrorKind::InvalidInput,
            FileError::TooLong { .. } => ErrorKind::FileTooLarge,
            FileError::Changing { .. } => ErrorKind::ResourceBusy,
        }
    }
}

// === impl FileStamp ===

impl FileStamp {
    fn of(metadata: &Metadata) -> Self {
        FileStamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
