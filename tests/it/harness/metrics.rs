//! A scrape of `/metrics`, and the conservation identity over it.

use std::collections::BTreeMap;

/// Samples by their text: `name` or `name{label="value"}`. All that the scenarios look at are counts.
pub struct Metrics {
    samples: BTreeMap<String, String>,
}

impl Metrics {
    pub fn parse(text: &str) -> Metrics {
        let mut samples = BTreeMap::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (key, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            assert!(value.parse::<f64>().is_ok(), "no number: {line}");
            let before = samples.insert(key.to_owned(), value.to_owned());
            assert!(before.is_none(), "the series {key} stands twice");
        }
        Metrics { samples }
    }

    /// The sum of a family of counts over its labels; 0 when it has no series yet.
    pub fn sum(&self, family: &str) -> u64 {
        self.sum_where(family, "")
    }

    /// The sum over those series of a family whose labels contain `part`.
    pub fn sum_where(&self, family: &str, part: &str) -> u64 {
        self.series(family).filter(|(labels, _)| labels.contains(part)).map(|(_, count)| count).sum()
    }

    /// The series of a family of counts: its labels' text and its value.
    pub fn series<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, u64)> {
        self.of(family).map(move |(labels, value)| {
            (labels, value.parse().unwrap_or_else(|_| panic!("{family}{labels} is a count, not {value}")))
        })
    }

    pub fn has(&self, family: &str) -> bool {
        self.of(family).next().is_some()
    }

    fn of<'a>(&'a self, family: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.samples.iter().filter_map(move |(key, value)| {
            let labels = key.strip_prefix(family)?;
            (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.as_str()))
        })
    }

    /// offered - (delivered + conflated + filtered + gapped + discarded + pending).
    pub fn residual(&self) -> i128 {
        let offered = "tickcast_updates_offered_total";
        assert!(self.has(offered), "{offered} is missing");
        let accounted: i128 = [
            "tickcast_updates_delivered_total",
            "tickcast_updates_conflated_total",
            "tickcast_updates_filtered_total",
            "tickcast_updates_gapped_total",
            "tickcast_updates_discarded_total",
            "tickcast_updates_pending",
        ]
        .iter()
        .map(|family| i128::from(self.sum(family)))
        .sum();
        i128::from(self.sum(offered)) - accounted
    }

    /// What the identity is made of, for a failure's message.
    pub fn accounts(&self) -> String {
        let accounts = self.samples.iter().filter(|(key, _)| key.starts_with("tickcast_updates_"));
        accounts.map(|(key, value)| [key, " ", value, "\n"].concat()).collect()
    }

    #[track_caller]
    pub fn check_conservation(&self) {
        assert_eq!(self.residual(), 0, "law 5: the residual is not 0:\n{}", self.accounts());
    }
}
