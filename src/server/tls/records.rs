//! Records of TLS as bytes, and where they come from and go to. Helpers of the record layer.

use std::io;

use rustls::{
    Error,
    server::ServerConnectionData,
    unbuffered::{EncodeError, EncodeTlsData, InsufficientSizeError},
};

/// What takes ciphertext.
pub trait Wire {
    /// Takes what it can now.
    ///
    /// # Errors
    /// `WouldBlock` when it takes nothing; any other when the peer is gone.
    fn send(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads what has arrived; 0 when the peer has closed its side.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has arrived; any other when the peer is gone.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// The header of a record, and the most that may follow it (RFC 5246; TLS 1.3 has less).
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

/// Has `write` write at `at`, with as much room as it asks for; returns where it ended, or `None` when it cannot.
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

/// The length of the record that begins here; `None` while it is not whole.
///
/// # Errors
/// When it says that it is longer than a record can be.
pub fn record_bytes(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(header) = bytes.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let body = usize::from(u16::from_be_bytes([header[3], header[4]]));
    if body > BODY_BYTES_MAX {
        return Err(Error::InvalidMessage(rustls::InvalidMessage::MessageTooLarge));
    }
    let record = HEADER_BYTES + body;
    Ok((bytes.len() >= record).then_some(record))
}
