//! Live venues: a scripted venue that disconnects, refuses, repeats, reorders, loses, goes mute, and rotates; every
//! trade once, in order, exact.

use std::{collections::BTreeSet, fs};

use crate::harness::{Client, Server, Subscription, Venue, VenueEnd, eventually, files};

/// A feed of these symbols from the venue.
pub(crate) fn binance(venue: &Venue, symbols: &str, more: &str) -> String {
    format!("binance?symbols={symbols}&url={}{more}", venue.url())
}

/// A trade of Binance, with its number as price and size.
pub(crate) fn trade(symbol: &str, number: u64) -> String {
    let (stream, time) = (symbol.to_lowercase(), 1_700_000_000_000 + number);
    format!(
        r#"{{"stream":"{stream}@trade","data":{{"e":"trade","E":{time},"s":"{symbol}","t":{number},"p":"{number}.00000001","q":"{number}.5","T":{time},"m":true,"M":true}}}}"#
    )
}

pub(crate) fn quote(symbol: &str, update: u64) -> String {
    let stream = symbol.to_lowercase();
    format!(
        r#"{{"stream":"{stream}@bookTicker","data":{{"u":{update},"s":"{symbol}","b":"{update}.1","B":"1.00000001","a":"{update}.2","A":"2"}}}}"#
    )
}

/// Reads what is subscribed to, until these are, and acknowledges it.
pub(crate) async fn acknowledge(end: &mut VenueEnd, streams: &[&str]) {
    let wanted: BTreeSet<String> = streams.iter().map(|&stream| stream.to_owned()).collect();
    let mut asked = BTreeSet::new();
    while asked != wanted {
        let request = end.asked().await;
        assert_eq!(request["method"], "SUBSCRIBE", "{request}");
        let names = request["params"].as_array().expect("names");
        asked.extend(names.iter().map(|name| name.as_str().expect("a name").to_owned()));
        assert!(asked.is_subset(&wanted), "{asked:?} and not {wanted:?}");
        end.say(&format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
    }
}

pub(crate) const BTC: [&str; 2] = ["btcusdt@trade", "btcusdt@bookTicker"];

/// A client that gets each tick of these symbols.
pub(crate) async fn reader(server: &Server, symbols: &[&str]) -> Client {
    let mut client = Client::open(server).await;
    client.subscribe(Subscription::to(symbols).every()).await;
    client
}

/// The names of the trades that the client was sent, in their order.
fn trades(client: &Client, symbol: &str) -> Vec<String> {
    let history = client.store.get(symbol).history.iter();
    history.filter(|message| message.has("trade_id")).map(|message| message.str("trade_id")).collect()
}

fn numbers(range: impl IntoIterator<Item = u64>) -> Vec<String> {
    range.into_iter().map(|number| number.to_string()).collect()
}

#[tokio::test]
async fn trades_and_quotes_arrive_exact() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "&prefix=BN:")).start().await;
    let mut end = venue.accept().await;
    assert_eq!(end.path, "/stream");
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BN:BTCUSDT"]).await;
    end.say(&quote("BTCUSDT", 7)).await;
    client.until_seq("BN:BTCUSDT", 1).await;
    end.say(&trade("BTCUSDT", 12)).await;
    client.until_seq("BN:BTCUSDT", 2).await;
    let record = client.store.get("BN:BTCUSDT").history.last().expect("a trade").clone();
    assert_eq!(record.raw("last"), Some("12.00000001"), "{record:?}");
    assert_eq!((record.raw("last_size"), record.str("side")), (Some("12.5"), "sell".to_owned()));
    let snapshot = server.get("/v1/snapshot?symbols=BN:BTCUSDT").await.json();
    assert_eq!(snapshot[0]["bid_size"].to_string(), "1.00000001");
    end.ping(b"1700000000000").await;
}

