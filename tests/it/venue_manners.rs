//! What venues' servers do beside what their documents say: they ask to be left alone for a while, close with a code of
//! their own, and write text as binary messages.

use crate::{
    harness::{Server, Venue, eventually},
    upstream::{BTC, acknowledge, binance, quote, reader, trade},
};

#[tokio::test]
async fn a_server_that_asks_to_be_left_alone_is() {
    let date = "retry-after: Thu, 01 Jan 2026 00:01:02 GMT\r\ndate: Thu, 01 Jan 2026 00:01:00 GMT";
    for header in ["retry-after: 2", date] {
        let venue = Venue::start().await;
        let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
        // A wait of its own would be half a second at most.
        venue.refuse_with(&format!("429 Too Many Requests\r\n{header}")).await;
        let told = async || server.log().contains("429 Too Many Requests; the next attempt is in 2000 ms");
        eventually("the wait to be told", told).await;
        let mut end = venue.accept().await;
        acknowledge(&mut end, &BTC).await;
        let mut client = reader(&server, &["BTCUSDT"]).await;
        end.say(&trade("BTCUSDT", 1)).await;
        client.until_seq("BTCUSDT", 1).await;
    }
}

#[tokio::test]
async fn a_close_is_answered() {
    let venue = Venue::start().await;
    let _server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    for code in [1012, 4000] {
        let mut end = venue.accept().await;
        acknowledge(&mut end, &BTC).await;
        end.close(code).await;
    }
}

#[tokio::test]
async fn text_in_binary_messages_is_text() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    end.say_binary(vec![0xff, 0x00]).await;
    end.say_binary(quote("BTCUSDT", 7).into_bytes()).await;
    end.say_binary(trade("BTCUSDT", 1).into_bytes()).await;
    client.until_seq("BTCUSDT", 2).await;
}
