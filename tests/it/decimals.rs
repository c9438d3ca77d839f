//! Numbers come out as they went in, digit by digit; session totals are exact.

use crate::harness::{Client, Decimal, Market, Server, Subscription, line};

/// Publishes `given` as a string and expects `shown` as the number on the wire.
async fn check(server: &Server, client: &mut Client, given: &str, shown: &str) {
    server.publish(&[line("A", &[("bid", &format!("\"{given}\""))])]).await;
    let update = client.data_of("A").await;
    assert_eq!(update.raw("bid"), Some(shown), "{given} went in");
}

#[tokio::test]
async fn strings_are_taken_exactly_to_the_nineteenth_digit() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    for exact in [
        "9223372036.854775807",
        "-9223372036.854775808",
        "1234567890.123456789",
        "0.000000001",
        "-0.000000001",
        "0.1",
        "0.3",
        "87000.1",
        "4503599627.370497123",
        "1",
        "0",
        "1000000000",
    ] {
        check(&server, &mut client, exact, exact).await;
    }
    check(&server, &mut client, "87000.10", "87000.1").await;
    check(&server, &mut client, "5.000000000", "5").await;
    check(&server, &mut client, "1.5e3", "1500").await;
}

#[tokio::test]
async fn json_numbers_are_as_exact_as_strings() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    for exact in [
        "87000.1",
        "0.1",
        "123456.789012345",
        "999999999.999999",
        "0.000000001",
        "-42.5",
        "8250000000",
        "123456789.123456789",
        "12345678.100000001",
        "9223372036.854775807",
        "-9223372036.854775808",
    ] {
        server.publish(&[line("A", &[("bid", exact)])]).await;
        assert_eq!(client.data_of("A").await.raw("bid"), Some(exact));
    }
    // What a decimal cannot hold is rounded.
    for (given, shown) in [("0.30000000000000004", "0.3"), ("0.1234567890123456789", "0.123456789")] {
        server.publish(&[line("A", &[("bid", given)])]).await;
        assert_eq!(client.data_of("A").await.raw("bid"), Some(shown));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_not_rounded() {
    let server = Server::start().await;
    for text in [
        "\"9223372036.854775808\"",
        "\"0.0000000001\"",
        "\"1.0000000001\"",
        "\"1e20\"",
        "1e300",
        "\"NaN\"",
        "\"Infinity\"",
        "\"\"",
        "\" 1\"",
        "\"0x10\"",
        "\"1,5\"",
        "true",
        "[1]",
        "{}",
    ] {
        let published = server.publish_any(&line("A", &[("bid", text)])).await;
        assert_eq!((published.accepted, published.rejected.len()), (0, 1), "{text}: {published:?}");
    }
    assert!(server.symbols().await.is_empty(), "a refused tick makes no topic");
}

#[tokio::test]
async fn totals_of_a_session_are_the_exact_sums() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    // The interval merges; the totals must not care.
    client.subscribe_as("pending", Subscription::to(["A"]).interval_ms(100)).await;
    let sizes = ["0.1", "0.2", "0.000000001", "1234567890.123456789", "0.3", "9000000000.7", "9000000000.7"];
    let prices = ["5", "4.999999999", "5.000000001", "7.1", "3.000000007", "6", "5.5"];
    let mut volume = Decimal::default();
    for (size, price) in sizes.iter().zip(prices) {
        volume += Decimal::read(size);
        server
            .publish(&[line(
                "A",
                &[("last", &format!("\"{price}\"")), ("last_size", &format!("\"{size}\""))],
            )])
            .await;
    }
    client.until_seq("A", sizes.len() as u64).await;
    let record = &client.store.get("A").record;
    let shown = |name: &str| record[name].as_str();
    assert_eq!((shown("open"), shown("high"), shown("low")), ("5", "7.1", "3.000000007"));
    assert_eq!((shown("last"), shown("trades")), ("5.5", "7"));
    assert_eq!(shown("volume"), volume.to_string());
    assert!(volume > Decimal::read("9223372036.854775807"), "the sum outgrows what one size can be");
}

#[tokio::test]
async fn last_without_a_size_is_no_trade() {
    let server = Server::start().await;
    server.publish(&[line("A", &[("last", "5")])]).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    let snapshot = client.expect_snapshot("A").await;
    assert_eq!(snapshot.raw("last"), Some("5"));
    assert!(!snapshot.has("volume") && !snapshot.has("trades"), "{snapshot:?}");
}

#[tokio::test]
async fn a_merged_market_keeps_every_total() {
    let server = Server::start().await;
    let mut market = Market::new(11, "T", 5);
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(market.symbols()).interval_ms(30)).await;
    for _ in 0..10 {
        server.publish(&market.ticks(2_000)).await;
    }
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&client.store);
    let merged: u64 = client.store.symbols().map(|(_, held)| held.ticks - held.updates).sum();
    assert!(merged > 1_000, "20,000 ticks in one breath were merged, not {merged}");
    server.settled().await;
}
