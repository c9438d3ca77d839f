//! The judge judged: a law that no message can break is not a law, so each check is shown what it must refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::harness::{Message, Metrics, Store};

const SNAPSHOT: &str = r#"{"type":"snapshot","symbol":"A","seq":5,"ts":1,"rx":10,"bid":1,"ask":2}"#;

fn update(seq: u64, more: &str) -> String {
    format!(r#"{{"type":"update","symbol":"A","seq":{seq},"ts":1,"rx":10{more}}}"#)
}

/// Whether a store that asked for `A` takes these messages in.
fn takes(messages: &[&str]) -> bool {
    let frame = format!("[{}]", messages.join(","));
    catch_unwind(AssertUnwindSafe(|| {
        let mut store = Store::default();
        store.want(&["A".to_owned()]);
        for message in Message::of_frame(&frame) {
            store.apply(&message);
        }
    }))
    .is_ok()
}

#[test]
fn what_keeps_the_laws_is_taken() {
    assert!(takes(&[SNAPSHOT, &update(6, ""), &update(9, r#","n":3,"bid":3,"ask":4"#)]));
    assert!(
        takes(&[SNAPSHOT, &update(7, r#","n":2,"bid":3"#), &update(9, r#","n":2"#)]),
        "what has changed alone"
    );
    let gap = r#"{"type":"gap","symbol":"A","from":6,"to":8,"reason":"ring"}"#;
    assert!(takes(&[SNAPSHOT, gap, &SNAPSHOT.replace(r#""seq":5"#, r#""seq":8"#), &update(9, "")]));
    assert!(takes(&[SNAPSHOT, gap, &SNAPSHOT.replace(r#""seq":5"#, r#""seq":9"#), &update(10, "")]));
}

#[test]
fn what_breaks_law_4_is_refused() {
    assert!(!takes(&[SNAPSHOT, &update(7, "")]), "a tick is missing");
    assert!(!takes(&[SNAPSHOT, &update(5, "")]), "a tick comes twice");
    assert!(!takes(&[SNAPSHOT, &update(4, "")]), "seq falls");
    assert!(!takes(&[SNAPSHOT, &update(8, r#","n":2,"bid":3,"ask":4"#)]), "n does not add up");
    assert!(!takes(&[SNAPSHOT, SNAPSHOT]), "a snapshot that nothing called for");
    let gap = r#"{"type":"gap","symbol":"A","from":7,"to":8,"reason":"ring"}"#;
    assert!(!takes(&[SNAPSHOT, gap]), "a gap that begins too late");
    let gap = gap.replace('7', "6");
    assert!(!takes(&[SNAPSHOT, &gap, &update(9, "")]), "no snapshot after a gap");
    assert!(
        !takes(&[SNAPSHOT, &gap, &SNAPSHOT.replace(r#""seq":5"#, r#""seq":11"#)]),
        "a gap that ends too early"
    );
}

#[test]
fn what_breaks_another_promise_is_refused() {
    assert!(!takes(&[&SNAPSHOT.replace(r#""A""#, r#""B""#)]), "law 7: B was not asked for");
    assert!(!takes(&[SNAPSHOT, &update(6, "").replace(r#""rx":10"#, r#""rx":9"#)]), "time goes back");
    assert!(!takes(&[&SNAPSHOT.replace(r#""seq":5"#, r#""seq":5.0"#)]), "a seq is whole");
}

#[test]
fn a_frame_is_an_array_of_messages() {
    for frame in ["{}", "[]", "[1]", "[{}]", r#"[{"type":"x"}"#] {
        assert!(catch_unwind(|| Message::of_frame(frame)).is_err(), "{frame}");
    }
}

#[test]
fn a_residual_is_seen() {
    let page = |delivered: u64| {
        format!(
            "# HELP x y\ntickcast_updates_offered_total 10\ntickcast_updates_delivered_total {delivered}\ntickcast_updates_gapped_total{{reason=\"ring\"}} 3\n"
        )
    };
    assert_eq!(Metrics::parse(&page(7)).residual(), 0);
    assert_eq!(Metrics::parse(&page(6)).residual(), 1);
    assert!(catch_unwind(|| Metrics::parse(&page(6)).check_conservation()).is_err());
}
