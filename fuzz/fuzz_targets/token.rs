//! Any bytes as a token, as the payload of one that is signed, as a set of keys, a list of what is revoked, API keys and a
//! claim: nothing panics, nobody is let in by a token that was not signed, and what is let in ends when it says.
#![no_main]

use std::sync::LazyLock;

use jsonwebtoken::{EncodingKey, Header};
use tickcast::{
    access::{
        Authority, Policy,
        api_keys::ApiKeys,
        claim::RightsClaim,
        jwks::KeySet,
        keys::{Key, KeyRing},
        revoked::RevokedList,
    },
    tick::Nanos,
};

const SECRET: &[u8] = b"a secret of thirty-two bytes, or more";
const NOW: Nanos = Nanos(1_796_000_000_000_000_000);
const LEEWAY_NANOS: i64 = 5_000_000_000;

static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
    let authority = Authority::new(Policy { is_open: false, ..Policy::default() });
    authority.set_keys(KeyRing::new(vec![Key::secret(SECRET).expect("a secret")], false).expect("one key"));
    authority
});

/// The payload as it stands between two others of a token that the key has signed.
fn signed(payload: &[u8]) -> Option<String> {
    let value: Box<serde_json::value::RawValue> = serde_json::from_slice(payload).ok()?;
    let key = EncodingKey::from_secret(SECRET).ok()?;
    jsonwebtoken::encode(&Header::default(), &value, &key).ok()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, data)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(data);
    match kind % 6 {
        0 => assert!(AUTHORITY.admit(Some(&text), NOW).is_err()),
        1 => {
            let Some(token) = signed(data) else { return };
            if let Ok(rights) = AUTHORITY.admit(Some(&token), NOW) {
                assert!(rights.expires.expect("an end").0.saturating_add(LEEWAY_NANOS) > NOW.0);
                assert!(rights.token.is_some() && !AUTHORITY.is_revoked(&rights));
            }
        }
        2 => drop(KeySet::parse(data)),
        3 => drop(RevokedList::parse(data)),
        4 => drop(ApiKeys::parse(data)),
        _ => drop(RightsClaim::of_json(&text)),
    }
});
