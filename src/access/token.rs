//! Verifies one token: form, header, signature, times, audience, issuer, claim, in this order.
//!
//! `jsonwebtoken` parses and verifies; times are judged here, by the service's clock. Nothing of a payload is looked at
//! before its signature is right.
//!
//! Invariants: the key decides the algorithm, never the token; whatever the bytes are, nothing panics or overflows.

use std::fmt;

use aws_lc_rs::digest;
use compact_str::CompactString;
use jsonwebtoken::{Header, errors::ErrorKind};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Number, Value};

use super::{
    algorithm::KeyAlgorithm,
    claim::{ClaimFault, GivenClaim, RightsClaim, short_text},
    keys::{Key, KeyRing},
    refused::{BadToken, Refused},
    rights::{Granted, Parties, Rights},
};
use crate::tick::Nanos;

/// What tokens must say beside their claim.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TokenPolicy {
    /// One of these must be in `aud`. Empty: it is not looked at.
    pub audience: Vec<String>,
    /// One of these must be `iss`. Empty: it is not looked at.
    pub issuer: Vec<String>,
}

/// The claims of a payload, or what is wrong with them.
struct Payload(Result<Claims, ClaimFault>);

#[derive(Default)]
struct Claims {
    expires: Option<Nanos>,
    not_before: Option<Nanos>,
    issued: Option<Nanos>,
    subject: Option<CompactString>,
    id: Option<CompactString>,
    issuer: Option<String>,
    audience: Option<Vec<String>>,
    tickcast: Option<RightsClaim>,
}

/// A longer token is not looked at.
pub const TOKEN_BYTES_MAX: usize = 8192;
/// The clocks of issuer and service may differ by so much when a token is accepted. A session ends at `exp` exactly.
const LEEWAY_NANOS: i64 = 5_000_000_000;
const KNOWN: [&str; 8] = ["exp", "nbf", "iat", "sub", "jti", "iss", "aud", "tickcast"];

pub(super) fn verify(
    token: &str,
    ring: &KeyRing,
    policy: &TokenPolicy,
    now: Nanos,
) -> Result<Rights, Refused> {
    if token.len() > TOKEN_BYTES_MAX {
        return Err(BadToken::TooLong.into());
    }
    let header = header(token)?;
    let algorithm = KeyAlgorithm::of(header.alg).ok_or(BadToken::Header)?;
    let id = header.kid.as_deref();
    let mut outcome = BadToken::NoSuchKey;
    for key in ring.candidates(algorithm, id) {
        match signed_by(token, key) {
            Err(BadToken::Signature) => outcome = BadToken::Signature,
            Err(other) => return Err(other.into()),
            Ok(payload) => return accept(token, key, payload.0.map_err(BadToken::from)?, policy, now),
        }
    }
    // A key that is missing may come, and may be the right one. What a key of the token's own `kid` has not signed is bad.
    if ring.may_come(algorithm, id) { Err(Refused::NoKeys) } else { Err(outcome.into()) }
}

/// The header, if it asks for nothing that is not served.
fn header(token: &str) -> Result<Header, BadToken> {
    if token.bytes().filter(|byte| *byte == b'.').count() != 2 {
        return Err(BadToken::Form);
    }
    let header = jsonwebtoken::decode_header(token).map_err(|error| match error.kind() {
        ErrorKind::Json(_) | ErrorKind::InvalidAlgorithmName | ErrorKind::UnsupportedAlgorithm => {
            BadToken::Header
        }
        _ => BadToken::Form,
    })?;
    let asks = header.crit.is_some() || header.enc.is_some() || header.zip.is_some();
    if asks || header.extras.inner().contains_key("b64") {
        return Err(BadToken::Extension);
    }
    let is_known = |typ: &str| {
        ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| typ.eq_ignore_ascii_case(known))
    };
    match header.typ.as_deref() {
        Some(typ) if !is_known(typ) => Err(BadToken::Type),
        _ => Ok(header),
    }
}

fn signed_by(token: &str, key: &Key) -> Result<Payload, BadToken> {
    let decoded = jsonwebtoken::decode::<Payload>(token, &key.decoding, &key.validation);
    decoded.map(|decoded| decoded.claims).map_err(|error| match error.kind() {
        ErrorKind::Json(_) | ErrorKind::Utf8(_) => BadToken::Payload,
        ErrorKind::Base64(_) | ErrorKind::InvalidToken => BadToken::Form,
        _ => BadToken::Signature,
    })
}

