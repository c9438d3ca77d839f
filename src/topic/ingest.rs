//! Where feeds meet shards: the market behind its lock, and the queues of batches behind the market.
//!
//! Law 1: nothing here waits for a session. A feed takes the lock once for each batch, shards take it for bounded
//! copies. A batch is queued under the lock, so that every shard sees batches in the order of their seqs.

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

/// Where a shard's batches go, and how it is woken.
pub struct Outlet {
    pub queue: Arc<BatchQueue<Batch>>,
    pub wake: Box<dyn Fn() + Send + Sync>,
    pub interest: Arc<Interest>,
}

/// What a shard needs of batches. The shard may change it at any time: if a batch comes with less, the shard reads the
/// market.
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
    /// The symbols that feeds declare before their first ticks.
    listings: Vec<Arc<dyn feed::DeclaredSymbols>>,
    /// `None` where nothing is shown delayed.
    delayed: Option<Delayed>,
    pub readers: Arc<Readers>,
}

struct Delayed {
    market: DelayedMarket,
    /// What it needs of batches. Where a replay drives the clock, one batch may be of much of the market's time.
    detail: Detail,
}

/// Topics visited under one hold of the lock: a walk over all topics must not delay ingest.
const CHUNK: usize = 1024;
/// Topics of an ended feed in each batch: the readers of each of them are notified.
const CLOSED_AT_ONCE: usize = 256;

impl Ingest {
    pub fn new(market: Market, outlets: Vec<Outlet>) -> Self {
        let readers = Arc::new(Readers::new(outlets.len(), market.ring_ticks_max()));
        Ingest { market: Mutex::new(market), outlets, listings: Vec::new(), delayed: None, readers }
    }

    /// Adds the symbols that feeds declare.
    pub fn with_listings(self, listings: Vec<Arc<dyn feed::DeclaredSymbols>>) -> Self {
        Ingest { listings, ..self }
    }

    /// With a market that is shown later. `detail`: what it needs of batches.
    pub fn with_delayed(self, market: Option<DelayedMarket>, detail: Detail) -> Self {
        Ingest { delayed: market.map(|market| Delayed { market, detail }), ..self }
    }

    /// What is shown later; `None` where nothing is.
    pub fn delayed(&self) -> Option<&DelayedMarket> {
        self.delayed.as_ref().map(|delayed| &delayed.market)
    }

    /// Gives to the shards what is due in the delayed market at this time of the market's clock. Says when something is
    /// due next.
    pub fn turn_delayed(&self, now: Nanos) -> Option<Nanos> {
        self.delayed()?.turn(now, self, |batch| self.hand_out(&Arc::new(batch)))
    }

    /// Shows symbols delayed by these products from now on. Shards that have been told so, or are given a batch that is
    /// due by them, let what they show begin anew.
    pub fn change_delays(&self, products: Arc<Products>, now: Nanos) {
        if let Some(delayed) = self.delayed() {
            delayed.change(products, now, self, |batch| self.hand_out(&Arc::new(batch)));
        }
    }

    /// Whether the symbol has ticked, or a feed declares it. For any other symbol it is unknown whether it exists.
    pub fn is_known(&self, symbol: &Symbol) -> bool {
        self.listings.iter().any(|listing| listing.lists(symbol)) || self.lock().find(symbol).is_some()
    }

    /// The symbols that feeds declare, for clients that ask before there are ticks.
    pub fn declared(&self) -> Vec<Symbol> {
        self.listings.iter().flat_map(|listing| listing.declared()).collect()
    }

    /// Takes ticks in and hands them on; the vector is left empty. Returns how many were taken.
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

    /// As [`Self::submit`]; appends the seq of each symbol that was taken, after these ticks.
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

    /// As [`Self::submit`], with a time of receipt for each tick.
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

    /// Marks the topics of a feed that has ended.
    pub fn close(&self, feed: FeedId) {
        // No topic is made by a feed that has ended.
        for from in (0..self.topics()).step_by(CLOSED_AT_ONCE) {
            let mut market = self.lock();
            let batch = market.close_some(feed, from, CLOSED_AT_ONCE);
            self.publish(batch);
        }
    }

    /// Takes states that a feed tells of its symbols by itself. The vector is left empty.
    pub fn tell(&self, feed: FeedId, states: &mut Vec<SymbolState>) {
        let mut told = std::mem::take(states);
        while !told.is_empty() {
            let mut some = told.drain(..told.len().min(CLOSED_AT_ONCE)).collect();
            let mut market = self.lock();
            let batch = market.tell(feed, &mut some);
            self.publish(batch);
        }
    }

    /// The feed gives ticks again after its end. Readers learn of it with the first tick of each topic.
    pub fn reopen(&self, feed: FeedId) {
        self.lock().reopen(feed);
    }

    /// How many more ticks may come before a reader in mode `every` misses one.
    pub fn room(&self) -> usize {
        let order = self.lock().order();
        self.readers.room(order)
    }

    /// Whether every reader in mode `every` was sent all ticks that were taken in.
    pub fn is_taken(&self) -> bool {
        let order = self.lock().order();
        self.readers.is_taken(order)
    }

    /// A feed starts or stops asking for [`Self::room`].
    pub fn watch_readers(&self, watches: bool) {
        if watches {
            self.readers.watch();
            // Idle shards have noted nothing since the last request.
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

    /// Topics without a tick for longer than `stale_nanos`.
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

    /// The records of these symbols; `None` where there is no such topic.
    pub fn records(&self, symbols: &[Symbol]) -> Vec<Option<Image>> {
        let chunks = symbols.chunks(CHUNK);
        let images = chunks.flat_map(|chunk| {
            let market = self.lock();
            let images = chunk.iter().map(|symbol| market.find(symbol).map(|id| market.image(id)));
            images.collect::<Vec<_>>()
        });
        images.collect()
    }

    /// As [`Self::records`], of the delayed market.
    pub fn delayed_records(&self, symbols: &[Symbol]) -> Vec<Option<Image>> {
        let Some(delayed) = self.delayed() else { return vec![None; symbols.len()] };
        let chunks = symbols.chunks(CHUNK);
        let ids = chunks.flat_map(|chunk| {
            let market = self.lock();
            chunk.iter().map(|symbol| market.find(symbol)).collect::<Vec<_>>()
        });
        ids.map(|id| id.map(|id| delayed.image(id))).collect()
    }

    /// Order of the newest tick of all topics.
    pub fn order(&self) -> u64 {
        self.lock().order()
    }

    /// The last seq that a symbol had at an order; `None` when the ring no longer holds it.
    pub fn seq_at(&self, symbol: &Symbol, order: u64) -> Option<u64> {
        self.lock().seq_at(symbol, order)
    }

    /// Called with the lock held, so that batches keep their order.
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
