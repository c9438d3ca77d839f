//! The keys that verify tokens: each has exactly one algorithm, whatever a token says.
//!
//! Not where keys come from: what reads files does, and gives the bytes.
//!
//! Invariants: a key of one kind is never used as one of another, so no public key is ever a secret; a private key is
//! refused where a public one is due; nothing prints key material, and secrets are wiped when a ring is dropped.

use std::{fmt, sync::Once};

use aws_lc_rs::{
    digest,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
    },
};
use compact_str::CompactString;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use rustls::{
    pki_types::{
        CertificateDer,
        pem::{PemObject, SectionKind},
    },
    server::ParsedCertificate,
};

pub use super::algorithm::KeyAlgorithm;

/// One key with its one algorithm.
#[derive(Clone)]
pub struct Key {
    pub algorithm: KeyAlgorithm,
    /// The name that a token's `kid` chooses it by.
    pub id: Option<CompactString>,
    /// By which it is told from others, and rights are told whose they are. Not a part of the key.
    pub mark: u64,
    /// It could be found from a token by trying.
    pub weakness: Option<KeyWeakness>,
    pub(super) decoding: DecodingKey,
    pub(super) validation: Validation,
}

/// All keys at one time.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Vec<Key>,
    /// A key server has not answered yet, and no copy of its keys is at hand: a key that is missing may come.
    is_incomplete: bool,
}

/// Why a key should be replaced, though it is taken: an issuer may have no other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyWeakness {
    #[error(
        "a secret of HS256 with {0} bytes: one of less than 32 can be found by trying, by anybody who has a token; `openssl rand -hex 32` makes a good one"
    )]
    ShortSecret(usize),
}

/// Why bytes are not a key. It shows none of them.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyError {
    #[error("a secret of HS256 must not be empty; `openssl rand -hex 32` makes one")]
    EmptySecret,
    #[error("a secret of HS256 is not PEM: with {0}, anybody who has the public key could make tokens")]
    PemSecret(&'static str),
    #[error("it is not PEM with one section `PUBLIC KEY` or `CERTIFICATE`")]
    NoPem,
    #[error(
        "it is a private key, which belongs to the issuer alone; `openssl pkey -pubout` makes the public one"
    )]
    Private,
    #[error("it is not a public key for {}", .0.name())]
    Unfit(KeyAlgorithm),
    #[error("its key for {} is too short or too long: RSA has 2048 to 8192 bits", .0.name())]
    RsaBits(KeyAlgorithm),
    #[error("it is not a JWKS: a JSON object with a list `keys` of objects")]
    NoJwks,
    #[error(
        "it has a symmetric key (`oct`), which a JWKS must not have: whoever can read the JWKS could make tokens"
    )]
    SymmetricJwk,
    #[error("none of its {0} keys can verify tokens here; it needs one for RS256, ES256 or EdDSA")]
    NoneUsable(usize),
    #[error("{0} keys are too many; there may be {KEYS_MAX}")]
    TooMany(usize),
    #[error("{count} keys for {} have no `kid`, and at most {TRIES_MAX} are tried for a token: name them in a JWKS", .algorithm.name())]
    TooManyUnnamed { algorithm: KeyAlgorithm, count: usize },
}

/// Keys at once.
pub const KEYS_MAX: usize = 64;
/// As many signatures are tried for one token: a forged one costs no more, whatever keys there are.
pub const TRIES_MAX: usize = 8;
/// As long as its hash, which RFC 7518, 3.2 asks of a secret of HS256.
const SECRET_BYTES: usize = 32;

// === impl KeyAlgorithm ===

impl KeyAlgorithm {
    pub(super) const fn of(algorithm: Algorithm) -> Option<Self> {
        match algorithm {
            Algorithm::HS256 => Some(KeyAlgorithm::Hs256),
            Algorithm::RS256 => Some(KeyAlgorithm::Rs256),
            Algorithm::ES256 => Some(KeyAlgorithm::Es256),
            Algorithm::EdDSA => Some(KeyAlgorithm::Ed25519),
            _ => None,
        }
    }

