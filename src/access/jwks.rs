//! Sets of keys as an issuer publishes them (JWKS, RFC 7517).
//!
//! A set may have keys for other uses and of other kinds: they are skipped, and counted, since an issuer may add one at
//! any time. A secret in it is another matter: whoever can read the set could make tokens, so the whole set is refused.
//!
//! Invariant: each key has the one algorithm that it names, or that its type has here; `kid` is a name and nothing else.

use std::fmt;

use compact_str::CompactString;
use serde::Deserialize;

use super::{
    algorithm::KeyAlgorithm,
    keys::{KEYS_MAX, Key, KeyError},
};

/// The keys of a set.
#[derive(Debug)]
pub struct KeySet {
    pub keys: Vec<Key>,
    /// Why others were left out, each once for a key.
    pub skipped: Vec<KeySkipped>,
}

/// Why a key of a set verifies nothing here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeySkipped {
    /// Of another type or curve.
    Kind,
    /// Its `alg` is another than the one of its type.
    Algorithm,
    /// It is for encryption, or its `key_ops` have no `verify`.
    Use,
    /// RSA of fewer than 2,048 bits, or more than 8,192.
    RsaBits,
    /// What it is made of is missing, or no key.
    Malformed,
}

#[derive(Deserialize)]
struct GivenSet {
    keys: Vec<GivenJwk>,
}

/// The members that are looked at.
#[derive(Deserialize)]
struct GivenJwk {
    kty: String,
    #[serde(default, rename = "use")]
    purpose: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

/// A longer set is none.
pub const JWKS_BYTES_MAX: u64 = 1024 * 1024;
/// A longer `kid` is not a name: a token would hardly have room for it.
const KID_BYTES_MAX: usize = 1024;

impl KeySet {
    /// # Errors
    /// When it is not a set, has a secret, more keys than may be tried, or none that verifies anything here.
    pub fn parse(json: &[u8]) -> Result<KeySet, KeyError> {
        let GivenSet { keys: given } = serde_json::from_slice(json).map_err(|_| KeyError::NoJwks)?;
        if given.iter().any(|key| key.kty == "oct") {
            return Err(KeyError::SymmetricJwk);
        }
        let all = given.len();
        let (mut keys, mut skipped) = (Vec::new(), Vec::new());
        for given in given {
            match given.key() {
                Ok(key) => keys.push(key),
                Err(why) => skipped.push(why),
            }
        }
        match keys.len() {
            0 => Err(KeyError::NoneUsable(all)),
            1..=KEYS_MAX => Ok(KeySet { keys, skipped }),
            many => Err(KeyError::TooMany(many)),
        }
    }
}

// === impl GivenJwk ===

impl GivenJwk {
    fn key(self) -> Result<Key, KeySkipped> {
        let algorithm = match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => KeyAlgorithm::Rs256,
            ("EC", Some("P-256")) => KeyAlgorithm::Es256,
            ("OKP", Some("Ed25519")) => KeyAlgorithm::Ed25519,
            _ => return Err(KeySkipped::Kind),
        };
        // RFC 9864 names the curve.
        let is_same =
            |alg: &str| alg == algorithm.name() || (alg == "Ed25519" && algorithm == KeyAlgorithm::Ed25519);
        if self.alg.as_deref().is_some_and(|alg| !is_same(alg)) {
            return Err(KeySkipped::Algorithm);
        }
        let is_to_verify = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig")
            || !self.key_ops.as_ref().is_none_or(is_to_verify)
        {
            return Err(KeySkipped::Use);
        }
        if self.kid.as_ref().is_some_and(|kid| kid.len() > KID_BYTES_MAX) {
            return Err(KeySkipped::Malformed);
        }
        let der = match algorithm {
            KeyAlgorithm::Rs256 => rsa_der(&bytes(self.n.as_deref())?, &bytes(self.e.as_deref())?),
            KeyAlgorithm::Es256 => point(&bytes(self.x.as_deref())?, &bytes(self.y.as_deref())?)?,
            _ => Some(bytes(self.x.as_deref())?).filter(|x| x.len() == 32).ok_or(KeySkipped::Malformed)?,
        };
        let id = self.kid.as_deref().map(CompactString::new);
        Key::public(algorithm, id, &der).map_err(|error| match error {
            KeyError::RsaBits(_) => KeySkipped::RsaBits,
            _ => KeySkipped::Malformed,
        })
    }
}

/// A point of P-256, without compression.
fn point(x: &[u8], y: &[u8]) -> Result<Vec<u8>, KeySkipped> {
    if x.len() != 32 || y.len() != 32 {
        return Err(KeySkipped::Malformed);
    }
    Ok([&[4], x, y].concat())
}

/// `RSAPublicKey` of RFC 8017.
fn rsa_der(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let numbers = [integer(modulus), integer(exponent)].concat();
    [&[0x30], length(numbers.len()).as_slice(), &numbers].concat()
}

/// A number that is not negative.
fn integer(big_endian: &[u8]) -> Vec<u8> {
    let first = big_endian.iter().position(|byte| *byte != 0).unwrap_or(big_endian.len());
    let digits = &big_endian[first..];
    let sign: &[u8] = if digits.first().is_none_or(|byte| *byte >= 0x80) { &[0] } else { &[] };
    [&[0x02], length(sign.len() + digits.len()).as_slice(), sign, digits].concat()
}

/// A length in DER. What a set of allowed size holds has a length of at most four bytes.
fn length(bytes: usize) -> Vec<u8> {
    if bytes < 0x80 {
        return vec![bytes as u8];
    }
    let digits: Vec<u8> = bytes.to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    [&[0x80 | digits.len() as u8], digits.as_slice()].concat()
}

/// Base64url without padding, canonical.
fn bytes(text: Option<&str>) -> Result<Vec<u8>, KeySkipped> {
    let text = text.ok_or(KeySkipped::Malformed)?;
    if text.len() % 4 == 1 {
        return Err(KeySkipped::Malformed);
    }
    let mut out = Vec::with_capacity(text.len() * 3 / 4);
    let (mut bits, mut have) = (0_u32, 0);
    for digit in text.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return Err(KeySkipped::Malformed),
        };
        bits = bits << 6 | u32::from(value);
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have) as u8);
            bits &= (1 << have) - 1;
        }
    }
    // Bits that are left over and say something make two texts of one key.
    if bits == 0 { Ok(out) } else { Err(KeySkipped::Malformed) }
}

impl fmt::Display for KeySkipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeySkipped::Kind => "another type or curve",
            KeySkipped::Algorithm => "another `alg`",
            KeySkipped::Use => "not for signatures",
            KeySkipped::RsaBits => "RSA that is too short or too long",
            KeySkipped::Malformed => "malformed",
        })
    }
}
