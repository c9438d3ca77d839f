//! What a dialect's client says, on its way to be heard: at once when it is short and nothing else waits, as every command is.

use std::sync::Arc;

use crate::{
    fanout::SessionKey,
    limits::Limits,
    session::{
        core::Core,
        dialect::spoken::Said,
        inbound::{
            job::WaitingMessage,
            schedule::{AtOnce, OF_MESSAGE, OF_REQUEST},
        },
        socket::SessionSocket,
    },
    tick::Nanos,
    wire::CloseReason,
};

impl<S: SessionSocket> Core<S> {
    /// As [`Self::command`], of a binary message, which only dialects take.
    pub fn binary_message(&mut self, key: SessionKey, message: &[u8], now: Nanos) {
        self.take_said(key, Said::Binary(message), now, OF_MESSAGE);
    }

    /// Lets a new session of a dialect begin, whose rights are given.
    pub fn open_dialect(&mut self, key: SessionKey, now: Nanos) {
        self.begin_faults(key);
        self.take_said(key, Said::Opened, now, OF_REQUEST);
    }

    /// As [`Self::command`], for a session's dialect. How many messages there may be is its venue's affair
    /// (`session/dialect/keep.rs`).
    pub(in crate::session) fn take_said(
        &mut self,
        key: SessionKey,
        said: Said<'_>,
        now: Nanos,
        at_once: AtOnce,
    ) {
        let limits: &Limits = &Arc::clone(&self.node).limits;
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        let waits = session.jobs.is_some();
        let bytes = match said {
            Said::Opened => 0,
            Said::Text(text) => text.len(),
            Said::Binary(message) => message.len(),
        };
        if !matches!(said, Said::Opened) {
            if let Err(limit) = session.take_of_user(limits, now) {
                self.stats.limits[limit as usize] += 1;
                return self.close(key, CloseReason::Policy);
            }
            self.stats.commands += 1;
        }
        if waits || (self.backlog.allowance.is_spent() && bytes > at_once.bytes) {
            let waiting = match said {
                // Nothing can have come before it.
                Said::Opened => return,
                Said::Text(text) => WaitingMessage::Text(text.into()),
                Said::Binary(message) => WaitingMessage::Binary(message.into()),
            };
            return self.wait(key, |jobs| jobs.wait(waiting));
        }
        self.carry_out(key, now, at_once, bytes, |core, units| core.begin_said(key, said, now, units));
    }
}
