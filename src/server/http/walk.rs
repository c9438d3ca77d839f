//! Long answers, generated piece by piece as the socket accepts them: walks over symbols and their records.
//!
//! A walk holds an index into a table, no copy: its memory is one piece. Each piece is made on demand, in a time slice
//! of the shard; a client that hangs up or does not read causes no more. Each symbol is reported as of when it is
//! written; symbols listed after the start are left out.

use std::{
    collections::HashSet,
    convert::Infallible,
    fmt::Write,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;

use super::{answered::AnsweredSymbols, bulk::BulkPermit};
use crate::{
    access::{Rights, SharedRights},
    fanout::Glob,
    planted::{Fault, is_planted},
    server::{shard::Shard, slices::Priority},
    session::node::NodeState,
    tick::{Numbers, State, Symbol, WantedFields},
    topic::{DelayRules, DelayedMarket, Image, ListedTopic, Plane},
    wire::encodings::json,
};

/// Generates a JSON array piece by piece. A piece costs bounded work.
pub trait Walk {
    /// Appends rows, each preceded by a comma; returns whether there may be more.
    fn piece(&mut self, out: &mut Vec<u8>) -> bool;
}

/// The body that a walk generates.
pub struct WalkBody {
    shard: Rc<Shard>,
    walk: Box<dyn Walk>,
    /// The time slice that the next piece waits for.
    slice: Option<Pin<Box<dyn Future<Output = ()>>>>,
    stage: ArrayStage,
    /// The text before the array, and after it.
    head: Vec<u8>,
    brackets: [u8; 2],
    tail: &'static str,
    /// The rights of its request; the body ends when they do.
    rights: SharedRights,
    _permit: BulkPermit,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ArrayStage {
    /// No row was sent yet.
    First,
    Rows,
    Ended,
}

/// All topics, in listing order.
pub struct SymbolsWalk {
    node: Arc<NodeState>,
    rights: SharedRights,
    from: usize,
    until: usize,
}

/// The records of symbols by name, then of those that globs match, each once.
pub struct RecordsWalk {
    node: Arc<NodeState>,
    named: std::vec::IntoIter<Symbol>,
    seen: HashSet<Symbol>,
    globs: Vec<Glob>,
    from: usize,
    until: usize,
    numbers: Numbers,
    rights: SharedRights,
    /// The fields that may be read.
    wanted: WantedFields,
    answered: AnsweredSymbols,
}

/// Sessions, already described.
pub struct SessionsWalk<T>(std::vec::IntoIter<T>);

/// A row has about 50 bytes.
const LISTED_A_PIECE: usize = 256;
/// A record has about 250 bytes.
const RECORDS_A_PIECE: usize = 64;
/// A session's description has about 350 bytes.
const SESSIONS_A_PIECE: usize = 32;
/// Matches of a glob against a symbol, per piece.
const MATCHES_A_PIECE: usize = 1_024;
/// Capacity for either kind of piece.
const PIECE_BYTES: usize = 16 * 1024;

// === impl WalkBody ===

impl WalkBody {
    pub fn new(shard: &Rc<Shard>, walk: Box<dyn Walk>, permit: BulkPermit) -> Self {
        let (shard, rights) = (Rc::clone(shard), Rights::everything());
        WalkBody {
            shard,
            walk,
            slice: None,
            stage: ArrayStage::First,
            head: Vec::new(),
            brackets: *b"[]",
            tail: "",
            rights,
            _permit: permit,
        }
    }

    /// Makes the array, or object by its brackets, a part of a larger object.
    pub fn between(self, head: Vec<u8>, brackets: [u8; 2], tail: &'static str) -> Self {
        WalkBody { head, brackets, tail, ..self }
    }

    /// Binds the body to rights: if they end, the array is cut off without its closing bracket.
    pub fn under(self, rights: SharedRights) -> Self {
        WalkBody { rights, ..self }
    }

    fn has_rights(&self) -> bool {
        let node = &self.shard.node;
        !self.rights.is_expired(node.clock.now()) && !node.authority.is_revoked(&self.rights)
    }

    fn piece(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PIECE_BYTES);
        let goes_on = self.walk.piece(&mut out);
        if self.stage == ArrayStage::First && (!out.is_empty() || !goes_on) {
            // Replaces the first comma.
            match out.first_mut() {
                Some(comma) => *comma = self.brackets[0],
                None => out.push(self.brackets[0]),
            }
            self.stage = ArrayStage::Rows;
            if !self.head.is_empty() {
                out.splice(..0, std::mem::take(&mut self.head));
            }
        }
        if !goes_on {
            out.push(self.brackets[1]);
            out.extend_from_slice(self.tail.as_bytes());
            self.stage = ArrayStage::Ended;
        }
        out
    }
}

impl Body for WalkBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        while this.stage != ArrayStage::Ended {
            let slice = this.slice.get_or_insert_with(|| Box::pin(this.shard.slices.slice(Priority::Common)));
            ready!(slice.as_mut().poll(context));
            this.slice = None;
            if !this.has_rights() {
                this.stage = ArrayStage::Ended;
                return Poll::Ready(None);
            }
            let piece = this.piece();
            // A piece without a match is not sent.
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece.into()))));
            }
        }
        Poll::Ready(None)
    }
}

