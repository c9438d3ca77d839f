//! Files at the start, and when they change.

use std::fs;

use super::{Directory, SECRET, Signer, admit, token};
use crate::{
    access::{
        Authority, BadToken, Refused,
        algorithm::KeyAlgorithm,
        settings::{AuthSettings, KeySource},
    },
    server::keys::{AuthWatch, files::AuthFiles},
};

fn open(settings: AuthSettings) -> (AuthFiles, Authority) {
    let mut files = AuthFiles::open(settings).map_err(|faults| faults[0].to_string()).unwrap();
    let authority = Authority::open();
    files.give(&authority);
    (files, authority)
}

#[test]
fn a_new_key_is_taken_over_and_a_broken_one_keeps_the_old() {
    let directory = Directory::new();
    let path = directory.file("secret", &format!("{SECRET}\n"));
    let keys = vec![KeySource::File(KeyAlgorithm::Hs256, path.clone())];
    let (mut files, authority) = open(AuthSettings { keys, ..AuthSettings::default() });
    let rights = admit(&authority, &token("alice")).unwrap();
    for broken in ["\n", ""] {
        fs::write(&path, broken).unwrap();
        files.poll(&authority);
        assert!(admit(&authority, &token("alice")).is_ok() && !authority.is_revoked(&rights), "{broken:?}");
    }
    fs::remove_file(&path).unwrap();
    files.poll(&authority);
    assert!(admit(&authority, &token("alice")).is_ok());
    fs::write(&path, "another secret, which has enough bytes too").unwrap();
    files.poll(&authority);
    assert_eq!(admit(&authority, &token("alice")), Err(Refused::Bad(BadToken::Signature)));
    assert!(authority.is_revoked(&rights), "the key that gave them is gone");
    fs::write(&path, SECRET).unwrap();
    files.poll(&authority);
    assert!(admit(&authority, &token("alice")).is_ok() && !authority.is_revoked(&rights));
}

#[test]
fn a_set_of_keys_in_a_file_may_turn_over() {
    let directory = Directory::new();
    let (old, new) = (Signer::new(), Signer::new());
    let path = directory.file("keys.json", &old.set("a"));
    let keys = vec![KeySource::SetFile(path.clone())];
    let (mut files, authority) = open(AuthSettings { keys, ..AuthSettings::default() });
    assert!(
        admit(&authority, &old.token("alice")).is_ok() && admit(&authority, &new.token("alice")).is_err()
    );
    fs::write(&path, new.set("b")).unwrap();
    files.poll(&authority);
    assert!(
        admit(&authority, &old.token("alice")).is_err() && admit(&authority, &new.token("alice")).is_ok()
    );
    fs::write(&path, "{\"keys\":[]}").unwrap();
    files.poll(&authority);
    assert!(
        admit(&authority, &new.token("alice")).is_ok(),
        "an empty set is a fault, and keeps the old keys"
    );
}

#[test]
fn lists_are_read_again_when_they_change() {
    let directory = Directory::new();
    let settings = AuthSettings {
        keys: vec![KeySource::File(KeyAlgorithm::Hs256, directory.file("secret", SECRET))],
        revoked: Some(directory.file("revoked", "# nobody\n")),
        api_keys: Some(directory.file("api-keys", "{}")),
        ..AuthSettings::default()
    };
    let (mut files, authority) = open(settings);
    let (rights, key) = (admit(&authority, &token("alice")).unwrap(), "k-0123456789abcdef");
    let generation = authority.generation();
    files.poll(&authority);
    assert_eq!(authority.generation(), generation, "nothing has changed");
    directory.file("revoked", "user:alice\n");
    directory.file("api-keys", &format!("{{\"{key}\":{{\"tickcast\":{{\"read\":[\"*\"]}}}}}}"));
    files.poll(&authority);
    assert!(authority.generation() != generation && authority.is_revoked(&rights));
    assert_eq!(admit(&authority, &token("alice")), Err(Refused::Revoked));
    assert!(authority.by_api_key(key).is_some());
    // A broken list does not let anybody back in.
    directory.file("revoked", "alice\n");
    directory.file("api-keys", "{");
    files.poll(&authority);
    assert!(authority.is_revoked(&rights) && authority.by_api_key(key).is_some());
    directory.file("revoked", "");
    files.poll(&authority);
    assert!(admit(&authority, &token("alice")).is_ok());
}

