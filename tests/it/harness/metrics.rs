//! A scrape of `/metrics`, and the conservation identity over it.

use std::collections::BTreeMap;

/// Samples by their text: `name` or `name{label="value"}`.
pub struct Metrics {
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    pub fn parse(text: &str) -> Metrics {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
            assert!(samples.insert(key.to_owned(), value).is_none(), "the series {key} stands twice");
        }
        Metrics { samples }
    }

    /// The sum of a family over its labels; 0 when it has no series yet.
    pub fn sum(&self, family: &str) -> f64 {
        self.series(family).map(|(_, value)| value).sum()
    }

    /// The series of a family: its labels' text and its value.
    pub fn series<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        self.samples.iter().filter_map(move |(key, value)| {
            let labels = key.strip_prefix(family)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, *value))
        })
    }

    /// The sum over those series of a family whose labels contain `part`.
    pub fn sum_where(&self, family: &str, part: &str) -> f64 {
        self.series(family).filter(|(labels, _)| labels.contains(part)).map(|(_, value)| value).sum()
    }

    pub fn has(&self, family: &str) -> bool {
        self.series(family).next().is_some()
    }

    /// offered - (delivered + conflated + filtered + gapped + discarded + pending).
    pub fn residual(&self) -> f64 {
        let offered = "tickcast_updates_offered_total";
        assert!(self.has(offered), "{offered} is missing");
        let accounted: f64 = [
            "tickcast_updates_delivered_total",
            "tickcast_updates_conflated_total",
            "tickcast_updates_filtered_total",
            "tickcast_updates_gapped_total",
            "tickcast_updates_discarded_total",
            "tickcast_updates_pending",
        ]
        .iter()
        .map(|family| self.sum(family))
        .sum();
        self.sum(offered) - accounted
    }

    /// What the identity is made of, for a failure's message.
    pub fn accounts(&self) -> String {
        self.samples
            .iter()
            .filter(|(key, _)| key.starts_with("tickcast_updates_"))
            .map(|(key, value)| format!("{key} {value}\n"))
            .collect()
    }

    #[track_caller]
    pub fn check_conservation(&self) {
        assert!(self.residual() == 0.0, "law 5: the residual is {}:\n{}", self.residual(), self.accounts());
    }
}
