//! [`DelayLine`]: the records that wait out one delay, in time slots of a fixed grid.
//!
//! Loss: within a slot only each topic's last record is kept. Memory is bounded by topics times the slots of the delay,
//! whatever the tick rate.
//!
//! Invariants: slots are in order of their ends; a slot holds no tick that was received after its end.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::packed::{self, BaseNumbers, Before, PackedReader, PackedRecord};
use crate::{
    tick::{CustomValues, Fields, Nanos, Symbol},
    topic::{Record, Reference, ToldState, TopicId},
};

/// All records that wait out one delay.
pub(super) struct DelayLine {
    pub delay: Duration,
    grid_nanos: i64,
    /// Closed slots, oldest first.
    slots: VecDeque<GridSlot>,
    /// End of the open slot; meaningless while the slot is empty.
    open_end: Nanos,
    /// The topics with ticks in the open slot, in the order of first ticks.
    touched: Vec<TopicId>,
    /// Topics whose feed ended during the open slot.
    closed: Vec<TopicId>,
    /// The last state that a feed reported for each symbol during the open slot.
    told: BTreeMap<Symbol, ToldState>,
    scratch: Vec<u8>,
    bytes: usize,
    records: usize,
}

/// A topic's current record, as ingest reported it, before the delay.
#[derive(Default)]
pub(super) struct HeldTopic {
    /// Index of the delay line that the topic belongs to.
    pub line: usize,
    pub record: Record,
    /// The fields as of the last packed entry: the base of the next difference.
    stored: Fields,
    numbers: BaseNumbers,
    /// The topic has a tick in the open slot.
    is_touched: bool,
}

/// A closed slot: its records, packed.
struct GridSlot {
    end: Nanos,
    bytes: Box<[u8]>,
    records: usize,
    /// The configured fields of those topics that have any.
    custom: Vec<(TopicId, Arc<CustomValues>)>,
    closed: Vec<TopicId>,
    told: Vec<(Symbol, ToldState)>,
}

/// A topic's delayed record: what clients may see now.
#[derive(Clone, Default)]
pub(super) struct ShownTopic {
    pub record: Record,
    pub closed: bool,
    pub told: Option<ToldState>,
}

/// A slot that is due, while its records are being unpacked.
pub(super) struct DueSlot {
    slot: GridSlot,
    at: usize,
    /// Index of the next entry of the slot's configured fields.
    custom_at: usize,
    before: Before,
}

impl DelayLine {
    pub fn new(delay: Duration, grid: Duration) -> Self {
        let grid_nanos = i64::try_from(grid.as_nanos()).unwrap_or(i64::MAX).max(1);
        DelayLine {
            delay,
            grid_nanos,
            slots: VecDeque::new(),
            open_end: Nanos(0),
            touched: Vec::new(),
            closed: Vec::new(),
            told: BTreeMap::new(),
            scratch: Vec::new(),
            bytes: 0,
            records: 0,
        }
    }

    /// End of the grid slot that this receive time falls into.
    pub fn end_of(&self, rx: Nanos) -> Nanos {
        let slots = rx.0.saturating_sub(1).div_euclid(self.grid_nanos).saturating_add(1);
        Nanos(slots.saturating_mul(self.grid_nanos))
    }

    /// End of the last slot that was due at `now`.
    pub fn last_shown(&self, now: Nanos) -> Nanos {
        let delay = i64::try_from(self.delay.as_nanos()).unwrap_or(i64::MAX);
        let slots = now.0.saturating_sub(delay).div_euclid(self.grid_nanos);
        Nanos(slots.saturating_mul(self.grid_nanos))
    }

    /// Queues a slot ahead of all others, with records that a longer delay hides again.
    pub fn put_back(
        &mut self,
        end: Nanos,
        records: &[(TopicId, Record)],
        closed: Vec<TopicId>,
        told: Vec<(Symbol, ToldState)>,
    ) {
        let (mut out, mut before, mut custom) = (Vec::new(), Before::default(), Vec::new());
        let nothing = Fields::default();
        for (id, record) in records {
            let changed = record.changed_since(0).fields;
            if let Some(values) = record.fields.custom.as_ref().filter(|_| !changed.custom.is_empty()) {
                custom.push((*id, Arc::clone(values)));
            }
            let base = (&nothing, BaseNumbers::default());
            packed::write(id.0, record, changed.fixed, base, &mut before, &mut out);
        }
        let slot = GridSlot { end, bytes: out.into(), records: records.len(), custom, closed, told };
        self.bytes += slot.size();
        self.records += slot.records;
        self.slots.push_front(slot);
    }

    /// Prepares for a tick with this receive time: closes the open slot if it has ended. A late tick, from a feed that
    /// took the lock later, goes into the slot that is open.
    pub fn open(&mut self, rx: Nanos, topics: &mut [HeldTopic]) {
        let end = self.end_of(rx);
        if !self.is_open() {
            self.open_end = end;
        } else if end > self.open_end {
            self.close(topics);
            self.open_end = end;
        }
    }

    /// Marks a topic's record as changed during the open slot.
    pub fn touch(&mut self, id: TopicId, topic: &mut HeldTopic) {
        if !topic.is_touched {
            topic.is_touched = true;
            self.touched.push(id);
        }
    }

