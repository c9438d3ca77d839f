//! From a file to the bytes of its contents: patterns, compression, the first bytes.
//!
//! Invariant: of a file no more is held than one chunk and the decompressor's window.

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
    decompress::{CHUNK_BYTES, ENDINGS, decompress},
    file_pool::{FilePool, PoolPath},
    select::RecordingInput,
};
use crate::{
    escape::{Escaped, escaped},
    feed::{FeedError, bundled, formats::Unit},
    text::BOM,
};

/// One recording, to be opened as often as needed.
#[derive(Clone, Debug)]
pub struct Member {
    /// The file's name as it was given, for messages: escaped, so that it cannot move a terminal's cursor.
    pub name: Arc<str>,
    /// It was found by a pattern or in an archive, not named: if it cannot be read, others may be.
    pub is_found: bool,
    place: Location,
}

/// The recordings that the inputs name.
#[derive(Default, Debug)]
pub struct ArchiveMembers {
    pub members: Vec<Member>,
    pub skipped: Vec<Skipped>,
}

/// A file that was found and is not a recording.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    pub name: Arc<str>,
    /// For a person.
    pub why: String,
}

#[derive(Clone, Debug)]
enum Location {
    File(Arc<PoolPath>),
    Bytes(Arc<[u8]>),
    Static(&'static [u8]),
    /// An entry of a zip file.
    Entry(Box<Location>, ArchiveEntry),
}

/// Where an entry's bytes are in its zip file.
#[derive(Clone, Copy, Debug)]
struct ArchiveEntry {
    start: u64,
    len: u64,
    deflated: bool,
    checksum: u32,
}

/// A seekable reader.
trait Seekable: Read + Seek + Send {}

impl<T: Read + Seek + Send> Seekable for T {}

/// The bytes of a recording, decompressed.
pub struct OpenedMember {
    pub bytes: Box<dyn Read + Send>,
    /// The name of the bytes: the file's name without its folder and the ending of its compression.
    pub inner_name: String,
}

/// Skips the byte order mark that text may begin with.
struct Unmarked {
    inner: Box<dyn Read + Send>,
    /// The bytes read to look for it.
    head: io::Cursor<Vec<u8>>,
}

/// Compares an entry with its checksum at its end.
struct Checked<R> {
    inner: R,
    sum: Crc,
    expected: u32,
}

/// The least that identifies any binary format; a line end in less means nothing.
const HEAD_BYTES_MIN: usize = 32;
const ZIP_MAGIC: &[u8; 4] = b"PK\x03\x04";
/// What every Office document has, Excel workbooks included.
const OFFICE_ENTRY: &str = "[Content_Types].xml";
/// Where a Mac puts its metadata of files, in files of the same names.
const MAC_FOLDER: &str = "__MACOSX/";

/// All recordings that the inputs name, in their order.
///
/// # Errors
/// When a folder cannot be read, or no file matches a pattern.
pub fn members(inputs: &[RecordingInput], open_files: usize) -> Result<ArchiveMembers, FeedError> {
    let mut members = ArchiveMembers::default();
    let pool = FilePool::new(open_files);
    for input in inputs {
        match input {
            RecordingInput::Bundled => {
                members.add(bundled::NAME.into(), Location::Static(bundled::BYTES), false);
            }
            RecordingInput::Bytes { name, bytes } => {
                members.add_all(escaped(name).into(), Location::Bytes(bytes.clone()), false)?;
            }
            RecordingInput::File(path) => {
                let (paths, is_found) = matching(path)?;
                for path in paths {
                    let name = shown(&path).into();
                    let file = PoolPath { path, pool: Arc::clone(&pool) };
                    members.add_all(name, Location::File(file.into()), is_found)?;
                }
            }
            RecordingInput::Found(path) => {
                let file = PoolPath { path: path.clone(), pool: Arc::clone(&pool) };
                members.add_all(shown(path).into(), Location::File(file.into()), true)?;
            }
        }
    }
    Ok(members)
}

// === impl ArchiveMembers ===

impl ArchiveMembers {
    fn add(&mut self, name: Arc<str>, place: Location, is_found: bool) {
        self.members.push(Member { name, is_found, place });
    }

