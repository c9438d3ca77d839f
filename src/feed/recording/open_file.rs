//! [`OpenFile`]: an open file of a recording, with the decoder of the format that its beginning shows.

use std::io::{self, Read};

use super::{
    input::{Member, read_head},
    select::Selection,
};
use crate::feed::{
    FeedError,
    formats::{self, Decoder, Format, HEAD_BYTES, Hints},
};

/// An open file.
pub struct OpenFile {
    pub input: Box<dyn Read + Send>,
    pub decoder: Box<dyn Decoder>,
    pub chunk: Box<[u8]>,
    /// Bytes of `chunk` that were read to detect the format, and are not decoded yet.
    pub head_bytes: usize,
    /// The error that ended the reading of the head.
    pub head_error: Option<io::Error>,
    /// Lines end in CR only.
    pub cr_alone: bool,
}

impl OpenFile {
    /// # Errors
    /// When the file cannot be read, or its format is not supported.
    pub fn open(
        member: &Member,
        selection: &Selection,
        line_bytes_max: usize,
    ) -> Result<(Format, OpenFile), FeedError> {
        let hints = &selection.hints;
        let path = member.name.to_string();
        let opened = match member.open(hints.unit) {
            Ok(opened) => opened,
            Err(source) => return Err(FeedError::Read { path, source }),
        };
        let mut input = opened.bytes;
        let mut chunk = vec![0; selection.sizes.chunk_bytes.max(HEAD_BYTES)].into_boxed_slice();
        let looked = look(&opened.inner_name, &mut input, &mut chunk[..HEAD_BYTES], hints, line_bytes_max);
        let Looked { format, decoder, head_bytes, error: head_error } = match looked {
            Ok(looked) => looked,
            Err(Look::Broken(source)) => return Err(FeedError::Read { path, source }),
            Err(Look::Unread(why)) => return Err(FeedError::NotARecording { path, why }),
        };
        let head = &mut chunk[..head_bytes];
        let mark_bytes = if format.is_text() { head.len() - formats::without_mark(head).len() } else { 0 };
        head.copy_within(mark_bytes.., 0);
        let cr_alone = format.is_text() && formats::is_cr_alone(head);
        let head_bytes = head_bytes - mark_bytes;
        Ok((format, OpenFile { input, decoder, chunk, head_bytes, head_error, cr_alone }))
    }
}

/// Why no format was detected from a file's beginning.
enum Look {
    Broken(io::Error),
    Unread(String),
}

/// The result of detection from a file's beginning.
struct Looked {
    format: Format,
    decoder: Box<dyn Decoder>,
    head_bytes: usize,
    /// The error that ended the reading.
    error: Option<io::Error>,
}

/// Reads the beginning of a file until its format is detected.
fn look(
    name: &str,
    input: &mut dyn Read,
    head: &mut [u8],
    hints: &Hints,
    line_bytes_max: usize,
) -> Result<Looked, Look> {
    let mut len = 0;
    loop {
        let (read, error) = read_head(input, head, len);
        let is_whole = read == len || read == head.len() || error.is_some();
        len = read;
        match (formats::open(name, &head[..len], is_whole, hints, line_bytes_max), error) {
            (_, Some(source)) if len == 0 => return Err(Look::Broken(source)),
            (Ok(Some((format, decoder))), error) => {
                return Ok(Looked { format, decoder, head_bytes: len, error });
            }
            // The part before a read error may be enough.
            (_, Some(source)) if source.kind() != io::ErrorKind::UnexpectedEof => {
                return Err(Look::Broken(source));
            }
            (Err(why), _) => return Err(Look::Unread(why)),
            (Ok(None), _) if is_whole => return Err(Look::Unread("its beginning tells nothing".to_owned())),
            (Ok(None), _) => {}
        }
    }
}
