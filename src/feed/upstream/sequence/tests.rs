//! Every tick once, in order, exact: over reorders, repetitions, losses, and numbering that begins again.

use proptest::prelude::*;

use super::*;
use crate::{
    feed::upstream::venue::StreamKind,
    tick::{Decimal, Field, Fields},
};

fn tick(number: u64) -> Tick {
    Tick {
        symbol: "A".parse().unwrap(),
        ts: Some(Nanos(1_000_000_000 * i64::try_from(number).unwrap())),
        fields: Fields::default(),
    }
}

fn offer(
    sequence: &mut Sequence,
    now: i64,
    number: Number,
    tick: Tick,
    counts: &mut SequenceCounts,
) -> Vec<u64> {
    let mut out = Vec::new();
    sequence.offer(Nanos(now), VenueTick { tick, kind: StreamKind::Trades, number }, &mut out, counts);
    numbers(&out)
}

fn numbers(ticks: &[Tick]) -> Vec<u64> {
    ticks.iter().map(|tick| u64::try_from(tick.ts.unwrap().0 / 1_000_000_000).unwrap()).collect()
}

fn counted(sequence: &mut Sequence, now: i64, number: u64, counts: &mut SequenceCounts) -> Vec<u64> {
    offer(sequence, now, Number::Counted(number), tick(number), counts)
}

fn released(sequence: &mut Sequence, counts: &mut SequenceCounts) -> Vec<u64> {
    let mut out = Vec::new();
    sequence.release(&mut out, counts);
    numbers(&out)
}

