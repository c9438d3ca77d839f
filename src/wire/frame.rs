//! What wraps a payload for the socket, and the frames of control messages.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, Data, OpCode};

use super::message::write_int;

/// How a frame is wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A WebSocket text frame.
    WebSocket,
    /// An event of a `text/event-stream`.
    Events,
}

/// A WebSocket header of a server has at most 10 bytes; `data: ` has 6.
pub(super) const HEAD_BYTES: usize = 10;
pub(super) const EVENT_HEAD: &[u8] = b"data: ";
pub(super) const EVENT_TAIL: &[u8] = b"\n\n";

/// Appends a control frame or a text frame with this payload.
pub fn write_frame(opcode: OpCode, payload: &[u8], out: &mut Vec<u8>) {
    let mut head = [0; HEAD_BYTES];
    let head_bytes = write_header(opcode, payload.len(), &mut head);
    out.extend_from_slice(&head[..head_bytes]);
    out.extend_from_slice(payload);
}

/// Appends a frame of messages.
pub fn write_payload(payload: &[u8], framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::WebSocket => write_frame(OpCode::Data(Data::Text), payload, out),
        Framing::Events => {
            out.extend_from_slice(EVENT_HEAD);
            out.extend_from_slice(payload);
            out.extend_from_slice(EVENT_TAIL);
        }
    }
}

/// Tells an `EventSource` when to come back, should the stream end.
pub fn write_retry(retry_ms: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(b"retry: ");
    write_int(retry_ms, out);
    out.extend_from_slice(EVENT_TAIL);
}

pub fn write_ping(out: &mut Vec<u8>) {
    write_frame(OpCode::Control(Control::Ping), b"", out);
}

pub fn write_close(reason: super::CloseReason, out: &mut Vec<u8>) {
    let mut payload = reason.code().to_be_bytes().to_vec();
    payload.extend_from_slice(reason.phrase().as_bytes());
    write_frame(OpCode::Control(Control::Close), &payload, out);
}

/// The last event of an event stream: why it ends. A browser's `EventSource` comes back by itself.
pub fn write_end_event(reason: super::CloseReason, out: &mut Vec<u8>) {
    out.extend_from_slice(b"event: close\ndata: {\"code\":");
    write_int(u64::from(reason.code()), out);
    out.extend_from_slice(b",\"reason\":\"");
    out.extend_from_slice(reason.phrase().as_bytes());
    out.extend_from_slice(b"\"}\n\n");
}

/// The header of a whole frame that a server sends (RFC 6455, 5.2): unmasked, with the shortest length there is.
pub(super) fn write_header(opcode: OpCode, payload_bytes: usize, head: &mut [u8; HEAD_BYTES]) -> usize {
    const FINAL: u8 = 0x80;
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
    use tokio_tungstenite::tungstenite::protocol::frame::FrameHeader;

    use super::*;

    /// As the WebSocket library writes it.
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
    fn headers_are_those_of_the_standard() {
        for payload_bytes in [0, 1, 125, 126, 127, 255, 256, 65_535, 65_536, 1 << 20] {
            check_header(OpCode::Data(Data::Text), payload_bytes);
        }
        check_header(OpCode::Control(Control::Ping), 0);
        check_header(OpCode::Control(Control::Close), 31);
    }
}
