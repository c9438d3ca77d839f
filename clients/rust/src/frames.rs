//! WebSocket frames without a socket: takes them off a buffer as they come, and makes a client's.
//!
//! For programs that hold more connections than they can give a WebSocket library's buffers to. Not a full
//! implementation: the server sends text frames, and binary ones where they were agreed, without extensions; anything else
//! is a [`FrameError`]. The
//! headers themselves are tungstenite's work. Invariant: nothing is taken off the buffer that is not whole, and no
//! length from outside is trusted with memory.

use std::io::Cursor;

pub use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};
use tokio_tungstenite::tungstenite::{self, protocol::frame::FrameHeader};

use crate::encoding::Encoding;

/// The longest frame that is waited for. The service sends 16 KiB of data at most; acknowledgements can be longer.
pub const FRAME_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What RFC 6455 allows a control frame.
const CONTROL_BYTES_MAX: u64 = 125;

/// A whole frame at the start of a buffer.
#[derive(PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    pub opcode: OpCode,
    pub is_final: bool,
    pub payload: &'a [u8],
    /// Header and payload.
    pub length: usize,
}

/// Why the bytes are not a tickcast server's.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    #[error("a bad frame header: {0}")]
    Header(#[from] tungstenite::Error),
    #[error("a masked frame from a server")]
    Masked,
    #[error("an extension's bit is set, and none was agreed")]
    Reserved,
    #[error("a frame of {0} bytes, {FRAME_BYTES_MAX} at most are taken")]
    TooLong(u64),
    #[error("a binary frame, where JSON was agreed")]
    Binary,
    #[error("a control frame that is too long or in pieces")]
    Control,
    #[error("a piece of a message out of turn")]
    OutOfTurn,
}

/// The frame at the start of `buffer`, on a connection with this encoding; `None` when it is not whole yet.
///
/// # Errors
/// When no tickcast server would send it.
pub fn first(buffer: &[u8], encoding: Encoding) -> Result<Option<Frame<'_>>, FrameError> {
    let mut cursor = Cursor::new(buffer);
    let Some((header, payload_bytes)) = FrameHeader::parse(&mut cursor)? else { return Ok(None) };
    if header.mask.is_some() {
        return Err(FrameError::Masked);
    }
    if header.rsv1 || header.rsv2 || header.rsv3 {
        return Err(FrameError::Reserved);
    }
    if payload_bytes > FRAME_BYTES_MAX {
        return Err(FrameError::TooLong(payload_bytes));
    }
    match header.opcode {
        OpCode::Data(Data::Text | Data::Continue) => {}
        OpCode::Data(Data::Binary) if encoding == Encoding::Binary => {}
        OpCode::Data(_) => return Err(FrameError::Binary),
        OpCode::Control(_) if payload_bytes > CONTROL_BYTES_MAX || !header.is_final => {
            return Err(FrameError::Control);
        }
        OpCode::Control(_) => {}
    }
    // Where the header really ends: a length may be written longer than it need be. At most 14, so it fits.
    let header_bytes = usize::try_from(cursor.position()).unwrap_or(buffer.len());
    let rest = buffer.get(header_bytes..).unwrap_or_default();
    let Ok(Some(payload)) = usize::try_from(payload_bytes).map(|length| rest.get(..length)) else {
        return Ok(None);
    };
    let length = header_bytes + payload.len();
    Ok(Some(Frame { opcode: header.opcode, is_final: header.is_final, payload, length }))
}

/// The code of a close frame's payload; `None` when it gives none.
pub fn close_code(payload: &[u8]) -> Option<u16> {
    payload.first_chunk().map(|code| u16::from_be_bytes(*code))
}

