//! Sets of keys: which are taken, which are left out, and which spoil the set.

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{KeyPair as _, RsaKeyPair, RsaPublicKeyComponents},
};
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

use super::support::*;
use crate::access::{
    Authority, BadToken,
    jwks::{KeySet, KeySkipped},
    keys::{KeyError, KeyRing},
};

/// A pair of a curve: its public half as JWK, and who signs with it.
fn curve(kind: &'static rcgen::SignatureAlgorithm) -> (Value, EncodingKey) {
    let pair = KeyPair::generate_for(kind).unwrap();
    let (raw, pem) = (pair.der_bytes().to_vec(), pair.serialize_pem());
    if kind == &rcgen::PKCS_ED25519 {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64(&raw)});
        return (jwk, EncodingKey::from_ed_pem(pem.as_bytes()).unwrap());
    }
    let jwk = json!({"kty": "EC", "crv": "P-256", "x": base64(&raw[1..33]), "y": base64(&raw[33..])});
    (jwk, EncodingKey::from_ec_pem(pem.as_bytes()).unwrap())
}

fn rsa() -> (Value, EncodingKey) {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let pkcs8 = pair.as_der().unwrap();
    let signing = EncodingKey::from_rsa_der(inner(pkcs8.as_ref()));
    (json!({"kty": "RSA", "n": base64(&n), "e": base64(&e)}), signing)
}

/// The key of RFC 8017 in one of PKCS #8, which ends with it.
fn inner(pkcs8: &[u8]) -> &[u8] {
    let at = pkcs8.windows(2).rposition(|head| head == [0x30, 0x82]).unwrap();
    let first = pkcs8[..at].windows(2).rposition(|head| head == [0x30, 0x82]);
    &pkcs8[if first.unwrap_or(0) > 0 { first.unwrap() } else { at }..]
}

fn with(mut jwk: Value, others: &Value) -> Value {
    for (name, value) in others.as_object().unwrap() {
        jwk[name] = value.clone();
    }
    jwk
}

fn set(keys: &[Value]) -> Result<KeySet, KeyError> {
    KeySet::parse(json!({"keys": keys}).to_string().as_bytes())
}

fn of_set(keys: &[Value]) -> Authority {
    let authority = authority(&[]);
    authority.set_keys(KeyRing::new(set(keys).unwrap().keys, false).unwrap());
    authority
}

fn skipped(key: Value) -> KeySkipped {
    let good = curve(&rcgen::PKCS_ED25519).0;
    let set = set(&[key, good]).unwrap();
    assert_eq!(set.keys.len(), 1);
    set.skipped[0]
}

#[test]
fn each_type_has_its_one_algorithm_and_kid_chooses() {
    let made = [curve(&rcgen::PKCS_ECDSA_P256_SHA256), curve(&rcgen::PKCS_ED25519), rsa()];
    let algorithms =
        [jsonwebtoken::Algorithm::ES256, jsonwebtoken::Algorithm::EdDSA, jsonwebtoken::Algorithm::RS256];
    let keys: Vec<Value> = made
        .iter()
        .enumerate()
        .map(|(at, (jwk, _))| with(jwk.clone(), &json!({"kid": format!("k{at}")})))
        .collect();
    let authority = of_set(&keys);
    for (at, ((_, signing), algorithm)) in made.iter().zip(algorithms).enumerate() {
        let token = |kid: Option<String>| {
            jsonwebtoken::encode(&Header { kid, ..Header::new(algorithm) }, &alice(), signing).unwrap()
        };
        assert!(admit(&authority, &token(Some(format!("k{at}")))).is_ok(), "{algorithm:?}");
        assert!(admit(&authority, &token(None)).is_ok(), "{algorithm:?}");
        check(&authority, &token(Some(format!("k{}", (at + 1) % 3))), BadToken::NoSuchKey);
        check(&authority, &token(Some("../k0".to_owned())), BadToken::NoSuchKey);
    }
}

