//! Each attack on a token, and that it ends where it should.

use jsonwebtoken::Header;
use proptest::prelude::*;
use serde_json::json;

use super::support::*;
use crate::{
    access::{
        BadToken, Refused,
        algorithm::KeyAlgorithm,
        claim::ClaimFault,
        keys::{Key, KeyError, KeyRing, KeyWeakness, TRIES_MAX},
        token::TOKEN_BYTES_MAX,
    },
    tick::Nanos,
};

/// The parts of a token.
fn parts(token: &str) -> [&str; 3] {
    let parts: Vec<&str> = token.split('.').collect();
    parts.try_into().unwrap()
}

#[test]
fn the_key_decides_the_algorithm_and_never_the_token() {
    let all_keys = authority(&all());
    for issuer in all() {
        assert!(admit(&all_keys, &issuer.sign(&alice())).is_ok(), "{:?}", issuer.algorithm);
        for other in all() {
            if other.algorithm == issuer.algorithm {
                continue;
            }
            // What one key has signed is not a token of another's algorithm, whatever its header says.
            let name = other.algorithm.name();
            let token = issuer.sign_raw(&header_with(name, ""), alice().to_string().as_bytes());
            check(&all_keys, &token, BadToken::Signature);
            check(&authority(&[issuer]), &token, BadToken::NoSuchKey);
        }
    }
}

#[test]
fn a_public_key_is_no_secret() {
    for issuer in [&RS256, &ES256, &ED25519] {
        let keys = authority(&[issuer, &HS256]);
        let der = issuer.public.lines().filter(|line| !line.starts_with('-')).collect::<String>();
        for secret in [issuer.public.clone(), issuer.public.trim_end().to_owned(), der] {
            let signing = jsonwebtoken::EncodingKey::from_secret(secret.as_bytes()).unwrap();
            let token = jsonwebtoken::encode(&Header::default(), &alice(), &signing).unwrap();
            check(&keys, &token, BadToken::Signature);
            check(&authority(&[issuer]), &token, BadToken::NoSuchKey);
        }
        assert!(matches!(Key::secret(issuer.public.as_bytes()), Err(KeyError::PemSecret(_))));
    }
}

#[test]
fn no_signature_is_a_wrong_one() {
    let keys = authority(&all());
    let payload = base64(alice().to_string().as_bytes());
    for alg in ["none", "None", "NONE", "nOnE", "HS384", "RS512", "PS256", "ES384", "HS257", "", "hs256"] {
        let header = base64(header_with(alg, "").as_bytes());
        check(&keys, &format!("{header}.{payload}."), BadToken::Header);
    }
    for issuer in all() {
        let token = issuer.sign(&alice());
        let [header, payload, signature] = parts(&token);
        check(&keys, &format!("{header}.{payload}."), BadToken::Signature);
        let other = issuer.sign(&alice_with(&json!({"sub": "mallory"})));
        check(&keys, &format!("{header}.{}.{signature}", parts(&other)[1]), BadToken::Signature);
    }
    check(&keys, &format!("{}.{payload}.", base64(b"{}")), BadToken::Header);
    check(&keys, &format!("{}.{payload}.", base64(b"{\"alg\":null}")), BadToken::Header);
    check(&keys, &format!("{}.{payload}.", base64(b"{\"alg\":[\"HS256\"]}")), BadToken::Header);
    check(
        &keys,
        &format!("{}.{payload}.", base64(b"{\"alg\":\"HS256\",\"alg\":\"none\"}")),
        BadToken::Header,
    );
}

