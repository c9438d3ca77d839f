//! Log lines about sessions: start and end at `debug`, closes for a fault at `info`.
//!
//! Loss: at `info` one line per reason and ten seconds, with a count of suppressed ones; at `debug` one per session.

use crate::{
    fanout::SessionKey,
    session::{core::Core, socket::SessionSocket, state::Session},
    wire::CloseReason,
};

impl<S: SessionSocket> Core<S> {
    pub fn log_opened(&mut self, key: SessionKey) {
        self.audit_opened(key);
        let Some(session) = self.sessions.get(key.0 as usize).and_then(Option::as_deref) else { return };
        tracing::debug!(
            session = session.number,
            peer = %session.peer.address,
            user_agent = session.peer.agent.text(),
            "session opened"
        );
    }

    pub(super) fn log_closed(&self, key: SessionKey, reason: CloseReason) {
        let Some(session) = self.sessions.get(key.0 as usize).and_then(Option::as_deref) else { return };
        let now = self.node.clock.now();
        let is_fault = !matches!(reason, CloseReason::Normal | CloseReason::Gone | CloseReason::Drain);
        let passed = if is_fault { self.node.closed_throttles[reason as usize].pass(now) } else { None };
        let Session { number, peer, opened_at, frames_sent, bytes_sent, .. } = session;
        let duration_ms = now.since(*opened_at) / 1_000_000;
        // A macro, because the level of a log line must be a constant.
        macro_rules! log {
            ($level:ident, $($rest:tt)+) => {
                tracing::$level!(
                    session = number,
                    peer = %peer.address,
                    user_agent = peer.agent.text(),
                    reason = reason.label(),
                    code = reason.code(),
                    duration_ms,
                    frames = frames_sent,
                    bytes = bytes_sent,
                    $($rest)+
                )
            };
        }
        if let Some(suppressed) = passed {
            log!(info, suppressed, "session closed: {}", reason.phrase());
        } else {
            log!(debug, "session closed");
        }
    }
}
