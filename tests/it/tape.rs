//! Trades that are cancelled and corrected, as clients of every mode are told, and what becomes of their records.

use serde_json::json;

use crate::harness::{Client, Server, Subscription, each_encoding};

each_encoding!(
    corrections_are_told_in_every_mode_and_put_totals_right,
    who_waited_for_the_first_tick_is_told_of_corrections_among_the_first,
    the_record_after_set_comes_behind_the_corrections_that_were_due,
);

fn lines<const N: usize>(fields: [&str; N]) -> [String; N] {
    fields.map(|fields| format!("{{\"symbol\":\"T\",{fields}}}"))
}

/// What each message after the snapshot says: its seq, its `n`, and the trade that it takes back or replaces.
fn told(client: &Client) -> Vec<String> {
    let history = &client.store.get("T").history;
    let said = history.iter().filter(|message| message.is("update")).map(|message| {
        let word = ["cancel", "correct"].into_iter().find(|word| message.has(word));
        let about = word.map_or(String::new(), |word| format!(" {word} {}", message.str(word)));
        let n = if message.has("n") { message.value("n") } else { json!(1) };
        format!("{} n {n}{about}", message.value("seq"))
    });
    said.collect()
}

async fn corrections_are_told_in_every_mode_and_put_totals_right() {
    let server = Server::start().await;
    server.publish(&lines([r#""bid":9,"ask":20"#])).await;
    let mut clients = Vec::new();
    for subscription in [
        Subscription::to(["T"]),
        Subscription::to(["T"]).fields(&["ask"]),
        Subscription::to(["T"]).trades(),
        Subscription::to(["T"]).every(),
    ] {
        let mut client = Client::open(&server).await;
        client.subscribe_as("ok", subscription).await;
        client.expect_snapshot("T").await;
        clients.push(client);
    }
    server
        .publish(&lines([
            r#""last":10,"last_size":1,"side":"buy","trade_id":"a""#,
            r#""last":14,"last_size":2,"side":"sell","trade_id":"b""#,
            r#""bid":8"#,
            r#""cancel":"b""#,
            r#""last":12,"last_size":3,"side":"buy","trade_id":4,"affects":["volume"]"#,
            r#""correct":"a","last":11,"last_size":5"#,
            r#""bid":7"#,
            r#""bid":6,"ask":21"#,
        ]))
        .await;
    for client in &mut clients {
        client.until_seq("T", 9).await;
    }
    let corrections =
        |client: &Client| told(client).into_iter().filter(|line| line.contains('c')).collect::<Vec<_>>();
    assert_eq!(told(&clients[0]), ["5 n 4 cancel b", "7 n 2 correct a", "9 n 2"]);
    assert_eq!(told(&clients[1]), ["5 n 4 cancel b", "7 n 2 correct a", "9 n 2"]);
    assert_eq!(corrections(&clients[2]), ["5 n 2 cancel b", "7 n 1 correct a"]);
    assert_eq!(corrections(&clients[3]), ["5 n 1 cancel b", "7 n 1 correct a"]);
    let record = &clients[0].store.get("T").record;
    let expected = [
        ("last", "11"),
        ("last_size", "5"),
        ("side", "\"buy\""),
        ("trade_id", "\"a\""),
        ("open", "11"),
        ("high", "11"),
        ("low", "11"),
        ("volume", "8"),
        ("trades", "2"),
    ];
    for (name, value) in expected {
        assert_eq!(record.get(name).map(String::as_str), Some(value), "{name}");
    }
    for client in &clients[2..] {
        assert_eq!(&client.store.get("T").record, record);
    }
    server.settled().await;
}

async fn who_waited_for_the_first_tick_is_told_of_corrections_among_the_first() {
    let server = Server::start().await;
    let mut clients = Vec::new();
    for subscription in
        [Subscription::to(["T"]), Subscription::to(["T"]).fields(&["ask"]), Subscription::to(["T"]).trades()]
    {
        let mut client = Client::open(&server).await;
        client.subscribe_as("pending", subscription).await;
        clients.push(client);
    }
    let first = lines([
        r#""last":10,"last_size":1,"trade_id":"a""#,
        r#""last":14,"last_size":2,"trade_id":"b""#,
        r#""correct":"a","last":11"#,
        r#""cancel":"b""#,
        r#""bid":8,"ask":9"#,
    ]);
    server.publish(&first).await;
    for client in &mut clients {
        client.until_seq("T", 5).await;
    }
    for client in &clients[..2] {
        assert_eq!(told(client), ["3 n 3 correct a", "4 n 1 cancel b", "5 n 1"]);
    }
    assert_eq!(told(&clients[2])[2..], ["3 n 1 correct a", "4 n 1 cancel b", "5 n 1"]);
    let record = &clients[0].store.get("T").record;
    assert_eq!(&clients[2].store.get("T").record, record);
    assert_eq!(
        (record["last"].as_str(), record["high"].as_str(), record["volume"].as_str()),
        ("11", "11", "1")
    );
    server.settled().await;
}

async fn the_record_after_set_comes_behind_the_corrections_that_were_due() {
    let server = Server::start().await;
    server.publish(&lines([r#""last":10,"last_size":1,"trade_id":"a""#])).await;
    // Also where other fields are wanted, so that what was counted as filtered was so by the old ones.
    let wishes = [json!({"numbers": "string"}), json!({"fields": ["bid", "high"]})];
    for (wish, mode) in wishes.iter().flat_map(|wish| ["latest", "every"].map(|mode| (wish, mode))) {
        let mut client = Client::open(&server).await;
        let fields: &[&str] = if wish["fields"].is_null() { &["bid", "high", "trades"] } else { &["trades"] };
        let subscription = Subscription::to(["T"]).interval_ms(60_000).fields(fields);
        client.subscribe_as("ok", subscription).await;
        let seq = client.expect_snapshot("T").await.value("seq").as_u64().unwrap();
        server
            .publish(&lines([
                r#""bid":7"#,
                r#""last":14,"last_size":2,"trade_id":"b""#,
                r#""cancel":"b""#,
                r#""bid":8"#,
            ]))
            .await;
        client.ping().await;
        let mut set = json!({"op": "set", "symbols": ["T"], "mode": mode, "interval_ms": 0});
        set.as_object_mut().unwrap().extend(wish.as_object().unwrap().clone());
        client.command(set).await;
        client.until_seq("T", seq + 4).await;
        let told = told(&client);
        let expected = [format!("{} n 3 cancel b", seq + 3), format!("{} n 1", seq + 4)];
        assert!(told.ends_with(&expected), "{mode}, {wish}: {told:?}");
        let record = &client.store.get("T").record;
        let shown = ["bid", "high"].map(|name| record[name].trim_matches('"'));
        assert_eq!(shown, ["8", "10"], "{mode}, {wish}");
    }
    server.settled().await;
}

#[tokio::test]
async fn what_names_no_trade_is_refused_with_its_reason() {
    let server = Server::start().await;
    let body = lines([
        r#""last":10,"last_size":1,"trade_id":"a""#,
        r#""cancel":"x""#,
        r#""cancel":"a""#,
        r#""cancel":"a""#,
        r#""cancel":"a","bid":1"#,
        r#""bid":1,"affects":["last"]"#,
    ]);
    let published = server.publish_any(&body.join("\n")).await;
    let lines: Vec<u64> = published.rejected.iter().map(|rejected| rejected.0).collect();
    assert_eq!((published.accepted, &lines[..]), (2, &[2, 4, 5, 6][..]), "{:?}", published.rejected);
    let metrics = server.get("/metrics").await;
    let count =
        metrics.body.lines().find(|line| line.contains("reason=\"unknown_trade\"")).unwrap_or_default();
    assert!(count.ends_with(" 2"), "{count}");
    server.settled().await;
}
