//! Laws of the engine, over scenarios, seeds and messages that are drawn.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;

use super::{FaultEngine, Offered, Ruling, RunningScenario, deal::Deal, engine::FaultAct, read};
use crate::tick::{Nanos, Symbol};

/// One message of the market.
#[derive(Clone, Copy, Debug)]
struct Drawn {
    symbol: usize,
    is_trade: bool,
    /// Milliseconds behind the one before.
    behind: i64,
}

const SYMBOLS: [&str; 3] = ["A", "B", "C"];

const FAULTS: [&str; 12] = [
    "kind = \"mute\"\nshare = 0.5\nafter = \"2s\"\nfor = \"1s\"\nevery = \"3s\"",
    "kind = \"lose\"\nchance = 0.1",
    "kind = \"delay\"\nby = \"300ms\"\nstreams = [\"quotes\"]",
    "kind = \"reorder\"\nchance = 0.2\nbehind = 2",
    "kind = \"duplicate\"\nchance = 0.2\ncopies = 2",
    "kind = \"again\"\nafter = \"1s\"\nevery = \"2s\"",
    "kind = \"restart\"\nafter = \"2s\"",
    "kind = \"jump\"\nnumbers = 10\nafter_messages = 20",
    "kind = \"stale\"\nby = \"1s\"\nfor = \"2s\"",
    "kind = \"burst\"\ntimes = 3\nafter = \"3s\"\nfor = \"1s\"",
    "kind = \"halt\"\nsymbols = [\"A\"]\nafter = \"1s\"\nfor = \"2s\"\nevery = \"5s\"",
    "kind = \"shutdown\"\nafter = \"6s\"\nnotice = \"1s\"",
];

fn running(faults: &[usize], seed: u64) -> Arc<RunningScenario> {
    let faults: Vec<&str> = faults.iter().flat_map(|&fault| ["[[fault]]", FAULTS[fault]]).collect();
    let faults = faults.join("\n");
    let scenario = read::parse("drawn", &format!("name = \"d\"\nmodelled_on = \"d\"\n{faults}")).unwrap();
    Arc::new(RunningScenario::new(scenario, seed))
}

/// Each message in the order of its time, with its number within its symbol.
fn offered(drawn: &[Drawn]) -> Vec<(Symbol, bool, u64, Nanos)> {
    let (mut at, mut seqs) = (0, [0; SYMBOLS.len()]);
    drawn
        .iter()
        .map(|one| {
            at += one.behind * 1_000_000;
            seqs[one.symbol] += 1;
            (Symbol::new(SYMBOLS[one.symbol]).unwrap(), one.is_trade, seqs[one.symbol], Nanos(at))
        })
        .collect()
}

fn played(engine: &mut FaultEngine, messages: &[(Symbol, bool, u64, Nanos)]) -> Vec<Ruling> {
    messages
        .iter()
        .map(|(symbol, is_trade, seq, at)| {
            let (class, stream) = if *is_trade { ("trades", "trade") } else { ("quotes", "bookTicker") };
            engine.offer(&Offered { class, stream, symbol, numbers: [1_000 + seq, *seq], at: *at })
        })
        .collect()
}

prop_compose! {
    fn drawn()(symbol in 0..SYMBOLS.len(), is_trade in any::<bool>(), behind in 0i64..400) -> Drawn {
        Drawn { symbol, is_trade, behind }
    }
}

