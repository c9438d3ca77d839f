//! [`DelayedMarket`]: the market as it was one delay ago, for clients that may not read a symbol in real time.
//!
//! It receives the same batches as a shard does, through a queue of its own that ingest never waits for. Each product
//! has one delay line, shared by all clients. Records that become due go to the shards as batches of the delayed plane.
//!
//! Loss: ticks are conflated to a time grid ([`DelayLine`]). When batches were dropped from its queue, it reads the
//! records from the market, and the ticks in between are conflated. The seqs show how many in each case.
//!
//! Invariants: a tick is shown once the market's clock reaches its receive time plus the delay, never earlier; each
//! shown record is the market's record as of its seq, without cancels, corrections and trade reports. Both hold while
//! delays change ([`DelayedMarket::change`]): the delay in force decides.

mod change;
mod line;
mod packed;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;

use self::line::{DelayLine, DueSlot, HeldTopic, ShownTopic};
use super::{
    batch::{Batch, NewTopic, Plane, Stamped, ToldState, TopicId, Touched},
    batch_queue::BatchQueue,
    record::Record,
    store::Image,
};
use crate::{
    access::Products,
    planted::{Fault, is_planted},
    tick::{Nanos, State, Symbol},
};

/// All delayed data: what is shown and what still waits.
pub struct DelayedMarket {
    queue: Arc<BatchQueue<Batch>>,
    wake: Box<dyn Fn() + Send + Sync>,
    rules: ArcSwap<DelayRules>,
    /// Records that wait. The lock is held during [`Self::turn`], and for a metrics scrape.
    lines: Mutex<Lines>,
    /// Records that may be shown now. The lock is held for bounded copies.
    shown: Mutex<Vec<ShownTopic>>,
}

/// Which product, and so which delay, each symbol has. Replaced whole, never changed in place.
#[derive(Clone, Debug)]
pub struct DelayRules {
    /// Version number, which rises with each change. A batch carries the version under which it became due.
    pub number: u32,
    pub products: Arc<Products>,
}

#[derive(Default)]
struct Lines {
    /// One line for each product, at the index that [`Products::place`] gives.
    all: Vec<DelayLine>,
    /// Indexed by [`TopicId`].
    topics: Vec<HeldTopic>,
    batches: Vec<Arc<Batch>>,
    released: u64,
    missed: u64,
    /// Some feed has reported a state, so a new topic may already have one.
    has_told: bool,
}

/// The size of one delay line, for metrics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitingRecords {
    pub delay: Duration,
    pub records: usize,
    pub bytes: usize,
}

/// Counts of the delayed market, for metrics.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DelayedReport {
    pub waiting: Vec<WaitingRecords>,
    /// Records that became due and were released.
    pub released: u64,
    /// How often batches were dropped from the queue.
    pub missed: u64,
}

/// Reads the current records of the market, after batches were dropped.
pub trait CurrentMarket {
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic>;
    fn image(&self, topic: TopicId) -> Image;
    fn id_of(&self, symbol: &Symbol) -> Option<TopicId>;
}

/// Capacity of the input queue, in ticks.
const QUEUE_TICKS: usize = 256 * 1024;
/// Topics per released batch: a shard applies a batch in one go.
const TOPICS_A_BATCH: usize = 256;
/// How early the fault that tests inject shows a record.
const EARLY_NANOS: i64 = 5_000_000;
/// Topics listed under one hold of the market's lock.
const LISTED_AT_ONCE: usize = 1_024;

impl DelayedMarket {
    /// `wake` is called when the queue has a batch for [`Self::turn`].
    pub fn new(products: Arc<Products>, grid: Duration, wake: Box<dyn Fn() + Send + Sync>) -> Self {
        let lines = products.all().map(|product| DelayLine::new(product.delay, grid)).collect();
        let lines = Lines { all: lines, ..Lines::default() };
        DelayedMarket {
            queue: Arc::new(BatchQueue::new(QUEUE_TICKS)),
            wake,
            rules: ArcSwap::from_pointee(DelayRules { number: 0, products }),
            lines: Mutex::new(lines),
            shown: Mutex::default(),
        }
    }

    /// The delay rules in force.
    pub fn rules(&self) -> Arc<DelayRules> {
        self.rules.load_full()
    }

