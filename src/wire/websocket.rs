//! Writes a server's WebSocket frames (RFC 6455): unmasked, with the shortest possible header. Every frame is a whole
//! message, except [fragments](seal_part).

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};

use super::encodings::encoder::HEAD_BYTES;

/// FIN: the frame ends its message.
const FINAL: u8 = 0x80;
/// The opcode bit of control frames.
const CONTROL: u8 = 0x08;
/// RSV1: the message is compressed.
const RSV1: u8 = 0x40;

/// Writes the header of the payload that starts at [`HEAD_BYTES`]; returns the offset of the frame.
pub fn frame(opcode: OpCode, bytes: &mut [u8]) -> usize {
    let mut head = [0; HEAD_BYTES];
    let head_bytes = write_header(opcode, bytes.len() - HEAD_BYTES, &mut head);
    let start = HEAD_BYTES - head_bytes;
    bytes[start..HEAD_BYTES].copy_from_slice(&head[..head_bytes]);
    start
}

/// As [`frame`], for a compressed payload (RFC 7692, 6).
pub fn frame_deflated(opcode: OpCode, bytes: &mut [u8]) -> usize {
    let start = frame(opcode, bytes);
    bytes[start] |= RSV1;
    start
}

/// Appends a frame with this compressed payload.
pub fn write_frame_deflated(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    write_frame(opcode, payload, out);
    out[start] |= RSV1;
}

/// Header size for payloads from 126 bytes up to 64 KiB.
const LONG_HEADER: usize = 4;
const SHORT_HEADER: usize = 2;

/// Starts a frame whose payload is appended next and then [sealed](seal). Returns the offset of the payload.
#[inline]
pub fn open(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; LONG_HEADER]);
    out.len()
}

/// Writes the header of the frame whose payload starts at `payload` and ends with the last byte.
#[inline]
pub fn seal(opcode: OpCode, payload: usize, out: &mut Vec<u8>) {
    let mut head = [0; HEAD_BYTES];
    let head_bytes = write_header(opcode, out.len() - payload, &mut head);
    let begin = payload - LONG_HEADER;
    match head_bytes {
        LONG_HEADER => out[begin..payload].copy_from_slice(&head[..LONG_HEADER]),
        SHORT_HEADER => {
            // The header must have the minimal length.
            out[begin..begin + SHORT_HEADER].copy_from_slice(&head[..SHORT_HEADER]);
            let end = out.len();
            out.copy_within(payload..end, begin + SHORT_HEADER);
            out.truncate(end - (LONG_HEADER - SHORT_HEADER));
        }
        // No data message is this long.
        _ => drop(out.splice(begin..payload, head[..head_bytes].iter().copied())),
    }
}

/// As [`seal`], for a fragment that is not the last of its message.
pub fn seal_part(opcode: OpCode, payload: usize, out: &mut Vec<u8>) {
    seal(opcode, payload, out);
    out[payload - LONG_HEADER] &= !FINAL;
}

/// Whether a run of whole server frames has a message or a fragment of one, which must not come between the fragments
/// of another.
pub fn has_message(mut frames: &[u8]) -> bool {
    while let [first, second, rest @ ..] = frames {
        if first & CONTROL == 0 {
            return true;
        }
        // A control frame has at most 125 bytes.
        frames = rest.get(usize::from(*second)..).unwrap_or_default();
    }
    false
}

/// Appends a close frame with this code and reason, of at most 123 bytes.
pub fn write_close_of(code: u16, reason: &str, out: &mut Vec<u8>) {
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    write_frame(OpCode::Control(Control::Close), &payload, out);
}

/// Appends a frame with this payload.
pub fn write_frame(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; HEAD_BYTES];
    let head_bytes = write_header(opcode, payload.len(), &mut head);
    out.extend_from_slice(&head[..head_bytes]);
    out.extend_from_slice(payload);
}

pub fn write_ping(out: &mut Vec<u8>) {
    write_frame(OpCode::Control(Control::Ping), b"", out);
}

/// A ping whose payload is a position in the stream, which the pong returns.
pub fn ping(position: u64) -> [u8; 10] {
    const FINAL_PING: u8 = 0x89;
    let mut frame = [0; 10];
    frame[..2].copy_from_slice(&[FINAL_PING, 8]);
    frame[2..].copy_from_slice(&position.to_be_bytes());
    frame
}

pub fn write_close(reason: super::CloseReason, out: &mut Vec<u8>) {
    write_close_of(reason.code(), reason.phrase(), out);
}

/// RFC 6455, 5.2. Returns the size of the header.
fn write_header(opcode: OpCode, payload_bytes: usize, head: &mut [u8; HEAD_BYTES]) -> usize {
    head[0] = FINAL | u8::from(opcode);
    match payload_bytes {
        0..=125 => {
            head[1] = payload_bytes as u8;
            2
        }
        126..=0xFFFF => {
            head[1] = 126;
            head[2..4].copy_from_slice(&(payload_bytes as u16).to_be_bytes());
            4
        }
        _ => {
            head[1] = 127;
            head[2..].copy_from_slice(&(payload_bytes as u64).to_be_bytes());
            HEAD_BYTES
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::protocol::frame::{FrameHeader, coding::Data};

    use super::*;

    /// The header equals the one that the WebSocket library writes.
    fn check_header(opcode: OpCode, payload_bytes: usize) {
        let mut head = [0; HEAD_BYTES];
        let head_bytes = write_header(opcode, payload_bytes, &mut head);
        let header =
            FrameHeader { is_final: true, rsv1: false, rsv2: false, rsv3: false, opcode, mask: None };
        let mut expected = Vec::new();
        header.format(payload_bytes as u64, &mut expected).expect("a vector takes it");
        assert_eq!(head[..head_bytes], expected, "{opcode:?} of {payload_bytes} bytes");
    }

    #[test]
    fn a_frame_that_was_opened_is_sealed_as_one_that_is_written_at_once() {
        for payload_bytes in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let payload = vec![b'x'; payload_bytes];
            let (mut out, mut expected) = (b"before".to_vec(), b"before".to_vec());
            let begin = open(&mut out);
            out.extend_from_slice(&payload);
            seal(OpCode::Data(Data::Text), begin, &mut out);
            write_frame(OpCode::Data(Data::Text), &payload, &mut expected);
            assert!(out == expected, "{payload_bytes} bytes");
        }
    }

    #[test]
    fn a_message_is_told_from_control_frames() {
        let mut frames = Vec::new();
        write_ping(&mut frames);
        write_frame(OpCode::Control(Control::Pong), &[0; 125], &mut frames);
        write_close_of(1000, "", &mut frames);
        assert!(!has_message(&frames) && !has_message(&[]));
        for opcode in [Data::Text, Data::Binary, Data::Continue] {
            let mut frames = frames.clone();
            write_frame(OpCode::Data(opcode), b"]", &mut frames);
            assert!(has_message(&frames));
        }
    }

    #[test]
    fn headers_are_those_of_the_standard() {
        for payload_bytes in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 20] {
            check_header(OpCode::Data(Data::Text), payload_bytes);
        }
        check_header(OpCode::Control(Control::Ping), 0);
        check_header(OpCode::Control(Control::Close), 31);
    }
}
