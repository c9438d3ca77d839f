//! Symbols of every market, wherever a symbol may stand: blanks within, stars, any script.

use serde_json::{Value, json};

use crate::{
    harness::{Client, Server, Sse, bids},
    recordings::{fresh, info, succeeds},
};

/// OPRA, CME, ICE, Nasdaq, a coin with a Chinese name, and all that ASCII has besides.
const NAMES: [&str; 7] = [
    "AAPL  250221C00250000",
    "ESM4 P5230",
    "BRN FMJ0024!",
    "SAN-I*",
    "币安人生USDT",
    "!#$%&'()*+-./09:;<=>?@AZ[]^_`az{|}~",
    "A\u{202e}B\u{2028}C",
];

/// The entry that names a symbol alone.
fn entry(symbol: &str) -> String {
    symbol.replace('*', "\\*")
}

fn entries() -> Vec<String> {
    NAMES.iter().map(|name| entry(name)).collect()
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn server_with_names() -> Server {
    let server = Server::start().await;
    server.publish(&NAMES.iter().flat_map(|name| bids(name, [1])).collect::<Vec<_>>()).await;
    server
}

fn names_of(results: &Value) -> Vec<&str> {
    results.as_array().expect("results").iter().map(|result| result["symbol"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn commands_and_messages_carry_the_symbol_itself() {
    let server = server_with_names().await;
    assert_eq!(server.symbols().await.iter().map(|(name, ..)| name.as_str()).collect::<Vec<_>>(), NAMES);
    let mut client = Client::open(&server).await;
    client.store.want(&entries());
    let answer = client.command(json!({"op": "subscribe", "symbols": entries()})).await;
    assert_eq!(names_of(&answer.value("results")), NAMES);
    assert!(answer.results().iter().all(|(_, status)| status == "ok"), "{answer:?}");
    for name in NAMES {
        client.until_seq(name, 1).await;
    }
    server.publish(&NAMES.iter().flat_map(|name| bids(name, [2])).collect::<Vec<_>>()).await;
    for name in NAMES {
        client.until_seq(name, 2).await;
        assert_eq!(client.store.get(name).record["bid"], "2");
    }
    let set = client.command(json!({"op": "set", "symbols": entries(), "interval_ms": 1})).await;
    assert_eq!(names_of(&set.value("results")), NAMES);
    let mut listed = client.command(json!({"op": "list"})).await.value("subscriptions");
    listed.as_array_mut().unwrap().sort_by_key(|row| NAMES.iter().position(|name| row["symbol"] == *name));
    assert_eq!(names_of(&listed), NAMES);
    let ended = client.command(json!({"op": "unsubscribe", "symbols": entries()})).await;
    assert!(ended.results().iter().all(|(_, status)| status == "ok"), "{ended:?}");
    assert_eq!(client.command(json!({"op": "list"})).await.value("subscriptions"), json!([]));
    server.settled().await;
}

#[tokio::test]
async fn a_client_that_comes_back_resumes_by_the_symbol_itself() {
    let server = server_with_names().await;
    let mut client = Client::open(&server).await;
    let last: serde_json::Map<String, Value> =
        NAMES.iter().map(|name| ((*name).to_owned(), json!(1))).collect();
    server.publish(&NAMES.iter().flat_map(|name| bids(name, [2])).collect::<Vec<_>>()).await;
    client.store.want(&entries());
    client.store.resume("c1", NAMES.iter().map(|name| ((*name).to_owned(), 1)).collect());
    let resume = json!({"epoch": client.epoch(), "last": last});
    let answer = client
        .command(json!({"op": "subscribe", "symbols": entries(), "mode": "every", "resume": resume}))
        .await;
    assert!(answer.results().iter().all(|(_, status)| status == "resumed"), "{answer:?}");
    for name in NAMES {
        client.until_seq(name, 2).await;
        assert_eq!(client.store.get(name).snapshots, 0, "{name}");
    }
    server.settled().await;
}

#[tokio::test]
async fn a_star_is_any_run_and_an_escaped_one_is_itself() {
    let server = server_with_names().await;
    server.publish(&[bids("SAN-IX", [1]), bids("AAPL  250221P00250000", [1])].concat()).await;
    let mut client = Client::open(&server).await;
    let patterns = ["SAN-I*", "SAN-I\\*", "*\\*", "AAPL  *", "* *", "币*人生*", "*安人*", "*人生USDT"];
    client.store.want(&patterns.map(str::to_owned));
    let answer = client.command(json!({"op": "subscribe", "symbols": patterns})).await;
    let results = answer.value("results");
    let matched: Vec<(&str, Option<u64>)> = (results.as_array().unwrap().iter())
        .map(|result| (result["symbol"].as_str().unwrap(), result["matched"].as_u64()))
        .collect();
    let expected = [
        ("SAN-I*", Some(2)),
        ("SAN-I*", None),
        ("*\\*", Some(1)),
        ("AAPL  *", Some(2)),
        ("* *", Some(4)),
        ("币*人生*", Some(1)),
        ("*安人*", Some(1)),
        ("*人生USDT", Some(1)),
    ];
    assert_eq!(matched, expected);
    let list = client.command(json!({"op": "list"})).await;
    assert_eq!(list.value("globs").as_array().unwrap().len(), 7, "as they were given: {list:?}");
    assert!(list.value("globs").as_array().unwrap().contains(&json!("*\\*")));
    // A symbol that comes later.
    server.publish(&[bids("X*", [1]), bids("AAPL  A", [1]), bids("币圈人生!", [1])].concat()).await;
    for name in ["X*", "AAPL  A", "币圈人生!"] {
        client.until_seq(name, 1).await;
    }
    let ended =
        client.command(json!({"op": "unsubscribe", "symbols": ["SAN-I\\*", "SAN-I*", "SAN-I*"]})).await;
    let ended = ended.value("results");
    assert_eq!((&ended[0]["matched"], &ended[1]["matched"]), (&Value::Null, &json!(1)), "{ended}");
    assert_eq!(ended[1], ended[2]);
    server.settled().await;
}

#[tokio::test]
async fn queries_and_requests_name_any_symbol() {
    let server = server_with_names().await;
    let all = encoded(&entries().join(","));
    let symbols_in = |text: &str| -> Vec<String> {
        let records: Value = serde_json::from_str(text).expect("JSON");
        names_of(&records).into_iter().map(str::to_owned).collect()
    };
    let reply = server.get(&format!("/v1/snapshot?symbols={all}")).await;
    assert_eq!(symbols_in(&reply.body), NAMES);
    let body = json!({"symbols": entries()}).to_string();
    let reply = server.request("POST", "/v1/snapshot").body(body).send().await;
    assert_eq!(symbols_in(&reply.body), NAMES);
    // A plus is a blank, as forms have it, and blanks around a comma belong to no name.
    for query in ["AAPL++250221C00250000,+ESM4+P5230+", "AAPL%20%20250221C00250000&symbols=ESM4%20P5230"] {
        let reply = server.get(&format!("/v1/snapshot?symbols={query}")).await;
        assert_eq!(symbols_in(&reply.body), NAMES[..2], "{query}");
    }
    for (query, at) in [("A%22B", 1), ("A%5CB", 1), ("A%00", 1), ("%E5%B8%81%C2%80B", 3)] {
        let reply = server.get(&format!("/v1/snapshot?symbols={query}")).await;
        assert_eq!(reply.expect_error(400), "bad_symbol", "{query}");
        assert!(reply.body.contains(&format!("byte {at} is ")), "{query}: {}", reply.body);
    }

    let mut client = Client::of(&server).query(&format!("symbols={all}")).open().await;
    client.store.want(&entries());
    for name in NAMES {
        client.until_seq(name, 1).await;
    }
    let query = format!("symbols={all}&mode=every");
    let entries = entries();
    let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
    let mut sse = Sse::open(&server, &query, &entries).await;
    for name in NAMES {
        sse.until_seq(name, 1).await;
    }
    let last_id = sse.last_id.clone();
    drop(sse);
    server.publish(&NAMES.iter().flat_map(|name| bids(name, [2])).collect::<Vec<_>>()).await;
    let mut sse = Sse::coming_back(&server, &query, &entries, &last_id).await;
    for name in NAMES {
        sse.until_seq(name, 2).await;
        assert_eq!(sse.store.get(name).snapshots, 0, "{name} goes on");
    }
    server.settled().await;
}

#[tokio::test]
async fn a_symbol_may_be_written_with_escapes() {
    let server = Server::start().await;
    let lines = [
        r#"{"symbol":"\u0041APL","bid":1}"#,
        r#"{"\u0073ymbol":"\u5e01\u5b89 \uD83D\uDE00","bid":1}"#,
        // A number that is read by its digits, which reads the line again.
        r#"{"symbol":"\u0041APL","bid":12345678901.123456}"#,
    ];
    let published = server.publish_any(&lines.join("\n")).await;
    assert_eq!((published.accepted, published.rejected.len()), (3, 0), "{published:?}");
    let known: Vec<(String, u64)> =
        server.symbols().await.into_iter().map(|(name, seq, _)| (name, seq)).collect();
    assert_eq!(known, [("AAPL".to_owned(), 2), ("币安 😀".to_owned(), 1)]);
    for (line, part) in [
        (r#"{"symbol":"A\u0000","bid":1}"#, "byte 1 is '\\0'"),
        (r#"{"symbol":"A\"","bid":1}"#, "byte 1 is '\"'"),
        (r#"{"symbol":"A\\","bid":1}"#, "byte 1 is '\\\\'"),
        (r#"{"symbol":"A\u0085B","bid":1}"#, "byte 1 is '\\u{85}'"),
        ("{\"symbol\":\"A\u{7f}\",\"bid\":1}", "byte 1 is '\\u{7f}'"),
        (r#"{"symbol":"A,B","bid":1}"#, "byte 1 is ','"),
        (r#"{"symbol":" A","bid":1}"#, "neither begins nor ends with white space, byte 0"),
        ("{\"symbol\":\"A\u{3000}\",\"bid\":1}", "neither begins nor ends with white space, byte 1"),
    ] {
        let published = server.publish_any(line).await;
        assert_eq!(published.accepted, 0, "{line}");
        assert!(published.rejected[0].1.contains(part), "{line}: {published:?}");
    }
    let reply =
        server.request("POST", "/v1/publish").body(&b"{\"symbol\":\"AB\xe5\",\"bid\":1}"[..]).send().await;
    assert!(reply.body.contains("not UTF-8, at byte 13"), "{}", reply.body);
}

#[test]
fn recordings_of_every_format_keep_them() {
    let text = |name: &str| fresh(name).to_str().expect("a plain name").to_owned();
    let own = text("symbols.ndjson");
    let lines: Vec<String> = (0..)
        .zip(NAMES)
        .map(|(index, name)| {
            format!(
                "{{\"symbol\":\"{name}\",\"rx\":{},\"bid\":{index}}}\n",
                1_742_860_800_000_000_i64 + index
            )
        })
        .collect();
    std::fs::write(&own, lines.concat()).unwrap();
    let mut from = own.clone();
    let formats: &[&str] =
        if cfg!(feature = "parquet") { &["csv", "parquet", "ndjson.zst"] } else { &["csv", "ndjson.zst"] };
    for format in formats {
        let to = text(&format!("symbols.{format}"));
        succeeds(&["convert", &from, "--output", &to]);
        let told = info(&to);
        assert_eq!((&told["records"], &told["rejected"]), (&json!(NAMES.len()), &json!(0)), "{told}");
        assert!(NAMES.iter().all(|name| told["symbols"][name]["records"] == 1), "{told}");
        from = to;
    }
    for (selection, expected) in [
        ("SAN-I\\*, AAPL  250221C00250000", 2),
        ("*\\*", 1),
        ("* *", 3),
        ("币安人生USDT,ESM4 P5230", 2),
        ("*人*", 1),
    ] {
        let some = text("symbols-some.ndjson");
        succeeds(&["convert", &own, "--symbols", selection, "--output", &some]);
        assert_eq!(info(&some)["records"], expected, "{selection}");
    }
    let table = String::from_utf8(succeeds(&["info", &own]).stdout).expect("text");
    assert!(table.contains("A\\u{202e}B\\u{2028}C") && !table.contains('\u{202e}'), "{table}");
    assert!(
        table.contains("    币安人生USDT                    1 "),
        "wide characters take two cells: {table}"
    );
}