#[tokio::test]
async fn what_comes_twice_or_out_of_order_comes_once_in_order() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    for number in [1, 2, 2, 4, 3, 1, 5, 7, 6, 8] {
        end.say(&trade("BTCUSDT", number)).await;
    }
    client.until_seq("BTCUSDT", 8).await;
    assert_eq!(trades(&client, "BTCUSDT"), numbers(1..=8));
    // A wrong message stops no other.
    for lie in
        ["{", "[]", r#"{"stream":"x@trade","data":{"e":"trade","s":"BTCUSDT"}}"#, "{}", &trade("ETHUSDT", 1)]
    {
        end.say(lie).await;
    }
    end.say(&trade("BTCUSDT", 9)).await;
    client.until_seq("BTCUSDT", 9).await;
    let symbols = server.symbols().await;
    assert_eq!(symbols.len(), 1, "nobody asked for others: {symbols:?}");
    // Counts are published a batch at a time, and ticks before them.
    let counted = async || server.metrics().await.sum("tickcast_ticks_rejected_total") >= 2;
    eventually("what is not a tick to be counted", counted).await;
}

#[tokio::test]
async fn a_broken_link_is_made_anew_and_repeats_nothing() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    for number in 1..=3 {
        end.say(&trade("BTCUSDT", number)).await;
    }
    client.until_seq("BTCUSDT", 3).await;
    drop(end);
    let stale = client.until("the end of the link", |message| message.is("status")).await;
    assert_eq!((stale.str("symbol"), stale.str("state")), ("BTCUSDT".to_owned(), "stale".to_owned()));
    assert!(stale.str("reason").contains("no connection to the venue"), "{stale:?}");
    venue.refuse().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &BTC).await;
    // Two that came before, and one that was missed meanwhile.
    for number in [2, 3, 5, 6] {
        end.say(&trade("BTCUSDT", number)).await;
    }
    client.until_seq("BTCUSDT", 5).await;
    assert_eq!(trades(&client, "BTCUSDT"), numbers([1, 2, 3, 5, 6]));
    // Live again is what its quote says.
    assert_eq!(server.symbols().await[0].2, "stale");
    end.say(&quote("BTCUSDT", 1)).await;
    client.until("a fresh quote", |message| message.is("status") && message.str("state") == "live").await;
    let metrics =
        server.until_metrics("its counts", |metrics| metrics.sum("tickcast_feed_missing_total") == 1).await;
    assert_eq!(metrics.sum("tickcast_feed_duplicates_total"), 2);
    assert_eq!(metrics.sum("tickcast_feed_reconnects_total"), 1);
    assert_eq!(metrics.sum("tickcast_feed_connections"), 1);
}

/// The venue says that it shuts down: both connections bring the same for a while, the new one later or sooner.
#[tokio::test]
async fn a_connection_is_replaced_while_it_lives_and_nothing_is_lost_or_doubled() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "BTCUSDT", "")).start().await;
    let mut old = venue.accept().await;
    acknowledge(&mut old, &BTC).await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    for number in 1..=3 {
        old.say(&trade("BTCUSDT", number)).await;
        old.say(&quote("BTCUSDT", number)).await;
    }
    old.say(r#"{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}"#).await;
    let mut new = venue.accept().await;
    acknowledge(&mut new, &BTC).await;
    // The new one is ahead of the old one.
    for number in 6..=9 {
        new.say(&trade("BTCUSDT", number)).await;
        new.say(&quote("BTCUSDT", number)).await;
    }
    for number in 4..=7 {
        old.say(&trade("BTCUSDT", number)).await;
        old.say(&quote("BTCUSDT", number)).await;
    }
    client.until_seq("BTCUSDT", 18).await;
    old.closed().await;
    new.say(&trade("BTCUSDT", 10)).await;
    client.until_seq("BTCUSDT", 19).await;
    assert_eq!(trades(&client, "BTCUSDT"), numbers(1..=10));
    let bids = client.store.get("BTCUSDT").history.iter().filter_map(|message| message.raw("bid"));
    let bids: Vec<String> = bids.map(str::to_owned).collect();
    assert_eq!(bids, (1..=9).map(|number| format!("{number}.1")).collect::<Vec<_>>());
}

