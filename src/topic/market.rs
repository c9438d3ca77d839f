//! [`Market`]: all topics, and the one place where a tick gets its seq.
//!
//! Pure: no lock, no clock, no I/O. [`Ingest`](super::Ingest) keeps it behind the one lock.
//!
//! Invariants: a topic's seq rises by 1 for each accepted tick, `order` by 1 over all topics; one symbol belongs to one
//! feed.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::{
    batch::{Batch, Detail, FeedId, NewTopic, Stamped, ToldState, TopicId, Touched},
    record::Record,
    ring::Ring,
    store::{Image, ListedTopic},
    tape::{self, TakeError, TapeRoom, TopicTape},
};
use crate::{
    feed::{RefusedTick, RejectReason, SymbolState},
    limits::{self, Limits},
    tick::{Nanos, State, Symbol, Tick},
};

pub struct Market {
    by_symbol: HashMap<Symbol, TopicId, RandomState>,
    topics: Vec<MarketTopic>,
    /// The number of ticks accepted, over all topics.
    order: u64,
    topics_max: usize,
    ring_ticks_max: usize,
    tape_room: TapeRoom,
    /// Names of the feeds, for the error when two feeds claim one symbol.
    feeds: Vec<String>,
    /// States that feeds reported for symbols without a tick; at most as many as topics.
    told: HashMap<Symbol, (FeedId, ToldState), RandomState>,
    /// The topics of the current batch, in the order of their first ticks; empty between batches.
    touched: Vec<TopicId>,
}

struct MarketTopic {
    symbol: Symbol,
    feed: FeedId,
    record: Record,
    ring: Ring,
    /// `None` before the first trade with a trade id.
    tape: Option<Box<TopicTape>>,
    closed: bool,
    /// The last state that the feed reported; it overrides the age of the last tick.
    told: Option<ToldState>,
}

/// Why a tick was refused: the metric label and the message.
type TickRefusal = (RejectReason, String);

impl Market {
    pub fn new(feeds: Vec<String>, topics_max: usize, ring_ticks_max: usize) -> Self {
        Market {
            by_symbol: HashMap::default(),
            topics: Vec::new(),
            order: 0,
            topics_max,
            ring_ticks_max,
            tape_room: TapeRoom::new(&limits::DEFAULT),
            feeds,
            told: HashMap::default(),
            touched: Vec::new(),
        }
    }

    /// Ingests ticks in order; `rx` is the receive time of all of them. Accepted ticks are in the batch, refused ones
    /// are described in `refused`. Leaves the vector empty.
    pub fn ingest(
        &mut self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: Nanos,
        refused: &mut Vec<RefusedTick>,
        detail: Detail,
    ) -> Batch {
        self.take_all(feed, ticks, |_| rx, refused, detail)
    }

    /// As [`Self::ingest`], with a receive time for each tick; the times ascend.
    pub fn ingest_dated(
        &mut self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: &[Nanos],
        refused: &mut Vec<RefusedTick>,
        detail: Detail,
    ) -> Batch {
        debug_assert_eq!(ticks.len(), rx.len(), "each tick has its time");
        self.take_all(feed, ticks, |index| rx.get(index).copied().unwrap_or_default(), refused, detail)
    }

    #[inline]
    fn take_all(
        &mut self,
        feed: FeedId,
        ticks: &mut Vec<Tick>,
        rx: impl Fn(usize) -> Nanos,
        refused: &mut Vec<RefusedTick>,
        detail: Detail,
    ) -> Batch {
        let mut batch = Batch { detail, ..Batch::default() };
        let (has_ticks, has_trades) = (detail.has_ticks(), detail.has_trades());
        let before = self.order;
        for (index, tick) in ticks.iter().enumerate() {
            let id = match self.place(feed, tick, &mut batch.new_topics) {
                Ok(id) => id,
                Err((reason, message)) => {
                    refused.push(RefusedTick { index, reason, message });
                    continue;
                }
            };
            match self.take(id, tick, rx(index), before) {
                Ok(record) => {
                    if has_ticks {
                        batch.ticks.push(Stamped::last_of(id, record));
                    }
                    if has_trades && record.is_tape_event() {
                        batch.tape_events.push(Touched { topic: id, record: record.clone() });
                    }
                }
                Err(fault) => {
                    let (reason, message) = (fault.reason(), fault.to_string());
                    refused.push(RefusedTick { index, reason, message });
                }
            }
        }
        ticks.clear();
        batch.taken = (self.order - before) as usize;
        batch.order = self.order;
        let topics = &self.topics;
        let touched = self.touched.drain(..);
        batch
            .touched
            .extend(touched.map(|topic| Touched { topic, record: topics[topic.0 as usize].record.clone() }));
        batch
    }

