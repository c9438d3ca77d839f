//! Why somebody is not let in: what `4101` to `4105` and a 401 say.
//!
//! Invariant: nothing here holds a token, a part of one, or a key. What a reason tells of a token's claims, it tells only
//! when the signature was right.

use super::claim::ClaimFault;

/// Why a token, or the lack of one, gives no rights.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refused {
    #[error(
        "a token is needed: send it as Authorization: Bearer, or as ?token=; commands of tickcast take --token FILE"
    )]
    Missing,
    #[error("the token is bad: {0}")]
    Bad(#[from] BadToken),
    #[error("the token has expired; come back with a new one")]
    Expired,
    #[error("the token, its user or its key was revoked")]
    Revoked,
    #[error("the user has as many sessions as the token allows")]
    TooManyOfUser,
    /// It may be a good one: come back.
    #[error("the keys that verify tokens cannot be had yet; come back")]
    NoKeys,
}

/// What is wrong with a token. It will not be better at the next attempt.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadToken {
    #[error("it is longer than 8192 bytes")]
    TooLong,
    #[error("it is not a JWT: three parts of base64url without padding, with a point between them")]
    Form,
    #[error("its header is not a JSON object with an `alg` that is served here (HS256, RS256, ES256, EdDSA)")]
    Header,
    #[error("its header asks for what is not served here: `crit`, `b64`, `enc` or `zip`")]
    Extension,
    #[error("its `typ` is neither JWT nor at+jwt")]
    Type,
    #[error("no key here has its `alg` and `kid`")]
    NoSuchKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("its payload is not a JSON object, or has a member twice")]
    Payload,
    #[error("{0}")]
    Claim(#[from] ClaimFault),
    #[error("`aud` does not name this service")]
    Audience,
    #[error("`iss` names no issuer that is trusted here")]
    Issuer,
    #[error("`nbf` is in the future")]
    NotYet,
}
