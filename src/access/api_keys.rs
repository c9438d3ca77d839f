//! API keys: a long text that a client sends instead of a token, and what it allows. For clients that speak a venue's
//! protocol, which have no place for a JWT.
//!
//! The file is one JSON object: each key, and what a token would say:
//! `{"k-5f0c9e…":{"sub":"desk-7","tickcast":{"read":["BTC*"],"sessions":2}}}`. A claim may stand there by itself, with `sub`
//! beside its members: `{"k-5f0c9e…":{"sub":"desk-7","read":["BTC*"]}}`.
//!
//! Invariants: keys are kept as hashes alone, and found by them, so that no comparison tells how much of a key was right;
//! no fault shows a key.

use std::{collections::HashMap, fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::{
    claim::{ClaimFault, GivenClaim, short_text},
    rights::{Granted, Rights},
    verified::TokenHash,
};

/// Rights by the hash of their key.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct ApiKeys(HashMap<TokenHash, Arc<Rights>>);

/// A key of fewer characters could be guessed.
const KEY_BYTES_MIN: usize = 8;
const KEY_BYTES_MAX: usize = 256;

/// What is wrong with one key, by its place in the file.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ApiKeyFault {
    #[error("it is not a JSON object of keys and their claims")]
    NoObject,
    #[error(
        "key {number} is too short or too long; write {KEY_BYTES_MIN} to {KEY_BYTES_MAX} characters, such as `openssl rand -hex 16` makes"
    )]
    Length { number: usize },
    #[error("key {number} is there twice")]
    Twice { number: usize },
    #[error("key {number}: {fault}")]
    Claim { number: usize, fault: ClaimFault },
    #[error("key {number}: {fault}; it has `tickcast`, and `sub` if it is of a user")]
    Members { number: usize, fault: String },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenKey {
    sub: Option<String>,
    tickcast: GivenClaim,
}

struct GivenKeys(Vec<(String, Box<RawValue>)>);

// === impl ApiKeys ===

impl ApiKeys {
    /// # Errors
    /// Every fault of every key.
    pub fn parse(text: &[u8]) -> Result<Self, Vec<ApiKeyFault>> {
        let Ok(GivenKeys(given)) = serde_json::from_slice(text) else {
            return Err(vec![ApiKeyFault::NoObject]);
        };
        let (mut keys, mut faults) = (HashMap::new(), Vec::new());
        for (at, (key, claim)) in given.into_iter().enumerate() {
            let number = at + 1;
            if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&key.len()) {
                faults.push(ApiKeyFault::Length { number });
            }
            let hash = TokenHash::of(&key);
            if keys.contains_key(&hash) {
                faults.push(ApiKeyFault::Twice { number });
            }
            match rights(claim.get(), hash, number) {
                Err(fault) => faults.push(fault),
                Ok(rights) => drop(keys.insert(hash, Arc::new(rights))),
            }
        }
        if faults.is_empty() { Ok(ApiKeys(keys)) } else { Err(faults) }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, key: &str) -> Option<Arc<Rights>> {
        self.0.get(&TokenHash::of(key)).cloned()
    }

    /// Whether a key still gives these rights.
    pub(super) fn gives(&self, rights: &Rights) -> bool {
        self.0.values().any(|given| **given == *rights)
    }
}

fn rights(text: &str, hash: TokenHash, number: usize) -> Result<Rights, ApiKeyFault> {
    let members = |error: serde_json::Error| ApiKeyFault::Members { number, fault: error.to_string() };
    let claim = |fault| ApiKeyFault::Claim { number, fault };
    let given = given_key(text).map_err(members)?;
    let user = given.sub.map(|user| short_text("sub", &user.into())).transpose().map_err(claim)?;
    let rights = given.tickcast.0.and_then(|given| given.of_user(user)).map_err(claim)?;
    Ok(Rights { granted: Granted::ByApiKey(hash.mark()), ..rights })
}

/// What stands at a key: `sub` and `tickcast`, or `sub` and the members of a claim.
fn given_key(text: &str) -> serde_json::Result<GivenKey> {
    let GivenKeys(members) = serde_json::from_str(text)?;
    let (named, claim): (Vec<_>, Vec<_>) =
        members.iter().partition(|(name, _)| name == "sub" || name == "tickcast");
    if claim.is_empty() || named.iter().any(|(name, _)| name == "tickcast") {
        return serde_json::from_str(text);
    }
    let object = |members: &[&(String, Box<RawValue>)]| {
        let members = members.iter().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str())));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    let tickcast = RawValue::from_string(object(&claim))?;
    let tickcast = ("tickcast".to_owned(), tickcast);
    serde_json::from_str(&object(&[named, vec![&tickcast]].concat()))
}

