//! Tests that docs/CONFIGURATION.md and examples/tickcast.toml have every key as the code has it. `cli/pages.rs` compares
//! the flags.
//!
//! A test that fails leaves the right text in a file and names it.

use std::{env, fmt::Write, fs, path::Path};

use super::{
    Applies, Config, Flags, Gathered, KEYS, Kind, key::ConfigKey, relation::Relation, value::ValueUnit,
};

const PAGE: &str = "docs/CONFIGURATION.md";
const EXAMPLE: &str = "examples/tickcast.toml";

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares a file of the repository with what it should be.
fn assert_file_is(path: &str, expected: &str) {
    if read(path) == expected {
        return;
    }
    let name = path.rsplit('/').next().unwrap();
    let right = env::temp_dir().join(name);
    fs::write(&right, expected).unwrap();
    panic!("{path} is not what the code does; this is: cp {} {path}", right.display());
}

/// `page` with the text between the marks of `name` replaced.
fn with_section(page: &str, name: &str, section: &str) -> String {
    let begin = page.find(&format!("<!-- {name}: begin")).expect("the mark of the begin");
    let after_begin = begin + page[begin..].find('\n').expect("a line after the mark") + 1;
    let end = page.find(&format!("<!-- {name}: end")).expect("the mark of the end");
    format!("{}{section}{}", &page[..after_begin], &page[end..])
}

fn range(key: &ConfigKey) -> String {
    match &key.kind {
        Kind::Number { min, max, .. } => format!("{min} to {max}"),
        Kind::Word { words, .. } => {
            words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
        }
        Kind::Text { .. } => "text".to_owned(),
        Kind::List { .. } => "list of texts".to_owned(),
        Kind::Fields | Kind::Products => "tables".to_owned(),
    }
}

fn applies(key: &ConfigKey) -> &'static str {
    match key.applies {
        Applies::AtOnce => "reload",
        Applies::AtRestart => "restart",
    }
}

#[test]
fn the_page_has_every_key_with_its_default_its_range_and_its_meaning() {
    let mut keys =
        "| key | default | range | applies | what it bounds or chooses |\n|---|---|---|---|---|\n".to_owned();
    for key in KEYS {
        let default = key.value(&Config::default());
        writeln!(keys, "| `{}` | `{default}` | {} | {} | {} |", key.name, range(key), applies(key), key.doc)
            .unwrap();
    }
    let mut relations = String::new();
    for relation in Relation::ALL {
        writeln!(relations, "- {}", relation.rule()).unwrap();
    }
    let page = read(PAGE);
    let expected = with_section(&with_section(&page, "keys", &keys), "relations", &relations);
    assert_file_is(PAGE, &expected);
}

#[test]
fn the_example_has_every_key_at_its_default_and_is_read_as_the_defaults() {
    let mut expected = "# Every key of tickcast, at its default. What is deleted here keeps its default.\n\
                        # docs/CONFIGURATION.md says how files, variables and flags go together.\n"
        .to_owned();
    let mut table = "";
    for key in KEYS {
        let (group, name) = key.name.split_once('.').unwrap_or(("", key.name));
        if group != table {
            write!(expected, "\n[{group}]").unwrap();
            table = group;
        }
        let value = key.value(&Config::default());
        let unit = match &key.kind {
            Kind::Number { unit: ValueUnit::Bytes, .. } => " Bytes.",
            Kind::Number { unit: ValueUnit::Millis, .. } => " Milliseconds.",
            _ => "",
        };
        write!(expected, "\n# {}{unit}\n{name} = {value}\n", key.doc).unwrap();
    }
    assert_file_is(EXAMPLE, &expected);
    let gathered = Gathered::new(&Flags::default(), [], Some((EXAMPLE, &expected)));
    assert_eq!(gathered.into_config().unwrap(), Config::default());
}
