//! What is only about time, one scene each: that a deadline ends what it should, at its moment, with its code, and no
//! other.
//!
//! A shard looks at the deadlines of its sessions each 250 ms, so what ends does so at the first look at or after its time.

use serde_json::json;
use tickcast::{
    limits::{DEFAULT, Limits},
    wire::CloseReason,
};

use super::{
    judge::Message,
    network::LinkPlan,
    node::Node,
    plan::{Ms, NodeAct},
    stage::{Heard, NEAR, Stage, is_price, is_state, ms, updates},
    world::BEGIN,
};

/// Room for a few kilobytes on the whole way.
const NARROW: LinkPlan = LinkPlan { send_buffer: 16_384, window: 2_048, ..NEAR };

fn closed(node: &Node, reason: CloseReason) -> u64 {
    node.reports().iter().map(|report| report.stats.closed[reason as usize]).sum()
}

/// Microseconds on the wire, as milliseconds since the scene began.
fn told_ms(message: &Message, name: &str) -> Ms {
    (message.int(name) - BEGIN.0 / 1_000).unsigned_abs() / 1_000
}

#[test]
fn a_connection_that_says_nothing_ends_with_the_time_of_a_handshake() {
    let mut stage = Stage::new(Limits { handshake: ms(4_000), ..DEFAULT });
    stage.run_to(70);
    let silent = stage.connect(&NEAR);
    assert_eq!(stage.ended(silent), 4_070);
}

#[test]
fn a_session_that_answers_pings_no_more_is_closed_with_4001() {
    let mut stage =
        Stage::new(Limits { ping: ms(1_500), pong: ms(1_000), close_grace: ms(3_000), ..DEFAULT });
    stage.run_to(100);
    let (deaf, other) = (stage.websocket(&NEAR), stage.websocket(&NEAR));
    assert_eq!(stage.pinged(deaf), 1_750);
    stage.run_to(2_000);
    stage.answers_no_ping(deaf);
    assert_eq!(stage.closed(deaf), (4_250, 4001));
    assert_eq!(closed(&stage.node, CloseReason::PongTimeout), 1);
    // It ends its side no sooner than it is made to.
    assert_eq!(stage.until_so(|stage| !stage.is_held(deaf)), 7_250);
    stage.run_to(60_000);
    assert!(stage.heard(other).iter().all(|(_, heard)| !matches!(heard, Heard::Close(_) | Heard::End)));
}

#[test]
fn a_session_that_has_never_answered_a_ping_lives_on_while_its_system_takes_what_it_is_sent() {
    let mut stage =
        Stage::new(Limits { ping: ms(1_500), pong: ms(1_000), close_grace: ms(3_000), ..DEFAULT });
    stage.run_to(100);
    let deaf = stage.websocket(&NEAR);
    stage.answers_no_ping(deaf);
    assert_eq!(stage.pinged(deaf), 1_750);
    stage.run_to(600_000);
    assert!(stage.heard(deaf).iter().all(|(_, heard)| !matches!(heard, Heard::Close(_) | Heard::End)));
    assert_eq!(closed(&stage.node, CloseReason::PongTimeout), 0);
}

