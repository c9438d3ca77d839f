//! The streams of a venue: whose link each comes over, what it lacks, and what is told of its symbol.
//!
//! While a link is replaced, a stream comes over both. The old one counts until it has reached what the new one began
//! with; from there on the new one does, so that nothing is lost between the two.
//!
//! Invariants: a tick is delivered from one link alone; a symbol's state is told when it changes, and not again.

use std::{collections::HashMap, sync::Arc};

use compact_str::CompactString;
use foldhash::fast::RandomState;

use super::{
    out::{LinkId, UpstreamCounts, UpstreamOut},
    stream::{Handover, StreamFault, StreamFaultKind, StreamState},
};
use crate::{
    feed::{
        SymbolState,
        upstream::venue::{Stream, StreamKind, VenueTick},
    },
    tick::{Nanos, State, Symbol},
};

/// Every stream, by its symbol as the venue spells it.
#[derive(Default)]
pub struct StreamBook {
    symbols: HashMap<Symbol, SymbolEntry, RandomState>,
    prefix: String,
    /// Streams with ticks that wait for those before them.
    holding: Vec<(Symbol, StreamKind)>,
}

struct SymbolEntry {
    /// As clients know it.
    shown: Symbol,
    streams: [Option<StreamState>; 2],
    /// What was told last.
    told: State,
    halted: Option<SymbolHalt>,
}

/// Trading of a symbol is halted.
struct SymbolHalt {
    why: Arc<str>,
    by: HaltedBy,
}

/// Who has told of a halt.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HaltedBy {
    Link(LinkId),
    /// The venue's list of symbols.
    List,
}

/// The most symbols that a venue which sends all may bring.
const SYMBOLS_MAX: usize = 200_000;

// === impl StreamBook ===

impl StreamBook {
    pub fn new(prefix: &str) -> Self {
        StreamBook { prefix: prefix.to_owned(), ..StreamBook::default() }
    }

    pub fn add(&mut self, stream: &Stream) {
        let Ok(symbol) = Symbol::new(&stream.symbol) else { return };
        if let Some(entry) = self.entry(&symbol) {
            entry.streams[stream.kind as usize].get_or_insert_default();
        }
    }

    /// The symbol's entry, made where there is none.
    fn entry(&mut self, symbol: &Symbol) -> Option<&mut SymbolEntry> {
        if !self.symbols.contains_key(symbol) {
            let shown = match &*self.prefix {
                "" => symbol.clone(),
                prefix => Symbol::new(&format!("{prefix}{}", symbol.as_str())).ok()?,
            };
            let entry = SymbolEntry { shown, streams: [None, None], told: State::Pending, halted: None };
            self.symbols.insert(symbol.clone(), entry);
        }
        self.symbols.get_mut(symbol)
    }

    pub fn find(&mut self, stream: &Stream) -> Option<&mut StreamState> {
        let symbol = Symbol::new(&stream.symbol).ok()?;
        self.symbols.get_mut(&symbol)?.streams[stream.kind as usize].as_mut()
    }

    /// Forgets a stream, and says so of its symbol when it was the last one.
    pub fn remove(&mut self, stream: &Stream, out: &mut UpstreamOut) {
        let Ok(symbol) = Symbol::new(&stream.symbol) else { return };
        let Some(entry) = self.symbols.get_mut(&symbol) else { return };
        entry.streams[stream.kind as usize] = None;
        if entry.streams.iter().all(Option::is_none) {
            let reason = Arc::from("it is not subscribed to any more");
            out.states.push(SymbolState { symbol: entry.shown.clone(), state: State::Closed, reason });
            self.symbols.remove(&symbol);
        }
    }

    /// A symbol that the venue sends without having been asked for it by name.
    pub fn adopt(&mut self, link: LinkId, now: Nanos, tick: &VenueTick) {
        let is_full = self.symbols.len() >= SYMBOLS_MAX;
        let known = self.symbols.contains_key(&tick.tick.symbol);
        if is_full && !known {
            return;
        }
        if let Some(entry) = self.entry(&tick.tick.symbol) {
            let stream = entry.streams[tick.kind as usize].get_or_insert_default();
            if stream.owner.is_none() {
                (stream.owner, stream.asked) = (Some(link), now);
                stream.sequence.renewed();
            }
        }
    }

