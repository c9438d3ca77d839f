//! The command `publish`: a client's ticks are decoded in slices, ingested at once, and acknowledged.
//!
//! Loss: none. If a session ends before the acknowledgement, the message was ingested whole or not at all; a publisher
//! that numbers its messages finds out by sending the same number again.
//!
//! No rate limit applies, since a publisher is trusted with the market: what a message costs the session's budgets is
//! returned. It is limited by the shard's work slices, and not read ahead.

use std::{mem, sync::Arc};

use super::job::PublishJob;
use crate::{
    fanout::{SessionKey, Units},
    publish::{NumberFault, NumberedMessage, Publisher, TICKS_A_MESSAGE, TickDecoder, TickMessage, cut},
    session::{core::Core, socket::SessionSocket, state::Session},
    tick::Nanos,
    wire::{Command, CommandError, Control, ErrorCode, Id, command::Publishing, published::Published},
};

/// Bytes of a message scanned per work unit.
const SCANNED_A_UNIT: usize = 32;

impl<S: SessionSocket> Core<S> {
    /// Whether a message may be exempt from the command rate, as far as is known before parsing.
    pub(super) fn may_be_free(&mut self, key: SessionKey, text: &str) -> bool {
        cut::may_publish(text.as_bytes()) && self.may_publish(key)
    }

    /// Whether the session may publish anything. Without authentication, only clients on the same machine may.
    fn may_publish(&mut self, key: SessionKey) -> bool {
        let is_open = self.node.authority.is_open();
        let may = |session: &mut Session<S>| {
            if is_open { session.peer.is_local } else { session.rights.may_publish_any() }
        };
        self.session(key).is_some_and(may)
    }

    /// Parses a `publish` message; `None` if it is none. Returns its cost to the session's budgets.
    pub(super) fn begin_publish(
        &mut self,
        key: SessionKey,
        text: &str,
        now: Nanos,
        units: &mut Units,
    ) -> Option<Result<PublishJob, CommandError>> {
        if !cut::may_publish(text.as_bytes()) {
            return None;
        }
        units.spend(1 + text.len() / SCANNED_A_UNIT);
        let mut cut = cut::cut(text.as_bytes(), TICKS_A_MESSAGE)?;
        let node = Arc::clone(&self.node);
        let Publishing { id, publisher, number } =
            match self.reader.read(&mut mem::take(&mut cut.head), &node.limits) {
                Ok(Command::Publish(publishing)) => publishing,
                Ok(_) => return None,
                Err(error) => return Some(Err(error)),
            };
        let fault = |code, message: String| Some(Err(CommandError { id: id.clone(), code, message }));
        if !self.may_publish(key) {
            let message = if node.authority.is_open() {
                "without authentication configured, publishing is for clients on the same machine alone, which call it \
                 localhost or by an address"
            } else {
                "the token allows no publishing"
            };
            return fault(ErrorCode::Forbidden, message.to_owned());
        }
        if let Some(session) = self.session(key) {
            session.budget.give_back(text.len(), &node.limits, now);
        }
        if cut.count > TICKS_A_MESSAGE {
            let count = cut.count;
            let message = format!("ticks has {count} entries, one message takes at most {TICKS_A_MESSAGE}");
            return fault(ErrorCode::BadValue, message);
        }
        if number.is_none() && publisher.is_some() && cut.count > 0 {
            let message = "number is missing: a publisher numbers its messages, from 1".to_owned();
            return fault(ErrorCode::MissingField, message);
        }
        let message = TickMessage::new(text.as_bytes().to_vec(), cut);
        Some(Ok(PublishJob { publishing: Publishing { id, publisher, number }, message }))
    }

    /// Continues a command; returns whether it has been answered. `now` is the machine's clock.
    pub(super) fn step_publish(
        &mut self,
        key: SessionKey,
        job: &mut PublishJob,
        now: Nanos,
        units: &mut Units,
    ) -> bool {
        let (table, line_bytes) = (&self.node.fields, self.node.limits.line_bytes);
        let decoder = self.decoder.take().filter(|decoder| decoder.line_bytes_max() == line_bytes);
        let mut decoder = decoder.unwrap_or_else(|| TickDecoder::new(line_bytes, Arc::clone(table)));
        // Without authentication, these allow everything.
        let rights = self.session(key).map(|session| Arc::clone(&session.rights)).unwrap_or_default();
        let is_decoded = job.message.decode(&mut decoder, |symbol| rights.may_publish(symbol), units);
        self.decoder = Some(decoder);
        if is_decoded {
            self.take_published(key, mem::take(&mut job.publishing), mem::take(&mut job.message), now, units);
        }
        is_decoded
    }

    fn take_published(
        &mut self,
        key: SessionKey,
        publishing: Publishing,
        message: TickMessage,
        now: Nanos,
        units: &mut Units,
    ) {
        let node = Arc::clone(&self.node);
        let Publishing { id, publisher, number } = publishing;
        let rights = self.session(key).map(|session| Arc::clone(&session.rights)).unwrap_or_default();
        let publisher = publisher.map(|name| Publisher { user: rights.user.clone(), name });
        let Some(push) = node.push.as_deref().filter(|_| self.draining_since.is_none()) else {
            let message = "the server is stopping: publish to another, or come back in a moment".to_owned();
            return self.refuse_published(key, id, ErrorCode::Draining, message);
        };
        let numbered = match (publisher, number) {
            (Some(publisher), Some(number)) => Some(NumberedMessage { publisher, number }),
            (Some(publisher), None) => {
                // The publisher asks for its last number.
                let last = Some(node.publishers.last(&publisher));
                return self.control(
                    key,
                    &Control::Published(Published { id, number: last, ..Published::default() }),
                );
            }
            (None, _) => None,
        };
        match message.take(push, &node.publishers, numbered.as_ref(), now, units) {
            Ok(outcome) => {
                let outcome = outcome.told(|symbol| rights.may_publish(symbol));
                let published = Published::of(id, numbered.map(|numbered| numbered.number), &outcome);
                self.control(key, &Control::Published(published));
            }
            Err(fault) => self.refuse_published(key, id, ErrorCode::from(&fault), fault.to_string()),
        }
    }

    fn refuse_published(&mut self, key: SessionKey, id: Option<Id>, code: ErrorCode, message: String) {
        self.refuse_command(key, &CommandError { id, code, message });
    }
}

impl From<&NumberFault> for ErrorCode {
    fn from(fault: &NumberFault) -> Self {
        match fault {
            NumberFault::Gap { .. } => ErrorCode::NumberGap,
            NumberFault::Old { .. } => ErrorCode::NumberOld,
            NumberFault::Busy { .. } => ErrorCode::PublisherBusy,
            NumberFault::TooMany => ErrorCode::TooManyPublishers,
        }
    }
}
