//! Metrics: declared in one table, gathered from the shards for each scrape, so that the books balance exactly.
//!
//! Shards count in plain integers; nothing here is on the path of a tick. docs/METRICS.md is compared with the table by
//! a test. No label has values that a client could invent.

mod ages;
mod handles;
mod process;

use std::sync::{Mutex, PoisonError};

use prometheus::{Encoder, Registry, TextEncoder};

use crate::{
    fanout::GapReason,
    feed::RejectReason,
    intake::FeedStatus,
    limits::Limits,
    session::{
        accept::{Rejected, RejectedReason},
        stats::{LimitHit, Report},
    },
    wire::CloseReason,
};
use ages::AgeCollector;
use handles::Handles;
use process::Process;
pub use process::cpu_seconds;

/// One metric as it is declared.
pub struct Def {
    pub name: &'static str,
    pub kind: Kind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Counter,
    Gauge,
    Histogram,
}

const fn def(name: &'static str, kind: Kind, labels: &'static [&'static str], help: &'static str) -> Def {
    Def { name, kind, labels, help }
}

/// Every metric of ours; the process's own (`process_*`) come beside them.
pub const ALL: [Def; 46] = {
    use Kind::{Counter, Gauge, Histogram};
    [
        def("tickcast_ticks_ingested_total", Counter, &["feed"], "Ticks taken into topics."),
        def(
            "tickcast_ticks_rejected_total",
            Counter,
            &["feed", "reason"],
            "Lines and ticks of a feed that were not taken.",
        ),
        def(
            "tickcast_updates_offered_total",
            Counter,
            &[],
            "Ticks offered to subscriptions, one for each of them.",
        ),
        def("tickcast_updates_delivered_total", Counter, &[], "Updates that sockets accepted."),
        def(
            "tickcast_updates_conflated_total",
            Counter,
            &[],
            "Ticks that a delivered update stood for, beside its newest.",
        ),
        def(
            "tickcast_updates_filtered_total",
            Counter,
            &[],
            "Ticks without any field that the subscription wants.",
        ),
        def(
            "tickcast_updates_gapped_total",
            Counter,
            &["reason"],
            "Ticks announced as lost by a gap message.",
        ),
        def(
            "tickcast_updates_discarded_total",
            Counter,
            &[],
            "Ticks still due when their subscription or session ended.",
        ),
        def(
            "tickcast_updates_pending",
            Gauge,
            &[],
            "Ticks due to subscriptions, found by walking their cursors.",
        ),
        def(
            "tickcast_updates_residual",
            Gauge,
            &[],
            "Offered less all that became of it: 0, or the books are wrong.",
        ),
        def(
            "tickcast_update_age_seconds",
            Histogram,
            &[],
            "From a tick's intake to its acceptance by the socket.",
        ),
        def("tickcast_frames_sent_total", Counter, &[], "Frames that sockets accepted whole."),
        def("tickcast_bytes_sent_total", Counter, &[], "Bytes that sockets of sessions accepted."),
        def("tickcast_commands_total", Counter, &[], "Commands of clients, the faulty ones included."),
        def("tickcast_sessions_opened_total", Counter, &[], "Sessions opened."),
        def("tickcast_sessions_closed_total", Counter, &["reason"], "Sessions ended, by close reason."),
        def("tickcast_sessions", Gauge, &["pace"], "Sessions open now, by how they keep up."),
        def("tickcast_subscriptions", Gauge, &[], "Subscriptions now."),
        def("tickcast_topics", Gauge, &[], "Topics."),
        def("tickcast_topics_stale", Gauge, &[], "Topics without a tick for longer than limits.stale_ms."),
        def("tickcast_handshakes_rejected_total", Counter, &["reason"], "Handshakes refused."),
        def("tickcast_limit_hits_total", Counter, &["limit"], "Times that a limit has bitten, by its key."),
        def(
            "tickcast_shard_resyncs_total",
            Counter,
            &[],
            "Times that a shard fell behind ingest and read the topics instead.",
        ),
        def(
            "tickcast_work_units_total",
            Counter,
            &[],
            "Work on commands, new symbols and ended sessions: a unit is a look at one name.",
        ),
        def(
            "tickcast_work_slices_total",
            Counter,
            &[],
            "At how many goes that work was done, and what else comes in crowds; small ones aside.",
        ),
        def(
            "tickcast_work_slice_longest_seconds",
            Gauge,
            &[],
            "Processor time of the longest of them since the server began.",
        ),
        def("tickcast_shards", Gauge, &[], "Shards that answered this scrape."),
        def("tickcast_feed_lag_seconds", Gauge, &["feed"], "How far a feed is behind its own schedule."),
        def(
            "tickcast_feed_silence_seconds",
            Gauge,
            &["feed"],
            "Since a feed's last tick; absent before its first.",
        ),
        def("tickcast_feed_up", Gauge, &["feed"], "1 while a feed runs, 0 when it has ended or failed."),
        def("tickcast_feed_reconnects_total", Counter, &["feed"], "Times that a feed connected anew."),
        def("tickcast_draining", Gauge, &[], "1 while the server stops."),
        def("tickcast_uptime_seconds", Gauge, &[], "Since the server began."),
        def(
            "tickcast_ready",
            Gauge,
            &[],
            "1 while /readyz says ready: started, not stopping, shards answer.",
        ),
        def(
            "tickcast_updates_pending_oldest_seconds",
            Gauge,
            &[],
            "Since the intake of the oldest tick that is due; 0: none is.",
        ),
        def("tickcast_subscriptions_behind", Gauge, &[], "Subscriptions to which a tick is due."),
        def(
            "tickcast_waiting_bytes",
            Gauge,
            &[],
            "Bytes in the sessions' own buffers that their sockets have not taken.",
        ),
        def(
            "tickcast_control_waiting_max_bytes",
            Gauge,
            &[],
            "The most bytes of answers that wait for one session, of limits.control_bytes.",
        ),
        def("tickcast_shards_configured", Gauge, &[], "Shards that there are."),
        def("tickcast_limits_sessions", Gauge, &[], "limits.sessions, as it is in force."),
        def("tickcast_limits_topics", Gauge, &[], "limits.topics, as it is in force."),
        def("tickcast_limits_control_bytes", Gauge, &[], "limits.control_bytes, as it is in force."),
        def("tickcast_limits_stale_seconds", Gauge, &[], "limits.stale_ms, as it is in force."),
        def("tickcast_limits_drain_seconds", Gauge, &[], "limits.drain_ms, as it is in force."),
        def(
            "tickcast_log_lines_dropped_total",
            Counter,
            &[],
            "Lines of the log that nobody took in time, or at all.",
        ),
        def("tickcast_build_info", Gauge, &["version"], "1; what runs is in its labels."),
    ]
};

/// What a scrape gathers beside the shards' reports.
pub struct Levels<'a> {
    pub feeds: &'a [std::sync::Arc<FeedStatus>],
    pub rejected: &'a Rejected,
    pub topics: usize,
    pub topics_stale: usize,
    pub shards: usize,
    pub shards_configured: usize,
    pub draining: bool,
    pub ready: bool,
    pub limits: &'a Limits,
    pub uptime_seconds: f64,
    pub log_lines_dropped: u64,
    pub now: crate::tick::Nanos,
}

