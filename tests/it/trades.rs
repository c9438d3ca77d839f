//! Mode `trades`: every trade is a message of its own, in order, with the quote as it stood; quotes are conflated.

use serde_json::json;

use crate::harness::{Client, Message, Server, Sse, Subscription, each_encoding, line};

each_encoding!(
    each_trade_is_a_message_with_the_quote_as_it_stood,
    quotes_wait_for_the_interval_and_a_trade_takes_them_along_at_once,
    a_slow_reader_is_told_every_trade_that_the_ring_has,
    trades_that_the_ring_no_longer_has_are_announced,
    who_comes_back_is_told_every_trade_since,
    with_fields_only_trades_that_have_one_are_told,
    the_mode_is_changed_live_and_listed,
    a_symbol_with_many_trades_starves_no_other,
    a_glob_catches_symbols_to_come_with_their_first_trade,
    a_cancel_is_told_to_every_reader_by_itself,
    a_cancel_that_was_missed_is_told_or_announced,
);

fn quote(symbol: &str, bid: u64) -> String {
    line(symbol, &[("bid", &bid.to_string()), ("bid_size", "1"), ("ask", &(bid + 1).to_string())])
}

fn trade(symbol: &str, price: u64) -> String {
    line(symbol, &[("last", &price.to_string()), ("last_size", "2")])
}

/// So many trades, each behind `quotes` quotes. The bid at a trade is its price, of which each is another.
fn market(symbol: &str, prices: std::ops::RangeInclusive<u64>, quotes: u64) -> Vec<String> {
    let at = |price: u64| {
        let quotes = (0..quotes).map(move |before| quote(symbol, price + quotes - 1 - before));
        quotes.chain([trade(symbol, price)]).collect::<Vec<_>>()
    };
    prices.flat_map(at).collect()
}

fn trades(history: &[Message]) -> Vec<&Message> {
    history.iter().filter(|message| message.is("update") && message.has("last")).collect()
}

/// Checks that these are all trades of [`market`] in this range, each once and with its quote.
fn check(history: &[Message], prices: std::ops::RangeInclusive<u64>) {
    let told = trades(history);
    let lasts: Vec<_> =
        told.iter().map(|message| message.raw("last").unwrap_or_default().to_owned()).collect();
    assert_eq!(lasts, prices.map(|price| price.to_string()).collect::<Vec<_>>());
    for message in told {
        assert_eq!(message.raw("bid"), message.raw("last"), "the quote as it stood: {message:?}");
        assert!(message.has("ask") && message.raw("last_size") == Some("2"), "{message:?}");
    }
}

async fn each_trade_is_a_message_with_the_quote_as_it_stood() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).trades()).await;
    server.publish(&market("A", 1..=200, 3)).await;
    client.until_seq("A", 800).await;
    check(&client.store.get("A").history, 1..=200);
    // What a quote did not change is named all the same.
    server.publish(&[trade("A", 900), trade("A", 901)]).await;
    client.until_seq("A", 802).await;
    let last = client.store.get("A").history.last().expect("an update").clone();
    assert_eq!((last.raw("last"), last.raw("bid"), last.n()), (Some("901"), Some("200"), 1), "{last:?}");
    assert!(!last.has("open"), "it names what changed, and the quote: {last:?}");
    assert!(client.store.gaps.is_empty());
    let metrics = server.settled().await;
    assert!(metrics.sum("tickcast_updates_conflated_total") > 0, "{}", metrics.accounts());
}

