//! The symbols of a running feed, which a reload changes without a reconnect.
//!
//! The one that reloads writes, the feed's thread reads. Invariant: of symbols that stay nothing changes.

use std::{collections::HashSet, sync::Arc};

use arc_swap::ArcSwap;
use compact_str::CompactString;
use tokio::sync::Notify;

use crate::feed::upstream::config::UpstreamConfig;

/// The handle of a running feed.
#[derive(Debug)]
pub struct UpstreamControl {
    config: ArcSwap<UpstreamConfig>,
    changed: Notify,
}

/// What a reload changed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct SymbolsChange {
    pub added: Vec<CompactString>,
    pub removed: Vec<CompactString>,
}

// === impl UpstreamControl ===

impl UpstreamControl {
    pub fn new(config: UpstreamConfig) -> Self {
        UpstreamControl { config: ArcSwap::from_pointee(config), changed: Notify::new() }
    }

    /// Whether a configuration differs in its named symbols alone.
    pub fn may_become(&self, new: &UpstreamConfig) -> bool {
        let old = self.config.load();
        let are_named = |config: &UpstreamConfig| !config.symbols.iter().any(|symbol| symbol.contains('*'));
        old.is_same_but_symbols(new) && are_named(&old) && are_named(new)
    }

    /// Takes the symbols over. The caller has asked whether it may.
    pub fn take(&self, new: &UpstreamConfig) -> SymbolsChange {
        let old = self.config.swap(Arc::new(new.clone()));
        self.changed.notify_one();
        SymbolsChange::between(&old.symbols, &new.symbols)
    }

    /// The symbols as they are wanted now.
    pub fn symbols(&self) -> Vec<CompactString> {
        self.config.load().symbols.clone()
    }

    /// Waits for a change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

// === impl SymbolsChange ===

impl SymbolsChange {
    pub fn between(old: &[CompactString], new: &[CompactString]) -> Self {
        let without = |some: &[CompactString], others: &[CompactString]| {
            let others: HashSet<&CompactString> = others.iter().collect();
            some.iter().filter(|symbol| !others.contains(symbol)).cloned().collect()
        };
        SymbolsChange { added: without(new, old), removed: without(old, new) }
    }
}
