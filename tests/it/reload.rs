//! Settings are read again at SIGHUP: those that can change do, a faulty configuration changes nothing, and all is logged.

use std::{fs, path::PathBuf, process::Command};

use tokio_tungstenite::tungstenite::Message as Frame;

use crate::{
    deflate::{offering, until},
    harness::{Client, Server, Subscription, bids, eventually, files, raw, raw::RawClient},
};

/// A configuration file of one test.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let file = File(files::path(format!("{name}.toml")));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).expect("a directory to write to");
    }

    fn args(&self) -> [&str; 2] {
        ["--config", self.0.to_str().expect("UTF-8")]
    }
}

/// Sends SIGHUP and waits until the log says that the settings were read again, so many times in all.
async fn reload(server: &Server, times: usize) {
    server.signal("HUP");
    eventually("the settings to be read again", async || {
        server.log().matches("settings read again").count() == times
    })
    .await;
}

#[tokio::test]
async fn a_limit_changes_for_sessions_that_are_there_and_for_new_ones() {
    let file = File::new("limits", "[limits]\nsubscriptions = 1\nsessions = 1\n sessions_per_address = 1\n");
    let server = Server::with().args(&file.args()).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"])).await;
    assert!(client.subscribe(Subscription::to(["B"])).await[0].1.starts_with("error"));
    assert_eq!(RawClient::upgraded(&server).await.close_code().await, Some(4129));

    file.write("[limits]\nsubscriptions = 2\nsessions = 2\nsessions_per_address = 1\n");
    reload(&server, 1).await;
    client.subscribe_as("pending", Subscription::to(["B"])).await;
    let second = Client::open(&server).await;
    assert_eq!(second.welcome.value("limits")["subscriptions"], 2);
    let log = server.log();
    assert!(log.contains("setting changed: limits.subscriptions 1 → 2"), "{log}");
    assert!(log.contains("setting changed: limits.sessions 1 → 2"), "{log}");
    assert!(!log.contains("limits.sessions_per_address"), "what is the same is not told: {log}");
    assert_eq!(server.metrics().await.sum("tickcast_limits_sessions"), 2);

    // Fewer than there are: no session is closed, and only new commands are refused.
    file.write("[limits]\nsubscriptions = 1\nsessions = 1\nsessions_per_address = 1\n");
    reload(&server, 2).await;
    for target in ["C", "*"] {
        server.publish(&bids("D", [1])).await;
        assert!(client.subscribe(Subscription::to([target])).await[0].1.starts_with("error"), "{target}");
    }
    client.ping().await;
}