/// Three symbols are acknowledged, and one is fed: the others are subscribed to on another connection.
#[tokio::test]
async fn mute_streams_are_subscribed_to_anew_and_the_healthy_left_alone() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "AAA,BBB,CCC", "&mute=0.5")).start().await;
    let mut first = venue.accept().await;
    let all = ["aaa@trade", "bbb@trade", "ccc@trade", "aaa@bookTicker", "bbb@bookTicker", "ccc@bookTicker"];
    acknowledge(&mut first, &all).await;
    let mut client = reader(&server, &["AAA", "BBB", "CCC"]).await;
    let mut second = Box::pin(venue.accept());
    let (mut number, mut ticking) = (0, tokio::time::interval(std::time::Duration::from_millis(100)));
    let mut second = loop {
        tokio::select! {
            second = &mut second => break second,
            _ = ticking.tick() => {
                number += 1;
                first.say(&trade("AAA", number)).await;
                first.say(&quote("AAA", number)).await;
            }
        }
    };
    // They are stale, and why, though they never had a tick.
    let mut stale = BTreeSet::new();
    while stale.len() < 2 {
        let status = client.until("silence", |message| message.is("status")).await;
        assert_eq!(status.str("state"), "stale", "{status:?}");
        assert!(status.str("reason").contains("sends no quotes for"), "{status:?}");
        stale.insert(status.str("symbol"));
    }
    assert_eq!(stale, BTreeSet::from(["BBB".to_owned(), "CCC".to_owned()]));
    let request = second.asked().await;
    assert_eq!(request["method"], "SUBSCRIBE");
    let names: Vec<&str> =
        request["params"].as_array().expect("names").iter().filter_map(|name| name.as_str()).collect();
    assert!(names.contains(&"bbb@bookTicker") && names.contains(&"ccc@bookTicker"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("aaa")), "{names:?}");
    second.say(&format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
    second.say(&quote("BBB", 1)).await;
    client.until_seq("BBB", 1).await;
    // The first connection is still there, and asked to unsubscribe alone.
    assert_eq!(first.asked().await["method"], "UNSUBSCRIBE");
    first.say(&trade("AAA", number + 1)).await;
    client.until_seq("AAA", 2 * number + 1).await;
}

