//! Admission over time: what a good token gives, what is remembered, and what is taken back.

use std::{
    fmt::Write,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::json;

use super::support::*;
use crate::{
    access::{
        Authority, BadToken, Granted, Policy, Refused, Rights, api_keys::ApiKeys, claim::RightsClaim,
        keys::KeyRing, revoked::RevokedList, token::TokenPolicy,
    },
    tick::Symbol,
};

fn ring(keys: &[&Issuer], is_incomplete: bool) -> KeyRing {
    KeyRing::new(keys.iter().map(|issuer| issuer.key.clone()).collect(), is_incomplete).unwrap()
}

#[test]
fn a_good_token_gives_what_it_says() {
    for issuer in all() {
        let token = issuer.sign(&alice_with(&json!({"iat": NOW - 5})));
        let rights = admit(&authority(&all()), &token).unwrap();
        assert!(
            rights.may_read(&Symbol::new("BTCUSDT").unwrap())
                && !rights.may_read(&Symbol::new("ETH").unwrap())
        );
        assert_eq!((rights.user.as_deref(), rights.token.as_deref()), (Some("alice"), Some("t-1")));
        assert_eq!((rights.expires, rights.issued), (Some(at(NOW + 60)), Some(at(NOW - 5))));
        assert_eq!(rights.granted, Granted::ByKey(issuer.key.mark));
    }
}

#[test]
fn without_configuration_everybody_may_everything_and_no_token_is_looked_at() {
    let open = Authority::open();
    for token in [None, Some("nonsense"), Some("")] {
        let rights = open.admit(token, at(NOW)).unwrap();
        assert!(rights.is_everything() && rights.admin && !open.is_revoked(&rights), "{token:?}");
    }
    // Once keys are configured, those who came before must have a token.
    let before = open.admit(None, at(NOW)).unwrap();
    let generation = open.generation();
    open.set_policy(policy());
    assert!(open.generation() != generation && open.is_revoked(&before));
    assert_eq!(open.admit(None, at(NOW)), Err(Refused::Missing));
}

#[test]
fn those_without_a_token_have_the_claim_for_anyone_and_those_with_a_bad_one_have_nothing() {
    let with = |claim: &str| {
        let rights =
            Rights { granted: Granted::ToAnyone, ..RightsClaim::of_json(claim).unwrap().into_rights() };
        Policy { anonymous: Some(Arc::new(rights)), ..policy() }
    };
    let authority = with_policy(&[&HS256], with(r#"{"read":["BTC*"]}"#));
    let rights = authority.admit(None, at(NOW)).unwrap();
    assert!(rights.may_read_any() && !authority.is_revoked(&rights));
    check(&authority, "nonsense", BadToken::Form);
    check(&authority, "", BadToken::Form);
    authority.set_policy(with(r#"{"read":["ETH*"]}"#));
    assert!(authority.is_revoked(&rights), "the claim for anyone is another now");
    assert!(!authority.is_revoked(&authority.admit(None, at(NOW)).unwrap()));
}

#[test]
fn rights_end_when_their_issuer_or_their_audience_is_trusted_no_more() {
    let with = |audience: &[&str], issuer: &[&str]| {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Policy { tokens: TokenPolicy { audience: list(audience), issuer: list(issuer) }, ..policy() }
    };
    let authority = with_policy(&[&HS256], with(&["a", "b"], &["i", "j"]));
    let token = HS256.sign(&alice_with(&json!({"aud": ["b", "c"], "iss": "j"})));
    let rights = admit(&authority, &token).unwrap();
    for (audience, issuer, is_over) in [
        (&["b"][..], &["i", "j"][..], false),
        (&["c"], &["j"], false),
        (&["a"], &["j"], true),
        (&["b"], &["i"], true),
        (&[], &[], false),
    ] {
        authority.set_policy(with(audience, issuer));
        assert_eq!(authority.is_revoked(&rights), is_over, "{audience:?} {issuer:?}");
    }
}

#[test]
fn a_token_that_was_verified_once_still_expires_and_ends_with_its_key() {
    let authority = authority(&[&HS256, &ES256]);
    let token = ES256.sign(&alice());
    let rights = admit(&authority, &token).unwrap();
    assert!(Arc::ptr_eq(&rights, &admit(&authority, &token).unwrap()), "it is remembered");
    assert!(authority.admit(Some(&token), at(NOW + 64)).is_ok(), "the leeway");
    assert_eq!(authority.admit(Some(&token), at(NOW + 65)), Err(Refused::Expired));
    assert!(rights.is_expired(at(NOW + 60)), "a session has no leeway");
    let generation = authority.generation();
    authority.set_keys(ring(&[&HS256], false));
    assert!(authority.generation() != generation && authority.is_revoked(&rights));
    check(&authority, &token, BadToken::NoSuchKey);
    authority.set_keys(ring(&[&HS256, &ES256], false));
    assert!(!authority.is_revoked(&rights) && admit(&authority, &token).is_ok());
    authority.set_policy(strict());
    check(&authority, &token, BadToken::Audience);
}

#[test]
fn what_the_list_or_a_request_revokes_is_refused_from_then_on() {
    let authority = authority(&[&HS256]);
    let (first, second) =
        (HS256.sign(&alice()), HS256.sign(&alice_with(&json!({"jti": "t-2", "iat": NOW + 1}))));
    let rights = [&first, &second].map(|token| admit(&authority, token).unwrap());
    let revoked = || [&rights[0], &rights[1]].map(|rights| authority.is_revoked(rights));
    let admitted = || [&first, &second].map(|token| admit(&authority, token).err());
    authority.set_revoked(RevokedList::parse(b"token:t-1").unwrap());
    assert_eq!((revoked(), admitted()), ([true, false], [Some(Refused::Revoked), None]));
    authority.set_revoked(RevokedList::parse(b"user:alice").unwrap());
    assert_eq!(revoked(), [true, true]);
    authority.set_revoked(RevokedList::default());
    assert_eq!((revoked(), admitted()), ([false, false], [None, None]));
    let generation = authority.generation();
    authority.revoke_user("alice", at(NOW));
    assert!(authority.generation() != generation);
    assert_eq!(
        (revoked(), admitted()),
        ([true, false], [Some(Refused::Revoked), None]),
        "the second is later"
    );
    authority.revoke(&rights[1], at(NOW));
    assert_eq!((revoked(), admitted()), ([true, true], [Some(Refused::Revoked), Some(Refused::Revoked)]));
}

#[test]
fn who_asked_is_told_of_each_change() {
    let authority = authority(&[&HS256]);
    let told = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&told);
    authority.tell_changes(move || {
        count.fetch_add(1, Ordering::Relaxed);
    });
    authority.revoke_user("alice", at(NOW));
    authority.revoke_token("t-9", None, at(NOW));
    authority.set_revoked(RevokedList::parse(b"user:bob").unwrap());
    assert_eq!(told.load(Ordering::Relaxed), 3);
    // Sessions are ended by who bars quietly, which says so then.
    authority.bar_user("carol", at(NOW));
    assert_eq!(told.load(Ordering::Relaxed), 3);
    authority.raise();
    assert_eq!(told.load(Ordering::Relaxed), 4);
}

#[test]
fn a_token_without_a_name_goes_by_its_hash_which_no_other_signature_changes() {
    let authority = authority(&[&ES256]);
    let payload = json!({"exp": NOW + 60, "tickcast": {}});
    // Two signatures of one text, as whoever has a token of ES256 can make a second one of it.
    let tokens = [ES256.sign(&payload), ES256.sign(&payload)];
    assert_ne!(tokens[0], tokens[1]);
    let rights = admit(&authority, &tokens[0]).unwrap();
    let name = rights.token.clone().unwrap();
    assert!(name.starts_with("sha256:") && name.len() == 39, "{name}");
    authority.revoke(&rights, at(NOW));
    assert_eq!(
        tokens.map(|token| admit(&authority, &token).err()),
        [Some(Refused::Revoked), Some(Refused::Revoked)]
    );
    let listed = self::authority(&[&ES256]);
    listed.set_revoked(RevokedList::parse(format!("token:{name}").as_bytes()).unwrap());
    assert_eq!(admit(&listed, &ES256.sign(&payload)), Err(Refused::Revoked));
}

#[test]
fn a_key_that_may_still_come_is_a_reason_to_come_back() {
    let authority = authority(&[]);
    authority.set_keys(ring(&[&HS256], true));
    assert!(!authority.has_keys());
    assert_eq!(admit(&authority, &ES256.sign(&alice())), Err(Refused::NoKeys));
    assert_eq!(authority.unknown_keys(), 1);
    assert!(admit(&authority, &HS256.sign(&alice())).is_ok());
    let forged = ED25519.sign_raw(&header_with("HS256", ""), b"{}");
    check(&authority, &forged, BadToken::Signature);
    // One that is here and did not sign it need not be the one.
    let other = Issuer::new(crate::access::algorithm::KeyAlgorithm::Es256);
    authority.set_keys(ring(&[&HS256, &other], true));
    assert_eq!(admit(&authority, &ES256.sign(&alice())), Err(Refused::NoKeys));
    let mut named = other.key.clone();
    named.id = Some("k".into());
    authority.set_keys(KeyRing::new(vec![named], true).unwrap());
    let header = jsonwebtoken::Header { kid: Some("k".to_owned()), ..jsonwebtoken::Header::new(ES256.alg()) };
    check(&authority, &ES256.sign_with(&header, &alice()), BadToken::Signature);
    authority.set_keys(ring(&[&HS256, &ES256], false));
    assert!(authority.has_keys() && admit(&authority, &ES256.sign(&alice())).is_ok());
}

#[test]
fn an_api_key_gives_its_claim_while_it_is_there() {
    let authority = authority(&[&HS256]);
    let text = r#"{"k-0123456789abcdef":{"sub":"desk-7","tickcast":{"read":["*"]}}}"#;
    authority.set_api_keys(ApiKeys::parse(text.as_bytes()).unwrap());
    let rights = authority.by_api_key("k-0123456789abcdef").unwrap();
    assert!(rights.may_read_any() && !authority.is_revoked(&rights));
    assert!(authority.by_api_key("k-0123456789abcdee").is_none());
    assert_eq!(admit(&authority, "k-0123456789abcdef").unwrap(), rights, "it stands in place of a token");
    check(&authority, "k-0123456789abcdee", BadToken::Form);
    authority.revoke_user("desk-7", at(NOW));
    assert_eq!(admit(&authority, "k-0123456789abcdef"), Err(Refused::Revoked));
    assert!(authority.is_revoked(&rights) && authority.by_api_key("k-0123456789abcdef").is_none());
    authority.set_api_keys(ApiKeys::default());
    assert!(authority.is_revoked(&rights));
    check(&authority, "k-0123456789abcdef", BadToken::Form);
}

#[test]
fn nothing_that_is_printed_has_a_token_or_a_key() {
    let authority = authority(&all());
    let secrets = [SECRET, &ES256.public[30..60], &RS256.public[30..60]];
    let token = HS256.sign(&alice_with(&json!({"tickcast": {"admin": "yes"}})));
    let mut printed = format!("{authority:?} {:?} {:?}", ring(&all(), true), HS256.key);
    let wrong = format!("{}x", ES256.sign(&alice()));
    for token in [token.as_str(), &wrong, "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.", "secret-without-form"]
    {
        let refused = admit(&authority, token).unwrap_err();
        let _ = write!(printed, "{refused} {refused:?}");
        let pieces: Vec<&str> = token.split('.').filter(|piece| piece.len() > 8).collect();
        for piece in pieces {
            assert!(!printed.contains(piece), "{piece} in {printed}");
        }
    }
    for secret in secrets {
        assert!(!printed.contains(secret), "{printed}");
    }
    let rights = admit(&authority, &HS256.sign(&alice())).unwrap();
    assert!(!format!("{rights:?}").contains("eyJ"));
}