    const fn in_tokens(self) -> Algorithm {
        match self {
            KeyAlgorithm::Hs256 => Algorithm::HS256,
            KeyAlgorithm::Rs256 => Algorithm::RS256,
            KeyAlgorithm::Es256 => Algorithm::ES256,
            KeyAlgorithm::Ed25519 => Algorithm::EdDSA,
        }
    }

    /// `None` for secrets.
    fn verification(self) -> Option<&'static dyn VerificationAlgorithm> {
        match self {
            KeyAlgorithm::Hs256 => None,
            KeyAlgorithm::Rs256 => Some(&RSA_PKCS1_2048_8192_SHA256),
            KeyAlgorithm::Es256 => Some(&ECDSA_P256_SHA256_FIXED),
            KeyAlgorithm::Ed25519 => Some(&ED25519),
        }
    }
}

// === impl Key ===

impl Key {
    /// From a file, which is a secret or PEM, by the algorithm.
    ///
    /// # Errors
    /// When it is not a key for it.
    pub fn of_file(algorithm: KeyAlgorithm, file: &[u8]) -> Result<Key, KeyError> {
        match algorithm {
            KeyAlgorithm::Hs256 => Key::secret(file),
            _ => Key::pem(algorithm, file),
        }
    }

    /// A secret: the bytes of a file, less one newline at their end.
    ///
    /// # Errors
    /// When it is empty, or a key of another kind.
    pub fn secret(file: &[u8]) -> Result<Key, KeyError> {
        let secret = file.strip_suffix(b"\n").unwrap_or(file);
        if secret.trim_ascii_start().starts_with(b"-----BEGIN") {
            return Err(KeyError::PemSecret("a key of RSA or a curve"));
        }
        if secret.is_empty() {
            return Err(KeyError::EmptySecret);
        }
        let decoding = DecodingKey::from_secret(secret).map_err(|_| KeyError::EmptySecret)?;
        let weakness = (secret.len() < SECRET_BYTES).then_some(KeyWeakness::ShortSecret(secret.len()));
        Ok(Key { weakness, ..Key::new(KeyAlgorithm::Hs256, None, secret, decoding) })
    }

    /// A public key, or the key of a certificate, as PEM.
    ///
    /// # Errors
    /// When it is none, or none for this algorithm.
    pub fn pem(algorithm: KeyAlgorithm, file: &[u8]) -> Result<Key, KeyError> {
        let mut sections = <(SectionKind, Vec<u8>)>::pem_slice_iter(file);
        let (Some(Ok((kind, der))), None) = (sections.next(), sections.next()) else {
            return Err(KeyError::NoPem);
        };
        match kind {
            SectionKind::PublicKey => Key::public(algorithm, None, &der),
            SectionKind::Certificate => {
                let certificate = CertificateDer::from(der);
                let parsed = ParsedCertificate::try_from(&certificate).map_err(|_| KeyError::NoPem)?;
                Key::public(algorithm, None, &parsed.subject_public_key_info())
            }
            SectionKind::RsaPrivateKey | SectionKind::PrivateKey | SectionKind::EcPrivateKey => {
                Err(KeyError::Private)
            }
            _ => Err(KeyError::NoPem),
        }
    }

    /// From `SubjectPublicKeyInfo`, or the bare point of a curve.
    pub(super) fn public(
        algorithm: KeyAlgorithm,
        id: Option<CompactString>,
        der: &[u8],
    ) -> Result<Key, KeyError> {
        let verification = algorithm.verification().ok_or(KeyError::Unfit(algorithm))?;
        ParsedPublicKey::new(verification, der).map_err(|_| KeyError::Unfit(algorithm))?;
        let decoding = match algorithm {
            KeyAlgorithm::Rs256 => DecodingKey::from_rsa_der(der),
            KeyAlgorithm::Es256 => DecodingKey::from_ec_der(der),
            KeyAlgorithm::Ed25519 => DecodingKey::from_ed_der(der),
            KeyAlgorithm::Hs256 => return Err(KeyError::Unfit(algorithm)),
        };
        let key = Key::new(algorithm, id, der, decoding);
        // The size is known only to who verifies: a key that cannot is as good as none.
        if algorithm == KeyAlgorithm::Rs256 && !rsa_bits_are_served(der) {
            return Err(KeyError::RsaBits(algorithm));
        }
        Ok(key)
    }

