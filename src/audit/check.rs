//! Whether accounts can be kept at a place: before a service starts, or beside one that writes there.
//!
//! Nothing is written. The current file is verified from its first line to its last whole one, and that it goes on where the
//! newest full file ends. Full files are for `tickcast usage`, which reads all of them.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
};

use rustix::fs::{Access, access};

use super::{
    AuditFault, AuditFileError, Event,
    chain::hex,
    file::{folder_of, newest_rotated, whole_bytes},
    read::read_beginnings,
};

/// Why accounts cannot be kept there.
#[derive(Debug, thiserror::Error)]
pub enum AuditCheckFault {
    #[error("files cannot be made in {}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    #[error("{} cannot be written", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    File(#[from] AuditFileError),
    #[error("what is there is not as it was written")]
    Chain(#[from] AuditFault),
    #[error("{} does not go on where the file before it ends, at line {last}: lines or a file between them are missing", path.display())]
    Link { path: PathBuf, last: u64 },
}

/// Looks at the file of accounts, and at the folder, where files are made and renamed.
///
/// # Errors
/// When a service could not write there, or would continue what is broken.
pub fn check(path: &Path) -> Result<(), AuditCheckFault> {
    let unwritable = |source| AuditCheckFault::Unwritable { path: path.to_owned(), source };
    let is_there = match fs::metadata(path) {
        Ok(file) if file.is_file() => true,
        Ok(_) => return Err(AuditFileError::NoFile { path: path.display().to_string() }.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(unwritable(error)),
    };
    let folder = folder_of(path);
    let no_folder = |source: io::Error| AuditCheckFault::Folder { folder: folder.to_owned(), source };
    if !fs::metadata(folder).map_err(no_folder)?.is_dir() {
        return Err(no_folder(io::ErrorKind::NotADirectory.into()));
    }
    access(folder, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| no_folder(error.into()))?;
    if is_there {
        OpenOptions::new().append(true).open(path).map_err(unwritable)?;
    }
    let before = newest_rotated(path)?;
    if !is_there {
        return Ok(());
    }
    let bytes = whole_bytes(path).map_err(unwritable)?;
    let mut first = None;
    read_beginnings(&[(path.to_owned(), bytes)], |record| {
        first.get_or_insert(record);
    })?;
    let (Some(first), Some(before)) = (first, before) else { return Ok(()) };
    let follows = first.n == before.n + 1
        && matches!(&first.event, Event::Begin { prev, .. } if *prev == hex(&before.hash));
    if follows { Ok(()) } else { Err(AuditCheckFault::Link { path: path.to_owned(), last: before.n }) }
}
