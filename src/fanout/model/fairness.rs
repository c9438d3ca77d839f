//! Fairness among sessions: each session that waits for a symbol is served early as often as late.

use std::{cell::Cell, time::Duration};

use super::world::ModelStore;
use crate::{
    fanout::{Emit, Fanout, GapReason, Mode, SessionKey, Spec, SubscribeRequest, TopicRef, View},
    tick::{Decimal, Field, Fields, Nanos, Symbol, Tick, WantedFields},
    topic::{Detail, FeedId, Market, Record, Stamped},
};

const TICKS: usize = 10_000;
/// Time between two ticks.
const STEP: Duration = Duration::from_millis(10);

/// A frame with room for everything, which keeps nothing.
struct Open;

impl Emit for Open {
    fn encoding(&self) -> u8 {
        0
    }

    fn has_room(&self) -> bool {
        true
    }

    fn keep(&mut self, _: usize) {}

    fn repeat(&mut self, _: usize) -> bool {
        true
    }

    fn snapshot(&mut self, _: &TopicRef<'_>, _: &View) {}

    fn past_trades(&mut self, _: &TopicRef<'_>, _: &[Stamped], _: &View) {}

    fn merged(&mut self, _: &TopicRef<'_>, _: u64, _: WantedFields, _: &View) {}

    fn last_tick(&mut self, _: &TopicRef<'_>, _: &View) {}

    fn tick(&mut self, _: &TopicRef<'_>, _: &Stamped, _: u64, _: &View) {}

    fn run(&mut self, _: &TopicRef<'_>, ticks: &[Stamped], _: &View) -> usize {
        ticks.len()
    }

    fn tape_event(&mut self, _: &TopicRef<'_>, _: &Record, _: u64, _: WantedFields, _: &View) {}

    fn gap(&mut self, _: &TopicRef<'_>, _: u64, _: u64, _: GapReason, _: &View) {}
}

/// How the sessions differ.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Plain,
    /// Two sessions in three differ: one wants some fields, one every tick.
    Mixed,
    /// One session in three takes its frames only after the next tick.
    SomeSlow,
    /// All wait for the same end of an interval.
    Interval,
    /// Every second session waits for a second symbol only, which also ticks in each batch.
    TwoSymbols,
}

/// How often each session was ready with others, the sum of its ranks among them (0 the first, 1 the last), and how
/// often it came before the session that subscribed after it.
#[derive(Clone, Copy, Default)]
struct Rank {
    times: f64,
    sum: f64,
    with_next: f64,
    before_next: f64,
}

fn spec(kind: Kind, index: usize) -> Spec {
    let quiet = Spec { snapshot: false, ..Spec::default() };
    match (kind, index % 3) {
        (Kind::Mixed, 1) => Spec { view: View { wanted: Field::Bid.bit().into(), ..View::WHOLE }, ..quiet },
        (Kind::Mixed, 2) => Spec { mode: Mode::Every, ..quiet },
        (Kind::Interval, _) => Spec { interval: 4 * STEP, ..quiet },
        _ => quiet,
    }
}

fn ranks(kind: Kind, count: usize) -> Vec<Rank> {
    let symbols = ["HOT", "TOO"].map(|name| Symbol::new(name).expect("a valid symbol"));
    let market = Market::new(vec!["feed".into()], 2, 64);
    let mut store = ModelStore { market, reads: Cell::new(0) };
    let mut now = Nanos(0);
    let mut fanout = Fanout::new(now, Duration::from_secs(60), 4);
    let sessions: Vec<SessionKey> = (0..count).map(|_| fanout.open()).collect();
    for (index, &session) in sessions.iter().enumerate() {
        let symbol = &symbols[if kind == Kind::TwoSymbols { index % 2 } else { 0 }];
        let spec = spec(kind, index);
        let request = SubscribeRequest::new(symbol, &spec);
        assert!(fanout.subscribe(session, &request, now, &store).is_ok());
    }
    let mut ranks = vec![Rank::default(); count];
    let mut late: Vec<SessionKey> = Vec::new();
    for tick in 0..TICKS {
        now = now.plus(STEP);
        let mut fields = Fields::default();
        fields.set_decimal(Field::Bid, Decimal::from_units(tick.cast_signed() as i64));
        let mut ticks: Vec<Tick> = symbols
            .iter()
            .map(|symbol| Tick { symbol: symbol.clone(), ts: None, fields: fields.clone() })
            .collect();
        let batch = store.market.ingest(FeedId(0), &mut ticks, now, &mut Vec::new(), Detail::Ticks);
        fanout.apply(&batch, now, &store);
        fanout.advance(now);
        let due = std::mem::take(&mut late);
        let mut served: Vec<usize> = Vec::new();
        while let Some(session) = fanout.next_ready() {
            let index = sessions.iter().position(|&known| known == session).expect("a known session");
            served.push(index);
            if kind == Kind::SomeSlow && index.is_multiple_of(3) {
                late.push(session);
            } else {
                fill(&mut fanout, session, now, &store);
            }
        }
        // The sockets of the slow sessions take bytes again.
        for session in due {
            fill(&mut fanout, session, now, &store);
        }
        note(&served, &mut ranks);
    }
    assert_eq!(fanout.accounts().residual(), 0);
    ranks
}

fn fill(fanout: &mut Fanout, session: SessionKey, now: Nanos, store: &ModelStore) {
    while !fanout.is_drained(session) {
        let tally = fanout.fill(session, now, store, &mut Open);
        fanout.accepted(&tally);
    }
}

fn note(served: &[usize], ranks: &mut [Rank]) {
    let Some(last) = served.len().checked_sub(1).filter(|&last| last > 0) else { return };
    let mut rank_of = vec![None; ranks.len()];
    for (rank, &index) in served.iter().enumerate() {
        rank_of[index] = Some(rank);
        ranks[index].times += 1.0;
        ranks[index].sum += rank as f64 / last as f64;
    }
    for (index, pair) in rank_of.windows(2).enumerate() {
        if let &[Some(own), Some(next)] = pair {
            ranks[index].with_next += 1.0;
            ranks[index].before_next += f64::from(u8::from(own < next));
        }
    }
}

fn check(kind: Kind, count: usize) {
    for (index, rank) in ranks(kind, count).into_iter().enumerate() {
        assert!(rank.times * 5.0 >= TICKS as f64, "session {index} was ready {} times", rank.times);
        let mean = rank.sum / rank.times;
        assert!((0.45..=0.55).contains(&mean), "session {index} of {count}: its mean rank is {mean:.3}");
        if rank.with_next > 0.0 {
            let first = rank.before_next / rank.with_next;
            assert!(
                (0.45..=0.55).contains(&first),
                "session {index} of {count} is before the next {first:.3}"
            );
        }
    }
}

#[test]
fn no_session_is_always_first() {
    for count in [2, 3, 7, 50] {
        check(Kind::Plain, count);
    }
}

#[test]
fn no_session_of_three_hundred_is_always_first() {
    check(Kind::Plain, 300);
}

#[test]
fn fields_and_modes_put_no_session_first() {
    check(Kind::Mixed, 24);
}

#[test]
fn slow_sessions_put_no_other_first() {
    check(Kind::SomeSlow, 24);
}

#[test]
fn at_the_end_of_an_interval_no_session_is_always_first() {
    check(Kind::Interval, 12);
}

#[test]
fn the_first_symbol_of_a_batch_puts_no_session_first() {
    check(Kind::TwoSymbols, 12);
}