#[test]
fn every_fault_of_every_file_is_told_at_once_and_none_shows_a_content() {
    let directory = Directory::new();
    let settings = AuthSettings {
        keys: vec![
            KeySource::File(KeyAlgorithm::Hs256, directory.file("empty", "\n")),
            KeySource::File(KeyAlgorithm::Rs256, directory.file("no.pem", "tiny-secret")),
            KeySource::SetFile(
                directory.file("set", "{\"keys\":[{\"kty\":\"oct\",\"k\":\"dGlueS1zZWNyZXQ\"}]}"),
            ),
            KeySource::SetFile(directory.0.join("missing")),
            KeySource::File(KeyAlgorithm::Es256, directory.0.clone()),
        ],
        revoked: Some(directory.file("revoked", "other:tiny-secret\nuser:\n")),
        api_keys: Some(directory.file("api-keys", "{\"tiny-se\":{\"tickcast\":{}}}")),
        jwks_ca: Some(directory.file("ca", "tiny-secret")),
        cache: Some(directory.file("cache", "tiny-secret")),
        ..AuthSettings::default()
    };
    let faults: Vec<String> =
        AuthWatch::check(settings).unwrap_err().iter().map(ToString::to_string).collect();
    let place = directory.0.display();
    let starts = [
        format!("`auth.keys`: {place}/empty: a secret of HS256 must not be empty"),
        format!("`auth.keys`: {place}/no.pem: it is not PEM"),
        format!("`auth.keys`: {place}/set: it has a symmetric key"),
        format!("`auth.keys`: cannot read {place}/missing: No such file"),
        format!("`auth.keys`: {place} is not a file"),
        format!("`auth.revoked`: {place}/revoked: line 1 is neither"),
        format!("`auth.revoked`: {place}/revoked: line 2 is neither"),
        format!("`auth.api_keys`: {place}/api-keys: key 1 is too short"),
        format!("`auth.jwks_ca`: {place}/ca: it has no certificate"),
        format!("`auth.cache_dir`: {place}/cache: it is not a directory"),
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(&starts) {
        assert!(fault.starts_with(start), "{fault}\nshould start with\n{start}");
    }
    assert!(!faults.concat().contains("tiny-secret") && !faults.concat().contains("dGlueS"), "{faults:#?}");
}

#[test]
fn a_reload_takes_over_all_or_nothing() {
    let directory = Directory::new();
    let secret = vec![KeySource::File(KeyAlgorithm::Hs256, directory.file("secret", SECRET))];
    let (authority, watch) = AuthWatch::start(AuthSettings::default()).unwrap();
    let before = authority.admit(None, super::NOW).unwrap();
    assert!(before.is_everything());
    let keys = secret.clone();
    watch.reload(AuthSettings { keys, ..AuthSettings::default() }).unwrap();
    assert!(authority.is_revoked(&before) && admit(&authority, &token("alice")).is_ok());
    let revoked = Some(directory.file("revoked", "user:alice"));
    let keys = vec![KeySource::SetFile(directory.0.join("missing"))];
    assert_eq!(
        watch
            .reload(AuthSettings { keys, revoked: revoked.clone(), ..AuthSettings::default() })
            .unwrap_err()
            .len(),
        1
    );
    assert!(admit(&authority, &token("alice")).is_ok(), "the old settings are in force");
    watch.reload(AuthSettings { keys: secret, revoked, ..AuthSettings::default() }).unwrap();
    assert_eq!(admit(&authority, &token("alice")), Err(Refused::Revoked));
}
