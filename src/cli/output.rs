//! The output of a command: a file that appears whole or not at all, or a stream (standard output, a pipe, a device).
//!
//! A file is written under a temporary name in the same folder, and renamed when it is complete and on the disk. A command
//! that fails or is ended by a signal leaves no file behind, and does not change an existing one.

use std::{
    fs::{self, File, OpenOptions},
    future::poll_fn,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    pin::pin,
    process,
    sync::mpsc,
    task::Poll,
    thread,
};

use tokio::runtime;

use super::shell::stopped;

/// An output that is being written.
pub enum Output {
    Stream(BufWriter<Box<dyn Write + Send>>),
    File(PartialFile),
}

/// A file that is being written.
pub struct PartialFile {
    out: File,
    /// The temporary path.
    partial: PathBuf,
    /// The final path.
    place: PathBuf,
    replaces: bool,
}

/// What to do if the file exists.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Existing {
    Refuse,
    Replace,
}

/// The exit code that a shell reports for a process that SIGINT ended.
const EXIT_INTERRUPTED: i32 = 130;
/// Endings of file names and their formats; `.gz` or `.zst` may follow.
const ENDINGS: &[(&str, &str)] = &[
    ("ndjson", "own"),
    ("jsonl", "own"),
    ("json", "own"),
    ("csv", "csv"),
    #[cfg(feature = "parquet")]
    (PARQUET, PARQUET),
];
/// An ending that no other format may use, and its format.
const PARQUET: &str = "parquet";
/// Endings of formats that cannot be written, whichever format is named by a flag.
const NOT_WRITTEN: [&str; 8] = ["bz2", "xz", "lz4", "zip", "7z", "dbn", "arrow", "xlsx"];

/// Whether it is standard output.
pub fn is_standard(path: &Path) -> bool {
    path == Path::new("-")
}

/// The format of a name's ending.
///
/// # Errors
/// When the ending is not one of a writable format; the message lists those.
pub fn format_of(path: &Path) -> Result<&'static str, String> {
    match ending(path) {
        None => Ok("own"),
        Some(ending) => {
            let known = ENDINGS.iter().find(|(known, _)| *known == ending);
            known.map(|(_, format)| *format).ok_or_else(|| unknown(&ending))
        }
    }
}

/// Checks a name against a format that was named by a flag.
///
/// # Errors
/// When the ending is that of another format, or of one that is not written.
pub fn check_ending(path: &Path, format: &str) -> Result<(), String> {
    match ending(path) {
        Some(ending) if ending == PARQUET && format != PARQUET => {
            Err(format!("its ending .{PARQUET} is not that of {format}"))
        }
        Some(ending) if NOT_WRITTEN.contains(&ending.as_str()) => Err(unknown(&ending)),
        _ => Ok(()),
    }
}

fn unknown(ending: &str) -> String {
    let known: Vec<String> = ENDINGS.iter().map(|(known, _)| format!(".{known}")).collect();
    let needs = if ending == PARQUET { " by this build, which has no --features parquet" } else { "" };
    format!(
        "the extension .{ending} is not a format that can be written{needs}; there are {}, each plain or with .gz or .zst behind it",
        known.join(", ")
    )
}

/// The ending of a file's name before that of its compression, in lower case; none for a device or a stream.
fn ending(path: &Path) -> Option<String> {
    if is_standard(path) || path.metadata().is_ok_and(|found| !found.is_file()) {
        return None;
    }
    let name = path.file_name()?.to_string_lossy().to_ascii_lowercase();
    let name = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst")).unwrap_or(&name);
    let (stem, ending) = name.rsplit_once('.')?;
    (!stem.is_empty() && !ending.is_empty()).then(|| ending.to_owned())
}

/// From its return on a signal that ends the process takes the file with it, also when the process waits for its input.
fn clear_when_ended(partial: PathBuf) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let (ready, is_ready) = mpsc::channel();
    let wait = move || {
        runtime.block_on(async {
            let mut ended = pin!(stopped());
            // Asked once, it has its handlers.
            let asked = poll_fn(|context| Poll::Ready(ended.as_mut().poll(context).is_ready())).await;
            let _nobody_waits = ready.send(());
            if !asked {
                ended.await;
            }
        });
        let _best_effort = fs::remove_file(partial);
        process::exit(EXIT_INTERRUPTED);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    is_ready.recv().map_err(io::Error::other)
}

// === impl Output ===