/// Appends a frame as a client sends it: whole, and masked with `mask`.
pub fn append(opcode: OpCode, payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    let header = FrameHeader { opcode, mask: Some(mask), ..FrameHeader::default() };
    // Writing into a vector cannot fail, so there is no error to pass on.
    let _infallible = header.format(payload.len() as u64, out);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Appends a command.
pub fn append_text(text: &str, mask: [u8; 4], out: &mut Vec<u8>) {
    append(OpCode::Data(Data::Text), text.as_bytes(), mask, out);
}

/// Appends the answer to a ping.
pub fn append_pong(payload: &[u8], mask: [u8; 4], out: &mut Vec<u8>) {
    append(OpCode::Control(Control::Pong), payload, mask, out);
}

/// Appends a close frame with this code.
pub fn append_close(code: u16, mask: [u8; 4], out: &mut Vec<u8>) {
    append(OpCode::Control(Control::Close), &code.to_be_bytes(), mask, out);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tungstenite::{Message, WebSocket, protocol::Role};

    use super::*;

    #[test]
    fn what_no_server_sends_is_refused() {
        let check = |bytes: &[u8], part: &str| {
            let error = first(bytes, Encoding::Json).expect_err(part).to_string();
            assert!(error.contains(part), "{error}");
        };
        check(&[0x81, 0x81, 0, 0, 0, 0, 0], "masked");
        check(&[0xC1, 1, 0], "extension");
        check(&[0x81, 127, 0, 0, 0, 0, 1, 0, 0, 1], "16777217 bytes");
        check(&[0x81, 127, 0x80, 0, 0, 0, 0, 0, 0, 0], "9223372036854775808 bytes");
        check(&[0x82, 0], "binary");
        check(&[0x89, 126, 0, 126], "control");
        check(&[0x09, 0], "control");
        check(&[0x83, 0], "header");
    }

    #[test]
    fn binary_frames_are_read_where_they_were_agreed() {
        let frame = first(&[0x82, 2, 1, 2, 3], Encoding::Binary).unwrap().unwrap();
        assert_eq!((frame.opcode, frame.payload), (OpCode::Data(Data::Binary), &[1, 2][..]));
    }

    #[test]
    fn a_length_may_be_written_long() {
        let frame = first(&[0x81, 126, 0, 2, b'[', b']', 0x81], Encoding::Json).unwrap().unwrap();
        assert_eq!((frame.payload, frame.length), (b"[]".as_slice(), 6));
    }

    #[test]
    fn close_codes_are_read_when_given() {
        assert_eq!(close_code(&4008u16.to_be_bytes()), Some(4008));
        assert_eq!(close_code(b"\x03\xe8bye"), Some(1000));
        assert_eq!(close_code(b""), None);
        assert_eq!(close_code(b"\x03"), None);
    }

    proptest! {
        /// What tungstenite writes as a server is read here, whole or cut anywhere.
        #[test]
        fn it_reads_what_tungstenite_writes(texts in prop::collection::vec("[ -~]{0,300}", 1..5), cut: prop::sample::Index) {
            let mut server = WebSocket::from_raw_socket(Cursor::new(Vec::new()), Role::Server, None);
            for text in &texts {
                server.send(Message::text(text)).unwrap();
            }
            let bytes = server.into_inner().into_inner();
            let mut found = Vec::new();
            let mut rest = &bytes[..];
            while let Some(frame) = first(rest, Encoding::Json).unwrap() {
                prop_assert!(frame.is_final);
                found.push(String::from_utf8(frame.payload.to_vec()).unwrap());
                rest = &rest[frame.length..];
            }
            prop_assert_eq!(rest.len(), 0);
            prop_assert_eq!(&found, &texts);
            let whole = first(&bytes, Encoding::Json).unwrap().unwrap().length;
            prop_assert_eq!(first(&bytes[..cut.index(whole)], Encoding::Json).unwrap(), None);
        }

        /// What is made here tungstenite reads as a server.
        #[test]
        fn tungstenite_reads_what_it_makes(text in "[ -~]{0,70000}", mask: [u8; 4]) {
            let mut bytes = Vec::new();
            append_text(&text, mask, &mut bytes);
            append_pong(b"p", mask, &mut bytes);
            append_close(1000, mask, &mut bytes);
            let mut server = WebSocket::from_raw_socket(Cursor::new(bytes), Role::Server, None);
            prop_assert_eq!(server.read().unwrap(), Message::text(text));
            prop_assert_eq!(server.read().unwrap(), Message::Pong(b"p".as_slice().into()));
            let close = server.read().unwrap();
            prop_assert!(matches!(close, Message::Close(Some(frame)) if u16::from(frame.code) == 1000));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = (first(&bytes, Encoding::Json), first(&bytes, Encoding::Binary));
        }
    }
}