#[test]
fn what_verifies_nothing_here_is_skipped_with_its_reason() {
    let (ec, ed) = (curve(&rcgen::PKCS_ECDSA_P256_SHA256).0, curve(&rcgen::PKCS_ED25519).0);
    let check = |key: &Value, others: Value, expected| {
        assert_eq!(skipped(with(key.clone(), &others)), expected, "{others}");
    };
    check(&ec, json!({"crv": "P-384"}), KeySkipped::Kind);
    check(&ec, json!({"crv": "secp256k1"}), KeySkipped::Kind);
    check(&ed, json!({"crv": "Ed448"}), KeySkipped::Kind);
    check(&ed, json!({"crv": "X25519"}), KeySkipped::Kind);
    check(&ed, json!({"kty": "AKP"}), KeySkipped::Kind);
    check(&ec, json!({"alg": "HS256"}), KeySkipped::Algorithm);
    check(&ec, json!({"alg": "RS256"}), KeySkipped::Algorithm);
    check(&ed, json!({"alg": "none"}), KeySkipped::Algorithm);
    check(&ed, json!({"use": "enc"}), KeySkipped::Use);
    check(&ed, json!({"key_ops": ["sign"]}), KeySkipped::Use);
    check(&ed, json!({"x": "AAAA"}), KeySkipped::Malformed);
    check(&ed, json!({"x": "not/base64+"}), KeySkipped::Malformed);
    check(&ed, json!({"kid": "k".repeat(2_000)}), KeySkipped::Malformed);
    check(&ec, json!({"y": ec["x"]}), KeySkipped::Malformed);
    check(&ec, json!({"y": null}), KeySkipped::Malformed);
    let short = json!({"kty": "RSA", "n": base64(&[0xc5; 128]), "e": "AQAB"});
    assert_eq!(skipped(short.clone()), KeySkipped::RsaBits);
    assert_eq!(skipped(with(short, &json!({"e": "", "n": base64(&[0xc5; 256])}))), KeySkipped::Malformed);
    let taken =
        set(&[with(ed.clone(), &json!({"alg": "EdDSA", "use": "sig", "key_ops": ["verify"], "x5c": ["x"]}))]);
    assert!(taken.unwrap().skipped.is_empty());
    assert!(set(&[with(ed, &json!({"alg": "Ed25519"}))]).is_ok());
}

#[test]
fn what_spoils_a_set_is_named() {
    let ed = curve(&rcgen::PKCS_ED25519).0;
    let secret = json!({"kty": "oct", "k": base64(SECRET.as_bytes()), "alg": "HS256"});
    assert_eq!(set(&[ed.clone(), secret]).unwrap_err(), KeyError::SymmetricJwk);
    assert_eq!(set(&[]).unwrap_err(), KeyError::NoneUsable(0));
    assert_eq!(set(&[with(ed.clone(), &json!({"use": "enc"}))]).unwrap_err(), KeyError::NoneUsable(1));
    assert_eq!(set(&vec![ed; 65]).unwrap_err(), KeyError::TooMany(65));
    for text in ["", "{}", "[]", "{\"keys\":{}}", "{\"keys\":[7]}", "<html>", "{\"keys\":[{\"kid\":\"a\"}]}"]
    {
        assert_eq!(KeySet::parse(text.as_bytes()).unwrap_err(), KeyError::NoJwks, "{text}");
    }
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(KeySet::parse(&bytes).is_err());
    }

    /// Whatever numbers an RSA key has: it is taken or skipped, and nothing panics.
    #[test]
    fn no_numbers_panic(n in "[A-Za-z0-9_-]{0,400}", e in "[A-Za-z0-9_-]{0,8}") {
        let _ = set(&[json!({"kty": "RSA", "n": n, "e": e})]);
        let _ = set(&[json!({"kty": "EC", "crv": "P-256", "x": n, "y": e})]);
    }
}
