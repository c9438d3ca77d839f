//! The acknowledgement of published ticks.

use serde::{Serialize, Serializer};

use super::Id;
use crate::{publish::Outcome, tick::Symbol};

/// The acknowledgement of published ticks.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Published<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
    /// Number of the acknowledged message; for a query, of the publisher's last message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    pub accepted: usize,
    #[serde(skip_serializing_if = "Seqs::is_empty")]
    pub seqs: Seqs<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    pub seqs_not_shown: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RejectedTick<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub rejected_not_shown: u64,
}

/// The last seq of each symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seqs<'a>(pub &'a [(Symbol, u64)]);

/// A tick that was rejected.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct RejectedTick<'a> {
    pub index: u64,
    pub code: &'static str,
    pub message: &'a str,
}

impl<'a> Published<'a> {
    pub fn of(id: Option<Id>, number: Option<u64>, outcome: &'a Outcome) -> Self {
        let rejected = outcome.rejected.iter().map(|rejected| RejectedTick {
            index: rejected.at,
            code: rejected.reason.label(),
            message: &rejected.message,
        });
        Published {
            id,
            number,
            accepted: outcome.accepted,
            seqs: Seqs(&outcome.seqs),
            seqs_not_shown: outcome.seqs_hidden,
            rejected: rejected.collect(),
            rejected_not_shown: outcome.rejected_hidden(),
        }
    }
}

impl Seqs<'_> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for Seqs<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(symbol, seq)| (symbol.as_str(), seq)))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}