/// The whole array at once, for arrays known to be small.
pub fn whole(mut walk: impl Walk) -> Vec<u8> {
    let mut out = Vec::new();
    while walk.piece(&mut out) {}
    match out.first_mut() {
        Some(comma) => *comma = b'[',
        None => out.push(b'['),
    }
    out.push(b']');
    out
}

// === impl SymbolsWalk ===

impl SymbolsWalk {
    /// Over the symbols that these rights allow.
    pub fn new(node: &Arc<NodeState>, rights: &SharedRights) -> Self {
        let (rights, until) = (SharedRights::clone(rights), node.ingest.topics());
        SymbolsWalk { from: 0, until, node: Arc::clone(node), rights }
    }
}

impl SymbolsWalk {
    /// The same rows from the delayed market, where it applies; a symbol whose first tick is not due is left out.
    fn late(&self, rows: &[ListedTopic], stale_nanos: u64) -> Vec<Option<ListedTopic>> {
        let Some(delayed) = self.node.ingest.delayed() else { return rows.iter().map(|_| None).collect() };
        let is_late =
            |row: &&ListedTopic| self.node.plane_of(&self.rights, &row.symbol) == Some(Plane::Delayed);
        let symbols: Vec<Symbol> = rows.iter().filter(is_late).map(|row| row.symbol.clone()).collect();
        let mut images = self.node.ingest.delayed_records(&symbols).into_iter();
        let (now, products) = (self.node.market.now(), delayed.products());
        let listed = |row: &ListedTopic| {
            let Image { record, closed, told } = images.next()??;
            let due = record.rx.plus(products.of(&row.symbol).delay);
            let state = match (closed, told) {
                (true, _) => State::Closed,
                (false, Some(told)) => told.state,
                (false, None) if now.since(due) > stale_nanos => State::Stale,
                (false, None) => State::Live,
            };
            (record.seq > 0).then(|| ListedTopic { symbol: row.symbol.clone(), seq: record.seq, state })
        };
        let mut listed = listed;
        rows.iter().map(|row| if is_late(&row) { listed(row) } else { None }).collect()
    }
}

impl Walk for SymbolsWalk {
    fn piece(&mut self, out: &mut Vec<u8>) -> bool {
        let stale_nanos = u64::try_from(self.node.limits.stale.as_nanos()).unwrap_or(u64::MAX);
        let count = LISTED_A_PIECE.min(self.until - self.from);
        let rows = self.node.ingest.listing(self.from, count, self.node.market.now(), stale_nanos);
        self.from += count;
        let mut text = String::with_capacity(PIECE_BYTES);
        let late = self.late(&rows, stale_nanos);
        let readable = rows.into_iter().zip(late).filter_map(|(row, late)| {
            match self.node.plane_of(&self.rights, &row.symbol)? {
                Plane::RealTime => Some(row),
                Plane::Delayed => late,
            }
        });
        for row in readable {
            // Neither symbols nor states have characters that JSON would escape.
            let written = write!(
                text,
                ",{{\"symbol\":\"{}\",\"seq\":{},\"state\":\"{}\"}}",
                row.symbol,
                row.seq + u64::from(is_planted(Fault::ListsAhead)),
                row.state.as_str()
            );
            debug_assert!(written.is_ok(), "a string takes every write");
        }
        out.extend_from_slice(text.as_bytes());
        self.from < self.until
    }
}

// === impl RecordsWalk ===

impl RecordsWalk {
    /// Repeated names and globs count once. Symbols and fields that may not be read are left out.
    pub fn new(
        node: &Arc<NodeState>,
        mut named: Vec<Symbol>,
        mut globs: Vec<Glob>,
        numbers: Numbers,
        rights: &SharedRights,
    ) -> Self {
        named.retain(|symbol| {
            node.plane_of(rights, symbol).is_some() || is_planted(Fault::SnapshotForgetsRights)
        });
        let mut known = HashSet::new();
        globs.retain(|glob| known.insert(glob.as_str().to_owned()));
        let until = if globs.is_empty() { 0 } else { node.ingest.topics() };
        let (named, node) = (named.into_iter(), Arc::clone(node));
        let (rights, wanted) = (SharedRights::clone(rights), rights.readable_fields(&node.fields));
        let answered = AnsweredSymbols::new(&node, &rights);
        let seen = HashSet::new();
        RecordsWalk { node, named, seen, globs, from: 0, until, numbers, rights, wanted, answered }
    }

