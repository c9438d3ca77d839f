//! The bounds of frames in a client's input, found outside the decoder.
//!
//! This serves three purposes: every frame is counted, also those that never become a message; a session between two
//! messages can drop its decoder; and compressed messages, which the decoder does not know, reach it as plain ones.
//! Headers are read by tungstenite's own parser.
//!
//! With permessage-deflate, RSV1 in the first header of a message says that it is compressed (RFC 7692, 6). It is
//! cleared, and the message becomes a binary one, since its bytes are not text yet. Anywhere else RSV1 stays, and the
//! decoder finds the fault.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::wire::Encoding;

/// The longest header of a client's frame, in bytes.
const HEADER_BYTES_MAX: usize = 14;

/// The first bits of a header.
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0F;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// How a data message of a connection with permessage-deflate was sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    Plain,
    DeflatedText,
    DeflatedBinary,
}

/// Follows the bytes of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boundary {
    /// The first bytes of a header that has not arrived whole.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    /// Bytes of the current frame's payload that are still to come.
    payload_left: u64,
    /// The last data frame was not the final one of its message.
    in_message: bool,
    /// A close frame has begun: the peer sends nothing after it.
    close_seen: bool,
    /// The connection has permessage-deflate.
    is_deflated: bool,
}

impl Boundary {
    /// Of a connection that was just accepted.
    pub fn of(encoding: Encoding) -> Self {
        Boundary { is_deflated: encoding.is_deflated(), ..Boundary::default() }
    }

    /// Takes bytes that have arrived, and makes compressed messages plain ones for the decoder. With
    /// permessage-deflate, tells how each data message that begins in them was sent. Returns how many frames began.
    pub fn pass(&mut self, mut bytes: &mut [u8], mut arrived: impl FnMut(Arrival)) -> u32 {
        let mut frames = 0;
        while let Some(first) = bytes.first_mut() {
            if self.payload_left > 0 {
                let passed = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= passed as u64;
                bytes = &mut bytes[passed..];
                continue;
            }
            if self.header_bytes == 0 && self.is_deflated {
                *first = plain_start(*first, &mut arrived);
            }
            self.header[usize::from(self.header_bytes)] = *first;
            self.header_bytes += 1;
            bytes = &mut bytes[1..];
            match FrameHeader::parse(&mut Cursor::new(&self.header[..usize::from(self.header_bytes)])) {
                Ok(Some((header, payload_bytes))) => {
                    self.begin(&header, payload_bytes);
                    frames += 1;
                }
                Ok(None) => {}
                // The decoder finds the same fault and ends the session, so nothing after it matters.
                Err(_) => self.in_message = true,
            }
            if usize::from(self.header_bytes) == HEADER_BYTES_MAX {
                self.header_bytes = 0;
            }
        }
        frames
    }

    /// No part of a frame or of a fragmented message has arrived.
    pub fn is_between_messages(&self) -> bool {
        self.header_bytes == 0 && self.payload_left == 0 && !self.in_message
    }

    pub fn has_closed(&self) -> bool {
        self.close_seen
    }

    fn begin(&mut self, header: &FrameHeader, payload_bytes: u64) {
        self.header_bytes = 0;
        self.payload_left = payload_bytes;
        self.close_seen |= header.opcode == OpCode::Control(Control::Close);
        if matches!(header.opcode, OpCode::Data(Data::Text | Data::Binary | Data::Continue)) {
            self.in_message = !header.is_final;
        }
    }
}

