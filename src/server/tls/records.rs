//! TLS records as bytes, and the transport below them. Helpers of the record layer.

use std::io;

use rustls::{
    Error,
    server::ServerConnectionData,
    unbuffered::{EncodeError, EncodeTlsData, InsufficientSizeError},
};

/// The transport of ciphertext.
pub trait Wire {
    /// Sends what it accepts now.
    ///
    /// # Errors
    /// `WouldBlock` when it accepts nothing; any other when the peer is gone.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads what has arrived; 0 when the peer has closed its side.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; any other when the peer is gone.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Size of a record's header, and the maximum payload (RFC 5246; TLS 1.3 allows less).
const HEADER_BYTES: usize = 5;
const BODY_BYTES_MAX: usize = 16 * 1024 + 2 * 1024;
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + BODY_BYTES_MAX;

/// Appends what rustls has encoded.
pub fn append(out: &mut Vec<u8>, mut encoded: EncodeTlsData<'_, ServerConnectionData>) {
    let end = out.len();
    let end = write_at(out, end, |out| match encoded.encode(out) {
        Err(EncodeError::InsufficientSize(size)) => Err(Some(size)),
        Err(EncodeError::AlreadyEncoded) => Err(None),
        Ok(bytes) => Ok(bytes),
    });
    out.truncate(end.unwrap_or(usize::MAX));
}

/// Lets `write` fill `out` at `at`, with as much room as it needs; returns the end, or `None` if it fails.
pub fn write_at(
    out: &mut Vec<u8>,
    at: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<InsufficientSizeError>>,
) -> Option<usize> {
    loop {
        match write(&mut out[at..]) {
            Ok(bytes) => return Some(at + bytes),
            Err(size) => out.resize(at + size?.required_size, 0),
        }
    }
}

/// The length of the record at the start of `bytes`; `None` while it is incomplete.
///
/// # Errors
/// When its header exceeds the maximum length.
pub fn record_bytes(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let body = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if body > BODY_BYTES_MAX {
        return Err(Error::InvalidMessage(rustls::InvalidMessage::MessageTooLarge));
    }
    let record = HEADER_BYTES + body;
    Ok((bytes.len() >= record).then_some(record))
}
