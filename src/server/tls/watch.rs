//! Whether the files of TLS have changed, and come to rest: a certificate and its key are two files, which are seldom
//! replaced at one moment.

use super::certificates::FILE_BYTES_MAX;
use crate::{files::WatchedFile, server::tls_files::TlsFiles};

pub struct TlsWatch {
    files: Vec<WatchedFile>,
    /// Something has changed since they were last used.
    has_changed: bool,
}

impl TlsWatch {
    /// Of files that are in use as they are now.
    pub fn new(files: &TlsFiles) -> Self {
        let mut files: Vec<_> = files.all().map(|path| WatchedFile::new(path, FILE_BYTES_MAX)).collect();
        for file in &mut files {
            // What cannot be read is in nobody's use; when it can be, that is a change.
            let _ = file.read();
        }
        TlsWatch { files, has_changed: false }
    }

    /// Whether to use them as they are now. Asked once in a while: true when something changed before the last time, and
    /// nothing since.
    pub fn has_settled(&mut self) -> bool {
        // Each is asked: a change is told once.
        let changes = self.files.iter_mut().filter_map(WatchedFile::changed).count();
        if changes > 0 {
            self.has_changed = true;
            return false;
        }
        std::mem::take(&mut self.has_changed)
    }
}
