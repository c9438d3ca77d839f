//! What a client of a replay's WebSocket sends: nothing but pings, pongs and a close is heard.
//!
//! As tardis-machine does, messages are passed over; here their payloads are not even kept.
//!
//! Invariant: memory is one header and the payload of one control frame, whatever is sent.

use std::io::Cursor;

use tokio_tungstenite::tungstenite::protocol::frame::{
    FrameHeader,
    coding::{Control, OpCode},
};

use crate::wire::CloseReason;

/// Frames as they come in, in pieces.
#[derive(Default)]
pub struct InboundFrames {
    header: Vec<u8>,
    /// Of the frame under way: what is left of its payload, and what it is.
    left: u64,
    control: Option<ControlFrame>,
}

struct ControlFrame {
    kind: Control,
    mask: [u8; 4],
    payload: Vec<u8>,
}

/// What was heard.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClientFrame {
    Ping(Vec<u8>),
    Pong,
    /// The client closes: with this payload, which the answer repeats.
    Close(Vec<u8>),
    /// A message, which means nothing.
    Message,
}

const HEADER_BYTES_MAX: usize = 14;
const CONTROL_BYTES_MAX: u64 = 125;
/// As tardis-machine has it.
const MESSAGE_BYTES_MAX: u64 = 512 * 1024;

impl InboundFrames {
    /// Takes bytes in, and tells of each frame that is whole, or, of a message, has begun.
    ///
    /// # Errors
    /// When they are not frames of a client.
    pub fn take(&mut self, mut bytes: &[u8], mut heard: impl FnMut(ClientFrame)) -> Result<(), CloseReason> {
        loop {
            if self.left > 0 || self.control.is_some() {
                let count = usize::try_from(self.left).unwrap_or(usize::MAX).min(bytes.len());
                let (payload, rest) = bytes.split_at(count);
                self.left -= count as u64;
                bytes = rest;
                if let Some(control) = &mut self.control {
                    control.payload.extend_from_slice(payload);
                }
                if self.left > 0 {
                    return Ok(());
                }
                if let Some(control) = self.control.take() {
                    heard(control.finish());
                }
            }
            if bytes.is_empty() {
                return Ok(());
            }
            let known = self.header.len();
            self.header.extend(bytes.iter().take(HEADER_BYTES_MAX - known));
            let mut cursor = Cursor::new(&self.header[..]);
            let parsed = FrameHeader::parse(&mut cursor).map_err(|_| CloseReason::ProtocolError)?;
            let Some((header, length)) = parsed else { return Ok(()) };
            let used = usize::try_from(cursor.position()).unwrap_or(HEADER_BYTES_MAX);
            bytes = &bytes[used.saturating_sub(known)..];
            self.header.clear();
            self.begin(&header, length, &mut heard)?;
        }
    }

    fn begin(
        &mut self,
        header: &FrameHeader,
        length: u64,
        heard: &mut impl FnMut(ClientFrame),
    ) -> Result<(), CloseReason> {
        let Some(mask) = header.mask else { return Err(CloseReason::ProtocolError) };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(CloseReason::ProtocolError);
        }
        self.left = length;
        match header.opcode {
            OpCode::Data(_) if length > MESSAGE_BYTES_MAX => return Err(CloseReason::TooBig),
            OpCode::Data(_) => heard(ClientFrame::Message),
            OpCode::Control(_) if length > CONTROL_BYTES_MAX || !header.is_final => {
                return Err(CloseReason::ProtocolError);
            }
            OpCode::Control(kind) => {
                self.control =
                    Some(ControlFrame { kind, mask, payload: Vec::with_capacity(length as usize) });
            }
        }
        Ok(())
    }
}

impl ControlFrame {
    fn finish(mut self) -> ClientFrame {
        for (byte, mask) in self.payload.iter_mut().zip(self.mask.into_iter().cycle()) {
            *byte ^= mask;
        }
        match self.kind {
            Control::Ping => ClientFrame::Ping(self.payload),
            Control::Close => ClientFrame::Close(self.payload),
            Control::Pong | Control::Reserved(_) => ClientFrame::Pong,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 250];
        let mut bytes = vec![first];
        match payload.len() {
            short @ 0..=125 => bytes.push(0x80 | short as u8),
            long => {
                bytes.push(0xfe);
                bytes.extend((long as u16).to_be_bytes());
            }
        }
        bytes.extend(mask);
        bytes.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    fn hear(pieces: &[&[u8]]) -> (Vec<ClientFrame>, Result<(), CloseReason>) {
        let (mut frames, mut all) = (InboundFrames::default(), Vec::new());
        for piece in pieces {
            if let Err(reason) = frames.take(piece, |heard| all.push(heard)) {
                return (all, Err(reason));
            }
        }
        (all, Ok(()))
    }

    #[test]
    fn what_a_client_may_not_send_is_a_fault() {
        let check = |bytes: &[u8], expected| assert_eq!(hear(&[bytes]).1, Err(expected), "{bytes:?}");
        check(&[0x89, 0], CloseReason::ProtocolError);
        check(&frame(0x09, b""), CloseReason::ProtocolError);
        check(&frame(0xc1, b""), CloseReason::ProtocolError);
        check(&frame(0x83, b""), CloseReason::ProtocolError);
        check(&frame(0x89, &[0; 126]), CloseReason::ProtocolError);
        check(&[0x81, 0xff, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0], CloseReason::TooBig);
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..12),
            length in 0usize..400,
        ) {
            let expected = [ClientFrame::Message, ClientFrame::Ping(b"abc".to_vec()), ClientFrame::Ping(Vec::new()), ClientFrame::Message,
                ClientFrame::Pong, ClientFrame::Close(vec![3, 232])];
            let bytes = [frame(0x01, &vec![7; length]), frame(0x89, b"abc"), frame(0x89, b""), frame(0x80, b"x"),
                frame(0x8a, b"p"), frame(0x88, &[3, 232])].concat();
            let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            at.extend([0, bytes.len()]);
            at.sort_unstable();
            let pieces: Vec<&[u8]> = at.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(hear(&pieces), (expected.to_vec(), Ok(())));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (heard, _) = hear(&[&bytes]);
            prop_assert!(heard.len() <= bytes.len());
        }
    }
}
