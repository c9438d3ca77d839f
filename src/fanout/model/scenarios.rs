//! Single cases, most of them found by random runs: typical errors of a nearly correct fan-out.
//!
//! Each runs in the model too, so that every law is checked along the way.

use std::{cell::Cell, time::Duration};

use super::{
    message::Recorder,
    ops::{Claim, Given, Op, Run, Slot, word},
    world::{ModelStore, sent},
};
use crate::{
    fanout::{Change, Fanout, Mode, Spec, SubscribeRequest, View},
    tick::{Decimal, Field, FieldSet, Fields, Nanos, Symbol, Tick, WantedFields},
    topic::{Detail, FeedId, Market},
};

pub(super) const WHO: usize = 0;
/// The symbols `A *X`, `A *Y` and `B *X`.
pub(super) const X: usize = 0;
const Y: usize = 1;
const Z: usize = 2;
const ROOM: usize = 100;

/// Fields that quotes do not have.
const LAST: FieldSet = Field::Last.bit();

pub(super) fn quote(bid: i64) -> Given {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::from_units(bid));
    Given(fields)
}

pub(super) fn last(price: i64) -> Given {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Last, Decimal::from_units(price));
    Given(fields)
}

fn quotes(which: usize, count: i64) -> Op {
    Op::Ingest((0..count).map(|bid| (which, quote(bid))).collect(), Detail::Ticks)
}

fn trade(which: usize) -> Op {
    Op::Ingest(vec![(which, last(7))], Detail::Ticks)
}

pub(super) fn subscribe(which: usize, mode: Mode) -> Op {
    Op::Subscribe(WHO, which, Spec { mode, ..Spec::default() }, None)
}

pub(super) const APPLY: Op = Op::Apply(usize::MAX);
pub(super) const FILL: Op = Op::Fill(WHO, ROOM);

/// Checks what the session is sent.
pub(super) fn check(ops: Vec<Op>, expected: &[&str]) {
    let run = Run { ops, ring_ticks: 4, recent_ticks: 2, history_ticks: 2, tape_events_at_once: 2 };
    assert_eq!(sent(&run).unwrap_or_else(|broken| panic!("{broken}")), expected);
}

#[test]
fn rare_trades_among_more_quotes_than_the_ring_holds_are_no_gap() {
    let spec =
        Spec { mode: Mode::Every, view: View { wanted: LAST.into(), ..View::WHOLE }, ..Spec::default() };
    check(
        vec![
            trade(X),
            APPLY,
            Op::Subscribe(WHO, X, spec, None),
            FILL,
            quotes(X, 20),
            APPLY,
            trade(X),
            APPLY,
            FILL,
        ],
        &["A *X snapshot 1", "A *X tick 22 n 21"],
    );
}

#[test]
fn mode_every_begins_with_the_first_tick_however_batches_fall() {
    check(
        vec![subscribe(X, Mode::Every), quotes(X, 3), APPLY, FILL],
        &["A *X tick 1 n 1", "A *X tick 2 n 1", "A *X tick 3 n 1"],
    );
}

#[test]
fn a_pattern_misses_no_more_of_a_beginning_than_a_name() {
    let spec = Spec { mode: Mode::Every, snapshot: false, ..Spec::default() };
    check(
        // The market is ahead of the shard when the shard learns of the topic.
        vec![Op::Glob(WHO, 1, spec), quotes(X, 1), quotes(X, 2), Op::Apply(1), FILL, APPLY, FILL],
        &["A *X tick 1 n 1", "A *X tick 2 n 1", "A *X tick 3 n 1"],
    );
}

