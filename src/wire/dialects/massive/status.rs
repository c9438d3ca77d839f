//! Statuses: what the venue says beside data. Each is a message of its own, which is an array as all of the venue's are.

use serde::Serialize;

pub const CONNECTED: MassiveStatus<'static> = MassiveStatus::of("connected", "Connected Successfully");
pub const AUTHENTICATED: MassiveStatus<'static> = MassiveStatus::of("auth_success", "authenticated");
pub const AUTH_FAILED: MassiveStatus<'static> = MassiveStatus::of("auth_failed", "authentication failed");
pub const AUTH_TIMEOUT: MassiveStatus<'static> =
    MassiveStatus::of("auth_timeout", "No authentication request received.");
/// Of a channel that the client's plan does not have, and of what is asked for without a key.
pub const NOT_AUTHORIZED: MassiveStatus<'static> = MassiveStatus::of("error", "not authorized");
pub const TOO_MANY: MassiveStatus<'static> = MassiveStatus::of(
    "error",
    "Subscription limit reached for feed. Please remove some subscriptions and try again.",
);
pub const MALFORMED: MassiveStatus<'static> = MassiveStatus::of("error", "malformed message");
pub const SLOW_CONSUMER: MassiveStatus<'static> =
    MassiveStatus::of("slow_consumer", "Slow consumer: messages were lost");
pub const MAX_CONNECTIONS: MassiveStatus<'static> =
    MassiveStatus::of("max_connections", "Maximum number of connections exceeded.");

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct MassiveStatus<'a> {
    ev: &'static str,
    status: &'static str,
    message: &'a str,
}

impl<'a> MassiveStatus<'a> {
    pub const fn of(status: &'static str, message: &'a str) -> Self {
        MassiveStatus { ev: "status", status, message }
    }

    pub const fn error(message: &'a str) -> Self {
        MassiveStatus::of("error", message)
    }

    pub const fn success(message: &'a str) -> Self {
        MassiveStatus::of("success", message)
    }

    pub fn to_json(self) -> String {
        serde_json::to_string(&[self]).unwrap_or_default()
    }
}
