//! [`Ingest`]: where feeds hand ticks to the market, and the market hands batches to the shards. It owns the one lock
//! around [`Market`]; what a tick does to a record is not decided here.
//!
//! Invariants: nothing here waits for a session (law 1). A feed takes the lock once for each batch, shards take it for
//! bounded copies. A batch is queued under the lock, so every shard sees batches in seq order.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use super::{
    batch::{Batch, Detail, FeedId, NewTopic, Stamped, ToldState, TopicId},
    batch_queue::BatchQueue,
    delayed::{CurrentMarket, DelayedMarket},
    market::Market,
    readers::Readers,
    store::{Image, ListedTopic, Store},
};
use crate::{
    access::Products,
    feed::{self, RefusedTick, SymbolState},
    limits::Limits,
    tick::{Nanos, Symbol, Tick},
};

/// A shard's batch queue, and how to wake the shard.
pub struct Outlet {
    pub queue: Arc<BatchQueue<Batch>>,
    pub wake: Box<dyn Fn() + Send + Sync>,
    pub interest: Arc<Interest>,
}

/// The detail that a shard asks for in batches. The shard may change it at any time; when a batch comes with less, the
/// shard reads the market.
#[derive(Debug, Default)]
pub struct Interest {
    ticks: AtomicBool,
    trades: AtomicBool,
}

impl Interest {
    pub fn publish(&self, wanted: Detail) {
        self.ticks.store(wanted.has_ticks(), Ordering::Relaxed);
        self.trades.store(wanted.has_trades(), Ordering::Relaxed);
    }

    fn wanted(&self) -> Detail {
        Detail::of(self.ticks.load(Ordering::Relaxed), self.trades.load(Ordering::Relaxed))
    }
}

/// All topics, shared by feeds, shards and HTTP.
pub struct Ingest {
    market: Mutex<Market>,
    outlets: Vec<Outlet>,
    /// Sources of the symbols that feeds declare before their first ticks.
    listings: Vec<Arc<dyn feed::DeclaredSymbols>>,
    /// `None` when no product is delayed.
    delayed: Option<Delayed>,
    pub readers: Arc<Readers>,
}

struct Delayed {
    market: DelayedMarket,
    /// The detail that it asks for. When a replay drives the clock, one batch may span much market time.
    detail: Detail,
}

/// Topics visited under one hold of the lock: iterating over all topics must not delay ingest.
const CHUNK: usize = 1024;
/// Topics per batch when a feed has ended: every subscriber of each is notified.
const CLOSED_AT_ONCE: usize = 256;

impl Ingest {
    pub fn new(market: Market, outlets: Vec<Outlet>) -> Self {
        let readers = Arc::new(Readers::new(outlets.len(), market.ring_ticks_max()));
        Ingest { market: Mutex::new(market), outlets, listings: Vec::new(), delayed: None, readers }
    }

    /// Adds sources of declared symbols.
    pub fn with_listings(self, listings: Vec<Arc<dyn feed::DeclaredSymbols>>) -> Self {
        Ingest { listings, ..self }
    }

    /// Adds a delayed market, and the batch detail that it asks for.
    pub fn with_delayed(self, market: Option<DelayedMarket>, detail: Detail) -> Self {
        Ingest { delayed: market.map(|market| Delayed { market, detail }), ..self }
    }

    /// The delayed market; `None` when no product is delayed.
    pub fn delayed(&self) -> Option<&DelayedMarket> {
        self.delayed.as_ref().map(|delayed| &delayed.market)
    }

    /// Sends what is due in the delayed market to the shards; returns when more becomes due. `now` is the market's
    /// clock.
    pub fn turn_delayed(&self, now: Nanos) -> Option<Nanos> {
        self.delayed()?.turn(now, self, |batch| self.hand_out(&Arc::new(batch)))
    }

    /// Switches to the delays of these products. A shard that is told so, or receives a batch under the new rules,
    /// restarts its delayed subscriptions.
    pub fn change_delays(&self, products: Arc<Products>, now: Nanos) {
        if let Some(delayed) = self.delayed() {
            delayed.change(products, now, self, |batch| self.hand_out(&Arc::new(batch)));
        }
    }

