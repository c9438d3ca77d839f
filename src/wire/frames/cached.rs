//! [`Cached`]: a topic's encoded messages in one encoding: whole record, changes since a seq, last tick, and a run of
//! recent ticks. Decimals are either numbers or text, each with a cache of its own.

use super::{
    merged::MergedUpdates,
    run::{Run, RunParts},
};
use crate::{
    fanout::Form,
    tick::{Numbers, WantedFields},
    topic::{Record, Stamped},
    wire::encodings::encoder::{Constant, MessageKind, Messages, RecordPart},
};

/// The caches of one encoding: by [`Numbers`], then by local topic.
pub(super) type CachedTopics = [Vec<Cached>; Numbers::ALL.len()];

/// The encoded messages of a topic.
#[derive(Default)]
pub(super) struct Cached {
    /// Snapshot of the record as of `record_seq`, without the parts of a session.
    record: Vec<u8>,
    record_seq: u64,
    pub merged: MergedUpdates,
    /// Update of the tick `tick_seq`, without the parts of a session.
    tick: Vec<u8>,
    tick_seq: u64,
    /// Updates of consecutive ticks from seq `run_first` on.
    run: Run,
    run_first: u64,
    /// Single ticks in dialect forms, in a slot by seq and form modulo the size; empty until first used.
    formed: Vec<FormedTick>,
    /// Updates at recent tape events, in a slot by seq modulo the size; empty until first used.
    tape_events: Vec<MergedUpdates>,
}

/// One tick in a dialect's form.
#[derive(Default)]
struct FormedTick {
    seq: u64,
    form: Form,
    has_report: bool,
    part: Vec<u8>,
}

/// Slots for ticks in dialect forms: sessions that keep up need those of one batch.
const FORMED: usize = 32;
/// A longer run is restarted.
const RUN_BYTES_MAX: usize = 8 * 1024;
/// Slots for tape events: sessions that keep up need those of one batch, which has few for each topic.
const TAPE_EVENTS: usize = 4;

/// On a miss, a closure supplies the topic's data: hits, which are most, pay nothing for it.
impl Cached {
    /// The cached part of this record's snapshot.
    #[inline]
    pub fn record<'t, M: Messages>(
        &mut self,
        topic: impl Fn() -> Constant<'t>,
        record: &Record,
        numbers: Numbers,
    ) -> &[u8] {
        if self.record_seq != record.seq {
            self.record.clear();
            let part = RecordPart { fields: WantedFields::ALL, report: None, numbers, form: Form::NATIVE };
            M::part(MessageKind::Snapshot, &topic(), &record.into(), &part, &mut self.record);
            self.record_seq = record.seq;
        }
        &self.record
    }

    /// The cached part of the update of the record's last tick.
    #[inline]
    pub fn last_tick<'t, M: Messages>(
        &mut self,
        topic: impl Fn() -> Constant<'t>,
        record: &Record,
        numbers: Numbers,
    ) -> &[u8] {
        if self.tick_seq != record.seq {
            self.encode_last_tick::<M>(&topic(), record, numbers);
        }
        &self.tick
    }

    #[inline(never)]
    fn encode_last_tick<M: Messages>(&mut self, topic: &Constant<'_>, record: &Record, numbers: Numbers) {
        self.tick.clear();
        let report = record.fields.report().map(|report| &**report);
        let part = RecordPart { fields: record.all_changed(), report, numbers, form: Form::NATIVE };
        M::tick_part(topic, &record.into(), &part, &mut self.tick);
        self.tick_seq = record.seq;
    }

    /// The cached part of one tick in a dialect's form. The fields follow from the form, so the view is not compared.
    #[inline]
    pub fn formed<'t, M: Messages>(
        &mut self,
        topic: impl Fn() -> Constant<'t>,
        tick: &Stamped,
        part: &RecordPart<'_>,
    ) -> &[u8] {
        if self.formed.is_empty() {
            self.formed.resize_with(FORMED, FormedTick::default);
        }
        let (form, has_report) = (part.form, part.report.is_some());
        let kept = &mut self.formed[(tick.seq as usize ^ form.number()) % FORMED];
        if (kept.seq, kept.form, kept.has_report) != (tick.seq, form, has_report) {
            kept.part.clear();
            M::tick_part(&topic(), &tick.into(), part, &mut kept.part);
            (kept.seq, kept.form, kept.has_report) = (tick.seq, form, has_report);
        }
        &kept.part
    }

    /// The cached updates of the record at a tape event.
    #[inline]
    pub fn tape_event(&mut self, seq: u64) -> &mut MergedUpdates {
        if self.tape_events.is_empty() {
            self.tape_events.resize_with(TAPE_EVENTS, MergedUpdates::default);
        }
        &mut self.tape_events[seq as usize % TAPE_EVENTS]
    }

    /// Whether the run, extended if needed, has the ticks from `seq` on. A run that is too long is restarted.
    #[inline]
    pub fn covers(&mut self, seq: u64) -> bool {
        let end = self.run_first + self.run.len() as u64;
        if seq > end || (seq == end && self.run.bytes() > RUN_BYTES_MAX) || self.run.len() == 0 {
            self.run_first = seq;
            self.run.clear(2 * RUN_BYTES_MAX);
        }
        seq >= self.run_first
    }

    #[inline]
    pub fn extend<'t, M: Messages>(
        &mut self,
        topic: impl Fn() -> Constant<'t>,
        ticks: &[Stamped],
        numbers: Numbers,
    ) {
        let end = self.run_first + self.run.len() as u64;
        for tick in ticks.iter().filter(|tick| tick.seq >= end) {
            push_tick::<M>(&mut self.run, &topic(), tick, numbers);
        }
    }

    /// The cached parts of up to `count` ticks from `seq` on.
    #[inline]
    pub fn run(&self, seq: u64, count: usize) -> RunParts<'_> {
        self.run.parts((seq - self.run_first) as usize, count)
    }
}

/// Adds a tick with all its fields to a run.
#[inline]
pub(super) fn push_tick<M: Messages>(run: &mut Run, topic: &Constant<'_>, tick: &Stamped, numbers: Numbers) {
    let report = tick.fields.report().map(|report| &**report);
    let part = RecordPart { fields: WantedFields::ALL, report, numbers, form: Form::NATIVE };
    run.push(|out| M::tick_part(topic, &tick.into(), &part, out));
}
