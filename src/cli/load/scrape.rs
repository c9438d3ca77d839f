//! Law 5 as `/metrics` shows it: what was offered is delivered, conflated, filtered, gapped, discarded or pending.
//!
//! Not a Prometheus client: it adds up the samples of the names it knows, over all their labels, and ignores the rest.

/// What one scrape says.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ServerScrape {
    pub counts: ServerCounts,
    /// Processor time that the server has used, in seconds; `None` when it does not say.
    pub server_cpu_seconds: Option<f64>,
    /// Resident memory of the server, in bytes.
    pub server_memory_bytes: Option<u64>,
}

/// The identity's terms. All but `pending` only rise while the server lives.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, serde::Serialize)]
pub struct ServerCounts {
    pub offered: i64,
    pub delivered: i64,
    pub conflated: i64,
    pub filtered: i64,
    pub gapped: i64,
    pub discarded: i64,
    pub pending: i64,
}

/// Why a scrape says nothing about the law.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ScrapeError {
    #[error("the metrics have no {0}")]
    Missing(&'static str),
    #[error("{name} is {value}, which is not a whole number")]
    NotWhole { name: &'static str, value: String },
}

const TERMS: [&str; 7] = [
    "tickcast_updates_offered_total",
    "tickcast_updates_delivered_total",
    "tickcast_updates_conflated_total",
    "tickcast_updates_filtered_total",
    "tickcast_updates_gapped_total",
    "tickcast_updates_discarded_total",
    "tickcast_updates_pending",
];

/// A term may have no sample before its first label is used, so only these must be there.
const REQUIRED: [&str; 2] = [TERMS[0], TERMS[1]];

// === impl ServerCounts ===

impl ServerCounts {
    /// What is unaccounted for: 0, always.
    pub fn residual(&self) -> i64 {
        let ServerCounts { offered, delivered, conflated, filtered, gapped, discarded, pending } = *self;
        offered - delivered - conflated - filtered - gapped - discarded - pending
    }

    /// What has changed since `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &ServerCounts) -> ServerCounts {
        ServerCounts {
            offered: self.offered - earlier.offered,
            delivered: self.delivered - earlier.delivered,
            conflated: self.conflated - earlier.conflated,
            filtered: self.filtered - earlier.filtered,
            gapped: self.gapped - earlier.gapped,
            discarded: self.discarded - earlier.discarded,
            pending: self.pending - earlier.pending,
        }
    }
}

/// Reads the Prometheus text format.
///
/// # Errors
/// When a term of the identity is missing, or is not a whole number.
pub fn parse(text: &str) -> Result<ServerScrape, ScrapeError> {
    let mut terms = [None; TERMS.len()];
    let mut server_cpu_seconds = None;
    let mut server_memory_bytes = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, value)) = sample(line) else { continue };
        if let Some(index) = TERMS.iter().position(|term| *term == name) {
            *terms[index].get_or_insert(0) += whole(TERMS[index], value)?;
        }
        match name {
            "process_cpu_seconds_total" | "tickcast_process_cpu_seconds_total" => {
                server_cpu_seconds = value.parse().ok();
            }
            "process_resident_memory_bytes" | "tickcast_process_resident_memory_bytes" => {
                server_memory_bytes =
                    whole("resident memory", value).ok().and_then(|bytes| bytes.try_into().ok());
            }
            _ => {}
        }
    }
    if let Some(missing) = REQUIRED
        .into_iter()
        .find(|name| TERMS.iter().position(|term| term == name).is_none_or(|index| terms[index].is_none()))
    {
        return Err(ScrapeError::Missing(missing));
    }
    let [offered, delivered, conflated, filtered, gapped, discarded, pending] =
        terms.map(Option::unwrap_or_default);
    let counts = ServerCounts { offered, delivered, conflated, filtered, gapped, discarded, pending };
    Ok(ServerScrape { counts, server_cpu_seconds, server_memory_bytes })
}

/// Name and value of a line `name{labels} value [time]`.
fn sample(line: &str) -> Option<(&str, &str)> {
    let name_end = line.find(['{', ' '])?;
    // A label's value may hold anything, braces and spaces too; a sample's value and time hold neither.
    let values =
        if line[name_end..].starts_with('{') { &line[line.rfind('}')? + 1..] } else { &line[name_end..] };
    Some((&line[..name_end], values.split_whitespace().next()?))
}

/// A count. Counters are doubles in this format: whole ones are exact up to 2^53.
fn whole(name: &'static str, value: &str) -> Result<i64, ScrapeError> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2^53")]
    match value.parse::<f64>() {
        Ok(count) if count.fract() == 0.0 && count.abs() <= EXACT => Ok(count as i64),
        _ => Err(ScrapeError::NotWhole { name, value: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP tickcast_updates_offered_total a
# TYPE tickcast_updates_offered_total counter
tickcast_updates_offered_total 100
tickcast_updates_delivered_total 60
tickcast_updates_conflated_total 2e1
tickcast_updates_filtered_total 1
tickcast_updates_gapped_total{reason=\"ring\"} 10
tickcast_updates_gapped_total{reason=\"} 7 {\"} 5 1700000000
tickcast_updates_discarded_total 3
tickcast_updates_pending 1
process_cpu_seconds_total 1.5
process_resident_memory_bytes 1048576
other{a=\"b\"} NaN
";

    #[test]
    fn the_terms_are_added_up_over_their_labels() {
        let scrape = parse(TEXT).unwrap();
        let expected = ServerCounts {
            offered: 100,
            delivered: 60,
            conflated: 20,
            filtered: 1,
            gapped: 15,
            discarded: 3,
            pending: 1,
        };
        assert_eq!(scrape.counts, expected);
        assert_eq!(scrape.counts.residual(), 0);
        assert_eq!((scrape.server_cpu_seconds, scrape.server_memory_bytes), (Some(1.5), Some(1 << 20)));
    }

    #[test]
    fn a_tick_that_is_lost_or_counted_twice_shows() {
        let check = |from: &str, to: &str, residual: i64| {
            assert_eq!(parse(&TEXT.replace(from, to)).unwrap().counts.residual(), residual, "{to}");
        };
        check("offered_total 100", "offered_total 101", 1);
        check("delivered_total 60", "delivered_total 61", -1);
        check("conflated_total 2e1", "conflated_total 19", 1);
        check("filtered_total 1", "filtered_total 0", 1);
        check("\"ring\"} 10", "\"ring\"} 11", -1);
        check("discarded_total 3", "discarded_total 2", 1);
        check("pending 1", "pending 2", -1);
    }

    #[test]
    fn what_cannot_be_judged_is_said() {
        let missing = parse("process_cpu_seconds_total 1\n").unwrap_err();
        assert_eq!(missing, ScrapeError::Missing("tickcast_updates_offered_total"));
        let error = parse(&TEXT.replace("pending 1", "pending 1.5")).unwrap_err();
        assert_eq!(error.to_string(), "tickcast_updates_pending is 1.5, which is not a whole number");
    }

    #[test]
    fn differences_are_taken_term_by_term() {
        let before = parse(TEXT).unwrap().counts;
        let after = parse(&TEXT.replace("offered_total 100", "offered_total 130")).unwrap().counts;
        assert_eq!(after.since(&before), ServerCounts { offered: 30, ..ServerCounts::default() });
    }
}
