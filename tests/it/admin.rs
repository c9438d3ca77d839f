//! What operators ask for: to close sessions, to see them, and a report of use.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::entitled::{Guarded, next, results};
use crate::harness::{
    Client, Reply, Server, Subscription, VenueClient, bids, eventually, files, program,
    tokens::{admin, bearer, token},
};

/// A token of this user, by this name.
fn of(user: &str, name: &str) -> String {
    token(&json!({"read": ["*"], "class": "display"}), &json!({"sub": user, "jti": name}))
}

async fn close(guarded: &Guarded, body: &Value) -> Reply {
    let request =
        guarded.server.request("POST", "/v1/admin/close").header("authorization", &bearer(&admin()));
    request.body(body.to_string()).send().await
}

async fn closed(guarded: &Guarded, body: &Value) -> u64 {
    let reply = close(guarded, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["closed"].as_u64().expect("a count")
}

async fn sessions(guarded: &Guarded, query: &str) -> Vec<Value> {
    let reply = guarded.get(&format!("/v1/admin/sessions?{query}"), Some(&admin())).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!reply.body.contains("eyJ"), "no token is shown");
    reply.json().as_array().expect("an array").clone()
}

/// A folder of this test's own, and the setting by which accounts are kept there.
fn accounts(name: &str) -> (PathBuf, String) {
    let folder = files::folder(name);
    let setting = format!("audit.file={}", folder.join("audit.jsonl").display());
    (folder, setting)
}

#[tokio::test]
async fn closing_a_user_ends_every_session_and_bars_the_token() {
    let (folder, setting) = accounts("close");
    let guarded = Guarded::start(&["--set", &setting]).await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":1}\n").await;
    let (alice, bob) = (of("alice", "a1"), of("bob", "b1"));
    let mut first = guarded.stream(&format!("token={alice}&symbols=A"), "").await;
    let mut second = guarded.stream(&format!("token={alice}"), "").await;
    let mut other = guarded.stream(&format!("token={bob}&symbols=A"), "").await;
    for client in [&mut first, &mut other] {
        next(client, "snapshot").await;
    }
    next(&mut second, "welcome").await;
    assert_eq!(closed(&guarded, &json!({"user": "alice"})).await, 2);
    // Published when the answer is there: it must not come to her any more.
    guarded.publish("{\"symbol\":\"A\",\"bid\":2}\n").await;
    for client in [&mut first, &mut second] {
        let mut heard = String::new();
        let code = loop {
            let (opcode, payload) = client.read_frame().await.expect("a close");
            if opcode == 8 {
                break u16::from_be_bytes([payload[0], payload[1]]);
            }
            heard.push_str(&String::from_utf8_lossy(&payload));
        };
        assert_eq!(code, 4104, "{heard}");
        assert!(!heard.contains("\"bid\":2"), "{heard}");
    }
    assert_eq!(next(&mut other, "update").await["bid"], 2);
    // The same token, another one that was made before, and a request.
    let older = token(&json!({"read": ["*"]}), &json!({"sub": "alice", "jti": "a2", "iat": 1}));
    for barred in [&alice, &older] {
        let mut again = guarded.stream(&format!("token={barred}"), "").await;
        assert_eq!(again.close_code().await, Some(4104));
        assert_eq!(guarded.get("/v1/symbols", Some(barred)).await.expect_error(401), "revoked");
    }
    assert_eq!(closed(&guarded, &json!({"user": "alice"})).await, 0);
    let report = guarded.get("/v1/admin/usage", Some(&admin())).await.json();
    assert_eq!(report["months"][0]["revoked"], 2, "{report}");
    let log = std::fs::read_to_string(folder.join("audit.jsonl")).expect("a file");
    let record = log.lines().find(|line| line.contains("\"event\":\"closed\"")).expect("a record");
    let record: Value = serde_json::from_str(record).expect("JSON");
    let said = [&record["by"], &record["user"], &record["sessions"], &record["address"]];
    assert_eq!(said, [&json!("root"), &json!("alice"), &json!(2), &json!("127.0.0.1")]);
}

