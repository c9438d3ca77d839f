//! Sets the metrics from the shards' reports and other inputs of a scrape. Their meanings are in the table.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use super::table::Handles;
#[cfg(feature = "tls")]
use crate::server::{
    keys::KeyServerStats,
    tls::{state::TlsState, stats::TlsRejected},
};
use crate::{
    audit::AuditLog,
    fanout::GapReason,
    feed::RejectReason,
    limits::Limits,
    scenario::RunningScenario,
    server::{
        admission::rejected::{Rejected, RejectedReason},
        intake::FeedStatus,
        replays::{Replays, stats::ReplayEnd},
    },
    session::{
        refusals::{AccessRefusals, RefusedAccess},
        stats::{LimitHit, ShardReport},
    },
    tick::Nanos,
    topic::DelayedReport,
    wire::{CloseReason, dialects::DialectId},
};

/// The inputs of a scrape besides the shards' reports.
pub struct ScrapeInputs<'a> {
    pub feeds: &'a [Arc<FeedStatus>],
    pub rejected: &'a Rejected,
    pub refused: &'a AccessRefusals,
    pub topics: usize,
    pub topics_stale: usize,
    pub shards: usize,
    pub shards_configured: usize,
    pub draining: bool,
    pub ready: bool,
    pub limits: &'a Limits,
    pub uptime_seconds: f64,
    pub log_lines_dropped: u64,
    #[cfg(feature = "tls")]
    pub tls: Option<&'a TlsState>,
    #[cfg(feature = "tls")]
    pub key_servers: &'a KeyServerStats,
    pub replays: &'a Replays,
    pub faults: Option<&'a RunningScenario>,
    pub audit: Option<&'a AuditLog>,
    /// `None` when nothing is delayed.
    pub delayed: Option<DelayedReport>,
    pub now: Nanos,
}

impl Handles {
    /// Sets every metric to its current value.
    pub fn set(&self, report: &ShardReport, inputs: &ScrapeInputs<'_>) {
        self.set_accounts(report);
        if let Some(delayed) = &inputs.delayed {
            self.set_delayed(report, delayed);
        }
        self.set_sessions(report, inputs);
        self.set_waiting(report, inputs);
        self.set_limits(inputs.limits);
        self.set_feeds(inputs);
        self.set_replays(inputs.replays);
        if let Some(running) = inputs.faults {
            self.set_faults(running);
        }
        #[cfg(feature = "tls")]
        if let Some(tls) = inputs.tls {
            self.set_tls(tls);
        }
        #[cfg(feature = "tls")]
        self.set_key_servers(inputs.key_servers);
        self.update_age_seconds.set(&report.stats.ages);
        self.read_age_seconds.set(&report.stats.read_ages);
    }

    fn set_accounts(&self, report: &ShardReport) {
        let accounts = &report.accounts;
        self.updates_offered.set(accounts.offered);
        self.updates_delivered.set(accounts.delivered);
        self.updates_conflated.set(accounts.conflated);
        self.updates_filtered.set(accounts.filtered);
        for reason in GapReason::ALL {
            self.updates_gapped.set([reason.label()], accounts.gapped[reason as usize]);
        }
        self.updates_discarded.set(accounts.discarded);
        self.updates_pending.set(accounts.pending);
        self.updates_residual.set_signed(accounts.residual());
    }

    fn set_delayed(&self, report: &ShardReport, delayed: &DelayedReport) {
        let accounts = &report.delayed;
        let outcomes = [
            ("offered", accounts.offered),
            ("delivered", accounts.delivered),
            ("conflated", accounts.conflated),
            ("filtered", accounts.filtered),
            ("gapped", accounts.gapped.iter().sum()),
            ("discarded", accounts.discarded),
        ];
        for (outcome, ticks) in outcomes {
            self.delayed_updates.set([outcome], ticks);
        }
        self.delayed_pending.set(accounts.pending);
        self.delayed_residual.set_signed(accounts.residual());
        for waiting in &delayed.waiting {
            let delay = waiting.delay.as_millis().to_string();
            self.delayed_waiting_records.set([&delay], waiting.records as u64);
            self.delayed_waiting_bytes.set([&delay], waiting.bytes as u64);
        }
        self.delayed_released.set(delayed.released);
        self.delayed_resyncs.set(delayed.missed);
    }

