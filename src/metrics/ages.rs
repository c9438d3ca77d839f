//! The histogram of ages as a collector: counted in the shards' plain integers, and only shown here.

use std::sync::{Mutex, PoisonError};

use prometheus::{
    core::{Collector, Desc},
    proto::{Bucket, Histogram, Metric, MetricFamily, MetricType},
};

use super::Def;
use crate::session::stats::{AGE_BOUNDS, Ages};

/// What the last scrape set.
#[derive(Clone)]
pub struct AgeCollector {
    desc: Desc,
    ages: std::sync::Arc<Mutex<Ages>>,
}

impl AgeCollector {
    pub fn new(def: &Def) -> Result<Self, prometheus::Error> {
        let desc = Desc::new(
            def.name.to_owned(),
            def.help.to_owned(),
            Vec::new(),
            std::collections::HashMap::new(),
        )?;
        Ok(AgeCollector { desc, ages: std::sync::Arc::default() })
    }

    pub fn set(&self, ages: &Ages) {
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
