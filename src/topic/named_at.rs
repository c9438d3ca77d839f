//! [`NamedAt`]: which tick set or withdrew each field of a record last, so that a conflated update carries only the
//! fields that changed. Not whether a field has a value: the record says that.
//!
//! Only the low 16 bits of each seq are kept. Loss: changes are exact up to [`EXACT_TICKS`] ticks back. A field that
//! was quiet for longer is held at an age beyond that, so that it never looks fresh by wrap-around; a reader that is
//! further behind is sent every field.

use std::ops::Range;

use crate::tick::{FieldSet, Fields, WantedFields};

/// How many ticks back the changed fields are known exactly.
pub const EXACT_TICKS: u64 = 1 << 15;
/// How often, in ticks, the ages of quiet fields are corrected. Even with the ages that come until then, 16 bits
/// suffice.
const SWEEP_TICKS: u64 = 1 << 14;

const _: () = assert!(EXACT_TICKS + SWEEP_TICKS < 1 << 16, "no age is taken for a smaller one");

/// Field bits per byte of a set.
const LANES: usize = 8;

/// For each field, by its bit in a [`FieldSet`]: the low 16 bits of the seq of the last tick that named it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NamedAt([[u16; LANES]; 2]);

/// The fields that ticks have named since a cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedFields {
    pub fields: WantedFields,
    /// The range of cursors for which this answer is the same.
    pub cursors: Range<u64>,
}

/// For each byte of a set, a lane mask per bit: the compiler can vectorize, with no branch per field.
static MASKS: [[u16; LANES]; 256] = {
    let mut masks = [[0; LANES]; 256];
    let mut at = 0;
    while at < 256 * LANES {
        let (bits, lane) = (at / LANES, at % LANES);
        masks[bits][lane] = if bits >> lane & 1 == 1 { u16::MAX } else { 0 };
        at += 1;
    }
    masks
};

impl NamedAt {
    /// Notes that the tick of this seq named these fields.
    #[inline]
    pub fn note(&mut self, named: FieldSet, seq: u64) {
        for (lanes, bits) in self.0.iter_mut().zip(named.0.to_le_bytes()) {
            for (at, mask) in lanes.iter_mut().zip(MASKS[usize::from(bits)]) {
                *at ^= (*at ^ low(seq)) & mask;
            }
        }
        if seq.is_multiple_of(SWEEP_TICKS) {
            self.sweep(seq);
        }
    }

    /// Notes that ticks after `before` up to `seq` named these fields.
    pub fn note_after(&mut self, named: FieldSet, before: u64, seq: u64) {
        self.note(named, seq);
        if before / SWEEP_TICKS != seq / SWEEP_TICKS {
            self.sweep(seq);
        }
    }

    #[cold]
    fn sweep(&mut self, seq: u64) {
        for at in self.0.as_flattened_mut() {
            let age = low(seq).wrapping_sub(*at).min(low(EXACT_TICKS));
            *at = low(seq).wrapping_sub(age);
        }
    }

    /// The fields named after `cursor` up to `seq`, the newest tick, of a record with these fields.
    pub fn since(&self, cursor: u64, seq: u64, record: &Fields) -> ChangedFields {
        let oldest = seq.saturating_sub(EXACT_TICKS);
        if cursor < oldest {
            return ChangedFields { fields: record.all_named(), cursors: 0..oldest };
        }
        let mut changed = ChangedFields { fields: WantedFields::NONE, cursors: oldest..seq };
        for field in record.named().iter() {
            let bit = field as usize;
            let age = low(seq).wrapping_sub(self.0[bit / LANES][bit % LANES]);
            if changed.is_new(cursor, seq.saturating_sub(u64::from(age))) {
                changed.fields.fixed = changed.fields.fixed.with(field);
            }
        }
        // Configured fields keep their whole seqs.
        for entry in record.custom.iter().flat_map(|custom| custom.entries()) {
            if changed.is_new(cursor, entry.seq) {
                changed.fields.custom = changed.fields.custom.with(entry.id);
            }
        }
        changed
    }
}

