//! Applies a batch of the delayed market: updates records, and marks subscriptions as behind.
//!
//! A delayed record stands for all ticks of its time slot, so a subscription with chosen fields falls behind when any
//! of those ticks changed one.

use super::{
    Fanout,
    state::{Base, SubscriptionState, lead},
};
use crate::{
    tick::Nanos,
    topic::{Batch, Touched},
};

impl Fanout {
    /// As [`Self::apply`], for records of the delayed market that became due.
    pub(super) fn apply_delayed(&mut self, batch: &Batch, now: Nanos) {
        let ready = self.schedule.ready.len();
        for Touched { topic: market, record } in &batch.touched {
            let Some(local) = self.delayed.watched(*market) else { continue };
            let topic = &mut self.topics[local as usize];
            if batch.rule < topic.rule {
                continue;
            }
            // A record that was read from the delayed market may be ahead of the batches.
            let Some(fresh) = record.seq.checked_sub(topic.record.seq).filter(|&fresh| fresh > 0) else {
                continue;
            };
            let changed = record.changed_since(topic.record.seq).fields;
            topic.fresh = fresh;
            topic.fresh_rx = record.rx;
            topic.record.clone_from(record);
            for &key in &topic.masked {
                let sub = &mut self.subs[key as usize];
                // An idle subscription without a base is waiting for the symbol's first record, whatever its fields.
                let begins = sub.state == SubscriptionState::Idle && sub.base != Base::None;
                if self.views.get(sub.view).wanted.intersect(changed).is_empty() && !begins {
                    sub.skipped += fresh;
                    self.delayed.accounts.filtered += fresh;
                } else if sub.state == SubscriptionState::Idle {
                    sub.lead = lead(sub.skipped);
                    self.schedule.mark_behind(key, sub, record.rx, now);
                }
            }
            self.mark_topic(local, now);
        }
        for &(market, state) in &batch.states {
            if let Some(local) = self.delayed.watched(market).filter(|&local| self.takes(local, batch)) {
                self.change_state(local, state);
            }
        }
        for (symbol, told) in &batch.told {
            if let Some(&local) = self.delayed.by_symbol.get(symbol)
                && self.takes(local, batch)
            {
                self.take_told(local, told);
            }
        }
        self.schedule.ready.reorder_from(ready);
    }

    /// Whether the batch became due under the delay that is in force for the topic.
    fn takes(&self, local: u32, batch: &Batch) -> bool {
        batch.rule >= self.topics[local as usize].rule
    }
}
