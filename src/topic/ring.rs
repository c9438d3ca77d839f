//! [`Ring`]: a topic's recent ticks, packed. Short history for gaps and resumes, not an archive.
//!
//! Loss: the ring holds at most `limits.ring_ticks` ticks; one more drops the oldest. A reader that asks for a dropped
//! seq gets nothing, and can see the oldest seq held; the ring never skips silently.
//!
//! A tick takes 3 words of 8 bytes, one more per value, and a length byte: 57 bytes for a quote, about 65 for a trade
//! (a [`Stamped`] takes 192). It takes one word more for a decimal that is not whole units or a withdrawn field, and up
//! to 5 for a trade id. The ring grows with its ticks, so a quiet topic costs next to nothing.

use std::{collections::VecDeque, sync::Arc};

use super::{
    batch::{Stamped, TopicId},
    custom_ring::CustomRing,
    record::Record,
};
use crate::tick::{DECIMAL_BITS, Field, FieldSet, Fields, Nanos, Side, TradeId, TradeReport, Uncommon};

#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// The packed ticks, oldest first.
    words: VecDeque<u64>,
    /// The length of each tick in words. Readers sum these bytes to find a tick; the writer touches little memory but
    /// the end of `words`.
    lens: VecDeque<u8>,
    /// Trade reports (conditions, cancels, corrections), by seq. Few ticks have one.
    reports: VecDeque<(u64, Arc<TradeReport>)>,
    /// Seq of the oldest tick held.
    oldest: u64,
    /// The configured fields; `None` before the first tick with one.
    custom: Option<Box<CustomRing>>,
}

/// Head flag, above the field bits: a word with the uncommon fields follows the times.
const UNCOMMON: u64 = 1 << 15;
const SIDE_SHIFT: u32 = 16;
const ORDER_SHIFT: u32 = 18;
/// Mask, side and order; event time; receive time.
const HEAD_WORDS: usize = 3;
/// A tick with every field but the trade id; the volume takes two words, the side none.
const COMMON_WORDS_MAX: usize = HEAD_WORDS + DECIMAL_BITS.count_ones() as usize + 3;
/// With the uncommon fields, the rest of the volume, and a trade id.
const LONG_WORDS_MAX: usize = COMMON_WORDS_MAX + 2 + TradeId::WORDS_MAX;

const _: () = assert!((FieldSet::ALL.0 as u64) < UNCOMMON, "the bit is not a field's");

impl Ring {
    /// Seq of the oldest tick held; `None` when empty.
    pub fn oldest(&self) -> Option<u64> {
        (!self.lens.is_empty()).then_some(self.oldest)
    }

    pub fn len(&self) -> usize {
        self.lens.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lens.is_empty()
    }

    /// Allocated bytes.
    pub fn bytes(&self) -> usize {
        let custom = self.custom.as_ref().map_or(0, |custom| custom.bytes());
        let reports = self.reports.capacity() * size_of::<(u64, Arc<TradeReport>)>()
            + self.reports.len() * size_of::<TradeReport>();
        self.words.capacity() * size_of::<u64>() + self.lens.capacity() + custom + reports
    }

    /// Appends the record's last tick, whose seq must follow the newest; drops the oldest beyond `max`.
    pub fn push(&mut self, record: &Record, max: usize) {
        if max == 0 {
            return;
        }
        if self.lens.is_empty() {
            self.oldest = record.seq;
        }
        while self.lens.len() >= max {
            self.forget_oldest();
        }
        if record.fields.uncommon().is_empty() && !record.changed.contains(Field::TradeId) {
            let mut words = [0; COMMON_WORDS_MAX];
            let len = pack::<false, _>(record, &mut words);
            self.append(&words[..len]);
        } else {
            self.push_long(record);
        }
        if record.fields.custom.is_some() {
            self.push_custom(record);
        }
    }

    #[cold]
    fn push_custom(&mut self, record: &Record) {
        if let Some(values) = record.last_custom() {
            self.custom.get_or_insert_default().push(record.seq, values);
        }
    }

    #[inline(never)]
    fn push_long(&mut self, record: &Record) {
        let mut words = [0; LONG_WORDS_MAX];
        let len = pack::<true, _>(record, &mut words);
        self.append(&words[..len]);
        if let Some(report) = record.fields.report() {
            self.reports.push_back((record.seq, Arc::clone(report)));
        }
    }

    #[inline]
    fn append(&mut self, words: &[u64]) {
        let len = words.len();
        if self.words.capacity() - self.words.len() < len {
            // Grow by a quarter, not to double: rings are most of a topic's memory.
            self.words.reserve_exact(len + self.words.len() / 4);
        }
        self.words.extend(words);
        self.lens.push_back(len as u8);
    }