impl ChangedFields {
    /// Whether a field last named at this seq has changed since the cursor.
    fn is_new(&mut self, cursor: u64, named_at: u64) -> bool {
        let is_new = named_at > cursor;
        if is_new {
            self.cursors.end = self.cursors.end.min(named_at);
        } else {
            self.cursors.start = self.cursors.start.max(named_at);
        }
        is_new
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low bits are what is kept")]
const fn low(seq: u64) -> u16 {
    seq as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        tick::{
            CustomFields, CustomValue, Field,
            custom::{CustomField, CustomKind, CustomMerge, CustomName},
        },
        topic::Record,
    };

    #[derive(Default)]
    struct Naive {
        /// The whole seq of each field; 0 when it was never named.
        seqs: [u64; Field::ALL.len()],
        /// A record with every field that was ever named.
        record: Fields,
    }

    impl Naive {
        fn note(&mut self, named: FieldSet, seq: u64) {
            named.iter().for_each(|field| self.seqs[field as usize] = seq);
            let new = named.without(self.record.named());
            self.record.withdraw_all(new);
        }

        fn since(&self, cursor: u64, head: u64) -> FieldSet {
            let is_new = |&field: &Field| {
                let named_at = self.seqs[field as usize];
                named_at > cursor || (named_at > 0 && head - cursor > EXACT_TICKS)
            };
            Field::ALL.into_iter().filter(is_new).fold(FieldSet::NONE, FieldSet::with)
        }
    }

    /// Runs of ticks that name the same fields, longer than 16 bits can count.
    fn runs() -> impl Strategy<Value = Vec<(FieldSet, u64)>> {
        let set = (0..=FieldSet::ALL.0, any::<u16>()).prop_map(|(few, more)| FieldSet(few & more));
        let length = prop_oneof![1u64..5, 1u64..2_000, EXACT_TICKS - 3..EXACT_TICKS + 3, 1u64..70_000];
        prop::collection::vec((set, length), 4..12)
    }

    fn check(named_at: &NamedAt, naive: &Naive, cursor: u64, head: u64) -> Result<(), TestCaseError> {
        let ChangedFields { fields, cursors } = named_at.since(cursor, head, &naive.record);
        prop_assert_eq!(fields, naive.since(cursor, head).into(), "{} to {}", cursor, head);
        if cursor < head {
            prop_assert!(cursors.contains(&cursor), "{} in {:?}", cursor, cursors);
            for other in [cursors.start, cursors.end - 1] {
                prop_assert_eq!(
                    fields,
                    naive.since(other, head).into(),
                    "{} as {} to {}",
                    other,
                    cursor,
                    head
                );
            }
        }
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]

        /// Holds also for fields that are quiet beyond 16 bits, and for cursors far behind.
        #[test]
        fn what_has_changed_is_what_whole_seqs_say(runs in runs(), old in prop::collection::vec(any::<u64>(), 8)) {
            let (mut named_at, mut naive, mut head) = (NamedAt::default(), Naive::default(), 0);
            let mut ends = vec![0];
            // The last run is quiet, beyond 2^17 in all.
            let last = (FieldSet(1), (1 << 17) + 3);
            for (named, ticks) in runs.into_iter().chain([last]) {
                for tick in 0..ticks {
                    head += 1;
                    named_at.note(named, head);
                    naive.note(named, head);
                    // Check at intervals, and around the 16-bit wrap and the sweeps.
                    if tick.is_multiple_of(5_003) || head.wrapping_add(2) % SWEEP_TICKS < 4 {
                        for cursor in [head - 1, head.saturating_sub(EXACT_TICKS), head.saturating_sub(EXACT_TICKS + 1)] {
                            check(&named_at, &naive, cursor, head)?;
                        }
                        for cursor in ends.iter().copied().chain(old.iter().map(|old| old % head)) {
                            check(&named_at, &naive, cursor, head)?;
                        }
                    }
                }
                ends.extend([head - 1, head]);
            }
            prop_assert!(head > 1 << 17);
        }
    }

    #[test]
    fn a_field_that_was_never_named_has_never_changed() {
        let (mut named_at, mut record) = (NamedAt::default(), Fields::default());
        record.withdraw(Field::Bid);
        for seq in 1..=70_000 {
            named_at.note(Field::Bid.bit(), seq);
            let since = |cursor| named_at.since(cursor, seq, &record).fields;
            assert_eq!([since(0), since(seq - 1)], [Field::Bid.bit().into(); 2]);
        }
    }

    #[test]
    fn configured_fields_have_changed_with_the_fixed_ones() {
        let fields = ["mark", "index"].map(|name| CustomField {
            name: CustomName::parse(name).unwrap(),
            kind: CustomKind::Integer,
            merge: CustomMerge::Last,
            symbols: Vec::new(),
        });
        let table = CustomFields::new(fields.to_vec());
        let [mark, index] = ["mark", "index"].map(|name| table.find(name).unwrap());
        let mut record = Record::default();
        for named in [Some(mark), None, Some(index), None] {
            let mut tick = Fields::default();
            match named {
                Some(id) => tick.set_custom(&table, id, CustomValue::Integer(7)),
                None => tick.withdraw(Field::Bid),
            }
            record.take(&tick).unwrap();
        }
        let since = |cursor| record.changed_since(cursor);
        let bid = Field::Bid.bit();
        let all = WantedFields { fixed: bid, custom: mark.bit().union(index.bit()) };
        assert_eq!(since(0), ChangedFields { fields: all, cursors: 0..1 });
        let some = WantedFields { custom: index.bit(), ..all };
        assert_eq!(since(1), ChangedFields { fields: some, cursors: 1..3 });
        assert_eq!(since(2), since(1), "the bid was named again");
        assert_eq!(since(3), ChangedFields { fields: bid.into(), cursors: 3..4 });
    }
}
