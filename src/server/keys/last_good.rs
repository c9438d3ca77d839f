//! The last good copy of what a key server has said, on disk: for a start while the server cannot be reached.
//!
//! Invariants: a copy is whole, or not there; it is as good as the key server itself, so nobody else may write to its
//! directory.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use aws_lc_rs::digest;

use crate::access::{
    jwks::{JWKS_BYTES_MAX, KeySet},
    settings::HttpsUrl,
};

/// A directory of copies, one for each URL.
#[derive(Clone, Debug)]
pub(super) struct LastGood(PathBuf);

impl LastGood {
    /// # Errors
    /// When the directory cannot be made or written to.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let probe = directory.join(".tickcast-writable");
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(LastGood(directory.to_owned()))
    }

    /// # Errors
    /// When the copy cannot be written; then the one before is left.
    pub fn keep(&self, server: &HttpsUrl, body: &[u8]) -> io::Result<()> {
        let path = self.path(server);
        let new = path.with_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(body)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        // The name too must be on disk.
        File::open(&self.0)?.sync_all()
    }

    /// The keys of the copy, if there is one and it is good.
    pub fn read(&self, server: &HttpsUrl) -> Option<KeySet> {
        let path = self.path(server);
        if path.metadata().ok()?.len() > JWKS_BYTES_MAX {
            return None;
        }
        KeySet::parse(&fs::read(path).ok()?).ok()
    }

    /// The URL's hash: a URL has characters that no name of a file may have.
    fn path(&self, server: &HttpsUrl) -> PathBuf {
        let hash = digest::digest(&digest::SHA256, server.to_string().as_bytes());
        let number = hash.as_ref()[..12].iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        self.0.join(format!("jwks-{number:024x}.json"))
    }
}
