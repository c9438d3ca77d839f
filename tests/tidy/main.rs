//! The tree itself: whether pages say what the code does, and whether the source keeps the rules that it was written by.
//!
//! What is compared is the text of files in this directory and tables of the library; nothing is run.

mod binary;
mod circles;
mod client;
mod laws;
mod modules;
mod pages;
mod protocol;
mod references;
mod scenarios;
mod source;
mod timing;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Files with this ending below a directory, by their paths from the root, in order.
fn files(directory: &str, ending: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from(directory)];
    while let Some(directory) = left.pop() {
        let entries = fs::read_dir(root().join(&directory))
            .unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        for entry in entries {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                // What a workspace of its own has built.
                if entry.file_name() != "target" {
                    left.push(path);
                }
            } else if path.extension().is_some_and(|found| found == ending) {
                found.push(path.to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{ending} below {directory}");
    found
}

/// Rust files of the service, of its client, their tests, benches and examples.
fn rust_files() -> Vec<String> {
    ["src", "tests", "benches", "examples", "clients/rust"]
        .iter()
        .flat_map(|directory| files(directory, "rs"))
        .collect()
}

/// What a page has between `<!-- name: begin … -->` and `<!-- name: end -->`.
fn marked<'a>(page: &'a str, name: &str) -> &'a str {
    let begin = page.find(&format!("<!-- {name}: begin")).unwrap_or_else(|| panic!("the page has no {name}"));
    let rest = &page[begin..];
    let rest = &rest[rest.find("-->\n").expect("a comment ends") + 4..];
    &rest[..rest.find(&format!("<!-- {name}: end -->")).unwrap_or_else(|| panic!("{name} does not end"))]
}

/// The cells of a table's rows, the head's left out.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let lines = table.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    lines
        .map(|line| {
            let inside = line.strip_prefix('|').and_then(|line| line.strip_suffix('|'));
            inside.unwrap_or_else(|| panic!("no row: {line}")).split('|').map(str::trim).collect()
        })
        .collect()
}
