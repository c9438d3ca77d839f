//! Metrics: declared in one table, gathered from the shards for each scrape, so that the books balance exactly.
//!
//! Shards count in plain integers; nothing here is on the path of a tick. docs/METRICS.md is compared with the table by
//! a test. No label has values that a client could invent.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    Encoder, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::{Collector, Desc},
    process_collector::ProcessCollector,
    proto::{Bucket, Histogram, Metric, MetricFamily, MetricType},
};

use crate::{
    fanout::GapReason,
    feed::RejectReason,
    intake::FeedStatus,
    session::{
        accept::{Rejected, RejectedReason},
        stats::{AGE_BOUNDS, Ages, LimitHit, Report},
    },
    wire::CloseReason,
};

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
pub const ALL: [Def; 31] = {
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
    pub draining: bool,
    pub uptime_seconds: f64,
    pub now: crate::tick::Nanos,
}

/// The registry, and the handles into it.
pub struct Metrics {
    registry: Registry,
    /// Held for the length of a scrape: two at once must not add the same difference twice.
    handles: Mutex<Handles>,
    ages: AgeCollector,
}

struct Handles {
    counters: Vec<(&'static str, IntCounter)>,
    counter_vecs: Vec<(&'static str, IntCounterVec)>,
    gauges: Vec<(&'static str, IntGauge)>,
    gauge_vecs: Vec<(&'static str, IntGaugeVec)>,
    feed_lag: GaugeVec,
    feed_silence: GaugeVec,
    uptime: Gauge,
}

/// Gauges in seconds, which are no integers.
const FEED_LAG: &str = "tickcast_feed_lag_seconds";
const FEED_SILENCE: &str = "tickcast_feed_silence_seconds";
const UPTIME: &str = "tickcast_uptime_seconds";

impl Metrics {
    /// # Errors
    /// When the table declares a metric twice.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let float = |name: &'static str| GaugeVec::new(Opts::new(name, help_of(name)), &["feed"]);
        let mut handles = Handles {
            counters: Vec::new(),
            counter_vecs: Vec::new(),
            gauges: Vec::new(),
            gauge_vecs: Vec::new(),
            feed_lag: float(FEED_LAG)?,
            feed_silence: float(FEED_SILENCE)?,
            uptime: Gauge::new(UPTIME, help_of(UPTIME))?,
        };
        let mut ages = None;
        for def in &ALL {
            let opts = Opts::new(def.name, def.help);
            match (def.kind, def.name, def.labels) {
                (_, FEED_LAG, _) => registry.register(Box::new(handles.feed_lag.clone()))?,
                (_, FEED_SILENCE, _) => registry.register(Box::new(handles.feed_silence.clone()))?,
                (_, UPTIME, _) => registry.register(Box::new(handles.uptime.clone()))?,
                (Kind::Histogram, ..) => {
                    let collector = AgeCollector::new(def)?;
                    registry.register(Box::new(collector.clone()))?;
                    ages = Some(collector);
                }
                (Kind::Counter, name, []) => {
                    let counter = IntCounter::with_opts(opts)?;
                    registry.register(Box::new(counter.clone()))?;
                    handles.counters.push((name, counter));
                }
                (Kind::Counter, name, labels) => {
                    let counters = IntCounterVec::new(opts, labels)?;
                    registry.register(Box::new(counters.clone()))?;
                    handles.counter_vecs.push((name, counters));
                }
                (Kind::Gauge, name, []) => {
                    let gauge = IntGauge::with_opts(opts)?;
                    registry.register(Box::new(gauge.clone()))?;
                    handles.gauges.push((name, gauge));
                }
                (Kind::Gauge, name, labels) => {
                    let gauges = IntGaugeVec::new(opts, labels)?;
                    registry.register(Box::new(gauges.clone()))?;
                    handles.gauge_vecs.push((name, gauges));
                }
            }
        }
        let ages =
            ages.ok_or_else(|| prometheus::Error::Msg("the table has no histogram of ages".to_owned()))?;
        Ok(Metrics { registry, handles: Mutex::new(handles), ages })
    }

    /// The text of one scrape.
    pub fn text(&self, report: &Report, levels: &Levels<'_>) -> Vec<u8> {
        let handles = self.handles.lock().unwrap_or_else(PoisonError::into_inner);
        handles.set_accounts(report);
        handles.set_sessions(report, levels);
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
        find(&self.gauges, "tickcast_updates_residual").set(residual);
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
        self.level("tickcast_shards", levels.shards as u64);
        self.level("tickcast_topics", levels.topics as u64);
        self.level("tickcast_topics_stale", levels.topics_stale as u64);
        self.level("tickcast_draining", u64::from(levels.draining));
        self.uptime.set(levels.uptime_seconds);
        self.level_of("tickcast_build_info", env!("CARGO_PKG_VERSION"), 1);
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
            let running = *feed.condition() == crate::intake::Condition::Running;
            self.level_of("tickcast_feed_up", name, u64::from(running));
            self.feed_lag.with_label_values(&[name]).set(feed.lag().as_secs_f64());
            if let Some(last) = feed.last() {
                self.feed_silence.with_label_values(&[name]).set(levels.now.since(last) as f64 / 1e9);
            }
        }
    }

    fn total(&self, name: &str, total: u64) {
        let counter = find(&self.counters, name);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    fn total_of(&self, name: &str, labels: &[&str], total: u64) {
        let counter = find(&self.counter_vecs, name).with_label_values(labels);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    fn level(&self, name: &str, level: u64) {
        find(&self.gauges, name).set(i64::try_from(level).unwrap_or(i64::MAX));
    }

    fn level_of(&self, name: &str, label: &str, level: u64) {
        find(&self.gauge_vecs, name)
            .with_label_values(&[label])
            .set(i64::try_from(level).unwrap_or(i64::MAX));
    }
}

/// Only names of the table are looked up, and a test scrapes every one of them.
fn find<'a, T>(handles: &'a [(&'static str, T)], name: &str) -> &'a T {
    let found = handles.iter().find(|(known, _)| *known == name);
    &found.unwrap_or_else(|| panic!("{name} is not in the table of metrics")).1
}

fn help_of(name: &str) -> &'static str {
    ALL.iter().find(|def| def.name == name).map_or("", |def| def.help)
}

/// The histogram of ages, counted in the shards and only shown here.
#[derive(Clone)]
struct AgeCollector {
    desc: Desc,
    ages: std::sync::Arc<Mutex<Ages>>,
}

impl AgeCollector {
    fn new(def: &Def) -> Result<Self, prometheus::Error> {
        let desc = Desc::new(
            def.name.to_owned(),
            def.help.to_owned(),
            Vec::new(),
            std::collections::HashMap::new(),
        )?;
        Ok(AgeCollector { desc, ages: std::sync::Arc::default() })
    }

    fn set(&self, ages: &Ages) {
        *self.ages.lock().unwrap_or_else(PoisonError::into_inner) = ages.clone();
    }
}

impl Collector for AgeCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let ages = self.ages.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut cumulative = 0;
        let buckets = AGE_BOUNDS.iter().zip(ages.buckets).map(|(&bound, count)| {
            cumulative += count;
            let mut bucket = Bucket::default();
            bucket.set_upper_bound(bound);
            bucket.set_cumulative_count(cumulative);
            bucket
        });
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets.collect());
        histogram.set_sample_count(ages.buckets.iter().sum());
        histogram.set_sample_sum(ages.sum_nanos as f64 / 1e9);
        let mut metric = Metric::default();
        metric.set_histogram(histogram);
        let mut family = MetricFamily::default();
        family.set_name(self.desc.fq_name.clone());
        family.set_help(self.desc.help.clone());
        family.set_field_type(MetricType::HISTOGRAM);
        family.set_metric(vec![metric]);
        vec![family]
    }
}
