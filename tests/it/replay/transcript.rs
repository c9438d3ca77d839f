//! Law 9 over real threads and sockets: with the market's clock the replay's, a client in mode `every` is sent the same
//! bytes whatever the speed and however many shards there are.

use futures_util::StreamExt;
use tokio::net::TcpStream;
use tokio_tungstenite::{client_async, tungstenite::Message as Frame};

use super::recording;
use crate::harness::{Server, within};

/// What one client is sent of the market until it is over: how many messages, and all their bytes.
async fn transcript(server: &Server, query: &str) -> (usize, String) {
    let stream = TcpStream::connect(server.address).await.expect("a listening server");
    let url = format!("ws://{}/v1/stream?{query}", server.address);
    let (mut ws, _) = within("a handshake", client_async(url, stream)).await.expect("an upgrade");
    let (mut messages, mut bytes) = (0, String::new());
    loop {
        match within("a frame", ws.next()).await {
            Some(Ok(Frame::Text(text))) => {
                let kind = ["snapshot", "update", "gap"];
                // Where frames end is free; what is in them is not.
                if kind.iter().any(|kind| text.starts_with(&format!("[{{\"type\":\"{kind}\""))) {
                    bytes.push_str(&text[1..text.len() - 1]);
                    bytes.push(',');
                    messages += text.matches("{\"type\":").count();
                }
            }
            Some(Ok(Frame::Close(frame))) => {
                assert_eq!(frame.map(|frame| frame.code.into()), Some(1000_u16));
                return (messages, bytes);
            }
            Some(Ok(_)) => {}
            other => panic!("the stream broke off: {other:?}"),
        }
    }
}

#[tokio::test]
async fn every_speed_and_number_of_shards_gives_the_same_bytes() {
    let path = recording("transcript.ndjson", 700, 2_000);
    let mut transcripts = Vec::new();
    for shards in ["1", "2"] {
        for speed in ["1", "10", "max"] {
            let source = format!("replay:{}?speed={speed}&clock=replay&start=clients:3", path.display());
            let server = Server::with().feed(&source).args(&["--shards", shards]).start().await;
            let (all, named, bids) = tokio::join!(
                transcript(&server, "symbols=*&mode=every"),
                transcript(&server, "symbols=B,A&mode=every"),
                transcript(&server, "symbols=*&mode=every&fields=bid,volume"),
            );
            assert_eq!(all.0, 700, "speed {speed}, {shards} shards");
            assert!(all == named, "a pattern, and names; speed {speed}, {shards} shards");
            transcripts.push((speed, shards, all, bids));
        }
    }
    for pair in transcripts.windows(2) {
        let [(speed, shards, all, bids), (other_speed, other_shards, other_all, other_bids)] = pair else {
            unreachable!("windows of two")
        };
        assert!(
            all == other_all && bids == other_bids,
            "speed {speed}, {shards} shards; speed {other_speed}, {other_shards} shards"
        );
    }
}

#[tokio::test]
async fn another_market_has_another_transcript() {
    let mut transcripts = Vec::new();
    for (name, step) in [("transcript-a.ndjson", 1_000), ("transcript-b.ndjson", 1_001)] {
        let path = recording(name, 50, step);
        let source = format!("replay:{}?speed=max&clock=replay&start=on_subscribe", path.display());
        let server = Server::with().feed(&source).start().await;
        transcripts.push(transcript(&server, "symbols=*&mode=every").await);
    }
    assert_eq!((transcripts[0].0, transcripts[1].0), (50, 50));
    assert!(transcripts[0].1 != transcripts[1].1, "the times of ticks are in it");
}
