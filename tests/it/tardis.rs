//! Replays of one's own, as tardis-machine serves them: over WebSocket and HTTP, alone and a hundred at once.

use std::{
    cell::Cell,
    collections::BTreeMap,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

use serde_json::{Value, json};

use crate::harness::{
    Reply, Server, eventually,
    raw::{CLOSE, PING, PONG, RawClient, TEXT, message},
    socket::Files,
    tokens,
};

/// The messages of the bundled recording.
const BUNDLED: usize = 50_000;

fn encoded(options: &Value) -> String {
    form_urlencoded::byte_serialize(options.to_string().as_bytes()).collect()
}

fn options(symbols: &[&str], types: &[&str]) -> Value {
    json!({"exchange": "binance", "symbols": symbols, "from": "2025-03-25", "to": "2025-03-26", "dataTypes": types})
}

fn everything() -> Value {
    options(&[], &["trade", "book_ticker"])
}

fn socket_path(options: &Value) -> String {
    format!("/ws-replay-normalized?options={}", encoded(options))
}

async fn lines(server: &Server, options: &Value) -> Reply {
    server.get(&format!("/replay-normalized?options={}", encoded(options))).await
}

/// A WebSocket at this path.
async fn open(server: &Server, path: &str) -> RawClient {
    let mut client = RawClient::connect(server).await;
    client.write(RawClient::upgrade(server).replacen("/v1/stream", path, 1).as_bytes()).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "an upgrade was expected: {head}");
    client
}

/// Every message as a line, and the code and the reason of the close.
async fn read_all(client: &mut RawClient) -> (String, u16, String) {
    let mut text = String::new();
    loop {
        let (opcode, payload) = client.read_frame().await.expect("a close before the end");
        match opcode {
            TEXT => {
                text.push_str(std::str::from_utf8(&payload).expect("UTF-8"));
                text.push('\n');
            }
            PING => client.write(&message(PONG, &payload)).await,
            CLOSE => {
                let code = u16::from_be_bytes([payload[0], payload[1]]);
                return (text, code, String::from_utf8(payload[2..].to_vec()).expect("UTF-8"));
            }
            other => panic!("a frame of kind {other}"),
        }
    }
}

async fn played(server: &Server, options: &Value) -> String {
    let (text, code, reason) = read_all(&mut open(server, &socket_path(options)).await).await;
    assert_eq!((code, reason.as_str()), (1000, "WS replay-normalized finished"));
    text
}

#[tokio::test]
async fn both_ways_give_every_message_of_the_recording_in_the_order_of_receipt() {
    let server = Server::start().await;
    let reply = lines(&server, &everything()).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "application/x-json-stream"));
    assert_eq!(reply.body, played(&server, &everything()).await);
    let prefixed =
        server.get(&format!("/tardis/replay-normalized/?options={}", encoded(&everything()))).await;
    assert_eq!(prefixed.body, reply.body);
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    let mut last = String::new();
    for line in reply.body.lines() {
        let message: Value = serde_json::from_str(line).expect("JSON");
        *kinds.entry(message["type"].as_str().expect("a type").to_owned()).or_default() += 1;
        let received = message["localTimestamp"].as_str().expect("a time").to_owned();
        assert!(received >= last && message["exchange"] == "binance", "{line} behind {last}");
        last = received;
    }
    assert_eq!(kinds.into_values().collect::<Vec<_>>(), [38_968, 11_032]);
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum_where("tickcast_replays_ended_total", "finished"), 3);
    assert_eq!(metrics.sum("tickcast_replay_messages_total"), 3 * BUNDLED as u64);
}

