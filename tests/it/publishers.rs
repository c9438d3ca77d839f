//! Publishing over WebSocket, and publishers that number their messages: what was cut counts once, over either way in.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use serde_json::{Value, json};

use crate::harness::{
    Client, Server, Subscription,
    raw::{RawClient, TEXT, message},
};

fn trade(symbol: &str, size: u64) -> Value {
    json!({"symbol": symbol, "last": "10.5", "last_size": size})
}

/// The whole volume of a symbol, as a snapshot shows it.
async fn volume(server: &Server, symbol: &str) -> Value {
    let snapshot = server.get(&format!("/v1/snapshot?symbols={symbol}")).await.json();
    snapshot[0]["volume"].clone()
}

#[tokio::test]
async fn ticks_of_a_command_are_acknowledged_with_their_seqs_and_read_by_others() {
    let server = Server::start().await;
    let mut reader = Client::open(&server).await;
    reader.subscribe(Subscription::to(["A", "B"]).every()).await;
    let mut publisher = Client::open(&server).await;
    let ticks = json!([trade("A", 1), {"symbol": "A", "bid": "ten"}, trade("B", 2), trade("A", 3), 7]);
    let answer = publisher.command(json!({"op": "publish", "ticks": ticks})).await;
    assert!(answer.is("published"), "{answer:?}");
    assert_eq!((answer.value("accepted"), answer.value("seqs")), (json!(3), json!({"A": 2, "B": 1})));
    let codes = |entry: &Value| (entry["index"].clone(), entry["code"].clone());
    let rejected: Vec<_> = answer.value("rejected").as_array().expect("a list").iter().map(codes).collect();
    assert_eq!(rejected, [(json!(1), json!("value")), (json!(4), json!("syntax"))]);
    reader.until_seq("A", 2).await;
    reader.until_seq("B", 1).await;
    assert_eq!(volume(&server, "A").await, json!(4));
    let metrics = server.settled().await;
    assert_eq!(metrics.sum("tickcast_ticks_ingested_total"), 3);
    assert_eq!(metrics.sum("tickcast_ticks_rejected_total"), 2);
}

#[tokio::test]
async fn a_command_that_cannot_be_read_takes_nothing_in() {
    let server = Server::start().await;
    let mut client = Client::open(&server).await;
    let many: Vec<_> = (0..1_001).map(|_| json!({"symbol": "A", "bid": 1})).collect();
    for (command, code) in [
        (json!({"op": "publish"}), "missing_field"),
        (json!({"op": "publish", "ticks": {"symbol": "A", "bid": 1}}), "bad_value"),
        (json!({"op": "publish", "ticks": many}), "bad_value"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "symbols": ["A"]}), "unknown_field"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "number": 1}), "missing_field"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "publisher": "p"}), "missing_field"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "publisher": "a,b", "number": 1}), "bad_value"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "publisher": "p", "number": 0}), "bad_value"),
        (json!({"op": "publish", "ticks": [trade("A", 1)], "publisher": "p", "number": 2}), "number_gap"),
    ] {
        let answer = client.command(command.clone()).await;
        assert_eq!(answer.value("code"), json!(code), "{command:.120}: {answer:?}");
    }
    assert_eq!(server.symbols().await.len(), 0);
}

#[tokio::test]
async fn a_page_that_is_allowed_only_because_all_are_does_not_publish() {
    let server = Server::with().args(&["--allow-origin", "*"]).start().await;
    let mut page = Client::of(&server).header("origin", "https://elsewhere.example").open().await;
    let answer = page.command(json!({"op": "publish", "ticks": [trade("A", 1)]})).await;
    assert_eq!(answer.value("code"), json!("forbidden"), "{answer:?}");
    assert_eq!(server.symbols().await.len(), 0);
}

#[tokio::test]
async fn publishing_counts_neither_among_commands_nor_among_bytes() {
    let server = Server::with()
        .limit("commands_per_second", 1)
        .limit("commands_burst", 2)
        .limit("frames_per_second", 1)
        .limit("frames_burst", 20)
        .limit("inbound_bytes_per_second", 4 * 1024)
        .limit("inbound_bytes_burst", 1024 * 1024)
        .start()
        .await;
    let mut client = Client::open(&server).await;
    // Two megabytes in a hundred messages.
    let ticks: Vec<_> = (0..500).map(|_| trade("A", 1)).collect();
    for _ in 0..100 {
        let answer = client.command(json!({"op": "publish", "ticks": ticks})).await;
        assert_eq!(answer.value("accepted"), json!(500), "{answer:?}");
    }
    // The word alone exempts nothing.
    let mut limited = 0;
    for id in 0..6 {
        client.send_text(&json!({"op": "ping", "id": format!("publish {id}")}).to_string()).await;
        client.send_text(&json!({"op": "list", "id": "publish"}).to_string()).await;
        let answer = client.next().await;
        limited += usize::from(answer.value("code") == json!("rate_limited"));
    }
    assert!(limited > 0, "twelve commands, where two may be");
    assert_eq!(volume(&server, "A").await, json!(50_000));
}

