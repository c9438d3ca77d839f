//! A topic's short history: the last ticks, packed.
//!
//! Loss first: the ring holds at most `limits.ring_ticks`; pushing one more forgets the oldest, and a reader that asks
//! for a forgotten seq is told the oldest one there is. It never skips silently.
//!
//! A tick takes three words and one for each value it carries (a quote 56 bytes, a trade about 64), not the 160 of a
//! [`Stamped`]; the ring grows with the ticks that pass, so that a quiet topic costs next to nothing.

use std::collections::VecDeque;

use super::{Stamped, TopicId};
use crate::tick::{FIXED_FIELDS, Field, FieldSet, Fields, Fixed, Nanos, Side, Volume};

#[derive(Clone, Debug, Default)]
pub struct Ring {
    /// The packed ticks, oldest first.
    words: VecDeque<u64>,
    /// Where each tick begins, counted in words since the ring began.
    starts: VecDeque<u64>,
    /// Words that were forgotten: what must be taken off a start to index `words`.
    forgotten: u64,
    /// Seq of the oldest tick held.
    oldest: u64,
}

const SIDE_SHIFT: u32 = 16;
const ORDER_SHIFT: u32 = 18;

impl Ring {
    /// Seq of the oldest tick held; meaningful when not empty.
    pub fn oldest(&self) -> Option<u64> {
        (!self.starts.is_empty()).then_some(self.oldest)
    }

    pub fn len(&self) -> usize {
        self.starts.len()
    }

    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Bytes that the ring holds allocated.
    pub fn bytes(&self) -> usize {
        (self.words.capacity() + self.starts.capacity()) * size_of::<u64>()
    }

    /// Takes a tick in, and forgets the oldest when more than `max` are held. `tick.seq` follows the newest held.
    pub fn push(&mut self, tick: &Stamped, max: usize) {
        if max == 0 {
            return;
        }
        if self.starts.is_empty() {
            self.oldest = tick.seq;
        }
        while self.starts.len() >= max {
            self.forget_oldest();
        }
        self.starts.push_back(self.forgotten + self.words.len() as u64);
        let fields = &tick.fields;
        let mask = fields.mask.0;
        self.words.push_back(
            u64::from(mask) | (side_bits(fields.side) << SIDE_SHIFT) | (tick.order << ORDER_SHIFT),
        );
        self.words.push_back(tick.ts.0.cast_unsigned());
        self.words.push_back(tick.rx.0.cast_unsigned());
        for index in 0..FIXED_FIELDS {
            if mask & (1 << index) != 0 {
                self.words.push_back(fields.fixed[index].0.cast_unsigned());
            }
        }
        if fields.mask.contains(Field::Volume) {
            let volume = fields.volume.0.cast_unsigned();
            self.words.push_back(volume as u64);
            self.words.push_back((volume >> 64) as u64);
        }
        if fields.mask.contains(Field::Trades) {
            self.words.push_back(fields.trades);
        }
    }

    /// Appends ticks `from..=to`, at most `max`, oldest first; nothing when `from` is forgotten.
    pub fn read(&self, topic: TopicId, from: u64, to: u64, max: usize, out: &mut Vec<Stamped>) {
        if from < self.oldest || self.starts.is_empty() {
            return;
        }
        let first = (from - self.oldest) as usize;
        let wanted = (to.saturating_sub(from).saturating_add(1)).min(max as u64) as usize;
        let starts = self.starts.iter().enumerate().skip(first).take(wanted);
        out.extend(starts.map(|(index, &start)| self.unpack(topic, self.oldest + index as u64, start)));
    }

    fn forget_oldest(&mut self) {
        let Some(start) = self.starts.pop_front() else { return };
        let end = self.starts.front().copied().unwrap_or(self.forgotten + self.words.len() as u64);
        self.words.drain(..(end - start) as usize);
        self.forgotten = end;
        self.oldest += 1;
    }

    fn unpack(&self, topic: TopicId, seq: u64, start: u64) -> Stamped {
        let mut at = (start - self.forgotten) as usize;
        let mut next = || {
            let word = self.words.get(at).copied().unwrap_or_default();
            at += 1;
            word
        };
        let head = next();
        let mask = FieldSet(head as u16);
        let ts = Nanos(next().cast_signed());
        let rx = Nanos(next().cast_signed());
        let mut fields = Fields { mask, side: side_of(head >> SIDE_SHIFT), ..Fields::default() };
        for index in 0..FIXED_FIELDS {
            if mask.0 & (1 << index) != 0 {
                fields.fixed[index] = Fixed(next().cast_signed());
            }
        }
        if mask.contains(Field::Volume) {
            let low = u128::from(next());
            fields.volume = Volume((low | (u128::from(next()) << 64)).cast_signed());
        }
        if mask.contains(Field::Trades) {
            fields.trades = next();
        }
        Stamped { topic, seq, order: head >> ORDER_SHIFT, ts, rx, fields }
    }
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
    use proptest::prelude::*;

    use super::*;

    fn any_fields() -> impl Strategy<Value = Fields> {
        (0u16..1 << 12, 0u64..3, any::<[i64; FIXED_FIELDS]>(), any::<u64>(), any::<i128>()).prop_map(
            |(mask, side, fixed, trades, volume)| {
                let mut fields = Fields { mask: FieldSet(mask), ..Fields::default() };
                for (index, &value) in fixed.iter().enumerate() {
                    if mask & (1 << index) != 0 {
                        fields.fixed[index] = Fixed(value);
                    }
                }
                if fields.mask.contains(Field::Side) {
                    fields.side = side_of(side);
                }
                if fields.mask.contains(Field::Volume) {
                    fields.volume = Volume(volume);
                }
                if fields.mask.contains(Field::Trades) {
                    fields.trades = trades;
                }
                fields
            },
        )
    }

    proptest! {
        #[test]
        fn holds_exactly_the_last_ticks(ticks in prop::collection::vec(any_fields(), 0..60), max in 1usize..20, from in 0u64..70, to in 0u64..70, limit in 1usize..30) {
            let mut ring = Ring::default();
            let stamped: Vec<Stamped> = ticks.iter().zip(1u64..).map(|(&fields, seq)| Stamped {
                topic: TopicId(3), seq, order: seq * 7, ts: Nanos(-5), rx: Nanos(seq as i64), fields,
            }).collect();
            for tick in &stamped {
                ring.push(tick, max);
            }
            let kept = &stamped[stamped.len().saturating_sub(max)..];
            prop_assert_eq!(ring.len(), kept.len());
            prop_assert_eq!(ring.oldest(), kept.first().map(|tick| tick.seq));
            let mut read = Vec::new();
            ring.read(TopicId(3), from, to, limit, &mut read);
            let expected: Vec<Stamped> = match kept.first() {
                Some(oldest) if from >= oldest.seq => {
                    kept.iter().filter(|tick| tick.seq >= from && tick.seq <= to.max(from)).take(limit).copied().collect()
                }
                _ => Vec::new(),
            };
            prop_assert_eq!(read, expected);
        }
    }
}
