//! A summary of the service in one log line a minute: ticks in, messages out, their ages, and whether the accounts balance.
//!
//! Counts are those since the line before; gauges have their present value. It does not replace monitoring, which reads
//! the metrics.

use std::time::Instant;

use tickcast::{
    server::{
        metrics::cpu_seconds,
        service::{Figures, Service},
    },
    session::stats::{AGE_BOUNDS, Ages, ShardReport},
};

/// The values that the next line is compared with.
pub struct StatusLine {
    before: Figures,
    at: Instant,
    cpu_seconds: f64,
}

impl StatusLine {
    pub fn begin(service: &Service) -> Self {
        StatusLine { before: service.figures(), at: Instant::now(), cpu_seconds: cpu_seconds() }
    }

    pub fn tell(&mut self, service: &Service) {
        let (now, at, cpu) = (service.figures(), Instant::now(), cpu_seconds());
        // Two lines may be written at the same time; the divisor must not be 0.
        let seconds = at.duration_since(self.at).as_secs_f64().max(0.001);
        let (report, before) = (&now.report, &self.before.report);
        let since = |get: fn(&ShardReport) -> u64| get(report).saturating_sub(get(before));
        let rate = |count: u64| (count as f64 / seconds).round() as u64;
        let ages = difference(&report.stats.ages, &before.stats.ages);
        tracing::info!(
            seconds = seconds.round() as u64,
            sessions = report.live + report.conflating,
            conflating = report.conflating,
            opened = since(|report| report.stats.opened),
            closed = since(|report| report.stats.closed.iter().sum()),
            subscriptions = report.subscriptions,
            ticks_per_s = rate(now.ticks.saturating_sub(self.before.ticks)),
            updates_per_s = rate(since(|report| report.accounts.delivered)),
            conflated_per_s = rate(since(|report| report.accounts.conflated)),
            gapped_per_s = rate(since(|report| report.accounts.gapped.iter().sum())),
            bytes_per_s = rate(since(|report| report.stats.bytes_sent)),
            age_p50_ms = within(&ages, 0.5),
            age_p99_ms = within(&ages, 0.99),
            residual = i64::try_from(report.accounts.residual()).unwrap_or(i64::MAX),
            cpu_percent = ((cpu - self.cpu_seconds) / seconds * 100.0).round() as u64,
            shards_silent = now.shards_silent,
            "running"
        );
        (self.before, self.at, self.cpu_seconds) = (now, at, cpu);
    }
}

/// The counts since the line before.
fn difference(now: &Ages, before: &Ages) -> Ages {
    let mut ages = now.clone();
    for (bucket, before) in ages.buckets.iter_mut().zip(before.buckets) {
        *bucket = bucket.saturating_sub(before);
    }
    ages
}

/// The bound, in milliseconds, that this share of the ages was within; `None` without ages. Those beyond the last bound
/// count as at it.
fn within(ages: &Ages, share: f64) -> Option<f64> {
    let all: u64 = ages.buckets.iter().sum();
    let wanted = (all as f64 * share).ceil() as u64;
    let mut counted = 0;
    let at = ages.buckets.iter().position(|bucket| {
        counted += bucket;
        counted >= wanted
    })?;
    let bound = AGE_BOUNDS[at.min(AGE_BOUNDS.len() - 1)];
    // As a person writes it: 0.05, and not 0.05000000000000001.
    (all > 0).then(|| (bound * 1e6).round() / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_ages_within_a_bound() {
        let mut ages = Ages::default();
        assert_eq!(within(&ages, 0.5), None);
        ages.buckets[0] = 98;
        ages.buckets[5] = 2;
        let shares = [0.5, 0.98, 0.99].map(|share| within(&ages, share));
        assert_eq!(shares, [Some(0.05), Some(0.05), Some(2.5)]);
        ages.buckets[AGE_BOUNDS.len()] = 1_000;
        assert_eq!(within(&ages, 0.99), Some(60_000.0));
        let none = difference(&ages, &ages.clone());
        assert_eq!(within(&none, 0.99), None);
    }
}
