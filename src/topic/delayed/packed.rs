//! Packs one waiting record as a difference from the topic's previous entry: about 25 bytes for a quote.
//!
//! Writer and reader hold the same base, the topic's record as of its previous entry. Numbers are varints; those that
//! may decrease are zigzag encoded. Not kept: cancels, corrections and trade reports themselves; only their effect on
//! the record is.
//!
//! Invariant: reading an entry onto its base gives exactly the record that was written.

use crate::{
    tick::{DECIMAL_BITS, Field, FieldSet, Fields, Nanos, Side, TradeId, Uncommon},
    topic::Record,
};

/// The sequence numbers and times that an entry is a difference from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct BaseNumbers {
    pub seq: u64,
    pub order: u64,
}

/// The previous entry in the same slot, of whatever topic.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Before {
    pub topic: u32,
    pub rx: i64,
}

/// One unpacked entry.
#[derive(Debug)]
pub(super) struct PackedRecord {
    pub numbers: BaseNumbers,
    pub ts: Nanos,
    pub rx: Nanos,
    /// The fields that were set or withdrawn since the base.
    pub fields: Fields,
}

/// The packed bytes that are still to be read.
pub(super) struct PackedReader<'a>(pub &'a [u8]);

/// Head flag, above the field bits: a word with the uncommon fields follows.
const UNCOMMON: u64 = 1 << 15;

const _: () = assert!((FieldSet::ALL.0 as u64) < UNCOMMON, "the bit is not a field's");

/// Appends those fields of the record that are in `changed`, as differences from the base.
pub(super) fn write(
    topic: u32,
    record: &Record,
    changed: FieldSet,
    base: (&Fields, BaseNumbers),
    before: &mut Before,
    out: &mut Vec<u8>,
) {
    let (base, numbers) = base;
    let fields = &record.fields;
    let set = changed.intersect(fields.mask);
    let uncommon = fields.uncommon().only(changed);
    put(zigzag(i64::from(topic) - i64::from(before.topic)), out);
    put(record.seq.wrapping_sub(numbers.seq), out);
    put(record.order.wrapping_sub(numbers.order), out);
    put(zigzag(record.rx.0.wrapping_sub(before.rx)), out);
    put(zigzag(record.ts.0.wrapping_sub(record.rx.0)), out);
    *before = Before { topic, rx: record.rx.0 };
    let (volume, rest) = fields.volume_parts();
    let flag = if uncommon.is_empty() { 0 } else { UNCOMMON };
    put(u64::from(set.0) | flag, out);
    if !uncommon.is_empty() {
        put(uncommon.word(), out);
        if uncommon.has_rest() {
            put(u64::from(rest), out);
        }
    }
    for index in bits(set) {
        put(zigzag(fields.mantissas()[index].wrapping_sub(base.mantissas()[index])), out);
    }
    if set.contains(Field::Volume) {
        put_wide(volume.wrapping_sub(base.volume_parts().0), out);
    }
    if set.contains(Field::Trades) {
        put(fields.trades.wrapping_sub(base.trades), out);
    }
    if set.contains(Field::Side) {
        out.push(match fields.side {
            Side::Unknown => 0,
            Side::Buy => 1,
            Side::Sell => 2,
        });
    }
    if set.contains(Field::TradeId) {
        fields.trade_id().pack(|word| put(word, out));
    }
}

/// Indexes of the decimal fields in a set.
fn bits(set: FieldSet) -> impl Iterator<Item = usize> {
    let mut bits = set.0 & DECIMAL_BITS;
    std::iter::from_fn(move || {
        let index = (bits != 0).then(|| bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(index)
    })
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn put_wide(number: i128, out: &mut Vec<u8>) {
    let mut number = ((number << 1) ^ (number >> 127)).cast_unsigned();
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

// === impl PackedReader ===

impl PackedReader<'_> {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the topic of the next entry; [`Self::entry`] reads the rest.
    pub fn topic(&mut self, before: &Before) -> u32 {
        let topic = i64::from(before.topic).wrapping_add(unzigzag(self.next()));
        u32::try_from(topic).unwrap_or(u32::MAX)
    }

    pub fn entry(&mut self, topic: u32, base: (&Fields, BaseNumbers), before: &mut Before) -> PackedRecord {
        let (base, numbers) = base;
        let numbers = BaseNumbers {
            seq: numbers.seq.wrapping_add(self.next()),
            order: numbers.order.wrapping_add(self.next()),
        };
        let rx = before.rx.wrapping_add(unzigzag(self.next()));
        let ts = rx.wrapping_add(unzigzag(self.next()));
        *before = Before { topic, rx };
        let mut fields = Fields::default();
        let head = self.next();
        let set = FieldSet(head as u16).intersect(FieldSet::ALL);
        if head & UNCOMMON != 0 {
            let uncommon = Uncommon::from_word(self.next());
            let rest = if uncommon.has_rest() { self.next() as u32 } else { 0 };
            fields.set_uncommon(uncommon, rest);
        }
        fields.mask = set;
        for index in bits(set) {
            fields.mantissas_mut()[index] = base.mantissas()[index].wrapping_add(unzigzag(self.next()));
        }
        if set.contains(Field::Volume) {
            fields.set_volume_units(base.volume_parts().0.wrapping_add(self.next_wide()));
        }
        if set.contains(Field::Trades) {
            fields.trades = base.trades.wrapping_add(self.next());
        }
        if set.contains(Field::Side) {
            fields.side = match self.byte() {
                1 => Side::Buy,
                2 => Side::Sell,
                _ => Side::Unknown,
            };
        }
        if set.contains(Field::TradeId) {
            fields.put_trade_id(TradeId::unpack(|| self.next()));
        }
        PackedRecord { numbers, ts: Nanos(ts), rx: Nanos(rx), fields }
    }

    fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    fn next(&mut self) -> u64 {
        self.next_bits() as u64
    }

    fn next_wide(&mut self) -> i128 {
        let number = self.next_bits();
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }

    fn next_bits(&mut self) -> u128 {
        let (mut number, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            number |= u128::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 || shift >= 128 {
                return number;
            }
        }
    }
}