impl fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiKeys").field("keys", &self.0.len()).finish()
    }
}

// === impl GivenKeys ===

impl<'de> Deserialize<'de> for GivenKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfKeys;
        impl<'de> Visitor<'de> for OfKeys {
            type Value = GivenKeys;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GivenKeys, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(GivenKeys(entries))
            }
        }
        deserializer.deserialize_map(OfKeys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "k-0123456789abcdef";

    #[test]
    fn a_key_gives_its_claim_and_nothing_else_does() {
        let text = format!(
            r#"{{"{KEY}":{{"sub":"desk-7","tickcast":{{"read":["BTC*"]}}}},"k-fedcba9876543210":{{"tickcast":{{}}}}}}"#
        );
        let keys = ApiKeys::parse(text.as_bytes()).unwrap();
        let rights = keys.get(KEY).unwrap();
        assert_eq!((rights.user.as_deref(), rights.may_read_any(), keys.len()), (Some("desk-7"), true, 2));
        assert!(keys.gives(&rights) && !ApiKeys::default().gives(&rights));
        assert!(keys.get("k-0123456789abcdeF").is_none() && keys.get("").is_none());
        assert!(!keys.get("k-fedcba9876543210").unwrap().may_read_any());
        assert!(!format!("{keys:?}").contains("0123456789"));
    }

    #[test]
    fn a_claim_may_stand_by_itself() {
        let check = |value: &str, expected: Result<(Option<&str>, bool), &str>| {
            let keys = ApiKeys::parse(format!(r#"{{"{KEY}":{value}}}"#).as_bytes());
            match (keys, expected) {
                (Ok(keys), Ok(expected)) => {
                    let rights = keys.get(KEY).unwrap();
                    assert_eq!((rights.user.as_deref(), rights.may_read_any()), expected, "{value}");
                }
                (Err(faults), Err(expected)) => {
                    assert!(faults[0].to_string().contains(expected), "{value}: {faults:?}");
                }
                (keys, expected) => panic!("{value}: {keys:?}, expected {expected:?}"),
            }
        };
        check(r#"{"sub":"desk-7","read":["BTC*"]}"#, Ok((Some("desk-7"), true)));
        check(r#"{"admin":true}"#, Ok((None, false)));
        check(r#"{"read":[],"read":["*"]}"#, Err("`read` is there twice"));
        check(r#"{"sub":"a","sub":"b","read":["*"]}"#, Err("duplicate field `sub`"));
        check(r#"{"read":["*"],"tickcast":{"read":["*"]}}"#, Err("unknown field `read`"));
        check(r#"{"sub":"a"}"#, Err("missing field `tickcast`"));
        check("{}", Err("missing field `tickcast`"));
    }

    #[test]
    fn every_fault_is_named_and_no_key_is_shown() {
        let text = format!(
            r#"{{"short":{{"tickcast":{{}}}},"{KEY}":{{"tickcast":{{"reed":[]}}}},"k-0123456789abcdeg":{{"tickcast":{{}}}},
                "k-0123456789abcdeg":{{"tickcast":{{}}}},"k-0123456789abcdeh":{{"reed":[]}},"k-0123456789abcdei":{{"tickcast":7}}}}"#
        );
        let faults: Vec<String> =
            ApiKeys::parse(text.as_bytes()).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(faults[0].starts_with("key 1 is too short"), "{faults:?}");
        assert!(faults[1].starts_with("key 2: `tickcast` has a member \"reed\""), "{faults:?}");
        assert_eq!(faults[2], "key 4 is there twice");
        assert!(faults[3].starts_with("key 5: `tickcast` has a member \"reed\""), "{faults:?}");
        assert_eq!(faults[4..], ["key 6: `tickcast` must be a JSON object"]);
        assert!(!faults.concat().contains("0123456789"), "{faults:?}");
        assert_eq!(ApiKeys::parse(b"[]"), Err(vec![ApiKeyFault::NoObject]));
    }
}