proptest! {
    /// Also for the second connection of a dialect, and whatever other dialects do in between.
    #[test]
    fn the_same_seed_gives_the_same_rulings(
        faults in prop::collection::vec(0..FAULTS.len(), 1..6),
        drawn in prop::collection::vec(drawn(), 1..120),
        seed in any::<u64>(),
    ) {
        let messages = offered(&drawn);
        let rulings = |others: usize| {
            let running = running(&faults, seed);
            running.begin(Nanos(0));
            let mut connections = Vec::new();
            for _ in 0..2 {
                for _ in 0..others {
                    played(&mut FaultEngine::new(&running, "kraken"), &messages);
                }
                connections.push(played(&mut FaultEngine::new(&running, "binance"), &messages));
            }
            connections
        };
        prop_assert_eq!(rulings(0), rulings(2));
    }

    /// Of a message that the fan-out has merged away, a fault by chance asks nothing of the others.
    #[test]
    fn what_chance_does_to_a_message_does_not_depend_on_the_others(
        drawn in prop::collection::vec(drawn(), 2..120),
        seed in any::<u64>(),
        kept in prop::collection::vec(any::<bool>(), 120),
    ) {
        let messages = offered(&drawn);
        let some: Vec<_> =
            messages.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(message, _)| message.clone()).collect();
        let deals = |messages: &[_]| -> Vec<Deal> {
            let running = running(&[1, 3, 4], seed);
            running.begin(Nanos(0));
            played(&mut FaultEngine::new(&running, "binance"), messages).into_iter().map(|ruling| ruling.deal).collect()
        };
        let all = deals(&messages);
        let expected: Vec<_> = all.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(deal, _)| deal.clone()).collect();
        prop_assert_eq!(deals(&some), expected);
    }

    /// Each fault that is done is recorded, and each message that is dropped is counted.
    #[test]
    fn what_is_dropped_is_counted_and_what_is_done_is_recorded(
        faults in prop::collection::vec(0..FAULTS.len(), 1..6),
        drawn in prop::collection::vec(drawn(), 1..120),
        seed in any::<u64>(),
    ) {
        let running = running(&faults, seed);
        running.begin(Nanos(0));
        let mut engine = FaultEngine::new(&running, "binance");
        let messages = offered(&drawn);
        let rulings = played(&mut engine, &messages);
        let dropped = rulings.iter().filter(|ruling| ruling.deal.is_dropped).count() as u64;
        prop_assert_eq!(running.withheld(), dropped);
        prop_assert_eq!(running.counts().map(|(_, count)| count).sum::<u64>(), running.recorded());
        let ends = rulings.iter().flat_map(|ruling| &ruling.acts).filter(|act| matches!(act, (_, FaultAct::End(_))));
        let last = messages.last().map_or(Nanos(0), |(.., at)| *at);
        let first = messages.first().map_or(Nanos(0), |(.., at)| *at);
        let is_over = faults.contains(&11) && last.since(first) >= 7_000_000_000;
        prop_assert_eq!(ends.count() > 0, is_over);
    }

    /// Steps wait neither for a message nor twice: what a look at the clock finds is not found again.
    #[test]
    fn a_step_is_done_once_by_messages_or_by_the_clock(
        drawn in prop::collection::vec(drawn(), 1..80),
        looks in prop::collection::vec(any::<bool>(), 80),
    ) {
        let messages = offered(&drawn);
        let acts = |looks: &[bool]| -> Vec<(Nanos, FaultAct)> {
            let running = running(&[5, 10, 11], 1);
            running.begin(Nanos(0));
            let mut engine = FaultEngine::new(&running, "binance");
            let mut acts = Vec::new();
            for (index, message) in messages.iter().enumerate() {
                acts.extend(played(&mut engine, std::slice::from_ref(message)).remove(0).acts);
                if looks[index] {
                    acts.extend(engine.advance(message.3));
                }
            }
            let end = messages.last().map_or(Nanos(0), |message| message.3.plus(Duration::from_secs(30)));
            acts.extend(engine.advance(end));
            assert!(!engine.is_due(end));
            acts
        };
        prop_assert_eq!(acts(&looks), acts(&[false; 80]));
    }

    /// However numbers are moved, those of one stream rise within a stretch, and a burst has space for its own.
    #[test]
    fn numbers_of_a_stream_rise_but_where_they_begin_again(
        drawn in prop::collection::vec(drawn(), 1..120),
        faults in prop::sample::subsequence(vec![6usize, 7, 9], 1..3),
    ) {
        let running = running(&faults, 1);
        running.begin(Nanos(0));
        let messages = offered(&drawn);
        let rulings = played(&mut FaultEngine::new(&running, "binance"), &messages);
        for symbol in SYMBOLS {
            for of_trades in [true, false] {
                let mut next = 0;
                let mut falls = 0;
                for (message, ruling) in messages.iter().zip(&rulings) {
                    if message.0.as_str() != symbol || message.1 != of_trades {
                        continue;
                    }
                    let [number, _] = ruling.deal.numbers;
                    falls += u64::from(number < next);
                    next = number + u64::from(ruling.deal.parts);
                }
                prop_assert!(falls <= u64::from(faults.contains(&6)), "{symbol}: {falls}");
            }
        }
    }
}

#[test]
fn another_seed_has_other_faults() {
    let drawn: Vec<Drawn> = (0..200).map(|n| Drawn { symbol: n % 3, is_trade: true, behind: 20 }).collect();
    let deals = |seed| {
        let running = running(&[1, 3, 4], seed);
        running.begin(Nanos(0));
        played(&mut FaultEngine::new(&running, "binance"), &offered(&drawn))
    };
    assert_eq!(deals(5), deals(5));
    assert_ne!(deals(5), deals(6));
}
