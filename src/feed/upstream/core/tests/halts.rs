//! Halts of symbols: who tells of them, and what ends them.

use super::*;

#[test]
fn a_halt_is_told_and_its_end() {
    let mut stage = Stage::new(facts(), &["A"]);
    let link = stage.open_all()[0];
    stage.tick(link, "A", QUOTES, 1);
    stage.note(link, Note::Halted { symbol: "A".into(), why: "maintenance".to_owned() });
    stage.tick(link, "A", QUOTES, 2);
    stage.note(link, Note::Trading { symbol: "A".into() });
    let states: Vec<State> = stage.states().into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, [State::Live, State::Halted, State::Live]);
}

#[test]
fn a_list_halts_what_it_does_not_trade() {
    let mut stage = Stage::new(facts(), &["A", "B"]);
    let link = stage.open_all()[0];
    stage.tick(link, "A", QUOTES, 1);
    stage.tick(link, "B", QUOTES, 1);
    // The first trade waits for those before it.
    stage.tick(link, "A", TRADES, 1);
    stage.pass(1);
    stage.states();
    let list = |stage: &mut Stage, halted: &[&str]| {
        let halted: Vec<_> = halted.iter().map(|symbol| ((*symbol).into(), "BREAK".to_owned())).collect();
        stage.upstream.listed(&halted, &mut stage.out);
        stage.states()
    };
    let a = |state| [("A".to_owned(), state)];
    assert_eq!(list(&mut stage, &["A"]), a(State::Halted));
    assert_eq!(list(&mut stage, &["A"]), []);
    assert_eq!(list(&mut stage, &[]), a(State::Live));
    list(&mut stage, &["A"]);
    stage.tick(link, "A", TRADES, 2);
    assert_eq!(stage.states(), a(State::Live), "it is traded again before the next list");
    // What a connection says of a halt, a list does not end.
    stage.note(link, Note::Halted { symbol: "A".into(), why: "news".to_owned() });
    assert_eq!(stage.states(), a(State::Halted));
    assert_eq!(list(&mut stage, &[]), []);
}

/// Its end was told while there was no connection.
#[test]
fn a_trade_over_another_connection_ends_a_halt() {
    let mut stage = Stage::new(facts(), &["A"]);
    let link = stage.open_all()[0];
    stage.tick(link, "A", QUOTES, 1);
    stage.note(link, Note::Halted { symbol: "A".into(), why: "news".to_owned() });
    // What is reported late of the time before.
    stage.tick(link, "A", TRADES, 1);
    stage.breaks(link);
    stage.pass(1);
    let again = stage.open_all()[0];
    stage.tick(again, "A", QUOTES, 2);
    let states = |stage: &mut Stage| stage.states().iter().map(|(_, state)| *state).collect::<Vec<_>>();
    assert_eq!(states(&mut stage), [State::Live, State::Halted]);
    stage.tick(again, "A", TRADES, 2);
    assert_eq!(states(&mut stage), [State::Live]);
    // One that the new connection tells of is not over.
    stage.note(again, Note::Halted { symbol: "A".into(), why: "news".to_owned() });
    stage.tick(again, "A", TRADES, 3);
    assert_eq!(states(&mut stage), [State::Halted]);
}
