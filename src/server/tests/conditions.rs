//! Law: the conditions by which dialects say what a trade affects mean that to whoever reads conditions.

use crate::{
    feed::conditions::{ConditionTape, of_massive, of_tape},
    tick::Affects,
    wire::dialects::conditions,
};

#[test]
fn letters_and_numbers_say_what_a_trade_affects() {
    let all = [Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME];
    for bits in 0..8 {
        let set = all.into_iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
        let affects = set.fold(Affects::NONE, |set, (_, one)| set.with(one));
        // No condition says that a trade moves the last price, and not high and low.
        let said = if affects.contains(Affects::LAST) { affects.with(Affects::HIGH_LOW) } else { affects };
        let written = conditions::of(affects);
        let letters = written.iter().map(|condition| condition.letter);
        assert_eq!(of_tape(letters, ConditionTape::Utp), said);
        let numbers: Vec<String> = written.iter().map(|condition| condition.number.to_string()).collect();
        assert_eq!(of_massive(&numbers.join(",")), said);
    }
}