#[test]
fn of_several_patterns_the_last_one_added_counts() {
    let spec = |mode| Spec { mode, snapshot: false, ..Spec::default() };
    let patterns =
        |modes: [Mode; 3]| (0..3).zip(modes).map(|(pattern, mode)| Op::Glob(WHO, pattern, spec(mode)));
    let then = || [quotes(Y, 2), APPLY, FILL];
    let latest_last = patterns([Mode::Every, Mode::Every, Mode::Latest]);
    check(latest_last.chain(then()).collect(), &["A *Y merged 2 n 2"]);
    let every_last = patterns([Mode::Latest, Mode::Latest, Mode::Every]);
    check(every_last.chain(then()).collect(), &["A *Y tick 1 n 1", "A *Y tick 2 n 1"]);
}

/// The name that a scenario's subscriptions have.
const NAMED: usize = 1;

fn named(spec: &Spec) -> Spec {
    Spec { view: View { name: word(NAMED), ..spec.view.clone() }, ..spec.clone() }
}

#[test]
fn subscriptions_of_two_names_are_sent_each_its_own() {
    let quiet = Spec { snapshot: false, ..Spec::default() };
    let every = named(&Spec { mode: Mode::Every, ..quiet.clone() });
    check(
        vec![
            Op::Subscribe(WHO, X, quiet, None),
            Op::Subscribe(WHO, X, every.clone(), None),
            quotes(X, 2),
            APPLY,
            FILL,
            // Only the subscription of this name restarts, and ends.
            Op::Subscribe(WHO, X, Spec { snapshot: true, ..every }, None),
            FILL,
            Op::Unsubscribe(WHO, Slot { which: X, name: NAMED }),
            quotes(X, 1),
            APPLY,
            FILL,
        ],
        &[
            "A *X merged 2 n 2",
            "A *X as Zeile 1 tick 1 n 1",
            "A *X as Zeile 1 tick 2 n 1",
            "A *X as Zeile 1 snapshot 2",
            "A *X tick 3 n 1",
        ],
    );
}

#[test]
fn a_new_symbol_gets_a_subscription_for_each_name_of_its_patterns() {
    let quiet = Spec { snapshot: false, ..Spec::default() };
    let every = Spec { mode: Mode::Every, ..quiet.clone() };
    check(
        vec![
            Op::Glob(WHO, 0, quiet.clone()),
            Op::Glob(WHO, 1, named(&quiet)),
            Op::Glob(WHO, 0, named(&every)),
            quotes(X, 2),
            APPLY,
            FILL,
            // The glob of the other name stays, and so do its subscriptions.
            Op::RemoveGlob(WHO, 0, 0),
            quotes(X, 1),
            quotes(Y, 1),
            APPLY,
            FILL,
        ],
        &[
            "A *X merged 2 n 2",
            "A *X as Zeile 1 tick 1 n 1",
            "A *X as Zeile 1 tick 2 n 1",
            "A *X as Zeile 1 tick 3 n 1",
            "A *Y as Zeile 1 tick 1 n 1",
        ],
    );
}

#[test]
fn a_frame_is_not_repeated_for_another_name() {
    let spec =
        |name| Spec { snapshot: false, view: View { name: word(name), ..View::WHOLE }, ..Spec::default() };
    let other = 2;
    check(
        vec![
            Op::Subscribe(WHO, X, spec(NAMED), None),
            quotes(X, 3),
            APPLY,
            FILL,
            // The other name takes the place of the first one in the table of views, and is behind by the same ticks.
            Op::Unsubscribe(WHO, Slot { which: X, name: NAMED }),
            Op::Subscribe(WHO, X, spec(other), Some(Claim::Behind(3))),
            FILL,
        ],
        &["A *X as Zeile 1 merged 3 n 3", "A *X as * merged 3 n 3"],
    );
}

#[test]
fn new_fields_from_behind_add_up() {
    let change = Change { wanted: Some(LAST.into()), ..Change::default() };
    check(
        vec![
            quotes(X, 1),
            APPLY,
            subscribe(X, Mode::Latest),
            FILL,
            quotes(X, 3),
            APPLY,
            Op::Set(WHO, Slot { which: X, name: 0 }, change),
            FILL,
            Op::Set(WHO, Slot { which: X, name: 0 }, Change { wanted: Some(WantedFields::ALL), ..change }),
            FILL,
        ],
        &["A *X snapshot 1", "A *X merged 4 n 3", "A *X snapshot 4"],
    );
}

