//! What `/v1/replay` shows and does.

use serde_json::json;

use super::{FIRST, recording, state, step, tell};
use crate::harness::{Client, Server, Subscription, eventually};

/// A replay that is paused on command is not a fault, as soon as its thread has reported that it is held.
async fn is_ready(server: &Server) {
    eventually("the server is ready", || async { server.get("/readyz").await.status.as_u16() == 200 }).await;
}

#[tokio::test]
async fn steps_move_exactly_as_many_records() {
    let path = recording("steps.ndjson", 100, 1_000_000);
    let server = Server::with().feed(&format!("replay:{}?start=paused", path.display())).start().await;
    let before = state(&server).await;
    assert_eq!((&before["paused"], &before["position"]), (&json!(true), &json!(0)), "{before}");
    is_ready(&server).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "B"]).every()).await;
    let (mut records, mut seen) = (0, 0);
    for count in [1, 2, 5, 31] {
        let state = step(&server, count).await;
        records += count;
        assert_eq!((&state["position"], &state["records"]), (&json!(records), &json!(records)), "{state}");
        assert_eq!(state["time"], json!(FIRST + (records as i64 - 1) * 1_000_000));
        while seen < records {
            seen += u64::from(client.next().await.is_data());
        }
    }
    // The replay has not moved without a command: the only new ticks are those that were published.
    client.ping().await;
    assert_eq!(client.store.cursor("A"), Some(20));
    assert_eq!(client.store.cursor("B"), Some(19));
    let state = step(&server, 1_000).await;
    assert_eq!((&state["position"], &state["ended"]), (&json!(100), &json!(true)), "{state}");
}

#[tokio::test]
async fn steps_that_are_asked_for_at_once_are_all_made() {
    let path = recording("together.ndjson", 1_000, 1_000_000);
    let server = Server::with().feed(&format!("replay:{}?start=paused", path.display())).start().await;
    // Their order is open, but for each of them as many records are in the market when it is answered.
    let mut positions: Vec<u64> = futures_util::future::join_all((0..50).map(|_| step(&server, 3)))
        .await
        .iter()
        .map(|state| state["position"].as_u64().expect("a count"))
        .collect();
    positions.sort_unstable();
    assert_eq!(positions, (1..=50).map(|count| 3 * count).collect::<Vec<_>>());
    // Another command behind steps takes nothing from them.
    let (stepped, _) = tokio::join!(step(&server, 5), tell(&server, json!({"op": "speed", "speed": 2})));
    assert_eq!(stepped["position"], json!(155), "{stepped}");
}

#[tokio::test]
async fn nothing_moves_before_the_clients_have_subscribed() {
    let path = recording("clients.ndjson", 50, 100);
    let source = format!("replay:{}?start=clients:2&speed=100", path.display());
    let server = Server::with().feed(&source).start().await;
    let mut first = Client::open(&server).await;
    first.subscribe_as("pending", Subscription::to(["A", "B"]).every()).await;
    let waiting = state(&server).await;
    assert_eq!((&waiting["phase"], &waiting["waiting_for_clients"]), (&json!("waiting"), &json!(2)));
    assert_eq!((&waiting["clients"], &waiting["records"]), (&json!(1), &json!(0)), "{waiting}");
    // Otherwise those it waits for would not come.
    is_ready(&server).await;
    // One that has only connected is not a reader yet; one that has left is none any more.
    let idle = Client::open(&server).await;
    let mut leaves = Client::open(&server).await;
    drop(idle);
    leaves.ping().await;
    assert_eq!(state(&server).await["phase"], json!("waiting"));
    leaves.subscribe_as("pending", Subscription::to(["B"]).every()).await;
    for client in [&mut first, &mut leaves] {
        client.until_seq("B", 25).await;
        assert_eq!(client.store.get("B").history[0].seq("seq"), 1, "nobody misses the first tick");
    }
    first.until_seq("A", 25).await;
    assert_eq!(first.store.get("A").history[0].seq("seq"), 1);
}

