//! Accounts of use: the report of `tickcast usage` adds up to what clients received, and names a line that was changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};

use super::entitled::{Guarded, next, results, tell};
use crate::harness::{Client, Message, Server, Sse, Subscription, bids, files, program, tokens::token};

/// A folder of this test's own.
pub(super) fn folder(name: &str) -> PathBuf {
    files::folder(name)
}

async fn audited(folder: &Path) -> Server {
    let file = format!("audit.file={}", folder.join("audit.jsonl").display());
    Server::with().args(&["--set", &file]).start().await
}

fn usage(folder: &Path, args: &[&str]) -> Output {
    let files = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast"));
    program::output(command.arg("usage").args(args).args(files))
}

pub(super) fn report(folder: &Path) -> Value {
    let output = usage(folder, &["--format", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    report["users"] = over_months(report["users"].as_array().expect("rows")).into();
    report
}

/// The rows of users, whatever the month: one may begin while a test runs.
fn over_months(rows: &[Value]) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::new();
    for row in rows {
        let is_same = |of: &&mut Value| ["product", "class", "user"].iter().all(|key| of[key] == row[key]);
        let Some(before) = merged.iter_mut().find(is_same) else {
            merged.push(row.clone());
            continue;
        };
        for key in ["messages", "events", "requests"] {
            before[key] = json!(before[key].as_u64().expect("a count") + row[key].as_u64().expect("a count"));
        }
        for key in ["real_time", "delayed"] {
            let symbols =
                [&before[key], &row[key]].map(|symbols| symbols.as_array().expect("symbols").clone());
            let mut symbols = symbols.concat();
            symbols.sort_unstable_by_key(Value::to_string);
            symbols.dedup();
            before[key] = symbols.into();
        }
    }
    merged
}

/// Whether it counts: it has a record, or a change of it.
fn counts(message: &Message) -> u64 {
    u64::from(message.is("snapshot") || message.is("update"))
}

/// Reads until this symbol has come to this seq; how many messages counted.
async fn read_to(client: &mut Client, symbol: &str, seq: u64) -> u64 {
    let mut counted = 0;
    loop {
        let message = client.next().await;
        counted += counts(&message);
        if message.is_data() && message.key() == symbol && message.seq("seq") == seq {
            return counted;
        }
    }
}

/// Ends the server; what its clients were sent is recorded then.
async fn end(mut server: Server) {
    server.signal("TERM");
    assert!(server.exited().await.success());
}

#[tokio::test]
async fn a_report_adds_up_to_what_clients_received() {
    let folder = folder("residual");
    let server = audited(&folder).await;
    server.publish(&[bids("A", 1..=3), bids("B", 1..=3), bids("C", 1..=3)].concat()).await;
    let (mut messages, mut events) = (0, 0);
    for round in 0..2_u64 {
        let mut every = Client::open(&server).await;
        every.subscribe(Subscription::to(["A", "NEVER"]).every()).await;
        let mut latest = Client::of(&server).query("symbols=B").wanting(&["B"]).await;
        let mut sse = Sse::open(&server, "symbols=C", &["C"]).await;
        let last = 53 + round * 50;
        let more = last - 49..=last;
        for symbol in ["A", "B", "C"] {
            server.publish(&bids(symbol, more.clone())).await;
        }
        messages += read_to(&mut every, "A", last).await;
        messages += read_to(&mut latest, "B", last).await;
        loop {
            let message = sse.next_or_end().await.expect("an event");
            events += counts(&message);
            if message.is_data() && message.seq("seq") == last {
                break;
            }
        }
    }
    for _ in 0..3 {
        assert_eq!(server.get("/v1/snapshot?symbols=A,D*").await.status.as_u16(), 200);
    }
    end(server).await;
    let report = report(&folder);
    let users = report["users"].as_array().expect("rows");
    assert_eq!(users.len(), 1, "nobody has a token: {report}");
    assert_eq!(users[0]["real_time"], json!(["A", "B", "C"]), "NEVER never came");
    let counted = ["messages", "events", "requests"].map(|name| users[0][name].clone());
    assert_eq!(counted, [json!(messages), json!(events), json!(3)], "the residual is 0");
    assert_eq!((&report["lost"], &users[0]["delayed"]), (&json!(0), &json!([])));
    assert!(report["months"][0]["devices_max"].as_u64() >= Some(3), "{report}");
    assert_eq!(report["months"][0]["users_max"], json!(1));
}

#[tokio::test]
async fn accounts_go_on_after_a_restart_and_a_changed_line_is_named() {
    let folder = folder("restart");
    for _ in 0..2 {
        let server = audited(&folder).await;
        server.publish(&bids("A", 1..=3)).await;
        let mut client = Client::open(&server).await;
        client.subscribe(Subscription::to(["A"])).await;
        client.until_seq("A", 3).await;
        end(server).await;
    }
    let of_both = report(&folder);
    assert_eq!(of_both["users"][0]["messages"], json!(2), "{of_both}");
    let path = folder.join("audit.jsonl");
    let text = fs::read_to_string(&path).expect("text");
    let last = text.lines().count();
    let cut = usage(&folder, &["--last", &(last + 1).to_string()]);
    assert_eq!(cut.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&cut.stderr).contains("missing at the end"), "{cut:?}");
    assert!(usage(&folder, &["--last", &last.to_string()]).status.success());
    let at = text.lines().position(|line| line.contains("\"received\"")).expect("a receipt");
    let changed: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(index, line)| if index == at { line.replace("\"A\"", "\"B\"") } else { line.to_owned() })
        .collect();
    fs::write(&path, changed.join("\n") + "\n").expect("a disk");
    let changed = usage(&folder, &[]);
    assert_eq!(changed.status.code(), Some(2));
    let why = String::from_utf8_lossy(&changed.stderr).into_owned();
    assert!(why.contains(&format!("line {}", at + 1)) && why.contains("audit.jsonl"), "{why}");
}