    pub fn products(&self) -> Arc<Products> {
        Arc::clone(&self.rules.load().products)
    }

    /// Whether the rules have another version than `number`. Costs one atomic load.
    pub fn has_changed(&self, number: u32) -> bool {
        self.rules.load().number != number
    }

    /// Queues a batch of the market. Called under the market's lock; never waits.
    pub fn push(&self, batch: &Arc<Batch>) {
        if self.queue.push(batch, batch.taken) {
            (self.wake)();
        }
    }

    /// Takes in queued batches and releases due records through `out`; returns when the next record is due. `now` is
    /// the market's clock.
    pub fn turn(&self, now: Nanos, market: &impl CurrentMarket, mut out: impl FnMut(Batch)) -> Option<Nanos> {
        self.turn_lines(&mut self.lock_lines(), now, market, &mut out)
    }

    fn turn_lines(
        &self,
        lines: &mut Lines,
        now: Nanos,
        market: &impl CurrentMarket,
        out: &mut impl FnMut(Batch),
    ) -> Option<Nanos> {
        let DelayRules { number, products } = &*self.rules();
        let mut batches = std::mem::take(&mut lines.batches);
        if self.queue.take(&mut batches).missed {
            lines.missed += 1;
            lines.catch_up(now, market, products);
        }
        for batch in batches.drain(..) {
            lines.list(now, &batch.new_topics, market, products);
            lines.take(now, &batch, products);
        }
        lines.batches = batches;
        let early = if is_planted(Fault::ShowsEarly) { EARLY_NANOS } else { 0 };
        for at in 0..lines.all.len() {
            let Lines { all, topics, released, .. } = lines;
            while let Some(mut slot) = all[at].take_due(Nanos(now.0.saturating_add(early)), topics) {
                *released += self.release(*number, &mut slot, topics, market, out);
            }
        }
        lines.all.iter().filter_map(DelayLine::due).min()
    }

    /// Releases the records of a due slot, a bounded number of topics at a time.
    fn release(
        &self,
        number: u32,
        slot: &mut DueSlot,
        held: &[HeldTopic],
        market: &impl CurrentMarket,
        out: &mut impl FnMut(Batch),
    ) -> u64 {
        let mut released = 0;
        let told_ids: Vec<_> = slot.told().iter().map(|(symbol, _)| market.id_of(symbol)).collect();
        loop {
            // The batch goes out under the lock: a shard that reads a record first never receives an older batch
            // afterwards.
            let mut shown = self.lock_shown();
            let mut batch = Batch { plane: Plane::Delayed, rule: number, ..Batch::default() };
            while batch.touched.len() < TOPICS_A_BATCH
                && let Some(topic) = slot.next(&mut shown, held)
            {
                let record = shown[topic.0 as usize].record.clone();
                batch.touched.push(Touched { topic, record });
            }
            let is_last = batch.touched.len() < TOPICS_A_BATCH;
            if is_last {
                for &topic in slot.closed() {
                    if let Some(shown) = shown.get_mut(topic.0 as usize) {
                        shown.closed = true;
                    }
                    batch.states.push((topic, State::Closed));
                }
                for ((symbol, told), id) in slot.told().iter().zip(&told_ids) {
                    if let Some(id) = id {
                        let index = id.0 as usize;
                        if index >= shown.len() {
                            shown.resize_with(index + 1, ShownTopic::default);
                        }
                        shown[index].told = Some(told.clone());
                    }
                    batch.told.push((symbol.clone(), told.clone()));
                }
            }
            batch.taken = batch.touched.len();
            released += batch.touched.len() as u64;
            if !batch.is_empty() {
                out(batch);
            }
            if is_last {
                return released;
            }
        }
    }

    /// The delayed record of a topic; empty while nothing is due yet.
    pub fn image(&self, topic: TopicId) -> Image {
        let shown = self.lock_shown();
        shown.get(topic.0 as usize).map_or_else(Image::default, |ShownTopic { record, closed, told }| Image {
            record: record.clone(),
            closed: *closed,
            told: told.clone(),
        })
    }