#[test]
fn mode_once_is_answered_by_a_snapshot_from_behind_too() {
    let change = Change { mode: Some(Mode::Once), ..Change::default() };
    let before = || {
        vec![
            quotes(X, 1),
            APPLY,
            subscribe(X, Mode::Latest),
            FILL,
            quotes(X, 3),
            APPLY,
            Op::Set(WHO, Slot { which: X, name: 0 }, change),
        ]
    };
    let expected = &["A *X snapshot 1", "A *X merged 4 n 3", "A *X snapshot 4"];
    check([before(), vec![FILL, FILL]].concat(), expected);
    check([before(), vec![Op::Fill(WHO, 1), Op::Fill(WHO, 1)]].concat(), expected);
}

#[test]
fn ticks_that_a_faster_shard_sent_are_not_sent_again() {
    let resume = Op::Subscribe(WHO, X, Spec { mode: Mode::Every, ..Spec::default() }, Some(Claim::Behind(1)));
    check(
        // Neither the topic nor the ticks have reached this shard.
        vec![quotes(X, 3), resume, FILL, APPLY, FILL],
        &["A *X tick 3 n 1"],
    );
}

#[test]
fn what_is_held_of_another_epoch_is_replaced_though_no_snapshot_was_asked_for() {
    let spec = Spec { snapshot: false, ..Spec::default() };
    check(
        vec![Op::Subscribe(WHO, X, spec, Some(Claim::OtherEpoch(9))), quotes(X, 1), APPLY, FILL],
        &["A *X snapshot 1"],
    );
}

#[test]
fn a_gap_after_a_resume_that_went_well_is_not_the_resumes() {
    let resume = Op::Subscribe(WHO, X, Spec { mode: Mode::Every, ..Spec::default() }, Some(Claim::Behind(2)));
    check(
        vec![quotes(X, 3), APPLY, resume, Op::Fill(WHO, 1), quotes(X, 9), APPLY, FILL],
        &["A *X tick 2 n 1", "A *X gap 3 to 12 slow", "A *X snapshot 12"],
    );
}

#[test]
fn what_the_wheel_holds_of_an_earlier_interval_does_not_shorten_the_next() {
    let spec = Spec { interval: Duration::from_millis(100), snapshot: false, ..Spec::default() };
    let tick = || [quotes(X, 1), APPLY, FILL];
    check(
        [
            vec![Op::Subscribe(WHO, X, spec, None)],
            tick().to_vec(),
            // The second waits for the first's interval, which is cut short half way; the third waits for the second's.
            tick().to_vec(),
            vec![Op::Advance(50_000_000), Op::FlushIntervals(WHO), FILL],
            tick().to_vec(),
            vec![Op::Wake, FILL],
        ]
        .concat(),
        &["A *X tick 1 n 1", "A *X tick 2 n 1"],
    );
}