    /// Closes the topics of a feed that has ended.
    pub fn close(&mut self, feed: FeedId) -> Batch {
        self.close_some(feed, 0, usize::MAX)
    }

    /// As [`Self::close`], for `count` topics from index `from` on.
    pub fn close_some(&mut self, feed: FeedId, from: usize, count: usize) -> Batch {
        let mut batch = Batch { order: self.order, ..Batch::default() };
        for (topic, id) in self.topics.iter_mut().zip(0..).skip(from).take(count) {
            if topic.feed == feed && !topic.closed {
                topic.closed = true;
                batch.states.push((TopicId(id), State::Closed));
            }
        }
        batch
    }

    /// Takes in states that a feed reports for its symbols, also before their first ticks. Leaves the vector empty.
    pub fn tell(&mut self, feed: FeedId, states: &mut Vec<SymbolState>) -> Batch {
        let mut batch = Batch { order: self.order, ..Batch::default() };
        for SymbolState { symbol, state, reason } in states.drain(..) {
            let told = ToldState { state, reason };
            match self.by_symbol.get(&symbol).map(|id| &mut self.topics[id.0 as usize]) {
                Some(topic) if topic.feed != feed => continue,
                Some(topic) => topic.told = Some(told.clone()),
                None if self.told.len() < self.topics_max || self.told.contains_key(&symbol) => {
                    self.told.insert(symbol.clone(), (feed, told.clone()));
                }
                None => {}
            }
            batch.told.push((symbol, told));
        }
        batch
    }

    /// The state that a feed reported for a symbol without a tick.
    pub fn told(&self, symbol: &Symbol) -> Option<ToldState> {
        self.told.get(symbol).map(|(_, told)| told.clone())
    }

    /// Reverses [`Self::close`]; shards learn of it with the next ticks.
    pub fn reopen(&mut self, feed: FeedId) {
        for topic in self.topics.iter_mut().filter(|topic| topic.feed == feed) {
            topic.closed = false;
        }
    }

    /// Sets the limit of topics. Topics beyond a lower limit stay; no new ones are added.
    pub fn set_topics_max(&mut self, topics_max: usize) {
        self.topics_max = topics_max;
    }

    /// Sets how many trades with ids are kept. Those beyond a lower limit leave with the next trade.
    pub fn set_tape_limits(&mut self, limits: &Limits) {
        self.tape_room.set(limits);
    }

    #[cfg(test)]
    pub(super) fn has_tape(&self, id: TopicId) -> bool {
        self.topics[id.0 as usize].tape.is_some()
    }

    /// The number of ticks accepted over all topics, which is the `order` of the last one.
    pub fn order(&self) -> u64 {
        self.order
    }

    pub fn ring_ticks_max(&self) -> usize {
        self.ring_ticks_max
    }

    pub fn len(&self) -> usize {
        self.topics.len()
    }

    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    pub fn find(&self, symbol: &Symbol) -> Option<TopicId> {
        self.by_symbol.get(symbol).copied()
    }

    pub fn symbol(&self, id: TopicId) -> Option<&Symbol> {
        self.topics.get(id.0 as usize).map(|topic| &topic.symbol)
    }

    /// The topic's current image; an empty one for an unknown id.
    pub fn image(&self, id: TopicId) -> Image {
        self.topics.get(id.0 as usize).map_or_else(Image::default, |topic| Image {
            record: topic.record.clone(),
            closed: topic.closed,
            told: topic.told.clone(),
        })
    }

    /// As [`super::Store::history`].
    pub fn history(&self, id: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) -> u64 {
        let Some(topic) = self.topics.get(id.0 as usize) else { return 1 };
        topic.ring.read(id, from, to, max, out);
        topic.ring.oldest().unwrap_or(topic.record.seq + 1)
    }

    /// As [`super::Store::ring`].
    pub fn ring(&self, id: TopicId, to: u64, out: &mut Vec<Stamped>) {
        let ring = self.topics.get(id.0 as usize).map(|topic| &topic.ring);
        if let Some((ring, oldest)) =
            ring.and_then(|ring| Some((ring, ring.oldest()?))).filter(|&(_, oldest)| oldest <= to)
        {
            ring.read(id, oldest, to, usize::MAX, out);
        }
    }

    /// The seq that a symbol had at an `order`; `None` when the ring no longer holds that tick.
    pub fn seq_at(&self, symbol: &Symbol, order: u64) -> Option<u64> {
        let Some(topic) = self.find(symbol).and_then(|id| self.topics.get(id.0 as usize)) else {
            return Some(0);
        };
        let record = &topic.record;
        if record.seq == 0 || record.order <= order { Some(record.seq) } else { topic.ring.seq_at(order) }
    }

