//! Handles into the registry, made from the table: what a scrape sets them by, by name.
//!
//! Invariant: every metric of the table has one handle, of its kind; a gauge whose name ends in `_seconds` is a float.

use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::{ALL, Kind, ages::AgeCollector};

pub struct Handles {
    counters: Vec<(&'static str, IntCounter)>,
    counter_vecs: Vec<(&'static str, IntCounterVec)>,
    gauges: Vec<(&'static str, IntGauge)>,
    gauge_vecs: Vec<(&'static str, IntGaugeVec)>,
    /// Gauges in seconds, which are no integers.
    seconds: Vec<(&'static str, Gauge)>,
    seconds_vecs: Vec<(&'static str, GaugeVec)>,
}

impl Handles {
    /// Registers every metric of the table; the histogram of ages is a collector of its own.
    pub fn register(registry: &Registry) -> Result<(Self, AgeCollector), prometheus::Error> {
        let mut handles = Handles {
            counters: Vec::new(),
            counter_vecs: Vec::new(),
            gauges: Vec::new(),
            gauge_vecs: Vec::new(),
            seconds: Vec::new(),
            seconds_vecs: Vec::new(),
        };
        let mut ages = None;
        for def in &ALL {
            let opts = Opts::new(def.name, def.help);
            match (def.kind, def.name, def.labels) {
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
                (Kind::Gauge, name, []) if name.ends_with("_seconds") => {
                    let gauge = Gauge::with_opts(opts)?;
                    registry.register(Box::new(gauge.clone()))?;
                    handles.seconds.push((name, gauge));
                }
                (Kind::Gauge, name, labels) if name.ends_with("_seconds") => {
                    let gauges = GaugeVec::new(opts, labels)?;
                    registry.register(Box::new(gauges.clone()))?;
                    handles.seconds_vecs.push((name, gauges));
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
        Ok((handles, ages))
    }

    pub fn total(&self, name: &str, total: u64) {
        let counter = find(&self.counters, name);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    pub fn total_of(&self, name: &str, labels: &[&str], total: u64) {
        let counter = find(&self.counter_vecs, name).with_label_values(labels);
        counter.inc_by(total.saturating_sub(counter.get()));
    }

    pub fn level(&self, name: &str, level: u64) {
        self.gauge(name).set(i64::try_from(level).unwrap_or(i64::MAX));
    }

    pub fn level_of(&self, name: &str, label: &str, level: u64) {
        find(&self.gauge_vecs, name)
            .with_label_values(&[label])
            .set(i64::try_from(level).unwrap_or(i64::MAX));
    }

    pub fn seconds(&self, name: &str, seconds: f64) {
        find(&self.seconds, name).set(seconds);
    }

    pub fn seconds_of(&self, name: &str, label: &str, seconds: f64) {
        find(&self.seconds_vecs, name).with_label_values(&[label]).set(seconds);
    }

    pub fn gauge(&self, name: &str) -> &IntGauge {
        find(&self.gauges, name)
    }
}

/// Only names of the table are looked up, and a test scrapes every one of them.
fn find<'a, T>(handles: &'a [(&'static str, T)], name: &str) -> &'a T {
    let found = handles.iter().find(|(known, _)| *known == name);
    &found.unwrap_or_else(|| panic!("{name} is not in the table of metrics")).1
}
