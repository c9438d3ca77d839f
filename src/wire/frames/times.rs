//! [`FrameTimes`]: the state carried from message to message within a frame, such as the base of time differences.

use crate::{fanout::Form, tick::Nanos};

/// The times of the last message in a frame, in microseconds. Each frame starts from the node's origin, so that frames
/// are decoded independently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameTimes {
    rx: i64,
    /// Receive time minus event time.
    lag: i64,
    /// The next message's sequence number, in encodings that number a session's messages.
    pub sequence: u64,
    /// The array at the end of the frame, in encodings that extend arrays.
    pub array: Option<OpenArray>,
    /// For gathered forms: the time for which the next message is gathered.
    pub gathered: Nanos,
    /// The message that earlier frames hold the start of.
    pub unfinished: Option<Unfinished>,
}

/// A message that is an array, which the next message of its form may extend.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenArray {
    pub form: Form,
    /// The time for which it is gathered, if its form is.
    pub gathered: Nanos,
    /// Whether earlier frames hold its start, so that its WebSocket frame is a continuation.
    pub is_rest: bool,
    /// Offset of its payload; the end of its frame.
    pub payload: usize,
    pub end: usize,
    /// The number of bytes after its last element.
    pub closing_bytes: usize,
}

/// An array that spans several frames, by WebSocket fragmentation (RFC 6455, 5.4). A session keeps only this of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unfinished {
    pub form: Form,
    pub gathered: Nanos,
    /// The bytes after its last element.
    pub closing: [u8; CLOSING_BYTES_MAX],
    pub closing_bytes: u8,
}

/// Enough to close the array and the object around it.
pub const CLOSING_BYTES_MAX: usize = 2;

/// The differences between two messages' times, in microseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimesAfter {
    pub rx: i64,
    pub lag: i64,
}

impl FrameTimes {
    /// The times at the start of a frame.
    pub fn since(origin: Nanos) -> Self {
        FrameTimes { rx: origin.micros(), lag: 0, ..FrameTimes::default() }
    }

    /// Starts a frame in an encoding that depends only on the previous message's times; the other, longer state is not
    /// read.
    #[inline]
    pub fn restart(&mut self, begun: &FrameTimes) {
        (self.rx, self.lag) = (begun.rx, begun.lag);
    }

    /// Advances to the next message. Microseconds of 64-bit nanoseconds cannot overflow here.
    #[inline]
    pub fn advance(&mut self, ts: Nanos, rx: Nanos) -> TimesAfter {
        let rx = rx.micros();
        let lag = rx - ts.micros();
        let after = TimesAfter { rx: rx - self.rx, lag: lag - self.lag };
        (self.rx, self.lag) = (rx, lag);
        after
    }
}
