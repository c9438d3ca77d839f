//! Coming, going and changing one's mind while ticks pour in: where hand-overs would tear, the laws hold.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::json;

use crate::harness::{Client, Market, Server, Subscription};

/// Publishes in small batches until it is stopped. Returns the last record of each symbol.
async fn pour(server: &Server, mut market: Market, done: &AtomicBool) -> Market {
    while !done.load(Ordering::Relaxed) {
        server.publish(&market.ticks(300)).await;
    }
    market
}

async fn catch_up(client: &mut Client, market: &Market) {
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&client.store);
}

#[tokio::test]
async fn a_subscription_amid_a_flood_begins_whole_and_misses_nothing() {
    let server = Server::patient().start().await;
    let mut market = Market::new(51, "F", 20);
    let symbols = market.symbols();
    server.publish(&market.open()).await;
    let done = AtomicBool::new(false);
    let coming = async {
        let mut clients = Vec::new();
        for round in 0..30 {
            let mut client = Client::open(&server).await;
            let subscription = Subscription::to(&symbols);
            let subscription = if round % 2 == 0 { subscription } else { subscription.every() };
            client.subscribe_as("ok", subscription).await;
            for symbol in &symbols {
                let seq = client.store.cursor(symbol).unwrap_or(0);
                client.until_seq(symbol, seq + 1).await;
            }
            clients.push(client);
        }
        done.store(true, Ordering::Relaxed);
        clients
    };
    let (market, mut clients) = tokio::join!(pour(&server, market, &done), coming);
    for (index, client) in clients.iter_mut().enumerate() {
        catch_up(client, &market).await;
        let gapless = client.store.gaps.is_empty();
        assert!(gapless || index % 2 == 1, "latest has no gaps: {:?}", client.store.gaps);
    }
    server.settled().await;
}

#[tokio::test]
async fn subscriptions_come_and_go_amid_the_flood_and_the_accounts_stay_exact() {
    let server = Server::patient().limit("commands_burst", 1_000).limit("frames_burst", 2_000).start().await;
    let mut market = Market::new(52, "C", 12);
    let symbols = market.symbols();
    server.publish(&market.open()).await;
    let done = AtomicBool::new(false);
    let churning = async {
        let mut client = Client::open(&server).await;
        for round in 0..60 {
            let chosen: Vec<_> = symbols.iter().skip(round % 5).step_by(1 + round % 3).collect();
            let subscription = Subscription::to(&chosen).interval_ms([0, 5, 50][round % 3]);
            client.subscribe(if round % 4 == 0 { subscription.every() } else { subscription }).await;
            let names: Vec<_> = chosen.iter().map(|symbol| symbol.as_str()).collect();
            let change =
                [json!({"mode": "every"}), json!({"interval_ms": 20}), json!({"fields": ["last", "volume"]})];
            let mut set = change[round % 3].clone();
            (set["op"], set["symbols"]) = (json!("set"), json!(names));
            client.command(set).await;
            client.unsubscribe(&names[names.len() / 2..]).await;
            server.metrics().await.check_conservation();
        }
        client.subscribe(Subscription::to(&symbols)).await;
        done.store(true, Ordering::Relaxed);
        client
    };
    let (market, mut client) = tokio::join!(pour(&server, market, &done), churning);
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&client.store);
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_subscriptions"), 12);
}

#[tokio::test]
async fn sessions_that_break_off_amid_the_flood_leave_exact_accounts() {
    let server = Server::patient().start().await;
    let mut market = Market::new(53, "B", 30);
    let symbols = market.symbols();
    server.publish(&market.open()).await;
    let done = AtomicBool::new(false);
    let breaking = async {
        for round in 0_u32..60 {
            let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
            client.subscribe(Subscription::to(&symbols)).await;
            if round % 3 == 0 {
                client.ping().await;
            }
            drop(client);
            server.metrics().await.check_conservation();
        }
        done.store(true, Ordering::Relaxed);
    };
    tokio::join!(pour(&server, market, &done), breaking);
    let metrics = server.until_metrics("nobody", |metrics| metrics.sum("tickcast_sessions") == 0).await;
    metrics.check_conservation();
    assert_eq!((metrics.sum("tickcast_updates_pending"), metrics.sum("tickcast_subscriptions")), (0, 0));
}

#[tokio::test]
async fn globs_catch_every_new_symbol_whole() {
    let server = Server::patient().start().await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = Client::open(&server).await;
        client.subscribe_as("pending", Subscription::to(["Z*"]).every()).await;
        clients.push(client);
    }
    let mut market = Market::new(54, "Z", 300);
    let lines = market.ticks(15_000);
    let publishing = async {
        for part in lines.chunks(250) {
            server.publish(part).await;
        }
    };
    let reading = futures_util::future::join_all(clients.iter_mut().map(|client| catch_up(client, &market)));
    tokio::join!(publishing, reading);
    for client in &clients {
        assert!(client.store.gaps.is_empty());
        let messages: usize = client.store.symbols().map(|(_, held)| held.history.len()).sum();
        assert_eq!(messages, 15_000, "every tick, from the first one of each symbol on");
    }
    server.settled().await;
}
