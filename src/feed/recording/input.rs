//! From a file to the bytes of what is in it: patterns, compression, the first bytes.
//!
//! Invariant: neither more of a file is held than one chunk, nor more than the decompressor's window.

use std::{
    fs::{File, Metadata},
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use flate2::{Crc, bufread::DeflateDecoder};
use wildmatch::WildMatch;
use zip::{CompressionMethod, ZipArchive, result::ZipError};

use super::{
    decompress::{ENDINGS, decompress},
    select::Input,
};
use crate::feed::{FeedError, bundled};

/// One recording, to be opened as often as needed.
#[derive(Clone, Debug)]
pub struct Member {
    /// The file's name as it was given, for messages.
    pub name: Arc<str>,
    place: Location,
}

#[derive(Clone, Debug)]
enum Location {
    File(PathBuf),
    Bytes(Arc<[u8]>),
    Static(&'static [u8]),
    /// An entry of a zip file.
    Entry(Box<Location>, Entry),
}

/// Where an entry's bytes lie in its zip file.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    len: u64,
    deflated: bool,
    checksum: u32,
}

/// What can be sought in.
trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// The bytes of a recording, decompressed.
pub struct Opened {
    pub bytes: Box<dyn Read + Send>,
    /// What the bytes are called: the file's name without its folder and the ending of its compression.
    pub inner_name: String,
}

/// Compares an entry with its checksum at its end.
struct Checked<R> {
    inner: R,
    sum: Crc,
    expected: u32,
}

/// What is read at once.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The least that tells any binary format; a line end in less means nothing.
const HEAD_BYTES_MIN: usize = 16;
const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";

/// All recordings that the inputs stand for, in their order.
///
/// # Errors
/// When a folder cannot be read, or no file matches a pattern.
pub fn members(inputs: &[Input]) -> Result<Vec<Member>, FeedError> {
    let mut members = Vec::new();
    for input in inputs {
        match input {
            Input::Bundled => {
                members.push(Member { name: bundled::NAME.into(), place: Location::Static(bundled::BYTES) });
            }
            Input::Bytes { name, bytes } => {
                members.extend(entries(name.as_str().into(), Location::Bytes(bytes.clone()))?);
            }
            Input::File(path) => {
                for path in matching(path)? {
                    members.extend(entries(path.display().to_string().into(), Location::File(path))?);
                }
            }
        }
    }
    Ok(members)
}

/// A zip file's entries, by their place in it; anything else is itself.
fn entries(name: Arc<str>, place: Location) -> Result<Vec<Member>, FeedError> {
    let failed = |source| FeedError::Read { path: name.to_string(), source };
    // A pipe has no end to look at, and what is read of it is gone.
    let is_pipe = matches!(&place, Location::File(path) if path.metadata().is_ok_and(|file| !file.is_file()));
    if is_pipe {
        return Ok(vec![Member { name, place }]);
    }
    let mut file = place.open().map_err(failed)?;
    let mut magic = [0; ZIP_MAGIC.len()];
    let is_zip = file.read_exact(&mut magic).is_ok() && magic == *ZIP_MAGIC;
    if !is_zip {
        return Ok(vec![Member { name, place }]);
    }
    let broken = |error: ZipError| FeedError::NotARecording {
        path: name.to_string(),
        why: format!("its list of entries cannot be read: {error}"),
    };
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(broken)?;
        if !entry.is_file() {
            continue;
        }
        let inner = entry.name().map_err(broken)?.into_owned();
        let why = match (entry.compression(), entry.encrypted(), entry.data_start()) {
            (_, true, _) => "is encrypted",
            (CompressionMethod::Stored | CompressionMethod::Deflated, _, Some(start)) => {
                let found = Entry {
                    start,
                    len: entry.compressed_size(),
                    deflated: entry.compression() == CompressionMethod::Deflated,
                    checksum: entry.crc32(),
                };
                let place = Location::Entry(Box::new(place.clone()), found);
                members.push(Member { name: format!("{name}/{inner}").into(), place });
                continue;
            }
            _ => "is compressed in a way that cannot be read",
        };
        return Err(FeedError::NotARecording {
            path: name.to_string(),
            why: format!("its entry {inner} {why}"),
        });
    }
    Ok(members)
}

