//! From a file to the bytes of what is in it: patterns, compression, the first bytes.
//!
//! Invariant: neither more of a file is held than one chunk, nor more than the decompressor's window.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use wildmatch::WildMatch;

use super::select::Input;
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
}

/// The bytes of a recording, decompressed.
pub struct Opened {
    pub bytes: Box<dyn Read + Send>,
    /// What the bytes are called: the file's name without its folder and the ending of its compression.
    pub inner_name: String,
}

/// What is read at once.
pub const CHUNK_BYTES: usize = 64 * 1024;
/// The least that tells any binary format; a line end in less means nothing.
const HEAD_BYTES_MIN: usize = 16;
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

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
                members.push(Member { name: name.as_str().into(), place: Location::Bytes(bytes.clone()) });
            }
            Input::File(path) => {
                let files = matching(path)?.into_iter();
                members.extend(files.map(|path| Member {
                    name: path.display().to_string().into(),
                    place: Location::File(path),
                }));
            }
        }
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
            Location::File(path) => decompress(File::open(path)?),
            Location::Bytes(bytes) => decompress(io::Cursor::new(bytes.clone())),
            Location::Static(bytes) => decompress(*bytes),
        }?;
        let name = Path::new(&*self.name);
        let compressed = name
            .extension()
            .is_some_and(|ending| ["gz", "zst"].iter().any(|known| ending.eq_ignore_ascii_case(known)));
        let inner = if compressed { name.file_stem() } else { name.file_name() };
        let inner_name = inner.unwrap_or_default().to_string_lossy().into_owned();
        Ok(Opened { bytes, inner_name })
    }
}

/// Puts the right decompressor in front, by the first bytes.
pub(super) fn decompress(mut raw: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
    let mut magic = Vec::with_capacity(ZSTD_MAGIC.len());
    raw.by_ref().take(ZSTD_MAGIC.len() as u64).read_to_end(&mut magic)?;
    let gzip = magic.starts_with(GZIP_MAGIC);
    let zstd = magic == ZSTD_MAGIC;
    let whole = io::Cursor::new(magic).chain(raw);
    Ok(if gzip {
        // Members one after another are one file: that is how a recorder appends.
        Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(CHUNK_BYTES, whole)))
    } else if zstd {
        Box::new(zstd::stream::read::Decoder::new(whole)?)
    } else {
        Box::new(whole)
    })
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