    /// Whether the symbol has had a tick, or a feed declares it. For any other symbol the server cannot tell whether it
    /// exists.
    pub fn is_known(&self, symbol: &Symbol) -> bool {
        self.listings.iter().any(|listing| listing.lists(symbol)) || self.lock().find(symbol).is_some()
    }

    /// The symbols that feeds declare, for clients that ask before the first ticks.
    pub fn declared(&self) -> Vec<Symbol> {
        self.listings.iter().flat_map(|listing| listing.declared()).collect()
    }

    /// Ingests ticks and queues the batch to every shard; leaves the vector empty. Returns the number of accepted
    /// ticks.
    pub fn submit(
        &self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: Nanos,
        refused: &mut Vec<RefusedTick>,
    ) -> usize {
        let mut market = self.lock();
        let batch = market.ingest(feed, ticks, rx, refused, self.detail());
        let taken = batch.taken;
        self.publish(batch);
        taken
    }

    /// As [`Self::submit`]; also appends each accepted symbol with its seq after these ticks.
    pub fn submit_published(
        &self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: Nanos,
        refused: &mut Vec<RefusedTick>,
        seqs: &mut Vec<(Symbol, u64)>,
    ) -> usize {
        let mut market = self.lock();
        let batch = market.ingest(feed, ticks, rx, refused, self.detail());
        let touched = batch.touched.iter();
        seqs.extend(
            touched.filter_map(|touched| Some((market.symbol(touched.topic)?.clone(), touched.record.seq))),
        );
        let taken = batch.taken;
        self.publish(batch);
        taken
    }

    /// As [`Self::submit`], with a receive time for each tick.
    pub fn submit_dated(
        &self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: &[Nanos],
        refused: &mut Vec<RefusedTick>,
    ) -> usize {
        let mut market = self.lock();
        let batch = market.ingest_dated(feed, ticks, rx, refused, self.detail());
        let taken = batch.taken;
        self.publish(batch);
        taken
    }

    fn detail(&self) -> Detail {
        let wanted = self.outlets.iter().map(|outlet| outlet.interest.wanted());
        let of_delayed = self.delayed.as_ref().map_or(Detail::Records, |delayed| delayed.detail);
        wanted.fold(of_delayed, Detail::union)
    }

    /// Closes the topics of a feed that has ended.
    pub fn close(&self, feed: FeedId) {
        // An ended feed adds no topics, so their number is stable.
        for from in (0..self.topics()).step_by(CLOSED_AT_ONCE) {
            let mut market = self.lock();
            let batch = market.close_some(feed, from, CLOSED_AT_ONCE);
            self.publish(batch);
        }
    }

    /// Takes in trading states that a feed reports. Leaves the vector empty.
    pub fn tell(&self, feed: FeedId, states: &mut Vec<SymbolState>) {
        let mut told = std::mem::take(states);
        while !told.is_empty() {
            let mut some = told.drain(..told.len().min(CLOSED_AT_ONCE)).collect();
            let mut market = self.lock();
            let batch = market.tell(feed, &mut some);
            self.publish(batch);
        }
    }

    /// Reverses [`Self::close`] when a feed sends ticks again. Subscribers learn of it with each topic's first tick.
    pub fn reopen(&self, feed: FeedId) {
        self.lock().reopen(feed);
    }

    /// How many more ticks a replay may submit before a subscription in mode `every` could miss one.
    pub fn room(&self) -> usize {
        let order = self.lock().order();
        self.readers.room(order)
    }

    /// Whether every subscription in mode `every` has been sent all ingested ticks.
    pub fn is_taken(&self) -> bool {
        let order = self.lock().order();
        self.readers.is_taken(order)
    }

    /// A feed starts or stops to follow [`Self::room`].
    pub fn watch_readers(&self, watches: bool) {
        if watches {
            self.readers.watch();
            // Wake idle shards: they have noted no progress since the last request.
            self.outlets.iter().for_each(|outlet| (outlet.wake)());
        } else {
            self.readers.unwatch();
        }
    }

    pub fn set_topics_max(&self, topics_max: usize) {
        self.lock().set_topics_max(topics_max);
    }

    pub fn set_tape_limits(&self, limits: &Limits) {
        self.lock().set_tape_limits(limits);
    }