proptest! {
    /// Each tick is moved by less than the window, and some come twice.
    #[test]
    fn what_is_moved_or_repeated_is_delivered_once_in_order(
        keys in prop::collection::vec((0u64..20, any::<bool>()), 1..200),
    ) {
        let mut sent: Vec<(u64, u64)> = Vec::new();
        for (number, (late, twice)) in (1u64..).zip(&keys) {
            sent.push((number + late, number));
            if *twice {
                sent.push((number + late + 5, number));
            }
        }
        sent.sort_by_key(|(place, _)| *place);
        let (mut sequence, mut counts, mut out) = (Sequence::default(), SequenceCounts::default(), Vec::new());
        out.extend(counted(&mut sequence, 0, 0, &mut counts));
        out.extend(released(&mut sequence, &mut counts));
        for &(_, number) in &sent {
            out.extend(counted(&mut sequence, 0, number, &mut counts));
        }
        prop_assert_eq!(&out, &(0..=keys.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(counts.duplicates, (sent.len() - keys.len()) as u64);
        prop_assert_eq!((counts.gaps, counts.missing, counts.restarts), (0, 0, 0));
    }

    /// A stream that begins out of order, with more than may wait.
    #[test]
    fn the_first_ones_are_put_in_order(keys in prop::collection::vec(0u64..20, 1..600)) {
        let (mut sequence, mut counts, mut out) = (Sequence::default(), SequenceCounts::default(), Vec::new());
        let mut shuffled: Vec<(u64, u64)> = (5u64..).zip(&keys).map(|(number, late)| (number + late, number)).collect();
        shuffled.sort_unstable();
        for (_, number) in shuffled {
            out.extend(counted(&mut sequence, 0, number, &mut counts));
        }
        let mut ticks = Vec::new();
        sequence.expire(Nanos(0).plus(HOLD), &mut ticks, &mut counts);
        out.extend(numbers(&ticks));
        prop_assert_eq!(out, (5..5 + keys.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(counts, SequenceCounts::default());
    }

    /// Trades that stand for several numbers each, moved by less than the window: in order, once spans were seen to join.
    #[test]
    fn spans_that_join_are_put_in_order(keys in prop::collection::vec((1u64..5, 0u64..6, any::<bool>()), 1..100)) {
        let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
        let (mut sent, mut last) = (Vec::new(), 100);
        for (at, (count, late, twice)) in (0u64..).zip(&keys) {
            let span = Number::Spanned { first: last + 1, number: last + count };
            last += count;
            sent.push((at + late, last, span));
            if *twice {
                sent.push((at + late + 3, last, span));
            }
        }
        let numbers: Vec<u64> = sent.iter().map(|(_, number, _)| *number).collect();
        sent.sort_by_key(|(place, ..)| *place);
        let mut out = Vec::new();
        for number in 90..=100 {
            let span = Number::Spanned { first: number, number };
            out.extend(offer(&mut sequence, 0, span, tick(number), &mut counts));
        }
        out.extend(released(&mut sequence, &mut counts));
        for (_, number, span) in &sent {
            out.extend(offer(&mut sequence, 0, *span, tick(*number), &mut counts));
        }
        let mut expected: Vec<u64> = (90..=100).chain(numbers).collect();
        expected.dedup();
        prop_assert_eq!(out, expected);
        prop_assert_eq!((counts.gaps, counts.late, counts.restarts), (0, 0, 0));
    }

    /// Whatever is lost: what comes out rises, and what is missing is told exactly.
    #[test]
    fn what_is_lost_is_told(kept in prop::collection::vec(any::<bool>(), 1..200), step in 0i64..300) {
        let (mut sequence, mut counts, mut out) = (Sequence::default(), SequenceCounts::default(), Vec::new());
        let mut now = 0;
        out.extend(counted(&mut sequence, now, 0, &mut counts));
        out.extend(released(&mut sequence, &mut counts));
        let sent: Vec<u64> = (1u64..).zip(&kept).filter(|(_, kept)| **kept).map(|(number, _)| number).collect();
        for &number in &sent {
            now += step * 1_000_000;
            let mut ticks = Vec::new();
            sequence.expire(Nanos(now), &mut ticks, &mut counts);
            out.extend(numbers(&ticks));
            out.extend(counted(&mut sequence, now, number, &mut counts));
        }
        let mut ticks = Vec::new();
        sequence.release(&mut ticks, &mut counts);
        out.extend(numbers(&ticks));
        prop_assert_eq!(&out[1..], &sent[..]);
        prop_assert_eq!(counts.missing, sent.last().map_or(0, |last| last - sent.len() as u64));
    }
}

#[test]
fn what_runs_ahead_waits_and_then_is_a_gap() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    assert_eq!(counted(&mut sequence, 0, 1, &mut counts), [0; 0]);
    assert_eq!(released(&mut sequence, &mut counts), [1]);
    assert_eq!(counted(&mut sequence, 5, 4, &mut counts), [0; 0]);
    let due = sequence.due().unwrap();
    assert_eq!(due, Nanos(5).plus(HOLD));
    let mut out = Vec::new();
    sequence.expire(Nanos(due.0 - 1), &mut out, &mut counts);
    assert_eq!((out.len(), counts.gaps), (0, 0));
    sequence.expire(due, &mut out, &mut counts);
    assert_eq!((numbers(&out), counts.gaps, counts.missing), (vec![4], 1, 2));
    assert_eq!((counts.late, counts.duplicates), (0, 0));
}

/// What was told missing and comes after all is not a last trade, counts once, and moves nothing.
#[test]
fn what_is_late_is_delivered_as_late() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    counted(&mut sequence, 0, 1, &mut counts);
    counted(&mut sequence, 0, 4, &mut counts);
    assert_eq!(released(&mut sequence, &mut counts), [1, 4]);
    let mut late = tick(3);
    late.fields.set_decimal(Field::Last, Decimal::from_units(1));
    late.fields.set_decimal(Field::LastSize, Decimal::from_units(2));
    let mut out = Vec::new();
    for _ in 0..2 {
        let tick = VenueTick { tick: late.clone(), kind: StreamKind::Trades, number: Number::Counted(3) };
        sequence.offer(Nanos(6), tick, &mut out, &mut counts);
    }
    assert_eq!((numbers(&out), counts.late, counts.duplicates), (vec![3], 1, 1));
    assert_eq!(out[0].fields.get_decimal(Field::Last), None);
    let report = out[0].fields.report().unwrap();
    assert_eq!(
        (report.affects, report.last),
        (Affects::HIGH_LOW.with(Affects::VOLUME), Some(Decimal::from_units(1)))
    );
    assert_eq!(counted(&mut sequence, 7, 5, &mut counts), [5]);
    assert_eq!((counts.gaps, counts.missing, counts.restarts), (1, 2, 0));
}

/// A new link begins out of order, too.
#[test]
fn after_a_new_link_what_runs_ahead_waits_as_before() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    counted(&mut sequence, 0, 1, &mut counts);
    released(&mut sequence, &mut counts);
    sequence.renewed();
    assert_eq!(counted(&mut sequence, 0, 9, &mut counts), [0; 0]);
    assert_eq!(counted(&mut sequence, 0, 8, &mut counts), [0; 0]);
    assert_eq!(released(&mut sequence, &mut counts), [8, 9]);
    assert_eq!((counts.gaps, counts.missing), (1, 6));
}

/// Spans that do not join are not gaps, and nothing waits for what there may never have been.
#[test]
fn spans_that_do_not_join_are_not_waited_for() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let begin = Number::Spanned { first: 10, number: 10 };
    assert_eq!(offer(&mut sequence, 0, begin, tick(10), &mut counts), [0; 0]);
    assert_eq!(released(&mut sequence, &mut counts), [10]);
    let mut spanned = |number| {
        let span = Number::Spanned { first: number, number };
        offer(&mut sequence, 0, span, tick(number), &mut counts)
    };
    assert_eq!([20, 31, 25, 31, 40].map(&mut spanned).concat(), [20, 31, 25, 40]);
    assert_eq!((counts.gaps, counts.late, counts.duplicates), (0, 1, 1));
}

