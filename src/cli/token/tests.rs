//! Tokens as the service takes them.

use std::{fs, path::PathBuf, time::Duration};

use clap::Parser;
use rcgen::{
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};
use tickcast::{
    access::{
        Authority, Policy, SessionsOver,
        keys::{Key, KeyAlgorithm, KeyRing},
        token::TokenPolicy,
    },
    tick::{Nanos, Symbol},
};

use super::{TokenArgs, token};

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    token: TokenArgs,
}

/// A folder with keys.
struct Keys(PathBuf);

const NOW: u64 = 1_796_000_000;
const SECRET: &str = "c0ffee00c0ffee00c0ffee00c0ffee00";

impl Keys {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("tickcast-token-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Keys(folder)
    }

    fn token(&self, key: impl AsRef<[u8]>, flags: &str) -> Result<String, String> {
        let path = self.0.join("key");
        fs::write(&path, key).unwrap();
        let words = ["token", "--key", path.to_str().unwrap()].into_iter().chain(flags.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        token(&line.token, NOW).map_err(|error| error.to_string())
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ignored = fs::remove_dir_all(&self.0);
    }
}

fn authority(key: Key, policy: TokenPolicy) -> Authority {
    let authority = Authority::new(Policy {
        is_open: false,
        anonymous: None,
        sessions_over: SessionsOver::default(),
        tokens: policy,
    });
    authority.set_keys(KeyRing::new(vec![key], false).unwrap());
    authority
}

fn at(seconds: u64) -> Nanos {
    Nanos(i64::try_from(seconds * 1_000_000_000).unwrap())
}

#[test]
fn every_flag_is_a_right_that_the_service_gives() {
    let keys = Keys::new("flags");
    let flags = "--sub alice --read BTC*,AAPL --read MSFT --delayed * --fields bid,ask --publish ACME.* --replay --admin \
                 --sessions 2 --min-interval 250ms --class display --jti t1 --aud quotes --iss us --for 2h";
    let token = keys.token(format!("{SECRET}\n"), flags).unwrap();
    let policy = TokenPolicy { audience: vec!["quotes".to_owned()], issuer: vec!["us".to_owned()] };
    let authority = authority(Key::secret(SECRET.as_bytes()).unwrap(), policy);
    let rights = authority.admit(Some(&token), at(NOW)).unwrap();
    let symbol = |name: &str| Symbol::new(name).unwrap();
    for name in ["BTCUSDT", "AAPL", "MSFT"] {
        assert_eq!(format!("{:?}", rights.reading(&symbol(name))), "RealTime", "{name}");
    }
    assert_eq!(format!("{:?}", rights.reading(&symbol("ETH"))), "Delayed");
    assert!(rights.may_publish(&symbol("ACME.A")) && !rights.may_publish(&symbol("AAPL")));
    assert!(rights.replay && rights.admin);
    assert_eq!((rights.user.as_deref(), rights.token.as_deref()), (Some("alice"), Some("t1")));
    assert_eq!((rights.class.as_deref(), rights.sessions), (Some("display"), Some(2)));
    assert_eq!(rights.min_interval, Duration::from_millis(250));
    assert_eq!(rights.fields.as_ref().map(|fields| fields.join(",")).as_deref(), Some("bid,ask"));
    assert_eq!(rights.expires, Some(at(NOW + 7_200)));
}

#[test]
fn the_key_decides_the_algorithm() {
    let keys = Keys::new("kinds");
    let kinds: [(&SignatureAlgorithm, KeyAlgorithm); 3] = [
        (&PKCS_RSA_SHA256, KeyAlgorithm::Rs256),
        (&PKCS_ECDSA_P256_SHA256, KeyAlgorithm::Es256),
        (&PKCS_ED25519, KeyAlgorithm::Ed25519),
    ];
    for (kind, algorithm) in kinds {
        let pair = KeyPair::generate_for(kind).unwrap();
        let token = keys.token(pair.serialize_pem(), "--sub alice --read * --kid k1").unwrap();
        let public = Key::pem(algorithm, pair.public_key_pem().as_bytes()).unwrap();
        let rights = authority(public, TokenPolicy::default()).admit(Some(&token), at(NOW)).unwrap();
        // A name of its own, by which it can be revoked.
        assert_eq!(rights.token.as_deref().map(str::len), Some(32), "{algorithm:?}");
        assert_eq!(rights.expires, Some(at(NOW + 3_600)), "an hour by default");
        let error = keys.token(pair.public_key_pem(), "--sub alice").unwrap_err();
        assert!(error.contains("it is a public key, which only verifies"), "{error}");
    }
    let other = KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap();
    let error = keys.token(other.serialize_pem(), "--sub alice").unwrap_err();
    assert!(error.contains("the curve P-256"), "{error}");
}

#[test]
fn what_the_service_would_not_take_is_not_made() {
    let keys = Keys::new("faults");
    let check = |key: &str, flags: &str, part: &str| {
        let error = keys.token(key, flags).unwrap_err();
        assert!(error.contains(part), "{error}");
        assert!(key.len() < 4 || !error.contains(key), "{error}");
    };
    check("\n", "--sub a", "`openssl rand -hex 32` makes one");
    check(SECRET, "--sub a --read A\u{7}", "the service would not take it: `read`: ");
    check(SECRET, "--sub a --sessions 0", "`sessions` must be a whole number from 1");
    check(SECRET, "--sub a --min-interval 2days", "`min_interval_ms` must be");
    check(SECRET, "--sub a --for 0s", "--for: a token is valid for a second at least");
    check(SECRET, "--sub a --for 20years", "ten years at most");
    check(SECRET, &format!("--sub {}", "a".repeat(257)), "--sub must be a text of 1 to 256 bytes");
    check(SECRET, "--read *", "--sub");
    check("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "--sub a", "`openssl pkey -in FILE");
    check("-----BEGIN EC PRIVATE KEY-----\n", "--sub a", "`openssl pkcs8 -topk8");
    check("-----BEGIN PRIVATE KEY-----\nAAAA\n", "--sub a", "no private key of RSA");
}
