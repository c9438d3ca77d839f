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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::conditions::{self, ConditionTape};

    #[test]
    fn letters_and_numbers_say_what_a_trade_affects() {
        let all = [Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME];
        for bits in 0..8 {
            let set = all.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
            let affects = set.fold(Affects::NONE, |set, (_, one)| set.with(one));
            // The last price moves high and low too, where a condition says anything.
            let said =
                if affects.contains(Affects::LAST) { affects.with(Affects::HIGH_LOW) } else { affects };
            let conditions = of(affects);
            let letters = conditions.iter().map(|condition| condition.letter);
            assert_eq!(conditions::of_tape(letters, ConditionTape::Utp), said);
            let numbers: Vec<String> =
                conditions.iter().map(|condition| condition.number.to_string()).collect();
            assert_eq!(conditions::of_massive(&numbers.join(",")), said);
        }
    }
}