#[test]
fn the_last_number_that_there_is_is_a_number() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let mut out = Vec::new();
    for (number, at) in
        [(u64::MAX - 3, 1), (u64::MAX, 3), (u64::MAX - 1, 2), (u64::MAX, 3), (0, 4), (u64::MAX, 5)]
    {
        out.extend(offer(&mut sequence, 0, Number::Counted(number), tick(at), &mut counts));
        if at == 1 {
            out.extend(released(&mut sequence, &mut counts));
        }
    }
    out.extend(released(&mut sequence, &mut counts));
    assert_eq!(out, [1, 2, 3, 4, 5]);
    assert_eq!((counts.duplicates, counts.restarts), (1, 1));
}

#[test]
fn numbering_that_begins_again_is_followed() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    counted(&mut sequence, 0, 100, &mut counts);
    released(&mut sequence, &mut counts);
    // Repetitions have old times, however many there are.
    for _ in 0..500 {
        assert_eq!(counted(&mut sequence, 0, 7, &mut counts), [0; 0]);
    }
    assert_eq!(offer(&mut sequence, 0, Number::Counted(1), tick(101), &mut counts), [101]);
    assert_eq!(offer(&mut sequence, 0, Number::Counted(2), tick(102), &mut counts), [102]);
    assert_eq!((counts.restarts, counts.duplicates), (1, 500));
}

#[test]
fn without_times_repetitions_that_do_not_end_begin_it_again() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let quote = |number| (Number::Rising(number), Tick { ts: None, ..tick(1) });
    let mut offer = |number| {
        let (number, tick) = quote(number);
        let mut out = Vec::new();
        sequence.offer(Nanos(0), VenueTick { tick, kind: StreamKind::Quotes, number }, &mut out, &mut counts);
        out.len()
    };
    assert_eq!(offer(1_000), 1);
    let taken: usize = (1..=200).map(&mut offer).sum();
    assert_eq!(taken, 200 - REPEATED_MAX as usize);
}

#[test]
fn names_are_delivered_once() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let mut named = |name| offer(&mut sequence, 0, Number::Named(name), tick(name), &mut counts);
    assert_eq!([named(5), named(3), named(5), named(4)].concat(), [5, 3, 4]);
    assert_eq!(counts.duplicates, 1);
}

