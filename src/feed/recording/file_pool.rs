//! Files being read, of which few are open at once.
//!
//! Recordings whose times overlap are read in turns, and there may be thousands of them. The least recently read file
//! is closed, and reopened at its position when it is read on. Decompressors keep their state above this layer: a
//! compressed stream cannot start in its middle, and would have to be read again from its start.
//!
//! Invariant: a file that was replaced while it was closed is an error, and is never read on in the middle.

use std::{
    collections::VecDeque,
    fs::{File, Metadata},
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::{FileExt, MetadataExt},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::io::Errno;

/// The files of one set of recordings.
#[derive(Debug)]
pub struct FilePool {
    open_max: usize,
    open: Mutex<Open>,
}

#[derive(Default, Debug)]
struct Open {
    /// By their numbers; the least recently read one first.
    files: VecDeque<(u64, Arc<File>)>,
    numbers: u64,
}

/// The path of a file, and the pool that opens it.
#[derive(Debug)]
pub struct PoolPath {
    pub path: PathBuf,
    pub pool: Arc<FilePool>,
}

/// A regular file, open or closed.
#[derive(Debug)]
pub struct PooledFile {
    pool: Arc<FilePool>,
    path: PathBuf,
    /// In the pool.
    number: u64,
    /// Device and inode: to check that it is still the same file.
    identity: (u64, u64),
    len_bytes: u64,
}

/// The position where a file is read on.
pub struct Reader {
    file: PooledFile,
    at: u64,
}

// === impl FilePool ===

impl FilePool {
    pub fn new(open_max: usize) -> Arc<Self> {
        Arc::new(FilePool { open_max: open_max.max(1), open: Mutex::default() })
    }

    fn open(self: &Arc<Self>, path: &Path) -> io::Result<PooledFile> {
        let (file, metadata) = self.open_file(path)?;
        let mut open = self.lock();
        open.numbers += 1;
        let number = open.numbers;
        self.keep(&mut open, number, file);
        Ok(PooledFile {
            pool: Arc::clone(self),
            path: path.to_owned(),
            number,
            identity: identity(&metadata),
            len_bytes: metadata.len(),
        })
    }

    /// A process that may open fewer files than the pool keeps uses the ones that it has.
    fn open_file(&self, path: &Path) -> io::Result<(Arc<File>, Metadata)> {
        let out_of_files = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
        let file = File::open(path).or_else(|error| {
            let is_limit = error.raw_os_error().is_some_and(|code| out_of_files.contains(&code));
            if !is_limit || self.lock().files.drain(..).next().is_none() {
                return Err(error);
            }
            File::open(path)
        })?;
        let metadata = file.metadata()?;
        Ok((Arc::new(file), metadata))
    }

    fn keep(&self, open: &mut Open, number: u64, file: Arc<File>) {
        open.files.push_back((number, file));
        while open.files.len() > self.open_max {
            open.files.pop_front();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl PoolPath ===

impl PoolPath {
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&self) -> io::Result<PooledFile> {
        self.pool.open(&self.path)
    }
}

// === impl PooledFile ===

impl PooledFile {
    #[cfg(feature = "parquet")]
    pub fn len_bytes(&self) -> u64 {
        self.len_bytes
    }

    /// # Errors
    /// When it cannot be read, or opened again.
    pub fn read_at(&self, out: &mut [u8], at: u64) -> io::Result<usize> {
        // Read outside the lock: meanwhile another file may take the slot in the pool.
        self.opened()?.read_at(out, at)
    }

    /// # Errors
    /// When it cannot be read, or ends early.
    #[cfg(feature = "parquet")]
    pub fn read_exact_at(&self, out: &mut [u8], at: u64) -> io::Result<()> {
        self.opened()?.read_exact_at(out, at)
    }

    pub fn into_reader(self) -> Reader {
        Reader { file: self, at: 0 }
    }

    fn opened(&self) -> io::Result<Arc<File>> {
        let mut open = self.pool.lock();
        let place = open.files.iter().rposition(|(number, _)| *number == self.number);
        if let Some((number, file)) = place.and_then(|place| open.files.remove(place)) {
            open.files.push_back((number, Arc::clone(&file)));
            return Ok(file);
        }
        drop(open);
        let (file, metadata) = self.pool.open_file(&self.path)?;
        if identity(&metadata) != self.identity {
            return Err(io::Error::other("the file was replaced while it was read"));
        }
        self.pool.keep(&mut self.pool.lock(), self.number, Arc::clone(&file));
        Ok(file)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Drop for PooledFile {
    fn drop(&mut self) {
        self.pool.lock().files.retain(|(number, _)| *number != self.number);
    }
}

// === impl Reader ===

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(out, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => self.file.len_bytes.checked_add_signed(by),
        };
        self.at = at.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tickcast-file-pool-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn files_that_are_read_in_turns_are_read_whole_and_few_are_open() {
        let folder = folder("turns");
        let texts: Vec<String> = (0..20).map(|file| format!("{file} ").repeat(1_000)).collect();
        let pool = FilePool::new(3);
        let mut readers = Vec::new();
        for (file, text) in texts.iter().enumerate() {
            let path = folder.join(file.to_string());
            fs::write(&path, text).unwrap();
            readers.push((pool.open(&path).unwrap().into_reader(), String::new()));
        }
        loop {
            let mut read = 0;
            for (reader, text) in &mut readers {
                read += reader.take(100).read_to_string(text).unwrap();
                assert!(pool.lock().files.len() <= 3);
            }
            if read == 0 {
                break;
            }
        }
        assert!(readers.iter().map(|(_, text)| text).eq(&texts));
        drop(readers);
        assert_eq!(pool.lock().files.len(), 0);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn a_file_that_was_replaced_is_not_read_on() {
        let folder = folder("replaced");
        let (path, other) = (folder.join("a"), folder.join("b"));
        fs::write(&path, "aa").unwrap();
        fs::write(&other, "bb").unwrap();
        let pool = FilePool::new(1);
        let mut first = pool.open(&path).unwrap().into_reader();
        let mut byte = [0];
        first.read_exact(&mut byte).unwrap();
        let _second = pool.open(&other).unwrap();
        fs::rename(&other, &path).unwrap();
        assert!(first.read_exact(&mut byte).unwrap_err().to_string().contains("replaced"));
        fs::remove_dir_all(folder).unwrap();
    }
}
