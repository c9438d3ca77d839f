//! The laws that a run can break, and how a break is reported.

use std::{collections::BTreeMap, fmt};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Law {
    /// The residual is 0.
    Conservation,
    /// Each account, and each frame's tally, is the count of the naive model.
    Accounts,
    /// Seqs rise, and `seq == previous + n` or a gap says which are missing.
    Seqs,
    /// A gap has the right first and last seq and reason, is needed, and is followed by a snapshot.
    Gaps,
    /// A session is sent only what it requested.
    Isolation,
    /// A message shows what the topic's record was.
    Truth,
    /// The first message of a subscription introduces its symbol, under the symbol's market-wide number.
    Introduces,
    /// Totals are the sums over all trades.
    Totals,
    /// The newest record, in each message of mode `latest` and when the feed is quiet.
    LatestWins,
    /// Mode `every` conflates nothing.
    EveryTick,
    /// Mode `trades` conflates no trade, and each carries the quote at that time.
    EveryTrade,
    /// No cancel or correction is conflated with later ticks, in any mode.
    EveryCorrection,
    /// Mode `every`: ticks of all symbols in order of arrival.
    IngestOrder,
    /// Never sooner than the interval.
    TooSoon,
    /// Never later than the interval and an eighth.
    TooLate,
    /// First behind, first served.
    Fairness,
    /// A session with something to send is returned as ready, and is sent it.
    Progress,
    /// Lists contain what they must, and no more.
    Memory,
    /// Answers, and notices on the control queue.
    Answers,
    /// How far a session is behind is reported correctly.
    Age,
    /// The same operations give the same messages.
    Determinism,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Broken {
    pub law: Law,
    pub what: String,
}

pub type Held = Result<(), Broken>;

/// How often each path was taken.
#[derive(Clone, Default, Debug)]
pub struct Coverage(pub BTreeMap<&'static str, u64>);

impl Coverage {
    pub fn hit(&mut self, path: &'static str) {
        *self.0.entry(path).or_default() += 1;
    }

    pub fn hit_if(&mut self, condition: bool, path: &'static str) {
        if condition {
            self.hit(path);
        }
    }

    pub fn add(&mut self, other: &Coverage) {
        for (path, hits) in &other.0 {
            *self.0.entry(path).or_default() += hits;
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.law, self.what)
    }
}

/// Returns a broken law from the function when the condition is false.
macro_rules! ensure {
    ($condition:expr, $law:ident, $($what:tt)+) => {
        if !$condition {
            return Err($crate::fanout::model::law::Broken {
                law: $crate::fanout::model::law::Law::$law,
                what: format!($($what)+),
            });
        }
    };
}
pub(super) use ensure;
