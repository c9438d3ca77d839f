//! Why and how often something that a feed sent did not become a tick. Its position is the caller's matter.
//!
//! Invariant: a reason is a metric's label, so the reasons are this closed set, whatever a feed sends.

/// A tick that the sink did not take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedTick {
    /// Its index in the vector that was submitted.
    pub index: usize,
    pub reason: RejectReason,
    /// The fault and its remedy, for a person.
    pub message: String,
}

/// Why something that a feed sent did not become a tick: the label of `tickcast_ticks_rejected_total`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RejectReason {
    /// No JSON, or no JSON object.
    Syntax,
    /// The line exceeds the limit.
    LineTooLong,
    /// `symbol` is missing or invalid.
    Symbol,
    /// A field that ticks do not have.
    UnknownField,
    /// A value of the wrong kind, out of range, or with too many decimal places.
    Value,
    /// A tick without a single field.
    NoFields,
    /// The symbol belongs to another feed.
    Owned,
    /// The limit on topics was reached.
    TopicsFull,
    /// A cancel or correction of a trade that is not known, or was cancelled.
    UnknownTrade,
    /// The publisher's token does not have the symbol.
    NotEntitled,
}

/// How many lines were rejected, by reason.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RejectCounts([u64; RejectReason::ALL.len()]);

// === impl RejectReason ===

impl RejectReason {
    pub const ALL: [RejectReason; 10] = [
        RejectReason::Syntax,
        RejectReason::LineTooLong,
        RejectReason::Symbol,
        RejectReason::UnknownField,
        RejectReason::Value,
        RejectReason::NoFields,
        RejectReason::Owned,
        RejectReason::TopicsFull,
        RejectReason::UnknownTrade,
        RejectReason::NotEntitled,
    ];

    /// The metric label.
    pub const fn label(self) -> &'static str {
        match self {
            RejectReason::Syntax => "syntax",
            RejectReason::LineTooLong => "line_too_long",
            RejectReason::Symbol => "symbol",
            RejectReason::UnknownField => "unknown_field",
            RejectReason::Value => "value",
            RejectReason::NoFields => "no_fields",
            RejectReason::Owned => "owned",
            RejectReason::TopicsFull => "topics_full",
            RejectReason::UnknownTrade => "unknown_trade",
            RejectReason::NotEntitled => "not_entitled",
        }
    }
}

// === impl RejectCounts ===

impl RejectCounts {
    pub fn add(&mut self, reason: RejectReason) {
        self.0[reason as usize] += 1;
    }

    pub fn add_all(&mut self, other: &RejectCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(sum, count)| *sum += count);
    }

    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The reasons that occurred, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (RejectReason, u64)> {
        RejectReason::ALL.into_iter().zip(self.0).filter(|&(_, count)| count > 0)
    }
}
