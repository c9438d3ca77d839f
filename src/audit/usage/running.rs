//! What the accounts of a running service add up to, read while its thread writes them.
//!
//! Invariant: every line that was whole when the reading began is verified and counted, once.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::Usage;
use crate::audit::{
    file::{rotated_files, whole_bytes},
    read::{AuditFault, read_beginnings, unread},
};

/// How often the reading begins anew because a file was rotated meanwhile.
const ATTEMPTS: u32 = 5;

/// Reads the file that is being written and the full ones beside it. Takes time.
///
/// # Errors
/// At the first line that does not follow from the ones before it, or cannot be read.
pub fn usage_of(path: &Path) -> Result<Usage, AuditFault> {
    let list = || rotated_files(path).map_err(|error| unread(path, &error));
    for _ in 1..ATTEMPTS {
        let before = list()?;
        let read = read(path, &before);
        if list()? == before {
            return read;
        }
    }
    read(path, &list()?)
}

fn read(path: &Path, rotated: &[(u64, PathBuf)]) -> Result<Usage, AuditFault> {
    let bytes = match whole_bytes(path) {
        Ok(bytes) => bytes,
        // It was renamed a moment ago, and the next one is not made yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(unread(path, &error)),
    };
    let mut beginnings: Vec<_> = rotated.iter().map(|(_, path)| (path.clone(), u64::MAX)).collect();
    beginnings.push((path.to_owned(), bytes));
    let mut usage = Usage::default();
    read_beginnings(&beginnings, |record| usage.take(record))?;
    Ok(usage)
}