/// The registry, and the handles into it.
pub struct Metrics {
    registry: Registry,
    /// Held for the length of a scrape: two at once must not add the same difference twice.
    handles: Mutex<Handles>,
    ages: AgeCollector,
}

impl Metrics {
    /// # Errors
    /// When the table declares a metric twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(Process::of_self()))?;
        let (handles, ages) = Handles::register(&registry)?;
        Ok(Metrics { registry, handles: Mutex::new(handles), ages })
    }

    /// The text of one scrape.
    pub fn text(&self, report: &Report, levels: &Levels<'_>) -> Vec<u8> {
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.set_accounts(report);
        handles.set_sessions(report, levels);
        handles.set_waiting(report, levels);
        handles.set_limits(levels.limits);
        handles.set_feeds(levels);
        self.ages.set(&report.stats.ages);
        let mut text = Vec::with_capacity(16 * 1024);
        let encoded = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        debug_assert!(encoded.is_ok(), "a vector takes every write");
        text
    }
}

impl Handles {
    fn set_accounts(&self, report: &Report) {
        let accounts = &report.accounts;
        self.total("tickcast_updates_offered_total", accounts.offered);
        self.total("tickcast_updates_delivered_total", accounts.delivered);
        self.total("tickcast_updates_conflated_total", accounts.conflated);
        self.total("tickcast_updates_filtered_total", accounts.filtered);
        for reason in GapReason::ALL {
            self.total_of(
                "tickcast_updates_gapped_total",
                &[reason.label()],
                accounts.gapped[reason as usize],
            );
        }
        self.total("tickcast_updates_discarded_total", accounts.discarded);
        self.level("tickcast_updates_pending", accounts.pending);
        let residual = i64::try_from(accounts.residual()).unwrap_or(i64::MAX);
        self.gauge("tickcast_updates_residual").set(residual);
    }

