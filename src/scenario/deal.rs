//! [`Deal`]: what becomes of one message.

use std::time::Duration;

use super::numbering::MessageNumbers;
use crate::tick::Nanos;

/// What becomes of a message that a client should be sent. Several faults may have their part in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Deal {
    /// It is not sent.
    pub is_dropped: bool,
    /// It is sent at this time, if not at once.
    pub until: Option<Nanos>,
    /// It is sent when so many others have been.
    pub behind: u32,
    /// It is sent again so many times.
    pub copies: u32,
    /// It is sent as so many, with numbers that follow one another.
    pub parts: u32,
    /// What it says of its numbers.
    pub numbers: MessageNumbers,
    /// What it says of its times, if not what it should.
    pub stamped: Option<Nanos>,
}

impl Deal {
    /// It is sent as it is.
    pub const fn fair(numbers: MessageNumbers) -> Self {
        Deal { is_dropped: false, until: None, behind: 0, copies: 0, parts: 1, numbers, stamped: None }
    }

    /// It is sent later by so much. Delays add up.
    pub(super) fn delay(&mut self, at: Nanos, by: Duration) {
        self.until = Some(self.until.unwrap_or(at).plus(by));
    }

    /// Whether it is held.
    pub const fn is_held(&self) -> bool {
        self.until.is_some() || self.behind > 0
    }
}
