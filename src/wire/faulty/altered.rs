//! [`AlteredMessage`]: a message whose content a fault has changed: sequence numbers, time, or a part of its size. The
//! dialect's own encoder writes it.

use crate::{
    scenario::deal::Deal,
    tick::{Decimal, Field, Fields, Nanos, TradeId, TradeReport},
    wire::encodings::encoder::{RecordPart, Shown},
};

/// The values of an altered message.
pub struct AlteredMessage {
    fields: Fields,
    report: Option<TradeReport>,
    seq: u64,
    at: Option<Nanos>,
}

impl AlteredMessage {
    /// The `index`th part of a message, altered as the fault engine decided; `None` if nothing is altered.
    pub fn of(
        deal: &Deal,
        index: u32,
        is_trade: bool,
        shown: &Shown<'_>,
        part: &RecordPart<'_>,
        number: u64,
    ) -> Option<Self> {
        let [trade, seq] = deal.numbers.map(|number| number + u64::from(index));
        if deal.parts == 1 && deal.stamped.is_none() && (trade, seq) == (number, shown.seq) {
            return None;
        }
        let mut altered = AlteredMessage {
            fields: shown.fields.clone(),
            report: part.report.cloned(),
            seq,
            at: deal.stamped,
        };
        // A trade without a venue's number is numbered by its record.
        if trade != number
            && number != shown.seq
            && let Ok(id) = TradeId::new(itoa::Buffer::new().format(trade))
        {
            altered.rename(id);
        }
        if is_trade && deal.parts > 1 {
            altered.take_part(index, deal.parts, part);
        }
        Some(altered)
    }

    /// The message, with the unaltered values filled in.
    pub fn shown<'a>(&'a self, shown: &Shown<'_>, part: &RecordPart<'_>) -> (Shown<'a>, RecordPart<'a>) {
        let (ts, rx) = self.at.map_or((shown.ts, shown.rx), |at| (at, at));
        let shown = Shown { seq: self.seq, ts, rx, fields: &self.fields };
        (shown, RecordPart { report: self.report.as_ref(), ..*part })
    }

    fn rename(&mut self, id: TradeId) {
        if let Some(report) = self.report.as_mut().filter(|report| !report.id.is_empty()) {
            report.id = id;
        } else {
            self.fields.set_trade_id(id);
        }
    }

    /// Takes this part's share of the size: the shares add up to the whole.
    fn take_part(&mut self, index: u32, parts: u32, part: &RecordPart<'_>) {
        let told = part.report.and_then(|report| report.last_size);
        let Some(size) = told.or_else(|| self.fields.get_decimal(Field::LastSize)) else { return };
        let size = part_of(size, index, parts);
        if let Some(report) = self.report.as_mut().filter(|report| report.last_size.is_some()) {
            report.last_size = Some(size);
        } else {
            self.fields.set_decimal(Field::LastSize, size);
        }
    }
}

/// One of `parts` decimals that add up to `size`: equal shares, with the remainder in the last.
pub fn part_of(size: Decimal, index: u32, parts: u32) -> Decimal {
    let (mantissa, places) = size.mantissa();
    let one = mantissa / i64::from(parts);
    let own = if index + 1 == parts { mantissa - one * i64::from(parts - 1) } else { one };
    Decimal::with_places(own, places).unwrap_or(size)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn parts_add_up(mantissa in 1i64..1_000_000_000_000, places in 0u32..8, parts in 2u32..100) {
            let size = Decimal::with_places(mantissa, places).unwrap();
            let sum: i128 = (0..parts).map(|index| part_of(size, index, parts).smallest_units()).sum();
            prop_assert_eq!(sum, size.smallest_units());
        }
    }
}