#[tokio::test]
async fn compression_can_be_switched_off_and_on() {
    let file = File::new("deflate", "[limits]\ndeflate_bytes = 1\n");
    let server = Server::with().args(&file.args()).start().await;
    let ping = raw::message(raw::TEXT, br#"{"op":"ping","id":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#);
    let offer = "permessage-deflate";
    let (mut client, answer) = offering(&server, offer, "").await;
    client.write(&ping).await;
    assert!(answer.is_some() && until(&mut client, "pong").await.1);
    file.write("[limits]\ndeflate_bytes = 0\n");
    reload(&server, 1).await;
    client.write(&ping).await;
    assert!(!until(&mut client, "pong").await.1, "also of sessions that are there");
    assert_eq!(offering(&server, offer, "").await.1, None);
    file.write("[limits]\ndeflate_bytes = 1\n");
    reload(&server, 2).await;
    client.write(&ping).await;
    assert!(until(&mut client, "pong").await.1);
    assert!(offering(&server, offer, "").await.1.is_some());
}

#[tokio::test]
async fn every_time_and_size_of_which_a_shard_holds_a_copy_follows() {
    let file = File::new("copies", "[limits]\nstale_ms = 86400000\nheartbeat_ms = 3600000\ntopics = 1\n");
    let server = Server::with().args(&file.args()).start().await;
    let mut client = Client::open(&server).await;
    server.publish(&bids("A", [1])).await;
    client.subscribe(Subscription::to(["A"])).await;
    assert_eq!(server.publish_any("{\"symbol\":\"B\",\"bid\":1}\n").await.accepted, 0);
    file.write("[limits]\nstale_ms = 10\nheartbeat_ms = 50\ntopics = 2\n");
    reload(&server, 1).await;
    client
        .until("the state stale", |message| message.is("status") && message.value("state") == "stale")
        .await;
    client.until_kind("heartbeat").await;
    assert_eq!(server.publish_any("{\"symbol\":\"B\",\"bid\":1}\n").await.accepted, 1);
    // By the longer time it is not silent any more.
    file.write("[limits]\nstale_ms = 86400000\nheartbeat_ms = 50\ntopics = 2\n");
    reload(&server, 2).await;
    client.until("the state live", |message| message.is("status") && message.value("state") == "live").await;
}

#[tokio::test]
async fn origins_follow() {
    let file = File::new("origins", "");
    let server = Server::with().args(&file.args()).start().await;
    let asked = || server.request("GET", "/v1/symbols").header("origin", "https://app.example").send();
    assert_eq!(asked().await.status.as_u16(), 403);
    file.write("allowed_origins = [\"https://app.example\"]");
    reload(&server, 1).await;
    assert_eq!(asked().await.status.as_u16(), 200);
    file.write("");
    reload(&server, 2).await;
    assert_eq!(asked().await.status.as_u16(), 403);
}

#[tokio::test]
async fn the_level_of_the_log_follows() {
    let file = File::new("level", "log.level = \"info\"");
    let server = Server::with().args(&file.args()).start().await;
    let leave = async || {
        let mut client = Client::open(&server).await;
        client.send(Frame::Close(None)).await;
        client.closed().await;
    };
    leave().await;
    assert!(!server.log().contains("DEBUG"), "{}", server.log());
    file.write("log.level = \"debug\"");
    reload(&server, 1).await;
    assert!(server.log().contains("setting changed: log.level \"info\" → \"debug\""), "{}", server.log());
    leave().await;
    eventually("a line of it at debug", async || server.log().contains("DEBUG")).await;
}

#[tokio::test]
async fn settings_with_faults_change_nothing_and_all_faults_are_told() {
    let file = File::new("faults", "[limits]\nsessions = 7\nsessions_per_address = 1\n");
    let server = Server::with().args(&file.args()).start().await;
    file.write("shards = \"many\"\n[limits]\nsesions = 1\nsessions = 9\nsessions_per_address = 0\n");
    reload(&server, 1).await;
    let log = server.log();
    for fault in [
        "`shards` must be a whole number",
        "did you mean `limits.sessions`?",
        "`limits.sessions_per_address`",
    ] {
        assert!(log.contains(fault), "{fault} in:\n{log}");
    }
    assert_eq!(server.metrics().await.sum("tickcast_limits_sessions"), 7);
    fs::remove_file(&file.0).expect("the file");
    reload(&server, 2).await;
    assert!(server.log().contains("cannot read"), "{}", server.log());
    assert_eq!(server.metrics().await.sum("tickcast_limits_sessions"), 7);
}

#[tokio::test]
async fn what_needs_a_restart_keeps_its_value_and_is_named() {
    let file = File::new("restart", "[limits]\nring_ticks = 8\n");
    let server = Server::with().args(&file.args()).start().await;
    file.write("epoch = \"other\"\n[limits]\nring_ticks = 16\nsessions = 4000\n");
    reload(&server, 1).await;
    let log = server.log();
    for said in [
        "setting needs a restart: epoch stays \"\", \"other\" is for later",
        "setting needs a restart: limits.ring_ticks stays 8, 16 is for later",
        "setting changed: limits.sessions 10000 → 4000",
    ] {
        assert!(log.contains(said), "{said} in:\n{log}");
    }
    let client = Client::open(&server).await;
    assert_eq!(client.welcome.value("limits")["ring_ticks"], 8);
    assert_ne!(client.epoch(), "other");
}

#[tokio::test]
async fn a_flag_still_wins_over_the_file() {
    let file = File::new("flag", "[limits]\nsessions = 500\n");
    let server = Server::with().args(&file.args()).limit("sessions", 300).start().await;
    file.write("[limits]\nsessions = 600\nsubscriptions = 5\n");
    reload(&server, 1).await;
    assert_eq!(server.metrics().await.sum("tickcast_limits_sessions"), 300);
    assert!(server.log().contains("limits.subscriptions 2048 → 5"), "{}", server.log());
}

#[tokio::test]
async fn a_file_that_is_a_pipe_is_not_waited_for() {
    let file = File::new("pipe", "[limits]\nsessions = 77\nsessions_per_address = 1\n");
    let mut server = Server::with().args(&file.args()).start().await;
    fs::remove_file(&file.0).expect("the file");
    assert!(Command::new("mkfifo").arg(&file.0).status().is_ok_and(|status| status.success()));
    reload(&server, 1).await;
    assert_eq!(server.metrics().await.sum("tickcast_limits_sessions"), 77);
    server.signal("TERM");
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn signals_for_users_end_nothing() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for (signal, times) in [("USR1", 1), ("USR2", 2)] {
        server.signal(signal);
        eventually("a line on how it goes", async || server.log().matches("running").count() == times).await;
    }
    client.ping().await;
}