#[tokio::test]
async fn closing_a_token_bars_it_and_closing_a_session_ends_that_one_alone() {
    let guarded = Guarded::start(&[]).await;
    let (one, two) = (of("alice", "a1"), of("alice", "a2"));
    let mut by_one = guarded.stream(&format!("token={one}"), "").await;
    let mut by_two = guarded.stream(&format!("token={two}"), "").await;
    let mut also_by_two = guarded.stream(&format!("token={two}"), "").await;
    next(&mut by_one, "welcome").await;
    let number = next(&mut by_two, "welcome").await["session"].clone();
    next(&mut also_by_two, "welcome").await;
    assert_eq!(closed(&guarded, &json!({"token": "a1"})).await, 1);
    assert_eq!(by_one.close_code().await, Some(4104));
    assert_eq!(guarded.get("/v1/symbols", Some(&one)).await.expect_error(401), "revoked");
    assert_eq!(closed(&guarded, &json!({"session": number})).await, 1);
    assert_eq!(by_two.close_code().await, Some(4104));
    assert_eq!(results(&mut also_by_two, &["A"]).await, ["pending"]);
    assert_eq!(guarded.get("/v1/symbols", Some(&two)).await.status, 200);
    assert_eq!(closed(&guarded, &json!({"session": "999999"})).await, 0);
    assert_eq!(closed(&guarded, &json!({"session": 999_999})).await, 0);
}

/// What a blocked socket was sent a part of is not finished: no close can follow it.
#[tokio::test]
async fn a_frame_that_is_partly_out_is_not_finished() {
    let guarded = Guarded::start(&["--set", "limits.progress_ms=60000"]).await;
    let names: Vec<String> = (0..500).map(|number| format!("S{number}")).collect();
    let all = |round: u64| names.iter().flat_map(|name| bids(name, [round])).collect::<Vec<_>>().join("\n");
    guarded.publish(&all(1)).await;
    let query = format!("token={}", of("alice", "a1"));
    let mut stalled = Client::of(&guarded.server).query(&query).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(&names).every()).await;
    for round in 2.. {
        guarded.publish(&all(round)).await;
        let slow = guarded.get("/debug/slow", Some(&admin())).await.json();
        if slow[0]["waiting_bytes"].as_u64() > Some(0) {
            break;
        }
    }
    assert_eq!(closed(&guarded, &json!({"user": "alice"})).await, 1);
    assert_eq!(sessions(&guarded, "").await, Vec::<Value>::new());
    assert_eq!(stalled.closed().await, None, "there is no room for a close");
}

#[tokio::test]
async fn a_list_shows_what_each_session_reads() {
    let guarded = Guarded::start(&[]).await;
    let names: Vec<String> = (0..40).map(|number| format!("S{number}")).collect();
    let lines = names.iter().flat_map(|name| bids(name, [1])).collect::<Vec<_>>().join("\n");
    guarded.publish(&lines).await;
    let agent = "User-Agent: desk/1.0\r\n";
    let mut alice = guarded.stream(&format!("token={}&symbols=S*", of("alice", "a1")), agent).await;
    let mut bob = guarded.stream(&format!("token={}&symbols=S1,S2", of("bob", "b1")), "").await;
    for client in [&mut alice, &mut bob] {
        next(client, "snapshot").await;
    }
    let all = sessions(&guarded, "").await;
    let users: Vec<&str> = all.iter().map(|row| row["user"].as_str().expect("a user")).collect();
    assert_eq!(users, ["alice", "bob"], "in the order of their numbers");
    let (row, peer) = (&all[0], all[0]["peer"].as_str().expect("an address"));
    assert!(peer.starts_with("127.0.0.1:"), "{row}");
    let said = ["user", "class", "token", "user_agent", "via", "protocol", "pace", "subscriptions", "globs"];
    let wanted = [
        json!("alice"),
        json!("display"),
        json!("a1"),
        json!("desk/1.0"),
        json!("stream"),
        json!(null),
        json!("live"),
        json!(40),
        json!(["S*"]),
    ];
    assert_eq!(said.map(|name| row[name].clone()), wanted, "{row}");
    assert_eq!(row["symbols"].as_array().map(Vec::len), Some(16), "a few of them: {row}");
    assert!(row["bytes_sent"].as_u64() > Some(1_000) && row["frames_sent"].as_u64() > Some(0), "{row}");
    assert_eq!(all[1]["symbols"].as_array().map(Vec::len), Some(2), "{}", all[1]);
    let of_bob = sessions(&guarded, "user=bob").await;
    assert_eq!((of_bob.len(), &of_bob[0]["session"]), (1, &all[1]["session"]));
    assert_eq!(sessions(&guarded, "k=1").await[0]["user"], "alice");
    let after = row["session"].as_str().expect("a number");
    assert_eq!(sessions(&guarded, &format!("k=1&after={after}")).await[0]["user"], "bob");
    assert_eq!(sessions(&guarded, "user=nobody").await.len(), 0);
}

