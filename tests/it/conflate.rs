//! Clients that stop reading during a fast feed: their records afterwards, and that other clients are not affected.

use crate::harness::{Client, Market, Server, Subscription, bids, each_encoding};

each_encoding!(
    stalled_clients_read_on_and_hold_the_final_record_of_every_symbol,
    what_the_server_says_it_sent_is_what_clients_received,
    a_stalled_client_in_mode_every_gets_a_gap_that_says_exactly_what_is_gone,
    a_hot_symbol_starves_no_other,
    a_stalled_client_is_still_heard_and_answered_in_order,
    a_client_learns_of_its_own_pace,
    sessions_that_leave_while_behind_leave_the_accounts_in_order,
);

/// Subscribes one more client that will be left alone, with little room in its kernel.
async fn stalled(server: &Server, symbols: &[String]) -> Client {
    let mut client = Client::of(server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(symbols)).await;
    client
}

async fn catch_up(client: &mut Client, market: &Market) {
    for symbol in market.symbols() {
        client.until_seq(&symbol, market.get(&symbol).seq).await;
    }
    market.check(&client.store);
}

async fn stalled_clients_read_on_and_hold_the_final_record_of_every_symbol() {
    let server = Server::patient().start().await;
    let mut market = Market::new(42, "SYM", 40);
    let symbols = market.symbols();
    server.publish(&market.open()).await;
    let mut asleep = Vec::new();
    for _ in 0..20 {
        asleep.push(stalled(&server, &symbols).await);
    }
    let mut every = Client::open(&server).await;
    every.subscribe(Subscription::to(&symbols).every()).await;

    let lines: Vec<_> = (0..60).map(|_| market.ticks(1_000)).collect();
    let publishing = async {
        for part in &lines {
            server.publish(part).await;
            // While ticks pour in, each scrape must add up.
            server.metrics().await.check_conservation();
        }
    };
    let reading = async {
        for symbol in &symbols {
            every.until_seq(symbol, market.get(symbol).seq).await;
        }
    };
    tokio::join!(publishing, reading);
    market.check(&every.store);
    assert!(every.store.gaps.is_empty(), "the one beside them missed {:?}", every.store.gaps);
    let singly = every.store.symbols().all(|(_, held)| held.history.iter().all(|message| message.n() == 1));
    assert!(singly, "every tick came by itself");
    let metrics = server.metrics().await;
    metrics.check_conservation();
    assert!(
        metrics.sum("tickcast_updates_pending") > 0,
        "the stalled ones are behind: {}",
        metrics.accounts()
    );
    assert!(metrics.sum_where("tickcast_sessions", "conflating") >= 1, "and shown to be");

    for client in &mut asleep {
        catch_up(client, &market).await;
        assert!(client.store.gaps.is_empty(), "latest loses nothing, it merges");
    }
    let metrics = server.settled().await;
    assert!(metrics.sum("tickcast_updates_conflated_total") > 100_000, "{}", metrics.accounts());
    assert_eq!(metrics.sum("tickcast_updates_gapped_total"), 0);
    server
        .until_metrics("a live pace again", |metrics| {
            metrics.sum_where("tickcast_sessions", "conflating") == 0
        })
        .await;
}

async fn what_the_server_says_it_sent_is_what_clients_received() {
    let server = Server::patient().start().await;
    let mut market = Market::new(5, "ACC", 15);
    server.publish(&market.open()).await;
    let mut client = stalled(&server, &market.symbols()).await;
    for symbol in market.symbols() {
        client.until_seq(&symbol, 1).await;
    }
    for _ in 0..20 {
        server.publish(&market.ticks(2_000)).await;
    }
    catch_up(&mut client, &market).await;
    let (updates, ticks) = client
        .store
        .symbols()
        .fold((0, 0), |(updates, ticks), (_, held)| (updates + held.updates, ticks + held.ticks));
    let metrics = server.settled().await;
    let counted = |family: &str| metrics.sum(&format!("tickcast_updates_{family}_total"));
    assert_eq!(counted("offered"), 40_000);
    assert_eq!(counted("delivered"), updates, "{}", metrics.accounts());
    assert_eq!(counted("conflated"), ticks - updates, "{}", metrics.accounts());
}