#[test]
fn a_session_that_answers_pings_lives_on() {
    let mut stage = Stage::new(Limits { ping: ms(1_500), pong: ms(1_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    assert_eq!(stage.pinged(client), 1_750);
    stage.run_to(3_600_000);
    let heard = stage.heard(client);
    let pings: Vec<Ms> =
        heard.iter().filter(|(_, heard)| matches!(heard, Heard::Ping)).map(|(at, _)| *at).collect();
    // Behind the first, which counts from the welcome, each comes at its moment.
    assert!(pings.iter().enumerate().all(|(number, at)| *at == 3_250 + 1_500 * number as Ms), "{pings:?}");
    assert_eq!(pings.len(), (3_600_000 - 1_750) / 1_500);
    assert!(!heard.iter().any(|(_, heard)| matches!(heard, Heard::Close(_) | Heard::End)));
}

#[test]
fn a_session_that_takes_no_byte_is_closed_with_4008() {
    let mut stage = Stage::new(Limits { progress: ms(2_000), close_grace: ms(3_000), ..DEFAULT });
    let (stalled, other) = (stage.websocket(&NARROW), stage.websocket(&NEAR));
    stage.subscribe(stalled, &["A"], &json!({"mode": "every"}));
    stage.subscribe(other, &["A"], &json!({}));
    stage.reads(stalled, false);
    stage.run_to(100);
    // Much more than the kernels on the way hold.
    for bid in 1..=1_000 {
        stage.bid("A", bid);
    }
    assert_eq!(stage.until_so(|stage| closed(&stage.node, CloseReason::Slow) == 1), 2_250);
    let discarded: u64 = stage.node.reports().iter().map(|report| report.accounts.discarded).sum();
    assert!(discarded > 0, "what it was not sent is accounted for");
    assert!(updates(&stage.heard(other)).last().is_some_and(|(at, bid)| *at == 100 && bid == "1000"));
    // What was on the way is still there to be read, and the code behind it.
    stage.reads(stalled, true);
    assert_eq!(stage.closed(stalled), (2_250, 4008));
}

#[test]
fn a_session_that_takes_no_byte_is_dropped_after_the_grace_for_its_close() {
    let mut stage = Stage::new(Limits { progress: ms(2_000), close_grace: ms(3_000), ..DEFAULT });
    let stalled = stage.websocket(&NARROW);
    stage.subscribe(stalled, &["A"], &json!({"mode": "every"}));
    stage.reads(stalled, false);
    stage.run_to(100);
    for bid in 1..=1_000 {
        stage.bid("A", bid);
    }
    assert_eq!(stage.until_so(|stage| !stage.is_held(stalled)), 5_250);
}

#[test]
fn an_idle_session_makes_no_progress_and_is_not_slow() {
    let mut stage = Stage::new(Limits { progress: ms(200), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["QUIET"], &json!({}));
    stage.run_to(3_600_000);
    stage.bid("QUIET", 1);
    assert_eq!(stage.message(client, is_price).0, 3_600_000);
}

#[test]
fn a_burst_of_snapshots_on_a_thin_link_is_progress() {
    let mut stage = Stage::new(Limits { progress: ms(2_000), ping: ms(600_000), ..DEFAULT });
    let symbols: Vec<String> = (0..700).map(|number| format!("SNAPSHOT-OF-{number}")).collect();
    let lines: Vec<_> =
        symbols.iter().map(|symbol| format!("{{\"symbol\":\"{symbol}\",\"bid\":1}}")).collect();
    stage.feed(&lines);
    // 10 KB a second: the burst takes several times as long as a session may take no byte.
    let client = stage.websocket(&LinkPlan { bytes_a_ms: 10, ..NARROW });
    stage.command(client, &json!({"op": "subscribe", "symbols": symbols}));
    let (at, _) =
        stage.message(client, |message| message.is("snapshot") && message.str("symbol") == symbols[699]);
    assert!(at > 6_000, "{at}");
    stage.run_for(10_000);
    assert!(!stage.heard(client).iter().any(|(_, heard)| matches!(heard, Heard::Close(_) | Heard::End)));
}

#[test]
fn silence_is_filled_with_heartbeats_that_say_as_of_when_all_is_true() {
    let mut stage = Stage::new(Limits { heartbeat: ms(500), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({}));
    for expected in (0..100).map(|number| 750 + 500 * number) {
        let (at, heartbeat) = stage.message(client, |message| message.is("heartbeat"));
        let told = (told_ms(&heartbeat, "ts"), told_ms(&heartbeat, "asof"));
        assert_eq!((at, told), (expected, (expected, expected)));
        assert_eq!((heartbeat.int("dirty"), heartbeat.int("oldest_ms")), (0, 0));
    }
}

#[test]
fn a_heartbeat_does_not_hide_what_is_held_back() {
    let mut stage = Stage::new(Limits { heartbeat: ms(500), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 60_000}));
    stage.run_to(100);
    stage.bid("A", 1);
    stage.run_to(130);
    stage.bid("A", 2);
    for expected in [750, 1_250, 1_750] {
        let (at, heartbeat) = stage.message(client, |message| message.is("heartbeat"));
        // What is shown was true until the tick that is held back, and grows older.
        assert_eq!((at, told_ms(&heartbeat, "asof")), (expected, 130));
        assert_eq!((heartbeat.int("dirty"), heartbeat.int("oldest_ms")), (1, expected as i64 - 130));
    }
}

#[test]
fn a_symbol_without_ticks_becomes_stale_at_its_time_and_live_again_with_the_next() {
    let mut stage = Stage::new(Limits { stale: ms(1_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["MUTE", "LOUD"], &json!({}));
    stage.run_to(100);
    stage.bid("MUTE", 1);
    // The other one goes on, and is never called stale.
    for number in 1..=30 {
        stage.bid("LOUD", number);
        stage.run_for(100);
    }
    let states = |stage: &mut Stage| -> Vec<(Ms, String, String)> {
        let told = stage.heard(client).into_iter().filter_map(|(at, heard)| match heard {
            Heard::Message(message) if message.is("status") && message.has("symbol") => {
                Some((at, message.str("symbol"), message.str("state")))
            }
            _ => None,
        });
        told.collect()
    };
    let mute = |at, state: &str| vec![(at, "MUTE".to_owned(), state.to_owned())];
    assert_eq!(states(&mut stage), mute(1_250, "stale"));
    stage.bid("MUTE", 2);
    stage.bid("LOUD", 31);
    stage.run_for(10);
    assert_eq!(states(&mut stage), mute(3_100, "live"));
}

/// A client that remembers `stale` would show it on a live price for ever, unless it is told that the state has changed.
#[test]
fn a_client_that_comes_back_is_sent_the_state_whatever_it_is() {
    let mut stage = Stage::new(Limits { stale: ms(1_000), ..DEFAULT });
    stage.bid("A", 1);
    stage.run_to(2_000);
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({}));
    assert_eq!(stage.message(client, is_state("A", "stale")).0, 2_000);
    stage.bid("A", 2);
    // At the head, one tick behind it, with nothing to go on from; by name and by pattern.
    for (symbol, epoch, last) in [("A", "sim", 2), ("A", "sim", 1), ("A", "another", 2), ("A*", "sim", 2)] {
        let client = stage.websocket(&NEAR);
        let resume = json!({"resume": {"epoch": epoch, "last": {"A": last}}});
        stage.subscribe(client, &[symbol], &resume);
        assert_eq!(stage.message(client, is_state("A", "live")).0, 2_000, "{symbol} {epoch} {last}");
    }
    // A client that starts over assumes that a symbol is live, and gets no status.
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({}));
    stage.run_for(500);
    let told = |(_, heard): &(Ms, Heard)| matches!(heard, Heard::Message(message) if message.is("status"));
    assert!(!stage.heard(client).iter().any(told));
}

#[test]
fn a_client_that_reads_nothing_for_seconds_ends_with_the_newest_record() {
    let mut stage = Stage::new(DEFAULT);
    let client = stage.websocket(&NARROW);
    let symbols: Vec<String> = (0..25).map(|number| format!("S{number}")).collect();
    let names: Vec<&str> = symbols.iter().map(String::as_str).collect();
    stage.subscribe(client, &names, &json!({}));
    stage.reads(client, false);
    for round in 0..200 {
        stage.run_for(10);
        for symbol in &symbols {
            stage.bid(symbol, round);
        }
    }
    stage.reads(client, true);
    stage.run_for(100);
    let mut last = std::collections::BTreeMap::new();
    for (_, heard) in stage.heard(client) {
        if let Heard::Message(message) = heard
            && is_price(&message)
        {
            last.insert(message.str("symbol"), message.record()["bid"].clone());
        }
    }
    assert_eq!(last.len(), symbols.len());
    assert!(last.values().all(|bid| bid == "199"), "{last:?}");
}

#[test]
fn an_interval_has_a_leading_edge_at_once_and_a_trailing_one_at_its_time() {
    let mut stage = Stage::new(DEFAULT);
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 800}));
    stage.run_to(1_000);
    stage.bid("A", 1);
    stage.run_to(1_001);
    assert_eq!(updates(&stage.heard(client)), [(1_000, "1".to_owned())]);
    for bid in 2..=100 {
        stage.bid("A", bid);
        stage.run_for(1);
    }
    stage.run_to(60_000);
    let shown = updates(&stage.heard(client));
    // Its end is rounded up to an eighth of it.
    assert!(matches!(&shown[..], [(1_800..=1_900, bid)] if bid == "100"), "{shown:?}");
}

#[test]
fn an_interval_bounds_the_rate_and_ends_on_the_last_value() {
    let mut stage = Stage::new(DEFAULT);
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({"interval_ms": 200}));
    for bid in 1..=200 {
        stage.bid("A", bid);
        stage.run_for(10);
    }
    stage.run_for(1_000);
    let shown = updates(&stage.heard(client));
    assert!(shown.windows(2).all(|pair| (200..=225).contains(&(pair[1].0 - pair[0].0))), "{shown:?}");
    assert!((9..=12).contains(&shown.len()), "{shown:?}");
    assert_eq!(shown.last().map(|(_, bid)| bid.as_str()), Some("200"));
}

