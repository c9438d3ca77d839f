//! The scrapes of a run, in order: law 5 is checked in each of them.
//!
//! Pure. A scrape that fails is counted and not checked: an unreachable page breaks no law.

use super::{
    ledger::{Law, LawBreach, LawBreaches, Sums},
    scrape::{ServerCounts, ServerScrape},
    server::ServerError,
};

/// The scrapes of one run.
#[derive(Default)]
pub struct ScrapeSeries {
    pub first: Option<ServerScrape>,
    pub last: Option<ServerScrape>,
    pub judged: u64,
    pub failed: u64,
    /// Why the last that failed did.
    pub failure: Option<String>,
    /// The residual that was furthest from 0.
    pub residual: i64,
}

// === impl ScrapeSeries ===

impl ScrapeSeries {
    /// Judges a scrape.
    pub fn take(&mut self, scrape: Result<ServerScrape, ServerError>, faults: &mut LawBreaches) {
        let scrape = match scrape {
            Ok(scrape) => scrape,
            Err(error) => {
                self.failed += 1;
                self.failure = Some(error.to_string());
                return;
            }
        };
        self.judged += 1;
        let residual = scrape.counts.residual();
        if residual != 0 {
            faults.note(|| breach(format!("the residual is {residual}: {:?}", scrape.counts)));
        }
        if residual.abs() > self.residual.abs() {
            self.residual = residual;
        }
        self.first.get_or_insert(scrape);
        self.last = Some(scrape);
    }

    /// What the server counted between the first scrape and the last.
    pub fn counts(&self) -> Option<ServerCounts> {
        Some(self.last?.counts.since(&self.first?.counts))
    }
}

/// How the server's counts of the whole run disagree with what all clients received, when they were the only ones and
/// read to the end.
///
/// A subscription's first snapshot may stand for ticks that came between the asking and the sending; the server counts
/// it as delivered then, and the client cannot know. So there is a range for `delivered`, and everything else is exact.
pub fn disagreement(server: &ServerCounts, received: &Sums) -> Option<String> {
    let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    let updates = signed(received.updates);
    let first_snapshots = signed(received.snapshots.saturating_sub(received.gaps));
    let more = server.delivered - updates;
    if server.gapped != signed(received.gapped) {
        return Some(format!(
            "the server counts {} ticks in gaps, we were told of {}",
            server.gapped, received.gapped
        ));
    }
    if !(0..=first_snapshots).contains(&more) {
        return Some(format!(
            "the server counts {} delivered, we received {updates} updates and {first_snapshots} first snapshots",
            server.delivered
        ));
    }
    let conflated = signed(received.conflated);
    let agrees = if more == 0 { server.conflated == conflated } else { server.conflated >= conflated };
    (!agrees)
        .then(|| format!("the server counts {} conflated, we were told of {conflated}", server.conflated))
}

/// A breach of law 5 that no single client can be named for.
pub fn breach(what: String) -> LawBreach {
    LawBreach { law: Law::Conservation, client: None, symbol: None, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load::scrape::ScrapeError;

    fn scrape(offered: i64, delivered: i64) -> ServerScrape {
        let counts = ServerCounts { offered, delivered, ..ServerCounts::default() };
        ServerScrape { counts, server_cpu_seconds: None, server_memory_bytes: None }
    }

    #[test]
    fn every_residual_is_a_breach_and_the_worst_is_kept() {
        let mut scrapes = ScrapeSeries::default();
        let mut faults = LawBreaches::default();
        for (offered, delivered) in [(10, 10), (20, 19), (30, 33), (40, 40)] {
            scrapes.take(Ok(scrape(offered, delivered)), &mut faults);
        }
        assert_eq!((faults.total, scrapes.residual, scrapes.judged), (2, -3, 4));
        assert_eq!(scrapes.counts(), Some(scrape(30, 30).counts));
        assert!(faults.first[0].what.starts_with("the residual is 1: "), "{}", faults.first[0].what);
    }

    #[test]
    fn a_failed_scrape_is_no_breach_and_not_hidden() {
        let mut scrapes = ScrapeSeries::default();
        let mut faults = LawBreaches::default();
        let error = ScrapeError::Missing("tickcast_updates_offered_total");
        scrapes.take(Err(error.into()), &mut faults);
        assert_eq!((faults.total, scrapes.judged, scrapes.failed, scrapes.counts()), (0, 0, 1, None));
        assert_eq!(
            scrapes.failure.as_deref(),
            Some("/metrics: the metrics have no tickcast_updates_offered_total")
        );
    }

    #[test]
    fn the_servers_sums_must_be_ours() {
        let sums = Sums { updates: 100, conflated: 50, snapshots: 12, gaps: 2, gapped: 7, ..Sums::default() };
        let check = |delivered, conflated, gapped, agrees: bool| {
            let counts = ServerCounts { delivered, conflated, gapped, ..ServerCounts::default() };
            assert_eq!(disagreement(&counts, &sums).is_none(), agrees, "{counts:?}");
        };
        check(100, 50, 7, true);
        check(110, 80, 7, true);
        check(111, 80, 7, false);
        check(99, 50, 7, false);
        check(100, 51, 7, false);
        check(100, 49, 7, false);
        check(105, 49, 7, false);
        check(100, 50, 8, false);
    }
}