    /// Appends ticks `from..=to`, at most `max`, oldest first; appends nothing when `from` was dropped.
    pub fn read(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) {
        if from < self.oldest || self.is_empty() {
            return;
        }
        let first = (from - self.oldest) as usize;
        let wanted = (to.saturating_sub(from).saturating_add(1)).min(max as u64) as usize;
        let mut start: usize = self.lens.iter().take(first).map(|&len| usize::from(len)).sum();
        for (&len, seq) in self.lens.iter().skip(first).take(wanted).zip(from..) {
            out.push(self.unpack(topic, seq, start));
            start += usize::from(len);
        }
    }

    /// Seq of the newest tick at or before this order; 0 when the order precedes the topic's first tick, `None` when
    /// the ring no longer holds that tick.
    pub fn seq_at(&self, order: u64) -> Option<u64> {
        let mut start = 0;
        let orders = self.lens.iter().map(|&len| {
            let head = self.words.get(start).copied().unwrap_or_default();
            start += usize::from(len);
            head >> ORDER_SHIFT
        });
        let held = orders.take_while(|placed| *placed <= order).count() as u64;
        (held > 0 || self.oldest == 1).then(|| self.oldest + held - 1)
    }

    fn forget_oldest(&mut self) {
        let Some(len) = self.lens.pop_front() else { return };
        self.words.drain(..usize::from(len));
        if self.reports.front().is_some_and(|(seq, _)| *seq == self.oldest) {
            self.reports.pop_front();
        }
        self.oldest += 1;
        if let Some(custom) = &mut self.custom {
            custom.forget_before(self.oldest);
        }
    }

    fn unpack(&self, topic: TopicId, seq: u64, start: usize) -> Stamped {
        let mut at = start;
        let mut next = || {
            let word = self.words.get(at).copied().unwrap_or_default();
            at += 1;
            word
        };
        let head = next();
        let mut mask = FieldSet(head as u16).intersect(FieldSet::ALL);
        let ts = Nanos(next().cast_signed());
        let rx = Nanos(next().cast_signed());
        let mut fields = Fields::default();
        if head & UNCOMMON != 0 {
            let uncommon = Uncommon::from_word(next());
            fields.set_uncommon(uncommon, if uncommon.has_rest() { next() as u32 } else { 0 });
            mask = mask.without(uncommon.withdrawn());
            if uncommon.has_report() {
                let at = self.reports.binary_search_by_key(&seq, |(seq, _)| *seq);
                fields.set_report(at.ok().map(|at| Arc::clone(&self.reports[at].1)));
            }
        }
        (fields.mask, fields.side) = (mask, side_of(head >> SIDE_SHIFT));
        let mantissas = fields.mantissas_mut();
        let mut bits = mask.0 & DECIMAL_BITS;
        while bits != 0 {
            mantissas[bits.trailing_zeros() as usize] = next().cast_signed();
            bits &= bits - 1;
        }
        if mask.contains(Field::Volume) {
            let low = u128::from(next());
            fields.set_volume_units((low | (u128::from(next()) << 64)).cast_signed());
        }
        if mask.contains(Field::Trades) {
            fields.trades = next();
        }
        if mask.contains(Field::TradeId) {
            fields.put_trade_id(TradeId::unpack(&mut next));
        }
        if let Some(custom) = &self.custom {
            fields.custom = custom.get(seq).cloned();
        }
        Stamped { topic, seq, order: head >> ORDER_SHIFT, ts, rx, fields }
    }
}

/// Packs the record's last tick; returns its length in words. `LONG`: the record has uncommon fields, or the tick has a
/// trade id.
#[inline]
fn pack<const LONG: bool, const WORDS: usize>(record: &Record, words: &mut [u64; WORDS]) -> usize {
    let (fields, changed) = (&record.fields, record.changed);
    // A record with only common fields withdraws nothing.
    let set = if LONG { changed.intersect(fields.mask) } else { changed };
    let side = if set.contains(Field::Side) { side_bits(fields.side) } else { 0 };
    let uncommon = if LONG { fields.uncommon().only(changed) } else { Uncommon::default() };
    let flag = if uncommon.is_empty() { 0 } else { UNCOMMON };
    words[0] = u64::from(changed.0) | flag | (side << SIDE_SHIFT) | (record.order << ORDER_SHIFT);
    words[1] = record.ts.0.cast_unsigned();
    words[2] = record.rx.0.cast_unsigned();
    let mut len = HEAD_WORDS;
    let mut put = |word| {
        words[len] = word;
        len += 1;
    };
    let (volume, volume_rest) = fields.volume_parts();
    if !uncommon.is_empty() {
        put(uncommon.word());
        if uncommon.has_rest() {
            put(u64::from(volume_rest));
        }
    }
    let mut bits = set.0 & DECIMAL_BITS;
    while bits != 0 {
        put(fields.mantissas()[bits.trailing_zeros() as usize].cast_unsigned());
        bits &= bits - 1;
    }
    if set.contains(Field::Volume) {
        let volume = volume.cast_unsigned();
        put(volume as u64);
        put((volume >> 64) as u64);
    }
    if set.contains(Field::Trades) {
        put(fields.trades);
    }
    if LONG && set.contains(Field::TradeId) {
        fields.trade_id().pack(put);
    }
    len
}

