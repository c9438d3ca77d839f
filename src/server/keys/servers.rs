//! When key servers are asked: at the start, when what they said is old, after a failure, and when a token names a key
//! that is not here.
//!
//! Pure but for the question itself, which is a function that is given: time is an argument.
//!
//! Invariants: a server is asked at most once in [`UNKNOWN_PAUSE`] for tokens with unknown keys, whoever sends them; a
//! failure changes no keys, and is said when it begins, when its reason changes, and when it ends.

use std::time::{Duration, Instant};

use super::{faults::FetchError, fetch::Fetched, files::keys_of, last_good::LastGood};
use crate::access::{keys::Key, settings::HttpsUrl};

/// One key server.
pub(super) struct KeyServer {
    pub url: HttpsUrl,
    /// When it is asked next, unless a token wants it sooner.
    due: Instant,
    asked: Option<Instant>,
    /// Tokens with unknown keys that had come when it was asked last.
    unknown: u64,
    /// Failures in a row, and what was said of them.
    failures: u32,
    told: Option<String>,
}

/// A server's keys are fetched again after this, unless it says another time.
const REFRESH: Duration = Duration::from_secs(600);
/// What a server says is kept to these.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_MAX: Duration = Duration::from_secs(3600);
/// Between two questions because of unknown keys.
pub(super) const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);
/// After the first failure; after each more twice as long, up to [`UNKNOWN_PAUSE`].
const RETRY: Duration = Duration::from_secs(1);

impl KeyServer {
    /// Due at once.
    pub fn new(url: HttpsUrl, now: Instant) -> Self {
        KeyServer { url, due: now, asked: None, unknown: 0, failures: 0, told: None }
    }

    /// `unknown` counts tokens that named keys which are not here. Whoever is told that it is due asks.
    pub fn is_due(&mut self, now: Instant, unknown: u64) -> bool {
        let may_look = self.asked.is_none_or(|asked| now.duration_since(asked) >= UNKNOWN_PAUSE);
        let is_due = now >= self.due || (unknown != self.unknown && may_look);
        if is_due {
            self.unknown = unknown;
        }
        is_due
    }

    /// Takes what came of a question at `now`: the keys, when it came to some.
    pub fn answered(
        &mut self,
        answer: Result<Fetched, FetchError>,
        copies: Option<&LastGood>,
        now: Instant,
    ) -> Option<Vec<Key>> {
        self.asked = Some(now);
        match answer {
            Ok(Fetched { set, body, max_age }) => {
                self.due = now + max_age.unwrap_or(REFRESH).clamp(REFRESH_MIN, REFRESH_MAX);
                if self.failures > 0 {
                    tracing::info!(server = %self.url, failures = self.failures, "a key server answers again");
                }
                (self.failures, self.told) = (0, None);
                if let Some(Err(error)) = copies.map(|copies| copies.keep(&self.url, &body)) {
                    tracing::warn!(server = %self.url, %error, "no copy of a key server's keys can be kept");
                }
                Some(keys_of(set, &self.url.to_string()))
            }
            Err(error) => {
                self.due = now + RETRY.saturating_mul(1 << self.failures.min(5)).min(UNKNOWN_PAUSE);
                self.failures += 1;
                let why = error.told();
                if self.told.as_ref() != Some(&why) {
                    tracing::error!(server = %self.url, "a key server gives no keys, those before stay in force: {why}");
                    self.told = Some(why);
                }
                None
            }
        }
    }
}