#[tokio::test]
async fn one_object_or_several_select_and_are_merged() {
    let server = Server::start().await;
    let all = lines(&server, &everything()).await.body;
    let of = |symbol: &str, kind: &str| -> String {
        let wanted = [format!("\"symbol\":\"{symbol}\""), format!("\"type\":\"{kind}\"")];
        all.lines()
            .filter(|line| wanted.iter().all(|part| line.contains(part)))
            .flat_map(|line| [line, "\n"])
            .collect()
    };
    assert_eq!(played(&server, &options(&["btcusdt"], &["trade"])).await, of("BTCUSDT", "trade"));
    let two = json!([options(&["ethusdt"], &["trade"]), options(&["SOLUSDT"], &["book_ticker"])]);
    let merged = lines(&server, &two).await.body;
    let (trades, quotes): (Vec<&str>, Vec<&str>) =
        merged.lines().partition(|line| line.contains("\"trade\""));
    let text = |lines: Vec<&str>| lines.into_iter().flat_map(|line| [line, "\n"]).collect::<String>();
    assert_eq!(text(trades), of("ETHUSDT", "trade"));
    assert_eq!(text(quotes), of("SOLUSDT", "book_ticker"));
    let received = |line: &str| line[line.len() - 30..].to_owned();
    assert!(merged.lines().map(received).is_sorted());
    let mut narrow = options(&["BTCUSDT"], &["trade"]);
    (narrow["from"], narrow["to"]) = (json!("2025-03-25T23:08:00Z"), json!("2025-03-25 23:09"));
    let within = |line: &&str| line.contains("\"localTimestamp\":\"2025-03-25T23:08:");
    let expected: String = of("BTCUSDT", "trade")
        .lines()
        .filter(within)
        .flat_map(|line| [line, "\n"])
        .map(str::to_owned)
        .collect();
    assert!(!expected.is_empty());
    assert_eq!(lines(&server, &narrow).await.body, expected);
}

/// A trade and a quote in turn, of one symbol.
fn recorded(symbol: &str, records: u64) -> String {
    let record = |at: u64| {
        let values = match at % 2 {
            0 => format!("\"last\":{at}.5,\"last_size\":{at}"),
            _ => format!("\"bid\":{at},\"bid_size\":1,\"ask\":{at}.25,\"ask_size\":2"),
        };
        format!("{{\"symbol\":\"{symbol}\",\"rx\":{},{values}}}\n", 1_742_944_020_000_000 + 1_000 * at)
    };
    (0..records).map(record).collect()
}

#[tokio::test]
async fn a_hundred_at_once_are_each_given_what_one_alone_is_given() {
    const AT_ONCE: usize = 100;
    // More than a connection, and what waits for it, holds.
    const RECORDS: u64 = 3_000;
    let exchanges = ["kraken", "coinbase", "okx", "bybit"];
    let files = Files::new("tardis-hundred");
    let folder = files.path("");
    let folder = folder.trim_end_matches('/');
    for (exchange, symbol) in exchanges.into_iter().zip(["A", "B", "C", "D"]) {
        fs::write(format!("{folder}/{exchange}-1.ndjson"), recorded(symbol, RECORDS)).expect("a file");
    }
    let server = Server::patient().args(&["--recordings", folder]).start().await;
    let asked = |at: usize| {
        let mut options = everything();
        options["exchange"] = json!(exchanges[at]);
        options
    };
    let mut alone = Vec::new();
    for at in 0..exchanges.len() {
        alone.push(lines(&server, &asked(at)).await.body);
        assert_eq!(alone[at].lines().count() as u64, RECORDS);
    }
    // All are open, and none is read, before the first is.
    let mut clients = Vec::new();
    for at in (0..AT_ONCE).map(|number| number % exchanges.len()) {
        clients.push((at, open_with_window(&server, &socket_path(&asked(at)), 4 * 1024).await));
    }
    server.until_metrics("all replays", |metrics| metrics.sum("tickcast_replays") == AT_ONCE as u64).await;
    let readers =
        clients.into_iter().map(|(at, mut client)| async move { (at, read_all(&mut client).await) });
    for (at, (text, code, _)) in futures_util::future::join_all(readers).await {
        assert_eq!(code, 1000);
        assert!(text == alone[at], "a replay of {} differs from what one alone is given", exchanges[at]);
    }
    server.until_metrics("no replay", |metrics| metrics.sum("tickcast_replays") == 0).await;
}

