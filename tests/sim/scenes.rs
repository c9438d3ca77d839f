//! Scenes that are not about deadlines: a market with its own time, and a page of a foreign origin.

use serde_json::json;
use tickcast::{
    clock::MarketClock,
    limits::{DEFAULT, Limits},
    tick::Nanos,
};

use super::{
    plan::NodeAct,
    stage::{Heard, NEAR, Stage, UPGRADE, is_price, is_state, ms, updates},
};

/// Where the time of a market begins that is replayed.
const OPENING: Nanos = Nanos(1_500_000_000_000_000_000);

/// A market whose time is paused at first, like that of a replay that has not begun.
fn replayed(limits: Limits) -> Stage {
    Stage::with_market(limits, |clock| MarketClock::driven(clock, OPENING))
}

fn drive(stage: &mut Stage, percent: u32, jump_ms: u64) {
    stage.act(NodeAct::Drive { percent, jump_ms });
}

#[test]
fn staleness_heartbeats_and_intervals_follow_the_market() {
    let mut stage = replayed(Limits { stale: ms(60_000), heartbeat: ms(30_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 6_000}));
    // A minute of the market in a second.
    drive(&mut stage, 6_000, 0);
    stage.run_to(1_000);
    stage.bid("A", 1);
    stage.run_to(1_010);
    stage.bid("A", 2);
    let (first, _) = stage.message(client, is_price);
    let (then, _) = stage.message(client, is_price);
    assert_eq!(first, 1_000);
    // Six seconds of the market, rounded up to an eighth of them.
    assert!((1_100..=1_113).contains(&then), "{then}");
    // Thirty seconds of it without a frame, at the next look.
    assert_eq!(stage.message(client, |message| message.is("heartbeat")).0, 1_750);
    assert_eq!(stage.message(client, is_state("A", "stale")).0, 2_250);
}

#[test]
fn while_the_market_stands_nothing_becomes_stale_and_peers_are_pinged() {
    let mut stage = replayed(Limits { stale: ms(1_000), heartbeat: ms(1_000), ping: ms(5_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 100}));
    stage.bid("A", 1);
    stage.run_to(10);
    stage.bid("A", 2);
    assert_eq!(stage.pinged(client), 5_250);
    stage.run_to(60_000);
    let told = |heard: &Heard| matches!(heard, Heard::Message(message) if !is_price(message));
    let heard = stage.heard(client);
    assert!(!heard.iter().any(|(_, heard)| told(heard)), "{heard:?}");
    assert_eq!(updates(&heard), [], "an interval ends by the market's time");
    drive(&mut stage, 100, 0);
    let (at, last) = stage.message(client, is_price);
    assert!((60_100..=60_250).contains(&at), "{at}");
    assert_eq!(last.record()["bid"], "2");
}

#[test]
fn a_jump_at_the_break_of_a_day_ends_intervals_and_makes_stale() {
    let mut stage = replayed(Limits { stale: ms(60_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 60_000}));
    drive(&mut stage, 100, 0);
    stage.run_to(100);
    stage.bid("A", 1);
    stage.run_to(110);
    stage.bid("A", 2);
    stage.run_to(1_000);
    assert_eq!(updates(&stage.heard(client)), [(100, "1".to_owned())]);
    // From the evening to the morning: the update that was held back is due, and is reported as stale.
    drive(&mut stage, 100, 17 * 3_600_000);
    stage.run_to(1_300);
    let heard = stage.heard(client);
    assert_eq!(updates(&heard), [(1_250, "2".to_owned())]);
    let is_stale = is_state("A", "stale");
    let told = heard.iter().find(|(_, heard)| matches!(heard, Heard::Message(message) if is_stale(message)));
    assert_eq!(told.map(|(at, _)| *at), Some(1_250));
    stage.bid("A", 3);
    assert_eq!(stage.message(client, is_state("A", "live")).0, 1_300);
}

#[test]
fn a_page_of_a_foreign_origin_is_closed_with_4103_and_reads_nothing() {
    let mut stage = Stage::new(DEFAULT);
    stage.bid("A", 1);
    let page = stage.connect(&NEAR);
    let asks = UPGRADE.replace("/v1/stream", "/v1/stream?symbols=A").replace("Host: sim", "Host: 127.0.0.1");
    stage.send(page, asks.replace("\r\n\r\n", "\r\nOrigin: https://foreign.example\r\n\r\n").as_bytes());
    stage.run_to(60_000);
    let heard = stage.heard(page);
    assert!(
        matches!(&heard[..], [(0, Heard::Head(_)), (0, Heard::Close(4103)), (0, Heard::End)]),
        "{heard:?}"
    );
}
