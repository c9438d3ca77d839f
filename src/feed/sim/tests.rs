//! The walk's laws: the same seed gives the same ticks; a plausible market; activity, bursts and shares as requested.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use super::*;
use crate::{
    feed::{ReplaySpeed, Timed, testing::TestSink},
    tick::{Decimal, Field, FieldSet, Nanos, Tick},
};

const START: Nanos = Nanos(1_742_860_800_000_000_000);

fn config() -> SimConfig {
    SimConfig { start: Some(START), ..SimConfig::default() }
}

fn walk(config: &SimConfig, count: usize) -> Vec<Timed> {
    SimWalk::new(config, START).take(count).collect()
}

fn ticks(timed: &[Timed]) -> Vec<Tick> {
    timed.iter().map(|timed| timed.tick.clone()).collect()
}

/// The number of ticks of each second, from the first on.
fn seconds(timed: &[Timed]) -> BTreeMap<u64, u64> {
    timed.iter().fold(BTreeMap::new(), |mut counts, timed| {
        *counts.entry(timed.at.as_secs()).or_default() += 1;
        counts
    })
}

#[test]
fn the_same_seed_gives_the_same_ticks() {
    assert_eq!(walk(&config(), 10_000), walk(&config(), 10_000));
    assert_ne!(walk(&config(), 100), walk(&SimConfig { seed: 2, ..config() }, 100));
}

#[test]
fn the_pace_changes_no_tick() {
    let played = |speed, step| {
        let mut sink = TestSink { step, ..TestSink::default() };
        let config = SimConfig { speed, count: Some(5_000), ..config() };
        Box::new(Sim::new("sim", config)).run(&mut sink, &Stop::default()).unwrap();
        sink
    };
    let expected = ticks(&walk(&config(), 5_000));
    let fast = played(ReplaySpeed::Max, Duration::ZERO);
    assert_eq!(fast.ticks, expected);
    assert!(fast.lags.is_empty());
    let paced = played(ReplaySpeed::Times(1.0), Duration::from_millis(70));
    assert_eq!(paced.ticks, expected);
    assert!(paced.batches.len() > fast.batches.len());
}

#[test]
fn without_a_start_the_schedule_begins_now() {
    let mut sink = TestSink::default();
    sink.now.set(Nanos(5_000_000_000));
    let config = SimConfig { start: None, count: Some(2), speed: ReplaySpeed::Max, ..config() };
    Box::new(Sim::new("sim", config)).run(&mut sink, &Stop::default()).unwrap();
    let times: Vec<_> = sink.ticks.iter().map(|tick| tick.ts).collect();
    assert_eq!(times, [Some(Nanos(5_000_000_000)), Some(Nanos(5_001_000_000))]);
}

#[test]
fn the_market_is_plausible() {
    let mut quotes = HashMap::new();
    let mut trades = 0;
    let step = PRICE_TICK.units().unwrap();
    for timed in walk(&SimConfig { symbols: 20, ..config() }, 200_000) {
        let fields = timed.tick.fields;
        let get = |field| fields.get_decimal(field).unwrap();
        let units = |field| get(field).units().unwrap();
        if fields.mask.contains_all(FieldSet::TRADE) {
            trades += 1;
            assert!(fields.mask.contains(Field::Side));
            assert!(get(Field::LastSize) > Decimal::ZERO);
            assert_eq!(units(Field::Last) % step, 0);
            if let Some((bid, ask)) = quotes.get(&timed.tick.symbol) {
                assert!(get(Field::Last) == *bid || get(Field::Last) == *ask);
            }
        } else {
            assert!(Decimal::ZERO < get(Field::Bid) && get(Field::Bid) < get(Field::Ask));
            assert!(get(Field::BidSize) > Decimal::ZERO && get(Field::AskSize) > Decimal::ZERO);
            assert_eq!((units(Field::Bid) % step, units(Field::Ask) % step), (0, 0));
            let before = quotes.insert(timed.tick.symbol, (get(Field::Bid), get(Field::Ask)));
            if let Some((bid, _)) = before {
                assert!((bid.units().unwrap() - units(Field::Bid)).abs() <= step, "a walk takes small steps");
            }
        }
        assert_eq!(timed.tick.ts, Some(START.plus(timed.at)));
    }
    assert_eq!(quotes.len(), 20);
    assert!((39_000..41_000).contains(&trades), "a fifth of the ticks are trades: {trades}");
}