    pub fn topics(&self) -> usize {
        self.lock().len()
    }

    /// Counts topics without a tick for longer than `stale_nanos`.
    pub fn count_stale(&self, now: Nanos, stale_nanos: u64) -> usize {
        let mut from = 0;
        let mut stale = 0;
        loop {
            let (looked_at, found) = self.lock().count_stale(from, CHUNK, now, stale_nanos);
            stale += found;
            from += looked_at;
            if looked_at < CHUNK {
                return stale;
            }
        }
    }

    /// `count` topics from index `from` on, in listing order; few enough for one hold of the lock.
    pub fn listing(&self, from: usize, count: usize, now: Nanos, stale_nanos: u64) -> Vec<ListedTopic> {
        debug_assert!(count <= CHUNK, "a bounded copy");
        let mut rows = Vec::with_capacity(count);
        self.lock().listing(from, count, now, stale_nanos, &mut rows);
        rows
    }

    /// The symbols of `count` topics from index `from` on, in listing order; few enough for one hold of the lock.
    pub fn symbols(&self, from: usize, count: usize) -> Vec<Symbol> {
        debug_assert!(count <= CHUNK, "a bounded copy");
        self.lock().symbols(from, count)
    }

    /// The records of these symbols; `None` for a symbol without a topic.
    pub fn records(&self, symbols: &[Symbol]) -> Vec<Option<Image>> {
        let chunks = symbols.chunks(CHUNK);
        let images = chunks.flat_map(|chunk| {
            let market = self.lock();
            let images = chunk.iter().map(|symbol| market.find(symbol).map(|id| market.image(id)));
            images.collect::<Vec<_>>()
        });
        images.collect()
    }

    /// As [`Self::records`], from the delayed market.
    pub fn delayed_records(&self, symbols: &[Symbol]) -> Vec<Option<Image>> {
        let Some(delayed) = self.delayed() else { return vec![None; symbols.len()] };
        let chunks = symbols.chunks(CHUNK);
        let ids = chunks.flat_map(|chunk| {
            let market = self.lock();
            chunk.iter().map(|symbol| market.find(symbol)).collect::<Vec<_>>()
        });
        ids.map(|id| id.map(|id| delayed.image(id))).collect()
    }

    /// `order` of the newest tick of all topics.
    pub fn order(&self) -> u64 {
        self.lock().order()
    }

    /// The seq that a symbol had at an `order`; `None` when the ring no longer holds that tick.
    pub fn seq_at(&self, symbol: &Symbol, order: u64) -> Option<u64> {
        self.lock().seq_at(symbol, order)
    }

    /// Must be called with the lock held, so that batches stay in order.
    fn publish(&self, batch: Batch) {
        if batch.is_empty() {
            return;
        }
        let batch = Arc::new(batch);
        if let Some(delayed) = &self.delayed {
            delayed.market.push(&batch);
        }
        self.hand_out(&batch);
    }

    fn hand_out(&self, batch: &Arc<Batch>) {
        for outlet in &self.outlets {
            if outlet.queue.push(batch, batch.taken) {
                (outlet.wake)();
            }
        }
    }

    /// A panic elsewhere cannot leave the market in a state that later ticks do not repair.
    fn lock(&self) -> MutexGuard<'_, Market> {
        self.market.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CurrentMarket for Ingest {
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        self.lock().new_topics(from, max)
    }

    fn image(&self, topic: TopicId) -> Image {
        self.lock().image(topic)
    }

    fn id_of(&self, symbol: &Symbol) -> Option<TopicId> {
        self.lock().find(symbol)
    }
}

impl Store for Ingest {
    fn image(&self, topic: TopicId) -> Image {
        self.lock().image(topic)
    }

    fn told(&self, symbol: &Symbol) -> Option<ToldState> {
        self.lock().told(symbol)
    }

    fn delayed_image(&self, topic: TopicId) -> Image {
        self.delayed().map_or_else(Image::default, |delayed| delayed.image(topic))
    }

    fn history(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64 {
        self.lock().history(topic, from, to, max, out)
    }

    fn ring(&self, topic: TopicId, to: u64, out: &mut Vec<Stamped>) {
        self.lock().ring(topic, to, out);
    }

    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        self.lock().new_topics(from, max)
    }
}
