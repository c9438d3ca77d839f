//! Rules of the source: layers, openings, lengths, words that must not be.

use super::{files, read, rust_files};

/// Longer than a file should be, and why it is one file all the same.
const LONG: [(&str, &str); 3] = [
    ("src/config/tests.rs", "tests of all layers and keys, one subject"),
    ("src/feed/ndjson/tests.rs", "tests of one grammar, one subject"),
    ("src/tick/tests.rs", "tests of decimals as text, one subject"),
];
const LINES_MAX: usize = 400;

/// The modules in the order in which `lib.rs` declares them, the order in which a tick meets them; then those of the
/// program, which is built on the library, as `main.rs` declares them.
fn modules() -> Vec<String> {
    let names = |root: &str, declaration: &str| -> Vec<String> {
        let declared = read(root);
        let names = declared.lines().filter_map(|line| line.strip_prefix(declaration)?.strip_suffix(';'));
        names.map(str::to_owned).collect()
    };
    let (library, program) = (names("src/lib.rs", "pub mod "), names("src/main.rs", "mod "));
    assert!(library.len() > 10 && program.len() > 1, "{library:?} {program:?}");
    [library, program].concat()
}

/// The module that a file belongs to; `None` for `lib.rs` and `main.rs`.
fn module_of(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let module = inside.split('/').next()?.trim_end_matches(".rs");
    (!matches!(module, "lib" | "main")).then_some(module)
}

/// The source without comments, where a module may be named that the code knows nothing of.
fn code(path: &str) -> String {
    let source = read(path);
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// The modules that paths name: `crate::tick::Nanos` as well as the heads of `crate::{tick::…, topic::{…}}`, and those of
/// `tickcast::…`, as the program calls the library.
fn imported(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let paths = ["crate::", "tickcast::"].into_iter().flat_map(|root| code.match_indices(root));
    for (at, path) in paths {
        let rest = &code[at + path.len()..];
        if code[..at].ends_with('$') {
            continue;
        }
        match rest.strip_prefix('{') {
            None => found.push(word(rest)),
            Some(group) => found.extend(heads(group)),
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

/// The first words of the entries of a group in braces, whose opening one has been read.
fn heads(group: &str) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut begins) = (0, true);
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            _ if begins && depth == 0 && !char.is_whitespace() => {
                found.push(word(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    found
}

#[test]
fn imports_are_found_in_every_form() {
    let code = "use crate::tick::Nanos;\nuse crate::{\n    feed::{Sink, Feed},\n    topic::Batch,\n};\nlet x = crate::wire::Id;\nuse tickcast::{limits, clock::Clock};";
    assert_eq!(imported(code), ["tick", "feed", "topic", "wire", "limits", "clock"]);
}

#[test]
fn modules_import_only_what_stands_before_them() {
    let modules = modules();
    let place = |name: &str| modules.iter().position(|module| module == name);
    let mut faults = Vec::new();
    for path in files("src", "rs") {
        let Some(module) = module_of(&path) else { continue };
        let here = place(module).unwrap_or_else(|| panic!("no root declares {module}, of {path}"));
        for name in imported(&code(&path)) {
            // The root has modules alone, so a word that is none is a fault too.
            if place(&name).is_none_or(|there| there > here) {
                faults.push(format!(
                    "{path} imports {name}, which does not stand before {module} in lib.rs and main.rs"
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn a_module_reaches_no_other_but_by_its_path_from_the_root() {
    for path in files("src", "rs") {
        let is_root_of_module = module_of(&path).is_some_and(|module| {
            path == format!("src/{module}.rs") || path == format!("src/{module}/mod.rs")
        });
        let code = code(&path);
        // At the left edge alone: a module of tests in the file means the file by it.
        let reaches =
            code.lines().any(|line| line.starts_with("use super::") || line.starts_with("pub use super::"));
        assert!(!(is_root_of_module && reaches), "{path}: `super` of a module of the root hides a layer");
        assert!(!code.contains("super::super::super"), "{path}: write such a path from the root");
    }
}

#[test]
fn stages_do_not_know_what_they_must_not() {
    let check = |module: &str, not: &[&str]| {
        // The shell around the machines of venues has their sockets.
        let is_shell = |path: &str| path.starts_with("src/feed/upstream/driver/");
        let files = files("src", "rs");
        for path in files.iter().filter(|path| module_of(path) == Some(module) && !is_shell(path)) {
            let code = code(path);
            for name in not {
                let imports = imported(&code).iter().any(|found| found == name);
                let names =
                    code.contains(&format!("{name}::")) && !modules().iter().any(|module| module == name);
                assert!(!imports && !names, "{path}: {module} must not know {name}");
            }
        }
    };
    check("tick", &["clock", "tokio", "std::io", "std::time::Instant", "std::time::SystemTime"]);
    check("feed", &["topic", "fanout", "wire", "session", "tokio", "hyper"]);
    check("topic", &["clock", "tokio", "std::net", "std::fs"]);
    check("fanout", &["clock", "feed", "tokio", "std::io", "std::net", "std::sync", "Instant", "SystemTime"]);
    check("wire", &["clock", "feed", "session", "tokio", "std::io", "std::net"]);
    check("session", &["feed", "tokio", "hyper", "std::net::Tcp", "std::thread", "std::fs"]);
    check("config", &["clock", "session", "server", "tokio", "std::fs", "std::net::Tcp"]);
}

#[test]
fn every_file_says_what_it_is() {
    for path in rust_files() {
        let source = read(&path);
        let first = source.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("//! ") && first.len() > 20,
            "{path} does not open with what it is: {first:?}"
        );
    }
}

#[test]
fn files_are_small_or_have_a_reason() {
    let lines = |path: &str| read(path).lines().count();
    let directories = ["src", "benches", "clients/rust/src"];
    for path in directories.iter().flat_map(|directory| files(directory, "rs")) {
        let listed = LONG.iter().any(|(long, _)| *long == path);
        let lines = lines(&path);
        assert!(lines <= LINES_MAX || listed, "{path} has {lines} lines: divide it, or say in LONG why not");
    }
    for (path, reason) in LONG {
        assert!(lines(path) > LINES_MAX, "{path} is short by now, and needs no reason ({reason})");
    }
}

#[test]
fn nothing_is_left_undone() {
    // In two parts, so that this file is not its own fault.
    let words =
        [["todo", "!"], ["unimplement", "ed!"], ["#[ign", "ore"], ["TO", "DO"], ["FIX", "ME"], ["XX", "X"]];
    let pages = files("docs", "md").into_iter().chain(["README.md", "ARCHITECTURE.md"].map(str::to_owned));
    for path in rust_files().into_iter().chain(pages) {
        let source = read(&path);
        for word in words.map(|parts| parts.concat()) {
            assert!(!source.contains(&word), "{path} has {word}");
        }
    }
}

#[test]
fn exceptions_from_lints_have_reasons() {
    // In two parts, so that this file is not its own fault.
    let (silent, expects) = (["#[all", "ow("].concat(), ["#[exp", "ect("].concat());
    for path in rust_files() {
        let source = read(&path);
        assert!(!source.contains(&silent), "{path}: write an expectation with a reason");
        for (at, _) in source.match_indices(&expects) {
            let expectation = &source[at..];
            let end = expectation.find(")]").unwrap_or(expectation.len());
            assert!(expectation[..end].contains("reason = \""), "{path}: an expectation has no reason");
        }
    }
}
