//! What one answer shows, for the accounts of use: its symbols as received, and the answer once for each product of which it
//! shows a symbol.
//!
//! Invariant: an answer that shows no symbol counts as use of no product.

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
    /// Products that were told.
    told: Vec<ProductId>,
}

impl AnsweredSymbols {
    pub fn new(node: &Arc<NodeState>, rights: &SharedRights) -> Self {
        AnsweredSymbols { node: Arc::clone(node), rights: SharedRights::clone(rights), told: Vec::new() }
    }

    /// It shows these.
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
