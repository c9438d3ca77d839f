//! Detects changes of the TLS files once they have settled: a certificate and its key are two files, rarely replaced at
//! the same moment.

use super::certificates::FILE_BYTES_MAX;
use crate::{files::WatchedFile, server::tls_files::TlsFiles};

pub struct TlsWatch {
    files: Vec<WatchedFile>,
    /// Something has changed since the files were last used.
    has_changed: bool,
}

impl TlsWatch {
    /// Watches files that are in use with their present content.
    pub fn new(files: &TlsFiles) -> Self {
        let mut files: Vec<_> = files.all().map(|path| WatchedFile::new(path, FILE_BYTES_MAX)).collect();
        for file in &mut files {
            // An unreadable file is in nobody's use; becoming readable counts as a change.
            let _ = file.read();
        }
        TlsWatch { files, has_changed: false }
    }

    /// Whether to use the files now. Called periodically: true if something changed before the last call, and nothing
    /// since.
    pub fn has_settled(&mut self) -> bool {
        // Ask each file: it reports a change only once.
        let changes = self.files.iter_mut().filter_map(WatchedFile::changed).count();
        if changes > 0 {
            self.has_changed = true;
            return false;
        }
        std::mem::take(&mut self.has_changed)
    }
}
