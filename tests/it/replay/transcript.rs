//! Law 9 over real threads and sockets: with the market's clock the replay's, a client in mode `every` is sent the same
//! messages whatever the speed and however many shards there are; held in the hand, also those that come by the clock. Of
//! JSON these are the same bytes. A binary message is written by what its frame has before it, and where frames end is
//! free: so binary messages are compared as what they say.

use futures_util::{SinkExt, StreamExt};
use serde_json::{json, value::RawValue};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message as Frame, client::IntoClientRequest, http::HeaderValue, protocol::frame::coding::CloseCode,
    },
};

use super::{FIRST, recording, step, tell};
use crate::harness::{
    Encoding, Frames, Inflating, Message, Server, Socket, each_encoding, encoding, upgrade, within,
};

each_encoding!(
    every_speed_and_number_of_shards_gives_the_same_bytes,
    in_a_controlled_replay_states_heartbeats_and_pongs_are_the_same_bytes,
    another_market_has_another_transcript,
);

/// What one client is sent until the market is over.
#[derive(PartialEq, Eq)]
struct Transcript {
    /// How many messages of the market, and all their bytes.
    count: usize,
    market: String,
    /// The answer to what it asked for, and the end.
    around: Vec<String>,
}

/// What the promise is about, and what it is not about. A message that is in neither list fails the test.
const MARKET: [&str; 3] = ["snapshot", "update", "gap"];
const AROUND: [&str; 2] = ["subscribed", "end"];
/// `welcome` names the session and the epoch; the others come by the world's clock.
const FREE: [&str; 3] = ["welcome", "status", "heartbeat"];

/// One client.
struct Reader {
    ws: WebSocketStream<Inflating>,
    frames: Frames,
}

async fn connect(server: &Server, query: &str, encoding: Encoding) -> Reader {
    let stream = Socket::connect(server.address, server.tls.as_ref()).await.expect("a listening server");
    let url = format!("ws://{}/v1/stream?{query}", server.address);
    let mut request = url.into_client_request().expect("a request");
    let offer = HeaderValue::from_static(encoding.subprotocol());
    request.headers_mut().insert("sec-websocket-protocol", offer);
    let (ws, _) = upgrade(request, stream, encoding).await;
    Reader { ws, frames: Frames::default() }
}

/// The next frame's messages, each as it was written; `None` at the end of a market.
async fn next(reader: &mut Reader) -> Option<Vec<(String, String)>> {
    loop {
        match within("a frame", reader.ws.next()).await {
            // Where frames end is free; what is in them is not.
            Some(Ok(Frame::Text(text))) => {
                let raw: Vec<&RawValue> = serde_json::from_str(&text).expect("an array of messages");
                let kinds = reader.frames.text(&text).into_iter().map(|message| message.kind());
                return Some(kinds.zip(raw.into_iter().map(|raw| raw.get().to_owned())).collect());
            }
            Some(Ok(Frame::Binary(bytes))) => {
                let messages = reader.frames.binary(&bytes).expect("a frame of messages");
                let said = |message: &Message| (message.kind(), format!("{message:?}"));
                return Some(messages.iter().map(said).collect());
            }
            Some(Ok(Frame::Close(frame))) => {
                assert_eq!(frame.map(|frame| frame.code), Some(CloseCode::Normal));
                return None;
            }
            Some(Ok(_)) => {}
            other => panic!("the stream broke off: {other:?}"),
        }
    }
}

async fn transcript(server: &Server, query: &str) -> Transcript {
    let mut reader = connect(server, query, encoding()).await;
    let mut all = Transcript { count: 0, market: String::new(), around: Vec::new() };
    while let Some(messages) = next(&mut reader).await {
        for (kind, bytes) in messages {
            if MARKET.contains(&kind.as_str()) {
                all.market.push_str(&bytes);
                all.market.push('\n');
                all.count += 1;
            } else if AROUND.contains(&kind.as_str()) {
                all.around.push(bytes);
            } else {
                assert!(FREE.contains(&kind.as_str()), "is this in the promise? {bytes}");
            }
        }
    }
    all
}

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
            assert_eq!(all.count, 700, "speed {speed}, {shards} shards");
            assert_eq!(all.around.len(), 2, "{:?}", all.around);
            assert!(all.market == named.market, "a pattern, and names; speed {speed}, {shards} shards");
            transcripts.push((speed, shards, [all, named, bids]));
        }
    }
    for pair in transcripts.windows(2) {
        let [(speed, shards, all), (other_speed, other_shards, other)] = pair else {
            unreachable!("windows of two")
        };
        assert!(all == other, "speed {speed}, {shards} shards; speed {other_speed}, {other_shards} shards");
    }
}

