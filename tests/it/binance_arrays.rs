//! The arrays of Binance's tickers: one of all symbols that have changed, each second, however long it is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::harness::{Server, VenueClient};

/// Their arrays are longer than any frame of the server.
const SYMBOLS: usize = 300;

/// A trade of each of so many symbols, as one batch.
fn trades(symbols: usize, price: u64) -> Vec<String> {
    let trade = |at| json!({"symbol": format!("S{at:04}USDT"), "last": price, "last_size": 1}).to_string();
    (0..symbols).map(trade).collect()
}

/// The symbols of an array, each once.
fn symbols_of(array: &Value) -> BTreeSet<String> {
    let tickers = array.as_array().expect("an array");
    let symbols: BTreeSet<String> =
        tickers.iter().map(|ticker| ticker["s"].as_str().expect("a symbol").to_owned()).collect();
    assert_eq!(symbols.len(), tickers.len(), "a symbol is twice in an array");
    symbols
}

/// Reads until each of two streams has told of every symbol with this price. Says how many arrays that took of each.
async fn until_all(client: &mut VenueClient, price: u64) -> BTreeMap<String, usize> {
    let (mut arrays, mut found) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<String>>::new());
    while found.len() < 2 || found.values().any(|symbols| symbols.len() < SYMBOLS) {
        let message = client.next().await;
        let stream = message["stream"].as_str().expect("the name of a stream").to_owned();
        let symbols = symbols_of(&message["data"]);
        let newest = json!(format!("{price}.00000000"));
        if message["data"][0]["c"] == newest {
            *arrays.entry(stream.clone()).or_default() += 1;
            found.entry(stream).or_default().extend(symbols);
        }
    }
    arrays
}

#[tokio::test]
async fn one_array_of_each_stream_has_all_that_changed_however_long_it_is() {
    let server = Server::start().await;
    let mut client = VenueClient::open(&server, "/stream?streams=!ticker@arr/!miniTicker@arr").await;
    server.publish(&trades(SYMBOLS, 1)).await;
    // Symbols that are new are taken in by and by.
    until_all(&mut client, 1).await;
    server.publish(&trades(SYMBOLS, 2)).await;
    let arrays = until_all(&mut client, 2).await;
    assert_eq!(arrays.values().collect::<Vec<_>>(), [&1, &1], "{arrays:?}");
    server.publish(&trades(2, 3)).await;
    for _ in 0..2 {
        assert_eq!(symbols_of(&client.next().await["data"]).len(), 2, "what has not changed is not in it");
    }
    server.settled().await;
}

#[tokio::test]
async fn pings_are_answered_within_an_array_and_requests_end_it() {
    const MANY: usize = 2_000;
    let server = Server::with().limit("progress_ms", 600_000).start().await;
    server.publish(&trades(MANY, 1)).await;
    let mut client = VenueClient::with(&server, "/ws/!ticker@arr", &[], Some(4_096)).await;
    // The first array begins, and is longer than all buffers together.
    server.until_metrics("bytes that wait", |metrics| metrics.sum("tickcast_waiting_bytes") > 0).await;
    client.send_frame(Frame::Ping(b"mark".to_vec().into())).await;
    client.send(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#).await;
    server.publish(&trades(MANY, 2)).await;
    let (mut told, mut newest) = (0, BTreeMap::new());
    while newest.len() < MANY || newest.values().any(|price| *price != json!("2.00000000")) {
        let message = client.next().await;
        if message.get("result").is_some() {
            assert_eq!(message, json!({"result": ["!ticker@arr"], "id": 1}));
            assert!(newest.len() < MANY, "the answer is behind all data");
            told += 1;
            continue;
        }
        symbols_of(&message);
        for ticker in message.as_array().expect("an array") {
            newest.insert(ticker["s"].to_string(), ticker["c"].clone());
        }
    }
    assert_eq!((told, client.pongs.len()), (1, 1));
    server.settled().await;
}
