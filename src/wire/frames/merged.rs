//! [`MergedUpdates`]: a topic's conflated updates in one encoding, as of its newest record, each distinct one encoded
//! once.
//!
//! Sessions at different cursors nearly always lack the same fields, so there are few distinct updates, and a session
//! only looks up its own and copies it. A single tick with chosen fields is such an update too.
//!
//! Bounds: at most [`MERGED_MAX`] are kept; beyond that they are encoded anew on each request.

use std::ops::Range;

use crate::{
    fanout::{Form, View},
    tick::WantedFields,
    topic::{ChangedFields, Record},
    wire::encodings::encoder::{Constant, MessageKind, Messages, RecordPart},
};

/// The encoded conflated updates of a topic.
#[derive(Default)]
pub(super) struct MergedUpdates {
    /// Seq of the record that they are of.
    seq: u64,
    bytes: Vec<u8>,
    entries: Vec<MergedUpdate>,
}

/// One encoded update, and the requests that it answers.
struct MergedUpdate {
    /// Cursors from which the same fields have changed.
    cursors: Range<u64>,
    /// The fields that the view wants.
    wanted: WantedFields,
    /// The fields that are sent even if unchanged.
    always: WantedFields,
    /// Whether the view shows trade reports.
    reports: bool,
    /// The form of the message.
    form: Form,
    /// The resulting fields.
    fields: WantedFields,
    /// Whether the last tick's trade report is included.
    has_report: bool,
    bytes: Range<u32>,
}

/// The number of entries kept. The sets of fields changed since different seqs contain one another, so three or four
/// are usual.
const MERGED_MAX: usize = 8;

impl MergedUpdates {
    /// The encoded update, without its tick count: the wanted fields that changed after `cursor`, and those in
    /// `always`.
    #[inline]
    pub fn update<'t, M: Messages>(
        &mut self,
        topic: impl Fn() -> Constant<'t>,
        record: &Record,
        cursor: u64,
        always: WantedFields,
        view: &View,
    ) -> &[u8] {
        let &View { wanted, reports, form, .. } = view;
        let is_it = |entry: &MergedUpdate| {
            entry.cursors.contains(&cursor)
                && (entry.wanted, entry.always, entry.reports, entry.form) == (wanted, always, reports, form)
        };
        let found = self.entries.iter().find(|entry| is_it(entry)).filter(|_| self.seq == record.seq);
        let bytes = match found {
            Some(entry) => entry.bytes.clone(),
            None => self.encode::<M>(&topic(), record, cursor, always, view),
        };
        &self.bytes[bytes.start as usize..bytes.end as usize]
    }

    #[inline(never)]
    fn encode<M: Messages>(
        &mut self,
        topic: &Constant<'_>,
        record: &Record,
        cursor: u64,
        always: WantedFields,
        view: &View,
    ) -> Range<u32> {
        let &View { wanted, numbers, reports, form, .. } = view;
        if self.seq != record.seq || self.entries.len() >= MERGED_MAX {
            self.seq = record.seq;
            self.bytes.clear();
            self.entries.clear();
        }
        let ChangedFields { fields, cursors } = record.changed_since(cursor);
        let fields = fields.union(always).intersect(wanted).intersect(record.fields.all_named());
        let report = record.fields.report().map(|report| &**report);
        let report = report.filter(|report| reports && report.concerns(wanted.fixed));
        let has_report = report.is_some();
        let is_same = |entry: &&MergedUpdate| {
            // A dialect's message shows the whole record, whatever has changed.
            let is_whole = !form.is_native();
            entry.form == form && entry.has_report == has_report && (is_whole || entry.fields == fields)
        };
        let encoded = self.entries.iter().find(is_same);
        let bytes = if let Some(entry) = encoded {
            entry.bytes.clone()
        } else {
            let start = self.bytes.len() as u32;
            let part = RecordPart { fields, report, numbers, form };
            M::part(MessageKind::Update, topic, &record.into(), &part, &mut self.bytes);
            start..self.bytes.len() as u32
        };
        self.entries.push(MergedUpdate {
            cursors,
            wanted,
            always,
            reports,
            form,
            fields,
            has_report,
            bytes: bytes.clone(),
        });
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        tick::{Decimal, Field, FieldSet, Fields, Numbers, Symbol},
        topic::Reference,
        wire::encodings::json::Json,
    };

    fn fields(named: u16, withdrawn: u16) -> Fields {
        let mut fields = Fields::default();
        for field in FieldSet(named).iter() {
            fields.set_decimal(field, Decimal::from_units(i64::from(named)));
        }
        fields.withdraw_all(FieldSet(withdrawn));
        fields
    }

    /// Requests an update, and compares it with a fresh encoding of the same request.
    fn check(
        updates: &mut MergedUpdates,
        record: &Record,
        cursor: u64,
        wanted: WantedFields,
        always: WantedFields,
    ) {
        let symbol = Symbol::new("A").unwrap();
        let topic = Constant { symbol: &symbol, reference: Reference::ZERO, delay_ms: None };
        let view = View { wanted, ..View::WHOLE };
        let written = updates.update::<Json>(|| topic, record, cursor, always, &view).to_vec();
        let fields = record.changed_since(cursor).fields.union(always).intersect(wanted);
        let mut expected = Vec::new();
        let part = RecordPart { fields, report: None, numbers: Numbers::Number, form: Form::NATIVE };
        Json::part(MessageKind::Update, &topic, &record.into(), &part, &mut expected);
        assert_eq!(written.escape_ascii().to_string(), expected.escape_ascii().to_string());
    }

    proptest! {
        /// Whatever was requested before, also with more distinct updates than are kept.
        #[test]
        fn an_update_is_what_is_encoded_for_its_cursor_alone(
            steps in prop::collection::vec(
                (
                    (0u16..16, 0u16..16),
                    prop::collection::vec((any::<u64>(), prop::sample::select(vec![15u16, 3, 6, FieldSet::ALL.0]), 0u16..3), 0..20),
                ),
                1..12,
            ),
        ) {
            let (mut updates, mut record) = (MergedUpdates::default(), Record::default());
            for ((named, withdrawn), requests) in steps {
                record.take(&fields(named, withdrawn & !named)).unwrap();
                for (cursor, wanted, always) in requests {
                    let (wanted, always) = (FieldSet(wanted).into(), FieldSet(always).into());
                    check(&mut updates, &record, cursor % record.seq, wanted, always);
                    prop_assert!(updates.entries.len() <= MERGED_MAX);
                }
            }
        }
    }

    #[test]
    fn cursors_between_two_changes_share_one_update() {
        let mut record = Record::default();
        for named in [Field::Bid, Field::Ask, Field::Ask, Field::Ask, Field::Bid, Field::Last] {
            record.take(&fields(named.bit().0, 0)).unwrap();
        }
        let mut updates = MergedUpdates::default();
        for cursor in (0..6).rev() {
            check(&mut updates, &record, cursor, WantedFields::ALL, WantedFields::NONE);
        }
        // From cursor 5 only last; from 4 last and bid; from 3 or earlier all three.
        let cursors: Vec<_> = updates.entries.iter().map(|entry| entry.cursors.clone()).collect();
        assert_eq!(cursors, [5..6, 4..5, 0..4]);
        // Requests that lead to the same fields share bytes.
        let bytes = updates.bytes.len();
        check(&mut updates, &record, 5, WantedFields::ALL, WantedFields::ALL);
        check(&mut updates, &record, 1, record.fields.all_named(), WantedFields::NONE);
        assert_eq!((updates.entries.len(), updates.bytes.len()), (5, bytes));
    }
}
