//! The bounds of frames in a client's input, found outside the decoder.
//!
//! This serves two purposes: every frame is counted, also those that never become a message; and a session between two
//! messages can drop its decoder. Headers are read by tungstenite's own parser.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, Data, OpCode},
};

/// The longest header of a client's frame, in bytes.
const HEADER_BYTES_MAX: usize = 14;

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
}

impl Boundary {
    /// Takes bytes that have arrived; returns how many frames began in them.
    pub fn pass(&mut self, mut bytes: &[u8]) -> u32 {
        let mut frames = 0;
        while !bytes.is_empty() {
            if self.payload_left > 0 {
                let passed = usize::try_from(self.payload_left).unwrap_or(usize::MAX).min(bytes.len());
                self.payload_left -= passed as u64;
                bytes = &bytes[passed..];
                continue;
            }
            self.header[usize::from(self.header_bytes)] = bytes[0];
            self.header_bytes += 1;
            bytes = &bytes[1..];
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

    #[test]
    fn a_close_is_seen() {
        let mut boundary = Boundary::default();
        boundary.pass(&frame(OpCode::Control(Control::Ping), true, 2));
        assert!(!boundary.has_closed());
        boundary.pass(&frame(OpCode::Control(Control::Close), true, 2));
        assert!(boundary.has_closed());
    }

    #[test]
    fn fragments_are_one_message() {
        let mut boundary = Boundary::default();
        assert_eq!(boundary.pass(&frame(OpCode::Data(Data::Text), false, 3)), 1);
        assert!(!boundary.is_between_messages());
        assert_eq!(boundary.pass(&frame(OpCode::Data(Data::Continue), false, 0)), 1);
        assert!(!boundary.is_between_messages());
        assert_eq!(boundary.pass(&frame(OpCode::Data(Data::Continue), true, 0)), 1);
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
                frames += boundary.pass(chunk);
            }
            prop_assert_eq!(frames as usize, sizes.len());
            prop_assert!(boundary.is_between_messages());
            boundary.pass(&bytes[..bytes.len().min(3)]);
            prop_assert!(!boundary.is_between_messages());
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            Boundary::default().pass(&bytes);
        }
    }
}