#[tokio::test]
async fn a_refused_symbol_is_found_among_the_good() {
    let venue = Venue::start().await;
    let server = Server::with().feed(&binance(&venue, "GOOD,BAD", "")).start().await;
    let mut end = venue.accept().await;
    let mut client = reader(&server, &["GOOD"]).await;
    let mut refused = BTreeSet::new();
    let mut taken = BTreeSet::new();
    while taken.len() + refused.len() < 4 {
        let request = end.asked().await;
        let names: Vec<String> = request["params"]
            .as_array()
            .expect("names")
            .iter()
            .filter_map(|name| name.as_str())
            .map(str::to_owned)
            .collect();
        if names.iter().any(|name| name.starts_with("bad")) {
            let error =
                format!(r#"{{"code":2,"msg":"Invalid request: unknown stream","id":{}}}"#, request["id"]);
            end.say(&error).await;
            if names.len() == 1 {
                refused.extend(names);
            }
        } else {
            end.say(&format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
            taken.extend(names);
        }
    }
    assert_eq!(refused, BTreeSet::from(["bad@bookTicker".to_owned(), "bad@trade".to_owned()]));
    end.say(&trade("GOOD", 1)).await;
    client.until_seq("GOOD", 1).await;
}

#[tokio::test]
async fn a_reload_adds_and_removes_symbols_without_a_reconnect() {
    let venue = Venue::start().await;
    let path = files::path("upstream-reload.toml");
    let write = |symbols: &str| {
        let text = format!("feeds = [\"{}\"]\n", binance(&venue, symbols, ""));
        fs::write(&path, text).expect("a directory to write to");
    };
    write("AAA,BBB");
    let server =
        Server::with().feeds_in_file().args(&["--config", path.to_str().expect("UTF-8")]).start().await;
    let mut end = venue.accept().await;
    acknowledge(&mut end, &["aaa@trade", "aaa@bookTicker", "bbb@trade", "bbb@bookTicker"]).await;
    let mut client = reader(&server, &["AAA", "BBB", "CCC"]).await;
    end.say(&quote("AAA", 1)).await;
    end.say(&quote("BBB", 1)).await;
    client.until_seq("BBB", 1).await;
    write("BBB,CCC");
    server.signal("HUP");
    let mut changes = BTreeSet::new();
    while changes.len() < 4 {
        let request = end.asked().await;
        for name in request["params"].as_array().expect("names") {
            changes.insert(format!("{} {}", request["method"], name));
        }
        end.say(&format!(r#"{{"result":null,"id":{}}}"#, request["id"])).await;
    }
    let expected = [
        r#""SUBSCRIBE" "ccc@bookTicker""#,
        r#""SUBSCRIBE" "ccc@trade""#,
        r#""UNSUBSCRIBE" "aaa@bookTicker""#,
        r#""UNSUBSCRIBE" "aaa@trade""#,
    ];
    assert_eq!(changes.iter().map(String::as_str).collect::<Vec<_>>(), expected);
    let closed = client.until("the end of AAA", |message| message.is("status")).await;
    assert_eq!((closed.str("symbol"), closed.str("state")), ("AAA".to_owned(), "closed".to_owned()));
    end.say(&quote("CCC", 1)).await;
    end.say(&quote("BBB", 2)).await;
    client.until_seq("CCC", 1).await;
    client.until_seq("BBB", 2).await;
    assert!(!server.log().contains("needs a restart"), "{}", server.log());
}

/// Another server of ours as the source: its ticks, its states, and its gaps.
#[tokio::test]
async fn another_tickcast_is_a_source() {
    let origin = Server::with().start().await;
    let lines = [
        r#"{"symbol":"A","bid":"1.10","ask":"1.2","ts":1700000000000000}"#,
        r#"{"symbol":"B","last":"5.000000001","last_size":"3","side":"sell","trade_id":"t1"}"#,
    ];
    origin.publish(&lines).await;
    let relay = Server::with().feed(&format!("ws://{}/v1/stream?prefix=X:", origin.address)).start().await;
    relay.until_metrics("the snapshots", |metrics| metrics.sum("tickcast_ticks_ingested_total") == 2).await;
    let mut client = reader(&relay, &["X:A", "X:B"]).await;
    origin.publish(&[r#"{"symbol":"B","last":"5.1","last_size":"7","side":"buy","trade_id":"t2"}"#]).await;
    client.until_seq("X:B", 2).await;
    let trade = client.store.get("X:B").history.last().expect("a trade").clone();
    assert_eq!(
        (trade.raw("last"), trade.raw("last_size"), trade.str("trade_id")),
        (Some("5.1"), Some("7"), "t2".to_owned())
    );
    let (ours, theirs) = (
        relay.get("/v1/snapshot?symbols=X:B").await.json(),
        origin.get("/v1/snapshot?symbols=B").await.json(),
    );
    for field in ["last", "last_size", "side", "volume", "trades", "high", "low"] {
        assert_eq!(ours[0][field], theirs[0][field], "{field}");
    }
    // New symbols come by themselves, and what ends is told at once.
    origin.publish(&[r#"{"symbol":"NEW","bid":"1"}"#]).await;
    client.subscribe(Subscription::to(["X:NEW"]).every()).await;
    client.until_seq("X:NEW", 1).await;
    drop(origin);
    let status =
        client.until("the end of the origin", |message| message.is("status") && message.has("reason")).await;
    assert_eq!(status.str("state"), "stale");
}

/// Quotes and trades of futures come from different paths.
#[tokio::test]
async fn futures_have_a_connection_for_quotes_and_one_for_trades() {
    let venue = Venue::start().await;
    let source = format!("binance-usdm?symbols=BTCUSDT&url={}", venue.url());
    let server = Server::with().feed(&source).start().await;
    let mut client = reader(&server, &["BTCUSDT"]).await;
    let mut paths = BTreeSet::new();
    let mut ends = Vec::new();
    for _ in 0..2 {
        let mut end = venue.accept().await;
        paths.insert(end.path.clone());
        if end.path == "/market/stream" {
            acknowledge(&mut end, &["btcusdt@aggTrade"]).await;
            let trade = r#"{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1700000000000,"s":"BTCUSDT","a":5,"p":"0.10","q":"3","f":1,"l":2,"T":1700000000000,"m":false}}"#;
            end.say(trade).await;
        } else {
            acknowledge(&mut end, &["btcusdt@bookTicker"]).await;
            let quote = r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":9,"E":1700000000000,"T":1700000000000,"s":"BTCUSDT","b":"0.09","B":"1","a":"0.11","A":"2"}}"#;
            end.say(quote).await;
        }
        ends.push(end);
    }
    assert_eq!(paths, BTreeSet::from(["/market/stream".to_owned(), "/public/stream".to_owned()]));
    client.until_seq("BTCUSDT", 2).await;
    assert_eq!(trades(&client, "BTCUSDT"), ["5"]);
}