    /// The delayed images of symbols, with the delay rules of the same moment.
    fn late(&self, symbols: &[Symbol]) -> (Option<Arc<DelayRules>>, Vec<Option<Image>>) {
        let delayed = self.node.ingest.delayed();
        loop {
            let rules = delayed.map(DelayedMarket::rules);
            let images = self.node.ingest.delayed_records(symbols);
            let has_changed =
                |rules: &Arc<DelayRules>| delayed.is_some_and(|one| one.has_changed(rules.number));
            if !rules.as_ref().is_some_and(has_changed) {
                return (rules, images);
            }
        }
    }

    /// The readable fields of a symbol, and its delay.
    fn shown_of(
        &self,
        symbol: &Symbol,
        plane: Plane,
        rules: Option<&DelayRules>,
    ) -> (WantedFields, Option<u32>) {
        match (plane, rules) {
            (Plane::Delayed, Some(rules)) => {
                let product = rules.products.of(symbol);
                let wanted = match &product.fields {
                    None => self.wanted,
                    Some(_) => product.delayed_fields(&self.node.fields).intersect(self.wanted),
                };
                (wanted, Some(product.delay_ms()))
            }
            _ => (self.wanted, None),
        }
    }

    /// The next symbols to write, none twice.
    fn symbols(&mut self) -> Vec<Symbol> {
        let named: Vec<Symbol> = self.named.by_ref().take(RECORDS_A_PIECE).collect();
        if !named.is_empty() {
            return named.into_iter().filter(|symbol| self.seen.insert(symbol.clone())).collect();
        }
        let looked_at = (MATCHES_A_PIECE / self.globs.len().max(1)).clamp(1, RECORDS_A_PIECE);
        let count = looked_at.min(self.until - self.from);
        let mut symbols = self.node.ingest.symbols(self.from, count);
        self.from += count;
        symbols.retain(|symbol| {
            !self.seen.contains(symbol)
                && self.globs.iter().any(|glob| glob.matches(symbol))
                && self.node.plane_of(&self.rights, symbol).is_some()
        });
        symbols
    }
}

impl Walk for RecordsWalk {
    fn piece(&mut self, out: &mut Vec<u8>) -> bool {
        let symbols = self.symbols();
        let planes: Vec<Plane> = symbols
            .iter()
            .map(|symbol| self.node.plane_of(&self.rights, symbol).unwrap_or_default())
            .collect();
        let of = |plane| -> Vec<Symbol> {
            let here = symbols.iter().zip(&planes).filter(|(_, at)| **at == plane);
            here.map(|(symbol, _)| symbol.clone()).collect()
        };
        let mut in_real_time = self.node.ingest.records(&of(Plane::RealTime)).into_iter();
        let (rules, late) = self.late(&of(Plane::Delayed));
        let mut late = late.into_iter();
        let mut shown = [Vec::new(), Vec::new()];
        for (symbol, plane) in symbols.iter().zip(&planes) {
            let image = match plane {
                Plane::RealTime => in_real_time.next(),
                Plane::Delayed => late.next(),
            };
            let Some(Image { record, .. }) = image.flatten().filter(|image| image.record.seq > 0) else {
                continue;
            };
            let (wanted, delay_ms) = self.shown_of(symbol, *plane, rules.as_deref());
            if !wanted.is_empty() {
                out.push(b',');
                json::write_snapshot(symbol, &record, wanted, self.numbers, delay_ms, out);
                shown[*plane as usize].push(symbol);
            }
        }
        for (symbols, delayed) in shown.iter().zip([false, true]) {
            self.answered.shows(symbols, delayed);
        }
        self.named.len() > 0 || self.from < self.until
    }
}

// === impl SessionsWalk ===

impl<T> SessionsWalk<T> {
    pub fn new(sessions: Vec<T>) -> Self {
        SessionsWalk(sessions.into_iter())
    }
}

impl<T: Serialize> Walk for SessionsWalk<T> {
    fn piece(&mut self, out: &mut Vec<u8>) -> bool {
        for session in self.0.by_ref().take(SESSIONS_A_PIECE) {
            out.push(b',');
            let written = serde_json::to_writer(&mut *out, &session);
            debug_assert!(written.is_ok(), "a vector takes every write");
        }
        self.0.len() > 0
    }
}
