//! Every tick once, in order, exact: over reorders, repetitions, losses, and numbering that begins again.

use proptest::prelude::*;

use super::*;
use crate::{feed::upstream::venue::StreamKind, tick::Fields};

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
        // The first that comes begins the stream.
        out.extend(counted(&mut sequence, 0, 0, &mut counts));
        for &(_, number) in &sent {
            out.extend(counted(&mut sequence, 0, number, &mut counts));
        }
        prop_assert_eq!(&out, &(0..=keys.len() as u64).collect::<Vec<_>>());
        prop_assert_eq!(counts.duplicates, (sent.len() - keys.len()) as u64);
        prop_assert_eq!((counts.gaps, counts.missing, counts.restarts), (0, 0, 0));
    }

    /// Whatever is lost: what comes out rises, and what is missing is told exactly.
    #[test]
    fn what_is_lost_is_told(kept in prop::collection::vec(any::<bool>(), 1..200), step in 0i64..300) {
        let (mut sequence, mut counts, mut out) = (Sequence::default(), SequenceCounts::default(), Vec::new());
        let mut now = 0;
        out.extend(counted(&mut sequence, now, 0, &mut counts));
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
    assert_eq!(counted(&mut sequence, 0, 1, &mut counts), [1]);
    assert_eq!(counted(&mut sequence, 5, 4, &mut counts), [0; 0]);
    let due = sequence.due().unwrap();
    assert_eq!(due, Nanos(5).plus(HOLD));
    let mut out = Vec::new();
    sequence.expire(Nanos(due.0 - 1), &mut out, &mut counts);
    assert_eq!((out.len(), counts.gaps), (0, 0));
    sequence.expire(due, &mut out, &mut counts);
    assert_eq!((numbers(&out), counts.gaps, counts.missing), (vec![4], 1, 2));
    // Too late: it would be out of order.
    assert_eq!(counted(&mut sequence, 6, 3, &mut counts), [0; 0]);
    assert_eq!(counts.duplicates, 1);
}

#[test]
fn after_a_new_link_nothing_is_waited_for() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    counted(&mut sequence, 0, 1, &mut counts);
    sequence.renewed();
    assert_eq!(counted(&mut sequence, 0, 9, &mut counts), [9]);
    assert_eq!((counts.gaps, counts.missing), (1, 7));
}

#[test]
fn numbering_that_begins_again_is_followed() {
    let (mut sequence, mut counts) = (Sequence::default(), SequenceCounts::default());
    counted(&mut sequence, 0, 100, &mut counts);
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