    /// Takes a tick of a link. `false`: the stream was not asked for.
    pub fn take(
        &mut self,
        link: LinkId,
        now: Nanos,
        tick: VenueTick,
        out: &mut UpstreamOut,
        counts: &mut UpstreamCounts,
    ) -> bool {
        let Some(entry) = self.symbols.get_mut(&tick.tick.symbol) else { return false };
        let kind = tick.kind;
        let Some(stream) = entry.streams[kind as usize].as_mut() else { return false };
        let before = out.ticks.len();
        let waited = stream.sequence.is_holding();
        let symbol = (!waited).then(|| tick.tick.symbol.clone());
        stream.offer(link, now, tick, out, counts);
        if let Some(symbol) = symbol.filter(|_| stream.sequence.is_holding()) {
            self.holding.push((symbol, kind));
        }
        entry.delivered(kind, before, now, out);
        true
    }

    /// When a tick that waits is delivered without those before it.
    pub fn due(&self) -> Option<Nanos> {
        let stream = |(symbol, kind): &(Symbol, StreamKind)| {
            self.symbols.get(symbol)?.streams[*kind as usize].as_ref()?.sequence.due()
        };
        self.holding.iter().filter_map(stream).min()
    }

    pub fn expire(&mut self, now: Nanos, out: &mut UpstreamOut, counts: &mut UpstreamCounts) {
        let symbols = &mut self.symbols;
        self.holding.retain(|(symbol, kind)| {
            let Some(entry) = symbols.get_mut(symbol) else { return false };
            let before = out.ticks.len();
            let Some(stream) = entry.streams[*kind as usize].as_mut() else { return false };
            stream.sequence.expire(now, &mut out.ticks, &mut counts.sequences);
            let waits = stream.sequence.is_holding();
            entry.delivered(*kind, before, now, out);
            waits
        });
    }

    /// This link is the only one of the stream.
    pub fn own(&mut self, stream: &Stream, link: LinkId, now: Nanos) {
        if let Some(stream) = self.find(stream) {
            (stream.owner, stream.asked, stream.handover) = (Some(link), now, None);
            stream.sequence.renewed();
            stream.rhythm.interrupted(now);
        }
    }

    /// This link brings the stream as well, and is to take it over.
    pub fn second(&mut self, stream: &Stream, link: LinkId) {
        if let Some(stream) = self.find(stream) {
            stream.handover = Some(Box::new(Handover { next: link, buffer: Vec::new() }));
        }
    }

    /// Whether the stream comes over this link alone.
    pub fn is_owned(&mut self, stream: &Stream, link: LinkId) -> bool {
        self.find(stream).is_none_or(|stream| stream.owner == Some(link) && stream.handover.is_none())
    }

    /// The second link counts from now on, whether the first has caught up or not.
    pub fn hand_over(
        &mut self,
        stream: &Stream,
        next: LinkId,
        now: Nanos,
        out: &mut UpstreamOut,
        counts: &mut UpstreamCounts,
    ) {
        let Ok(symbol) = Symbol::new(&stream.symbol) else { return };
        let Some(entry) = self.symbols.get_mut(&symbol) else { return };
        let before = out.ticks.len();
        let Some(state) = entry.streams[stream.kind as usize].as_mut() else { return };
        state.switch(now, out, counts);
        if state.owner != Some(next) {
            // It was added while both links were there.
            (state.owner, state.asked) = (Some(next), now);
            state.sequence.renewed();
        }
        if state.sequence.is_holding() {
            self.holding.push((symbol, stream.kind));
        }
        entry.delivered(stream.kind, before, now, out);
    }

    /// The second link is gone.
    pub fn give_up(&mut self, stream: &Stream) {
        if let Some(stream) = self.find(stream) {
            stream.handover = None;
        }
    }

    /// Sets what is wrong with a stream, and tells what became of its symbol.
    pub fn fail(
        &mut self,
        stream: &Stream,
        fault: StreamFault,
        out: &mut UpstreamOut,
        counts: &mut UpstreamCounts,
    ) {
        let Ok(symbol) = Symbol::new(&stream.symbol) else { return };
        let Some(entry) = self.symbols.get_mut(&symbol) else { return };
        let before = out.ticks.len();
        if let Some(state) = entry.streams[stream.kind as usize].as_mut() {
            if fault.kind == StreamFaultKind::Down {
                state.owner = None;
                state.sequence.release(&mut out.ticks, &mut counts.sequences);
            }
            state.fault = Some(fault);
        }
        entry.rename(before, out);
        entry.tell(out);
    }

