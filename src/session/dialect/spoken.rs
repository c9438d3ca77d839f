//! [`Spoken`]: a session's dialect, and what it is told.

use crate::{
    session::inbound::budget::Bucket,
    tick::Nanos,
    wire::{
        dialects::{Dialect, DialectId, Moment, Wishes},
        faulty::FaultyMessages,
    },
};

/// A session's dialect, and what is known of its client's pongs.
pub struct Spoken {
    pub id: DialectId,
    pub dialect: Box<dyn Dialect>,
    /// When the oldest ping was sent that nothing has come after.
    pub unanswered_since: Option<Nanos>,
    /// What its client may say, where its venue's limit is kept to. `None` until it has said something.
    pub messages: Option<Bucket>,
    /// The faults that a scenario does to it.
    pub faults: Option<Box<FaultyMessages>>,
}

/// What a dialect is told.
#[derive(Clone, Copy, Debug)]
pub enum Said<'a> {
    /// The session has begun.
    Opened,
    Text(&'a str),
    Binary(&'a [u8]),
}

impl Spoken {
    pub fn new((id, dialect): (DialectId, Box<dyn Dialect>)) -> Box<Self> {
        Box::new(Spoken { id, dialect, unanswered_since: None, messages: None, faults: None })
    }

    /// What the dialect wishes for.
    pub fn hear(&mut self, said: Said<'_>, at: Moment) -> Wishes {
        let mut wishes = Wishes::default();
        if !matches!(said, Said::Opened) && self.refuses(at, &mut wishes) {
            return wishes;
        }
        match said {
            Said::Opened => self.dialect.opened(at, &mut wishes),
            Said::Text(text) => self.dialect.text(text, at, &mut wishes),
            Said::Binary(message) => self.dialect.binary(message, at, &mut wishes),
        }
        wishes
    }
}
