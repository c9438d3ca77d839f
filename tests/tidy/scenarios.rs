//! Scenarios against real programs: each ends, whatever the program does, and none meets another's files.

use super::{files, timing::test_code};

/// The scenarios themselves; the harness has what they may not do, with a deadline.
fn scenarios() -> impl Iterator<Item = (String, String)> {
    let paths = files("tests/it", "rs").into_iter().filter(|path| !path.starts_with("tests/it/harness/"));
    paths.map(|path| {
        let code = test_code(&path);
        (path, code)
    })
}

fn that_have(calls: &[&str]) -> Vec<String> {
    let found = |(path, code): (String, String)| {
        calls
            .iter()
            .filter(|call| code.contains(*call))
            .map(|call| format!("{path}: {call}"))
            .collect::<Vec<_>>()
    };
    scenarios().flat_map(found).collect()
}

/// A suite that hangs says nothing.
#[test]
fn none_waits_for_ever() {
    let found = that_have(&[".output()", ".wait()", ".wait_with_output()", ".recv()", ".join()"]);
    assert!(found.is_empty(), "harness::program and harness::within have deadlines: {found:#?}");
}

/// Scenarios run beside each other, and some once for each encoding.
#[test]
fn each_has_files_of_its_own() {
    let found = that_have(&["CARGO_TARGET_TMPDIR", "temp_dir()"]);
    assert!(found.is_empty(), "harness::files::path is in a folder of the test's own: {found:#?}");
}
