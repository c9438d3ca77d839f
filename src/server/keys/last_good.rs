//! On-disk copies of key servers' last valid answers, for a start while a server is unreachable.
//!
//! Invariants: a copy is complete or absent; it is trusted like the key server itself, so nobody else may write to its
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

/// The directory of copies, one per URL.
#[derive(Clone, Debug)]
pub(super) struct LastGood(PathBuf);

impl LastGood {
    /// # Errors
    /// When the directory cannot be created or written to.
    pub fn open(directory: &Path) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let probe = directory.join(".tickcast-writable");
        File::create(&probe)?;
        fs::remove_file(&probe)?;
        Ok(LastGood(directory.to_owned()))
    }

    /// # Errors
    /// When the copy cannot be written; the previous one then remains.
    pub fn keep(&self, server: &HttpsUrl, body: &[u8]) -> io::Result<()> {
        let path = self.path(server);
        let new = path.with_extension("new");
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(body)?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        // The directory entry must be on disk too.
        File::open(&self.0)?.sync_all()
    }

    /// The keys of the copy, if it exists and is valid.
    pub fn read(&self, server: &HttpsUrl) -> Option<KeySet> {
        let path = self.path(server);
        if path.metadata().ok()?.len() > JWKS_BYTES_MAX {
            return None;
        }
        KeySet::parse(&fs::read(path).ok()?).ok()
    }

    /// Named by the URL's hash, since a URL has characters that file names may not have.
    fn path(&self, server: &HttpsUrl) -> PathBuf {
        let hash = digest::digest(&digest::SHA256, server.to_string().as_bytes());
        let number = hash.as_ref()[..12].iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte));
        self.0.join(format!("jwks-{number:024x}.json"))
    }
}