#[tokio::test]
async fn a_publisher_that_is_cut_anywhere_counts_once() {
    let server = Server::start().await;
    let mut random = Pcg64Mcg::seed_from_u64(11);
    let mut due = 0;
    for number in 1..=60_u64 {
        let sizes: Vec<u64> =
            (0..random.random_range(1..40)).map(|_| random.random_range(1..1_000)).collect();
        due += sizes.iter().sum::<u64>();
        let ticks: Vec<_> = sizes.iter().map(|&size| trade("A", size)).collect();
        let command = json!({"op": "publish", "publisher": "gateway", "number": number, "ticks": ticks});
        let frame = message(TEXT, command.to_string().as_bytes());
        for _ in 0..random.random_range(0..4) {
            // Some of the message arrives, or all of it, and the answer may or may not be waited for.
            let mut cut = RawClient::upgraded(&server).await;
            let sent = [random.random_range(0..=frame.len()), frame.len()][random.random_range(0..2)];
            cut.write(&frame[..sent]).await;
            if sent == frame.len() && random.random_range(0..2) == 0 {
                cut.read_until("published").await;
            }
        }
        // The last goes over either way in. A copy that was cut off may be under way still.
        let (accepted, seq) = if random.random_range(0..2) == 0 {
            let mut client = Client::open(&server).await;
            loop {
                let answer = client.command(command.clone()).await;
                if !answer.is("error") {
                    break (answer.value("accepted"), answer.value("seqs")["A"].clone());
                }
                assert_eq!(answer.value("code"), "publisher_busy", "{answer:?}");
            }
        } else {
            let lines: Vec<_> = ticks.iter().map(Value::to_string).collect();
            let path = format!("/v1/publish?publisher=gateway&number={number}");
            loop {
                let reply = server.request("POST", &path).body(lines.join("\n")).send().await;
                if reply.status != 409 {
                    let answer = reply.json();
                    break (answer["accepted"].clone(), answer["seqs"]["A"].clone());
                }
                assert!(reply.body.contains("publisher_busy"), "{reply:?}");
            }
        };
        assert_eq!(accepted, json!(sizes.len()), "message {number}");
        assert_eq!(seq, json!(server.symbols().await[0].1), "the last seq there is");
    }
    assert_eq!(volume(&server, "A").await, json!(due));
    let mut client = Client::open(&server).await;
    let asked = client.command(json!({"op": "publish", "publisher": "gateway", "ticks": []})).await;
    assert_eq!(asked.value("number"), json!(60));
    let old =
        client.command(json!({"op": "publish", "publisher": "gateway", "number": 59, "ticks": []})).await;
    assert_eq!(old.value("code"), json!("number_old"), "{old:?}");
}

#[tokio::test]
async fn requests_are_numbered_and_a_misspelt_parameter_is_refused() {
    let server = Server::start().await;
    let post = |query: &str| {
        let line = trade("A", 5).to_string();
        server.request("POST", &format!("/v1/publish{query}")).body(line)
    };
    let first = post("?publisher=p&number=1").send().await.json();
    assert_eq!(first, json!({"accepted": 1, "number": 1, "rejected": [], "seqs": {"A": 1}}));
    assert_eq!(post("?publisher=p&number=1").send().await.json(), first);
    for (query, status, code) in [
        ("?publisher=p&number=3", 409, "number_gap"),
        ("?publisher=q&number=2", 409, "number_gap"),
        ("?publsher=p&number=2", 400, "unknown_parameter"),
        ("?publisher=p", 400, "missing_parameter"),
        ("?number=2", 400, "missing_parameter"),
        ("?publisher=p&number=two", 400, "bad_value"),
        ("?publisher=&number=2", 400, "bad_value"),
    ] {
        let reply = post(query).send().await;
        reply.expect_error(status);
        assert!(reply.body.contains(code), "{query}: {reply:?}");
    }
    assert_eq!(volume(&server, "A").await, json!(5));
}