/// A venue without numbers that sends its whole day again behind a reconnect, which is more than names are kept.
#[test]
fn a_day_of_named_ticks_that_is_sent_again_counts_once() {
    const DAY: u64 = 3 * NAMES_MAX as u64;
    let named = |number: u64| Number::Named(number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let (mut sequence, mut counts, mut out) = (Sequence::default(), SequenceCounts::default(), Vec::new());
    for number in 0..DAY {
        out.extend(offer(&mut sequence, 0, named(number), tick(number), &mut counts));
    }
    sequence.renewed();
    for number in 0..DAY + 10 {
        out.extend(offer(&mut sequence, 0, named(number), tick(number), &mut counts));
    }
    // The link is old now: a late trade is one.
    out.extend(offer(&mut sequence, 0, Number::Named(7), tick(3), &mut counts));
    let expected: Vec<_> = (0..DAY + 10).chain([3]).collect();
    assert_eq!(out, expected);
    assert_eq!(counts, SequenceCounts { duplicates: DAY, ..SequenceCounts::default() });
}

/// The place is behind the name; the tick's time is as `time`.
fn placed(
    sequence: &mut Sequence,
    name: u64,
    place: u64,
    time: u64,
    counts: &mut SequenceCounts,
) -> Vec<(u64, bool)> {
    let number = Number::Placed { name: name.wrapping_mul(0x9E37_79B9_7F4A_7C15), place };
    let (mut out, mut tick) = (Vec::new(), tick(time));
    tick.fields.set_decimal(Field::Last, Decimal::from_units(1));
    tick.fields.set_decimal(Field::LastSize, Decimal::from_units(1));
    sequence.offer(Nanos(0), VenueTick { tick, kind: StreamKind::Trades, number }, &mut out, counts);
    let is_late = |tick: &Tick| tick.fields.report().is_some();
    out.iter().map(|tick| (numbers(std::slice::from_ref(tick))[0], is_late(tick))).collect()
}

#[test]
fn a_name_behind_the_last_place_is_late_and_comes_once() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let mut offer = |name, place, time| placed(&mut sequence, name, place, time, &mut counts);
    // Several are of one place.
    assert_eq!(
        [offer(1, 10, 1), offer(2, 10, 1), offer(3, 12, 3)].concat(),
        [(1, false), (1, false), (3, false)]
    );
    assert_eq!([offer(4, 11, 2), offer(4, 11, 2), offer(3, 12, 3)].concat(), [(2, true)]);
    assert_eq!(offer(5, 12, 3), [(3, false)]);
    // The numbering begins again with a later time.
    assert_eq!([offer(6, 1, 9), offer(7, 2, 9)].concat(), [(9, false), (9, false)]);
    assert_eq!(counts, SequenceCounts { duplicates: 2, late: 1, restarts: 1, ..SequenceCounts::default() });
}

/// More than names are kept, of places that rise and of one place, and all of it again behind a reconnect.
#[test]
fn a_day_of_placed_ticks_that_is_sent_again_counts_once() {
    const DAY: u64 = 3 * NAMES_MAX as u64;
    for place_of in [(|number| number / 2 + 1) as fn(u64) -> u64, |_| 7] {
        let (mut sequence, mut counts, mut out) =
            (Sequence::default(), SequenceCounts::default(), Vec::new());
        for number in (0..DAY).chain(0..DAY + 10) {
            out.extend(placed(&mut sequence, number, place_of(number), number, &mut counts));
        }
        assert_eq!(out, (0..DAY + 10).map(|number| (number, false)).collect::<Vec<_>>());
        assert_eq!(counts, SequenceCounts { duplicates: DAY, ..SequenceCounts::default() });
    }
}

/// One tick from far ahead, by its place and its time, makes no later one late for ever.
#[test]
fn a_wrong_place_is_left_behind() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    let all = 3 * NAMES_MAX as u64;
    placed(&mut sequence, 0, 1 << 40, 1 << 30, &mut counts);
    let late = (1..all).flat_map(|number| placed(&mut sequence, number, number, number, &mut counts));
    let late: Vec<_> = late.collect();
    assert_eq!((late.len() as u64, counts.restarts), (all - 1, 1));
    assert_eq!(late.iter().filter(|(_, is_late)| *is_late).count(), REPEATED_MAX as usize);
}
