//! What the venue says beside data: successes, errors with their codes and texts, and the client's lists. Each is an array
//! of one.

use rmp::encode;
use serde_json::{Value, json};

use super::values;
use crate::wire::CloseReason;

/// An error, by its code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AlpacaError {
    InvalidSyntax,
    NotAuthenticated,
    AuthFailed,
    AlreadyAuthenticated,
    AuthTimeout,
    SymbolLimit,
    ConnectionLimit,
    SlowClient,
    InsufficientSubscription,
    Internal,
}

impl AlpacaError {
    const fn told(self) -> (u16, &'static str) {
        match self {
            AlpacaError::InvalidSyntax => (400, "invalid syntax"),
            AlpacaError::NotAuthenticated => (401, "not authenticated"),
            AlpacaError::AuthFailed => (402, "auth failed"),
            AlpacaError::AlreadyAuthenticated => (403, "already authenticated"),
            AlpacaError::AuthTimeout => (404, "auth timeout"),
            AlpacaError::SymbolLimit => (405, "symbol limit exceeded"),
            AlpacaError::ConnectionLimit => (406, "connection limit exceeded"),
            AlpacaError::SlowClient => (407, "slow client"),
            AlpacaError::InsufficientSubscription => (409, "insufficient subscription"),
            AlpacaError::Internal => (500, "internal error"),
        }
    }

    pub const fn words(self) -> &'static str {
        self.told().1
    }

    /// What a client is told before it is closed for this reason.
    pub const fn of_close(reason: CloseReason) -> Option<AlpacaError> {
        match reason {
            CloseReason::Slow | CloseReason::MemoryBudget => Some(AlpacaError::SlowClient),
            CloseReason::BadToken | CloseReason::Expired | CloseReason::Revoked => {
                Some(AlpacaError::AuthFailed)
            }
            CloseReason::TooManyOfUser | CloseReason::TooManySessions => Some(AlpacaError::ConnectionLimit),
            CloseReason::Internal | CloseReason::NoKeys => Some(AlpacaError::Internal),
            _ => None,
        }
    }

    /// The code and the reason of the close frame.
    pub const fn close_of(reason: CloseReason) -> (u16, &'static str) {
        match (reason, AlpacaError::of_close(reason)) {
            (CloseReason::Normal, _) => (1000, ""),
            (CloseReason::Drain, _) => (1001, ""),
            (CloseReason::Internal | CloseReason::NoKeys, _) => (1011, "internal error"),
            (_, Some(error)) => (1008, error.told().1),
            (reason, None) if reason.code() < 4000 => (reason.code(), reason.phrase()),
            (reason, None) => (1008, reason.phrase()),
        }
    }

    fn value(self) -> Value {
        let (code, msg) = self.told();
        json!({"T": "error", "code": code, "msg": msg})
    }

    pub fn to_json(self) -> String {
        let (code, msg) = self.told();
        format!(r#"[{{"T":"error","code":{code},"msg":"{msg}"}}]"#)
    }

    pub fn to_packed(self) -> Vec<u8> {
        let mut out = vec![];
        drop(encode::write_array_len(&mut out, 1));
        write(&self.value(), &mut out);
        out
    }
}

/// As an array of one, in JSON.
pub fn success(msg: &str) -> String {
    format!(r#"[{{"T":"success","msg":"{msg}"}}]"#)
}

/// All that a client has subscribed to, in the venue's order.
pub fn subscription<'a>(lists: impl Iterator<Item = (&'a str, Vec<&'a str>)>) -> String {
    let mut out = r#"[{"T":"subscription""#.to_owned();
    for (channel, symbols) in lists {
        let symbols = serde_json::to_string(&symbols).unwrap_or_default();
        for part in [",\"", channel, "\":", &symbols] {
            out.push_str(part);
        }
    }
    out.push_str("}]");
    out
}

/// The same message in `MessagePack`.
pub fn packed_of(json: &str) -> Vec<u8> {
    let mut out = Vec::new();
    write(&serde_json::from_str(json).unwrap_or_default(), &mut out);
    out
}

/// Values of answers: maps, arrays, texts and codes. Writing to a vector does not fail.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::String(text) => values::text(text, out),
        Value::Array(items) => {
            drop(encode::write_array_len(out, items.len() as u32));
            for item in items {
                write(item, out);
            }
        }
        Value::Object(map) => {
            drop(encode::write_map_len(out, map.len() as u32));
            for (name, value) in map {
                values::text(name, out);
                write(value, out);
            }
        }
        Value::Number(number) => values::uint(number.as_u64().unwrap_or_default(), out),
        Value::Null | Value::Bool(_) => drop(encode::write_nil(out)),
    }
}
