//! What a command is refused because the session may not read it. `fanout/entitlement.rs` knows what it may.

use super::job::{SymbolsCommand, SymbolsJob};
use crate::{
    access::Entitlement,
    fanout::{Name, SessionKey},
    planted::{Fault, is_planted},
    session::{core::Core, refusals::RefusedAccess, socket::SessionSocket},
    tick::Symbol,
    wire::{ErrorCode, control::Entry},
};

impl<S: SessionSocket> Core<S> {
    /// Why a symbol is refused; `None` for one that may be read. It is asked before anything is looked up, so that neither
    /// the answer nor its time says whether the symbol exists.
    pub(super) fn refused(&mut self, key: SessionKey, symbol: &Symbol, name: Option<&Name>) -> Option<Entry> {
        let message = match self.fanout.reading(key, symbol) {
            Entitlement::RealTime => return None,
            _ if is_planted(Fault::ForgetsRights) => return None,
            Entitlement::Delayed => "this symbol may be read delayed, and delayed data is not served yet",
            Entitlement::Refused => "this symbol may not be read with the session's token, if it exists",
        };
        self.audit_refused(key, RefusedAccess::NotEntitled, Some(symbol));
        Some(Entry::error(symbol.as_str(), ErrorCode::NotEntitled, message).named(name))
    }

    /// The answer where none of the fields that are asked for may be read.
    pub(super) fn no_field(&mut self, key: SessionKey, text: &str, name: Option<&Name>) -> Entry {
        self.audit_refused(key, RefusedAccess::NotEntitled, None);
        let message = "none of the fields may be read with the session's token";
        Entry::error(text, ErrorCode::NotEntitled, message).named(name)
    }

    /// Whether the session may read any of the fields that a subscription is to.
    pub(super) fn may_have(&self, key: SessionKey, job: &SymbolsJob) -> bool {
        match &job.command {
            SymbolsCommand::Subscribe { spec, .. } => self.fanout.allowed(key, spec).is_some(),
            SymbolsCommand::Set { change } => self.fanout.allowed_change(key, change).is_some(),
            SymbolsCommand::Unsubscribe => true,
        }
    }
}
