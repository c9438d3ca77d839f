//! The law of publishing: however often a message is sent again, and wherever its connections were cut, each of its trades
//! is in the volume once.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use rand::{Rng, RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::{
    fanout::Units,
    feed::RejectCounts,
    tick::{CustomFields, Nanos, Symbol, Tick, Volume},
    topic::{FeedId, Ingest, Market},
};

/// The market, without a service around it.
struct Pushed {
    ingest: Ingest,
    rejected: Mutex<u64>,
}

impl Pushed {
    fn new() -> Self {
        let market = Market::new(vec!["push".to_owned()], 100, 16);
        Pushed { ingest: Ingest::new(market, Vec::new()), rejected: Mutex::default() }
    }

    fn record(&self, symbol: &str) -> (u64, Volume) {
        let images = self.ingest.records(&[Symbol::new(symbol).expect("a symbol")]);
        images[0]
            .as_ref()
            .map_or_else(Default::default, |image| (image.record.seq, image.record.fields.volume()))
    }
}

impl PublishSink for Pushed {
    fn take(&self, ticks: &mut Vec<Tick>) -> PublishResult {
        let mut taking = PublishResult::default();
        let PublishResult { refused, seqs, .. } = &mut taking;
        taking.taken = self.ingest.submit_published(FeedId(0), ticks, Nanos(1), refused, seqs);
        taking
    }

    fn count_rejected(&self, counts: &RejectCounts) {
        *self.rejected.lock().expect("one thread") += counts.total();
    }
}

