//! Whether accounts can be kept at a place.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn fault(path: &std::path::Path) -> String {
    let fault = check(path).expect_err("a fault");
    let cause = std::error::Error::source(&fault).map(|cause| format!(": {cause}"));
    format!("{fault}{}", cause.unwrap_or_default())
}

#[test]
fn a_place_where_nothing_can_be_written_is_named() {
    let folder = Folder::new("check-place");
    check(&folder.path()).expect("a new file may be made");
    assert!(!folder.path().exists(), "and is not made");
    assert!(fault(&folder.0.join("no/audit.jsonl")).contains("files cannot be made in"));
    assert!(fault(&folder.0).ends_with("is not a regular file"));
    written(&folder, 2);
    assert!(fault(&folder.path().join("x")).contains("cannot be written"));
    check(&folder.path()).expect("it goes on");
    // Whoever may write everywhere is not stopped by permissions.
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o500)).expect("its own folder");
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(check(&folder.path()).is_ok(), is_root);
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).expect("its own folder");
}

#[test]
fn a_file_that_is_not_as_it_was_written_is_found() {
    let folder = Folder::new("check-chain");
    written(&folder, 5);
    let text = fs::read_to_string(folder.path()).expect("text");
    let with = |text: &str| {
        fs::write(folder.path(), text).expect("a file");
        check(&folder.path())
    };
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let said = with(&text.replace("\"session\":2", "\"session\":3")).map_err(|fault| format!("{fault:?}"));
    assert!(said.expect_err("it was changed").contains("line: 4"));
    assert!(with(&[&lines[..2], &lines[3..]].concat().concat()).is_err(), "a line is missing");
    assert!(with("{}\n").is_err(), "it is not a record");
    // A process that died within a record: the next one says so.
    with(&format!("{text}{{\"n\":7")).expect("it goes on");
    with(&text).expect("it is whole");
    with("").expect("nothing was recorded yet");
}

#[test]
fn a_file_goes_on_where_the_full_one_before_it_ends() {
    let folder = Folder::new("check-link");
    let now = at("2026-11-30T12:00:00Z");
    let mut file = AuditFile::open(&folder.path(), 600, now).expect("a new file");
    for session in 0..12 {
        append_all(&mut file, &[(now, ended(session))]);
    }
    check(&folder.path()).expect("it follows");
    let mut full = folder.files();
    full.retain(|path| *path != folder.path());
    full.sort();
    let newest = full.last().expect("a full file");
    let text = fs::read_to_string(newest).expect("text");
    fs::remove_file(newest).expect("a file");
    assert!(fault(&folder.path()).contains("does not go on where the file before it ends"));
    fs::write(newest, text).expect("a file");
    check(&folder.path()).expect("it follows");
    fs::remove_file(folder.path()).expect("a file");
    fs::write(newest, "{}\n").expect("a file");
    assert!(fault(&folder.path()).contains("is not an audit record"));
}
