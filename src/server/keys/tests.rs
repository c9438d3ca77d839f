//! Files that change and key servers that fail, over loopback.

mod files;
mod servers;

use std::sync::Arc;

use jsonwebtoken::{EncodingKey, Header};
use rcgen::{KeyPair, PKCS_ED25519, PublicKeyData};
use serde_json::{Value, json};

use crate::{
    access::{Authority, Refused, Rights},
    files::tests::scratch::Directory,
    tick::Nanos,
};

/// Who signs tokens with Ed25519.
struct Signer(KeyPair);

const SECRET: &str = "a secret of thirty-two bytes, or more";
/// Half of the time that tokens of these tests have.
const NOW: Nanos = Nanos(1_796_000_000_000_000_000);

impl Signer {
    fn new() -> Self {
        Signer(KeyPair::generate_for(&PKCS_ED25519).unwrap())
    }

    /// Its set of keys, with this name.
    fn set(&self, kid: &str) -> String {
        let x = base64(self.0.der_bytes());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid}]}).to_string()
    }

    fn token(&self, user: &str) -> String {
        let signing = EncodingKey::from_ed_pem(self.0.serialize_pem().as_bytes()).unwrap();
        jsonwebtoken::encode(&Header::new(jsonwebtoken::Algorithm::EdDSA), &claims(user), &signing).unwrap()
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = bytes.chunks(3).flat_map(|chunk| {
        let bits =
            chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |digit| char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]))
    });
    digits.collect()
}

fn claims(user: &str) -> Value {
    json!({"sub": user, "exp": NOW.0 / 1_000_000_000 + 3_600, "tickcast": {"read": ["*"]}})
}

/// A token of the secret.
fn token(user: &str) -> String {
    let signing = EncodingKey::from_secret(SECRET.as_bytes()).unwrap();
    jsonwebtoken::encode(&Header::default(), &claims(user), &signing).unwrap()
}

fn admit(authority: &Authority, token: &str) -> Result<Arc<Rights>, Refused> {
    authority.admit(Some(token), NOW)
}