/// A client whose kernel takes few bytes ahead.
async fn open_with_window(server: &Server, path: &str, bytes: u32) -> RawClient {
    let mut client = RawClient::connect_with_window(server, bytes).await;
    client.write(RawClient::upgrade(server).replacen("/v1/stream", path, 1).as_bytes()).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 101"), "an upgrade was expected: {head}");
    client
}

#[tokio::test]
async fn a_client_that_does_not_read_is_still_answered_and_closed_in_time() {
    let server = Server::with().limit("progress_ms", 2_000).start().await;
    let mut client = open(&server, &socket_path(&everything())).await;
    client.write(&message(PING, b"here")).await;
    let mut frames = 0;
    loop {
        let (opcode, payload) = client.read_frame().await.expect("a pong");
        if opcode == PONG {
            assert_eq!(payload, b"here");
            break;
        }
        frames += 1;
    }
    // It overtakes what was decoded; what the kernels hold is before it.
    assert!(frames < BUNDLED / 2, "{frames} messages were sent before the pong");
    let ended =
        |metrics: &crate::harness::Metrics| metrics.sum_where("tickcast_replays_ended_total", "client");
    server.until_metrics("the end of a client that takes nothing", |metrics| ended(metrics) == 1).await;
}

#[tokio::test]
async fn connections_that_share_a_session_share_its_time() {
    let server = Server::patient().start().await;
    let path =
        |symbol: &str| format!("{}&session=one", socket_path(&options(&[symbol], &["trade", "book_ticker"])));
    let mut held = open_with_window(&server, &path("btcusdt"), 4 * 1024).await;
    let mut other = open(&server, &path("ethusdt")).await;
    assert!(held.read_frame().await.is_some(), "it begins when both have come");
    let alone = lines(&server, &options(&["ethusdt"], &["trade", "book_ticker"])).await.body;
    let of_alone = server.metrics().await.sum("tickcast_replay_bytes_total");
    // The one does not read. The other reads all that it is given, and comes to a halt.
    let (got, reads) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let counts = (Arc::clone(&got), Arc::clone(&reads));
    let reader = tokio::spawn(async move {
        let mut text = String::new();
        loop {
            let (opcode, payload) = other.read_frame().await.expect("a close before the end");
            if opcode == CLOSE {
                counts.1.store(false, Relaxed);
                return text;
            }
            if opcode == PING {
                continue;
            }
            text.push_str(std::str::from_utf8(&payload).expect("UTF-8"));
            text.push('\n');
            counts.0.fetch_add(1, Relaxed);
        }
    });
    let last = Cell::new(0);
    let sent = async || server.metrics().await.sum("tickcast_replay_bytes_total");
    eventually("a halt", async || {
        let now = sent().await;
        last.replace(now) == now && now >= of_alone
    })
    .await;
    assert!(reads.load(Relaxed) && got.load(Relaxed) < alone.lines().count() / 2, "{got:?} messages");
    let late = read_all(&mut open(&server, &path("solusdt")).await).await;
    assert_eq!((late.1, late.0.as_str()), (1011, ""));
    assert!(late.2.contains("already started"), "{}", late.2);
    assert_eq!(read_all(&mut held).await.1, 1000);
    assert!(reader.await.expect("a reader") == alone, "what one alone is given");
}