async fn quotes_wait_for_the_interval_and_a_trade_takes_them_along_at_once() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).trades().interval_ms(60_000)).await;
    server.publish(&[quote("A", 1)]).await;
    client.until_seq("A", 1).await;
    server.publish(&[quote("A", 2), quote("A", 3)]).await;
    client.ping().await;
    assert_eq!(client.store.cursor("A"), Some(1), "two quotes wait");
    server.publish(&[trade("A", 7), quote("A", 4)]).await;
    client.until_seq("A", 4).await;
    let history = &client.store.get("A").history;
    let last = history.last().expect("an update");
    assert_eq!((history.len(), last.n(), last.raw("bid")), (2, 3, Some("3")), "{last:?}");
    // A quote behind the trade waits again, and so do those that follow; another trade does not.
    server.publish(&[quote("A", 5)]).await;
    client.ping().await;
    assert_eq!(client.store.cursor("A"), Some(4));
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum("tickcast_updates_pending"), 2);
    metrics.check_conservation();
    server.publish(&[trade("A", 8), trade("A", 9)]).await;
    client.until_seq("A", 8).await;
    let told = trades(&client.store.get("A").history);
    let told: Vec<_> = told.iter().map(|message| (message.raw("last"), message.raw("bid"))).collect();
    assert_eq!(told, [(Some("7"), Some("3")), (Some("8"), Some("5")), (Some("9"), Some("5"))]);
    server.settled().await;
}

async fn a_slow_reader_is_told_every_trade_that_the_ring_has() {
    let server = Server::patient().start().await;
    server.publish(&[quote("A", 1)]).await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe_as("ok", Subscription::to(["A"]).trades()).await;
    client.until_seq("A", 1).await;
    // More trades than a shard keeps, fewer ticks than the ring holds; nothing is read meanwhile.
    for part in market("A", 1..=500, 1).chunks(20) {
        server.publish(part).await;
    }
    client.until_seq("A", 1_001).await;
    check(&client.store.get("A").history, 1..=500);
    assert!(client.store.gaps.is_empty(), "{:?}", client.store.gaps);
    server.settled().await;
}

async fn trades_that_the_ring_no_longer_has_are_announced() {
    let server = Server::with().limit("ring_ticks", 64).limit("progress_ms", 60_000).start().await;
    server.publish(&[quote("A", 1)]).await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe_as("ok", Subscription::to(["A"]).trades()).await;
    client.until_seq("A", 1).await;
    let lines = market("A", 1..=6_000, 1);
    for part in lines.chunks(600) {
        server.publish(part).await;
    }
    client.until_seq("A", 12_001).await;
    let held = client.store.get("A");
    assert_eq!(client.store.gaps.len() as u64, held.snapshots - 1, "a snapshot behind each gap");
    assert!(!client.store.gaps.is_empty(), "it was too slow for a ring of 64 ticks");
    // Each trade was told once, or is in a gap.
    let told: Vec<u64> = trades(&held.history).iter().map(|message| message.seq("seq")).collect();
    assert!(told.is_sorted_by(|a, b| a < b), "in order, each once");
    let gapped =
        |seq: u64| client.store.gaps.iter().any(|gap| (gap.seq("from")..=gap.seq("to")).contains(&seq));
    let missing = (1..=6_000).map(|price| 2 * price + 1).find(|&seq| !told.contains(&seq) && !gapped(seq));
    assert_eq!(missing, None, "a trade is missing in silence");
    server.settled().await;
}

async fn who_comes_back_is_told_every_trade_since() {
    let server = Server::start().await;
    server.publish(&market("A", 1..=10, 1)).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("ok", Subscription::to(["A"]).trades()).await;
    client.until_seq("A", 20).await;
    drop(client);
    server.publish(&market("A", 11..=300, 2)).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("resumed", Subscription::to(["A"]).trades().resume(&epoch, &[("A", 20)])).await;
    client.until_seq("A", 890).await;
    check(&client.store.get("A").history, 11..=300);
    assert!(client.store.gaps.is_empty());
    drop(client);
    server.publish(&market("A", 301..=900, 1)).await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("gap", Subscription::to(["A"]).trades().resume(&epoch, &[("A", 890)])).await;
    let gap = client.until_kind("gap").await;
    assert_eq!((gap.seq("from"), gap.seq("to"), gap.str("reason").as_str()), (891, 2_090, "resume"));
    server.settled().await;
}

