//! What a command costs is bounded, and is its own session's: one client's demands never delay another (law 7).
//!
//! Costs are counted by the server, in units of work, and not timed.

use std::process::Command;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::harness::{Client, Message, Metrics, Server, Sse, Subscription, bids, program, within};

const UNITS: &str = "tickcast_work_units_total";

fn names(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

async fn server_with(topics: usize) -> Server {
    // No symbol becomes stale on a slow machine: to say so is work, too.
    let server = Server::with().limit("commands_burst", 1_000).limit("stale_ms", 600_000).start().await;
    let lines: Vec<String> = names("S", topics).iter().flat_map(|name| bids(name, [1])).collect();
    server.publish(&lines).await;
    server
}

async fn units(server: &Server) -> u64 {
    server.metrics().await.sum(UNITS)
}

/// What became of each entry: a code, or a status.
fn codes(answer: &Message) -> Vec<String> {
    let results = answer.results().into_iter();
    results.map(|(_, status)| status.trim_start_matches("error:").to_owned()).collect()
}

async fn ask(client: &mut Client, op: &str, symbols: &[impl AsRef<str>], more: Value) -> Message {
    let symbols: Vec<&str> = symbols.iter().map(AsRef::as_ref).collect();
    let mut command = json!({"op": op, "symbols": symbols});
    for (key, value) in more.as_object().expect("an object") {
        command[key] = value.clone();
    }
    if op == "subscribe" {
        let wanted: Vec<String> = symbols.iter().map(|&name| name.to_owned()).collect();
        client.store.want(&wanted);
    }
    client.command(command).await
}

/// Globs that differ, match nothing, and must be held against every name.
fn idle_globs(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("*{}x{number}*", "a".repeat(43))).collect()
}

#[tokio::test]
async fn a_thousand_stars_in_one_command_cost_what_one_costs() {
    let server = server_with(2_000).await;
    let mut client = Client::open(&server).await;
    let before = units(&server).await;
    let answer = ask(&mut client, "subscribe", &["*"; 1_000], json!({"snapshot": false})).await;
    let results = answer.value("results").as_array().expect("results").clone();
    assert_eq!(results.len(), 1_000, "a result for each entry");
    assert!(results.iter().all(|result| *result == json!({"symbol": "*", "status": "ok", "matched": 2_000})));
    let cost = units(&server).await - before;
    assert!(cost < 100_000, "{cost} units: 2,000 names once are some 80,000");
    assert_eq!(server.metrics().await.sum("tickcast_subscriptions"), 2_000);
}

#[tokio::test]
async fn names_and_globs_that_stand_twice_get_the_result_of_the_first() {
    let server = server_with(3).await;
    let mut client = Client::open(&server).await;
    let symbols = ["S1", "B,C", "S*", "S1", "NEW", "S*", "B,C", "NEW"];
    let answer = ask(&mut client, "subscribe", &symbols, json!({})).await;
    let expected = ["ok", "bad_symbol", "ok", "ok", "pending", "ok", "bad_symbol", "pending"];
    assert_eq!(codes(&answer), expected);
    let answer = ask(&mut client, "unsubscribe", &["NEW", "S1", "NEW", "S*", "S*"], json!({})).await;
    assert_eq!(codes(&answer), ["ok"; 5]);
    let answer = ask(&mut client, "unsubscribe", &["S*", "S1", "S1"], json!({})).await;
    assert_eq!(codes(&answer), ["not_subscribed"; 3]);
    server.settled().await;
}

#[tokio::test]
async fn one_command_has_a_limit_on_different_globs() {
    let server = server_with(50).await;
    let mut client = Client::open(&server).await;
    let before = units(&server).await;
    for op in ["subscribe", "set", "unsubscribe"] {
        let more = if op == "set" { json!({"mode": "every"}) } else { json!({}) };
        let answer = ask(&mut client, op, &idle_globs(1_000), more).await;
        let codes = codes(&answer);
        assert_eq!(codes.len(), 1_000);
        assert!(codes[..64].iter().all(|code| code != "too_many_globs"), "{op}: {:?}", &codes[..64]);
        assert!(codes[64..].iter().all(|code| code == "too_many_globs"), "{op}");
    }
    // Mode `once` leaves no glob behind, and is bounded all the same.
    let answer = ask(&mut client, "subscribe", &idle_globs(1_000), json!({"mode": "once"})).await;
    assert_eq!(codes(&answer).iter().filter(|code| *code == "too_many_globs").count(), 936);
    let cost = units(&server).await - before;
    assert!(cost < 400_000, "{cost} units, most of them for reading and answering");
}