#[test]
fn all_or_none_of_the_ticks_may_be_trades() {
    let trades = |trades| {
        let is_trade = |timed: &&Timed| timed.tick.fields.mask.contains(Field::Last);
        walk(&SimConfig { trades, ..config() }, 2_000).iter().filter(is_trade).count()
    };
    assert_eq!((trades(0.0), trades(1.0)), (0, 2_000));
}

#[test]
fn prices_depend_on_neither_rate_nor_burst() {
    let fields = |config: &SimConfig| {
        walk(config, 5_000).into_iter().map(|timed| timed.tick.fields).collect::<Vec<_>>()
    };
    assert_eq!(fields(&config()), fields(&SimConfig { rate: 17, burst: 50.0, ..config() }));
}

#[test]
fn activity_falls_as_zipf_says() {
    let counts = |zipf_exponent| {
        let config = SimConfig { symbols: 10, zipf_exponent, ..config() };
        let mut counts = BTreeMap::<String, u64>::new();
        for timed in walk(&config, 100_000) {
            *counts.entry(timed.tick.symbol.to_string()).or_default() += 1;
        }
        counts.into_iter().collect::<Vec<_>>()
    };
    let skewed = counts(1.0);
    assert_eq!((skewed.len(), skewed[0].0.as_str(), skewed[9].0.as_str()), (10, "SIM-0001", "SIM-0010"));
    // 1 / (1 + 1/2 + ... + 1/10) is 0.3414, and a tenth of it 0.0341.
    assert!((33_600..34_700).contains(&skewed[0].1) && (3_200..3_650).contains(&skewed[9].1), "{skewed:?}");
    assert!(counts(0.0).iter().all(|(_, count)| (9_600..10_400).contains(count)));
}

#[test]
fn names_are_as_wide_as_the_widest() {
    let first =
        |symbols| walk(&SimConfig { symbols, zipf_exponent: 10.0, ..config() }, 1)[0].tick.symbol.to_string();
    assert_eq!((first(9_999), first(10_000)), ("SIM-0001".to_owned(), "SIM-00001".to_owned()));
}

#[test]
fn ticks_lie_evenly_over_each_second() {
    let timed = walk(&SimConfig { rate: 400, ..config() }, 1_200);
    assert_eq!(seconds(&timed), BTreeMap::from([(0, 400), (1, 400), (2, 400)]));
    assert_eq!(timed[1].at, Duration::from_micros(2_500));
    assert_eq!(timed[401].at, Duration::from_micros(1_002_500));
}

#[test]
fn one_second_of_every_ten_has_the_burst() {
    let config = SimConfig { rate: 100, burst: 7.5, ..config() };
    let timed = walk(&config, 40 * (9 * 100 + 750));
    assert!(timed.is_sorted_by_key(|timed| timed.at));
    let seconds: Vec<u64> = seconds(&timed).into_values().collect();
    assert_eq!(seconds.len(), 400);
    let mut places = Vec::new();
    for ten in seconds.chunks(10) {
        assert_eq!(ten.iter().filter(|&&count| count == 100).count(), 9);
        places.extend(ten.iter().position(|&count| count == 750));
    }
    assert_eq!(places.len(), 40);
    places.sort_unstable();
    places.dedup();
    assert!(places.len() > 5, "the seed draws the place: {places:?}");
}

#[test]
fn count_ends_the_feed() {
    let config = SimConfig { count: Some(1_234), speed: ReplaySpeed::Max, ..config() };
    assert_eq!(SimWalk::new(&config, START).count(), 1_234);
    let mut sink = TestSink::default();
    Box::new(Sim::new("sim", config)).run(&mut sink, &Stop::default()).unwrap();
    assert_eq!(sink.ticks.len(), 1_234);
}

#[test]
fn it_can_be_stopped() {
    let stop = Stop::default();
    let mut sink = TestSink { stop_after: Some((10_000, stop.clone())), ..TestSink::default() };
    Box::new(Sim::new("sim", SimConfig { speed: ReplaySpeed::Max, ..config() }))
        .run(&mut sink, &stop)
        .unwrap();
    assert!((10_000..12_000).contains(&sink.ticks.len()));
}
