//! What became of published ticks: how many were taken in, which were not and why, and how far their symbols have come.
//!
//! Loss: of the ticks that were not taken in, some are described and all are counted. Of the symbols, [`SEQS_KEPT`] are
//! listed and all are counted. So an outcome that is kept for a publisher is bounded.

use std::{collections::HashMap, sync::Arc};

use crate::{
    feed::{RejectCounts, RejectReason},
    tick::Symbol,
};

/// The result of one message, or of one body.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    pub accepted: usize,
    /// The first that were not taken in, in their order.
    pub rejected: Vec<RejectedEntry>,
    pub rejected_total: u64,
    /// The last seq of each symbol after its ticks: the ticks of a symbol in one message have the seqs up to it.
    pub seqs: Vec<(Symbol, u64)>,
    /// Symbols beyond those in `seqs`.
    pub seqs_hidden: u64,
}

/// A tick that was not taken in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RejectedEntry {
    /// Its index in the message, or the number of its line in a body.
    pub at: u64,
    pub reason: RejectReason,
    /// The fault and its remedy, for a person.
    pub message: String,
}

/// Rejected ticks that are described where an outcome may be kept.
pub const REJECTED_KEPT: usize = 100;
/// Symbols whose seqs are told: as many as a message has ticks.
pub const SEQS_KEPT: usize = 1_000;

impl Outcome {
    /// Adds the ticks of a part that were refused by the market, and those that it took.
    pub fn add(&mut self, accepted: usize, seqs: Vec<(Symbol, u64)>) {
        self.accepted += accepted;
        if self.seqs.is_empty() && seqs.len() <= SEQS_KEPT {
            self.seqs = seqs;
            return;
        }
        let mut index: HashMap<Symbol, usize> =
            self.seqs.iter().enumerate().map(|(at, (symbol, _))| (symbol.clone(), at)).collect();
        for (symbol, seq) in seqs {
            match index.get(&symbol) {
                Some(&at) => self.seqs[at].1 = seq,
                None if self.seqs.len() < SEQS_KEPT => {
                    index.insert(symbol.clone(), self.seqs.len());
                    self.seqs.push((symbol, seq));
                }
                None => self.seqs_hidden += 1,
            }
        }
    }

    pub fn reject(&mut self, rejected: RejectedEntry) {
        self.rejected_total += 1;
        self.rejected.push(rejected);
    }

    /// Puts the rejected in their order, and keeps the first.
    pub fn keep_rejected(&mut self, most: usize) {
        self.rejected.sort_by_key(|rejected| rejected.at);
        self.rejected.truncate(most);
    }

    /// Rejected ticks that are counted and not described.
    pub fn rejected_hidden(&self) -> u64 {
        self.rejected_total.saturating_sub(self.rejected.len() as u64)
    }

    /// What a publisher is told whose token may publish these symbols. A retry is answered with the outcome of the first
    /// time, and another token of the same user, with less, may have sent that: it learns nothing of other symbols.
    pub fn told(self: Arc<Self>, may_publish: impl Fn(&Symbol) -> bool) -> Arc<Self> {
        if self.seqs.iter().all(|(symbol, _)| may_publish(symbol)) {
            return self;
        }
        let mut told = Outcome { rejected: Vec::new(), ..Outcome::clone(&self) };
        told.seqs.retain(|(symbol, _)| may_publish(symbol));
        Arc::new(told)
    }

    /// Takes what a decoder rejected.
    pub fn reject_counted(&mut self, described: Vec<RejectedEntry>, counts: &RejectCounts) {
        self.rejected_total += counts.total();
        self.rejected.extend(described);
    }
}
