//! What the tree of modules must not have: files that import each other in a circle, and type names that mean two things.
//!
//! What is not there yet is listed, and only gets less: an exception that is no longer needed is a fault too.

use std::collections::{BTreeMap, BTreeSet};

use super::modules::Modules;

/// Circles that are to be taken apart: files of one entry import each other, by whatever way.
const CIRCLES: &[&[&str]] = &[];

/// Names that more than one type has, and are to be made precise.
const SHARED_NAMES: &[&str] = &["Inner"];

/// The files that can be reached from each by its imports.
fn reachable<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let from = |file: &'a str| {
        let (mut found, mut left) = (BTreeSet::new(), vec![file]);
        while let Some(file) = left.pop() {
            let next = imports.get(file).into_iter().flatten();
            left.extend(next.filter(|next| found.insert(**next)));
        }
        found
    };
    imports.keys().map(|file| (*file, from(file))).collect()
}

/// Files that import each other, each circle with what ties it.
fn circles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<Vec<&'a str>> {
    let reachable = reachable(imports);
    let mut found: Vec<Vec<&str>> = Vec::new();
    for (file, reached) in &reachable {
        if reached.contains(file) && !found.iter().any(|circle| circle.contains(file)) {
            found.push(reached.iter().filter(|other| reachable[*other].contains(file)).copied().collect());
        }
    }
    found
}

#[test]
fn circles_are_found_and_chains_are_none() {
    let imports = |pairs: &[(&'static str, &[&'static str])]| {
        pairs.iter().map(|(file, others)| (*file, others.iter().copied().collect())).collect()
    };
    assert_eq!(circles(&imports(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])), Vec::<Vec<&str>>::new());
    let two = imports(&[("a", &["b"]), ("b", &["c"]), ("c", &["a", "d"]), ("d", &["e"]), ("e", &["d"])]);
    assert_eq!(circles(&two), [vec!["a", "b", "c"], vec!["d", "e"]]);
}

#[test]
fn what_imports_what_is_found_in_every_form() {
    let modules = Modules::of(&[
        ("src/lib.rs", "pub mod a; pub mod b; pub mod c; pub mod d;"),
        ("src/a.rs", "use crate::b::Thing; #[cfg(test)] mod tests { use crate::d::Other; }"),
        ("src/b/mod.rs", "mod inner; pub use inner::Thing; pub struct Own;"),
        ("src/b/inner.rs", "pub struct Thing(super::Own);"),
        ("src/c.rs", "fn f() { assert!(crate::b::Own != a()); } fn a() -> crate::a::X {}"),
        ("src/d.rs", "use crate::{b::{self, Own as Mine}, c}; pub struct Other(b::Thing, c::Made);"),
        ("src/main.rs", "mod e; mod f;"),
        ("src/e.rs", "use tickcast::b::Thing; use crate::f::Told;"),
        ("src/f.rs", "pub struct Told(tickcast::d::Other);"),
    ]);
    let imports = modules.imports();
    let of = |file: &str| imports[file].iter().copied().collect::<Vec<_>>();
    assert_eq!(of("src/a.rs"), ["src/b/inner.rs"], "past what hands on, and without tests");
    assert_eq!(of("src/b/mod.rs"), Vec::<&str>::new(), "what hands on uses nothing");
    assert_eq!(of("src/b/inner.rs"), ["src/b/mod.rs"]);
    assert_eq!(of("src/c.rs"), ["src/a.rs", "src/b/mod.rs"], "what a macro declares or is given");
    assert_eq!(of("src/d.rs"), ["src/b/inner.rs", "src/b/mod.rs", "src/c.rs"]);
    assert_eq!(of("src/e.rs"), ["src/b/inner.rs", "src/f.rs"], "of the library, and of the program");
    assert_eq!(of("src/f.rs"), ["src/d.rs"]);
    assert_eq!(modules.types().keys().copied().collect::<Vec<_>>(), ["Other", "Own", "Thing", "Told"]);
}

#[test]
fn every_file_of_the_source_hangs_from_a_root_or_is_a_test() {
    let modules = Modules::parse();
    let reached = modules.files();
    let of_tests = |path: &str| {
        ["tests.rs", "/testing.rs", "/tests/", "/model/", "pages.rs"].iter().any(|part| path.contains(part))
    };
    // A package of its own, with a root of its own.
    let of_exporter = |path: &str| path.starts_with("src/cli/otel/");
    let files = super::files("src", "rs");
    let missing: Vec<_> = files
        .iter()
        .filter(|path| !reached.contains(path.as_str()) && !of_tests(path) && !of_exporter(path))
        .collect();
    assert!(missing.is_empty(), "no module declares {missing:?}");
    assert!(reached.contains("src/cli/mod.rs") && reached.contains("src/session/mod.rs"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = Modules::parse();
    let imports = modules.imports();
    let found = circles(&imports);
    let mut faults = Vec::new();
    for circle in &found {
        if !CIRCLES.iter().any(|known| circle.iter().all(|file| known.contains(file))) {
            for file in circle {
                let others: Vec<_> = imports[file].iter().filter(|other| circle.contains(other)).collect();
                faults
                    .push(format!("in a circle: {file} imports {others:?}; move what they share below them"));
            }
        }
    }
    for file in CIRCLES.iter().copied().flatten() {
        if !found.iter().any(|circle| circle.contains(file)) {
            faults.push(format!("{file} is in no circle by now: take it off CIRCLES"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn no_two_types_have_one_name() {
    let modules = Modules::parse();
    let types = modules.types();
    let shared: BTreeMap<_, _> = types.iter().filter(|(_, files)| files.len() > 1).collect();
    let mut faults = Vec::new();
    for (name, files) in &shared {
        if !SHARED_NAMES.contains(*name) {
            faults.push(format!("{name} is declared in {files:?}: give each a name that says which it is"));
        }
    }
    for name in SHARED_NAMES {
        if !shared.contains_key(name) {
            faults.push(format!("{name} is one type by now: take it off SHARED_NAMES"));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}