#[test]
fn a_drain_closes_at_once_what_is_caught_up_and_at_half_of_its_time_all_others() {
    let mut stage = Stage::new(Limits { drain: ms(16_000), close_grace: ms(3_000), ..DEFAULT });
    let (client, mute, stalled) = (stage.websocket(&NEAR), stage.websocket(&NEAR), stage.websocket(&NARROW));
    stage.subscribe(client, &["HELD"], &json!({"interval_ms": 60_000}));
    stage.subscribe(stalled, &["A"], &json!({"mode": "every"}));
    stage.reads(mute, false);
    stage.reads(stalled, false);
    for bid in 1..=1_000 {
        stage.bid("A", bid);
    }
    stage.bid("HELD", 1);
    stage.run_to(10);
    stage.bid("HELD", 2);
    stage.run_to(1_000);
    assert_eq!(updates(&stage.heard(client)), [(0, "1".to_owned())]);
    // The shard has not taken it in when it is told to drain.
    stage.bid("HELD", 3);
    stage.act(NodeAct::Drain);
    assert_eq!(stage.message(client, |message| message.is("drain")).0, 1_000);
    // What the interval holds back is due now, and the newest tick as well.
    let (at, last) = stage.message(client, is_price);
    assert_eq!((at, last.record()["bid"].as_str()), (1_000, "3"));
    assert_eq!(stage.closed(client), (1_000, 1001));
    // The one that reads nothing had room for all, and has the grace for its close; the other is cut at half of the time.
    let end = stage.until_so(|stage| stage.node.shards.iter().all(|member| member.is_done));
    assert_eq!(end, 9_000);
    let cut: u64 = stage.node.reports().iter().map(|report| report.stats.cut).sum();
    assert_eq!((cut, closed(&stage.node, CloseReason::Drain)), (1, 3));
}

#[test]
fn times_that_are_reloaded_hold_from_then_on() {
    let mut stage = Stage::new(Limits { heartbeat: ms(60_000), stale: ms(60_000), ..DEFAULT });
    let client = stage.websocket(&NEAR);
    stage.subscribe(client, &["A"], &json!({}));
    stage.run_to(100);
    stage.bid("A", 1);
    stage.run_to(5_000);
    assert!(stage.heard(client).iter().all(|(_, heard)| {
        !matches!(heard, Heard::Message(message) if message.is("heartbeat") || message.is("status"))
    }));
    stage.act(NodeAct::Heartbeat(400));
    assert_eq!(stage.message(client, |message| message.is("heartbeat")).0, 5_250);
    assert_eq!(stage.message(client, |message| message.is("heartbeat")).0, 5_750);
    stage.act(NodeAct::Heartbeat(60_000));
    stage.act(NodeAct::Stale(1_000));
    assert_eq!(stage.message(client, is_state("A", "stale")).0, 6_000);
    // By the longer time it is not silent any more.
    stage.act(NodeAct::Stale(60_000));
    assert_eq!(stage.message(client, is_state("A", "live")).0, 6_000);
}
