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
}

/// A message that is an array, to which the next one of its form may add.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenArray {
    pub form: Form,
    /// Where its payload begins, and its frame ends.
    pub payload: usize,
    pub end: usize,
    /// How many bytes stand behind its last element.
    pub closing_bytes: usize,
}

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