#[test]
fn what_a_header_asks_for_beyond_is_refused() {
    let keys = authority(&[&HS256]);
    let with = |others: &str| HS256.sign_raw(&header_with("HS256", others), alice().to_string().as_bytes());
    for others in [
        r#","crit":["exp"],"exp":1"#,
        r#","crit":["b64"],"b64":true"#,
        r#","crit":[]"#,
        r#","b64":false"#,
        r#","enc":"A128GCM""#,
        r#","zip":"DEF""#,
    ] {
        check(&keys, &with(others), BadToken::Extension);
    }
    for typ in ["JWE", "jwt ", "dpop+jwt", ""] {
        check(&keys, &with(&format!(r#","typ":"{typ}""#)), BadToken::Type);
    }
    for others in
        ["", r#","typ":"JWT""#, r#","typ":"jwt""#, r#","typ":"at+jwt""#, r#","typ":"application/at+jwt""#]
    {
        assert!(admit(&keys, &with(others)).is_ok(), "{others}");
    }
    // A key that comes with the token is not asked.
    let own = r#","jwk":{"kty":"oct","k":"AAAA"},"jku":"https://mallory.example","x5u":"file:///etc/passwd""#;
    let signing = jsonwebtoken::EncodingKey::from_secret(b"mallory's").unwrap();
    let message = format!(
        "{}.{}",
        base64(header_with("HS256", own).as_bytes()),
        base64(alice().to_string().as_bytes())
    );
    let signature =
        jsonwebtoken::crypto::sign(message.as_bytes(), &signing, jsonwebtoken::Algorithm::HS256).unwrap();
    check(&keys, &format!("{message}.{signature}"), BadToken::Signature);
}

/// What a forged token costs does not rise with the keys that there are.
#[test]
fn a_forged_token_is_tried_with_few_keys_of_its_algorithm() {
    let unnamed = |count: usize| -> Vec<Key> {
        let key = |at: usize| Key::secret(format!("{at:032}").as_bytes()).unwrap();
        (0..count).map(key).collect()
    };
    let named = (0..40).map(|at| Key { id: Some(format!("k{at}").into()), ..HS256.key.clone() });
    let ring = KeyRing::new(unnamed(TRIES_MAX).into_iter().chain(named).collect(), false).unwrap();
    let tried = |algorithm, id| ring.candidates(algorithm, id).count();
    assert_eq!(tried(KeyAlgorithm::Hs256, None), TRIES_MAX);
    assert!(
        ring.candidates(KeyAlgorithm::Hs256, None).all(|key| key.id.is_none()),
        "those without a name first"
    );
    assert_eq!(
        (tried(KeyAlgorithm::Hs256, Some("k7")), tried(KeyAlgorithm::Hs256, Some("no"))),
        (1, TRIES_MAX)
    );
    assert_eq!((tried(KeyAlgorithm::Rs256, None), tried(KeyAlgorithm::Ed25519, Some("k7"))), (0, 0));
    let fault = KeyRing::new(unnamed(TRIES_MAX + 1), false).unwrap_err();
    assert_eq!(fault, KeyError::TooManyUnnamed { algorithm: KeyAlgorithm::Hs256, count: TRIES_MAX + 1 });
    // A few named ones are tried for a token that names none.
    let few = (0..3).map(|at| Key { id: Some(format!("k{at}").into()), ..HS256.key.clone() });
    let authority = authority(&[]);
    authority.set_keys(KeyRing::new(few.collect(), false).unwrap());
    assert!(admit(&authority, &HS256.sign(&alice())).is_ok());
}

#[test]
fn a_key_id_is_data() {
    let mut named = HS256.key.clone();
    named.id = Some("2026-11".into());
    let ring = |keys: Vec<Key>| {
        let authority = authority(&[]);
        authority.set_keys(KeyRing::new(keys, false).unwrap());
        authority
    };
    let with =
        |kid: &str| HS256.sign_with(&Header { kid: Some(kid.to_owned()), ..Header::default() }, &alice());
    let (only_named, only_unnamed) = (ring(vec![named.clone()]), ring(vec![HS256.key.clone()]));
    assert!(admit(&only_named, &with("2026-11")).is_ok());
    assert!(admit(&only_named, &HS256.sign(&alice())).is_ok(), "without `kid` all keys are tried");
    for kid in [
        "",
        "2026-12",
        "../../../../dev/null",
        "/dev/null",
        "'; drop table keys; --",
        "2026-11\0",
        "\u{202e}",
    ] {
        check(&only_named, &with(kid), BadToken::NoSuchKey);
        assert!(admit(&only_unnamed, &with(kid)).is_ok(), "a key without a name is tried for each");
    }
    check(&only_named, &with(&"k".repeat(10_000)), BadToken::TooLong);
    check(&only_named, &with(&"k".repeat(5_000)), BadToken::NoSuchKey);
    // A name chooses among keys of one algorithm: it makes no other key fit.
    let mut public = ES256.key.clone();
    public.id = Some("2026-11".into());
    let both = ring(vec![public, named]);
    assert!(admit(&both, &with("2026-11")).is_ok());
    let forged = HS256.sign_raw(&header_with("ES256", r#","kid":"2026-11""#), alice().to_string().as_bytes());
    check(&both, &forged, BadToken::Signature);
}

#[test]
fn what_is_no_token_is_none() {
    let keys = authority(&all());
    let good = HS256.sign(&alice());
    let [header, payload, signature] = parts(&good);
    for token in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.x"),
        format!(".{good}"),
        format!("{header}.{payload}.{signature}.{payload}.{signature}"),
        format!("{header}={payload}.{signature}"),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}==.{payload}.{signature}"),
        format!("{header}.{payload}.é"),
        "\u{0}.\u{0}.\u{0}".to_owned(),
    ] {
        assert!(admit(&keys, &token).is_err(), "{token:?}");
    }
    check(&keys, &"x".repeat(TOKEN_BYTES_MAX + 1), BadToken::TooLong);
    check(&keys, &format!("{header}.{}.{signature}", "A".repeat(100_000)), BadToken::TooLong);
    let deep = "[".repeat(3_000);
    check(
        &keys,
        &HS256.sign_raw(&header_with("HS256", ""), format!("{{\"tickcast\":{deep}").as_bytes()),
        BadToken::Payload,
    );
    check(&keys, &HS256.sign_raw(&format!("{{\"alg\":\"HS256\",\"x\":{deep}"), b"{}"), BadToken::Header);
}

#[test]
fn a_payload_that_is_signed_is_read_strictly() {
    let keys = authority(&[&HS256]);
    let with = |payload: &str| HS256.sign_raw(&header_with("HS256", ""), payload.as_bytes());
    let fault = |payload: &str, expected: &str| match admit(&keys, &with(payload)) {
        Err(Refused::Bad(BadToken::Claim(fault))) => {
            assert!(fault.to_string().starts_with(expected), "{payload}: {fault}");
        }
        other => panic!("{payload}: {other:?}"),
    };
    let exp = NOW + 60;
    for payload in ["", "[]", "7", "null", "{", "{\"exp\":1e999}", "{\"exp\":}"] {
        check(&keys, &with(payload), BadToken::Payload);
    }
    check(&keys, &HS256.sign_raw(&header_with("HS256", ""), b"{\"sub\":\"\xff\"}"), BadToken::Payload);
    fault("{}", "`exp` is missing");
    fault("{\"tickcast\":{}}", "`exp` is missing");
    fault(&format!("{{\"exp\":{exp}}}"), "`tickcast` is missing");
    fault(&format!("{{\"exp\":\"{exp}\",\"tickcast\":{{}}}}"), "`exp` must be a number of seconds");
    fault("{\"exp\":null,\"tickcast\":{}}", "`exp` must be a number of seconds");
    check(&keys, &with(&format!("{{\"exp\":1,\"exp\":{exp},\"tickcast\":{{}}}}")), BadToken::Payload);
    fault(
        &format!("{{\"exp\":{exp},\"tickcast\":{{}},\"tickcast\":{{\"admin\":true}}}}"),
        "`tickcast` is there twice",
    );
    fault(
        &format!("{{\"exp\":{exp},\"tickcast\":{{\"read\":[],\"read\":[\"*\"]}}}}"),
        "`read` is there twice",
    );
    fault(&format!("{{\"exp\":{exp},\"tickcast\":{{\"root\":true}}}}"), "`tickcast` has a member \"root\"");
    fault(&format!("{{\"exp\":{exp},\"tickcast\":[]}}"), "`tickcast` must be a JSON object");
    fault(&format!("{{\"exp\":{exp},\"tickcast\":\"admin\"}}"), "`tickcast` must be a JSON object");
    fault(&format!("{{\"exp\":{exp},\"sub\":7,\"tickcast\":{{}}}}"), "`sub` must be a text");
    fault(&format!("{{\"exp\":{exp},\"sub\":\"\",\"tickcast\":{{}}}}"), "`sub` must be a text of 1");
    fault(&format!("{{\"exp\":{exp},\"jti\":\"a\\nb\",\"tickcast\":{{}}}}"), "`jti` must be a text of 1");
    fault(&format!("{{\"exp\":{exp},\"nbf\":\"x\",\"tickcast\":{{}}}}"), "`nbf` must be a number");
    fault(&format!("{{\"exp\":{exp},\"aud\":{{}},\"tickcast\":{{}}}}"), "`aud` must be a text");
    let unknown = alice_with(&json!({"scope": "x", "name": {"a": [1, 2]}, "roles": null}));
    assert!(admit(&keys, &HS256.sign(&unknown)).is_ok(), "what an issuer says beside is its own");
}

#[test]
fn audience_and_issuer_are_asked_for_when_they_are_configured() {
    let (asks, asks_not) = (with_policy(&[&HS256], strict()), authority(&[&HS256]));
    let iss = "https://issuer.example";
    for (others, expected) in [
        (json!({"iss": iss, "aud": "tickcast"}), None),
        (json!({"iss": iss, "aud": ["other", "ticks"]}), None),
        (json!({"iss": iss}), Some(BadToken::Audience)),
        (json!({"iss": iss, "aud": "tickcas"}), Some(BadToken::Audience)),
        (json!({"iss": iss, "aud": "tickcast "}), Some(BadToken::Audience)),
        (json!({"iss": iss, "aud": []}), Some(BadToken::Audience)),
        (json!({"iss": iss, "aud": ["TICKCAST"]}), Some(BadToken::Audience)),
        (json!({"aud": "tickcast"}), Some(BadToken::Issuer)),
        (json!({"aud": "tickcast", "iss": "https://issuer.example/"}), Some(BadToken::Issuer)),
    ] {
        let token = HS256.sign(&alice_with(&others));
        let found = admit(&asks, &token).err();
        assert_eq!(found, expected.map(Refused::Bad), "{others}");
        assert!(admit(&asks_not, &token).is_ok(), "{others}");
    }
    let wrong = HS256.sign(&alice_with(&json!({"iss": [iss], "aud": "tickcast"})));
    check(&asks, &wrong, BadToken::Claim(ClaimFault::Kind { name: "iss", wanted: "a text" }));
}

#[test]
fn a_private_key_or_one_of_another_kind_is_refused() {
    for algorithm in [KeyAlgorithm::Rs256, KeyAlgorithm::Es256, KeyAlgorithm::Ed25519] {
        for issuer in [&RS256, &ES256, &ED25519] {
            let key = Key::pem(algorithm, issuer.public.as_bytes());
            assert_eq!(key.is_ok(), issuer.algorithm == algorithm, "{:?} as {algorithm:?}", issuer.algorithm);
        }
        assert_eq!(Key::pem(algorithm, b"").unwrap_err(), KeyError::NoPem);
        assert_eq!(Key::pem(algorithm, SECRET.as_bytes()).unwrap_err(), KeyError::NoPem);
    }
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    assert_eq!(
        Key::pem(KeyAlgorithm::Ed25519, pair.serialize_pem().as_bytes()).unwrap_err(),
        KeyError::Private
    );
    let two = format!("{}{}", ES256.public, ES256.public);
    assert_eq!(Key::pem(KeyAlgorithm::Es256, two.as_bytes()).unwrap_err(), KeyError::NoPem);
    let other_curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let unfit = KeyError::Unfit(KeyAlgorithm::Es256);
    assert_eq!(Key::pem(KeyAlgorithm::Es256, other_curve.public_key_pem().as_bytes()).unwrap_err(), unfit);
    for empty in [&b""[..], b"\n"] {
        assert_eq!(Key::secret(empty).unwrap_err(), KeyError::EmptySecret);
    }
    assert_eq!(Key::secret(b"short\n").unwrap().weakness, Some(KeyWeakness::ShortSecret(5)));
    assert_eq!(
        Key::secret(&[b'x'; 32]).unwrap().mark,
        Key::secret(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n").unwrap().mark
    );
    assert_eq!(Key::secret(&[b'x'; 32]).unwrap().weakness, None);
    let short = Key::secret(b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n").unwrap();
    assert_eq!(short.weakness, Some(KeyWeakness::ShortSecret(31)), "31 bytes and a newline");
}

#[test]
fn the_key_of_a_certificate_is_as_good() {
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["issuer.example".to_owned()]).unwrap();
    let pem = certificate.self_signed(&pair).unwrap().pem();
    let of_certificate = Key::pem(KeyAlgorithm::Es256, pem.as_bytes()).unwrap();
    let of_key = Key::pem(KeyAlgorithm::Es256, pair.public_key_pem().as_bytes()).unwrap();
    assert_eq!(of_certificate.mark, of_key.mark);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whatever is changed in a good token, it is refused, or it is the same token.
    #[test]
    fn no_changed_token_is_good(which in 0usize..4, at in 0usize..400, with in "[A-Za-z0-9_.=-]", cut in any::<bool>()) {
        let issuer = all()[which];
        let keys = authority(&all());
        let good = issuer.sign(&alice());
        let at = at % good.len();
        let changed = if cut { good[..at].to_owned() } else { format!("{}{with}{}", &good[..at], &good[at + 1..]) };
        prop_assume!(changed != good);
        prop_assert!(admit(&keys, &changed).is_err(), "{changed}");
    }

    #[test]
    fn no_text_is_a_token_and_none_panics(text in "(eyJ[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}\\.[A-Za-z0-9_-]{0,40}|\\PC{0,80})") {
        prop_assert!(admit(&authority(&all()), &text).is_err());
    }

    /// A header of any JSON: no panic, and nothing but the right key lets anybody in.
    #[test]
    fn no_header_of_a_stranger_lets_in(
        alg in "(HS256|RS256|ES256|EdDSA|none|[a-zA-Z0-9]{0,8})", kid in "\\PC{0,12}", signature in "[A-Za-z0-9_-]{0,90}",
    ) {
        let header = base64(json!({"alg": alg, "kid": kid}).to_string().as_bytes());
        let token = format!("{header}.{}.{signature}", base64(alice().to_string().as_bytes()));
        prop_assert!(admit(&authority(&all()), &token).is_err());
    }

    /// Whole, broken, negative and huge times: a token is good exactly from `nbf` less the leeway to `exp` and the leeway,
    /// and nothing overflows.
    #[test]
    fn times_are_kept_to_the_leeway(
        exp in prop_oneof![NOW - 10..NOW + 10, any::<i64>()], nbf in prop::option::of(prop_oneof![NOW - 10..NOW + 10, any::<i64>()]),
        now in prop_oneof![NOW - 10..NOW + 10, 0..9_000_000_000i64],
    ) {
        let keys = authority(&[&HS256]);
        let mut payload = alice_with(&json!({"exp": exp}));
        if let Some(nbf) = nbf {
            payload["nbf"] = json!(nbf);
        }
        let found = keys.admit(Some(&HS256.sign(&payload)), at(now));
        let expected = if i128::from(now) >= i128::from(exp) + 5 {
            Some(Refused::Expired)
        } else if nbf.is_some_and(|nbf| i128::from(nbf) > i128::from(now) + 5) {
            Some(Refused::Bad(BadToken::NotYet))
        } else {
            None
        };
        // Beyond the clock's end all times are the same one, which never comes.
        let is_within = |seconds: i64| seconds.unsigned_abs() < 9_200_000_000;
        if is_within(exp) && nbf.is_none_or(is_within) {
            prop_assert_eq!(found.as_ref().err(), expected.as_ref());
        }
        if let Ok(rights) = found {
            prop_assert_eq!(rights.expires, Some(Nanos(exp.saturating_mul(1_000_000_000))));
        }
    }

    #[test]
    fn times_with_fractions_end_no_later_than_they_say(seconds in 0.0f64..1e30, nanos in any::<i64>()) {
        let keys = authority(&[&HS256]);
        let payload = HS256.sign(&alice_with(&json!({"exp": seconds})));
        if let Ok(rights) = keys.admit(Some(&payload), Nanos(nanos)) {
            prop_assert!(rights.expires.unwrap().0 as f64 <= seconds * 1e9);
        }
    }
}
