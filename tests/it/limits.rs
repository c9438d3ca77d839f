//! The limits that docs/CONFIGURATION.md lists: what exceeds one is refused or cut with its name, and no other client
//! notices.

use serde_json::json;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::harness::{Client, Request, Server, Subscription, bids, raw, raw::RawClient};

#[tokio::test]
async fn of_3000_subscriptions_2048_are_taken_and_952_refused() {
    let server = Server::start().await;
    let symbols: Vec<_> = (0..3_000).map(|index| format!("S{index}")).collect();
    server.publish(&bids("S7", [1])).await;
    let mut client = Client::open(&server).await;
    let results = client.subscribe(Subscription::to(&symbols)).await;
    let refused = results.iter().filter(|(_, status)| status.starts_with("error")).count();
    assert_eq!((results.len() - refused, refused), (2_048, 952));
    assert!(
        results[..2_048].iter().all(|(_, status)| !status.starts_with("error")),
        "the first ones are taken"
    );
    client.until_seq("S7", 1).await;
    // Room that is given back can be taken again.
    client.unsubscribe(&["S0"]).await;
    client.subscribe_as("pending", Subscription::to(["S2999"])).await;
    assert!(client.subscribe(Subscription::to(["S2998"])).await[0].1.starts_with("error"));
    assert_eq!(server.metrics().await.sum("tickcast_subscriptions"), 2_048);
}

#[tokio::test]
async fn a_glob_does_not_reach_beyond_the_limit_on_subscriptions() {
    let server = Server::with().limit("subscriptions", 10).start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["*"])).await;
    server.publish(&(0..50).flat_map(|index| bids(&format!("S{index}"), [1])).collect::<Vec<_>>()).await;
    client.ping().await;
    let metrics = server.settled().await;
    let subscriptions = metrics.sum("tickcast_subscriptions");
    assert!((1..=10).contains(&subscriptions), "{subscriptions}");
    client.ping().await;
}

#[tokio::test]
async fn an_oversized_message_closes_with_1009() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    let room = 64 * 1024;
    // Exactly at the limit is a message like any other.
    let command = format!(r#"{{"op":"ping","id":1,"x":"{}"}}"#, "y".repeat(room - 30));
    client.send_text(&command).await;
    client.until("an answer", |message| message.is("pong") || message.is("error")).await;
    client.send_text(&"x".repeat(room + 1)).await;
    assert_eq!(client.closed().await, Some(1009));
}

#[tokio::test]
async fn a_message_that_grows_oversized_in_fragments_closes_with_1009() {
    let server = Server::start().await;
    let mut client = RawClient::upgraded(&server).await;
    let part = "x".repeat(30_000);
    client.write(&raw::frame(raw::TEXT, part.as_bytes())).await;
    client.write(&raw::frame(raw::CONTINUATION, part.as_bytes())).await;
    client.write_if_open(&raw::frame(raw::CONTINUATION, part.as_bytes())).await;
    assert_eq!(client.close_code().await, Some(1009));
}

#[tokio::test]
async fn a_header_that_promises_too_much_closes_with_1009_before_the_bytes() {
    let server = Server::start().await;
    let mut client = RawClient::upgraded(&server).await;
    let header = [0x81, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0];
    client.write(&header).await;
    assert_eq!(client.close_code().await, Some(1009));
}

#[tokio::test]
async fn a_flood_of_commands_is_slowed_by_errors_and_then_cut_with_1008() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    for number in 0..600 {
        client.send(Frame::text(json!({"op": "ping", "id": number}).to_string())).await;
    }
    let (mut pongs, mut limited) = (0, 0);
    for _ in 0..600 {
        let answer = client.until("an answer", |message| message.is("pong") || message.is("error")).await;
        if answer.is("pong") {
            pongs += 1;
        } else {
            assert_eq!(answer.error_code(), "rate_limited");
            limited += 1;
        }
    }
    assert!(pongs >= 200, "the burst of 200 is answered, not only {pongs}");
    assert!(limited > 0, "600 commands at once are more than 50/s with a burst of 200");
    let mut other = Client::open(&server).await;
    for number in 0..20_000 {
        if !client.send_if_open(Frame::text(json!({"op": "ping", "id": number}).to_string())).await {
            break;
        }
    }
    assert!(matches!(client.closed().await, Some(1008) | None));
    other.ping().await;
    let closed = server
        .until_metrics("one session cut", |metrics| metrics.sum("tickcast_sessions_closed_total") == 1)
        .await;
    assert!(closed.sum("tickcast_sessions") >= 1, "the other session goes on");
}

