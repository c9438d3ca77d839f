//! The key that signs a token, and the one algorithm that it is for.
//!
//! Invariant: no error shows a byte of the key.

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;
use tickcast::access::keys::{Key, KeyError};

/// A key, ready to sign.
pub struct SigningKey {
    pub algorithm: Algorithm,
    key: EncodingKey,
}

/// Why a file is not a key that signs.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    #[error(transparent)]
    Secret(#[from] KeyError),
    #[error("it is a public key, which only verifies; tokens are signed with the private one")]
    Public,
    #[error("it is encrypted; `openssl pkey -in FILE -out KEY` decrypts it")]
    Encrypted,
    #[error("it is an EC key in its old form; `openssl pkcs8 -topk8 -nodes -in FILE -out KEY` converts it")]
    OldForm,
    #[error("it is PEM, and no private key of RSA, P-256 or Ed25519")]
    Unknown,
    #[error("it cannot sign for {0:?}: RSA needs 2048 bits or more, and EC the curve P-256")]
    Unfit(Algorithm),
}

// === impl SigningKey ===

impl SigningKey {
    /// The key in a file: PEM, or the bytes of a secret and perhaps a line end.
    ///
    /// # Errors
    /// When it is none, or a secret that the service would not take.
    pub fn of(file: &[u8]) -> Result<Self, SigningKeyError> {
        // Fails only where one is installed, which is as good.
        let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
        let text = String::from_utf8_lossy(file);
        if text.trim_start().starts_with("-----BEGIN") {
            SigningKey::of_pem(&text)
        } else {
            SigningKey::secret(file)
        }
    }

    fn secret(file: &[u8]) -> Result<Self, SigningKeyError> {
        // By the service's own rule, which also says how to make a good one.
        let _verifies = Key::secret(file)?;
        let secret = file.strip_suffix(b"\n").unwrap_or(file);
        let key = EncodingKey::from_secret(secret).map_err(|_| KeyError::EmptySecret)?;
        Ok(SigningKey { algorithm: Algorithm::HS256, key })
    }

    fn of_pem(text: &str) -> Result<Self, SigningKeyError> {
        let has = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
        if has("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
            return Err(SigningKeyError::Encrypted);
        }
        if has("EC PRIVATE KEY") {
            return Err(SigningKeyError::OldForm);
        }
        if !has("PRIVATE KEY") && !has("RSA PRIVATE KEY") {
            let is_public = has("PUBLIC KEY") || has("RSA PUBLIC KEY") || has("CERTIFICATE");
            return Err(if is_public { SigningKeyError::Public } else { SigningKeyError::Unknown });
        }
        let pem = text.as_bytes();
        let (algorithm, key) = EncodingKey::from_ed_pem(pem)
            .map(|key| (Algorithm::EdDSA, key))
            .or_else(|_| EncodingKey::from_ec_pem(pem).map(|key| (Algorithm::ES256, key)))
            .or_else(|_| EncodingKey::from_rsa_pem(pem).map(|key| (Algorithm::RS256, key)))
            .map_err(|_| SigningKeyError::Unknown)?;
        Ok(SigningKey { algorithm, key })
    }

    /// The token.
    ///
    /// # Errors
    /// When the key is too small, or of another curve.
    pub fn sign(&self, header: &Header, claims: &Value) -> Result<String, SigningKeyError> {
        jsonwebtoken::encode(header, claims, &self.key).map_err(|_| SigningKeyError::Unfit(self.algorithm))
    }
}
