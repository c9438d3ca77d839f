//! Handles into the registry: one type per kind of metric, through which a scrape sets it.
//!
//! Shards count in plain integers, and a scrape sets totals; since a counter of the registry can only be increased, the
//! difference is added. Invariant: labels are given in the order and number that the table declares.

use prometheus::{
    Error, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, core::Collector,
};

/// The declaration of one metric.
pub struct Definition {
    pub name: &'static str,
    pub kind: MetricKind,
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    Counter,
    Gauge,
    Histogram,
}

/// What every handle supports.
pub trait Handle: Sized {
    const KIND: MetricKind;
    const LABELS: usize;

    /// Creates and registers the metric.
    ///
    /// # Errors
    /// When a metric of this name exists already.
    fn register(registry: &Registry, definition: &Definition) -> Result<Self, Error>;
}

/// A counter.
pub struct Total(IntCounter);

/// A counter for each value of its labels.
pub struct TotalBy<const LABELS: usize>(IntCounterVec);

/// A gauge of a whole number.
pub struct CountGauge(IntGauge);

pub struct CountGaugeBy<const LABELS: usize>(IntGaugeVec);

/// A gauge of a time.
pub struct Seconds(Gauge);

pub struct SecondsBy<const LABELS: usize>(GaugeVec);

/// Registers a collector and returns it.
pub fn registered<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

fn raise(counter: &IntCounter, total: u64) {
    counter.inc_by(total.saturating_sub(counter.get()));
}

// === impl Definition ===

impl Definition {
    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }
}

// === impl of the handles ===

impl Total {
    pub fn set(&self, total: u64) {
        raise(&self.0, total);
    }
}

impl<const LABELS: usize> TotalBy<LABELS> {
    pub fn set(&self, labels: [&str; LABELS], total: u64) {
        raise(&self.0.with_label_values(&labels), total);
    }
}

impl CountGauge {
    pub fn set(&self, count: u64) {
        self.0.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    pub fn set_signed(&self, count: i128) {
        self.0.set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

impl<const LABELS: usize> CountGaugeBy<LABELS> {
    pub fn set(&self, labels: [&str; LABELS], count: u64) {
        self.0.with_label_values(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

impl Seconds {
    pub fn set(&self, seconds: f64) {
        self.0.set(seconds);
    }
}

impl<const LABELS: usize> SecondsBy<LABELS> {
    pub fn set(&self, labels: [&str; LABELS], seconds: f64) {
        self.0.with_label_values(&labels).set(seconds);
    }
}

macro_rules! handle {
    ($handle:ident of $metric:ident, $kind:ident) => {
        impl Handle for $handle {
            const KIND: MetricKind = MetricKind::$kind;
            const LABELS: usize = 0;

            fn register(registry: &Registry, definition: &Definition) -> Result<Self, Error> {
                registered(registry, $metric::with_opts(definition.opts())?).map($handle)
            }
        }
    };
    ($handle:ident by labels of $metric:ident, $kind:ident) => {
        impl<const N: usize> Handle for $handle<N> {
            const KIND: MetricKind = MetricKind::$kind;
            const LABELS: usize = N;

            fn register(registry: &Registry, definition: &Definition) -> Result<Self, Error> {
                registered(registry, $metric::new(definition.opts(), definition.labels)?).map($handle)
            }
        }
    };
}

handle!(Total of IntCounter, Counter);
handle!(TotalBy by labels of IntCounterVec, Counter);
handle!(CountGauge of IntGauge, Gauge);
handle!(CountGaugeBy by labels of IntGaugeVec, Gauge);
handle!(Seconds of Gauge, Gauge);
handle!(SecondsBy by labels of GaugeVec, Gauge);