    /// A zip file's entries, by their index; any other file is itself.
    fn add_all(&mut self, name: Arc<str>, place: Location, is_found: bool) -> Result<(), FeedError> {
        let failed = |source| FeedError::Read { path: name.to_string(), source };
        // A pipe cannot be sought to its end, and its bytes can be read only once.
        if place.file().is_some_and(|path| path.metadata().is_ok_and(|file| !file.is_file())) {
            self.add(name, place, is_found);
            return Ok(());
        }
        let mut file = place.open().map_err(failed)?;
        let mut magic = [0; ZIP_MAGIC.len()];
        let is_zip = file.read_exact(&mut magic).is_ok() && magic == *ZIP_MAGIC;
        if !is_zip {
            self.add(name, place, is_found);
            return Ok(());
        }
        match self.add_entries(&name, &place, file) {
            Err(why) if is_found => self.skipped.push(Skipped { name, why }),
            Err(why) => return Err(FeedError::NotARecording { path: name.to_string(), why }),
            Ok(()) => {}
        }
        Ok(())
    }

    /// # Errors
    /// Why the archive holds no recordings.
    fn add_entries(
        &mut self,
        name: &Arc<str>,
        place: &Location,
        file: Box<dyn Seekable>,
    ) -> Result<(), String> {
        let broken = |error: ZipError| format!("its list of entries cannot be read: {error}");
        let mut archive = ZipArchive::new(file).map_err(broken)?;
        if archive.index_for_name(OFFICE_ENTRY).is_some() {
            return Err("it is an Excel workbook or another Office document (save it as CSV)".to_owned());
        }
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(broken)?;
            let inner = entry.name().map_err(broken)?.into_owned();
            if !entry.is_file() || inner.starts_with(MAC_FOLDER) {
                continue;
            }
            let inner_name: Arc<str> = format!("{name}/{}", Escaped(&inner)).into();
            let why = match (entry.compression(), entry.encrypted(), entry.data_start()) {
                (_, true, _) => "it is encrypted",
                (CompressionMethod::Stored | CompressionMethod::Deflated, _, Some(start)) => {
                    let found = ArchiveEntry {
                        start,
                        len: entry.compressed_size(),
                        deflated: entry.compression() == CompressionMethod::Deflated,
                        checksum: entry.crc32(),
                    };
                    self.add(inner_name, Location::Entry(Box::new(place.clone()), found), true);
                    continue;
                }
                _ => "it is compressed in a way that cannot be read; stored and deflated entries can",
            };
            self.skipped.push(Skipped { name: inner_name, why: why.to_owned() });
        }
        Ok(())
    }
}

/// A path as messages show it.
fn shown(path: &Path) -> String {
    Escaped(&path.to_string_lossy()).to_string()
}

/// The file itself; if there is none and its last part is a pattern, the files that match, by name; and whether it is
/// a pattern.
fn matching(path: &Path) -> Result<(Vec<PathBuf>, bool), FeedError> {
    let pattern = path.file_name().and_then(|name| name.to_str()).filter(|name| name.contains('*'));
    let Some(pattern) = pattern.filter(|_| !path.exists()) else {
        return Ok((vec![path.to_owned()], false));
    };
    let failed = |source| FeedError::Read { path: shown(path), source };
    let folder = path.parent().filter(|folder| *folder != Path::new("")).unwrap_or(Path::new("."));
    let matcher = WildMatch::new(pattern);
    let mut found = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        let matches = name.to_str().is_some_and(|name| matcher.matches(name));
        let path = path.with_file_name(name);
        if matches && !path.is_dir() {
            found.push(path);
        }
    }
    if found.is_empty() {
        return Err(failed(io::Error::new(io::ErrorKind::NotFound, "no file matches the pattern")));
    }
    found.sort();
    Ok((found, true))
}

// === impl Member ===