fn message(ticks: &str) -> TickMessage {
    let text = format!(r#"{{"op":"publish","ticks":[{ticks}]}}"#).into_bytes();
    let cut = cut::cut(&text, TICKS_A_MESSAGE).expect("a command that publishes");
    TickMessage::new(text, cut)
}

fn decoder() -> TickDecoder {
    TickDecoder::new(1_000, CustomFields::none())
}

fn numbered(publisher: &str, number: u64) -> NumberedMessage {
    NumberedMessage { publisher: publisher_of(None, publisher), number }
}

fn publisher_of(user: Option<&str>, name: &str) -> Publisher {
    Publisher { user: user.map(Into::into), name: PublisherName::new(name).expect("a name") }
}

/// Decodes a whole message, and takes it in.
fn publish(
    market: &Pushed,
    publishers: &Publishers,
    ticks: &str,
    numbered: Option<&NumberedMessage>,
) -> Result<Arc<Outcome>, NumberFault> {
    let mut message = message(ticks);
    let units = &mut Units::unlimited();
    assert!(message.decode(&mut decoder(), |_| true, units), "units are unlimited");
    message.take(market, publishers, numbered, Nanos(1), units)
}

// === what becomes of single messages ===

#[test]
fn an_outcome_names_seqs_and_the_ticks_that_were_not_taken() {
    let (market, publishers) = (Pushed::new(), Publishers::default());
    let ticks = r#"{"symbol":"A","bid":1}, {"symbol":"B","bid":"x"}, 7, {"symbol":"B","bid":2}, {"symbol":"A","bid":3}, {"symbol":"C","cancel":"1"}"#;
    let outcome = publish(&market, &publishers, ticks, None).expect("it has no number");
    let seqs: Vec<_> = outcome.seqs.iter().map(|(symbol, seq)| (symbol.as_str(), *seq)).collect();
    assert_eq!((outcome.accepted, seqs), (3, vec![("A", 2), ("B", 1)]));
    let rejected: Vec<_> =
        outcome.rejected.iter().map(|rejected| (rejected.at, rejected.reason.label())).collect();
    assert_eq!(rejected, [(1, "value"), (2, "syntax"), (5, "unknown_trade")]);
    assert_eq!(*market.rejected.lock().expect("one thread"), 2, "the third is counted by the market");
}

#[test]
fn decoding_stops_when_its_units_are_spent_and_goes_on() {
    let ticks: Vec<_> = (0..200).map(|bid| format!(r#"{{"symbol":"A","bid":{bid}}}"#)).collect();
    let mut message = message(&ticks.join(","));
    let mut decoder = decoder();
    let mut slices = 1;
    while !message.decode(&mut decoder, |_| true, &mut Units::new(64)) {
        slices += 1;
    }
    assert!(slices > 10, "{slices} slices of 64 units");
    let (market, publishers) = (Pushed::new(), Publishers::default());
    let outcome =
        message.take(&market, &publishers, None, Nanos(1), &mut Units::unlimited()).expect("no number");
    assert_eq!((outcome.accepted, market.record("A").0), (200, 200));
}

#[test]
fn a_symbol_that_may_not_be_published_is_one_rejected_tick() {
    let mut message = message(r#"{"symbol":"OURS","bid":1},{"symbol":"THEIRS","bid":1}"#);
    let may = |symbol: &Symbol| symbol.as_str() == "OURS";
    assert!(message.decode(&mut decoder(), may, &mut Units::unlimited()));
    let (market, publishers) = (Pushed::new(), Publishers::default());
    let outcome =
        message.take(&market, &publishers, None, Nanos(1), &mut Units::unlimited()).expect("no number");
    assert_eq!((outcome.accepted, outcome.rejected[0].reason.label()), (1, "not_entitled"));
    assert_eq!(market.record("THEIRS").0, 0);
}

// === numbers ===

#[test]
fn numbers_begin_at_1_leave_no_gap_and_the_last_is_answered_again() {
    let (market, publishers) = (Pushed::new(), Publishers::default());
    let take =
        |number| publish(&market, &publishers, r#"{"symbol":"A","bid":1}"#, Some(&numbered("p", number)));
    let expected = |fault: Result<Arc<Outcome>, NumberFault>| match fault {
        Err(NumberFault::Gap { expected, .. }) => ("gap", expected),
        Err(NumberFault::Old { expected, .. }) => ("old", expected),
        other => panic!("{other:?}"),
    };
    assert_eq!(expected(take(2)), ("gap", 1));
    assert_eq!(expected(take(0)), ("old", 1));
    let first = take(1).expect("the first");
    assert_eq!(take(1).expect("a retry"), first);
    let second = take(2).expect("the next");
    assert_eq!(expected(take(1)), ("old", 3));
    assert_eq!(expected(take(4)), ("gap", 3));
    assert_eq!(take(2).expect("a retry"), second);
    assert_eq!(market.record("A").0, 2, "two ticks were taken in");
    assert_eq!(publishers.last(&publisher_of(None, "p")), 2);
    assert_eq!(publishers.last(&publisher_of(None, "q")), 0);
}

#[test]
fn a_number_that_is_being_taken_in_is_busy_and_free_again_when_nothing_came_of_it() {
    let publishers = Publishers::default();
    let first = numbered("p", 1);
    let Ok(Begun::First(turn)) = publishers.begin(&first, Nanos(1)) else { panic!("it is the first") };
    assert!(matches!(publishers.begin(&first, Nanos(1)), Err(NumberFault::Busy { .. })));
    drop(turn);
    let Ok(Begun::First(mut turn)) = publishers.begin(&first, Nanos(1)) else { panic!("nothing was taken") };
    turn.begin_taking();
    turn.outcome.accepted = 7;
    // As when a thread panics in the middle: what was taken in is known, and the number is used up.
    drop(turn);
    assert!(
        matches!(publishers.begin(&first, Nanos(1)), Ok(Begun::Repeated(outcome)) if outcome.accepted == 7)
    );
}

#[test]
fn publishers_are_bounded_and_only_a_silent_one_is_forgotten() {
    let publishers = Publishers::default();
    let begin = |name: &str, number, second: i64| {
        publishers.begin(&numbered(name, number), Nanos(second * 1_000_000_000)).map(|begun| {
            if let Begun::First(mut turn) = begun {
                turn.begin_taking();
            }
        })
    };
    for at in 0..PUBLISHERS_MAX {
        begin(&format!("p{at}"), 1, 10 + i64::try_from(at).expect("few")).expect("there is room");
    }
    assert_eq!(begin("late", 1, 3_000), Err(NumberFault::TooMany));
    begin("late", 1, 3_611).expect("the oldest has been silent for an hour");
    // What was forgotten is not taken for new: its retry is refused.
    assert!(matches!(begin("p0", 2, 3_612), Err(NumberFault::Gap { expected: 1, .. })));
    begin("p1", 2, 3_612).expect("it is known still");
}

#[test]
fn a_publisher_of_another_user_is_another_one() {
    let publishers = Publishers::default();
    let begin = |user: Option<&str>, name: &str, number| {
        let message = NumberedMessage { publisher: publisher_of(user, name), number };
        publishers.begin(&message, Nanos(1)).map(|begun| match begun {
            Begun::First(mut turn) => {
                turn.begin_taking();
                true
            }
            Begun::Repeated(_) => false,
        })
    };
    assert_eq!(begin(Some("alice"), "gateway", 1), Ok(true));
    assert_eq!(begin(Some("mallory"), "gateway", 1), Ok(true), "it has numbers of its own");
    assert_eq!(
        (begin(Some("alice"), "gateway", 1), begin(Some("alice"), "gateway", 2)),
        (Ok(false), Ok(true))
    );
    assert_eq!(publishers.last(&publisher_of(Some("mallory"), "gateway")), 1);
    assert_eq!(publishers.last(&publisher_of(None, "gateway")), 0);
    for at in 1..PUBLISHERS_OF_USER_MAX {
        assert_eq!(begin(Some("mallory"), &format!("g{at}"), 1), Ok(true));
    }
    assert_eq!(begin(Some("mallory"), "more", 1), Err(NumberFault::TooMany));
    assert_eq!(begin(Some("alice"), "more", 1), Ok(true), "nobody takes the place of others");
}

// === the law ===

/// Where a connection is cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum CutAt {
    /// Nothing arrives.
    Before,
    /// Some of it is decoded.
    Decoding,
    /// It is taken in, and its answer is lost.
    Answer,
    /// It is answered.
    Never,
}

/// One publisher that sends trades, again and again until each message is answered.
struct Sender {
    name: String,
    number: u64,
    ticks: String,
    /// The first outcome of the present number, if the market had it.
    first: Option<Arc<Outcome>>,
}

/// Runs until there were so many retries; returns the volume that should be there and the volume that is.
fn run(seed: u64, retries: usize, has_numbers: bool) -> (BTreeMap<String, (u64, i128)>, Pushed) {
    let (market, publishers) = (Pushed::new(), Publishers::default());
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut due: BTreeMap<String, (u64, i128)> = BTreeMap::new();
    let mut senders: Vec<_> = (0..3).map(|at| Sender::new(at, &mut random, &mut due)).collect();
    // Copies that are still on their way by connections that were given up.
    let mut late: Vec<(String, NumberedMessage)> = Vec::new();
    let mut done = 0;
    while done < retries || !late.is_empty() {
        if !late.is_empty() && random.random_range(0..4) == 0 {
            let (ticks, numbered) = late.swap_remove(random.random_range(0..late.len()));
            let _ = publish(&market, &publishers, &ticks, Some(&numbered).filter(|_| has_numbers));
            let sender = senders.iter_mut().find(|sender| sender.name == numbered.publisher.name.as_str());
            let sender = sender.expect("each has a sender");
            if sender.number == numbered.number && sender.first.is_none() {
                sender.first = publishers.begin(&numbered, Nanos(1)).ok().and_then(|begun| match begun {
                    Begun::Repeated(outcome) => Some(outcome),
                    Begun::First(_) => None,
                });
            }
            continue;
        }
        let at = random.random_range(0..senders.len());
        let sender = &mut senders[at];
        let number = numbered(&sender.name, sender.number);
        let cut_at = [CutAt::Before, CutAt::Decoding, CutAt::Answer, CutAt::Never][random.random_range(0..4)];
        match cut_at {
            CutAt::Before => {
                if random.random_range(0..2) == 0 {
                    late.push((sender.ticks.clone(), number));
                }
            }
            CutAt::Decoding => {
                let mut message = message(&sender.ticks);
                message.decode(&mut decoder(), |_| true, &mut Units::new(random.random_range(1..40)));
            }
            CutAt::Answer | CutAt::Never => {
                let outcome =
                    publish(&market, &publishers, &sender.ticks, Some(&number).filter(|_| has_numbers));
                let outcome = outcome.expect("it is the next, or the last");
                let first = sender.first.get_or_insert_with(|| Arc::clone(&outcome));
                if has_numbers {
                    assert_eq!(*first, outcome, "a retry is given the first outcome");
                }
            }
        }
        done += usize::from(cut_at != CutAt::Never);
        if cut_at == CutAt::Never {
            sender.next(&mut random, &mut due);
        }
    }
    // Each sends its last message until it is answered.
    for sender in &senders {
        let number = numbered(&sender.name, sender.number);
        publish(&market, &publishers, &sender.ticks, Some(&number).filter(|_| has_numbers))
            .expect("the last");
    }
    (due, market)
}

impl Sender {
    fn new(at: usize, random: &mut impl Rng, due: &mut BTreeMap<String, (u64, i128)>) -> Self {
        let name = format!("p{at}");
        let mut sender = Sender { name, number: 0, ticks: String::new(), first: None };
        sender.next(random, due);
        sender
    }

    fn next(&mut self, random: &mut impl Rng, due: &mut BTreeMap<String, (u64, i128)>) {
        self.number += 1;
        self.first = None;
        let trades = (0..random.random_range(1..5)).map(|_| {
            let (symbol, size) = (format!("S{}", random.random_range(0..4)), random.random_range(1..100));
            let (trades, volume) = due.entry(symbol.clone()).or_default();
            (*trades, *volume) = (*trades + 1, *volume + size);
            format!(r#"{{"symbol":"{symbol}","last":"10.5","last_size":{size}}}"#)
        });
        self.ticks = trades.collect::<Vec<_>>().join(",");
    }
}

#[test]
fn volume_is_exact_after_a_hundred_thousand_retries_at_random_cuts() {
    for seed in 0..4 {
        let (due, market) = run(seed, 25_000, true);
        for (symbol, (trades, volume)) in due {
            let (seq, found) = market.record(&symbol);
            assert_eq!((seq, found.whole()), (trades, Some(volume)), "{symbol}, seed {seed}");
        }
    }
}

/// The negative control: the same cuts without numbers count trades twice.
#[test]
fn without_numbers_retries_count_twice() {
    let (due, market) = run(0, 1_000, false);
    let is_exact =
        |(symbol, (_, volume)): (&String, &(u64, i128))| market.record(symbol).1.whole() == Some(*volume);
    assert!(!due.iter().all(is_exact));
}
