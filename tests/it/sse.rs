//! `/v1/sse`: the stream's messages for clients without WebSocket.

use crate::harness::{Market, Server, Sse, bids, within};

#[tokio::test]
async fn the_same_messages_under_the_same_laws() {
    let server = Server::start().await;
    let mut market = Market::new(6, "E", 4);
    server.publish(&market.open()).await;
    let mut sse = Sse::open(&server, "symbols=E0,E1,E2,E3", &["E0", "E1", "E2", "E3"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    for symbol in market.symbols() {
        sse.until_seq(&symbol, 1).await;
    }
    for _ in 0..10 {
        server.publish(&market.ticks(100)).await;
    }
    for symbol in market.symbols() {
        sse.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&sse.store);
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_sessions"), 1, "an event stream is a session");
}

#[tokio::test]
async fn every_and_globs_work_there_too() {
    let server = Server::start().await;
    let mut sse = Sse::open(&server, "symbols=N*&mode=every", &["N*"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    server.publish(&[bids("N1", 1..=50), bids("M1", 1..=50)].concat()).await;
    sse.until_seq("N1", 50).await;
    assert!(sse.store.get("N1").history.iter().all(|message| message.n() == 1));
}

#[tokio::test]
async fn a_reader_that_leaves_is_noticed() {
    let server = Server::with().limit("heartbeat_ms", 100).start().await;
    let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
    sse.until("a heartbeat", |message| message.is("heartbeat")).await;
    drop(sse);
    server.until_metrics("no session left", |metrics| metrics.sum("tickcast_sessions") == 0).await;
}

#[tokio::test]
async fn a_drain_reaches_it() {
    let mut server = Server::start().await;
    let mut sse = Sse::open(&server, "symbols=A", &["A"]).await;
    sse.until("a welcome", |message| message.is("welcome")).await;
    server.signal("TERM");
    let drain = sse.until("a drain", |message| message.is("drain")).await;
    assert!(drain.int("retry_ms") >= 0);
    while sse.next_or_end().await.is_some() {}
    assert_eq!(server.exited().await.code(), Some(0));
}

#[tokio::test]
async fn a_fault_in_its_query_is_told() {
    let server = Server::start().await;
    for query in ["", "symbols=", "symbols=A&mode=sometimes", "symbols=A&interval_ms=-1"] {
        let request = server.request("GET", &format!("/v1/sse?{query}"));
        let response = within("an answer", request.start()).await.expect("an HTTP answer");
        if response.status().as_u16() == 400 {
            continue;
        }
        // The stream's own way to tell is as good.
        let mut sse = Sse::open(&server, query, &["A"]).await;
        let error = sse.until(&format!("an error for `{query}`"), |message| message.is("error")).await;
        error.error_code();
    }
}