#[tokio::test]
async fn an_event_stream_resumes_with_every_trade() {
    let server = Server::start().await;
    server.publish(&market("A", 1..=3, 1)).await;
    let query = "symbols=A&mode=trades";
    let mut sse = Sse::open(&server, query, &["A"]).await;
    sse.until_seq("A", 6).await;
    while !sse.is_between_events() {
        sse.next_or_end().await;
    }
    let id = sse.last_id.clone();
    drop(sse);
    server.publish(&market("A", 4..=9, 2)).await;
    let mut sse = Sse::coming_back(&server, query, &["A"], &id).await;
    let mut told = Vec::new();
    while told.len() < 6 {
        let message = sse.next_or_end().await.expect("an open stream");
        assert!(!message.is("gap") && !message.is("snapshot"), "{message:?}");
        told.extend(message.has("last").then_some(message));
    }
    check(&told, 4..=9);
}

async fn with_fields_only_trades_that_have_one_are_told() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).trades().fields(&["last", "bid", "high"])).await;
    let mut other = Client::open(&server).await;
    other.subscribe_as("pending", Subscription::to(["A"]).trades().fields(&["high", "ask_size"])).await;
    for price in [5, 3, 9, 4, 9, 10] {
        server.publish(&[quote("A", price), trade("A", price)]).await;
        client.until_seq("A", client.store.cursor("A").unwrap_or(0) + 2).await;
    }
    let history = &client.store.get("A").history;
    assert_eq!(trades(history).len(), 6);
    assert!(history.iter().all(|message| !message.has("ask") && !message.has("volume")), "{history:?}");
    // Of those the high is another thrice; the rest is counted as filtered.
    other.until_seq("A", 12).await;
    let highs: Vec<_> = other.store.get("A").history.iter().map(|message| message.raw("high")).collect();
    assert_eq!(highs, [Some("5"), Some("9"), Some("10")]);
    server.settled().await;
}

async fn the_mode_is_changed_live_and_listed() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["A"]).interval_ms(60_000)).await;
    server.publish(&market("A", 1..=1, 1)).await;
    client.until_seq("A", 2).await;
    let set = |mode: &str| json!({"op": "set", "symbols": ["A"], "mode": mode});
    assert_eq!(client.command(set("trades")).await.results()[0].1, "ok");
    let list = client.command(json!({"op": "list"})).await;
    assert_eq!(list.value("subscriptions")[0]["mode"], "trades");
    server.publish(&market("A", 2..=40, 2)).await;
    client.until_seq("A", 119).await;
    check(&client.store.get("A").history[1..], 2..=40);
    let before = client.store.get("A").history.len();
    client.command(set("latest")).await;
    server.publish(&market("A", 41..=50, 2)).await;
    client.ping().await;
    assert_eq!(client.store.get("A").history.len(), before, "in mode latest a trade waits as any other tick");
    let refused = client.command(json!({"op": "subscribe", "symbols": ["A"], "mode": "trade"})).await;
    assert_eq!(refused.error_code(), "bad_value");
}

async fn a_symbol_with_many_trades_starves_no_other() {
    // More than sockets hold, in either encoding, and less than the ring.
    const TRADES: u64 = 2_500;
    let server = Server::patient().limit("ring_ticks", 8_192).start().await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(["HOT", "CALM"]).trades()).await;
    for part in market("HOT", 1..=TRADES, 1).chunks(1_000) {
        server.publish(part).await;
    }
    server.publish(&market("CALM", 1..=1, 1)).await;
    client.until_seq("CALM", 2).await;
    let hot = client.store.cursor("HOT").unwrap_or(0);
    assert!(hot < 2 * TRADES, "the other one did not wait for all of its trades, they are at {hot}");
    client.until_seq("HOT", 2 * TRADES).await;
    check(&client.store.get("HOT").history, 1..=TRADES);
    server.settled().await;
}

async fn a_glob_catches_symbols_to_come_with_their_first_trade() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    client.subscribe_as("pending", Subscription::to(["N*"]).trades()).await;
    client.store.want(&["NEW".to_owned()]);
    server.publish(&[market("NEW", 1..=3, 1), market("OLD", 1..=1, 1)].concat()).await;
    client.until_seq("NEW", 6).await;
    let held = client.store.get("NEW");
    check(&held.history, 1..=3);
    assert_eq!(held.snapshots, 0, "it begins with its first trade");
}

