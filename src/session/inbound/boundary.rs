//! Finds frame boundaries in a client's input, ahead of the decoder.
//!
//! Purposes: to count every frame, even one that never becomes a message; to drop a session's decoder between messages;
//! and to hand compressed messages to the decoder, which does not support them, as plain ones. Headers are parsed by
//! tungstenite.
//!
//! With permessage-deflate, RSV1 in a message's first header marks it as compressed (RFC 7692, 6). It is cleared, and
//! the message becomes a binary one, since its bytes are not text yet. Anywhere else RSV1 stays, and the decoder
//! reports it.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

use crate::wire::Encoding;

/// Maximum header size of a client's frame, in bytes.
const HEADER_BYTES_MAX: usize = 14;

/// Bits of a header's first byte.
const RSV1: u8 = 0x40;
const OPCODE: u8 = 0x0F;
const TEXT: u8 = 1;
const BINARY: u8 = 2;

/// How a data message was sent, with permessage-deflate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrival {
    Plain,
    DeflatedText,
    DeflatedBinary,
}

/// Follows the input of one connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct Boundary {
    /// The received part of an incomplete header.
    header: [u8; HEADER_BYTES_MAX],
    header_bytes: u8,
    /// Remaining payload bytes of the current frame.
    payload_left: u64,
    /// The last data frame was not the final one of its message.
    in_message: bool,
    /// A close frame has started: nothing may follow it.
    close_seen: bool,
    /// permessage-deflate was negotiated.
    is_deflated: bool,
}

impl Boundary {
    /// For a newly accepted connection.
    pub fn of(encoding: Encoding) -> Self {
        Boundary { is_deflated: encoding.is_deflated(), ..Boundary::default() }
    }

    /// Processes received bytes, turning compressed messages into plain ones for the decoder. With permessage-deflate,
    /// `arrived` is told how each data message that starts here was sent. Returns the number of frames that start.
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
                // The decoder finds the same error and ends the session.
                Err(_) => self.in_message = true,
            }
            if usize::from(self.header_bytes) == HEADER_BYTES_MAX {
                self.header_bytes = 0;
            }
        }
        frames
    }

    /// Whether no frame and no fragmented message is incomplete.
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

/// A header's first byte as the decoder is to see it.
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

    /// A frame's first byte as the decoder sees it, and how its message was sent.
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