#[tokio::test]
async fn a_directory_is_replayed_by_exchange_and_files_are_merged() {
    let files = Files::new("tardis");
    let line = |symbol: &str, rx: u64, price: u64| {
        format!("{{\"symbol\":\"{symbol}\",\"rx\":{rx},\"last\":{price},\"last_size\":1}}\n")
    };
    let micros = 1_742_944_020_000_000;
    let text = |symbol: &str, times: &[u64]| -> String {
        times.iter().map(|time| line(symbol, micros + time, *time)).collect()
    };
    let folder = files.path("");
    let folder = folder.trim_end_matches('/');
    fs::create_dir_all(format!("{folder}/kraken/2025")).expect("a folder");
    fs::write(format!("{folder}/kraken/2025/a.ndjson"), text("A/B", &[1, 3, 5])).expect("a file");
    fs::write(format!("{folder}/kraken/b.ndjson"), text("C/D", &[2, 4, 5])).expect("a file");
    fs::write(format!("{folder}/kraken/notes.txt"), "nothing\n").expect("a file");
    fs::write(format!("{folder}/binance-futures-1.ndjson"), text("E", &[1])).expect("a file");
    let server = Server::with().args(&["--recordings", folder]).start().await;
    let mut asked = options(&[], &["trade"]);
    asked["exchange"] = json!("kraken");
    let found = lines(&server, &asked).await.body;
    let prices: Vec<String> = found
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|message| format!("{}{}", message["symbol"].as_str().expect("a symbol"), message["price"]))
        .collect();
    assert_eq!(prices, ["A/B1", "C/D2", "A/B3", "C/D4", "A/B5", "C/D5"]);
    let refused = lines(&server, &everything()).await;
    assert_eq!(refused.status.as_u16(), 400);
    let why = refused.json()["message"].as_str().expect("a message").to_owned();
    assert_eq!(
        why,
        "Invalid \"exchange\" argument: binance. Please provide one of the following exchanges: binance-futures, kraken."
    );
    // New files need no restart.
    fs::write(format!("{folder}/binance-spot.ndjson"), text("E", &[1])).expect("a file");
    assert_eq!(lines(&server, &everything()).await.body.lines().count(), 1);
}