#[tokio::test]
async fn a_restart_gives_the_same_market_under_new_seqs() {
    let path = recording("restart.ndjson", 40, 1_000);
    let server = Server::with().feed(&format!("replay:{}?start=paused", path.display())).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A", "B"]).every()).await;
    step(&server, 30).await;
    let again = tell(&server, json!({"op": "restart"})).await;
    assert_eq!((&again["position"], &again["round"], &again["paused"]), (&json!(0), &json!(2), &json!(true)));
    step(&server, 30).await;
    client.until_seq("A", 30).await;
    client.until_seq("B", 30).await;
    for symbol in ["A", "B"] {
        let history = &client.store.get(symbol).history;
        let records: Vec<_> = history.iter().map(|message| (message.record(), message.int("ts"))).collect();
        assert_eq!(records.len(), 30);
        assert_eq!(records[..15], records[15..], "the totals begin anew, too");
    }
}

#[tokio::test]
async fn a_seek_lands_on_the_first_record_at_or_after_the_time() {
    let path = recording("seek.ndjson", 40, 1_000_000);
    let server = Server::with().feed(&format!("replay:{}?start=paused", path.display())).start().await;
    for (to, lands_on) in [
        (json!(FIRST + 10_000_000), 10),
        (json!(FIRST + 10_000_001), 11),
        (json!("2025-03-25T00:00:30Z"), 30),
        (json!("2025-03-25T00:00:05.5Z"), 6),
        // The record of this time has been played by then, and is gone back to.
        (json!(FIRST + 6_000_000), 6),
        (json!(0), 0),
    ] {
        let sought = tell(&server, json!({"op": "seek", "to": to})).await;
        assert_eq!(sought["position"], json!(lands_on), "{to}");
        let played = step(&server, 1).await;
        assert_eq!(played["time"], json!(FIRST + lands_on * 1_000_000), "{to}");
    }
    // Of what a seek passed over nothing was played, and it is gone back to all the same.
    for (to, lands_on) in [(20, 20), (15, 15), (35, 35), (3, 3)] {
        let sought = tell(&server, json!({"op": "seek", "to": FIRST + to * 1_000_000})).await;
        assert_eq!((&sought["position"], &sought["time"]), (&json!(lands_on), &json!(null)), "{sought}");
        assert_eq!(sought["next"], json!(FIRST + to * 1_000_000), "{sought}");
    }
    let sought = tell(&server, json!({"op": "seek", "to": "2030-01-01"})).await;
    let state = (&sought["position"], &sought["ended"], &sought["phase"]);
    assert_eq!(state, (&json!(40), &json!(true), &json!("ended")), "the answer says that nothing is there");
    assert_eq!(step(&server, 1).await["ended"], json!(true));
    let back = tell(&server, json!({"op": "seek", "to": FIRST})).await;
    assert_eq!((&back["ended"], &back["phase"]), (&json!(false), &json!("paused")));
    assert_eq!(step(&server, 40).await["position"], json!(40));
}

#[tokio::test]
async fn one_seek_behind_another_lands_where_it_would_alone() {
    let path = recording("seeks.ndjson", 40, 1_000_000);
    let server = Server::with().feed(&format!("replay:{}?start=paused", path.display())).start().await;
    // Nothing is played in between: what the seek before passed over is gone back for.
    for lands_on in [30, 10, 11, 10, 40, 39, 0, 20, 20] {
        let to = FIRST + lands_on * 1_000_000;
        let sought = tell(&server, json!({"op": "seek", "to": to})).await;
        assert_eq!(sought["position"], json!(lands_on), "{sought}");
    }
    assert_eq!(step(&server, 1).await["time"], json!(FIRST + 20_000_000));
}

