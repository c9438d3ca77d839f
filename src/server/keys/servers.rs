//! When key servers are queried: at startup, when their answer expires, after a failure, and when a token names an
//! unknown key.
//!
//! Pure: time is an argument, and the query itself is a function passed in.
//!
//! Invariants: tokens with unknown keys, whoever sends them, cause at most one query per server in [`UNKNOWN_PAUSE`]; a
//! failure changes no keys, and is logged when it starts, changes its reason, or ends.

use std::time::{Duration, Instant};

use super::{faults::FetchError, fetch::Fetched, files::keys_of, last_good::LastGood};
use crate::access::{keys::Key, settings::HttpsUrl};

/// One key server.
pub(super) struct KeyServer {
    pub url: HttpsUrl,
    /// When it is queried next, unless a token needs it sooner.
    due: Instant,
    asked: Option<Instant>,
    /// The count of tokens with unknown keys at the last query.
    unknown: u64,
    /// Consecutive failures, and what was logged of them.
    failures: u32,
    told: Option<String>,
}

/// Interval of queries, unless the server specifies another.
const REFRESH: Duration = Duration::from_secs(600);
/// Bounds of the interval that a server may specify.
const REFRESH_MIN: Duration = Duration::from_secs(60);
const REFRESH_MAX: Duration = Duration::from_secs(3600);
/// Minimum time between two queries for unknown keys.
pub(super) const UNKNOWN_PAUSE: Duration = Duration::from_secs(30);
/// Retry delay after the first failure; doubles with each further one, up to [`UNKNOWN_PAUSE`].
const RETRY: Duration = Duration::from_secs(1);

impl KeyServer {
    /// A server that is due at once.
    pub fn new(url: HttpsUrl, now: Instant) -> Self {
        KeyServer { url, due: now, asked: None, unknown: 0, failures: 0, told: None }
    }

    /// Whether to query now. `unknown`: count of tokens with unknown keys. The caller must query when told so.
    pub fn is_due(&mut self, now: Instant, unknown: u64) -> bool {
        let may_look = self.asked.is_none_or(|asked| now.duration_since(asked) >= UNKNOWN_PAUSE);
        let is_due = now >= self.due || (unknown != self.unknown && may_look);
        if is_due {
            self.unknown = unknown;
        }
        is_due
    }

    /// Handles the outcome of a query at `now`; returns the keys if there are any.
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
