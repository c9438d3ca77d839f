//! What pages and comments name of the source: whether it is there.

use std::path::Path;

use super::{files, read, root, rust_files};

/// The spans of code of a text.
fn spans(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).filter(|span| !span.contains('\n')).collect()
}

/// Whether there is such a file, module or directory: by its path from the root, from `src`, or from where it is named.
fn exists(name: &str, from: &Path) -> bool {
    let name = name.trim_end_matches('/');
    let places = [root().to_owned(), root().join("src"), root().join("tests"), root().join(from)];
    places.iter().any(|place| place.join(name).exists() || place.join(format!("{name}.rs")).exists())
}

/// A source file, `feed/ndjson`, `web/src`; not `/a/route`, `text/plain` or a command.
fn names_path(span: &str) -> bool {
    let plain = span.chars().all(|char| char.is_ascii_alphanumeric() || "/._-".contains(char));
    plain && !span.starts_with(['/', '.']) && (span.contains('/') || is_source(span))
}

fn is_source(span: &str) -> bool {
    Path::new(span).extension().is_some_and(|ending| ending == "rs" || ending == "py" || ending == "sh")
}

/// `Type::name`: a method, function, variant or field of a type of ours.
fn member(span: &str) -> Option<(&str, &str)> {
    let (of, name) = span.split_once("::")?;
    let word = |text: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    (of.starts_with(|char: char| char.is_ascii_uppercase()) && word(of) && word(name)).then_some((of, name))
}

#[test]
fn every_path_that_the_page_of_architecture_names_exists() {
    let page = read("ARCHITECTURE.md");
    let named: Vec<&str> = spans(&page).into_iter().filter(|span| names_path(span)).collect();
    assert!(named.len() > 40, "the page names its source: {named:?}");
    let missing: Vec<_> = named.into_iter().filter(|name| !exists(name, Path::new(""))).collect();
    assert!(missing.is_empty(), "ARCHITECTURE.md names what is not there: {missing:?}");
}

#[test]
fn every_type_and_method_that_the_page_of_architecture_names_exists() {
    let page = read("ARCHITECTURE.md");
    let sources: Vec<String> = files("src", "rs").iter().map(|path| read(path)).collect();
    let named: Vec<_> = spans(&page).into_iter().filter_map(member).collect();
    assert!(named.len() > 6, "the walkthroughs name methods: {named:?}");
    for (of, name) in named {
        let is_there = sources.iter().any(|source| {
            let has_type = ["struct ", "enum ", "trait ", "impl ", "> "].iter().any(|kind| {
                source.match_indices(kind).any(|(at, kind)| {
                    let rest = source[at + kind.len()..].strip_prefix(of);
                    rest.is_some_and(|rest| {
                        !rest.starts_with(|char: char| char.is_alphanumeric() || char == '_')
                    })
                })
            });
            has_type && (source.contains(&format!("fn {name}(")) || source.contains(&format!(" {name}: ")))
        });
        assert!(is_there, "ARCHITECTURE.md names {of}::{name}, which does not exist");
    }
}

#[test]
fn every_source_file_that_a_comment_names_exists() {
    let mut missing = Vec::new();
    for path in rust_files() {
        let source = read(&path);
        let comments: String = source
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("//"))
            .flat_map(|line| [line.trim_start_matches(['/', '!']), "\n"])
            .collect();
        let from = Path::new(&path).parent().unwrap();
        for name in spans(&comments).into_iter().filter(|span| names_path(span) && is_source(span)) {
            if !exists(name, from) {
                missing.push(format!("{path} names {name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_page_that_the_source_names_exists() {
    // In two parts, so that this file is not its own fault.
    let gone = ["DES", "IGN"].concat();
    for path in rust_files() {
        let source = read(&path);
        assert!(!source.contains(&gone), "{path} names {gone}, which is not a page of this repository");
        for (at, _) in source.match_indices(".md") {
            let before = &source[..at];
            let begin = before.rfind(|char: char| !(char.is_ascii_alphanumeric() || "/._-".contains(char)));
            let name = &source[begin.map_or(0, |begin| begin + 1)..at + 3];
            let is_page = name.len() > 3 && name.bytes().any(|byte| byte.is_ascii_uppercase());
            let from = Path::new(&path).parent().unwrap();
            let is_there = exists(name, from) || root().join("docs").join(name).exists();
            assert!(!is_page || is_there, "{path} names {name}, which does not exist");
        }
    }
}
