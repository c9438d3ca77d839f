//! Why the server closed, and what its code advises.

use std::fmt;

use crate::printable::printable;

/// What a close code advises a client to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Advice {
    /// Come back, after a pause.
    Return,
    /// Come back with a new token: with the same one, the same would happen again.
    NewToken,
    /// Do not come back by yourself: the same would happen again.
    StayAway,
    /// There is nothing more to come: the market is over.
    Finished,
}

/// A close frame of the server's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Close {
    /// `None` when the frame gives none.
    pub code: Option<u16>,
    /// For people; it may change.
    pub reason: String,
}

/// RFC 6455: done, nothing is wrong. Behind the message `end` it says that the market is over.
pub const NORMAL: u16 = 1000;
/// RFC 6455: going away. A server that drains.
pub const AWAY: u16 = 1001;
/// The token has expired.
pub const EXPIRED: u16 = 4102;

// === impl Advice ===

impl Advice {
    /// What a code advises; a code that is not listed advises to return.
    ///
    /// ```
    /// use tickcast_client::close::Advice;
    /// assert_eq!(Advice::of(4008), Advice::Return);
    /// assert_eq!(Advice::of(4102), Advice::NewToken);
    /// assert_eq!(Advice::of(4129), Advice::StayAway);
    /// ```
    pub const fn of(code: u16) -> Advice {
        match code {
            NORMAL => Advice::Finished,
            EXPIRED => Advice::NewToken,
            // Faults of this client, which it would repeat; and what the server says in so many words.
            1002 | 1003 | 1007 | 1009 | 4100..=4199 => Advice::StayAway,
            _ => Advice::Return,
        }
    }
}

// === impl Close ===

impl Close {
    pub fn advice(&self) -> Advice {
        self.code.map_or(Advice::Return, Advice::of)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server closed")?;
        if let Some(code) = self.code {
            write!(f, " with {code}")?;
        }
        match self.advice() {
            Advice::StayAway => f.write_str(", and does not want us back")?,
            Advice::NewToken => f.write_str(", and wants a new token")?,
            Advice::Return | Advice::Finished => {}
        }
        if self.reason.is_empty() { Ok(()) } else { write!(f, ": {}", printable(&self.reason)) }
    }
}
