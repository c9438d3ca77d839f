//! A collector for the age histogram: shards count in plain integers, which it only exposes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus::{
    Registry,
    core::{Collector, Desc},
    proto::{Bucket, Histogram, Metric, MetricFamily, MetricType},
};

use super::handles::{Definition, Handle, MetricKind, registered};
use crate::session::stats::{AGE_BOUNDS, Ages};

/// The values of the last scrape.
#[derive(Clone)]
pub struct AgeHistogram {
    desc: Desc,
    ages: Arc<Mutex<Ages>>,
}

impl AgeHistogram {
    pub fn set(&self, ages: &Ages) {
        *self.ages.lock().unwrap_or_else(PoisonError::into_inner) = ages.clone();
    }
}

impl Handle for AgeHistogram {
    const KIND: MetricKind = MetricKind::Histogram;
    const LABELS: usize = 0;

    fn register(registry: &Registry, definition: &Definition) -> Result<Self, prometheus::Error> {
        let (name, help) = (definition.name.to_owned(), definition.help.to_owned());
        let desc = Desc::new(name, help, Vec::new(), HashMap::new())?;
        registered(registry, AgeHistogram { desc, ages: Arc::default() })
    }
}

impl Collector for AgeHistogram {
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
