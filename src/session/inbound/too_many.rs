//! The errors for a session that has reached its own, or its user's, limit of subscriptions.

use crate::{
    fanout::{Name, SessionKey},
    session::{core::Core, socket::SessionSocket, stats::LimitHit},
    tick::Symbol,
    wire::{Control, ErrorCode, control::Entry},
};

impl<S: SessionSocket> Core<S> {
    pub(super) fn too_many(&mut self, key: SessionKey, symbol: &str, name: Option<Name>) -> Entry {
        let limits = &self.node.limits;
        let is_of_session = self.fanout.session_subscriptions(key) >= limits.subscriptions;
        let (limit, message) = if is_of_session {
            let most = limits.subscriptions;
            let message = format!(
                "a session has at most {most} subscriptions: unsubscribe some, or open another session"
            );
            (LimitHit::Subscriptions, message)
        } else {
            let most = limits.user_subscriptions;
            let message =
                format!("all sessions of a user have at most {most} subscriptions: unsubscribe some");
            (LimitHit::UserSubscriptions, message)
        };
        self.stats.limits[limit as usize] += 1;
        Entry { name, ..Entry::error(symbol, ErrorCode::TooManySubscriptions, message) }
    }

    /// Reports that a glob matched a new topic and the session had no subscription left for it.
    pub fn report_full(&mut self, key: SessionKey, symbol: &Symbol, name: Option<Name>) {
        let Entry { message, .. } = self.too_many(key, symbol.as_str(), None);
        let message =
            &format!("{symbol} was listed and matches a glob of yours; {}", message.unwrap_or_default());
        self.control(key, &Control::Error { name, id: None, code: ErrorCode::TooManySubscriptions, message });
    }
}