    /// Every stream of a link that is gone, for venues that send what was not asked for by name.
    pub fn fail_all_of(
        &mut self,
        link: LinkId,
        fault: &StreamFault,
        out: &mut UpstreamOut,
        counts: &mut UpstreamCounts,
    ) {
        for entry in self.symbols.values_mut() {
            let before = out.ticks.len();
            for state in entry.streams.iter_mut().flatten().filter(|state| state.owner == Some(link)) {
                state.owner = None;
                state.sequence.release(&mut out.ticks, &mut counts.sequences);
                state.fault = Some(fault.clone());
            }
            entry.rename(before, out);
            entry.tell(out);
        }
    }

    /// The venue says that a symbol is well again.
    pub fn mend(&mut self, symbol: &str, out: &mut UpstreamOut) {
        let Ok(symbol) = Symbol::new(symbol) else { return };
        if let Some(entry) = self.symbols.get_mut(&symbol) {
            let mute = |fault: &mut StreamFault| fault.kind == StreamFaultKind::Mute;
            entry.streams.iter_mut().flatten().for_each(|stream| drop(stream.fault.take_if(mute)));
            entry.tell(out);
        }
    }

    /// A link says that trading of a symbol has stopped, or goes on.
    pub fn halt(&mut self, symbol: &str, link: LinkId, why: Option<&str>, out: &mut UpstreamOut) {
        let Ok(symbol) = Symbol::new(symbol) else { return };
        if let Some(entry) = self.symbols.get_mut(&symbol) {
            entry.halted = why.map(|why| SymbolHalt { why: Arc::from(why), by: HaltedBy::Link(link) });
            entry.tell(out);
        }
    }

    /// A new list says which symbols are halted. What a link has said otherwise counts more.
    pub fn listed(&mut self, halted: &[(CompactString, String)], out: &mut UpstreamOut) {
        let halted: HashMap<&str, &str> =
            halted.iter().map(|(symbol, why)| (symbol.as_str(), why.as_str())).collect();
        for (symbol, entry) in &mut self.symbols {
            match halted.get(symbol.as_str()) {
                Some(&why) if entry.halted.is_none() => {
                    entry.halted = Some(SymbolHalt { why: Arc::from(why), by: HaltedBy::List });
                }
                None => drop(entry.halted.take_if(|halt| halt.by == HaltedBy::List)),
                Some(_) => {}
            }
            entry.tell(out);
        }
    }
}

// === impl SymbolEntry ===

impl SymbolEntry {
    /// Ticks from `before` on were delivered by this stream.
    fn delivered(&mut self, kind: StreamKind, before: usize, now: Nanos, out: &mut UpstreamOut) {
        if out.ticks.len() == before {
            return;
        }
        self.rename(before, out);
        if let Some(stream) = self.streams[kind as usize].as_mut() {
            stream.rhythm.tick(now);
            // A stream that speaks is well; refused ones that speak were not refused.
            stream.fault = None;
            // That a halt is over may have been said while there was no link: a trade over another one says so too.
            if kind == StreamKind::Trades {
                self.halted
                    .take_if(|halt| stream.owner.is_some_and(|owner| halt.by != HaltedBy::Link(owner)));
            }
        }
        if self.told != State::Live {
            self.tell(out);
        }
    }

    fn rename(&self, before: usize, out: &mut UpstreamOut) {
        for tick in &mut out.ticks[before..] {
            if tick.symbol != self.shown {
                tick.symbol = self.shown.clone();
            }
        }
    }

    fn tell(&mut self, out: &mut UpstreamOut) {
        let (state, reason) = self.judged();
        if self.told != state {
            self.told = state;
            out.states.push(SymbolState { symbol: self.shown.clone(), state, reason });
        }
    }

    /// Quotes are a state, which goes stale; a trade that is missing is not. Trades alone decide where no quotes are
    /// subscribed to, and where they came and stopped coming.
    fn judged(&self) -> (State, Arc<str>) {
        if let Some(halt) = &self.halted {
            return (State::Halted, Arc::clone(&halt.why));
        }
        let [trades, quotes] = &self.streams;
        let is_stale = |stream: &&StreamState| stream.fault.is_some();
        let stopped = |stream: &&StreamState| {
            quotes.is_none()
                || (stream.rhythm.is_known()
                    && stream.fault.as_ref().is_some_and(|fault| fault.kind != StreamFaultKind::Down))
        };
        let stale = quotes.as_ref().filter(is_stale).or(trades.as_ref().filter(stopped).filter(is_stale));
        if let Some(fault) = stale.and_then(|stream| stream.fault.as_ref()) {
            return (State::Stale, Arc::clone(&fault.reason));
        }
        let is_known = self.streams.iter().flatten().any(|stream| stream.rhythm.is_known());
        (if is_known { State::Live } else { State::Pending }, Arc::from(""))
    }
}
