//! When rights take effect and end: expiry of a token at its exact time, revocation at the next check, and what happens
//! to pending bytes.
//!
//! Invariants: nothing is written to a session after its token's expiry; a frame partly written under ended rights is
//! not completed; a close frame is written only if nothing else is pending.

use std::{cmp::Reverse, sync::Arc};

use super::drain::nanos;
use crate::{
    access::{Refused, Rights, SharedRights},
    fanout::SessionKey,
    limits::Limits,
    planted::{Fault, is_planted},
    session::{
        core::{Core, NEVER},
        socket::SessionSocket,
        state::Session,
        users::UserPermit,
    },
    tick::Nanos,
    wire::{CloseReason, Control},
};

/// How long before its token's expiry a session is warned.
const WARNED_BEFORE_NANOS: i64 = 60_000_000_000;

impl<S: SessionSocket> Core<S> {
    /// Replaces an open session's rights. The caller ends what exceeds them before anything is sent.
    pub fn entitle(&mut self, key: SessionKey, rights: &SharedRights, user: Option<Box<UserPermit>>) {
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        if session.rights.user != rights.user {
            session.share = node.shares.of(rights);
        }
        session.rights = SharedRights::clone(rights);
        session.user = user;
        (session.awaits_token, session.is_warned) = (false, false);
        let share = session.share.clone();
        self.fanout.share(key, share);
        self.fanout.entitle(key, rights, &node.fields);
        if let Some(expires) = rights.expires {
            self.expiring.push(Reverse((expires, key)));
            self.is_expiry_new |= expires < self.next_expiry;
            self.next_expiry = self.next_expiry.min(expires);
        }
    }

    /// Lets a new session wait for its token. Until then it may read nothing.
    pub fn await_token(&mut self, key: SessionKey) {
        self.entitle(key, &Rights::nothing(), None);
        if let Some(session) = self.session(key) {
            session.awaits_token = true;
        }
    }

    /// Ends the sessions whose rights have ended. Costs two comparisons and two loads when nothing has changed.
    pub fn end_rights(&mut self, now: Nanos) {
        self.is_expiry_new = false;
        if now >= self.next_expiry {
            self.end_expired(now);
        }
        let seen = (self.node.authority.generation(), self.node.users.generation());
        if seen != self.rights_seen {
            self.rights_seen = seen;
            self.end_revoked();
        }
    }

    /// Ends the session if its token has expired; queues a close frame. Checked before each write once any token of the
    /// shard has expired.
    pub(in crate::session) fn is_ended_by_expiry(&mut self, key: SessionKey, now: Nanos) -> bool {
        let is_over = now >= self.next_expiry
            && self.session(key).is_some_and(|session| session.rights.is_expired(now))
            && !is_planted(Fault::ExpiresLate);
        if is_over {
            self.end_by_rights(key, CloseReason::Expired);
        }
        is_over
    }

    fn end_expired(&mut self, now: Nanos) {
        while let Some(&Reverse((expires, key))) = self.expiring.peek()
            && expires <= now
        {
            self.expiring.pop();
            // The key may have been reused, or the token renewed.
            if self.session(key).is_some_and(|session| session.rights.is_expired(now)) {
                self.end_by_rights(key, CloseReason::Expired);
                self.flush(key);
            }
        }
        self.next_expiry = self.expiring.peek().map_or(NEVER, |&Reverse((expires, _))| expires);
    }

    fn end_revoked(&mut self) {
        let authority = Arc::clone(&self.node.authority);
        for index in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
            let Some(session) = self.session(key) else { continue };
            let reason = if authority.is_revoked(&session.rights) {
                CloseReason::Revoked
            } else if session.user.as_deref().is_some_and(UserPermit::makes_room) {
                CloseReason::TooManyOfUser
            } else {
                continue;
            };
            self.end_by_rights(key, reason);
            self.flush(key);
        }
    }

    /// Ends a session whose rights have ended. If data that they allowed is pending, the connection is cut without a
    /// close frame, even if the session was closing already.
    pub(super) fn end_by_rights(&mut self, key: SessionKey, reason: CloseReason) {
        let Some(session) = self.session(key) else { return };
        if session.owes_what_rights_allow() && !is_planted(Fault::FinishesRevokedFrame) {
            self.drop_session(key, reason);
        } else {
            self.close(key, reason);
        }
    }

    /// Warns a session whose token expires soon, and closes one whose token did not come. Returns whether there is
    /// something to write.
    pub(super) fn maintain_rights(&mut self, key: SessionKey, limits: &Limits, now: Nanos) -> bool {
        let Some(session) = self.session(key) else { return false };
        // A dialect reports the timeout itself, and earlier.
        let within = nanos(limits.auth).saturating_mul(if session.dialect.is_some() { 2 } else { 1 });
        if session.awaits_token && now.since(session.opened_at) >= within {
            self.audit_refused(key, (&Refused::Missing).into(), None);
            self.close(key, CloseReason::BadToken);
            return true;
        }
        let Some(expires) = session.ends_soon(now) else { return false };
        session.is_warned = true;
        self.control(key, &Control::ExpiryStatus { expires });
        true
    }
}

impl<S> Session<S> {
    /// The expiry of its token, if that is soon and the client was not warned.
    fn ends_soon(&self, now: Nanos) -> Option<Nanos> {
        let expires = self.rights.expires.filter(|_| !self.is_warned)?;
        (expires.0.saturating_sub(WARNED_BEFORE_NANOS) <= now.0).then_some(expires)
    }
}