const fn side_bits(side: Side) -> u64 {
    match side {
        Side::Unknown => 0,
        Side::Buy => 1,
        Side::Sell => 2,
    }
}

const fn side_of(bits: u64) -> Side {
    match bits & 3 {
        1 => Side::Buy,
        2 => Side::Sell,
        _ => Side::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use proptest::{array::uniform9, prelude::*};

    use std::sync::Arc;

    use super::*;
    use crate::tick::{
        CustomFields, CustomValue, CustomValues, Decimal,
        custom::{CustomField, CustomKind, CustomMerge, CustomName},
        testing::{any_decimal, any_trade_id, any_volume},
    };

    fn integer_field() -> Arc<CustomFields> {
        let (name, kind, merge) = (CustomName::parse("x").unwrap(), CustomKind::Integer, CustomMerge::Last);
        CustomFields::new(vec![CustomField { name, kind, merge, symbols: Vec::new() }])
    }

    fn any_fields() -> impl Strategy<Value = Fields> {
        let units = any::<i64>().prop_map(Decimal::from_units);
        let decimals = prop_oneof![uniform9(units), uniform9(any_decimal())];
        let withdrawn = prop_oneof![Just(0), 0..=FieldSet::ALL.0];
        let custom = prop::option::weighted(0.3, (any::<bool>(), any::<i64>()));
        let rest = (any_volume(), any_trade_id(), custom);
        (0..=FieldSet::ALL.0, withdrawn, 0u64..3, decimals, any::<u64>(), rest).prop_map(
            |(mask, withdrawn, side, decimals, trades, (volume, id, custom))| {
                let mut fields = Fields::default();
                for field in FieldSet(mask).iter() {
                    match field {
                        Field::Side => fields.set_side(side_of(side)),
                        Field::Volume => fields.set_volume(volume),
                        Field::Trades => fields.set_trades(trades),
                        Field::TradeId => fields.set_trade_id(id),
                        _ => fields.set_decimal(field, decimals[field as usize]),
                    }
                }
                fields.withdraw_all(FieldSet(withdrawn));
                if let Some((is_set, value)) = custom {
                    let table = integer_field();
                    let id = table.find("x").unwrap();
                    if is_set {
                        fields.set_custom(&table, id, CustomValue::Integer(value));
                    } else {
                        fields.withdraw_custom(&table, id);
                    }
                }
                fields
            },
        )
    }

    proptest! {
        #[test]
        fn holds_exactly_the_last_ticks(ticks in prop::collection::vec(any_fields(), 0..60), max in 1usize..20, from in 0u64..70, to in 0u64..70, limit in 1usize..30) {
            let mut ring = Ring::default();
            let stamped: Vec<Stamped> = ticks.into_iter().zip(1u64..).map(|(fields, seq)| Stamped {
                topic: TopicId(3), seq, order: seq * 7, ts: Nanos(-5), rx: Nanos(seq as i64), fields,
            }).collect();
            for tick in &stamped {
                let Stamped { seq, order, ts, rx, mut fields, .. } = tick.clone();
                // As in a record: with the seqs of their ticks.
                fields.custom = fields.custom.map(|custom| {
                    Arc::new(CustomValues::new(integer_field()).after(&custom, seq).unwrap())
                });
                let changed = fields.named();
                ring.push(&Record { seq, order, ts, rx, changed, fields, ..Record::default() }, max);
            }
            let kept = &stamped[stamped.len().saturating_sub(max)..];
            prop_assert_eq!(ring.len(), kept.len());
            prop_assert_eq!(ring.oldest(), kept.first().map(|tick| tick.seq));
            if let Some(oldest) = kept.first() {
                let seq = (from < 7 * oldest.seq).then_some(oldest.seq - 1).filter(|seq| *seq == 0);
                let seq = seq.or(kept.iter().rev().find(|tick| tick.order <= from).map(|tick| tick.seq));
                prop_assert_eq!(ring.seq_at(from), seq);
            }
            let mut read = Vec::new();
            ring.read(TopicId(3), from, to, limit, &mut read);
            let expected: Vec<Stamped> = match kept.first() {
                Some(oldest) if from >= oldest.seq => {
                    kept.iter().filter(|tick| tick.seq >= from && tick.seq <= to.max(from)).take(limit).cloned().collect()
                }
                _ => Vec::new(),
            };
            prop_assert_eq!(read, expected);
        }
    }
}