/// The first byte of a header, as the decoder is to see it.
fn plain_start(byte: u8, mut arrived: impl FnMut(Arrival)) -> u8 {
    let opcode = byte & OPCODE;
    if opcode != TEXT && opcode != BINARY {
        return byte;
    }
    if byte & RSV1 == 0 {
        arrived(Arrival::Plain);
        return byte;
    }
    arrived(if opcode == TEXT { Arrival::DeflatedText } else { Arrival::DeflatedBinary });
    byte & !(RSV1 | OPCODE) | BINARY
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(opcode: OpCode, is_final: bool, payload_bytes: usize) -> Vec<u8> {
        let header =
            FrameHeader { is_final, rsv1: false, rsv2: false, rsv3: false, opcode, mask: Some([1, 2, 3, 4]) };
        let mut bytes = Vec::new();
        header.format(payload_bytes as u64, &mut bytes).unwrap();
        bytes.resize(bytes.len() + payload_bytes, 0x81);
        bytes
    }

    fn pass(boundary: &mut Boundary, bytes: &[u8]) -> u32 {
        boundary.pass(&mut bytes.to_vec(), |_| ())
    }

    /// What the decoder sees of the first byte of a frame, and how its message was sent.
    fn start(is_deflated: bool, first: u8) -> (u8, Option<Arrival>) {
        let mut arrivals = Vec::new();
        let mut bytes = [first, 0x80, 0, 0, 0, 0];
        Boundary { is_deflated, ..Boundary::default() }.pass(&mut bytes, |arrival| arrivals.push(arrival));
        assert_eq!(bytes[1..], [0x80, 0, 0, 0, 0]);
        (bytes[0], arrivals.pop())
    }

    #[test]
    fn rsv1_of_a_message_is_taken_and_any_other_left_to_the_decoder() {
        assert_eq!(start(true, 0xC1), (0x82, Some(Arrival::DeflatedText)));
        assert_eq!(start(true, 0x41), (0x02, Some(Arrival::DeflatedText)), "the first of several frames");
        assert_eq!(start(true, 0xC2), (0x82, Some(Arrival::DeflatedBinary)));
        assert_eq!(start(true, 0x81), (0x81, Some(Arrival::Plain)));
        assert_eq!(start(true, 0xE1), (0xA2, Some(Arrival::DeflatedText)), "RSV2 stays");
        for first in [0xC0, 0x40, 0xC8, 0xC9, 0xCA, 0xC3, 0x89, 0x80] {
            assert_eq!(start(true, first), (first, None), "{first:x}");
        }
        for first in [0xC1, 0xC2, 0x81, 0xC9] {
            assert_eq!(start(false, first), (first, None), "{first:x} without the extension");
        }
    }

    #[test]
    fn a_close_is_seen() {
        let mut boundary = Boundary::default();
        pass(&mut boundary, &frame(OpCode::Control(Control::Ping), true, 2));
        assert!(!boundary.has_closed());
        pass(&mut boundary, &frame(OpCode::Control(Control::Close), true, 2));
        assert!(boundary.has_closed());
    }

    #[test]
    fn fragments_are_one_message() {
        let mut boundary = Boundary::default();
        assert_eq!(pass(&mut boundary, &frame(OpCode::Data(Data::Text), false, 3)), 1);
        assert!(!boundary.is_between_messages());
        assert_eq!(pass(&mut boundary, &frame(OpCode::Data(Data::Continue), false, 0)), 1);
        assert!(!boundary.is_between_messages());
        assert_eq!(pass(&mut boundary, &frame(OpCode::Data(Data::Continue), true, 0)), 1);
        assert!(boundary.is_between_messages());
    }

    proptest! {
        #[test]
        fn frames_are_counted_however_they_are_cut(
            sizes in prop::collection::vec(0usize..70_000, 1..6),
            cut in 1usize..40_000,
        ) {
            let bytes: Vec<u8> =
                sizes.iter().flat_map(|&size| frame(OpCode::Data(Data::Text), true, size)).collect();
            let mut boundary = Boundary::default();
            let mut frames = 0;
            for chunk in bytes.chunks(cut) {
                frames += pass(&mut boundary, chunk);
            }
            prop_assert_eq!(frames as usize, sizes.len());
            prop_assert!(boundary.is_between_messages());
            pass(&mut boundary, &bytes[..bytes.len().min(3)]);
            prop_assert!(!boundary.is_between_messages());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            for is_deflated in [false, true] {
                pass(&mut Boundary { is_deflated, ..Boundary::default() }, &bytes);
            }
        }
    }
}
