//! Numbers come out as they went in, digit by digit; session totals are exact.

use crate::harness::{Client, Decimal, Market, Server, Subscription, each_encoding, line};

each_encoding!(
    strings_are_taken_exactly_to_the_nineteenth_digit,
    json_numbers_are_as_exact_as_strings,
    a_coin_of_tiny_prices_is_quoted_and_traded,
    a_volume_that_is_full_refuses_the_trade_and_says_so,
    totals_of_a_session_are_the_exact_sums,
    last_without_a_size_is_no_trade,
    a_merged_market_keeps_every_total,
);

/// Publishes `given` as a string and expects `shown` as the number on the wire.
async fn check(server: &Server, client: &mut Client, given: &str, shown: &str) {
    server.publish(&[line("A", &[("bid", &format!("\"{given}\""))])]).await;
    let update = client.data_of("A").await;
    assert_eq!(update.raw("bid"), Some(shown), "{given} went in");
}

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
        "46116860414",
        "46116860414.25",
        "0.0000016425",
        "0.000000012345",
        "-0.000000000000000001",
        "0.123456789012345678",
        "123456789.012345678",
        "12345678901234567.8",
        "999999999999999999",
        "-999999999999999999",
    ] {
        check(&server, &mut client, exact, exact).await;
    }
    check(&server, &mut client, "87000.10", "87000.1").await;
    check(&server, &mut client, "4.6116860414e10", "46116860414").await;
    check(&server, &mut client, "1.2345E-8", "0.000000012345").await;
    check(&server, &mut client, "5.000000000", "5").await;
    check(&server, &mut client, "1.5e3", "1500").await;
}

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
        "46116860414",
        "123456789012345678",
        "0.0000016425",
        "0.000000012345",
        "0.123456789012345",
        "46116860414.0625",
    ] {
        server.publish(&[line("A", &[("bid", exact)])]).await;
        assert_eq!(client.data_of("A").await.raw("bid"), Some(exact));
    }
    // An exponent says the same; of more digits than a double has, those at the end are noise.
    for (given, shown) in [
        ("4.6116860414e10", "46116860414"),
        ("1.2345E-8", "0.000000012345"),
        ("0.30000000000000004", "0.3"),
        ("0.1234567890123456789", "0.123456789"),
        ("1.6425000000000001e-06", "0.0000016425"),
    ] {
        server.publish(&[line("A", &[("bid", given)])]).await;
        assert_eq!(client.data_of("A").await.raw("bid"), Some(shown));
    }
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_not_rounded() {
    let server = Server::start().await;
    for text in [
        "\"9223372036.854775808\"",
        "\"0.0000000000000000001\"",
        "\"1.000000000000000001\"",
        "\"1234567890123456789\"",
        "1234567890123456789",
        "\"1e18\"",
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
    for (text, why) in [
        ("\"0.1234567890123456789\"", "bid: more than 18 decimal places: round it"),
        ("\"1234567890123456789\"", "bid: more than 18 significant digits: round it"),
        ("1234567890123456789", "bid: more than 18 significant digits: round it"),
        ("1e18", "bid: outside -999999999999999999 to 999999999999999999"),
    ] {
        let published = server.publish_any(&line("A", &[("bid", text)])).await;
        assert_eq!(published.rejected, [(1, why.to_owned())]);
    }
}

/// A quote and trades of a coin whose price has more places than most, and whose sizes have more digits.
async fn a_coin_of_tiny_prices_is_quoted_and_traded() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["PEPE"]).every()).await;
    let quote = [
        ("bid", "0.0000016425"),
        ("bid_size", "46116860414"),
        ("ask", "0.0000016426"),
        ("ask_size", "9.9e11"),
    ];
    server.publish(&[line("PEPE", &quote)]).await;
    for (last, size) in [
        ("0.0000016426", "46116860414"),
        ("0.00000164251", "\"0.000000000000000001\""),
        ("0.000001643", "1e17"),
    ] {
        server.publish(&[line("PEPE", &[("last", last), ("last_size", size)])]).await;
    }
    client.until_seq("PEPE", 4).await;
    let record = &client.store.get("PEPE").record;
    let shown = |name: &str| record[name].as_str();
    assert_eq!((shown("bid"), shown("bid_size")), ("0.0000016425", "46116860414"));
    assert_eq!((shown("ask"), shown("ask_size")), ("0.0000016426", "990000000000"));
    assert_eq!(
        (shown("open"), shown("high"), shown("low")),
        ("0.0000016426", "0.000001643", "0.00000164251")
    );
    assert_eq!((shown("volume"), shown("trades")), ("100000046116860414.000000000000000001", "3"));
}

async fn a_volume_that_is_full_refuses_the_trade_and_says_so() {
    let server = Server::start().await;
    let given = [("last", "1"), ("last_size", "1"), ("volume", "\"999999999999999999999999.5\"")];
    server.publish(&[line("A", &given)]).await;
    let published = server.publish_any(&line("A", &[("last", "2"), ("last_size", "0.5")])).await;
    let full = "volume: the total of the symbol's sizes would reach 10^24, which is more than a volume holds";
    assert_eq!((published.accepted, published.rejected), (0, vec![(1, full.to_owned())]));
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    let snapshot = client.expect_snapshot("A").await;
    assert_eq!((snapshot.raw("seq"), snapshot.raw("last")), (Some("1"), Some("1")));
    assert_eq!(snapshot.raw("volume"), Some("999999999999999999999999.5"));
}

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

async fn last_without_a_size_is_no_trade() {
    let server = Server::start().await;
    server.publish(&[line("A", &[("last", "5")])]).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("ok", Subscription::to(["A"])).await;
    let snapshot = client.expect_snapshot("A").await;
    assert_eq!(snapshot.raw("last"), Some("5"));
    assert!(!snapshot.has("volume") && !snapshot.has("trades"), "{snapshot:?}");
}

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