/// The file itself; or, when there is none and its last part is a pattern, the files that match, by name.
fn matching(path: &Path) -> Result<Vec<PathBuf>, FeedError> {
    let pattern = path.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'));
    let Some(pattern) = pattern.filter(|_| !path.exists()) else { return Ok(vec![path.to_owned()]) };
    let failed = |source| FeedError::Read { path: path.display().to_string(), source };
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let matcher = WildMatch::new(pattern);
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if name.to_str().is_some_and(|name| matcher.matches(name)) {
            found.push(path.with_file_name(name));
        }
    }
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no file matches the pattern")));
    }
    found.sort();
    Ok(found)
}

// === impl Member ===

impl Member {
    /// # Errors
    /// When it cannot be read.
    pub fn open(&self) -> io::Result<Opened> {
        let bytes = match &self.place {
            // Not opened for seeking, which a pipe cannot.
            Location::File(path) => decompress(File::open(path)?)?,
            place => decompress(place.read()?)?,
        };
        let name = Path::new(&*self.name);
        let compressed = name
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let inner = if compressed { name.file_stem() } else { name.file_name() };
        let inner_name = inner.unwrap_or_default().to_string_lossy().into_owned();
        Ok(Opened { bytes, inner_name })
    }

    /// Whether its bytes lie in the file that is called `path`, by whatever name: who writes there destroys it.
    pub fn lies_in(&self, path: &Path) -> bool {
        let file = |path: &Path| path.metadata().ok().filter(Metadata::is_file);
        let Some(ours) = self.place.file().and_then(file) else { return false };
        file(path).is_some_and(|other| (other.dev(), other.ino()) == (ours.dev(), ours.ino()))
    }
}

// === impl Location ===

impl Location {
    fn open(&self) -> io::Result<Box<dyn Seekable>> {
        Ok(match self {
            Location::File(path) => Box::new(File::open(path)?),
            Location::Bytes(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            Location::Static(bytes) => Box::new(io::Cursor::new(*bytes)),
            Location::Entry(..) => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Location::File(path) => Some(path),
            Location::Entry(archive, _) => archive.file(),
            Location::Bytes(_) | Location::Static(_) => None,
        }
    }

    /// The bytes as they lie there: an entry of a zip file inflated.
    fn read(&self) -> io::Result<Box<dyn Read + Send>> {
        let Location::Entry(archive, entry) = self else { return Ok(Box::new(self.open()?)) };
        let mut file = archive.open()?;
        file.seek(SeekFrom::Start(entry.start))?;
        let bytes = BufReader::with_capacity(CHUNK_BYTES, file.take(entry.len));
        Ok(if entry.deflated {
            Box::new(Checked { inner: DeflateDecoder::new(bytes), sum: Crc::new(), expected: entry.checksum })
        } else {
            Box::new(Checked { inner: bytes, sum: Crc::new(), expected: entry.checksum })
        })
    }
}

// === impl Checked ===

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = self.inner.read(out)?;
        self.sum.update(&out[..len]);
        if len == 0 && !out.is_empty() && self.sum.sum() != self.expected {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the zip entry's checksum does not match",
            ));
        }
        Ok(len)
    }
}

/// Reads what the format is told by: until a line is whole, the buffer full or the input at its end, so that a pipe which
/// has more to say later is not waited for. What broke it off comes with what was read before.
pub(super) fn read_head(input: &mut dyn Read, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut len = 0;
    while len < buffer.len() && (len < HEAD_BYTES_MIN || !buffer[..len].contains(&b'\n')) {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return (len, Some(error)),
        }
    }
    (len, None)
}
