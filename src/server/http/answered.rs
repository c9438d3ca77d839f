//! Reports an HTTP answer to the usage audit: its symbols as received, and one use of each product with a symbol in it.
//!
//! Invariant: an answer without symbols counts as no use.

use std::sync::Arc;

use crate::{
    access::{ProductCounts, ProductId, SharedRights},
    audit::AuditChannel,
    session::node::NodeState,
    tick::Symbol,
};

/// An answer that is being written.
pub struct AnsweredSymbols {
    node: Arc<NodeState>,
    rights: SharedRights,
    /// Products already counted.
    told: Vec<ProductId>,
}

impl AnsweredSymbols {
    pub fn new(node: &Arc<NodeState>, rights: &SharedRights) -> Self {
        AnsweredSymbols { node: Arc::clone(node), rights: SharedRights::clone(rights), told: Vec::new() }
    }

    /// Notes symbols in the answer.
    pub fn shows(&mut self, symbols: &[&Symbol], delayed: bool) {
        let Some(audit) = &self.node.audit else { return };
        let (now, who) = (self.node.clock.now(), self.rights.who());
        audit.tell_received(now, &who, AuditChannel::Rest, delayed, symbols.iter().copied());
        let mut uses = ProductCounts::default();
        for symbol in symbols {
            let product = self.node.products.id_of(symbol);
            if !self.told.contains(&product) {
                self.told.push(product);
                uses.add(product, 1);
            }
        }
        self.node.tell_used_at(now, &who, AuditChannel::Rest, &uses);
    }
}
