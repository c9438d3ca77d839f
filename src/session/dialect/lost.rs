//! Accounts for filled frames of dialects: message numbers, frames without messages, and frames with missing ticks. A
//! client too slow for a lossless stream is closed, as its venue would.
//!
//! Loss: the ticks of an unsent frame are counted as discarded, those that the ring has dropped as gapped.

use crate::{
    fanout::{FrameTally, SessionKey},
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, stats::LimitHit},
    wire::{CloseReason, websocket},
};

impl<S: SessionSocket> Core<S> {
    /// Passes the next sequence number and the unfinished message to the next frame.
    pub(in crate::session) fn give_sequence(&mut self, key: SessionKey) {
        let mut dialect = self.session(key).and_then(|session| session.dialect.as_deref_mut());
        let unfinished = dialect.as_deref().and_then(|dialect| dialect.unfinished);
        let sequence = dialect.as_mut().and_then(|dialect| dialect.conversation.sequence());
        let sequence = sequence.map_or(0, |sequence| *sequence);
        self.framer.set_message(sequence, unfinished);
    }

    /// Ends an unfinished message before answers are written, since messages must not interleave. Pings, pongs and
    /// closes may.
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
            // Ticks without a message in its streams count as handled.
            self.fanout.accepted(tally);
        }
        says_something
    }

    /// Closes a session whose frame has missing ticks.
    pub(super) fn lose_frame(&mut self, key: SessionKey, tally: &FrameTally) {
        self.fanout.interrupted(tally);
        self.stats.limits[LimitHit::DialectLoss as usize] += 1;
        self.close(key, CloseReason::Slow);
    }
}
