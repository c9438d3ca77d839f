//! How long a server wants to be left alone: the header `Retry-After`, which venues send with 429 and 418.
//!
//! Pure. Invariant: no header makes us wait longer than [`WAIT_MAX`].

use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};

/// The longest that is waited; who is banned for days asks once an hour.
const WAIT_MAX: Duration = Duration::from_secs(3_600);

/// Whole seconds, as every venue writes it; a date is not read.
pub fn read(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_read_and_bounded() {
        let read = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, text.parse().unwrap());
            read(&headers)
        };
        assert_eq!(read(" 120 "), Some(Duration::from_secs(120)));
        assert_eq!(read("999999999"), Some(WAIT_MAX));
        assert_eq!([read("Wed, 21 Oct 2026 07:28:00 GMT"), read("-1"), read("")], [None; 3]);
        assert_eq!(super::read(&HeaderMap::new()), None);
    }
}
