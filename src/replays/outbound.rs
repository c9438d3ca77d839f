//! What is written to a replay's WebSocket: pieces of whole frames, and control frames between any two of them.
//!
//! Invariants: a control frame goes out behind the frame under way, never within it; of pongs only the last waits, as
//! RFC 6455 allows; nothing follows a close.

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Control, OpCode};

use crate::wire::websocket;

/// Bytes on their way to a socket.
#[derive(Default)]
pub struct OutboundFrames {
    /// Whole data frames, and how much of them is out.
    data: Vec<u8>,
    at: usize,
    /// The first end of a frame that is not before `at`.
    boundary: usize,
    /// Control frames that are being written, and how much of them is out.
    control: Vec<u8>,
    control_at: usize,
    pong: Option<Vec<u8>>,
    wants_ping: bool,
    close: Option<Vec<u8>>,
    /// The close is in `control`, or out.
    is_closing: bool,
}

const CLOSE_REASON_BYTES_MAX: usize = 123;

impl OutboundFrames {
    /// Whether all data that it was given is out.
    pub fn has_sent_data(&self) -> bool {
        self.at == self.data.len()
    }

    /// Everything is out.
    pub fn is_empty(&self) -> bool {
        self.has_sent_data()
            && self.control_at == self.control.len()
            && self.pong.is_none()
            && self.close.is_none()
            && !self.wants_ping
    }

    /// Whether the close frame is out.
    pub fn is_closed(&self) -> bool {
        self.is_closing && self.control_at == self.control.len()
    }

    /// Takes whole frames, once all before them are out.
    pub fn data(&mut self, frames: Vec<u8>) {
        debug_assert!(self.has_sent_data(), "what is under way is not lost");
        if !self.is_closing && self.close.is_none() {
            (self.data, self.at, self.boundary) = (frames, 0, 0);
        }
    }

    pub fn pong(&mut self, payload: Vec<u8>) {
        self.pong = Some(payload);
    }

    pub fn ping(&mut self) {
        self.wants_ping = true;
    }

    /// Closes behind the data that it was given. The first close counts.
    pub fn close(&mut self, code: u16, reason: &str) {
        let mut end = reason.len().min(CLOSE_REASON_BYTES_MAX);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let payload = [&code.to_be_bytes(), &reason.as_bytes()[..end]].concat();
        self.close_with(payload);
    }

    fn close_with(&mut self, payload: Vec<u8>) {
        if !self.is_closing {
            self.close.get_or_insert(payload);
        }
    }

    /// Whether a data frame is partly out.
    pub fn is_within_frame(&mut self) -> bool {
        self.advance_boundary();
        self.at < self.boundary
    }

    /// Closes behind the frame under way: what else it was given is dropped.
    pub fn cut(&mut self, code: u16, reason: &str) {
        self.advance_boundary();
        self.data.truncate(self.boundary);
        self.close(code, reason);
    }

    /// As [`OutboundFrames::cut`], answering a client's close with the same payload.
    pub fn answer_close(&mut self, payload: Vec<u8>) {
        self.advance_boundary();
        self.data.truncate(self.boundary);
        self.close_with(payload);
    }

    /// What is to be written next; empty when there is nothing.
    pub fn due(&mut self) -> &[u8] {
        self.advance_boundary();
        if self.control_at == self.control.len() && self.at == self.boundary {
            self.begin_control();
        }
        if self.control_at < self.control.len() {
            return &self.control[self.control_at..];
        }
        let waits = self.pong.is_some() || self.wants_ping;
        // A pong does not wait for the rest of a piece.
        let end = if waits && self.boundary > self.at { self.boundary } else { self.data.len() };
        &self.data[self.at..end]
    }

    /// So many bytes of what was next are out.
    pub fn advance(&mut self, count: usize) {
        if self.control_at < self.control.len() {
            self.control_at += count;
        } else {
            self.at += count;
        }
        if self.has_sent_data() {
            self.data = Vec::new();
            (self.at, self.boundary) = (0, 0);
        }
    }

    /// Moves what waits to what is written, at the end of a frame.
    fn begin_control(&mut self) {
        self.control.clear();
        self.control_at = 0;
        if self.is_closing {
            return;
        }
        let mut write = |kind, payload: &[u8]| {
            websocket::write_frame(OpCode::Control(kind), payload, &mut self.control);
        };
        if let Some(payload) = self.pong.take() {
            write(Control::Pong, &payload);
        }
        if std::mem::take(&mut self.wants_ping) {
            write(Control::Ping, b"");
        }
        if self.at == self.data.len()
            && let Some(payload) = self.close.take()
        {
            write(Control::Close, &payload);
            self.is_closing = true;
        }
    }

    fn advance_boundary(&mut self) {
        while self.boundary < self.at {
            self.boundary += frame_bytes(&self.data[self.boundary..]);
        }
    }
}