#[tokio::test]
async fn a_list_names_the_protocol_of_a_venue() {
    let server = Server::with().start().await;
    let mut binance = VenueClient::open(&server, "/ws/btcusdt@trade").await;
    binance.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, |_| false).await;
    let mut kraken = VenueClient::open(&server, "/v2").await;
    kraken.next().await;
    let own = Client::of(&server).open().await;
    let rows = server.get("/v1/admin/sessions").await.json();
    let rows = rows.as_array().expect("an array");
    let said: Vec<_> = rows.iter().map(|row| json!([row["via"], row["protocol"]])).collect();
    let wanted = [json!("binance"), json!("kraken"), json!(null)].map(|name| json!(["stream", name]));
    assert_eq!(said, wanted, "{rows:?}");
    drop(own);
}

#[tokio::test]
async fn usage_over_http_is_that_of_the_files() {
    let (folder, setting) = accounts("usage");
    let guarded = Guarded::start(&["--set", &setting]).await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":1}\n").await;
    let snapshot = guarded.get("/v1/snapshot?symbols=A", Some(&of("alice", "a1"))).await;
    assert_eq!(snapshot.status, 200);
    let get = async |query: &str| guarded.get(&format!("/v1/admin/usage?{query}"), Some(&admin())).await;
    eventually("a record of the request", async || {
        let report = get("").await.json();
        report["users"].as_array().is_some_and(|users| users.iter().any(|row| row["user"] == "alice"))
    })
    .await;
    for (format, kind) in [("json", "application/json"), ("csv", "text/csv"), ("table", "text/plain")] {
        let reply = get(&format!("format={format}")).await;
        assert!(reply.header("content-type").starts_with(kind), "{reply:?}");
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tickcast"));
        let output =
            program::output(command.args(["usage", "--format", format]).arg(folder.join("audit.jsonl")));
        assert_eq!(reply.body, String::from_utf8_lossy(&output.stdout), "{format}");
    }
    assert_eq!(get("month=1999-01").await.json()["users"], json!([]));
    assert_eq!(get("month=1999-13").await.expect_error(400), "bad_value");
    assert_eq!(get("format=xml").await.expect_error(400), "bad_value");
    // A line that was changed is named, and its report is none.
    let file = folder.join("audit.jsonl");
    let text = std::fs::read_to_string(&file).expect("a file");
    std::fs::write(&file, text.replacen("\"symbol\":\"A\"", "\"symbol\":\"B\"", 1)).expect("a file");
    assert_eq!(get("").await.expect_error(500), "audit_fault");
}

#[tokio::test]
async fn operators_paths_need_admin_and_strict_requests() {
    let guarded = Guarded::start(&[]).await;
    let reader = of("alice", "a1");
    for path in ["/v1/admin/sessions", "/v1/admin/usage"] {
        assert_eq!(guarded.get(path, None).await.expect_error(401), "missing_token", "{path}");
        assert_eq!(guarded.get(path, Some(&reader)).await.expect_error(403), "not_entitled", "{path}");
    }
    let request = guarded.server.request("POST", "/v1/admin/close").header("authorization", &bearer(&reader));
    assert_eq!(request.body("{\"user\":\"root\"}").send().await.expect_error(403), "not_entitled");
    for body in [
        json!({}),
        json!({"user": "a", "token": "b"}),
        json!({"users": "a"}),
        json!({"session": -1}),
        json!([]),
    ] {
        assert_eq!(close(&guarded, &body).await.expect_error(400), "bad_body", "{body}");
    }
    assert_eq!(guarded.get("/v1/admin/usage", Some(&admin())).await.expect_error(404), "no_audit");
    for query in ["k=257", "k=x", "after=-1", "user=a&user=b"] {
        let path = format!("/v1/admin/sessions?{query}");
        assert_eq!(guarded.get(&path, Some(&admin())).await.expect_error(400), "bad_value", "{query}");
    }
}

/// Without authentication these are for this machine alone, as publishing is.
#[tokio::test]
async fn without_authentication_they_are_for_the_same_machine() {
    let server = Server::start().await;
    let client = Client::open(&server).await;
    let foreign = server.request("GET", "/v1/admin/sessions").header("host", "node.example").send().await;
    assert!(foreign.status == 400 || foreign.status == 403, "two hosts, or a foreign one: {foreign:?}");
    let rows = server.get("/v1/admin/sessions").await.json();
    assert_eq!(rows[0]["session"], client.welcome.value("session"), "{rows}");
    let body = json!({"session": rows[0]["session"]}).to_string();
    let reply = server.request("POST", "/v1/admin/close").body(body).send().await;
    assert_eq!(reply.json(), json!({"closed": 1}));
    let mut client = client;
    assert_eq!(client.closed().await, Some(4104));
}