impl Output {
    /// # Errors
    /// When the output cannot be opened, or is there and is not to be replaced.
    pub fn begin(path: &Path, existing: Existing) -> io::Result<Self> {
        let stream = |out: Box<dyn Write + Send>| Output::Stream(BufWriter::new(out));
        if is_standard(path) {
            return Ok(stream(Box::new(io::stdout())));
        }
        match path.metadata() {
            Ok(found) if found.is_file() && existing == Existing::Refuse => {
                Err(io::Error::new(io::ErrorKind::AlreadyExists, "it exists already; --force replaces it"))
            }
            Ok(found) if found.is_file() => {
                PartialFile::begin(&path.canonicalize()?, Some(&found)).map(Output::File)
            }
            Ok(_) => Ok(stream(Box::new(OpenOptions::new().write(true).open(path)?))),
            Err(_) => PartialFile::begin(path, None).map(Output::File),
        }
    }

    /// Completes the output, and renames a file to its final path.
    ///
    /// # Errors
    /// When it cannot be written. The final path is then unchanged.
    pub fn commit(self) -> io::Result<()> {
        match self {
            Output::Stream(mut out) => out.flush(),
            Output::File(file) => file.commit(),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Stream(out) => out.write(bytes),
            Output::File(file) => file.out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Stream(out) => out.flush(),
            Output::File(file) => file.out.flush(),
        }
    }
}

// === impl PartialFile ===

impl PartialFile {
    fn begin(place: &Path, replaced: Option<&fs::Metadata>) -> io::Result<Self> {
        let name = place.file_name().ok_or(io::ErrorKind::IsADirectory)?.to_string_lossy().into_owned();
        let partial = place.with_file_name(format!(".{name}.{}.partial", process::id()));
        clear_when_ended(partial.clone())?;
        let out = File::create_new(&partial)?;
        let file = PartialFile { out, partial, place: place.to_owned(), replaces: replaced.is_some() };
        if let Some(found) = replaced {
            fs::set_permissions(&file.partial, found.permissions())?;
        }
        Ok(file)
    }

    fn commit(self) -> io::Result<()> {
        self.out.sync_all()?;
        if !self.replaces && self.place.exists() {
            // It came meanwhile.
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(&self.partial, &self.place)?;
        // The name is on the disk with its folder; where folders cannot be opened so, the system does it later.
        let folder = self.place.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
        let _best_effort = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        // Behind a commit there is none by this name.
        let _best_effort = fs::remove_file(&self.partial);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("tickcast-output-{}-{name}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn names(folder: &Path) -> Vec<String> {
        let names = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.collect()
    }

    #[test]
    fn a_file_is_there_whole_or_not_at_all() {
        let folder = folder("whole");
        let path = folder.join("a.csv");
        let mut output = Output::begin(&path, Existing::Refuse).unwrap();
        output.write_all(b"one").unwrap();
        assert!(!path.exists());
        drop(output);
        assert_eq!(names(&folder), [""; 0]);
        let mut output = Output::begin(&path, Existing::Refuse).unwrap();
        output.write_all(b"two").unwrap();
        output.commit().unwrap();
        assert_eq!((names(&folder), fs::read(&path).unwrap()), (vec!["a.csv".to_owned()], b"two".to_vec()));
        let again = Output::begin(&path, Existing::Refuse).err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        let link = folder.join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let mut output = Output::begin(&link, Existing::Replace).unwrap();
        output.write_all(b"three").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        output.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"three");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn endings_tell_the_format_or_are_refused() {
        for (name, format) in [
            ("a.ndjson", "own"),
            ("A.CSV.GZ", "csv"),
            ("a.jsonl.zst", "own"),
            ("-", "own"),
            ("a", "own"),
            ("a.gz", "own"),
            ("/dev/null", "own"),
        ] {
            assert_eq!(format_of(Path::new(name)), Ok(format), "{name}");
        }
        assert_eq!(format_of(Path::new("a.parquet")).is_ok(), cfg!(feature = "parquet"));
        assert!(check_ending(Path::new("a.parquet"), "csv").is_err());
        assert!(check_ending(Path::new("a.parquet"), "parquet").is_ok());
        for name in ["a.csv.bz2", "a.txt", "a.csv.gz.xz", "a.tar.gz"] {
            let error = format_of(Path::new(name)).unwrap_err();
            assert!(error.contains("there are .ndjson, .jsonl, .json, .csv"), "{error}");
        }
        assert!(
            check_ending(Path::new("a.txt"), "csv").is_ok()
                && check_ending(Path::new("a.csv.xz"), "csv").is_err()
        );
    }
}