#[tokio::test]
async fn a_flood_of_pings_or_empty_fragments_is_cut_with_1008() {
    let server = Server::start().await;
    for first in [0x80 | raw::PING, raw::CONTINUATION, 0x80 | raw::PONG] {
        let mut client = RawClient::upgraded(&server).await;
        if first == raw::CONTINUATION {
            client.write(&raw::frame(raw::TEXT, b"")).await;
        }
        let hundred: Vec<u8> = (0..100).flat_map(|_| raw::frame(first, b"")).collect();
        // A million frames of six bytes: far beyond what a second allows, by number and by bytes.
        for _ in 0..10_000 {
            if !client.write_if_open(&hundred).await {
                break;
            }
        }
        // After a reset the close frame can be lost; the connection has ended all the same.
        let code = client.close_code().await;
        assert!(matches!(code, Some(1008) | None), "opcode {first} is closed with {code:?}");
    }
    let metrics = server
        .until_metrics("three sessions cut", |metrics| metrics.sum("tickcast_sessions_closed_total") == 3)
        .await;
    assert_eq!(metrics.sum("tickcast_sessions"), 0);
}

#[tokio::test]
async fn answers_to_pings_behind_data_count_among_no_frames() {
    let server = Server::with()
        .limit("commands_per_second", 20)
        .limit("commands_burst", 20)
        .limit("frames_per_second", 1)
        .limit("frames_burst", 20)
        .start()
        .await;
    let mut client = RawClient::upgraded(&server).await;
    let subscribe = json!({"op": "subscribe", "symbols": ["A"], "mode": "every", "snapshot": false});
    client.write(&raw::message(raw::TEXT, subscribe.to_string().as_bytes())).await;
    client.read_until("pending").await;
    let (mut seq, mut answered, mut last) = (0, 0, Vec::new());
    while answered < 60 {
        server.publish(&bids("A", 1..=500)).await;
        seq += 500;
        let newest = format!("\"seq\":{seq},");
        loop {
            let (opcode, payload) = client.read_frame().await.expect("a session that goes on");
            assert_ne!(opcode, raw::CLOSE, "closed after {answered} answers: {payload:?}");
            if opcode == raw::PING && payload.len() == 8 {
                client.write(&raw::message(raw::PONG, &payload)).await;
                (answered, last) = (answered + 1, payload);
            } else if opcode == raw::TEXT && String::from_utf8_lossy(&payload).contains(&newest) {
                break;
            }
        }
    }
    // Once: nobody has asked for it again.
    client.write(&raw::message(raw::PONG, &last).repeat(100)).await;
    assert_eq!(client.close_code().await, Some(1008));
}

#[tokio::test]
async fn topics_have_a_limit() {
    let server = Server::with().limit("topics", 3).start().await;
    let lines: Vec<_> = (0..5).flat_map(|index| bids(&format!("S{index}"), 1..=2)).collect();
    let published = server.publish_any(&lines.join("\n")).await;
    assert_eq!((published.accepted, published.rejected.len()), (6, 4), "{published:?}");
    assert_eq!(server.metrics().await.sum("tickcast_topics"), 3);
    let rejected = server.metrics().await.sum_where("tickcast_ticks_rejected_total", "topics_full");
    assert_eq!(rejected, 4);
    // Wishing for symbols must not use them up either.
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to((0..100).map(|index| format!("W{index}")))).await;
    server.publish(&bids("S0", [3])).await;
    assert_eq!(server.symbols().await.len(), 3);
}

#[tokio::test]
async fn sessions_have_a_limit_and_a_slot_is_given_back() {
    let server = Server::with().limit("sessions", 2).limit("sessions_per_address", 2).start().await;
    let first = Client::open(&server).await;
    let second = Client::open(&server).await;
    let refused = Request::new(server.address, "GET", "/v1/stream").upgrade().send().await;
    if refused.status.as_u16() == 101 {
        // Then the client gets a close frame; 4129 is a close code, not a status.
        let mut third = RawClient::upgraded(&server).await;
        assert_eq!(third.close_code().await, Some(4129));
    } else {
        assert!([429, 503].contains(&refused.status.as_u16()), "{refused:?}");
        refused.expect_error(refused.status.as_u16());
    }
    assert!(server.metrics().await.sum("tickcast_handshakes_rejected_total") >= 1);
    drop(first);
    server.until_metrics("a place given back", |metrics| metrics.sum("tickcast_sessions") == 1).await;
    let mut third = Client::open(&server).await;
    third.ping().await;
    drop(second);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let server = Server::with().limit("publish_bytes", 10_000).start().await;
    let body = bids("A", 0..2_000).join("\n");
    let reply = server.request("POST", "/v1/publish").body(body).send().await;
    reply.expect_error(413);
    server.publish(&bids("A", 1..=10)).await;
}

#[tokio::test]
async fn a_line_over_the_limit_is_refused_and_the_next_one_taken() {
    let server = Server::with().limit("line_bytes", 1_000).start().await;
    let long = format!(r#"{{"symbol":"A","bid":"1{}"}}"#, "0".repeat(2_000));
    let published = server.publish_any(&[long, bids("A", [2]).remove(0)].join("\n")).await;
    assert_eq!((published.accepted, published.rejected.len()), (1, 1));
    assert_eq!(published.rejected[0].0, 1);
}
