//! Issuers of tokens, whose keys are made once for all tests.

use std::sync::{Arc, LazyLock};

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256, SignatureAlgorithm};
use serde_json::{Value, json};

use crate::{
    access::{
        Authority, BadToken, Policy, Refused, Rights,
        algorithm::KeyAlgorithm,
        keys::{Key, KeyRing},
        token::TokenPolicy,
    },
    tick::Nanos,
};

/// Who signs tokens.
pub struct Issuer {
    pub algorithm: KeyAlgorithm,
    signing: EncodingKey,
    pub key: Key,
    /// The public key as PEM; of a secret, the secret.
    pub public: String,
}

/// A moment in November of 2026, as tokens have it.
pub const NOW: i64 = 1_796_000_000;
pub const SECRET: &str = "a secret of thirty-two bytes, or more";

pub static HS256: LazyLock<Issuer> = LazyLock::new(|| Issuer {
    algorithm: KeyAlgorithm::Hs256,
    signing: EncodingKey::from_secret(SECRET.as_bytes()).unwrap(),
    key: Key::secret(format!("{SECRET}\n").as_bytes()).unwrap(),
    public: SECRET.to_owned(),
});
pub static RS256: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(KeyAlgorithm::Rs256));
pub static ES256: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(KeyAlgorithm::Es256));
pub static ED25519: LazyLock<Issuer> = LazyLock::new(|| Issuer::new(KeyAlgorithm::Ed25519));

pub fn all() -> [&'static Issuer; 4] {
    [&HS256, &RS256, &ES256, &ED25519]
}

impl Issuer {
    pub fn new(algorithm: KeyAlgorithm) -> Self {
        let (kind, signing): (&SignatureAlgorithm, fn(&[u8]) -> _) = match algorithm {
            KeyAlgorithm::Rs256 => (&PKCS_RSA_SHA256, EncodingKey::from_rsa_pem),
            KeyAlgorithm::Es256 => (&PKCS_ECDSA_P256_SHA256, EncodingKey::from_ec_pem),
            _ => (&PKCS_ED25519, EncodingKey::from_ed_pem),
        };
        let pair = KeyPair::generate_for(kind).unwrap();
        let public = pair.public_key_pem();
        let signing = signing(pair.serialize_pem().as_bytes()).unwrap();
        Issuer { algorithm, signing, key: Key::pem(algorithm, public.as_bytes()).unwrap(), public }
    }

    pub fn alg(&self) -> Algorithm {
        match self.algorithm {
            KeyAlgorithm::Hs256 => Algorithm::HS256,
            KeyAlgorithm::Rs256 => Algorithm::RS256,
            KeyAlgorithm::Es256 => Algorithm::ES256,
            KeyAlgorithm::Ed25519 => Algorithm::EdDSA,
        }
    }

    pub fn sign(&self, payload: &Value) -> String {
        self.sign_with(&Header::new(self.alg()), payload)
    }

    pub fn sign_with(&self, header: &Header, payload: &Value) -> String {
        jsonwebtoken::encode(header, payload, &self.signing).unwrap()
    }

    /// Signs a header and a payload that no library would write.
    pub fn sign_raw(&self, header: &str, payload: &[u8]) -> String {
        let message = format!("{}.{}", base64(header.as_bytes()), base64(payload));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, self.alg()).unwrap();
        format!("{message}.{signature}")
    }
}

/// As in tokens.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for digit in 0..=chunk.len() {
            text.push(char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]));
        }
    }
    text
}

/// What alice's token says, until a minute from now.
pub fn alice() -> Value {
    json!({"sub": "alice", "jti": "t-1", "exp": NOW + 60, "tickcast": {"read": ["BTC*"]}})
}

/// The same with other members.
pub fn alice_with(others: &Value) -> Value {
    let mut payload = alice();
    for (name, value) in others.as_object().unwrap() {
        payload[name] = value.clone();
    }
    payload
}

pub fn header_with(alg: &str, others: &str) -> String {
    format!(r#"{{"alg":"{alg}"{others}}}"#)
}

/// Time in seconds, as tokens have it.
pub fn at(seconds: i64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

pub fn policy() -> Policy {
    Policy { is_open: false, ..Policy::default() }
}

pub fn strict() -> Policy {
    let tokens = TokenPolicy {
        audience: vec!["tickcast".into(), "ticks".into()],
        issuer: vec!["https://issuer.example".into()],
    };
    Policy { tokens, ..policy() }
}

/// An authority with these keys.
pub fn authority(keys: &[&Issuer]) -> Authority {
    with_policy(keys, policy())
}

pub fn with_policy(keys: &[&Issuer], policy: Policy) -> Authority {
    let authority = Authority::new(policy);
    authority.set_keys(KeyRing::new(keys.iter().map(|issuer| issuer.key.clone()).collect(), false).unwrap());
    authority
}

pub fn admit(authority: &Authority, token: &str) -> Result<Arc<Rights>, Refused> {
    authority.admit(Some(token), at(NOW))
}

#[track_caller]
pub fn check(authority: &Authority, token: &str, expected: BadToken) {
    assert_eq!(admit(authority, token), Err(Refused::Bad(expected)));
}
