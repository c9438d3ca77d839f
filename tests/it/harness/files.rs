//! Files that tests make.

use std::{
    fs,
    path::Path,
    process,
    sync::atomic::{AtomicUsize, Ordering},
};

/// Writes a file of which nobody sees a part: a test that runs once for each encoding writes the same file several times,
/// while servers of the others read it.
pub fn write_whole(path: &Path, content: impl AsRef<[u8]>) {
    static NUMBERS: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
    let unseen = path.with_extension(format!("{}-{number}", process::id()));
    fs::write(&unseen, content).expect("a directory for files of tests");
    fs::rename(&unseen, path).expect("a directory for files of tests");
}
