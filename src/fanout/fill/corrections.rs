//! Cancels and corrections in conflating modes: each is a message of its own, which stands for the ticks up to it. This
//! concerns mode `latest`, and every mode after `set`, when the whole record is due. So a subscription hears of a
//! correction whatever its fields.
//!
//! Corrections are rare, so nothing is cached: the ticks are read from the ring. Loss: when the ring has dropped the
//! tick after the cursor, a gap is sent.

use super::open_frame::OpenFrame;
use crate::{
    fanout::{
        Emit, Fanout,
        state::{Base, LocalTopic, advance},
    },
    tick::FieldSet,
    topic::{Record, Stamped, Store},
};

impl Fanout {
    /// Sends messages up to each correction, and one more for the rest.
    #[cold]
    pub(super) fn fill_corrections(&mut self, key: u32, frame: &mut OpenFrame<'_, impl Store, impl Emit>) {
        let mut is_full = self.send_corrections(key, frame);
        let sub = &mut self.subs[key as usize];
        let topic = &mut self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        let is_level = sub.base == Base::None && topic.record.seq - sub.cursor == sub.skipped;
        is_full |= !is_level && !frame.emit.has_room();
        if is_full {
            sub.queued = self.schedule.sessions[sub.session as usize].queue.push_front(key);
            return;
        }
        if sub.base == Base::None && !is_level {
            frame.send_latest(sub, topic, view);
        }
        if frame.send_bases(key, sub, topic, view, &mut self.schedule) {
            self.remove(key);
        }
    }

    /// Sends the corrections after the cursor. Returns whether the frame is full.
    #[cold]
    pub(super) fn send_corrections(
        &mut self,
        key: u32,
        frame: &mut OpenFrame<'_, impl Store, impl Emit>,
    ) -> bool {
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let view = self.views.get(sub.view);
        let mut ticks = std::mem::take(&mut self.scratch.history);
        let mut events = std::mem::take(&mut self.scratch.tape_events);
        ticks.clear();
        events.clear();
        read_corrections(topic, sub.cursor, frame.store, &mut ticks, &mut events);
        self.walked += ticks.len();
        let mut is_full = false;
        if ticks.first().is_none_or(|oldest| oldest.seq > sub.cursor + 1) {
            frame.send_gap(sub, topic, view, sub.gap_reason());
        }
        let begun = events.partition_point(|event| event.seq <= sub.cursor);
        // After `set`, the whole record shows a correction that is its last tick.
        let is_again = sub.base == Base::Again;
        for event in events[begun..].iter().filter(|event| !is_again || event.seq < topic.record.seq) {
            is_full = !frame.emit.has_room();
            if is_full {
                break;
            }
            let before = ticks.iter().filter(|tick| tick.seq > sub.cursor && tick.seq <= event.seq);
            // Of ticks in missed batches, none was counted as filtered.
            let passed = (before.filter(|tick| !view.wants(tick)).count() as u64).min(sub.skipped);
            // Before `set`, ticks were filtered by other fields: leave no more filtered ticks than there are after the
            // tape event.
            let passed = passed.max(sub.skipped.saturating_sub(topic.record.seq - event.seq));
            frame.send_correction(sub, topic, event, passed, view);
        }
        (self.scratch.history, self.scratch.tape_events) = (ticks, events);
        is_full
    }
}

/// Reconstructs a record as of before these ticks: the fields of the later record `known` that none of the ticks has
/// changed.
pub(super) fn before(ticks: &[Stamped], known: &Record) -> Record {
    let changes = ticks.iter().take_while(|tick| tick.seq <= known.seq).map(|tick| tick.fields.named());
    let changed = changes.fold(FieldSet::NONE, FieldSet::union);
    let fields = known.fields.only(FieldSet::ALL.without(changed));
    Record { fields, named_at: known.named_at.clone(), ..Record::default() }
}

/// Reads the topic's ring, and reconstructs the record at each correction after a cursor: fields that a tick in the
/// ring has set by then, and fields that no tick has changed.
fn read_corrections(
    topic: &LocalTopic,
    cursor: u64,
    store: &impl Store,
    ticks: &mut Vec<Stamped>,
    tape_events: &mut Vec<Record>,
) {
    let Some(market) = topic.market else { return };
    store.ring(market, topic.record.seq, ticks);
    let mut record = before(ticks, &topic.record);
    for tick in ticks.iter() {
        advance(&mut record, tick);
        if tick.seq > cursor && tick.fields.correction().is_some() {
            tape_events.push(record.clone());
        }
    }
}
