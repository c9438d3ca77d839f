//! The sessions' part of the usage audit: that they were opened, what they were sent, and that they ended.
//!
//! The path of a tick pays one addition per frame. First messages, session ends, token changes and new months cost
//! more. Without an audit, all of it costs nothing.

use std::{collections::HashMap, mem, sync::Arc};

use crate::{
    access::{ProductCounts, Rights},
    audit::{AuditChannel, AuditLog, AuditUser, Event, Month},
    fanout::{Place, SessionKey, Units},
    session::{core::Core, refusals::RefusedAccess, socket::SessionSocket, state::Session},
    tick::{Nanos, Symbol},
    topic::Plane,
    wire::CloseReason,
};

/// Cost of looking at a subscription and whether it was reported.
const SUBSCRIPTION_UNITS: usize = 8;

impl<S: SessionSocket> Core<S> {
    fn audit(&self) -> Option<Arc<AuditLog>> {
        self.node.audit.clone()
    }

    /// Reports that a session was opened and has its rights.
    pub(super) fn audit_opened(&mut self, key: SessionKey) {
        let Some(audit) = self.audit() else { return };
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        session.is_audited = true;
        let opened = Event::Opened {
            session: session.number,
            who: session.rights.who(),
            address: session.peer.address.ip().to_canonical(),
            agent: session.peer.agent.text().to_owned(),
            via: session.via(),
            expires: session.rights.expires.map(Nanos::micros),
            products: node.products.held(&session.rights),
        };
        audit.tell(self.node.clock.now(), opened);
    }

    /// Reports that a session is about to get other rights. Nothing under the old rights may be partly written.
    pub(in crate::session) fn audit_renewed(&mut self, key: SessionKey, rights: &Rights) {
        let Some(audit) = self.audit() else { return };
        let now = self.node.clock.now();
        let Some(session) = self.session(key) else { return };
        let (number, used_by, via) = (session.number, session.rights.who(), session.via());
        let unreported_uses = mem::take(&mut session.unreported_uses);
        self.node.tell_used_at(now, &used_by, via, &unreported_uses);
        let (who, expires) = (rights.who(), rights.expires.map(Nanos::micros));
        let products = self.node.products.held(rights);
        audit.tell(now, Event::Renewed { session: number, who, expires, products });
    }

    /// Accounts for a frame that was filled for this session.
    #[inline]
    pub(in crate::session) fn note_firsts(&mut self, key: SessionKey) {
        if !self.fanout.firsts().is_empty() {
            self.audit_firsts(key);
        }
    }

    #[cold]
    fn audit_firsts(&mut self, key: SessionKey) {
        let Some(audit) = self.audit() else { return };
        let Some(session) = self.session(key) else { return };
        let (who, via) = (session.rights.who(), session.via());
        for plane in [Plane::RealTime, Plane::Delayed] {
            let firsts = self.fanout.firsts().iter().filter(|first| first.plane == plane);
            let symbols = firsts.map(|first| &first.symbol);
            audit.tell_received(self.node.clock.now(), &who, via, plane == Plane::Delayed, symbols);
        }
    }

    /// Reports that a session was refused something.
    pub(in crate::session) fn audit_refused(
        &mut self,
        key: SessionKey,
        reason: RefusedAccess,
        symbol: Option<&Symbol>,
    ) {
        self.node.refused.count(reason);
        let Some(audit) = self.audit() else { return };
        let Some(session) = self.session(key) else { return };
        let (who, address) = (session.rights.who(), session.peer.address.ip());
        audit.tell_refused(self.node.clock.now(), who, address, reason.label(), symbol);
    }

    /// Reports that a session was removed.
    pub(super) fn audit_ended(&self, session: &Session<S>, reason: CloseReason) {
        let Some(audit) = &self.node.audit else { return };
        let (now, rights) = (self.node.clock.now(), &session.rights);
        self.node.tell_used_at(now, &rights.who(), session.via(), &session.unreported_uses);
        let number = session.number;
        if reason == CloseReason::Revoked {
            let (user, token) = (rights.user.clone(), rights.token.clone());
            audit.tell(now, Event::Revoked { user, token, session: Some(number) });
        }
        if session.is_audited {
            audit.tell(now, Event::Ended { session: number, reason: reason.label().into() });
        }
    }

    /// When a new month has started, reports what was sent before it, and which subscriptions continue into it.
    pub(super) fn sweep_audit(&mut self, now: Nanos, units: &mut Units) {
        if self.node.audit.is_none() {
            return;
        }
        let month = Month::of(now);
        if self.audit_state.month.replace(month).is_some_and(|before| before != month) {
            // As of the last moment of the previous month.
            let end = Nanos(month.begin_micros() * 1_000 - 1);
            let mut sent: HashMap<(AuditUser, AuditChannel), ProductCounts> = HashMap::new();
            for session in self.sessions.iter_mut().flatten() {
                let unreported_uses = mem::take(&mut session.unreported_uses);
                sent.entry((session.rights.who(), session.via())).or_default().add_all(&unreported_uses);
            }
            for ((who, via), uses) in sent {
                self.node.tell_used_at(end, &who, via, &uses);
            }
            self.audit_state.walk = Some((0, Place::default()));
        }
        while let Some((index, mut from)) = self.audit_state.walk
            && !units.is_spent()
        {
            units.spend(1);
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
            self.audit_state.walk = if index >= self.sessions.len() {
                None
            } else if self.audit_subscribed(key, &mut from, units) {
                Some((index + 1, Place::default()))
            } else {
                Some((index, from))
            };
        }
    }

    /// Reports a session's subscriptions as received, from a position on, as far as the units last: they continue into
    /// a new month, or under another token. Returns whether it has finished.
    pub(in crate::session) fn audit_subscribed(
        &mut self,
        key: SessionKey,
        from: &mut Place,
        units: &mut Units,
    ) -> bool {
        let Some(audit) = self.audit() else { return true };
        let Some(session) = self.session(key) else { return true };
        let (who, via) = (session.rights.who(), session.via());
        let mut symbols = [Vec::new(), Vec::new()];
        let mut is_done = true;
        while let Some((next, held)) = self.fanout.subscribed_from(key, *from) {
            if units.is_spent() {
                is_done = false;
                break;
            }
            units.spend(SUBSCRIPTION_UNITS);
            symbols[held.plane as usize].extend(held.has_begun.then_some(held.symbol));
            *from = next;
        }
        for (symbols, delayed) in symbols.into_iter().zip([false, true]) {
            if !symbols.is_empty() {
                audit.tell_received(self.node.clock.now(), &who, via, delayed, symbols.into_iter());
            }
        }
        is_done
    }
}

impl<S> Session<S> {
    pub fn via(&self) -> AuditChannel {
        if self.encoding().has_position() { AuditChannel::Sse } else { AuditChannel::Stream }
    }
}
