//! Durations on the command line, such as `250ms`, `30s` or `1h30m`.

use std::time::Duration;

/// # Errors
/// When the text is not a duration: the text says how to write one.
pub fn parse(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text)
        .map_err(|_| "not a duration; write one as 250ms, 30s, 5min or 1h".to_owned())
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_not_a_duration_is_refused_with_an_example() {
        for text in ["", "5", "never", "5parsecs", "-1s"] {
            let why = super::parse(text).unwrap_err();
            assert_eq!(why, "not a duration; write one as 250ms, 30s, 5min or 1h", "{text}");
        }
        assert_eq!(super::parse("5min").unwrap().as_secs(), 300);
    }
}