/// Everything up to the first message of a kind.
async fn until(reader: &mut Reader, kind: &str, all: &mut Vec<String>) {
    loop {
        let messages = next(reader).await.expect("the market is not over");
        let found = messages.iter().any(|(found, _)| found == kind);
        all.extend(messages.into_iter().filter(|(kind, _)| kind != "welcome").map(|(_, bytes)| bytes));
        if found {
            return;
        }
    }
}

/// The market's time is paused between two steps, so that messages that depend on the clock have fixed times.
async fn in_a_controlled_replay_states_heartbeats_and_pongs_are_the_same_bytes() {
    let path = recording("held.ndjson", 40, 1_000_000);
    let mut transcripts = Vec::new();
    for shards in ["1", "2"] {
        let source = format!("replay:{}?start=paused&clock=replay", path.display());
        let limited = Server::with().limit("heartbeat_ms", 3_000).limit("stale_ms", 9_000);
        let server = limited.feed(&source).args(&["--shards", shards]).start().await;
        let mut reader = connect(&server, "symbols=A&mode=every", encoding()).await;
        let mut all = Vec::new();
        until(&mut reader, "subscribed", &mut all).await;
        // A; 5 s without a word of it; 6 more, and it is stale; it comes again.
        for (second, comes) in [(0, "update"), (5, "heartbeat"), (11, "status"), (12, "update")] {
            tell(&server, json!({"op": "seek", "to": FIRST + second * 1_000_000})).await;
            step(&server, 1).await;
            until(&mut reader, comes, &mut all).await;
        }
        reader.ws.send(Frame::text(r#"{"op":"ping","id":1}"#)).await.expect("an open socket");
        until(&mut reader, "pong", &mut all).await;
        transcripts.push(all);
    }
    assert_eq!(transcripts[0], transcripts[1]);
    assert_eq!(transcripts[0].len(), 7, "{:#?}", transcripts[0]);
}

async fn another_market_has_another_transcript() {
    let mut transcripts = Vec::new();
    for (name, step) in [("transcript-a.ndjson", 1_000), ("transcript-b.ndjson", 1_001)] {
        let path = recording(name, 50, step);
        let source = format!("replay:{}?speed=max&clock=replay&start=on_subscribe", path.display());
        let server = Server::with().feed(&source).start().await;
        transcripts.push(transcript(&server, "symbols=*&mode=every").await);
    }
    assert_eq!((transcripts[0].count, transcripts[1].count), (50, 50));
    assert!(transcripts[0].market != transcripts[1].market, "the times of ticks are in it");
}

/// The market as each encoding tells it: the same messages, value for value.
#[tokio::test]
async fn both_encodings_tell_the_same_market() {
    let source = "replay:bundled?speed=max&clock=replay&start=clients:6";
    let server = Server::patient().feed(source).start().await;
    let told = async |query: &str, encoding: Encoding| {
        let mut reader = connect(&server, query, encoding).await;
        let mut all = Vec::new();
        loop {
            let messages = match within("a frame", reader.ws.next()).await {
                Some(Ok(Frame::Text(text))) => reader.frames.text(&text),
                Some(Ok(Frame::Binary(bytes))) => reader.frames.binary(&bytes).expect("a frame of messages"),
                Some(Ok(Frame::Close(_))) => return all,
                // The library answers them.
                Some(Ok(Frame::Ping(_))) => continue,
                other => panic!("the stream broke off: {other:?}"),
            };
            all.extend(
                messages.iter().filter(|message| message.is_data()).map(|message| format!("{message:?}")),
            );
        }
    };
    let queries = [
        "symbols=*&mode=every",
        "symbols=BTCUSDT&mode=every&as=tape",
        "symbols=*&mode=every&fields=last,volume",
    ];
    let [all, named, chosen] = queries;
    let (binary, json) = tokio::join!(
        async {
            tokio::join!(
                told(all, Encoding::Binary),
                told(named, Encoding::Binary),
                told(chosen, Encoding::Binary)
            )
        },
        async {
            tokio::join!(told(all, Encoding::Json), told(named, Encoding::Json), told(chosen, Encoding::Json))
        },
    );
    assert!(binary.0.len() > 20_000, "{} messages", binary.0.len());
    let first = binary.0.iter().zip(&json.0).find(|(binary, json)| binary != json);
    assert_eq!(first, None);
    assert!(binary == json, "of a named subscription, or of chosen fields");
}
