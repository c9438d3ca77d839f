//! What the sessions of one user may use together: subscriptions, commands, bytes. And who uses most.

use serde_json::{Value, json};

use super::entitled::{Guarded, next, results, tell};
use crate::harness::{
    Client, bids, eventually,
    raw::RawClient,
    tokens::{admin, token},
};

async fn guarded(key: &str, value: u64) -> Guarded {
    Guarded::start(&["--set", &format!("limits.{key}={value}")]).await
}

fn of(user: &str) -> String {
    token(&json!({"read": ["*"]}), &json!({"sub": user, "jti": user}))
}

async fn open(guarded: &Guarded, user: &str) -> RawClient {
    let mut client = guarded.stream(&format!("token={}", of(user)), "").await;
    next(&mut client, "welcome").await;
    client
}

async fn hits(guarded: &Guarded, limit: &str) -> u64 {
    let metrics = guarded.get("/metrics", Some(&admin())).await.body;
    let name = format!("tickcast_limit_hits_total{{limit=\"{limit}\"}} ");
    let line = metrics.lines().find_map(|line| line.strip_prefix(&name));
    line.and_then(|count| count.parse().ok()).expect("a count")
}

/// They are on two shards, and a new connection goes to the one with the fewest.
#[tokio::test]
async fn subscriptions_of_all_sessions_of_a_user_are_counted_together() {
    let guarded = guarded("user_subscriptions", 4).await;
    let (mut first, mut second) = (open(&guarded, "alice").await, open(&guarded, "alice").await);
    let mut other = open(&guarded, "bob").await;
    assert_eq!(results(&mut first, &["A", "B"]).await, ["pending", "pending"]);
    let full = "too_many_subscriptions";
    assert_eq!(results(&mut second, &["A", "B", "C"]).await, ["pending", "pending", full]);
    assert_eq!(results(&mut first, &["C"]).await, [full]);
    assert_eq!(results(&mut other, &["A", "B", "C", "D"]).await, ["pending"; 4], "another user has its own");
    // One that is there already takes no second place.
    assert_eq!(results(&mut first, &["A"]).await, ["pending"]);
    tell(&mut first, &json!({"op": "unsubscribe", "symbols": ["A"]})).await;
    next(&mut first, "unsubscribed").await;
    assert_eq!(results(&mut second, &["C", "D"]).await, ["pending", full]);
    // A glob that fits not whole is refused whole; one that stands is told of what it has no room for.
    tell(&mut first, &json!({"op": "subscribe", "symbols": ["NEW*"]})).await;
    next(&mut first, "subscribed").await;
    guarded.publish("{\"symbol\":\"NEWS\",\"bid\":1}\n").await;
    let error = next(&mut first, "error").await;
    assert_eq!(error["code"], full, "{error}");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("all sessions of a user")), "{error}");
    assert_eq!(results(&mut first, &["N*"]).await, [full]);
    drop(second);
    eventually("a session that has left", async || {
        let left = guarded.get("/v1/admin/sessions?user=alice", Some(&admin())).await.json();
        left.as_array().is_some_and(|left| left.len() == 1)
    })
    .await;
    assert_eq!(results(&mut first, &["X"]).await, ["pending"]);
    assert!(hits(&guarded, "user_subscriptions").await >= 4);
}

#[tokio::test]
async fn commands_of_all_sessions_of_a_user_are_limited_together() {
    let guarded = guarded("user_commands_per_second", 1).await;
    let (mut first, mut second) = (open(&guarded, "alice").await, open(&guarded, "alice").await);
    let mut answered = 0;
    for number in 0..20 {
        let client = if number % 2 == 0 { &mut first } else { &mut second };
        tell(client, &json!({"op": "ping", "id": number})).await;
        answered += u64::from(is_answered(client).await);
    }
    let (age_ms, _) = ages_and_bytes(&guarded).await;
    let earned = age_ms / 1_000 + 1;
    assert!((4..=4 + earned).contains(&answered), "{answered} within {age_ms} ms");
    assert!(hits(&guarded, "user_commands").await >= 20 - answered);
    let mut other = open(&guarded, "bob").await;
    tell(&mut other, &json!({"op": "ping"})).await;
    assert!(is_answered(&mut other).await);
}

