//! "Did you mean": the known name nearest to an unknown one, or none when no name is near.

use tickcast::text::{NAME_BYTES_MAX, edits};

use super::{
    table::KEYS,
    variable::{self, PREFIX},
};

/// The names of the same settings in other programs.
const SYNONYMS: [(&str, &str); 9] = [
    ("addr", "listen"),
    ("address", "listen"),
    ("bind", "listen"),
    ("host", "listen"),
    ("port", "listen"),
    ("cors", "allowed_origins"),
    ("origins", "allowed_origins"),
    ("threads", "shards"),
    ("workers", "shards"),
];

/// The key nearest to `unknown`.
pub(super) fn key(unknown: &str) -> Option<String> {
    // `ping_ms` alone is as good a hint as `limits.ping_ms`.
    nearest(unknown, '.').map(str::to_owned)
}

/// The variable nearest to `unknown`, which starts with the common prefix.
pub(super) fn variable(unknown: &str) -> Option<String> {
    let unknown = unknown.strip_prefix(PREFIX)?.to_ascii_lowercase();
    nearest(&unknown, '_').map(variable::variable)
}

/// The key with the fewest edits from `unknown`, as a whole or by its last part. In `unknown`, `separator` replaces a
/// key's dot.
fn nearest(unknown: &str, separator: char) -> Option<&'static str> {
    if unknown.len() > NAME_BYTES_MAX {
        return None;
    }
    let bare = KEYS
        .iter()
        .filter_map(|key| key.name.split_once('.'))
        .find_map(|(group, _)| unknown.strip_prefix(group)?.strip_prefix(separator))
        .unwrap_or(unknown);
    if let Some((_, key)) = SYNONYMS.iter().find(|(synonym, _)| *synonym == bare) {
        return Some(key);
    }
    let distances = KEYS.iter().filter_map(|key| {
        let whole = key.name.replace('.', &separator.to_string());
        let last = key.name.rsplit('.').next().unwrap_or(key.name);
        let fewest = edits(unknown, &whole).into_iter().chain(edits(bare, last)).min()?;
        Some((fewest, key.name))
    });
    distances.min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    fn check(unknown: &str, expected: Option<&str>) {
        assert_eq!(super::key(unknown).as_deref(), expected, "{unknown}");
    }

    #[test]
    fn the_nearest_key_is_found() {
        check("limits.sesions", Some("limits.sessions"));
        check("limits.sessions_per_adress", Some("limits.sessions_per_address"));
        check("limit.ring_ticks", Some("limits.ring_ticks"));
        check("sessions", Some("limits.sessions"));
        check("limits.heartbeat", Some("limits.heartbeat_ms"));
        check("limits.ring", Some("limits.ring_ticks"));
        check("feed", Some("feeds"));
        check("Listen", Some("listen"));
        check("log_level", Some("log.level"));
        check("allow_origins", Some("allowed_origins"));
        check("limit.ping_ms", Some("limits.ping_ms"));
        check("server.port", None);
        check("port", Some("listen"));
        check("workers", Some("shards"));
    }

    #[test]
    fn nothing_near_is_nothing() {
        check("tls.certificate", None);
        check("x", None);
        check("", None);
        check(&"limits.sessions".repeat(10_000), None);
    }

    #[test]
    fn variables_are_suggested_as_variables() {
        assert_eq!(super::variable("TICKCAST_FEED").as_deref(), Some("TICKCAST_FEEDS"));
        assert_eq!(super::variable("TICKCAST_SESSIONS").as_deref(), Some("TICKCAST_LIMITS_SESSIONS"));
        assert_eq!(super::variable("TICKCAST_LOGLEVEL").as_deref(), Some("TICKCAST_LOG_LEVEL"));
        assert_eq!(super::variable("TICKCAST_PORT").as_deref(), Some("TICKCAST_LISTEN"));
        assert_eq!(
            super::variable("TICKCAST_LIMITS_HEARTBEAT").as_deref(),
            Some("TICKCAST_LIMITS_HEARTBEAT_MS")
        );
        assert_eq!(super::variable("TICKCAST_CERTIFICATE"), None);
    }
}