    pub fn report(&self) -> DelayedReport {
        let lines = self.lock_lines();
        let mut by_delay = BTreeMap::<Duration, (usize, usize)>::new();
        for line in &lines.all {
            let (bytes, records) = line.waiting();
            let sum = by_delay.entry(line.delay).or_default();
            *sum = (sum.0 + bytes, sum.1 + records);
        }
        let waiting =
            by_delay.into_iter().map(|(delay, (bytes, records))| WaitingRecords { delay, records, bytes });
        DelayedReport { waiting: waiting.collect(), released: lines.released, missed: lines.missed }
    }

    fn lock_lines(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_shown(&self) -> MutexGuard<'_, Vec<ShownTopic>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lines {
    /// Lists new topics, each on the line of its product. Tolerates topics that are missing before them or known
    /// already.
    fn list(
        &mut self,
        now: Nanos,
        new_topics: &[NewTopic],
        market: &impl CurrentMarket,
        products: &Products,
    ) {
        for new in new_topics {
            if new.topic.0 as usize > self.topics.len() {
                self.list_all(market, products);
            }
            if new.topic.0 as usize == self.topics.len() {
                self.add(&new.symbol, products);
                // A feed may have reported its state before its first tick.
                if self.has_told
                    && let Some(told) = market.image(new.topic).told
                {
                    self.tell(now, &new.symbol, &told, products);
                }
            }
        }
    }

    fn list_all(&mut self, market: &impl CurrentMarket, products: &Products) {
        loop {
            let from = TopicId(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
            let new_topics = market.new_topics(from, LISTED_AT_ONCE);
            if new_topics.is_empty() {
                return;
            }
            for new in &new_topics {
                self.add(&new.symbol, products);
            }
        }
    }

    fn add(&mut self, symbol: &Symbol, products: &Products) {
        self.topics.push(HeldTopic::new(products.place(symbol)));
    }

    /// Recovers from dropped batches by reading the current records.
    fn catch_up(&mut self, now: Nanos, market: &impl CurrentMarket, products: &Products) {
        self.list_all(market, products);
        for index in 0..self.topics.len() {
            let id = TopicId(u32::try_from(index).unwrap_or(u32::MAX));
            let Image { record, closed, told } = market.image(id);
            self.note(id, record.seq, record.rx, |held| held.clone_from(&record));
            if closed {
                self.end_topic(now, id);
            }
            if let (Some(told), Some(symbol)) =
                (told, market.new_topics(id, 1).first().map(|new| &new.symbol))
            {
                self.tell(now, symbol, &told, products);
            }
        }
    }

    fn take(&mut self, now: Nanos, batch: &Batch, products: &Products) {
        if batch.has_ticks() {
            for tick in &batch.ticks {
                self.note(tick.topic, tick.seq, tick.rx, |held| Stamped::advance(tick, held));
            }
        } else {
            for Touched { topic, record } in &batch.touched {
                self.note(*topic, record.seq, record.rx, |held| held.clone_from(record));
            }
        }
        for &(topic, state) in &batch.states {
            if state == State::Closed {
                self.end_topic(now, topic);
            }
        }
        for (symbol, told) in &batch.told {
            self.tell(now, symbol, told, products);
        }
    }

    /// Takes in a state that a feed reported for a symbol, with or without a tick.
    fn tell(&mut self, now: Nanos, symbol: &Symbol, told: &ToldState, products: &Products) {
        self.has_told = true;
        let line = &mut self.all[products.place(symbol)];
        line.open(now, &mut self.topics);
        line.tell(symbol, told);
    }

    fn note(&mut self, id: TopicId, seq: u64, rx: Nanos, take: impl FnOnce(&mut Record)) {
        let index = id.0 as usize;
        let Some(topic) = self.topics.get(index) else { return };
        if seq <= topic.record.seq {
            return;
        }
        let line = topic.line;
        self.all[line].open(rx, &mut self.topics);
        let topic = &mut self.topics[index];
        take(&mut topic.record);
        topic.record.corrected_at = 0;
        topic.record.fields.set_report(None);
        self.all[line].touch(id, topic);
    }

    /// Takes in the end of a topic's feed.
    fn end_topic(&mut self, now: Nanos, id: TopicId) {
        let Some(line) = self.topics.get(id.0 as usize).map(|topic| topic.line) else { return };
        self.all[line].open(now, &mut self.topics);
        self.all[line].end_topic(id);
    }
}
