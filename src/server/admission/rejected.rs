//! Refused handshakes, counted by reason.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a handshake was refused: the label of `tickcast_handshakes_rejected_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum RejectedReason {
    /// Not a valid WebSocket upgrade.
    BadRequest,
    Origin,
    TooManySessions,
    TooManyPerAddress,
    Draining,
    /// Its token was refused.
    Token,
    /// It did not complete in time.
    Timeout,
    /// Too many connections, in total or from one address.
    Connections,
    /// The usage audit cannot be written, and new sessions are refused for that (`audit.on_failure`).
    Audit,
    /// A trusted proxy's connection did not start with a PROXY protocol header.
    ProxyHeader,
}

/// Counts of refused handshakes, by [`RejectedReason`].
#[derive(Debug, Default)]
pub struct Rejected([AtomicU64; RejectedReason::ALL.len()]);

impl RejectedReason {
    pub const ALL: [RejectedReason; 10] = [
        RejectedReason::BadRequest,
        RejectedReason::Origin,
        RejectedReason::TooManySessions,
        RejectedReason::TooManyPerAddress,
        RejectedReason::Draining,
        RejectedReason::Token,
        RejectedReason::Timeout,
        RejectedReason::Connections,
        RejectedReason::Audit,
        RejectedReason::ProxyHeader,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            RejectedReason::BadRequest => "bad_request",
            RejectedReason::Origin => "origin",
            RejectedReason::TooManySessions => "too_many_sessions",
            RejectedReason::TooManyPerAddress => "too_many_per_address",
            RejectedReason::Draining => "draining",
            RejectedReason::Token => "token",
            RejectedReason::Timeout => "timeout",
            RejectedReason::Connections => "connections",
            RejectedReason::Audit => "audit",
            RejectedReason::ProxyHeader => "proxy_header",
        }
    }
}

impl Rejected {
    pub fn count(&self, reason: RejectedReason) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self, reason: RejectedReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}
