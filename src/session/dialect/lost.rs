//! Frames of dialects, once they are filled: the numbers of their messages, frames in which nothing is said, and frames that
//! miss something. A client that is too slow for a stream of which it must miss nothing is closed, as its venue does.
//!
//! Loss: the ticks of a frame that is not sent are recorded as discarded, and those that the ring no longer had as gapped.

use crate::{
    fanout::{FrameTally, SessionKey},
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, stats::LimitHit},
    wire::{CloseReason, websocket},
};

impl<S: SessionSocket> Core<S> {
    /// Gives the next frame the number of its first message, and the message that it begins in.
    pub(in crate::session) fn give_sequence(&mut self, key: SessionKey) {
        let mut dialect = self.session(key).and_then(|session| session.dialect.as_deref_mut());
        let unfinished = dialect.as_deref().and_then(|dialect| dialect.unfinished);
        let sequence = dialect.as_mut().and_then(|dialect| dialect.conversation.sequence());
        let sequence = sequence.map_or(0, |sequence| *sequence);
        self.framer.set_message(sequence, unfinished);
    }

    /// What is written next are answers: no message may stand within another, so an unfinished one ends before it. Pings,
    /// pongs and a close may.
    pub(in crate::session) fn end_unfinished(&mut self, key: SessionKey) {
        let Some(session) = self.session(key) else { return };
        let Some(dialect) = session.dialect.as_deref_mut() else { return };
        if dialect.unfinished.is_none() || !websocket::has_message(&session.rest) {
            return;
        }
        let mut end = Vec::new();
        if let Some(unfinished) = dialect.unfinished.take() {
            unfinished.finish(&mut end);
        }
        session.rest.splice(..0, end);
    }

    /// Takes the frame that was just filled. Returns whether there is one to send.
    pub(in crate::session) fn account_dialect_frame(&mut self, key: SessionKey, tally: &FrameTally) -> bool {
        if self.framer.has_lost() && !is_planted(Fault::HidesLoss) {
            self.lose_frame(key, tally);
            return false;
        }
        let (next, unfinished) = self.framer.message();
        if let Some(dialect) = self.session(key).and_then(|session| session.dialect.as_deref_mut()) {
            dialect.unfinished = unfinished;
            if let Some(sequence) = dialect.conversation.sequence() {
                *sequence = next;
            }
        }
        let says_something = self.framer.ready().is_some();
        if !says_something {
            // Ticks that its streams have no message for: they are dealt with.
            self.fanout.accepted(tally);
        }
        says_something
    }

    /// Closes a session whose frame misses something.
    pub(super) fn lose_frame(&mut self, key: SessionKey, tally: &FrameTally) {
        self.fanout.interrupted(tally);
        self.stats.limits[LimitHit::DialectLoss as usize] += 1;
        self.close(key, CloseReason::Slow);
    }
}
