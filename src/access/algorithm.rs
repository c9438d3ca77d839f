//! The algorithms of tokens.

/// What a key is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum KeyAlgorithm {
    Hs256,
    Rs256,
    Es256,
    Ed25519,
}

impl KeyAlgorithm {
    pub const ALL: [KeyAlgorithm; 4] =
        [KeyAlgorithm::Hs256, KeyAlgorithm::Rs256, KeyAlgorithm::Es256, KeyAlgorithm::Ed25519];

    /// As in `alg` of a token.
    pub const fn name(self) -> &'static str {
        match self {
            KeyAlgorithm::Hs256 => "HS256",
            KeyAlgorithm::Rs256 => "RS256",
            KeyAlgorithm::Es256 => "ES256",
            KeyAlgorithm::Ed25519 => "EdDSA",
        }
    }

    /// As in `auth.keys`.
    pub const fn scheme(self) -> &'static str {
        match self {
            KeyAlgorithm::Hs256 => "hs256",
            KeyAlgorithm::Rs256 => "rs256",
            KeyAlgorithm::Es256 => "es256",
            KeyAlgorithm::Ed25519 => "ed25519",
        }
    }
}
