//! Seqs, order, refusals and history of the market.

use super::*;
use crate::tick::{Decimal, Field, Fields};

fn tick(symbol: &str, bid: i64) -> Tick {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::from_units(bid));
    Tick { symbol: Symbol::new(symbol).unwrap(), ts: None, fields }
}

fn market() -> Market {
    Market::new(vec!["sim".into(), "push".into()], 2, 4)
}

#[test]
fn seqs_rise_by_one_for_each_topic_and_order_over_all() {
    let mut market = market();
    let mut refused = Vec::new();
    let mut ticks = vec![tick("A", 1), tick("B", 2), tick("A", 3)];
    let batch = market.ingest(FeedId(0), &mut ticks, Nanos(9), &mut refused, Detail::Ticks);
    let placed: Vec<_> = batch.ticks.iter().map(|tick| (tick.topic.0, tick.seq, tick.order)).collect();
    assert_eq!(placed, [(0, 1, 1), (1, 1, 2), (0, 2, 3)]);
    assert_eq!(batch.new_topics.len(), 2);
    assert!(refused.is_empty() && ticks.is_empty());
}

#[test]
fn a_second_feed_that_claims_a_symbol_is_refused_by_both_names() {
    let mut market = market();
    let mut refused = Vec::new();
    market.ingest(FeedId(0), &mut vec![tick("A", 1)], Nanos(9), &mut refused, Detail::Ticks);
    let batch = market.ingest(
        FeedId(1),
        &mut vec![tick("B", 1), tick("A", 2)],
        Nanos(9),
        &mut refused,
        Detail::Ticks,
    );
    assert_eq!(batch.ticks.len(), 1);
    assert_eq!((refused[0].index, refused[0].reason), (1, RejectReason::Owned));
    assert!(refused[0].message.contains("\"sim\"") && refused[0].message.contains("\"push\""));
}

#[test]
fn a_batch_has_its_ticks_one_by_one_when_they_are_asked_for() {
    let [mut with, mut without] = [market(), market()];
    let mut ticks = vec![tick("A", 1), tick("B", 2), tick("A", 3)];
    let all = with.ingest(FeedId(0), &mut ticks.clone(), Nanos(9), &mut Vec::new(), Detail::Ticks);
    let few = without.ingest(FeedId(0), &mut ticks, Nanos(9), &mut Vec::new(), Detail::Records);
    assert!(all.has_ticks() && !few.has_ticks() && few.ticks.is_empty());
    assert_eq!((all.taken, few.taken), (3, 3));
    assert_eq!(all.touched, few.touched);
    let records: Vec<_> = few.touched.iter().map(|at| (at.topic.0, at.record.seq, at.record.order)).collect();
    assert_eq!(records, [(0, 2, 3), (1, 1, 2)]);
}

#[test]
fn topics_are_limited() {
    let mut market = market();
    let mut refused = Vec::new();
    let batch = market.ingest(
        FeedId(0),
        &mut vec![tick("A", 1), tick("B", 1), tick("C", 1), tick("A", 2)],
        Nanos(9),
        &mut refused,
        Detail::Ticks,
    );
    assert_eq!(batch.ticks.len(), 3);
    assert_eq!(refused[0].reason, RejectReason::TopicsFull);
}

#[test]
fn the_ring_says_what_it_has_forgotten() {
    let mut market = market();
    let mut ticks: Vec<Tick> = (0..10).map(|bid| tick("A", bid)).collect();
    market.ingest(FeedId(0), &mut ticks, Nanos(9), &mut Vec::new(), Detail::Ticks);
    let mut out = Vec::new();
    assert_eq!(market.history(TopicId(0), 3, 10, 100, &mut out), 7);
    assert!(out.is_empty());
    assert_eq!(market.history(TopicId(0), 8, 9, 100, &mut out), 7);
    assert_eq!(out.iter().map(|tick| tick.seq).collect::<Vec<_>>(), [8, 9]);
}
