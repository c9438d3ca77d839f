//! What a trade affects, as the sale conditions by which venues say it (docs/CONDITIONS.md).
//!
//! The market keeps what a trade affects, and not its conditions: here are the fewest that say the same. A trade that
//! moves the last price and not high and low has none, because no condition says so.

use crate::tick::Affects;

/// A sale condition: its letter on tape C, and its number in Massive's list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TradeCondition {
    pub letter: &'static str,
    pub number: u16,
}

const SOLD_OUT_OF_SEQUENCE: TradeCondition = TradeCondition { letter: "Z", number: 33 };
const ODD_LOT: TradeCondition = TradeCondition { letter: "I", number: 37 };
const CORRECTED_CLOSE: TradeCondition = TradeCondition { letter: "9", number: 38 };
const OFFICIAL_CLOSE: TradeCondition = TradeCondition { letter: "M", number: 15 };

/// The conditions of a trade that affects this much; none for a regular one.
pub fn of(affects: Affects) -> &'static [TradeCondition] {
    let [last, high_low, volume] =
        [Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME].map(|one| affects.contains(one));
    match (last, high_low, volume) {
        (true, _, true) => &[],
        (true, _, false) => &[CORRECTED_CLOSE],
        (false, true, true) => &[SOLD_OUT_OF_SEQUENCE],
        (false, true, false) => &[SOLD_OUT_OF_SEQUENCE, CORRECTED_CLOSE],
        (false, false, true) => &[ODD_LOT],
        (false, false, false) => &[OFFICIAL_CLOSE],
    }
}