/// The age of the oldest session of alice, by the server's clock, and the bytes that all of them were sent.
async fn ages_and_bytes(guarded: &Guarded) -> (u64, u64) {
    let rows = guarded.get("/v1/admin/sessions?user=alice", Some(&admin())).await.json();
    let all = |name: &str| {
        rows.as_array().expect("rows").iter().map(|row| row[name].as_u64().expect("a number")).collect()
    };
    let (ages, bytes): (Vec<u64>, Vec<u64>) = (all("age_ms"), all("bytes_sent"));
    (ages.into_iter().max().expect("a session"), bytes.into_iter().sum())
}

/// Whether the ping that was sent is answered, or the limit told.
async fn is_answered(client: &mut RawClient) -> bool {
    loop {
        let message = client.message().await;
        if message["type"] == "pong" {
            return true;
        }
        if message["type"] == "error" {
            assert_eq!(message["code"], "rate_limited", "{message}");
            return false;
        }
    }
}

/// The session is paced, and not closed; it has every last value in the end (the harness checks that nothing is lost in
/// silence), and the user gets no more bytes than the limit.
#[tokio::test]
async fn a_user_beyond_its_bytes_conflates_and_ends_on_the_last_values() {
    const RATE: u64 = 20_000;
    let guarded = guarded("user_bytes_per_second", RATE).await;
    let names: Vec<String> = (0..40).map(|number| format!("S{number}")).collect();
    let round =
        |number: u64| names.iter().flat_map(|name| bids(name, [number])).collect::<Vec<_>>().join("\n");
    guarded.publish(&round(1)).await;
    let query = format!("token={}&symbols=S*", of("alice"));
    let mut clients = Vec::new();
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    for _ in 0..2 {
        clients.push(Client::of(&guarded.server).query(&query).wanting(&wanted).await);
    }
    let rounds = 60;
    for number in 2..=rounds {
        guarded.publish(&round(number)).await;
    }
    for client in &mut clients {
        for name in &names {
            client.until_seq(name, rounds).await;
        }
    }
    let (age_ms, sent) = ages_and_bytes(&guarded).await;
    // What is earned, what the bucket holds, a frame of each session beyond, and answers, which are not counted.
    let most = RATE * (age_ms + 250) / 1_000 + 2 * 16_384 + 2 * 4_096;
    assert!(sent <= most, "{sent} bytes within {age_ms} ms, at most {most}");
    let messages: u64 = clients.iter().map(|client| client.frames).sum();
    assert!(messages < 2 * rounds, "{messages} frames: they conflate");
    assert!(hits(&guarded, "user_bytes").await > 0);
}

#[tokio::test]
async fn who_uses_most_is_shown_by_user_and_by_address() {
    let guarded = Guarded::start(&[]).await;
    let names: Vec<String> = (0..50).map(|number| format!("S{number}")).collect();
    guarded.publish(&names.iter().flat_map(|name| bids(name, [1])).collect::<Vec<_>>().join("\n")).await;
    let (mut alice, mut bob) = (open(&guarded, "alice").await, open(&guarded, "bob").await);
    let _second = open(&guarded, "bob").await;
    assert_eq!(results(&mut alice, &["S*"]).await, ["ok"]);
    next(&mut alice, "snapshot").await;
    assert_eq!(results(&mut bob, &["S1"]).await, ["ok"]);
    next(&mut bob, "snapshot").await;
    let used = guarded.get("/debug/users", Some(&admin())).await.json();
    let said = |row: &Value| (row["user"].clone(), row["sessions"].clone(), row["subscriptions"].clone());
    assert_eq!(said(&used["users"][0]), (json!("alice"), json!(1), json!(50)), "{used}");
    assert_eq!(said(&used["users"][1]), (json!("bob"), json!(2), json!(1)), "{used}");
    let address = &used["addresses"][0];
    assert_eq!((&address["address"], &address["sessions"]), (&json!("127.0.0.1"), &json!(3)), "{used}");
    let one = guarded.get("/debug/users?k=1", Some(&admin())).await.json();
    assert_eq!(one["users"].as_array().map(Vec::len), Some(1));
    assert_eq!(guarded.get("/debug/users?k=x", Some(&admin())).await.expect_error(400), "bad_value");
    assert_eq!(guarded.get("/debug/users", Some(&of("bob"))).await.expect_error(403), "not_entitled");
}