#[test]
fn what_was_due_within_its_interval_stays_so_whatever_set_changes() {
    let slot = Slot { which: X, name: 0 };
    let set = |change| vec![Op::Set(WHO, slot, change), FILL];
    let to = |mode| Change { mode: Some(mode), ..Change::default() };
    let spec = |mode| Spec { mode, interval: Duration::from_secs(1), snapshot: false, ..Spec::default() };
    // The third trade is due after a frame that had no room for it, though the first one's interval has not ended.
    let trade = || {
        let mut fields = last(7).0;
        fields.set_decimal(Field::LastSize, Decimal::from_units(1));
        Op::Ingest(vec![(X, Given(fields))], Detail::TicksAndTrades)
    };
    let trades = || {
        let first = vec![Op::Subscribe(WHO, X, spec(Mode::Trades), None), trade(), APPLY, FILL];
        [first, vec![trade(), trade(), APPLY, Op::Fill(WHO, 1)]].concat()
    };
    let sent = ["A *X trade 1 n 1", "A *X trade 2 n 1"];
    for (mode, third) in [
        (Mode::Latest, "A *X tick 3 n 1"),
        (Mode::Every, "A *X merged 3 n 1"),
        (Mode::Once, "A *X merged 3 n 1"),
    ] {
        let mut expected = [&sent[..], &[third]].concat();
        expected.extend((mode == Mode::Once).then_some("A *X snapshot 3"));
        check([trades(), set(to(mode))].concat(), &expected);
    }
    // The interval was cut short.
    let flushed = vec![
        Op::Subscribe(WHO, X, spec(Mode::Latest), None),
        quotes(X, 1),
        APPLY,
        FILL,
        quotes(X, 1),
        APPLY,
        Op::FlushIntervals(WHO),
    ];
    let narrow = Change { wanted: Some(Field::Bid.bit().into()), ..Change::default() };
    check([flushed, set(narrow)].concat(), &["A *X tick 1 n 1", "A *X merged 2 n 1"]);
}

#[test]
fn subscriptions_with_the_same_interval_share_its_end() {
    let spec = Spec { interval: Duration::from_millis(100), snapshot: false, ..Spec::default() };
    let other = Spec { interval: Duration::from_millis(30), ..spec.clone() };
    check(
        vec![
            Op::Subscribe(WHO, X, spec.clone(), None),
            Op::Subscribe(WHO, Y, spec.clone(), None),
            Op::Subscribe(WHO, Z, other, None),
            // The first message of each does not wait for what the other was sent.
            quotes(X, 1),
            APPLY,
            FILL,
            quotes(Y, 1),
            APPLY,
            FILL,
            // All have been quiet for an interval.
            Op::Advance(150_000_000),
            quotes(X, 1),
            APPLY,
            FILL,
            // Y has been quiet for longer, and waits for the end of X's interval; Z, whose interval is another, does not.
            Op::Advance(50_000_000),
            quotes(Y, 1),
            quotes(Z, 1),
            APPLY,
            FILL,
            quotes(X, 1),
            APPLY,
            Op::Wake,
            FILL,
        ],
        &[
            "A *X tick 1 n 1",
            "A *Y tick 1 n 1",
            "A *X tick 2 n 1",
            "B *X tick 1 n 1",
            "A *Y tick 2 n 1",
            "A *X tick 3 n 1",
        ],
    );
}

#[test]
fn memory_subscribing_again_and_again_does_not_fill_the_wheel() {
    let symbol = Symbol::new("X").expect("a valid symbol");
    let market = Market::new(vec!["feed".into()], 1, 4);
    let mut store = ModelStore { market, reads: Cell::new(0) };
    let mut fanout = Fanout::new(Nanos(0), Duration::from_secs(60), 1);
    let session = fanout.open();
    let spec = Spec { interval: Duration::from_secs(60), snapshot: false, ..Spec::default() };
    for round in 1..6_000 {
        let now = Nanos(round * 1_000_000);
        let request = SubscribeRequest::new(&symbol, &spec);
        assert!(fanout.subscribe(session, &request, now, &store).is_ok());
        // The first tick is sent at once, the second waits for a minute.
        for bid in 0..2 {
            let tick = Tick { symbol: symbol.clone(), ts: None, fields: quote(bid).0 };
            let batch =
                store.market.ingest(FeedId(0), &mut vec![tick], now, &mut Vec::new(), Detail::Records);
            fanout.apply(&batch, now, &store);
            let tally = fanout.fill(session, now, &store, &mut Recorder::new(0, ROOM, <_>::default()));
            assert_eq!(tally.delivered, u64::from(bid == 0));
            fanout.accepted(&tally);
        }
        fanout.advance(now);
        assert!(
            fanout.schedule.wheel.len() <= 1_100,
            "{} entries for one subscription",
            fanout.schedule.wheel.len()
        );
    }
    assert_eq!(fanout.accounts().residual(), 0);
}