    fn set_sessions(&self, report: &Report, levels: &Levels<'_>) {
        let stats = &report.stats;
        self.total("tickcast_frames_sent_total", stats.frames_sent);
        self.total("tickcast_bytes_sent_total", stats.bytes_sent);
        self.total("tickcast_commands_total", stats.commands);
        self.total("tickcast_sessions_opened_total", stats.opened);
        for reason in CloseReason::ALL {
            self.total_of("tickcast_sessions_closed_total", &[reason.label()], stats.closed[reason as usize]);
        }
        for (pace, sessions) in [("live", report.live), ("conflating", report.conflating)] {
            self.level_of("tickcast_sessions", pace, sessions as u64);
        }
        self.level("tickcast_subscriptions", report.subscriptions as u64);
        for reason in RejectedReason::ALL {
            self.total_of(
                "tickcast_handshakes_rejected_total",
                &[reason.label()],
                levels.rejected.get(reason),
            );
        }
        for limit in LimitHit::ALL {
            self.total_of("tickcast_limit_hits_total", &[limit.label()], stats.limits[limit as usize]);
        }
        self.total("tickcast_shard_resyncs_total", stats.resyncs);
        self.total("tickcast_work_units_total", stats.work_units);
        self.total("tickcast_work_slices_total", stats.slices);
        self.seconds("tickcast_work_slice_longest_seconds", stats.slice_nanos_max as f64 / 1e9);
        self.level("tickcast_shards", levels.shards as u64);
        self.level("tickcast_topics", levels.topics as u64);
        self.level("tickcast_topics_stale", levels.topics_stale as u64);
        self.level("tickcast_shards_configured", levels.shards_configured as u64);
        self.level("tickcast_draining", u64::from(levels.draining));
        self.level("tickcast_ready", u64::from(levels.ready));
        self.seconds("tickcast_uptime_seconds", levels.uptime_seconds);
        self.total("tickcast_log_lines_dropped_total", levels.log_lines_dropped);
        self.level_of("tickcast_build_info", env!("CARGO_PKG_VERSION"), 1);
    }

    fn set_waiting(&self, report: &Report, levels: &Levels<'_>) {
        let oldest = report.oldest.map_or(0, |oldest| levels.now.since(oldest)) as f64 / 1e9;
        self.seconds("tickcast_updates_pending_oldest_seconds", oldest);
        self.level("tickcast_subscriptions_behind", report.subscriptions_behind as u64);
        self.level("tickcast_waiting_bytes", report.waiting_bytes as u64);
        self.level("tickcast_control_waiting_max_bytes", report.control_bytes_max as u64);
    }

    /// So that a share of a limit needs no copy of the configuration in the question.
    fn set_limits(&self, limits: &Limits) {
        self.level("tickcast_limits_sessions", limits.sessions as u64);
        self.level("tickcast_limits_topics", limits.topics as u64);
        self.level("tickcast_limits_control_bytes", limits.control_bytes as u64);
        self.seconds("tickcast_limits_stale_seconds", limits.stale.as_secs_f64());
        self.seconds("tickcast_limits_drain_seconds", limits.drain.as_secs_f64());
    }

    fn set_feeds(&self, levels: &Levels<'_>) {
        use std::sync::atomic::Ordering::Relaxed;
        for feed in levels.feeds {
            let name = feed.name.as_str();
            self.total_of("tickcast_ticks_ingested_total", &[name], feed.ingested.load(Relaxed));
            for reason in RejectReason::ALL {
                self.total_of(
                    "tickcast_ticks_rejected_total",
                    &[name, reason.label()],
                    feed.rejected(reason),
                );
            }
            self.total_of("tickcast_feed_reconnects_total", &[name], feed.reconnects.load(Relaxed));
            let up = feed.condition().is_up();
            self.level_of("tickcast_feed_up", name, u64::from(up));
            self.seconds_of("tickcast_feed_lag_seconds", name, feed.lag().as_secs_f64());
            if let Some(last) = feed.last() {
                let silence = levels.now.since(last) as f64 / 1e9;
                self.seconds_of("tickcast_feed_silence_seconds", name, silence);
            }
        }
    }
}
