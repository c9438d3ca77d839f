//! The laws that a run can break, and how a break is reported.

use std::{collections::BTreeMap, fmt};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Law {
    /// The residual is 0.
    Conservation,
    /// Each account, and each frame's tally, is the count of the naive model.
    Accounts,
    /// Seqs rise, and `seq == previous + n` or a gap says what is gone.
    Seqs,
    /// A gap names its first and last seq and its reason, is needed, and a snapshot follows.
    Gaps,
    /// A session is sent only what it requested.
    Isolation,
    /// A message shows what the topic's record was.
    Truth,
    /// The first message of a subscription introduces its symbol, under the number that it has for all.
    Introduces,
    /// Totals are the sums over all trades.
    Totals,
    /// The newest record, in each message of mode `latest` and when the feed is quiet.
    LatestWins,
    /// Mode `every` merges nothing.
    EveryTick,
    /// Mode `trades` merges no trade away, and each carries the quote as it stood.
    EveryTrade,
    /// No cancel and no correction of a trade is merged with the ticks after it, whatever the mode.
    EveryCorrection,
    /// Mode `every`: across symbols in the order of their arrival.
    IngestOrder,
    /// Never sooner than the interval.
    TooSoon,
    /// Never later than the interval and an eighth.
    TooLate,
    /// First behind, first served.
    Fairness,
    /// A session with something to send is named, and is sent it.
    Progress,
    /// Lists contain what they must, and no more.
    Memory,
    /// Answers, and notices on the control queue.
    Answers,
    /// How far a session is behind is reported truly.
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

/// Ends the function with a broken law when the condition is false.
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
