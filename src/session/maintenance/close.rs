//! Ends a session: sends its close frame, then drops its connection.
//!
//! Invariant: a session is counted as closed once, for one reason.

use std::sync::atomic::Ordering;

use crate::{
    fanout::SessionKey,
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, state::Closing},
    wire::{CloseReason, compression::gzip},
};

impl<S: SessionSocket> Core<S> {
    /// Closes a session: discards its pending data, sends the close, and drops the connection when the client has
    /// answered or the deadline has passed.
    pub fn close(&mut self, key: SessionKey, reason: CloseReason) {
        let Some(encoding) = self.session(key).map(|session| session.encoding()) else { return };
        let sent = if is_planted(Fault::WrongCode) { CloseReason::Policy } else { reason };
        self.close_with(key, reason, |out| encoding.write_close(sent, out));
    }

    /// As [`Self::close`], with a custom last frame.
    pub(in crate::session) fn close_with(
        &mut self,
        key: SessionKey,
        reason: CloseReason,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        if reason == CloseReason::MemoryBudget {
            session.control = Vec::new();
            session.control_frames = 0;
            session.plain = None;
        }
        session.write_own(|_, out| write(out));
        if let Some(sum) = &session.plain {
            gzip::write_end(sum, &mut session.control);
        }
        session.control_frames += 1;
        self.begin_close(key, reason);
    }

    /// Ends a session whose client sent a close, which the WebSocket layer has answered.
    pub(in crate::session) fn closed_by_client(&mut self, key: SessionKey) {
        if self.session(key).is_some_and(|session| session.is_open()) {
            self.begin_close(key, CloseReason::Normal);
        }
    }

    /// Ends an open session whose close frame is queued.
    fn begin_close(&mut self, key: SessionKey, reason: CloseReason) {
        let now = self.node.clock.now();
        let grace = self.node.limits.close_grace;
        let Some(session) = self.session(key) else { return };
        session.jobs = None;
        session.user = None;
        session.closing = Some(Closing { reason, since: now, deadline: now.plus(grace), is_sent: false });
        self.log_closed(key, reason);
        self.stats.closed[reason as usize] += 1 + u64::from(is_planted(Fault::ClosesTwice));
        self.node.sessions.fetch_sub(1, Ordering::Relaxed);
        self.fanout.clear(key);
        self.fanout.make_ready(key);
    }

    /// Ends a session that was not admitted: after `head_bytes` of the HTTP response it is sent only the reason.
    pub fn refuse(&mut self, key: SessionKey, reason: CloseReason, head_bytes: usize) {
        if let Some(session) = self.session(key) {
            session.control.truncate(head_bytes);
            session.control_frames = 0;
        }
        self.close(key, reason);
    }

    /// Removes a session; its task ends when it runs next. `reason` is counted if the session was still open.
    pub fn drop_session(&mut self, key: SessionKey, reason: CloseReason) {
        if self.session(key).is_some_and(|session| session.is_open()) {
            self.log_closed(key, reason);
        }
        let Some(mut session) = self.sessions.get_mut(key.0 as usize).and_then(Option::take) else { return };
        if session.closing.is_none() {
            self.stats.closed[reason as usize] += 1;
            if !is_planted(Fault::KeepsCount) {
                self.node.sessions.fetch_sub(1, Ordering::Relaxed);
            }
        }
        if let Some(in_flight) = session.in_flight.take()
            && !is_planted(Fault::ForgetsInFlight)
        {
            self.fanout.abandoned(&in_flight.tally);
        }
        self.fanout.close(key);
        self.audit_ended(&session, session.closing.map_or(reason, |closing| closing.reason));
        session.wake();
    }
}
