//! The encoding `tickcast.v1.json`: a frame is a JSON array of messages.
//!
//! Ticks and gaps have a fast path, which reads key by key, in any order and only as far as needed. When it meets
//! anything that it does not support (white space, escapes, nested values, a missing key), `serde_json` parses the
//! message instead. So the fast path changes what a message costs, and never what it means. Other messages are always
//! parsed by `serde_json`.
//!
//! Invariants: on valid JSON both paths agree (a property test checks it); no text causes a panic.

mod head;
mod pairs;
#[cfg(test)]
mod tests;
mod values;

pub(crate) use values::values;

use crate::{binary::BinaryError, message::Message};
use head::{fast, slow};

/// The messages of a frame, in order. After an error there are no more.
///
/// ```
/// use tickcast_client::{Message, Messages};
///
/// let frame = r#"[{"type":"update","symbol":"BTCUSDT","seq":54,"ts":1,"rx":2,"bid":87232.01},{"type":"end"}]"#;
/// let mut messages = Messages::new(frame);
/// let Some(Ok(Message::Update(tick))) = messages.next() else { panic!() };
/// assert_eq!((&*tick.symbol, tick.seq, tick.n), ("BTCUSDT", 54, 1));
/// assert_eq!(tick.values()?.text(tickcast_client::Field::Bid), Some("87232.01"));
/// assert_eq!(messages.next().transpose()?, Some(Message::End));
/// assert!(messages.next().is_none());
/// # Ok::<(), tickcast_client::MessageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    frame: &'a str,
    at: usize,
    stands: Stands,
}

/// The state of the parser within a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stands {
    Before,
    /// After a message: a comma or the array's end is next.
    Between,
    /// The array has ended, or is none.
    Behind,
}

/// Why a frame, or a message in it, cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    #[error("not a JSON array of messages, at byte {at}")]
    NotAnArray { at: usize },
    #[error("not a JSON object, at byte {at}: {why}")]
    NotAnObject { at: usize, why: String },
    #[error("a message without {key}")]
    Missing { key: &'static str },
    #[error("{key} is not what it should be: {value}")]
    Value { key: &'static str, value: String },
    #[error("a message of the type {kind} is not what it should be: {source}")]
    Message { kind: String, source: serde_json::Error },
    #[error("a binary frame that is not what it should be: {0}")]
    Binary(#[from] BinaryError),
}

// === impl MessageError ===

impl MessageError {
    pub(crate) fn value(key: &'static str, raw: &str) -> Self {
        MessageError::Value { key, value: raw.chars().take(40).collect() }
    }
}

// === impl Messages ===

impl<'a> Messages<'a> {
    pub fn new(frame: &'a str) -> Self {
        Messages { frame, at: 0, stands: Stands::Before }
    }

    fn step(&mut self) -> Result<Option<Message<'a>>, MessageError> {
        let bytes = self.frame.as_bytes();
        let at = skip_space(bytes, self.at);
        match (self.stands, bytes.get(at)) {
            (Stands::Before, Some(b'[')) => {
                let first = skip_space(bytes, at + 1);
                if bytes.get(first) == Some(&b']') {
                    return self.end_of_array(first);
                }
                self.at = first;
            }
            (Stands::Between, Some(b',')) => self.at = skip_space(bytes, at + 1),
            (Stands::Between, Some(b']')) => return self.end_of_array(at),
            _ => return Err(MessageError::NotAnArray { at }),
        }
        let (head, end) = match fast(self.frame, self.at) {
            Some(found) => found,
            None => slow(self.frame, self.at)?,
        };
        (self.at, self.stands) = (end, Stands::Between);
        head.typed().map(Some)
    }

    fn end_of_array(&mut self, at: usize) -> Result<Option<Message<'a>>, MessageError> {
        self.stands = Stands::Behind;
        let end = skip_space(self.frame.as_bytes(), at + 1);
        if end == self.frame.len() { Ok(None) } else { Err(MessageError::NotAnArray { at: end }) }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, MessageError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stands == Stands::Behind {
            return None;
        }
        let found = self.step();
        if found.is_err() {
            self.stands = Stands::Behind;
        }
        found.transpose()
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let space = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(space).count())
}
