//! The output of one file of a recording: it counts the bytes that went into it, so that the next file can be begun in
//! time.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

use crate::cli::output::is_standard;

/// An output that counts the bytes written.
pub struct CountingWriter {
    pub target: RecordTarget,
    pub bytes: u64,
}

/// A file of our own, or something that only takes bytes.
pub enum RecordTarget {
    File(File),
    Stream(Box<dyn Write + Send>),
}

// === impl CountingWriter ===

impl CountingWriter {
    /// Opens the output that a path names: standard output, a pipe or a device, or a new file.
    ///
    /// # Errors
    /// When the file is there already, or the path cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let target = if is_standard(path) {
            RecordTarget::Stream(Box::new(io::stdout()))
        } else if path.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            RecordTarget::Stream(Box::new(OpenOptions::new().write(true).open(path)?))
        } else {
            RecordTarget::File(File::create_new(path).map_err(told)?)
        };
        Ok(CountingWriter { target, bytes: 0 })
    }
}

/// What to do about a file that is there.
fn told(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AlreadyExists => {
            let what = "it is there, and no recording is written over: name another --output";
            io::Error::new(io::ErrorKind::AlreadyExists, what)
        }
        _ => error,
    }
}

impl Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let len = match &mut self.target {
            RecordTarget::File(file) => file.write(bytes),
            RecordTarget::Stream(out) => out.write(bytes),
        }?;
        self.bytes += len as u64;
        Ok(len)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            RecordTarget::File(file) => file.flush(),
            RecordTarget::Stream(out) => out.flush(),
        }
    }
}