    fn set_sessions(&self, report: &ShardReport, inputs: &ScrapeInputs<'_>) {
        let stats = &report.stats;
        self.frames_sent.set(stats.frames_sent);
        self.bytes_sent.set(stats.bytes_sent);
        self.deflate_plain_bytes.set(stats.deflate.plain_bytes);
        self.deflate_bytes.set(stats.deflate.deflated_bytes);
        self.commands.set(stats.commands);
        self.sessions_opened.set(stats.opened);
        for reason in CloseReason::ALL {
            self.sessions_closed.set([reason.label()], stats.closed[reason as usize]);
        }
        for (pace, sessions) in [("live", report.live), ("conflating", report.conflating)] {
            self.sessions.set([pace], sessions as u64);
        }
        for dialect in DialectId::all() {
            self.dialect_sessions.set([dialect.name()], report.dialects[dialect.index()] as u64);
        }
        self.sessions_held.set(report.held as u64);
        self.sessions_unanswering.set(report.unanswering as u64);
        self.subscriptions.set(report.subscriptions as u64);
        for reason in RejectedReason::ALL {
            self.handshakes_rejected.set([reason.label()], inputs.rejected.get(reason));
        }
        for reason in RefusedAccess::ALL {
            self.access_refused.set([reason.label()], inputs.refused.get(reason));
        }
        for limit in LimitHit::ALL {
            self.limit_hits.set([limit.label()], stats.limits[limit as usize]);
        }
        self.shard_resyncs.set(stats.resyncs);
        self.work_units.set(stats.work_units);
        self.work_slices.set(stats.slices);
        self.work_slice_longest_seconds.set(stats.slice_nanos_max as f64 / 1e9);
        self.shards.set(inputs.shards as u64);
        self.topics.set(inputs.topics as u64);
        self.topics_stale.set(inputs.topics_stale as u64);
        self.shards_configured.set(inputs.shards_configured as u64);
        self.draining.set(u64::from(inputs.draining));
        self.ready.set(u64::from(inputs.ready));
        self.uptime_seconds.set(inputs.uptime_seconds);
        self.log_lines_dropped.set(inputs.log_lines_dropped);
        if let Some(audit) = inputs.audit {
            self.audit_failed.set(u64::from(audit.has_failed()));
            self.audit_events.set(audit.written());
            self.audit_events_lost.set(audit.lost());
        }
        self.build_info.set([env!("CARGO_PKG_VERSION")], 1);
    }

    fn set_waiting(&self, report: &ShardReport, inputs: &ScrapeInputs<'_>) {
        let oldest = report.oldest.map_or(0, |oldest| inputs.now.since(oldest)) as f64 / 1e9;
        self.updates_pending_oldest_seconds.set(oldest);
        self.subscriptions_behind.set(report.subscriptions_behind as u64);
        self.waiting_bytes.set(report.waiting_bytes as u64);
        self.control_waiting_max_bytes.set(report.control_bytes_max as u64);
    }

    /// Exported so that queries for the usage of a limit need no copy of the configuration.
    fn set_limits(&self, limits: &Limits) {
        self.limits_sessions.set(limits.sessions as u64);
        self.limits_replays.set(limits.replays as u64);
        self.limits_topics.set(limits.topics as u64);
        self.limits_control_bytes.set(limits.control_bytes as u64);
        self.limits_stale_seconds.set(limits.stale.as_secs_f64());
        self.limits_drain_seconds.set(limits.drain.as_secs_f64());
    }

    fn set_faults(&self, running: &RunningScenario) {
        for (kind, count) in running.counts() {
            self.venue_faults.set([kind], count);
        }
        self.venue_faults_withheld.set(running.withheld());
    }

    fn set_replays(&self, replays: &Replays) {
        self.replays.set(replays.open() as u64);
        for end in ReplayEnd::ALL {
            self.replays_ended.set([end.label()], replays.stats.get(end));
        }
        self.replay_messages.set(replays.stats.messages.load(Relaxed));
        self.replay_bytes.set(replays.stats.bytes.load(Relaxed));
    }

    #[cfg(feature = "tls")]
    fn set_tls(&self, tls: &TlsState) {
        let stats = &tls.stats;
        for (version, kind, count) in stats.each_done() {
            self.tls_handshakes.set([version, kind], count);
        }
        for reason in TlsRejected::ALL {
            self.tls_rejected.set([reason.label()], stats.rejected(reason));
        }
        self.tls_handshake_seconds.set(&stats.took());
        self.tls_handshakes_under_way.set(tls.under_way() as u64);
        for (place, served) in tls.in_use().certificates.served.iter().enumerate() {
            self.tls_certificate_expires_seconds.set([&place.to_string()], served.expires as f64);
        }
        self.tls_files_faulty.set(u64::from(stats.is_faulty.load(Relaxed)));
    }

    #[cfg(feature = "tls")]
    fn set_key_servers(&self, stats: &KeyServerStats) {
        self.key_fetch_failures.set(stats.failures());
        for (place, seconds) in stats.ages(std::time::Instant::now()).into_iter().enumerate() {
            self.key_server_age_seconds.set([&place.to_string()], seconds);
        }
    }

    fn set_feeds(&self, inputs: &ScrapeInputs<'_>) {
        for feed in inputs.feeds {
            let name = feed.name.as_str();
            self.ticks_ingested.set([name], feed.ingested.load(Relaxed));
            for reason in RejectReason::ALL {
                self.ticks_rejected.set([name, reason.label()], feed.rejected(reason));
            }
            self.feed_reconnects.set([name], feed.reconnects.load(Relaxed));
            let up = feed.condition().is_up();
            self.feed_up.set([name], u64::from(up));
            self.feed_lag_seconds.set([name], feed.lag().as_secs_f64());
            if let Some(links) = feed.links() {
                self.feed_connections.set([name], links.open as u64);
                self.feed_connections_wanted.set([name], links.wanted as u64);
                self.feed_messages.set([name], links.messages);
                self.feed_venue_lag_seconds.set([name], links.lag.as_secs_f64());
                self.feed_duplicates.set([name], links.duplicates);
                self.feed_gaps.set([name], links.gaps);
                self.feed_missing.set([name], links.missing);
                self.feed_resubscribed.set([name], links.resubscribed);
            }
            if let Some(last) = feed.last() {
                let silence = inputs.now.since(last) as f64 / 1e9;
                self.feed_silence_seconds.set([name], silence);
            }
        }
    }
}