#[tokio::test]
async fn use_is_that_of_the_token_in_force_and_refusals_are_recorded() {
    let folder = folder("tokens");
    let file = format!("audit.file={}", folder.join("audit.jsonl").display());
    let mut guarded = Guarded::start(&["--set", &file]).await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":1}\n{\"symbol\":\"B\",\"bid\":1}\n").await;
    let of = |user: &str, class: &str, read: &[&str]| {
        token(&json!({"read": read, "class": class}), &json!({"sub": user, "jti": user}))
    };
    let alice = of("alice", "display", &["A"]);
    let mut client = guarded.stream(&format!("token={alice}"), "").await;
    assert_eq!(results(&mut client, &["A", "B"]).await, ["ok", "not_entitled"]);
    next(&mut client, "snapshot").await;
    // The subscription goes on under another user's token, and is sent one message more.
    tell(&mut client, &json!({"op": "auth", "token": of("bob", "machine", &["A"])})).await;
    next(&mut client, "auth").await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":2}\n").await;
    next(&mut client, "update").await;
    assert_eq!(guarded.get("/v1/snapshot?symbols=A,B", Some(&alice)).await.status, 200);
    guarded.get("/v1/snapshot?symbols=B", Some(&alice)).await.expect_error(403);
    guarded.get("/v1/snapshot?symbols=B", None).await.expect_error(401);
    guarded.server.signal("TERM");
    assert!(guarded.server.exited().await.success());
    let report = report(&folder);
    let row = |user: &str, class: &str, messages: u64, requests: u64| {
        json!({"month": report["months"][0]["month"], "product": "default", "class": class, "user": user,
            "real_time": ["A"], "delayed": [], "messages": messages, "events": 0, "requests": requests})
    };
    assert_eq!(
        report["users"],
        json!([row("alice", "display", 1, 1), row("bob", "machine", 1, 0)]),
        "{report}"
    );
    assert_eq!(report["months"][0]["refused"], json!(3), "B by subscription, B by request, and no token");
    let of_session: Vec<Value> = fs::read_to_string(folder.join("audit.jsonl"))
        .expect("text")
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|line| line["session"].is_u64())
        .map(|line| json!([line["event"], line["user"], line["expires"].is_i64()]))
        .collect();
    let expected = json!([["opened", "alice", true], ["renewed", "bob", true], ["ended", null, false]]);
    assert_eq!(json!(of_session), expected);
}