#[tokio::test]
async fn it_pauses_goes_on_and_changes_its_speed() {
    let path = recording("speed.ndjson", 1_000, 1_000_000);
    let server = Server::with().feed(&format!("replay:{}", path.display())).start().await;
    let paused = tell(&server, json!({"op": "pause"})).await;
    assert_eq!((&paused["phase"], &paused["speed"]), (&json!("paused"), &json!(1.0)));
    let fast = tell(&server, json!({"op": "speed", "speed": 100})).await;
    assert_eq!((&fast["paused"], &fast["speed"]), (&json!(true), &json!(100.0)), "it stays paused");
    tell(&server, json!({"op": "resume"})).await;
    eventually("twenty records in a fifth of a second", async || {
        state(&server).await["records"].as_u64() >= Some(20)
    })
    .await;
    tell(&server, json!({"op": "speed", "speed": "max"})).await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    assert_eq!(server.get("/readyz").await.status.as_u16(), 200, "it did what it was told");
}

#[tokio::test]
async fn parts_of_a_recording_are_played() {
    let path = recording("part.ndjson", 100, 1_000_000);
    let source = format!(
        "replay:{}?speed=max&from=2025-03-25T00:00:10Z&to={}&symbols=B*",
        path.display(),
        FIRST + 20_000_000
    );
    let server = Server::with().feed(&source).start().await;
    eventually("the end", async || state(&server).await["ended"] == json!(true)).await;
    // 11, 13, 15, 17, 19.
    assert_eq!(state(&server).await["time"], json!(FIRST + 19_000_000));
    assert_eq!(server.symbols().await, [("B".to_owned(), 5, "closed".to_owned())]);
}

#[tokio::test]
async fn a_silence_is_cut_short() {
    let path = recording("silence.ndjson", 5, 3_600_000_000);
    let source = format!("replay:{}?max_gap=1ms", path.display());
    let server = Server::with().feed(&source).start().await;
    eventually("four hours in four milliseconds", async || state(&server).await["ended"] == json!(true))
        .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_told() {
    let server = Server::start().await;
    server.get("/v1/replay").await.expect_error(404);
    let path = recording("faults.ndjson", 5, 1_000);
    let source = format!("replay:{}?start=paused", path.display());
    let server = Server::with().feed(&source).feed(&format!("{source}&name=other&symbols=Z")).start().await;
    let several = server.get("/v1/replay").await;
    several.expect_error(400);
    assert!(several.body.contains("replay, other"), "{several:?}");
    server.get("/v1/replay?feed=third").await.expect_error(404);
    server.get("/v1/replay?feed=other&span=yes").await.expect_error(400);
    let all = server.get("/v1/replay?feed=*").await.json();
    let names: Vec<_> = all.as_array().expect("an array").iter().map(|state| &state["feed"]).collect();
    assert_eq!(names, ["replay", "other"]);
    server.request("POST", "/v1/replay?feed=*").body("{\"op\":\"pause\"}").send().await.expect_error(404);
    server.get("/v1/replay?fed=other").await.expect_error(400);
    server.request("DELETE", "/v1/replay").send().await.expect_error(405);
    let post = |body: &'static str| server.request("POST", "/v1/replay?feed=replay").body(body).send();
    for body in ["", "pause", r#"{"op":"stop"}"#, r#"{"op":"step","n":0}"#, r#"{"op":"seek","to":"noon"}"#] {
        post(body).await.expect_error(400);
    }
    assert_eq!(post(r#"{"op":"step"}"#).await.json()["position"], json!(1));
}

#[tokio::test]
async fn the_span_is_found_out_when_it_is_asked_for() {
    let path = recording("span.ndjson", 40, 1_000_000);
    let source = format!("replay:{}?start=paused&to={}", path.display(), FIRST + 30_000_000);
    let server = Server::with().feed(&source).start().await;
    assert_eq!(state(&server).await.get("span"), None);
    let expected = json!({"first": FIRST, "last": FIRST + 29_000_000, "records": 30});
    eventually("the span", async || server.get("/v1/replay?span=true").await.json()["span"] == expected)
        .await;
}