    pub(super) fn new(
        algorithm: KeyAlgorithm,
        id: Option<CompactString>,
        material: &[u8],
        decoding: DecodingKey,
    ) -> Key {
        install_cryptography();
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(algorithm.name().as_bytes());
        hash.update(material);
        let mark = u64::from_le_bytes(hash.finish().as_ref()[..8].try_into().unwrap_or_default());
        // Times, `aud` and `iss` are checked in `token.rs`, by the service's own clock.
        let mut validation = Validation::new(algorithm.in_tokens());
        validation.required_spec_claims.clear();
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        Key { algorithm, id, mark, weakness: None, decoding, validation }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("algorithm", &self.algorithm)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The provider must be named: `jsonwebtoken` panics where another crate of the program brings a second one.
fn install_cryptography() {
    static ONCE: Once = Once::new();
    // Fails only where one is installed, which is as good.
    ONCE.call_once(|| {
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    });
}

fn rsa_bits_are_served(der: &[u8]) -> bool {
    let modulus = aws_lc_rs::rsa::PublicKey::from_der(der).map(|key| key.modulus_len() * 8);
    modulus.is_ok_and(|bits| (2048..=8192).contains(&bits))
}

// === impl KeyRing ===

impl KeyRing {
    /// # Errors
    /// When there are more keys than may be tried.
    pub fn new(keys: Vec<Key>, is_incomplete: bool) -> Result<Self, KeyError> {
        if keys.len() > KEYS_MAX {
            return Err(KeyError::TooMany(keys.len()));
        }
        for key in &keys {
            let unnamed = keys.iter().filter(|other| other.algorithm == key.algorithm && other.id.is_none());
            let count = unnamed.count();
            if count > TRIES_MAX {
                return Err(KeyError::TooManyUnnamed { algorithm: key.algorithm, count });
            }
        }
        Ok(KeyRing { keys, is_incomplete })
    }

    pub fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }

    pub(super) fn has(&self, mark: u64) -> bool {
        self.keys.iter().any(|key| key.mark == mark)
    }

    /// Whether a key server that has not answered may have the key of such a token. None gives secrets.
    pub(super) fn may_come(&self, algorithm: KeyAlgorithm, id: Option<&str>) -> bool {
        self.is_incomplete && algorithm != KeyAlgorithm::Hs256 && !self.has_named(algorithm, id)
    }

    fn has_named(&self, algorithm: KeyAlgorithm, id: Option<&str>) -> bool {
        id.is_some() && self.keys.iter().any(|key| key.algorithm == algorithm && key.id.as_deref() == id)
    }

    /// The keys that a token with this header may have been signed with: those of its `kid`; or, when it has none, or no
    /// key has it, those of its algorithm that have no name (without `kid`: then those that have one). At most [`TRIES_MAX`].
    pub(super) fn candidates<'r>(
        &'r self,
        algorithm: KeyAlgorithm,
        id: Option<&'r str>,
    ) -> impl Iterator<Item = &'r Key> {
        let is_named = self.has_named(algorithm, id);
        let of_algorithm = move || self.keys.iter().filter(move |key| key.algorithm == algorithm);
        let fits = move |key: &&Key| match id {
            Some(id) if is_named => key.id.as_deref() == Some(id),
            _ => key.id.is_none(),
        };
        let others = of_algorithm().filter(move |key| id.is_none() && key.id.is_some());
        of_algorithm().filter(fits).chain(others).take(TRIES_MAX)
    }
}