#[tokio::test]
async fn long_subscriptions_in_a_query_are_cut_in_slices_too() {
    let server = server_with(50).await;
    let before = units(&server).await;
    let stars = vec!["*"; 1_500].join(",");
    let mut client = Client::of(&server).query(&format!("symbols={stars}")).wanting(&["*"]).await;
    let answer = client.until_kind("subscribed").await;
    assert_eq!(answer.results().len(), 1_500);
    let globs = names("Q*", 400).join(",");
    let mut sse = Sse::open(&server, &format!("symbols={globs}&mode=once"), &["*"]).await;
    let answer = sse.until("an answer", |message| message.is("subscribed")).await;
    assert_eq!(codes(&answer).iter().filter(|code| *code == "too_many_globs").count(), 400 - 64);
    let cost = units(&server).await - before;
    assert!(cost < 60_000, "{cost} units");
}

#[tokio::test]
async fn in_a_storm_of_clients_each_query_is_carried_out_in_one_piece() {
    let server = server_with(20).await;
    let before = server.metrics().await;
    let symbols = names("S", 20);
    let query = format!("symbols={}", symbols.join(","));
    let wanted: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let come = || Client::of(&server).query(&query).wanting(&wanted);
    let mut clients = futures_util::future::join_all((0..100).map(|_| async { come().await })).await;
    for client in &mut clients {
        let answer = client.until_kind("subscribed").await;
        assert_eq!(codes(&answer), ["ok"; 20]);
    }
    let after = server.metrics().await;
    // A command that waits is carried out in several slices, or in one with others.
    let slices = "tickcast_work_slices_total";
    assert_eq!(after.sum(slices) - before.sum(slices), 100, "{} units", after.sum(UNITS) - before.sum(UNITS));
}

#[tokio::test]
async fn a_glob_that_cannot_fit_is_not_looked_for_to_the_end() {
    // As above: no symbol becomes stale.
    let server = Server::with().limit("subscriptions", 10).limit("stale_ms", 600_000).start().await;
    let lines: Vec<String> = names("S", 5_000).iter().flat_map(|name| bids(name, [1])).collect();
    server.publish(&lines).await;
    let mut client = Client::open(&server).await;
    let before = units(&server).await;
    let answer = ask(&mut client, "subscribe", &["*", "S*", "*1*"], json!({})).await;
    assert_eq!(codes(&answer), ["too_many_subscriptions"; 3]);
    assert!(units(&server).await - before < 1_000);
}

#[tokio::test]
async fn long_commands_are_cut_in_slices_and_answered_in_order_while_others_go_on() {
    let server = server_with(4_000).await;
    let mut client = Client::open(&server).await;
    let mut other = Client::open(&server).await;
    let before = server.metrics().await;
    let long = |id: i64| json!({"op": "subscribe", "id": id, "mode": "once", "symbols": idle_globs(64)});
    for id in 0..3 {
        client.send_text(&long(3 * id).to_string()).await;
        client.send_text(&json!({"op": "ping", "id": 3 * id + 1}).to_string()).await;
        client.send_text(&json!({"op": "list", "id": 3 * id + 2}).to_string()).await;
    }
    // Whoever else is there is answered, and served.
    other.subscribe(Subscription::to(["S7"])).await;
    other.ping().await;
    server.publish(&bids("S7", [2])).await;
    other.until_seq("S7", 2).await;
    let answers = |message: &Message| ["subscribed", "pong", "list"].iter().any(|kind| message.is(kind));
    for id in 0..9 {
        let answer = client.until("an answer", answers).await;
        assert_eq!(answer.int("id"), id, "{answer:?}");
    }
    let after = server.metrics().await;
    let (cost, slices) = (
        after.sum(UNITS) - before.sum(UNITS),
        after.sum("tickcast_work_slices_total") - before.sum("tickcast_work_slices_total"),
    );
    assert!(cost >= 3 * 64 * 4_000, "{cost} units: each glob is held against each name");
    assert!(slices >= cost / 20_000, "{cost} units in {slices} slices");
    server.settled().await;
}

#[tokio::test]
async fn data_waits_for_the_answer_that_calls_for_it() {
    let server = server_with(2_000).await;
    let mut client = Client::open(&server).await;
    let answer = ask(&mut client, "subscribe", &names("S", 2_000), json!({"mode": "every"})).await;
    assert_eq!(codes(&answer), vec!["ok"; 2_000]);
    // The store refuses data of what was not answered yet; here all of it has come behind.
    for name in ["S0", "S1000", "S1999"] {
        client.until_seq(name, 1).await;
    }
    let list = client.command(json!({"op": "list"})).await;
    let listed: Vec<String> = list
        .value("subscriptions")
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| row["symbol"].as_str().unwrap_or_default().to_owned())
        .collect();
    let mut expected = names("S", 2_000);
    expected.sort();
    assert_eq!(listed, expected);
    server.settled().await;
}

