//! What the tasks of one feed share: the machine, and what came out of it. All of them run on the feed's thread.

use std::{cell::RefCell, collections::HashSet, time::Duration};

use compact_str::CompactString;
use tokio::sync::Notify;

use super::{control::SymbolsChange, log::UpstreamLog};
use crate::{
    clock::Clock,
    feed::{
        FeedLinks,
        upstream::{
            core::{LogLine, Upstream, UpstreamOut},
            venue::{ListedPage, Stream},
        },
    },
    tick::Nanos,
};

/// What the tasks of a feed share.
pub struct FeedTasks {
    pub upstream: RefCell<Upstream>,
    pub out: RefCell<UpstreamOut>,
    /// From the venue's time of the last tick to its receipt.
    pub lag: RefCell<Duration>,
    /// Messages as they came, where these are wanted.
    pub raw: Option<RefCell<RawMessages>>,
    /// There is something for the feed's task.
    pub ready: Notify,
    pub clock: Clock,
}

/// What a link is told.
pub enum LinkCommand {
    Change { add: Vec<Stream>, remove: Vec<Stream> },
}

/// With the time of receipt of each.
pub type RawMessages = Vec<(Nanos, Vec<u8>)>;

// === impl FeedTasks ===

impl FeedTasks {
    pub fn change(&self, change: &SymbolsChange) {
        let added: Vec<&str> = change.added.iter().map(CompactString::as_str).collect();
        let removed: Vec<&str> = change.removed.iter().map(CompactString::as_str).collect();
        let mut out = self.out.borrow_mut();
        self.upstream.borrow_mut().change_symbols(self.clock.now(), &added, &removed, &mut out);
    }

    /// The venue has listed its symbols again: those that are new come, those that it does not list any more go, and those
    /// that it lists and does not trade stay, halted.
    pub fn listed(&self, symbols: &mut Vec<CompactString>, page: ListedPage, log: &UpstreamLog) {
        let known: HashSet<&CompactString> = symbols.iter().collect();
        let halted: Vec<_> = page.halted.into_iter().filter(|(symbol, _)| known.contains(symbol)).collect();
        let mut wanted = page.symbols;
        wanted.extend(halted.iter().map(|(symbol, _)| symbol.clone()));
        let change = SymbolsChange::between(symbols, &wanted);
        if change != SymbolsChange::default() {
            let (added, removed) = (change.added.len(), change.removed.len());
            log.told(
                self.clock.now(),
                LogLine::Info(format!("the venue lists {added} symbols that are new, and {removed} no more")),
            );
            self.change(&change);
        }
        self.upstream.borrow_mut().listed(&halted, &mut self.out.borrow_mut());
        *symbols = wanted;
    }

    pub fn links(&self) -> FeedLinks {
        let upstream = self.upstream.borrow();
        let counts = upstream.counts();
        FeedLinks {
            open: counts.open,
            wanted: counts.wanted,
            why_dark: upstream.why_dark(),
            reconnects: counts.reconnects,
            messages: counts.messages,
            duplicates: counts.sequences.duplicates,
            gaps: counts.sequences.gaps,
            missing: counts.sequences.missing,
            resubscribed: counts.moved,
            lag: *self.lag.borrow(),
        }
    }
}
