//! What is told of live feeds: `/v1/feeds`, `/readyz`, and certificates that are not believed.

use serde_json::{Value, json};

use crate::{
    harness::{
        Client, Server, Venue, eventually,
        socket::{Authority, Files},
    },
    upstream::{BTC, acknowledge, binance, reader, trade},
};

/// The only feed that is not `push`.
async fn feed(server: &Server) -> Value {
    let feeds = server.get("/v1/feeds").await.json();
    let mut feeds = feeds.as_array().expect("feeds").iter();
    feeds.find(|feed| feed["kind"] != "push").cloned().expect("a feed")
}

/// Waits until the feed is dark, and says why.
async fn why_dark(server: &Server) -> String {
    eventually("a dark venue", async || feed(server).await["condition"] == "dark").await;
    let feed = feed(server).await;
    assert_eq!((&feed["connected"], &feed["connections"]), (&json!(false), &json!(0)), "{feed}");
    feed["reason"].as_str().expect("a reason").to_owned()
}

#[tokio::test]
async fn a_feed_is_listed_with_its_connections_and_why_it_is_dark() {
    let venue = Venue::start().await;
    let server = Server::with()
        .feed(&binance(&venue, "BTCUSDT", "&name=spot"))
        .limit("stale_ms", 3_600_000)
        .start()
        .await;
    venue.refuse().await;
    let why = why_dark(&server).await;
    assert!(why.contains(&venue.url()), "{why}");
    let unready = server.get("/readyz").await;
    assert_eq!(unready.expect_error(503), "starting");
    assert!(
        unready.body.contains("feed spot has given no tick yet") && unready.body.contains(&venue.url()),
        "{unready:?}"
    );
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    end.say(&trade("BTCUSDT", 1)).await;
    client.until_seq("BTCUSDT", 1).await;
    eventually("an open connection", async || feed(&server).await["connected"] == true).await;
    let well = feed(&server).await;
    for (member, value) in [
        ("name", json!("spot")),
        ("kind", json!("binance")),
        ("condition", json!("running")),
        ("connections", json!(1)),
        ("connections_wanted", json!(1)),
        ("ingested", json!(1)),
        ("reason", json!(null)),
    ] {
        assert_eq!(well[member], value, "{member} of {well}");
    }
    assert!(well["last"].as_i64().is_some_and(|last| last > 1_600_000_000_000_000), "{well}");
    assert_eq!(server.get("/readyz").await.json(), json!({"status": "ready"}));
    // It is ready though its venue goes away, and says so.
    drop(end);
    drop(venue);
    let why = why_dark(&server).await;
    let ready = server.get("/readyz").await.json();
    assert_eq!(
        (&ready["status"], &ready["dark"][0]["feed"]),
        (&json!("ready"), &json!("spot")),
        "{ready} {why}"
    );
    assert!(feed(&server).await["reconnects"].as_u64() >= Some(1));
}

#[tokio::test]
async fn a_symbol_that_nobody_knew_yet_is_stale_while_its_venue_is_dark() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    drop(end);
    drop(venue);
    why_dark(&server).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    let status = client.until("the state of a symbol without a tick", |message| message.is("status")).await;
    assert_eq!((status.str("symbol"), status.str("state")), ("BTCUSDT".to_owned(), "stale".to_owned()));
    assert!(status.str("reason").contains("no connection to the venue"), "{status:?}");
    // What is configured is not misspelt.
    for (symbol, known) in [("BTCUSDT", Value::Null), ("BTCUSTD", json!(false))] {
        let mut asks = Client::open(&server).await;
        let answer = asks.command(json!({"op": "subscribe", "symbols": [symbol]})).await;
        assert_eq!(answer.value("results")[0]["known"], known, "{answer:?}");
    }
}

#[tokio::test]
async fn a_venue_is_spoken_to_in_tls_and_a_wrong_certificate_is_told() {
    let (authority, files) = (Authority::new(), Files::new("venue"));
    let ca = format!("&ca={}", files.write("ca.pem", &authority.pem));
    let venue = Venue::in_tls(&authority.certify(&["127.0.0.1"])).await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", &ca)).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    end.say(&trade("BTCUSDT", 1)).await;
    client.until_seq("BTCUSDT", 1).await;
    for (pair, ca, part) in [
        (Authority::new().certify(&["127.0.0.1"]), &*ca, "of an authority that is not trusted here: ca=FILE"),
        (authority.certify(&["127.0.0.1"]), "", "of an authority that is not trusted here: ca=FILE"),
        (authority.certify(&["venue.example"]), &*ca, "its certificate is for another name"),
    ] {
        let venue = Venue::in_tls(&pair).await;
        let server = Server::with().feed(&binance(&venue, "BTCUSDT", ca)).start().await;
        venue.disbelieved().await;
        let why = why_dark(&server).await;
        assert!(why.contains(&venue.url()) && why.contains(part), "{why}");
    }
}