    /// As [`super::Store::new_topics`].
    pub fn new_topics(&self, from: TopicId, max: usize) -> Vec<NewTopic> {
        let topics = self.topics.iter().zip(0..).skip(from.0 as usize).take(max);
        topics.map(|(topic, id)| NewTopic { topic: TopicId(id), symbol: topic.symbol.clone() }).collect()
    }

    /// Counts among `count` topics from index `from` on: how many exist, and how many are stale.
    pub fn count_stale(&self, from: usize, count: usize, now: Nanos, stale_nanos: u64) -> (usize, usize) {
        let topics = self.topics.iter().skip(from).take(count);
        topics.fold((0, 0), |(all, stale), topic| {
            (all + 1, stale + usize::from(topic.state(now, stale_nanos) == State::Stale))
        })
    }

    /// Appends up to `count` topics from index `from` on.
    pub fn listing(
        &self,
        from: usize,
        count: usize,
        now: Nanos,
        stale_nanos: u64,
        out: &mut Vec<ListedTopic>,
    ) {
        let topics = self.topics.iter().skip(from).take(count);
        out.extend(topics.map(|topic| ListedTopic {
            symbol: topic.symbol.clone(),
            seq: topic.record.seq,
            state: topic.state(now, stale_nanos),
        }));
    }

    /// The symbols of up to `count` topics from index `from` on.
    pub fn symbols(&self, from: usize, count: usize) -> Vec<Symbol> {
        self.topics.iter().skip(from).take(count).map(|topic| topic.symbol.clone()).collect()
    }

    #[inline]
    fn place(
        &mut self,
        feed: FeedId,
        Tick { symbol, fields, .. }: &Tick,
        new_topics: &mut Vec<NewTopic>,
    ) -> Result<TopicId, TickRefusal> {
        if let Some(message) = fields.custom.as_ref().and_then(|custom| custom.foreign_to(symbol)) {
            return Err((RejectReason::UnknownField, message));
        }
        match self.by_symbol.get(symbol) {
            Some(&id) if self.topics[id.0 as usize].feed == feed => Ok(id),
            Some(&id) => Err(self.owned(id, feed)),
            None => self.list_topic(feed, symbol, new_topics),
        }
    }

    #[cold]
    fn owned(&self, id: TopicId, feed: FeedId) -> TickRefusal {
        let MarketTopic { symbol, feed: owner, .. } = &self.topics[id.0 as usize];
        let name = |feed: FeedId| self.feeds.get(usize::from(feed.0)).map_or("?", String::as_str);
        let message = format!(
            "symbol {symbol} belongs to feed {:?}, feed {:?} cannot write it: one symbol has one feed",
            name(*owner),
            name(feed)
        );
        (RejectReason::Owned, message)
    }

    #[cold]
    fn list_topic(
        &mut self,
        feed: FeedId,
        symbol: &Symbol,
        new_topics: &mut Vec<NewTopic>,
    ) -> Result<TopicId, TickRefusal> {
        if self.topics.len() >= self.topics_max {
            let message = format!("the limit of {} topics is reached (limits.topics)", self.topics_max);
            return Err((RejectReason::TopicsFull, message));
        }
        let id = TopicId(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
        self.by_symbol.insert(symbol.clone(), id);
        new_topics.push(NewTopic { topic: id, symbol: symbol.clone() });
        let told = self.told.remove(symbol).filter(|(teller, _)| *teller == feed).map(|(_, told)| told);
        let (symbol, record, ring) = (symbol.clone(), Record::default(), Ring::default());
        self.topics.push(MarketTopic { symbol, feed, record, ring, tape: None, closed: false, told });
        Ok(id)
    }

    /// `before`: the `order` of the last tick before the batch.
    #[inline]
    fn take(&mut self, id: TopicId, tick: &Tick, rx: Nanos, before: u64) -> Result<&Record, Box<TakeError>> {
        let MarketTopic { record, ring, tape, .. } = &mut self.topics[id.0 as usize];
        if tape.is_some() || tape::concerns(&tick.fields) {
            tape::take(record, tape, &tick.fields, &mut self.tape_room)?;
        } else {
            record.take(&tick.fields)?;
        }
        if record.seq == 1 || record.order <= before {
            self.touched.push(id);
        }
        self.order += 1;
        record.order = self.order;
        record.ts = tick.ts.unwrap_or(rx);
        record.rx = rx;
        ring.push(record, self.ring_ticks_max);
        Ok(record)
    }
}

impl MarketTopic {
    fn state(&self, now: Nanos, stale_nanos: u64) -> State {
        if self.closed {
            State::Closed
        } else if let Some(told) = &self.told {
            told.state
        } else if now.since(self.record.rx) > stale_nanos {
            State::Stale
        } else {
            State::Live
        }
    }
}

#[cfg(test)]
mod tests;