#[tokio::test]
async fn a_session_closes_and_answers_pings_while_its_command_is_under_way() {
    let server = server_with(4_000).await;
    let mut client = Client::open(&server).await;
    let long = json!({"op": "subscribe", "mode": "once", "symbols": idle_globs(64)}).to_string();
    for _ in 0..5 {
        client.send_text(&long).await;
    }
    client.send(Frame::Ping(b"now"[..].into())).await;
    client.send(Frame::Close(None)).await;
    client.closed().await;
    let closed = |metrics: &Metrics| metrics.sum_where("tickcast_sessions_closed_total", "normal") == 1;
    server.until_metrics("the session closed as it wished to", closed).await;
    server.settled().await;
}

#[tokio::test]
async fn to_subscribe_again_costs_what_the_first_time_cost() {
    let server = server_with(2_000).await;
    let mut client = Client::open(&server).await;
    let mut costs = Vec::new();
    for _ in 0..4 {
        let before = units(&server).await;
        let answer = ask(&mut client, "subscribe", &names("S", 2_000), json!({})).await;
        assert_eq!(codes(&answer), vec!["ok"; 2_000]);
        costs.push(units(&server).await - before);
    }
    assert!(costs.iter().all(|&cost| cost <= costs[0] + costs[0] / 10), "{costs:?}");
    server.settled().await;
}

#[tokio::test]
async fn a_session_with_very_many_subscriptions_comes_and_goes() {
    let server = Server::with().limit("subscriptions", 20_000).limit("message_bytes", 131_072).start().await;
    let lines: Vec<String> = names("S", 6_000).iter().flat_map(|name| bids(name, [1])).collect();
    server.publish(&lines).await;
    let mut client = Client::open(&server).await;
    for _ in 0..2 {
        let answer = ask(&mut client, "subscribe", &names("S", 6_000), json!({"mode": "every"})).await;
        assert_eq!(codes(&answer), vec!["ok"; 6_000]);
    }
    let answer = ask(&mut client, "unsubscribe", &["S1*"], json!({})).await;
    assert_eq!(answer.value("results")[0]["matched"], 1_111);
    drop(client);
    server.until_metrics("all gone", |metrics| metrics.sum("tickcast_subscriptions") == 0).await;
    server.settled().await;
}

#[tokio::test]
async fn a_crowd_of_new_symbols_finds_its_globs_without_trying_each() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for number in 0..10 {
        let mut client = Client::open(&server).await;
        let mut globs: Vec<String> = (0..63).map(|glob| format!("*-Q{number}-{glob}-*")).collect();
        globs.push(format!("N{number}*"));
        client.subscribe(Subscription::to(&globs).every()).await;
        clients.push(client);
    }
    let before = units(&server).await;
    let lines: Vec<String> = names("N", 2_000).iter().flat_map(|name| bids(name, [1, 2])).collect();
    server.publish(&lines).await;
    for (number, client) in clients.iter_mut().enumerate() {
        let last = match number {
            0 => "N0".to_owned(),
            1 => "N1999".to_owned(),
            _ => format!("N{number}99"),
        };
        client.until_seq(&last, 2).await;
    }
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_subscriptions"), 2_000);
    let cost = metrics.sum(UNITS) - before;
    assert!(cost < 2_000 * 60, "{cost} units; 640 patterns for each of 2,000 symbols would be 1,280,000");
}

/// The attacks of `tickcast load --hostile`, at a small scale: every law holds for well-behaved clients, and no session
/// is left.
#[tokio::test]
async fn clients_that_do_harm_hurt_nobody_else() {
    let server = server_with(300).await;
    let mut load = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    load.args(["load", "--url", &format!("ws://{}/v1/stream", server.address), "--json"]);
    load.args(["--clients", "6", "--hostile", "16", "--duration", "2s"]);
    let running = tokio::task::spawn_blocking(move || program::output(&mut load));
    let feeding = async {
        loop {
            let lines: Vec<String> = names("S", 300).iter().flat_map(|name| bids(name, [1, 2])).collect();
            server.publish(&lines).await;
        }
    };
    let output = tokio::select! {
        output = within("the load to end", running) => output.expect("a load that ends"),
        () = feeding => unreachable!("it feeds for ever"),
    };
    let report: Value = serde_json::from_slice(&output.stdout).expect("a report");
    assert!(output.status.success(), "{report:#}");
    assert_eq!(report["verdict"], "kept");
    let hostile = &report["hostile"];
    let counted = [&hostile["commands"], &hostile["ping"]["count"], &report["sums"]["updates"]];
    assert!(counted.iter().all(|count| count.as_u64() > Some(0)), "{report:#}");
    server.until_metrics("nobody left", |metrics| metrics.sum("tickcast_sessions") == 0).await;
    server.until_metrics("nothing left", |metrics| metrics.sum("tickcast_subscriptions") == 0).await;
    assert_eq!(server.settled().await.residual(), 0);
}
