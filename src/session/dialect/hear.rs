//! Input of a dialect's client: handled at once when it is short and nothing else waits, like a command.

use std::sync::Arc;

use crate::{
    fanout::SessionKey,
    limits::Limits,
    session::{
        core::Core,
        dialect::DialectInput,
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
    /// As [`Self::command`], for a binary message, which only dialects accept.
    pub fn binary_message(&mut self, key: SessionKey, message: &[u8], now: Nanos) {
        self.take_dialect_input(key, DialectInput::Binary(message), now, OF_MESSAGE);
    }

    /// Starts a dialect session whose rights are known.
    pub fn open_dialect(&mut self, key: SessionKey, now: Nanos) {
        self.begin_faults(key);
        self.take_dialect_input(key, DialectInput::Opened, now, OF_REQUEST);
    }

    /// As [`Self::command`], for a dialect session. The venue's own rate limit applies (`session/dialect/keep.rs`).
    pub(in crate::session) fn take_dialect_input(
        &mut self,
        key: SessionKey,
        input: DialectInput<'_>,
        now: Nanos,
        at_once: AtOnce,
    ) {
        let limits: &Limits = &Arc::clone(&self.node).limits;
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        let waits = session.jobs.is_some();
        let bytes = match input {
            DialectInput::Opened => 0,
            DialectInput::Text(text) => text.len(),
            DialectInput::Binary(message) => message.len(),
        };
        if !matches!(input, DialectInput::Opened) {
            if let Err(limit) = session.take_of_user(limits, now) {
                self.stats.limits[limit as usize] += 1;
                return self.close(key, CloseReason::Policy);
            }
            self.stats.commands += 1;
        }
        if waits || (self.backlog.allowance.is_spent() && bytes > at_once.bytes) {
            let waiting = match input {
                // Nothing can precede it.
                DialectInput::Opened => return,
                DialectInput::Text(text) => WaitingMessage::Text(text.into()),
                DialectInput::Binary(message) => WaitingMessage::Binary(message.into()),
            };
            return self.wait(key, |jobs| jobs.wait(waiting));
        }
        self.carry_out(key, now, at_once, bytes, |core, units| {
            core.begin_dialect_input(key, input, now, units)
        });
    }
}
