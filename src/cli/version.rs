//! What `--version` says: the version, and the commit that was built where the builder named one.
//!
//! No build script asks git: a build would then need git, and every commit would make the next one a rebuild. The commit
//! comes from the builder of a release: `deploy/release.sh` and the Dockerfile name it in `BUILD_COMMIT`, and
//! `git archive` writes it into `src/cli/commit` (`.gitattributes`), so that an archive of the source knows it without
//! git. A build of a work tree knows neither, and says so.

use std::sync::LazyLock;

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// `$Format:%H %cs$` in a work tree; the commit's hash and date in an archive.
const ARCHIVED: &str = include_str!("commit");
/// As much of a hash as names a commit.
const HASH_CHARS: usize = 12;

static LINE: LazyLock<String> = LazyLock::new(|| line(option_env!("BUILD_COMMIT"), ARCHIVED));

/// The version and the commit, as one line without the program's name.
pub fn line_of_build() -> &'static str {
    &LINE
}

fn line(named: Option<&str>, archived: &str) -> String {
    let commit = [named.unwrap_or_default(), archived].into_iter().find_map(commit);
    commit.map_or_else(
        || format!("{VERSION} (a work tree's build: no commit named)"),
        |commit| format!("{VERSION} ({commit})"),
    )
}

/// The short hash and the text after it; `None` when the text does not begin with a hash.
fn commit(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    let hash = words.next().filter(|hash| hash.len() >= HASH_CHARS)?;
    if !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    Some([&hash[..HASH_CHARS]].into_iter().chain(words).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    fn check(named: Option<&str>, archived: &str, expected: &str) {
        assert_eq!(line(named, archived), format!("{VERSION} ({expected})"), "{named:?}, {archived:?}");
    }

    #[test]
    fn the_commit_is_the_builders_or_the_archives_or_none() {
        let none = "a work tree's build: no commit named";
        let other = HASH.replace('0', "f");
        check(Some(&format!("{HASH} 2025-03-25")), "$Format:%H %cs$\n", "0123456789ab 2025-03-25");
        check(Some(HASH), &other, "0123456789ab");
        check(None, &format!("{HASH} 2025-03-25\n"), "0123456789ab 2025-03-25");
        check(Some(""), HASH, "0123456789ab");
        check(None, "$Format:%H %cs$\n", none);
        check(Some("unknown-commit"), "", none);
        check(Some("0123"), "", none);
    }
}