#[tokio::test]
async fn a_fault_is_answered_as_tardis_machine_answers_it() {
    let server = Server::start().await;
    let check = async |options: &str, expected: &str| {
        let options: String = form_urlencoded::byte_serialize(options.as_bytes()).collect();
        let reply = server.get(&format!("/replay-normalized?options={options}")).await;
        let why = reply.json()["message"].as_str().expect("a message").to_owned();
        assert!(reply.status.as_u16() == 400 && why.contains(expected), "{options}: {reply:?}");
        let (text, code, reason) =
            read_all(&mut open(&server, &format!("/tardis/ws-replay-normalized?options={options}")).await)
                .await;
        assert_eq!((text.as_str(), code), ("", 1011));
        let thrown = format!("Error: {why}");
        assert!(thrown.starts_with(&reason) && reason.len() > 20 && reason.len() <= 123, "{reason}");
    };
    check("nonsense", "Invalid \"options\" argument").await;
    check("[]", "Please provide 1 to 16").await;
    check(&everything().to_string().replace("2025-03-26", "then"), "Invalid \"to\" argument: then").await;
    check(&everything().to_string().replace("trade", "book_change"), "book_change").await;
    check(&everything().to_string().replace("binance", "kraken"), "following exchanges: binance.").await;
    assert_eq!(server.get("/replay-normalized").await.status.as_u16(), 400);
    let plain = server.get(&socket_path(&everything())).await;
    assert_eq!(plain.expect_error(426), "upgrade_required");
    let health = server.get("/health-check/").await.json();
    assert!(
        health["status"] == "Healthy"
            && health["memoryInfo"]["rssMB"].as_f64().is_some_and(|size| size > 1.0),
        "{health}"
    );
    let metrics = server.metrics().await;
    assert_eq!(metrics.sum_where("tickcast_replays_ended_total", "refused"), 11);
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_or_closes_is_answered() {
    let server = Server::start().await;
    let mut client = open(&server, &socket_path(&everything())).await;
    client.write(&message(CLOSE, &[0x03, 0xe8])).await;
    let (_, code, reason) = read_all(&mut client).await;
    assert_eq!((code, reason.as_str()), (1000, ""));
    let mut client = open(&server, &socket_path(&everything())).await;
    client.write(&message(TEXT, b"{\"subscribe\":1}")).await;
    client.write(&[0x89, 0]).await;
    assert_eq!(client.close_code().await, Some(1002));
}

#[tokio::test]
async fn there_are_no_more_at_once_than_may_be() {
    let server = Server::patient().limit("replays", 1).start().await;
    let held = open(&server, &socket_path(&everything())).await;
    server.until_metrics("a replay", |metrics| metrics.sum("tickcast_replays") == 1).await;
    let refused = lines(&server, &everything()).await;
    assert!(refused.status.as_u16() == 503 && refused.body.contains("limits.replays"), "{refused:?}");
    assert_eq!(read_all(&mut open(&server, &socket_path(&everything())).await).await.1, 1013);
    drop(held);
    server.until_metrics("no replay", |metrics| metrics.sum("tickcast_replays") == 0).await;
    assert_eq!(lines(&server, &options(&["SOLUSDT"], &["trade"])).await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_speed_paces_a_replay() {
    let server = Server::start().await;
    // 184 s in the recording.
    let path =
        format!("/replay-normalized?options={}&speed=1000", encoded(&options(&["SOLUSDT"], &["trade"])));
    let fast = lines(&server, &options(&["SOLUSDT"], &["trade"])).await.body;
    assert_eq!(server.get(&path).await.body, fast);
    // At this speed nothing but the first records is due, however long one waits for more.
    let slow = format!("{}&speed=0.001", socket_path(&options(&["SOLUSDT"], &["trade"])));
    let mut client = open(&server, &slow).await;
    assert!(client.read_frame().await.is_some());
    lines(&server, &everything()).await;
    client.write(&message(CLOSE, &[0x03, 0xe8])).await;
    assert!(read_all(&mut client).await.0.lines().count() < fast.lines().count() / 2);
}

#[tokio::test]
async fn tokens_decide_what_is_replayed() {
    let files = Files::new("tardis-tokens");
    let key = files.path("secret");
    fs::write(&key, tokens::SECRET).expect("a file");
    let server = Server::with().args(&["--set", &format!("auth.keys=[\"hs256:{key}\"]")]).start().await;
    let ask = async |options: &Value, token: &str| {
        let path = format!("/replay-normalized?options={}&token={token}", encoded(options));
        server.get(&path).await
    };
    assert_eq!(lines(&server, &everything()).await.expect_error(401), "missing_token");
    let reads = tokens::reads(&["BTC*"]);
    let trades = ["trade", "book_ticker"];
    let own = ask(&options(&["btcusdt"], &trades), &reads).await;
    assert_eq!(own.status.as_u16(), 200);
    // All that it may read, where no symbol is named.
    assert_eq!(ask(&everything(), &reads).await.body, own.body);
    let refused = ask(&options(&["BTCUSDT", "ethusdt"], &trades), &reads).await;
    assert!(
        refused.status.as_u16() == 403
            && refused.json()["message"].as_str().is_some_and(|why| why.contains("ethusdt"))
    );
    let replay = tokens::token(&json!({"replay": true}), &json!({}));
    assert_eq!(ask(&everything(), &replay).await.body.lines().count(), BUNDLED);
    assert_eq!(
        ask(&everything(), &tokens::token(&json!({"publish": ["*"]}), &json!({}))).await.expect_error(403),
        "not_entitled"
    );
    let socket = format!("{}&token={reads}", socket_path(&options(&["ETHUSDT"], &trades)));
    let (_, code, reason) = read_all(&mut open(&server, &socket).await).await;
    assert!(code == 1011 && reason.contains("may not read ETHUSDT"), "{code} {reason}");
    // Not a byte more once the token has ended.
    let short = tokens::token(&json!({"replay": true}), &json!({"exp": tokens::now_s() + 3}));
    let paced = format!("{}&speed=1&token={short}", socket_path(&everything()));
    assert_eq!(open(&server, &paced).await.close_code().await, Some(4102));
}
