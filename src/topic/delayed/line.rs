//! The records that wait for one delay, in slots of the grid.
//!
//! Loss first: of the ticks of a topic within a slot, the record after the last one is kept. So what waits is bounded by the
//! number of topics and of slots in the delay, whatever the rate of the market.
//!
//! Invariants: slots end in order; a slot holds no tick that was received after its end.

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

/// What waits for one delay.
pub(super) struct DelayLine {
    pub delay: Duration,
    grid_nanos: i64,
    /// Closed ones, oldest first.
    slots: VecDeque<GridSlot>,
    /// The slot that is being filled ends then; meaningless while nothing is in it.
    open_end: Nanos,
    /// The topics of the open slot, in the order of their first ticks.
    touched: Vec<TopicId>,
    /// Feeds have ended within the open slot: these topics are closed.
    closed: Vec<TopicId>,
    /// What feeds have told of symbols within the open slot, the last of each.
    told: BTreeMap<Symbol, ToldState>,
    scratch: Vec<u8>,
    bytes: usize,
    records: usize,
}

/// A topic, as ingest has told it.
#[derive(Default)]
pub(super) struct HeldTopic {
    /// Its line's index.
    pub line: usize,
    pub record: Record,
    /// As of its last entry.
    stored: Fields,
    numbers: BaseNumbers,
    /// It is in the open slot.
    is_touched: bool,
}

/// Records of one slot, packed.
struct GridSlot {
    end: Nanos,
    bytes: Box<[u8]>,
    records: usize,
    /// The values of configured fields, of those topics that have some.
    custom: Vec<(TopicId, Arc<CustomValues>)>,
    closed: Vec<TopicId>,
    told: Vec<(Symbol, ToldState)>,
}

/// A topic, as it may be shown.
#[derive(Clone, Default)]
pub(super) struct ShownTopic {
    pub record: Record,
    pub closed: bool,
    pub told: Option<ToldState>,
}

/// A slot that is due, while its records are taken out.
pub(super) struct DueSlot {
    slot: GridSlot,
    at: usize,
    /// How many of the slot's configured values are taken out.
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

    /// The end of the slot of a tick that was received then.
    pub fn end_of(&self, rx: Nanos) -> Nanos {
        let slots = rx.0.saturating_sub(1).div_euclid(self.grid_nanos).saturating_add(1);
        Nanos(slots.saturating_mul(self.grid_nanos))
    }

    /// The end of the last slot that was due by then.
    pub fn last_shown(&self, now: Nanos) -> Nanos {
        let delay = i64::try_from(self.delay.as_nanos()).unwrap_or(i64::MAX);
        let slots = now.0.saturating_sub(delay).div_euclid(self.grid_nanos);
        Nanos(slots.saturating_mul(self.grid_nanos))
    }

    /// Adds a slot before all others, of records that nothing is shown of any more.
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

    /// Makes room for what was received then: a slot that has ended is closed. What comes late, from a feed that was slower to
    /// take the lock, is in the slot that is open.
    pub fn open(&mut self, rx: Nanos, topics: &mut [HeldTopic]) {
        let end = self.end_of(rx);
        if !self.is_open() {
            self.open_end = end;
        } else if end > self.open_end {
            self.close(topics);
            self.open_end = end;
        }
    }

    /// The topic's record has changed within the open slot.
    pub fn touch(&mut self, id: TopicId, topic: &mut HeldTopic) {
        if !topic.is_touched {
            topic.is_touched = true;
            self.touched.push(id);
        }
    }

    /// The topic's feed has ended within the open slot.
    pub fn end_topic(&mut self, id: TopicId) {
        self.closed.push(id);
    }

    /// A feed has told a symbol's state within the open slot.
    pub fn tell(&mut self, symbol: &Symbol, told: &ToldState) {
        self.told.insert(symbol.clone(), told.clone());
    }

    fn is_open(&self) -> bool {
        !self.touched.is_empty() || !self.closed.is_empty() || !self.told.is_empty()
    }

    /// Packs the open slot.
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

    /// When something of it is due next.
    pub fn due(&self) -> Option<Nanos> {
        let open = self.is_open().then_some(self.open_end);
        self.slots.front().map(|slot| slot.end).or(open).map(|end| end.plus(self.delay))
    }

    /// The next slot that is due.
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

    /// Packed bytes, and records, that wait.
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
    /// Takes the next record into what is shown; `None` at the end. `reference`: of the topic's first tick, which is not younger.
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
        // In the order of the records.
        if let Some((_, values)) = self.slot.custom.get(self.custom_at).filter(|(of, _)| *of == id) {
            record.fields.custom = Some(Arc::clone(values));
            self.custom_at += 1;
        }
        Some(id)
    }

    /// The topics whose feeds have ended in it.
    pub fn closed(&self) -> &[TopicId] {
        &self.slot.closed
    }

    /// What feeds have told in it.
    pub fn told(&self) -> &[(Symbol, ToldState)] {
        &self.slot.told
    }
}

/// Takes an entry into a record.
fn take(record: &mut Record, entry: &PackedRecord, reference: Reference) {
    let before = record.seq;
    (record.seq, record.order) = (entry.numbers.seq, entry.numbers.order);
    (record.ts, record.rx) = (entry.ts, entry.rx);
    record.changed = entry.fields.named();
    record.named_at.note_after(record.changed, before, record.seq);
    record.fields.merge(&entry.fields);
    record.reference = reference;
}
