//! Tokens of one key, which servers under test can be told to ask for.

use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{EncodingKey, Header};
use serde_json::{Value, json};

/// What signs them all.
pub const SECRET: &[u8] = b"a secret of thirty-two bytes, or more";

pub fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs()
}

/// A token with this claim, for an hour unless `more` says otherwise.
pub fn token(claim: &Value, more: &Value) -> String {
    let mut claims = json!({"sub": "alice", "jti": "t1", "exp": now_s() + 3_600, "tickcast": claim});
    for (name, value) in more.as_object().into_iter().flatten() {
        claims[name] = value.clone();
    }
    let key = EncodingKey::from_secret(SECRET).expect("a key");
    jsonwebtoken::encode(&Header::default(), &claims, &key).expect("a token")
}

/// A token for these symbols.
pub fn reads(symbols: &[&str]) -> String {
    token(&json!({"read": symbols}), &json!({}))
}

/// A token for everything.
pub fn admin() -> String {
    let claim = json!({"admin": true, "replay": true, "read": ["*"], "publish": ["*"]});
    token(&claim, &json!({"sub": "root", "jti": "t0"}))
}

/// As a header has it.
pub fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
