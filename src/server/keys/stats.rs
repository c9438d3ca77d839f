//! Counts of key server queries, for scrapes.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use crate::access::settings::HttpsUrl;

/// Counts over all key servers.
#[derive(Debug, Default)]
pub struct KeyServerStats {
    failures: AtomicU64,
    /// Each server, in the order of `auth.keys`, with the time of its last keys or else of its first query. Locked
    /// briefly.
    servers: Mutex<Vec<(HttpsUrl, Instant)>>,
}

impl KeyServerStats {
    /// Sets the servers to count. Times of servers known before are kept.
    pub(super) fn ask<'a>(&self, servers: impl Iterator<Item = &'a HttpsUrl>, now: Instant) {
        let mut known = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        let since =
            |url: &HttpsUrl| known.iter().find(|(before, _)| before == url).map_or(now, |(_, at)| *at);
        *known = servers.map(|url| (url.clone(), since(url))).collect();
    }

    pub(super) fn answered(&self, server: &HttpsUrl, now: Instant) {
        let mut known = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, at) in known.iter_mut().filter(|(url, _)| url == server) {
            *at = now;
        }
    }

    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Relaxed);
    }

    /// Queries that yielded no keys.
    pub fn failures(&self) -> u64 {
        self.failures.load(Relaxed)
    }

    /// How long ago each server last gave keys, in seconds.
    pub fn ages(&self, now: Instant) -> Vec<f64> {
        let known = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(_, at)| now.saturating_duration_since(*at).as_secs_f64()).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_server_ages_until_it_answers_and_keeps_its_age_over_a_reload() {
        let url = |name: &str| HttpsUrl::parse(&format!("https://{name}.example/keys")).unwrap();
        let (stats, begin) = (KeyServerStats::default(), Instant::now());
        let at = |seconds| begin + Duration::from_secs(seconds);
        stats.ask([url("a"), url("b")].iter(), begin);
        stats.failed();
        stats.answered(&url("b"), at(10));
        assert_eq!((stats.ages(at(30)), stats.failures()), (vec![30.0, 20.0], 1));
        stats.ask([url("b"), url("c")].iter(), at(40));
        assert_eq!(stats.ages(at(50)), [40.0, 10.0]);
    }
}