impl Member {
    /// # Errors
    /// When it cannot be read.
    pub fn open(&self, unit: Option<Unit>) -> io::Result<OpenedMember> {
        let bytes = match self.place.parquet(unit)? {
            Some(text) => text,
            None => match &self.place {
                // A pipe can be neither sought in nor reopened.
                Location::File(file) if !file.path.metadata()?.is_file() => {
                    decompress(File::open(&file.path)?)?
                }
                place => decompress(place.read()?)?,
            },
        };
        let bytes = Box::new(Unmarked { inner: bytes, head: io::Cursor::default() });
        let name = Path::new(&*self.name);
        let compressed = name
            .extension()
            .is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let inner = if compressed { name.file_stem() } else { name.file_name() };
        let inner_name = inner.unwrap_or_default().to_string_lossy().into_owned();
        Ok(OpenedMember { bytes, inner_name })
    }

    /// Bytes read from a pipe are gone.
    pub fn can_be_opened_again(&self) -> bool {
        self.place.file().is_none_or(|path| path.metadata().is_ok_and(|file| file.is_file()))
    }

    /// Whether its bytes are in the file at `path`, under any name: writing there would destroy them.
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
            Location::File(file) => Box::new(file.open()?.into_reader()),
            Location::Bytes(bytes) => Box::new(io::Cursor::new(bytes.clone())),
            Location::Static(bytes) => Box::new(io::Cursor::new(*bytes)),
            Location::Entry(..) => return Err(io::ErrorKind::Unsupported.into()),
        })
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Location::File(file) => Some(&file.path),
            Location::Entry(archive, _) => archive.file(),
            Location::Bytes(_) | Location::Static(_) => None,
        }
    }

    /// The text of a Parquet file, if it is one; `unit` is the unit of its times.
    #[cfg(feature = "parquet")]
    fn parquet(&self, unit: Option<Unit>) -> io::Result<Option<Box<dyn Read + Send>>> {
        use super::parquet::{Bytes, MAGIC, Text};

        let mut magic = [0; MAGIC.len()];
        let bytes = match self {
            Location::File(file) => {
                if !file.path.metadata().is_ok_and(|metadata| metadata.is_file()) {
                    return Ok(None);
                }
                let file = file.open()?;
                if file.read_exact_at(&mut magic, 0).is_err() {
                    return Ok(None);
                }
                Bytes::File(file.into())
            }
            Location::Bytes(bytes) if bytes.starts_with(MAGIC) => {
                magic.copy_from_slice(MAGIC);
                Bytes::Memory(bytes.to_vec().into())
            }
            Location::Bytes(_) | Location::Static(_) | Location::Entry(..) => return Ok(None),
        };
        if magic != *MAGIC {
            return Ok(None);
        }
        Ok(Some(Box::new(Text::open(bytes, unit)?)))
    }

    #[cfg(not(feature = "parquet"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "as it is with the feature")]
    fn parquet(&self, _unit: Option<Unit>) -> io::Result<Option<Box<dyn Read + Send>>> {
        Ok(None)
    }

    /// The stored bytes: an entry of a zip file inflated.
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

// === impl Unmarked ===

impl Read for Unmarked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        // After its first read the head is known: it is one byte longer than what is kept of it.
        if self.head.get_ref().is_empty() {
            let mut head = vec![0];
            self.inner.by_ref().take(BOM.len() as u64).read_to_end(&mut head)?;
            let begin = if head[1..] == *BOM { head.len() } else { 1 };
            self.head = io::Cursor::new(head);
            self.head.set_position(begin as u64);
        }
        match self.head.read(out)? {
            0 => self.inner.read(out),
            count => Ok(count),
        }
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

/// Reads on until another line is whole, the buffer full or the input at its end, so that it does not wait for later
/// bytes of a pipe. An error comes with the bytes read before it.
pub(super) fn read_head(input: &mut dyn Read, buffer: &mut [u8], read: usize) -> (usize, Option<io::Error>) {
    let mut len = read;
    while len < buffer.len() {
        match input.read(&mut buffer[len..]) {
            Ok(0) => break,
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return (len, Some(error)),
        }
        if len >= HEAD_BYTES_MIN && buffer[read..len].contains(&b'\n') {
            break;
        }
    }
    (len, None)
}
