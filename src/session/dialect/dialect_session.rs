//! [`DialectSession`]: what a session that speaks a venue's protocol has beside others: its conversation, pongs and faults.

use crate::{
    session::inbound::budget::Bucket,
    tick::Nanos,
    wire::{
        Unfinished,
        dialects::{Dialect, DialectId, Moment, Wishes},
        faulty::FaultyMessages,
    },
};

/// A session's dialect, and what is known of its client's pongs.
pub struct DialectSession {
    pub id: DialectId,
    pub conversation: Box<dyn Dialect>,
    /// When the oldest ping was sent that nothing has come after.
    pub unanswered_since: Option<Nanos>,
    /// What its client may say, where its venue's limit is kept to. `None` until it has said something.
    pub messages: Option<Bucket>,
    /// The message that its client was sent a part of.
    pub unfinished: Option<Unfinished>,
    /// The faults that a scenario does to it.
    pub faults: Option<Box<FaultyMessages>>,
}

/// What a dialect is told.
#[derive(Clone, Copy, Debug)]
pub enum DialectInput<'a> {
    /// The session has begun.
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

    /// What the dialect wishes for.
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
