//! Changes the delays of products while the service runs.
//!
//! A shorter delay: records that are old enough by now become due at once. A longer delay: records that were shown and
//! are now too young are queued again, and their symbols are pending until those are due. Invariant: nothing younger
//! than the delay in force can be read, whatever was shown before.
//!
//! Loss: the ticks between two records that a shorter delay has shown are already conflated; after a longer delay the
//! first record shown is one that was queued again.

use std::{collections::BTreeMap, mem, sync::Arc, time::Duration};

use super::{Batch, CurrentMarket, DelayLine, DelayRules, DelayedMarket, Lines};
use crate::{
    access::Products,
    tick::{Nanos, Symbol},
    topic::{Record, ToldState, TopicId},
};

/// Topics handled under one hold of the lock on the shown records.
const TOPICS_AT_ONCE: usize = 256;

/// The records of one line that a longer delay hides again.
#[derive(Default)]
struct PutBack {
    /// Records by the end of the time slot that their last tick fell into.
    records: BTreeMap<Nanos, Vec<(TopicId, Record)>>,
    closed: Vec<TopicId>,
    told: Vec<(TopicId, ToldState)>,
}

impl DelayedMarket {
    /// Switches to the delays of these products, which must cover the same symbols as the old ones. Whatever is due
    /// under the old delays is released first.
    pub fn change(
        &self,
        products: Arc<Products>,
        now: Nanos,
        market: &impl CurrentMarket,
        mut out: impl FnMut(Batch),
    ) {
        let lines = &mut *self.lock_lines();
        self.turn_lines(lines, now, market, &mut out);
        let delays: Vec<Duration> = products.all().map(|product| product.delay).collect();
        let is_longer = |line: usize, lines: &Lines| delays[line] > lines.all[line].delay;
        let mut hidden: Vec<PutBack> = lines.all.iter().map(|_| PutBack::default()).collect();
        for from in (0..lines.topics.len()).step_by(TOPICS_AT_ONCE) {
            let shown = &mut *self.lock_shown();
            let end = (from + TOPICS_AT_ONCE).min(lines.topics.len()).min(shown.len());
            let (Some(held), Some(shown)) = (lines.topics.get(from..end), shown.get_mut(from..end)) else {
                break;
            };
            for (at, (held, shown)) in held.iter().zip(shown).enumerate() {
                if !is_longer(held.line, lines) {
                    continue;
                }
                let (line, hidden) = (&lines.all[held.line], &mut hidden[held.line]);
                let id = TopicId(u32::try_from(from + at).unwrap_or(u32::MAX));
                if shown.record.seq > 0 && shown.record.rx.plus(delays[held.line]) > now {
                    let record = mem::take(&mut shown.record);
                    hidden.records.entry(line.end_of(record.rx)).or_default().push((id, record));
                }
                // The time of the feed's end was not kept.
                if mem::take(&mut shown.closed) {
                    hidden.closed.push(id);
                }
                hidden.told.extend(shown.told.take().map(|told| (id, told)));
            }
        }
        for ((line, hidden), delay) in lines.all.iter_mut().zip(hidden).zip(delays) {
            hidden.put_back(line, now, market);
            line.delay = delay;
        }
        let number = self.rules.load().number + 1;
        self.rules.store(Arc::new(DelayRules { number, products }));
        (self.wake)();
    }
}

impl PutBack {
    /// Queues the hidden records again, ahead of everything that the line already holds.
    fn put_back(self, line: &mut DelayLine, now: Nanos, market: &impl CurrentMarket) {
        let PutBack { mut records, closed, told } = self;
        let symbol = |id: TopicId| market.new_topics(id, 1).into_iter().next().map(|new| new.symbol);
        let told: Vec<(Symbol, ToldState)> =
            told.into_iter().filter_map(|(id, told)| Some((symbol(id)?, told))).collect();
        let has_states = !closed.is_empty() || !told.is_empty();
        if has_states {
            // The slot that it was shown with had ended by this time.
            records.entry(line.last_shown(now)).or_default();
        }
        let mut states = Some((closed, told)).filter(|_| has_states);
        for (end, records) in records.into_iter().rev() {
            // States go with the last slot.
            let (closed, told) = states.take().unwrap_or_default();
            line.put_back(end, &records, closed, told);
        }
    }
}
