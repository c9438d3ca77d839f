//! [`CloseReason`]: why a session ends, with its code, label and advice. When a session ends is not decided here.
//!
//! Invariant: each reason has its own close code and label, and a session ends for exactly one of them.

use crate::access::Refused;

/// Why a session ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum CloseReason {
    /// The client closed the session, or the replay is over.
    Normal,
    /// The server is stopping.
    Drain,
    /// The client broke the WebSocket protocol.
    ProtocolError,
    /// The client sent a binary message.
    UnsupportedData,
    /// The client sent text that is not UTF-8, or a compressed message that cannot be inflated.
    InvalidPayload,
    /// The client sent commands, frames or bytes faster than it may, for too long.
    Policy,
    /// The client sent a message larger than the limit.
    TooBig,
    /// The server failed.
    Internal,
    /// The client did not answer a ping in time.
    PongTimeout,
    /// The client accepted no byte for too long while there was something to send.
    Slow,
    /// More control messages waited for the client than the limit allows.
    MemoryBudget,
    /// The client is a web page of an origin that is not allowed.
    Origin,
    /// No keys to verify tokens with have been loaded yet.
    NoKeys,
    /// The client's token is invalid, or did not come in time.
    BadToken,
    /// The client's token has expired.
    Expired,
    /// The client's token, or its user, was revoked.
    Revoked,
    /// The user has as many sessions as its token allows.
    TooManyOfUser,
    /// The limit of sessions, of the server or the client's address, is reached.
    TooManySessions,
    /// The connection ended without a close frame.
    Gone,
}

/// What a client should do after a session has ended.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Retry {
    /// Connect again, after a pause that grows with each failure.
    ComeBack,
    /// Connect again with a new token: the same one would be refused again.
    WithNewToken,
    /// Do not reconnect: the same request would end the same way.
    DoNot,
}

impl CloseReason {
    pub const ALL: [CloseReason; 19] = [
        CloseReason::Normal,
        CloseReason::Drain,
        CloseReason::ProtocolError,
        CloseReason::UnsupportedData,
        CloseReason::InvalidPayload,
        CloseReason::Policy,
        CloseReason::TooBig,
        CloseReason::Internal,
        CloseReason::PongTimeout,
        CloseReason::Slow,
        CloseReason::MemoryBudget,
        CloseReason::Origin,
        CloseReason::NoKeys,
        CloseReason::BadToken,
        CloseReason::Expired,
        CloseReason::Revoked,
        CloseReason::TooManyOfUser,
        CloseReason::TooManySessions,
        CloseReason::Gone,
    ];

    /// The WebSocket close code. [`CloseReason::Gone`] has 1006, which is never sent.
    pub const fn code(self) -> u16 {
        match self {
            CloseReason::Normal => 1000,
            CloseReason::Drain => 1001,
            CloseReason::ProtocolError => 1002,
            CloseReason::UnsupportedData => 1003,
            CloseReason::Gone => 1006,
            CloseReason::InvalidPayload => 1007,
            CloseReason::Policy => 1008,
            CloseReason::TooBig => 1009,
            CloseReason::Internal => 1011,
            CloseReason::PongTimeout => 4001,
            CloseReason::Slow => 4008,
            CloseReason::MemoryBudget => 4009,
            CloseReason::Origin => 4103,
            CloseReason::NoKeys => 1013,
            CloseReason::BadToken => 4101,
            CloseReason::Expired => 4102,
            CloseReason::Revoked => 4104,
            CloseReason::TooManyOfUser => 4105,
            CloseReason::TooManySessions => 4129,
        }
    }

    /// The value of the metric label and of the log field.
    pub const fn label(self) -> &'static str {
        match self {
            CloseReason::Normal => "normal",
            CloseReason::Drain => "drain",
            CloseReason::ProtocolError => "protocol_error",
            CloseReason::UnsupportedData => "unsupported_data",
            CloseReason::InvalidPayload => "invalid_payload",
            CloseReason::Policy => "policy",
            CloseReason::TooBig => "too_big",
            CloseReason::Internal => "internal",
            CloseReason::PongTimeout => "pong_timeout",
            CloseReason::Slow => "slow",
            CloseReason::MemoryBudget => "memory_budget",
            CloseReason::Origin => "origin",
            CloseReason::NoKeys => "no_keys",
            CloseReason::BadToken => "bad_token",
            CloseReason::Expired => "expired",
            CloseReason::Revoked => "revoked",
            CloseReason::TooManyOfUser => "too_many_of_user",
            CloseReason::TooManySessions => "too_many_sessions",
            CloseReason::Gone => "gone",
        }
    }

    /// The reason phrase in the close frame: what happened, and what to do.
    pub const fn phrase(self) -> &'static str {
        match self {
            CloseReason::Gone => "",
            // A client that closes gets its own reason echoed instead.
            CloseReason::Normal => "the replay is over",
            CloseReason::Drain => "the server is stopping: come back after retry_ms",
            CloseReason::ProtocolError => "the WebSocket protocol was broken",
            CloseReason::UnsupportedData => "binary messages are not spoken here: send JSON text",
            CloseReason::InvalidPayload => "a text message was not UTF-8, or what was compressed is broken",
            CloseReason::Policy => "too many commands, frames or bytes: slow down",
            CloseReason::TooBig => "a message was larger than the limit in welcome",
            CloseReason::Internal => "a fault of the server: come back",
            CloseReason::PongTimeout => "a ping was not answered: come back",
            CloseReason::Slow => {
                "no byte was accepted for too long: come back, and read faster or ask for less"
            }
            CloseReason::MemoryBudget => "too many answers were not read: read them, then ask again",
            CloseReason::Origin => "this origin is not allowed",
            CloseReason::NoKeys => "tokens cannot be checked yet, the keys are not there: come back",
            CloseReason::BadToken => {
                "no valid token: it is missing, or was refused; send Authorization: Bearer, or auth; commands take --token"
            }
            CloseReason::Expired => "the token has expired: come back with a new token",
            CloseReason::Revoked => "the token, or its user, was revoked",
            CloseReason::TooManyOfUser => "this user has as many sessions as the token allows",
            CloseReason::TooManySessions => "too many sessions",
        }
    }

    /// The close reason for a refused token.
    pub const fn of_refused(refused: &Refused) -> Self {
        match refused {
            Refused::Missing | Refused::Bad(_) => CloseReason::BadToken,
            Refused::Expired => CloseReason::Expired,
            Refused::Revoked => CloseReason::Revoked,
            Refused::TooManyOfUser => CloseReason::TooManyOfUser,
            Refused::NoKeys => CloseReason::NoKeys,
        }
    }

    pub const fn retry(self) -> Retry {
        match self.code() {
            4102 => Retry::WithNewToken,
            1000 | 1002 | 1003 | 1007 | 1009 | 4100..=4199 => Retry::DoNot,
            _ => Retry::ComeBack,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_codes_and_labels_are_one_to_one() {
        for (at, reason) in CloseReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at);
            assert!(reason.phrase().len() <= 123, "a close frame holds 125 bytes, the code takes two");
            for other in &CloseReason::ALL[at + 1..] {
                assert_ne!(reason.code(), other.code());
                assert_ne!(reason.label(), other.label());
            }
        }
    }
}
