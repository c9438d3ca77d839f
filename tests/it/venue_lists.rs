//! All symbols of a venue, by its list: at the start, and when it changes.

use std::collections::BTreeSet;

use serde_json::json;

use crate::{
    harness::{Server, Venue},
    upstream::{acknowledge, quote, reader},
};

/// A list of Binance's.
fn list(symbols: &[(&str, &str)]) -> String {
    let symbols: Vec<_> =
        symbols.iter().map(|(symbol, status)| json!({"symbol": symbol, "status": status})).collect();
    json!({"timezone": "UTC", "symbols": symbols}).to_string()
}

#[tokio::test]
async fn what_is_listed_anew_comes_and_what_is_not_listed_any_more_goes() {
    let venue = Venue::start().await;
    let feed = format!("binance?symbols=*&list=1&url={}", venue.url());
    let server = Server::with().feed(&feed).start().await;
    let first = [("AAA", "TRADING"), ("BBB", "TRADING"), ("CCC", "TRADING"), ("OLD", "BREAK")];
    let (request, _) = venue.answer(&list(&first)).await;
    assert_eq!(request, "GET /api/v3/exchangeInfo?permissions=SPOT&showPermissionSets=false HTTP/1.1");
    let mut end = venue.accept().await;
    let streams = ["aaa", "bbb", "ccc"].map(|name| [format!("{name}@trade"), format!("{name}@bookTicker")]);
    let streams: Vec<&str> = streams.iter().flatten().map(String::as_str).collect();
    acknowledge(&mut end, &streams).await;
    let mut client = reader(&server, &["AAA", "BBB", "CCC", "NEW"]).await;
    for symbol in ["AAA", "BBB", "CCC"] {
        end.say(&quote(symbol, 1)).await;
        client.until_seq(symbol, 1).await;
    }
    // One that cannot be read changes nothing.
    venue.answer("<html>").await;
    // AAA is gone, BBB is not traded, NEW is new; what was never traded does not come.
    let second = list(&[("BBB", "BREAK"), ("CCC", "TRADING"), ("NEW", "TRADING"), ("OLD", "BREAK")]);
    venue.answer(&second).await;
    let mut changes = BTreeSet::new();
    while changes.len() < 4 {
        let request = end.asked().await;
        for name in request["params"].as_array().expect("names") {
            changes.insert(format!("{} {name}", request["method"].as_str().expect("a method")));
        }
        end.say(&format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
    }
    let expected = [
        r#"SUBSCRIBE "new@bookTicker""#,
        r#"SUBSCRIBE "new@trade""#,
        r#"UNSUBSCRIBE "aaa@bookTicker""#,
        r#"UNSUBSCRIBE "aaa@trade""#,
    ];
    assert_eq!(changes.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let mut states = BTreeSet::new();
    while states.len() < 2 {
        let status = client.until("a state", |message| message.is("status")).await;
        states.insert((status.str("symbol"), status.str("state"), status.str("reason")));
    }
    let told =
        |symbol: &str, state: &str, reason: &str| (symbol.to_owned(), state.to_owned(), reason.to_owned());
    let expected = [
        told("AAA", "closed", "it is not subscribed to any more"),
        told("BBB", "halted", "the venue lists it as BREAK"),
    ];
    assert_eq!(states, BTreeSet::from(expected));
    // Over the same connection.
    end.say(&quote("NEW", 1)).await;
    client.until_seq("NEW", 1).await;
    end.say(&quote("CCC", 2)).await;
    client.until_seq("CCC", 2).await;
    assert_eq!(server.metrics().await.sum("tickcast_feed_reconnects_total"), 0);
}

#[tokio::test]
async fn a_list_may_be_posted_for() {
    let venue = Venue::start().await;
    let feed = format!("hyperliquid?symbols=*&url={}", venue.url());
    let _server = Server::with().feed(&feed).start().await;
    let list = json!({"universe": [{"name": "BTC", "szDecimals": 5}, {"name": "OLD", "isDelisted": true}]});
    let (request, body) = venue.answer(&list.to_string()).await;
    assert_eq!((&*request, &*body), ("POST /info HTTP/1.1", r#"{"type":"meta"}"#));
    let mut end = venue.accept().await;
    for kind in ["bbo", "trades"] {
        let asked = json!({"method": "subscribe", "subscription": {"type": kind, "coin": "BTC"}});
        assert_eq!(end.asked().await, asked);
    }
}
