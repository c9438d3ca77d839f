//! Time in tests: none sleeps, and none asserts on how long something took. What is about time alone is in the
//! simulator, whose clock is moved by hand; a test against a real program waits for an event, with a deadline that only
//! a fault reaches.

use super::{files, read};

/// Files that may, what they may do, and why.
const EXCEPTIONS: [(&str, &str, &str); 6] = [
    (
        "tests/it/harness/mod.rs",
        "sleep(",
        "a state of a real program that it shows and does not announce is asked for again",
    ),
    ("tests/it/harness/mod.rs", ".elapsed()", "the generous deadline of that, and of a test as a whole"),
    (
        "src/server/timer.rs",
        ".elapsed()",
        "the kernel's timer is what is tested: no sooner than it was set to",
    ),
    ("tests/accept/judge.py", "sleep(", "the same for clients in Python: the one place where they ask again"),
    ("tests/clients/market.py", "sleep(", "the same for released clients of exchanges"),
    ("tests/accept/thin.py", "sleep(", "the client that reads at a rate, which is the scenario"),
];
/// The rest of the scenarios with real programs, which make load at a rate.
const AT_A_RATE: [&str; 6] = [
    "tests/accept/ahead.py",
    "tests/accept/collapse.py",
    "tests/accept/stalled.py",
    "tests/accept/server.py",
    "tests/accept/addresses.py",
    "tests/grafana/clients.py",
];

const RUST: [&str; 2] = ["sleep(", ".elapsed()"];
const PYTHON: [&str; 1] = ["sleep("];
const PAGES: [&str; 2] = ["waitForTimeout(", "sleep("];

/// The test code of a file: all of it, or what follows `#[cfg(test)]`.
pub fn test_code(path: &str) -> String {
    let source = read(path);
    let is_test = path.starts_with("tests/") || path.contains("/tests") || path.ends_with("_tests.rs");
    let from = if is_test { 0 } else { source.find("#[cfg(test)]\nmod tests {").unwrap_or(source.len()) };
    let lines = source[from..].lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn is_excepted(path: &str, call: &str) -> bool {
    let is_listed = EXCEPTIONS.iter().any(|(file, excepted, _)| *file == path && *excepted == call);
    is_listed || (AT_A_RATE.contains(&path) && call == "sleep(")
}

/// A call of this name, and not of one that ends with it.
fn calls(code: &str, call: &str) -> bool {
    code.match_indices(call).any(|(at, _)| {
        let before = code[..at].chars().next_back().unwrap_or(' ');
        call.starts_with('.') || !(before.is_alphanumeric() || before == '_')
    })
}

#[test]
fn no_test_sleeps_or_measures_time() {
    let rust: Vec<String> = ["src", "tests", "clients/rust"].iter().flat_map(|of| files(of, "rs")).collect();
    let python = files("tests", "py");
    let pages = [files("tests", "mjs"), files("tests", "cjs")].concat();
    let mut found = Vec::new();
    for (paths, refused) in [(rust, &RUST[..]), (python, &PYTHON[..]), (pages, &PAGES[..])] {
        for path in
            paths.iter().filter(|path| !path.contains("node_modules") && *path != "tests/tidy/timing.rs")
        {
            let code = test_code(path);
            let calls = refused.iter().filter(|call| calls(&code, call) && !is_excepted(path, call));
            found.extend(calls.map(|call| format!("{path}: {call}")));
        }
    }
    assert!(found.is_empty(), "await an event, or test it in tests/sim, where time is simulated: {found:#?}");
}

#[test]
fn each_exception_is_needed() {
    for (path, call, reason) in EXCEPTIONS {
        assert!(calls(&test_code(path), call) && !reason.is_empty(), "{path} has no {call} any more");
    }
    for path in AT_A_RATE {
        assert!(calls(&test_code(path), "sleep("), "{path} sleeps no more");
    }
}
