//! [`FrameTimes`]: the times of the message before, from which an encoding may write those of the next as differences.

use crate::{fanout::Form, tick::Nanos};

/// The times of the last message of a frame, in microseconds. A frame begins with the origin of the node, so that a
/// frame is read without any other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameTimes {
    rx: i64,
    /// From a tick's own time to its receipt.
    lag: i64,
    /// Of the next message, in encodings that number the messages of a session.
    pub sequence: u64,
    /// The array that the frame ends with, in encodings that add to one.
    pub array: Option<OpenArray>,
    /// When the next message goes out with all of its form, where these are one message.
    pub gathered: Nanos,
    /// The message of which the frames before have a part.
    pub unfinished: Option<Unfinished>,
}

/// A message that is an array, to which the next one of its form may add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenArray {
    pub form: Form,
    /// The time for which it is gathered, where its form is.
    pub gathered: Nanos,
    /// Whether frames before have a part of it, so that its frame of WebSocket is a continuation.
    pub is_rest: bool,
    /// Where its payload begins, and its frame ends.
    pub payload: usize,
    pub end: usize,
    /// How many bytes stand behind its last element.
    pub closing_bytes: usize,
}

/// An array that several frames have parts of, so that it may be longer than any of them (RFC 6455, 5.4). A session
/// keeps this of it, and no more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfinished {
    pub form: Form,
    pub gathered: Nanos,
    /// What stands behind its last element.
    pub closing: [u8; CLOSING_BYTES_MAX],
    pub closing_bytes: u8,
}

/// An array is closed, and what it is within.
pub const CLOSING_BYTES_MAX: usize = 2;

/// What two messages differ by, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimesAfter {
    pub rx: i64,
    pub lag: i64,
}

impl FrameTimes {
    /// Those that a frame begins with.
    pub fn since(origin: Nanos) -> Self {
        FrameTimes { rx: origin.micros(), lag: 0, ..FrameTimes::default() }
    }

    /// Begins a frame of messages that depend on nothing but the times of the one before: of the rest, which is longer,
    /// nothing is read.
    #[inline]
    pub fn restart(&mut self, begun: &FrameTimes) {
        (self.rx, self.lag) = (begun.rx, begun.lag);
    }

    /// Moves on to the next message. Microseconds of 64-bit nanoseconds are far from the ends of their type.
    #[inline]
    pub fn advance(&mut self, ts: Nanos, rx: Nanos) -> TimesAfter {
        let rx = rx.micros();
        let lag = rx - ts.micros();
        let after = TimesAfter { rx: rx - self.rx, lag: lag - self.lag };
        (self.rx, self.lag) = (rx, lag);
        after
    }
}
