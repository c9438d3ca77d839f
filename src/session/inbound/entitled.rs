//! Answers to commands for data that the session may not read. The rights are checked in `fanout/entitlement.rs`.

use std::sync::Arc;

use super::{
    job::{SymbolsCommand, SymbolsJob},
    results::status,
};
use crate::{
    access::Entitlement,
    fanout::{Moved, Name, Restricted, SessionKey, Withdrawn},
    planted::{Fault, is_planted},
    session::{core::Core, refusals::RefusedAccess, socket::SessionSocket},
    tick::{Nanos, State, Symbol},
    topic::Plane,
    wire::{
        Control, ErrorCode,
        control::{Entry, Status},
    },
};

/// Maximum number of results in a message that answers no command.
const RESULTS_AT_ONCE: usize = 64;

impl<S: SessionSocket> Core<S> {
    /// The refusal of a symbol; `None` if it may be read. Checked before any look-up, so that neither the answer nor
    /// its timing reveals whether the symbol exists.
    pub(super) fn refused(&mut self, key: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<Entry> {
        if self.fanout.may_read(key, symbol) || is_planted(Fault::ForgetsRights) {
            return None;
        }
        let message = match self.fanout.reading(key, symbol) {
            Entitlement::RealTime => return None,
            Entitlement::Delayed => {
                "this symbol may be read delayed, and nothing is shown delayed: auth.delayed_grid_ms is 0, or was when the \
                 service was started without authentication"
            }
            Entitlement::Refused => "this symbol may not be read with the session's token, if it exists",
        };
        self.audit_refused(key, RefusedAccess::NotEntitled, Some(symbol));
        Some(Entry::error(symbol.as_str(), ErrorCode::NotEntitled, message).named(name))
    }

    /// Adds the delay and its notice to a result, if the symbol is delayed.
    pub(super) fn with_delay(&self, key: SessionKey, symbol: &Symbol, entry: Entry) -> Entry {
        if self.fanout.plane_of(key, symbol) != Some(Plane::Delayed) {
            return entry;
        }
        let Some(product) = self.fanout.product_of(symbol) else { return entry };
        Entry { delay_ms: Some(product.delay_ms()), notice: product.notice.clone(), ..entry }
    }

    /// Reports a delayed subscription that has no result of its own: a glob matched the symbol when it was listed.
    pub(in crate::session) fn tell_delayed(&mut self, key: SessionKey, symbol: &Symbol, name: Option<Name>) {
        let entry = Entry { name, ..Entry::new(symbol.as_str(), Status::Pending) };
        let results = vec![self.with_delay(key, symbol, entry)];
        self.control(key, &Control::Subscribed { id: None, results, fields: Vec::new() });
    }

    /// Reports subscriptions that moved between real time and delayed.
    pub(super) fn tell_moved(&mut self, key: SessionKey, moved: &[Moved]) {
        for some in moved.chunks(RESULTS_AT_ONCE) {
            let results = some.iter().map(|Moved { symbol, name, outcome, .. }| {
                let entry = Entry { name: name.clone(), ..Entry::new(symbol.as_str(), status(*outcome)) };
                self.with_delay(key, symbol, entry)
            });
            let results = results.collect();
            self.control(key, &Control::Subscribed { id: None, results, fields: Vec::new() });
        }
        for Moved { symbol, name, state, .. } in moved {
            if *state != State::Pending {
                let name = name.clone();
                self.control(
                    key,
                    &Control::SymbolStatus { name, symbol: symbol.as_str(), state: *state, reason: None },
                );
            }
        }
    }

    /// Restarts delayed subscriptions after products have changed. Costs one atomic load when they have not.
    pub(in crate::session) fn change_delays(&mut self, now: Nanos) {
        let node = Arc::clone(&self.node);
        let Some(delayed) = node.ingest.delayed() else { return };
        if !delayed.has_changed(self.fanout.delay_rule()) {
            return;
        }
        let sessions = self.sessions.iter().enumerate().filter(|(_, session)| session.is_some());
        let keys = sessions.map(|(index, _)| SessionKey(u32::try_from(index).unwrap_or(u32::MAX)));
        let changed = self.fanout.change_delays(&delayed.rules(), keys, now, &*node.ingest);
        for (key, Restricted { ended, moved }) in changed {
            self.tell_ended(key, ended);
            self.tell_moved(key, &moved);
            self.fanout.make_ready(key);
        }
    }

    /// Reports subscriptions that are no longer allowed.
    pub(super) fn tell_ended(&mut self, key: SessionKey, ended: Vec<Withdrawn>) {
        if ended.is_empty() {
            return;
        }
        let results = ended.into_iter().map(|withdrawn| Entry {
            name: withdrawn.name,
            ..Entry::new(withdrawn.symbol.as_str(), Status::Ok)
        });
        self.control(key, &Control::Unsubscribed { id: None, results: results.collect() });
    }

    /// The result for a glob when no symbol may be read, with this token or before there is one.
    pub(super) fn nothing_readable(&mut self, key: SessionKey, text: &str, name: Option<&Name>) -> Entry {
        self.audit_refused(key, RefusedAccess::NotEntitled, None);
        let message = "no symbol may be read with the session's token, or before it has one";
        Entry::error(text, ErrorCode::NotEntitled, message).named(name)
    }

    /// The result when none of the requested fields may be read.
    pub(super) fn no_field(&mut self, key: SessionKey, text: &str, name: Option<&Name>) -> Entry {
        self.audit_refused(key, RefusedAccess::NotEntitled, None);
        let message = "none of the fields may be read with the session's token";
        Entry::error(text, ErrorCode::NotEntitled, message).named(name)
    }

    /// As [`Self::may_have`], for one symbol, which may have fewer fields when it is delayed.
    pub(super) fn may_have_of(&self, key: SessionKey, symbol: &Symbol, job: &SymbolsJob) -> bool {
        match &job.command {
            SymbolsCommand::Subscribe { spec, .. } => self.fanout.allowed_of(key, symbol, spec).is_some(),
            SymbolsCommand::Set { change } => self.fanout.allowed_change_of(key, symbol, change).is_some(),
            SymbolsCommand::Unsubscribe => true,
        }
    }

    /// Whether the session may read any of the requested fields.
    pub(super) fn may_have(&self, key: SessionKey, job: &SymbolsJob) -> bool {
        match &job.command {
            SymbolsCommand::Subscribe { spec, .. } => self.fanout.allowed(key, spec).is_some(),
            SymbolsCommand::Set { change } => self.fanout.allowed_change(key, change).is_some(),
            SymbolsCommand::Unsubscribe => true,
        }
    }
}