/// The length of the unmasked frame at the beginning.
fn frame_bytes(bytes: &[u8]) -> usize {
    match bytes {
        [_, 126, high, low, ..] => 4 + usize::from(u16::from_be_bytes([*high, *low])),
        [_, 127, length @ ..] if length.len() >= 8 => {
            let length: [u8; 8] = [0, 1, 2, 3, 4, 5, 6, 7].map(|at| length[at]);
            usize::try_from(u64::from_be_bytes(length))
                .map_or(bytes.len(), |length| length.saturating_add(10))
        }
        [_, length, ..] => 2 + usize::from(*length),
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::protocol::frame::coding::Data;

    use super::*;

    /// First bytes and payloads of frames.
    fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let (frame, rest) = bytes.split_at(frame_bytes(bytes));
            let header = match frame[1] {
                126 => 4,
                127 => 10,
                _ => 2,
            };
            all.push((frame[0], frame[header..].to_vec()));
            bytes = rest;
        }
        all
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(usize),
        Pong(u8),
        Ping,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (1usize..400).prop_map(Step::Write),
            1 => any::<u8>().prop_map(Step::Pong),
            1 => Just(Step::Ping),
        ]
    }

    #[test]
    fn a_frame_that_is_partly_out_is_known() {
        let mut frames = Vec::new();
        for payload in [[1; 10], [2; 10]] {
            websocket::write_frame(OpCode::Data(Data::Text), &payload, &mut frames);
        }
        let mut out = OutboundFrames::default();
        assert!(!out.is_within_frame());
        out.data(frames);
        // A frame has 12 bytes.
        for written in 0..24 {
            assert_eq!(out.is_within_frame(), !matches!(written, 0 | 12), "{written}");
            assert!(!out.due().is_empty());
            out.advance(1);
        }
        assert!(!out.is_within_frame());
    }

    proptest! {
        #[test]
        fn control_frames_stand_between_data_frames_and_data_is_whole_and_in_order(
            lengths in proptest::collection::vec(0usize..300, 1..30),
            piece in 1usize..8,
            steps in proptest::collection::vec(step(), 0..200),
            close_at in 0usize..260,
        ) {
            let payloads: Vec<Vec<u8>> = lengths.iter().enumerate().map(|(at, length)| vec![at as u8; *length]).collect();
            let mut pieces = payloads.chunks(piece).map(|some| {
                let mut bytes = Vec::new();
                for one in some {
                    websocket::write_frame(OpCode::Data(Data::Text), one, &mut bytes);
                }
                bytes
            });
            let (mut out, mut written, mut pings) = (OutboundFrames::default(), Vec::new(), 0);
            let mut is_cut = false;
            let endless = steps.into_iter().chain(std::iter::repeat(Step::Write(97)));
            for (number, step) in endless.enumerate() {
                if number == close_at {
                    is_cut = true;
                    out.cut(1011, "why");
                }
                match step {
                    Step::Write(count) => {
                        if out.has_sent_data() {
                            match pieces.next() {
                                Some(piece) => out.data(piece),
                                None => out.close(1000, "finished"),
                            }
                        }
                        let next = out.due();
                        let count = count.min(next.len());
                        written.extend_from_slice(&next[..count]);
                        out.advance(count);
                        if out.is_closed() {
                            break;
                        }
                    }
                    Step::Pong(payload) => out.pong(vec![payload]),
                    Step::Ping => { out.ping(); pings += 1; }
                }
            }
            let found = frames(&written);
            let data: Vec<&Vec<u8>> = found.iter().filter(|(first, _)| *first == 0x81).map(|(_, payload)| payload).collect();
            prop_assert!(data.iter().zip(&payloads).all(|(one, other)| *one == other));
            prop_assert!(is_cut || data.len() == payloads.len());
            prop_assert!(found.iter().filter(|(first, _)| *first == 0x89).count() <= pings);
            let closes: Vec<usize> = found.iter().enumerate().filter(|(_, (first, _))| *first == 0x88).map(|(at, _)| at).collect();
            prop_assert_eq!(closes, [found.len() - 1]);
            prop_assert!(out.due().is_empty());
        }
    }

    #[test]
    fn a_pong_waits_for_one_frame_and_not_for_the_piece() {
        let mut bytes = Vec::new();
        for _ in 0..3 {
            websocket::write_frame(OpCode::Data(Data::Text), b"abcdef", &mut bytes);
        }
        let mut out = OutboundFrames::default();
        out.data(bytes);
        out.advance(3);
        out.pong(b"x".to_vec());
        assert_eq!(out.due(), b"bcdef");
        out.advance(5);
        assert_eq!(out.due(), [0x8a, 1, b'x']);
        out.advance(3);
        assert_eq!(out.due().len(), 16);
    }

    #[test]
    fn a_reason_is_cut_at_a_character() {
        let mut out = OutboundFrames::default();
        out.close(1011, &format!("{}\u{20ac}\u{20ac}", "x".repeat(122)));
        assert_eq!(out.due().len(), 2 + 2 + 122);
        out.close(1000, "again");
        assert!(!out.is_empty());
        out.advance(126);
        assert!(out.is_closed() && out.is_empty() && out.due().is_empty());
    }
}
