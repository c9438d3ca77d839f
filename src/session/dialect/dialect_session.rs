//! [`DialectSession`]: the additional state of a session that speaks a venue's protocol: conversation, pongs and
//! faults.

use crate::{
    session::inbound::budget::Bucket,
    tick::Nanos,
    wire::{
        Unfinished,
        dialects::{Dialect, DialectId, Moment, Wishes},
        faulty::FaultyMessages,
    },
};

/// A session's dialect, and its client's pongs.
pub struct DialectSession {
    pub id: DialectId,
    pub conversation: Box<dyn Dialect>,
    /// When the oldest ping was sent that nothing was received after.
    pub unanswered_since: Option<Nanos>,
    /// The bucket of the venue's limit on messages; `None` until the client has sent something.
    pub messages: Option<Bucket>,
    /// The message that the client was sent only a part of.
    pub unfinished: Option<Unfinished>,
    /// The faults that a scenario applies to the session.
    pub faults: Option<Box<FaultyMessages>>,
}

/// An event for a dialect.
#[derive(Clone, Copy, Debug)]
pub enum DialectInput<'a> {
    /// The session has started.
    Opened,
    Text(&'a str),
    Binary(&'a [u8]),
}

impl DialectSession {
    pub fn new((id, conversation): (DialectId, Box<dyn Dialect>)) -> Box<Self> {
        Box::new(DialectSession {
            id,
            conversation,
            unanswered_since: None,
            messages: None,
            unfinished: None,
            faults: None,
        })
    }

    /// The dialect's wishes in reaction to an event.
    pub fn hear(&mut self, input: DialectInput<'_>, at: Moment) -> Wishes {
        let mut wishes = Wishes::default();
        if !matches!(input, DialectInput::Opened) && self.refuses(at, &mut wishes) {
            return wishes;
        }
        match input {
            DialectInput::Opened => self.conversation.opened(at, &mut wishes),
            DialectInput::Text(text) => self.conversation.text(text, at, &mut wishes),
            DialectInput::Binary(message) => self.conversation.binary(message, at, &mut wishes),
        }
        wishes
    }
}
