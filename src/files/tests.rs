//! Files that are rewritten, replaced, swapped by links, broken and mended.

pub(crate) mod scratch;

use std::{fs, os::unix::fs::symlink, process};

use proptest::prelude::*;

use self::scratch::Directory;
use super::*;

/// Polls until the content at hand has been compared often enough.
fn settle(file: &mut WatchedFile) {
    for _ in 0..=COMPARES {
        assert!(file.changed().is_none());
    }
    assert!(matches!(file.last, LastRead::Read { compares: 0, .. }));
}

fn content(read: Option<Result<Vec<u8>, FileError>>) -> String {
    String::from_utf8(read.expect("a change").expect("content")).unwrap()
}

fn failure(read: Option<Result<Vec<u8>, FileError>>) -> String {
    read.expect("a failure").expect_err("no content").to_string()
}

#[test]
fn a_file_that_rests_is_no_change_and_each_way_to_replace_it_is_one() {
    let directory = Directory::new();
    let path = directory.file("key", "one");
    let mut file = WatchedFile::new(&path, 100);
    assert_eq!(content(file.changed()), "one", "what was never read is a change");
    settle(&mut file);
    fs::write(&path, "another").unwrap();
    assert_eq!(content(file.changed()), "another");
    settle(&mut file);
    fs::rename(directory.file("new", "renamed"), &path).unwrap();
    assert_eq!(content(file.changed()), "renamed");
    settle(&mut file);
    // The same bytes in a new file are no change.
    fs::rename(directory.file("new", "renamed"), &path).unwrap();
    settle(&mut file);
}

#[test]
fn a_link_above_the_file_may_be_moved() {
    let directory = Directory::new();
    for version in ["v1", "v2"] {
        fs::create_dir(directory.0.join(version)).unwrap();
        directory.file(&format!("{version}/key"), version);
    }
    // As Kubernetes lays out a secret: key -> ..data/key, and ..data -> a directory of one version.
    symlink("v1", directory.0.join("..data")).unwrap();
    symlink("..data/key", directory.0.join("key")).unwrap();
    let mut file = WatchedFile::new(directory.0.join("key"), 100);
    assert_eq!(file.read().unwrap(), b"v1");
    settle(&mut file);
    symlink("v2", directory.0.join("..new")).unwrap();
    fs::rename(directory.0.join("..new"), directory.0.join("..data")).unwrap();
    assert_eq!(content(file.changed()), "v2");
}

#[test]
fn a_failure_is_told_once_and_so_is_its_end() {
    let directory = Directory::new();
    let path = directory.file("key", "one");
    let mut file = WatchedFile::new(&path, 8);
    file.read().unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(failure(file.changed()), format!("cannot read {}", path.display()));
    assert!(file.changed().is_none());
    directory.file("key", "nine bytes");
    assert!(
        failure(file.changed())
            .ends_with("is longer than the 8 bytes that it may have; is it the right file?")
    );
    assert!(file.changed().is_none());
    directory.file("key", "one");
    assert_eq!(content(file.changed()), "one", "the old content, and it can be read again");
    settle(&mut file);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let directory = Directory::new();
    let pipe = directory.0.join("pipe");
    assert!(process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [&pipe, &directory.0] {
        let error = WatchedFile::new(path, 100).read().unwrap_err();
        assert!(matches!(error, FileError::NoFile { .. }), "{error}");
    }
}

#[test]
fn neither_debug_nor_an_error_shows_the_content() {
    let directory = Directory::new();
    let path = directory.file("key", "the secret of all secrets");
    let mut file = WatchedFile::new(&path, 100);
    file.read().unwrap();
    assert!(!format!("{file:?}").contains("secret of"));
    let error = WatchedFile::new(&path, 10).read().unwrap_err();
    assert!(!format!("{error:?} {error}").contains("secret of"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever is written between polls: no content is reported twice in a row, and the last one is reported, though
    /// writes may fall within one step of the file system's clock and keep the size.
    #[test]
    fn the_newest_content_is_reported_and_none_twice_in_a_row(
        steps in prop::collection::vec((0u8..4, 0usize..3), 1..20),
    ) {
        let directory = Directory::new();
        let mut written = "0".to_owned();
        let path = directory.file("key", &written);
        let mut file = WatchedFile::new(&path, 100);
        let mut seen = None;
        for (text, polls) in steps {
            written = text.to_string();
            fs::write(&path, &written).unwrap();
            for _ in 0..polls {
                if let Some(read) = file.changed() {
                    let read = String::from_utf8(read.unwrap()).unwrap();
                    prop_assert_ne!(Some(&read), seen.as_ref());
                    seen = Some(read);
                }
                prop_assert_eq!(Some(&written), seen.as_ref());
            }
        }
    }
}
