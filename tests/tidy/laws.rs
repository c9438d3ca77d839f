//! The laws of the service have the same numbers and names wherever they are listed.

use super::{files, marked, pages::named_tests, pages::pages, read, rust_files};

const PAGES: [&str; 3] = ["README.md", "docs/PROTOCOL.md", "ARCHITECTURE.md"];
const LAWS: u32 = 12;

/// The numbers and names of a page's laws: `3. **Latest wins**…` in a list, `| 3 | **Latest wins**…` in a table.
fn told(page: &str) -> Vec<(u32, String)> {
    let lines = marked(page, "laws").lines().filter(|line| line.contains("**"));
    let law = |line: &str| {
        let (number, rest) = line.trim_start_matches(['|', ' ']).split_once([' ', '.'])?;
        let name = rest.split("**").nth(1)?;
        Some((number.parse().ok()?, name.to_owned()))
    };
    lines.map(|line| law(line).unwrap_or_else(|| panic!("no law: {line}"))).collect()
}

/// The numbers of the laws that a text speaks of: `law 4`, `Laws 2 and 7`.
fn spoken_of(text: &str) -> Vec<u32> {
    let mut found = Vec::new();
    for (at, law) in text.match_indices("law") {
        let before = text[..at].chars().next_back().unwrap_or(' ');
        let rest = text[at + law.len()..].trim_start_matches('s').trim_start_matches([' ', '_']);
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        if !before.is_alphanumeric() && !number.is_empty() {
            found.push(number.parse().unwrap());
        }
    }
    found
}

#[test]
fn the_laws_have_one_numbering_in_all_pages() {
    let laws = told(&read("ARCHITECTURE.md"));
    let numbers: Vec<u32> = laws.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=LAWS).collect::<Vec<_>>());
    for page in PAGES {
        assert_eq!(told(&read(page)), laws, "{page}, and the laws of ARCHITECTURE.md");
    }
}

#[test]
fn every_law_is_held_by_a_test() {
    let page = read("ARCHITECTURE.md");
    let rows: Vec<&str> = marked(&page, "laws").lines().filter(|line| line.contains("**")).collect();
    for row in rows {
        assert!(!named_tests(row).is_empty(), "this law names no test: {row}");
    }
}

#[test]
fn no_other_invariant_has_a_law_s_number() {
    let page = read("ARCHITECTURE.md");
    let beside = page.split("<!-- laws: end -->").nth(1).unwrap();
    let numbered = beside.lines().find(|line| {
        let first = line.strip_prefix("| ").and_then(|line| line.split(' ').next());
        first.is_some_and(|first| first.parse::<u32>().is_ok())
    });
    assert_eq!(numbered, None, "rows beside the laws have letters");
}

#[test]
fn whoever_speaks_of_a_law_speaks_of_one_that_there_is() {
    let others = [files("tests", "py"), files("tests", "mjs"), files("tests", "cjs"), files("web/src", "ts")];
    let web_tests = files("web/test", "ts");
    for path in rust_files().into_iter().chain(others.concat()).chain(web_tests).chain(pages()) {
        for number in spoken_of(&read(&path).to_lowercase()) {
            assert!((1..=LAWS).contains(&number), "{path} speaks of law {number}");
        }
    }
}

#[test]
fn what_load_says_of_a_law_is_its_name() {
    let laws = told(&read("ARCHITECTURE.md"));
    let source = read("src/cli/load/ledger.rs");
    let names: Vec<&str> =
        source.split('"').skip(1).step_by(2).filter(|text| text.starts_with("law ")).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let known = laws.iter().any(|(number, law)| name == format!("law {number}, {}", law.to_lowercase()));
        assert!(known, "{name:?} is not a law of ARCHITECTURE.md");
    }
}

#[test]
fn numbers_of_laws_are_found() {
    assert_eq!(spoken_of("law 4: laws 2 and 7; what breaks_law_9; outlaw 3; the law"), [4, 2, 9]);
}