async fn a_stalled_client_in_mode_every_gets_a_gap_that_says_exactly_what_is_gone() {
    let server = Server::patient().start().await;
    server.publish(&bids("A", [1])).await;
    let mut client = Client::of(&server).receive_buffer_bytes(4_096).open().await;
    client.subscribe(Subscription::to(["A"]).every()).await;
    client.until_seq("A", 1).await;
    for thousand in 0..30 {
        server.publish(&bids("A", (2..=1_001).map(|number| number + thousand * 1_000))).await;
    }
    // Law 4 in the store: seqs are continuous but for what a gap announced, and a snapshot follows each gap.
    client.until_seq("A", 30_001).await;
    assert!(!client.store.gaps.is_empty(), "30,000 ticks do not fit the ring and the kernel");
    assert_eq!(client.store.get("A").record["bid"], "30001");
    let metrics = server.settled().await;
    let lost: u64 = client.store.gaps.iter().map(|gap| gap.seq("to") - gap.seq("from") + 1).sum();
    assert_eq!(metrics.sum("tickcast_updates_gapped_total"), lost, "{}", metrics.accounts());
    assert_eq!(metrics.sum("tickcast_updates_conflated_total"), 0, "every is never merged");
    // And then it is as live as ever.
    server.publish(&bids("A", [30_002])).await;
    client.until_seq("A", 30_002).await;
}

async fn a_hot_symbol_starves_no_other() {
    let server = Server::patient().start().await;
    let mut client = stalled(&server, &["HOT".to_owned(), "COLD".to_owned()]).await;
    let hot: Vec<_> = bids("HOT", 1..=20_000);
    server.publish(&hot[..10_000]).await;
    server.publish(&bids("COLD", [7])).await;
    server.publish(&hot[10_000..]).await;
    // The cold one became dirty once; whatever the kernel held, it comes long before 20,000 hot messages.
    client.until_seq("COLD", 1).await;
    client.until_seq("HOT", 20_000).await;
    assert!(client.store.get("HOT").updates < 10_000, "the hot one was merged");
    server.settled().await;
}

async fn a_stalled_client_is_still_heard_and_answered_in_order() {
    let server = Server::patient().start().await;
    let mut market = Market::new(8, "C", 100);
    server.publish(&market.open()).await;
    let mut client = stalled(&server, &market.symbols()).await;
    server.publish(&market.ticks(40_000)).await;
    // The kernel is full by now; the answer takes its turn before all data that is not yet in the kernel.
    server
        .until_metrics("a client behind", |metrics| metrics.sum_where("tickcast_sessions", "conflating") == 1)
        .await;
    let pending = server.metrics().await.sum("tickcast_updates_pending");
    assert!(pending > 0);
    client.ping().await;
    let held: u64 = client.store.symbols().filter_map(|(_, held)| held.cursor).sum();
    let offered: u64 = market.symbols().iter().map(|symbol| market.get(symbol).seq).sum();
    assert!(held < offered, "the pong came before the data that waited for room");
    catch_up(&mut client, &market).await;
    server.settled().await;
}

async fn a_client_learns_of_its_own_pace() {
    let server = Server::patient().start().await;
    let mut market = Market::new(9, "PACE", 50);
    server.publish(&market.open()).await;
    let mut client = stalled(&server, &market.symbols()).await;
    server.publish(&market.ticks(50_000)).await;
    server
        .until_metrics("a client behind", |metrics| metrics.sum_where("tickcast_sessions", "conflating") == 1)
        .await;
    let slow = client.until("its pace", |message| message.is("status") && message.has("pace")).await;
    assert_eq!(slow.str("pace"), "conflating");
    let live = client.until("its pace again", |message| message.is("status") && message.has("pace")).await;
    assert_eq!(live.str("pace"), "live");
    catch_up(&mut client, &market).await;
}

async fn sessions_that_leave_while_behind_leave_the_accounts_in_order() {
    let server = Server::patient().start().await;
    let mut market = Market::new(10, "GONE", 30);
    server.publish(&market.open()).await;
    let mut leaving = Vec::new();
    for _ in 0..5 {
        leaving.push(stalled(&server, &market.symbols()).await);
    }
    server.publish(&market.ticks(30_000)).await;
    let mut quitter = leaving.pop().expect("five");
    drop(leaving);
    // This one unsubscribes while it is behind.
    quitter.unsubscribe(&market.symbols().iter().map(String::as_str).collect::<Vec<_>>()).await;
    let metrics = server
        .until_metrics("four sessions gone", |metrics| metrics.sum("tickcast_sessions_closed_total") == 4)
        .await;
    metrics.check_conservation();
    let metrics = server.settled().await;
    assert!(metrics.sum("tickcast_updates_discarded_total") > 0, "{}", metrics.accounts());
    assert_eq!(metrics.sum("tickcast_subscriptions"), 0);
}