fn named(symbol: &str, id: &str, price: u64) -> String {
    let price = price.to_string();
    json!({"symbol": symbol, "trade_id": id, "last": price, "last_size": "2"}).to_string()
}

fn cancel(symbol: &str, id: &str) -> String {
    json!({"symbol": symbol, "cancel": id}).to_string()
}

/// The names that were cancelled, with the seqs of the messages.
fn cancels(history: &[Message]) -> Vec<(String, u64)> {
    let cancels = history.iter().filter(|message| message.has("cancel"));
    cancels.map(|message| (message.str("cancel"), message.seq("seq"))).collect()
}

/// Names a, b and so on are traded and cancelled, with quotes in between: four ticks each, the second is the cancel.
fn cancelled(symbol: &str, names: &[String]) -> Vec<String> {
    let of = |id: &String| [named(symbol, id, 5), cancel(symbol, id), quote(symbol, 3), quote(symbol, 4)];
    names.iter().flat_map(of).collect()
}

async fn a_cancel_is_told_to_every_reader_by_itself() {
    let server = Server::start().await;
    let names: Vec<String> = (0..50).map(|number| format!("id{number}")).collect();
    let expected: Vec<_> = names.iter().zip(0..).map(|(id, at)| (id.clone(), 4 * at + 2)).collect();
    let wishes = [
        Subscription::to(["A"]),
        Subscription::to(["A"]).interval_ms(1),
        Subscription::to(["A"]).fields(&["ask_size"]),
        Subscription::to(["A"]).trades(),
        Subscription::to(["A"]).trades().fields(&["bid"]),
        Subscription::to(["A"]).every(),
    ];
    let mut clients = Vec::new();
    for wish in wishes {
        let mut client = Client::open(&server).await;
        client.subscribe_as("pending", wish).await;
        clients.push(client);
    }
    // A first tick, so that no client begins with the whole record.
    server.publish(&[line("A", &[("bid", "1"), ("ask_size", "1")])]).await;
    for client in &mut clients {
        client.until_seq("A", 1).await;
    }
    server.publish(&cancelled("A", &names)).await;
    server.publish(&[line("A", &[("bid", "1"), ("ask_size", "1")])]).await;
    let expected: Vec<_> = expected.into_iter().map(|(id, seq): (String, u64)| (id, seq + 1)).collect();
    for client in &mut clients {
        client.until_seq("A", 202).await;
        assert_eq!(cancels(&client.store.get("A").history), expected);
        assert!(client.store.gaps.is_empty());
    }
    let metrics = server.settled().await;
    assert!(metrics.sum("tickcast_updates_conflated_total") > 0, "{}", metrics.accounts());
}

async fn a_cancel_that_was_missed_is_told_or_announced() {
    let server = Server::start().await;
    server.publish(&bids_and(&["x".to_owned()])).await;
    let mut client = Client::open(&server).await;
    let epoch = client.epoch();
    client.subscribe_as("resumed", Subscription::to(["A"]).resume(&epoch, &[("A", 1)])).await;
    client.until_seq("A", 5).await;
    assert_eq!(cancels(&client.store.get("A").history), [("x".to_owned(), 3)]);
    drop(client);
    // The ring no longer has it: what happened to it is announced.
    server.publish(&(0..1_100).map(|bid| quote("A", bid)).collect::<Vec<_>>()).await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["A"]).resume(&epoch, &[("A", 1)])).await;
    let gap = client.until_kind("gap").await;
    assert_eq!((gap.seq("from"), gap.seq("to")), (2, 1_105));
    // Who has it already is sent one update, as ever.
    let mut client = Client::open(&server).await;
    client.subscribe_as("resumed", Subscription::to(["A"]).resume(&epoch, &[("A", 3)])).await;
    client.until_seq("A", 1_105).await;
    assert_eq!(client.store.get("A").history.len(), 1);
    server.settled().await;
}

/// A quote, and then [`cancelled`].
fn bids_and(names: &[String]) -> Vec<String> {
    [vec![quote("A", 1)], cancelled("A", names)].concat()
}