    /// Notes that the topic's feed ended during the open slot.
    pub fn end_topic(&mut self, id: TopicId) {
        self.closed.push(id);
    }

    /// Notes the state that a feed reported for a symbol during the open slot.
    pub fn tell(&mut self, symbol: &Symbol, told: &ToldState) {
        self.told.insert(symbol.clone(), told.clone());
    }

    fn is_open(&self) -> bool {
        !self.touched.is_empty() || !self.closed.is_empty() || !self.told.is_empty()
    }

    /// Packs the open slot and closes it.
    fn close(&mut self, topics: &mut [HeldTopic]) {
        let mut out = std::mem::take(&mut self.scratch);
        out.clear();
        let (mut before, mut custom) = (Before::default(), Vec::new());
        let records = self.touched.len();
        for id in self.touched.drain(..) {
            let Some(topic) = topics.get_mut(id.0 as usize) else { continue };
            let HeldTopic { record, stored, numbers, is_touched, .. } = topic;
            *is_touched = false;
            let changed = record.changed_since(numbers.seq).fields;
            if let Some(values) = record.fields.custom.as_ref().filter(|_| !changed.custom.is_empty()) {
                custom.push((id, Arc::clone(values)));
            }
            packed::write(id.0, record, changed.fixed, (stored, *numbers), &mut before, &mut out);
            stored.clone_from(&record.fields);
            *numbers = BaseNumbers { seq: record.seq, order: record.order };
        }
        let closed = std::mem::take(&mut self.closed);
        let told = std::mem::take(&mut self.told).into_iter().collect();
        let slot =
            GridSlot { end: self.open_end, bytes: out.as_slice().into(), records, custom, closed, told };
        self.bytes += slot.size();
        self.records += records;
        self.slots.push_back(slot);
        self.scratch = out;
    }

    /// When the next slot becomes due; `None` when nothing waits.
    pub fn due(&self) -> Option<Nanos> {
        let open = self.is_open().then_some(self.open_end);
        self.slots.front().map(|slot| slot.end).or(open).map(|end| end.plus(self.delay))
    }

    /// Removes and returns the next slot that is due.
    pub fn take_due(&mut self, now: Nanos, topics: &mut [HeldTopic]) -> Option<DueSlot> {
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        if self.slots.is_empty() {
            self.close(topics);
        }
        let slot = self.slots.pop_front()?;
        self.bytes -= slot.size();
        self.records -= slot.records;
        Some(DueSlot { slot, at: 0, custom_at: 0, before: Before::default() })
    }

    /// Packed bytes, and records, in waiting slots.
    pub fn waiting(&self) -> (usize, usize) {
        (self.bytes + self.slots.capacity() * size_of::<GridSlot>(), self.records + self.touched.len())
    }
}

impl HeldTopic {
    pub fn new(line: usize) -> Self {
        HeldTopic { line, ..HeldTopic::default() }
    }
}

impl GridSlot {
    fn size(&self) -> usize {
        let custom: usize = self.custom.iter().map(|(_, values)| values.bytes()).sum();
        let told = self.told.len() * size_of::<(Symbol, ToldState)>();
        self.bytes.len() + custom + self.closed.len() * size_of::<TopicId>() + told
    }
}

impl DueSlot {
    /// Unpacks the next record into the shown ones and returns its topic; `None` at the end. `reference` comes from the
    /// topic's first tick, which is old enough.
    pub fn next(&mut self, shown: &mut Vec<ShownTopic>, held: &[HeldTopic]) -> Option<TopicId> {
        let mut reader = PackedReader(self.slot.bytes.get(self.at..)?);
        if reader.is_empty() {
            return None;
        }
        let left = reader.0.len();
        let topic = reader.topic(&self.before);
        let index = topic as usize;
        if index >= shown.len() {
            shown.resize_with(index + 1, ShownTopic::default);
        }
        let ShownTopic { record, closed, .. } = &mut shown[index];
        let numbers = BaseNumbers { seq: record.seq, order: record.order };
        let entry = reader.entry(topic, (&record.fields, numbers), &mut self.before);
        self.at += left - reader.0.len();
        *closed = false;
        let reference = held.get(index).map_or(Reference::ZERO, |held| held.record.reference);
        take(record, &entry, reference);
        let id = TopicId(topic);
        // Configured fields are in the order of the records.
        if let Some((_, values)) = self.slot.custom.get(self.custom_at).filter(|(of, _)| *of == id) {
            record.fields.custom = Some(Arc::clone(values));
            self.custom_at += 1;
        }
        Some(id)
    }

    /// The topics whose feeds ended during this slot.
    pub fn closed(&self) -> &[TopicId] {
        &self.slot.closed
    }

    /// The states that feeds reported during this slot.
    pub fn told(&self) -> &[(Symbol, ToldState)] {
        &self.slot.told
    }
}

/// Applies an unpacked entry to a record.
fn take(record: &mut Record, entry: &PackedRecord, reference: Reference) {
    let before = record.seq;
    (record.seq, record.order) = (entry.numbers.seq, entry.numbers.order);
    (record.ts, record.rx) = (entry.ts, entry.rx);
    record.changed = entry.fields.named();
    record.named_at.note_after(record.changed, before, record.seq);
    record.fields.merge(&entry.fields);
    record.reference = reference;
}