fn accept(
    token: &str,
    key: &Key,
    claims: Claims,
    policy: &TokenPolicy,
    now: Nanos,
) -> Result<Rights, Refused> {
    let missing = |name| BadToken::Claim(ClaimFault::Missing { name });
    let expires = claims.expires.ok_or_else(|| missing("exp"))?;
    if is_over(expires, now) {
        return Err(Refused::Expired);
    }
    if claims.not_before.is_some_and(|from| from.0 > now.0.saturating_add(LEEWAY_NANOS)) {
        return Err(BadToken::NotYet.into());
    }
    let parties = Parties { issuer: claims.issuer, audience: claims.audience.unwrap_or_default() };
    policy.check(&parties)?;
    let claim = claims.tickcast.ok_or_else(|| missing("tickcast"))?;
    let rights = claim.of_user(claims.subject).map_err(BadToken::Claim)?;
    Ok(Rights {
        token: Some(claims.id.unwrap_or_else(|| fingerprint(token))),
        expires: Some(expires),
        granted: Granted::ByKey(key.mark),
        issued: claims.issued,
        parties,
        ..rights
    })
}

/// Whether a token is accepted no more.
pub(super) fn is_over(expires: Nanos, now: Nanos) -> bool {
    now.0 >= expires.0.saturating_add(LEEWAY_NANOS)
}

/// The name of a token that gives itself none. It is of what is signed: whoever has a token could change the signature of
/// ES256 to another good one.
fn fingerprint(token: &str) -> CompactString {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    let hash = digest::digest(&digest::SHA256, signed.as_bytes());
    let mut name = CompactString::const_new("sha256:");
    for byte in &hash.as_ref()[..16] {
        let _ = fmt::Write::write_fmt(&mut name, format_args!("{byte:02x}"));
    }
    name
}

// === impl TokenPolicy ===

impl TokenPolicy {
    /// Whether tokens from and for these are trusted.
    pub(super) fn check(&self, parties: &Parties) -> Result<(), BadToken> {
        let is_meant = parties.audience.iter().any(|one| self.audience.contains(one));
        if !self.audience.is_empty() && !is_meant {
            return Err(BadToken::Audience);
        }
        let is_trusted = parties.issuer.as_ref().is_some_and(|issuer| self.issuer.contains(issuer));
        if !self.issuer.is_empty() && !is_trusted {
            return Err(BadToken::Issuer);
        }
        Ok(())
    }
}

// === impl Payload ===

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfPayload;
        impl<'de> Visitor<'de> for OfPayload {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Payload, A::Error> {
                let (mut claims, mut seen, mut fault) = (Claims::default(), 0_u8, None);
                while let Some(name) = map.next_key::<CompactString>()? {
                    let Some(at) = KNOWN.iter().position(|known| *known == name) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if seen & (1 << at) != 0 {
                        fault.get_or_insert(ClaimFault::Twice { name: KNOWN[at] });
                    }
                    seen |= 1 << at;
                    let taken = if KNOWN[at] == "tickcast" {
                        let given = map.next_value::<GivenClaim>()?;
                        given.0.map(|claim| claims.tickcast = Some(claim))
                    } else {
                        claims.take(KNOWN[at], &map.next_value::<Value>()?)
                    };
                    if let Err(found) = taken {
                        fault.get_or_insert(found);
                    }
                }
                Ok(Payload(fault.map_or(Ok(claims), Err)))
            }
        }
        deserializer.deserialize_map(OfPayload)
    }
}

// === impl Claims ===

impl Claims {
    fn take(&mut self, name: &'static str, value: &Value) -> Result<(), ClaimFault> {
        match name {
            "exp" => self.expires = Some(time(name, value)?),
            "nbf" => self.not_before = Some(time(name, value)?),
            "iat" => self.issued = Some(time(name, value)?),
            "sub" => self.subject = Some(short_text(name, value)?),
            "jti" => self.id = Some(short_text(name, value)?),
            "iss" => self.issuer = Some(text(name, value)?),
            _ => {
                let texts = match value {
                    Value::Array(entries) => entries.iter().map(|entry| text(name, entry)).collect(),
                    one => text(name, one).map(|one| vec![one]),
                };
                self.audience = Some(texts?);
            }
        }
        Ok(())
    }
}

fn text(name: &'static str, value: &Value) -> Result<String, ClaimFault> {
    value.as_str().map(str::to_owned).ok_or(ClaimFault::Kind { name, wanted: "a text" })
}

/// Seconds since 1970, with a fraction or without. What is beyond all clocks is the end of days.
fn time(name: &'static str, value: &Value) -> Result<Nanos, ClaimFault> {
    let nanos = |number: &Number| match (number.as_i64(), number.as_u64(), number.as_f64()) {
        (Some(seconds), ..) => Some(seconds.saturating_mul(1_000_000_000)),
        (None, Some(_), _) => Some(i64::MAX),
        // A conversion of floats saturates; JSON has no NaN.
        (None, None, seconds) => Some((seconds? * 1e9).floor() as i64),
    };
    let wanted = "a number of seconds since 1970";
    value.as_number().and_then(nanos).map(Nanos).ok_or(ClaimFault::Kind { name, wanted })
}
