//! The market as it was some time ago, for whoever may read a symbol only delayed.
//!
//! It is fed with the batches that shards are sent, by a queue of its own that ingest never waits for. For each product there
//! is one line, shared by everyone. What is due goes to the shards, as batches of the delayed plane.
//!
//! Loss first: what waits is merged to a grid ([`DelayLine`]). When batches were lost on their way here, the
//! records are read from the market, and the ticks in between are merged into them. Seqs say how many in each case.
//!
//! Invariants: a tick is shown when the market's clock has reached its time of receipt plus the delay, never before; each
//! record that is shown is the market's as of its seq, without cancels, corrections and reports of single trades. Both hold
//! while delays change, by the delay that is in force ([`DelayedMarket::change`]).

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

/// Everything that is shown delayed, or waits for it.
pub struct DelayedMarket {
    queue: Arc<BatchQueue<Batch>>,
    wake: Box<dyn Fn() + Send + Sync>,
    rules: ArcSwap<DelayRules>,
    /// What waits. Its lock is held by whoever calls [`Self::turn`], and for a scrape.
    lines: Mutex<Lines>,
    /// What may be shown. Its lock is held for bounded copies.
    shown: Mutex<Vec<ShownTopic>>,
}

/// How symbols are shown: it is replaced whole.
#[derive(Clone, Debug)]
pub struct DelayRules {
    /// It rises with each change. Batches have that by which they became due.
    pub number: u32,
    pub products: Arc<Products>,
}

#[derive(Default)]
struct Lines {
    /// One for each product, as [`Products::place`] has it.
    all: Vec<DelayLine>,
    /// By [`TopicId`].
    topics: Vec<HeldTopic>,
    batches: Vec<Arc<Batch>>,
    released: u64,
    missed: u64,
    /// A feed has told a state, so that a new topic may have one.
    has_told: bool,
}

/// What waits for one delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WaitingRecords {
    pub delay: Duration,
    pub records: usize,
    pub bytes: usize,
}

/// What there is to report of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DelayedReport {
    pub waiting: Vec<WaitingRecords>,
    /// Records that became due.
    pub released: u64,
    /// How often batches were lost on their way here.
    pub missed: u64,
}

/// How a symbol's current state is read, where batches were lost.
pub trait CurrentMarket {
    fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic>;
    fn image(&self, topic: TopicId) -> Image;
    fn id_of(&self, symbol: &Symbol) -> Option<TopicId>;
}

/// Ticks that wait to be taken in here.
const QUEUE_TICKS: usize = 256 * 1024;
/// Topics of one batch: shards take it in at once.
const TOPICS_A_BATCH: usize = 256;
/// What a planted fault shows too early.
const EARLY_NANOS: i64 = 5_000_000;
/// Topics that are listed while the market is locked once.
const LISTED_AT_ONCE: usize = 1_024;

impl DelayedMarket {
    /// `wake` is called when [`Self::turn`] has something to take in.
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

    /// How symbols are shown now.
    pub fn rules(&self) -> Arc<DelayRules> {
        self.rules.load_full()
    }

    pub fn products(&self) -> Arc<Products> {
        Arc::clone(&self.rules.load().products)
    }

    /// Whether symbols are shown otherwise than by the rules of this number. It costs a load.
    pub fn has_changed(&self, number: u32) -> bool {
        self.rules.load().number != number
    }

    /// A batch of the market. It is queued under the market's lock, and does not wait.
    pub fn push(&self, batch: &Arc<Batch>) {
        if self.queue.push(batch, batch.taken) {
            (self.wake)();
        }
    }

    /// Takes in what the market has told, and gives out what is due; says when there is something due next. `now` is by the
    /// market's clock.
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

    /// Shows a slot that is due, some topics at a time.
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
            // A batch is given out under the lock, so that whoever reads a record first has no batch after it that is older.
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

    /// A topic as it may be shown now; an empty record before it is due.
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
    /// New topics, each with the line of its product. Some may be missing before them, or known already.
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
                // It may have been told before its first tick.
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

    /// Batches were lost: what they said is in the records.
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

    /// A feed has told a symbol's state before this is told, also of one without a tick.
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

    /// A feed has ended before this is told.
    fn end_topic(&mut self, now: Nanos, id: TopicId) {
        let Some(line) = self.topics.get(id.0 as usize).map(|topic| topic.line) else { return };
        self.all[line].open(now, &mut self.topics);
        self.all[line].end_topic(id);
    }
}
