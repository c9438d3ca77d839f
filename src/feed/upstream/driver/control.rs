//! The symbols of a running feed, which a reload changes without a reconnect.
//!
//! The one that reloads writes, the feed's thread reads. Invariant: of symbols that stay nothing changes.

use std::{collections::HashSet, sync::Arc};

use arc_swap::ArcSwap;
use compact_str::CompactString;
use tokio::sync::Notify;

use crate::{feed::upstream::config::UpstreamConfig, tick::Symbol};

/// The handle of a running feed.
#[derive(Debug)]
pub struct UpstreamControl {
    wanted: ArcSwap<Wanted>,
    changed: Notify,
}

/// What is wanted of the venue now.
#[derive(Debug)]
struct Wanted {
    config: UpstreamConfig,
    /// Its symbols as clients know them; none that stands for all.
    names: HashSet<Symbol>,
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
        UpstreamControl { wanted: ArcSwap::from_pointee(Wanted::of(config)), changed: Notify::new() }
    }

    /// Whether a configuration differs in its named symbols alone.
    pub fn may_become(&self, new: &UpstreamConfig) -> bool {
        let old = &self.wanted.load().config;
        let are_named = |config: &UpstreamConfig| !config.symbols.iter().any(|symbol| symbol.contains('*'));
        old.is_same_but_symbols(new) && are_named(old) && are_named(new)
    }

    /// Takes the symbols over. The caller has asked whether it may.
    pub fn take(&self, new: &UpstreamConfig) -> SymbolsChange {
        let old = self.wanted.swap(Arc::new(Wanted::of(new.clone())));
        self.changed.notify_one();
        SymbolsChange::between(&old.config.symbols, &new.symbols)
    }

    /// The symbols as they are wanted now.
    pub fn symbols(&self) -> Vec<CompactString> {
        self.wanted.load().config.symbols.clone()
    }

    /// Whether the symbol, as clients know it, is wanted by its name.
    pub fn names(&self, symbol: &Symbol) -> bool {
        self.wanted.load().names.contains(symbol)
    }

    /// Waits for a change.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

// === impl Wanted ===

impl Wanted {
    fn of(config: UpstreamConfig) -> Self {
        let names = config.symbols.iter().filter(|symbol| !symbol.contains('*'));
        let names = names.filter_map(|symbol| Symbol::new(&format!("{}{symbol}", config.prefix)).ok());
        Wanted { names: names.collect(), config }
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
