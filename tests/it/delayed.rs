//! Delayed data over real sockets: three delays at once, never early by the market's clock, which a replay drives step by step.

use std::{fs, path::PathBuf, sync::atomic::AtomicUsize};

use serde_json::{Value, json};

use super::entitled::{Guarded, next, tell};
use crate::harness::{
    Metrics, eventually, files, line,
    raw::RawClient,
    tokens::{admin, bearer, reads, token},
};

/// The time of the first record, in microseconds: 2025-03-25T00:00:00Z.
const FIRST: i64 = 1_742_860_800_000_000;
const SYMBOLS: [&str; 3] = ["X.A", "Y.B", "Z.C"];
const NOTICE: &str = "delayed by at least 5 seconds";

/// A market that stands until it is moved on: a tick of each symbol in each second, whose bid is the second.
struct Standing {
    guarded: Guarded,
    second: i64,
}

/// What a client was sent of each symbol.
#[derive(Default)]
struct Held {
    seqs: [u64; 3],
    /// The time of the market.
    now: i64,
}

/// How much later each symbol is shown, in milliseconds.
fn delay_ms(symbol: &str) -> i64 {
    match symbol {
        "X.A" => 5_000,
        "Y.B" => 10_000,
        _ => 20_000,
    }
}

fn recording(seconds: i64) -> PathBuf {
    static NUMBERS: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBERS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = files::path(format!("delayed-{number}.ndjson"));
    let mut lines = vec![r#"{"tickcast":"recording","version":1}"#.to_owned()];
    for second in 0..seconds {
        let time = (FIRST + second * 1_000_000).to_string();
        let price = format!("\"{second}\"");
        for symbol in SYMBOLS {
            lines.push(line(
                symbol,
                &[
                    ("ts", &time),
                    ("rx", &time),
                    ("bid", &price),
                    ("ask", "\"9\""),
                    ("last", &price),
                    ("last_size", "\"2\""),
                ],
            ));
        }
    }
    lines.push(String::new());
    fs::write(&path, lines.join("\n")).expect("a file");
    path
}

impl Standing {
    async fn start(args: &[&str]) -> Standing {
        let feed = format!("replay:{}?start=paused&clock=replay", recording(120).display());
        let products = format!("auth.products=[\"x;X.*;5000;bid,last;{NOTICE}\", \"y;Y.*;10000\"]");
        let more = ["--feed", &feed, "--set", &products, "--set", "auth.delay_ms=20000"];
        Standing { guarded: Guarded::start(&[&more, args].concat()).await, second: -1 }
    }

    /// Moves the market on by so many seconds.
    async fn pass(&mut self, seconds: i64) {
        let command = json!({"op": "step", "n": seconds * SYMBOLS.len() as i64});
        let request =
            self.guarded.server.request("POST", "/v1/replay").header("authorization", &bearer(&admin()));
        let reply = request.body(command.to_string()).send().await;
        assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
        self.second += seconds;
        assert_eq!(reply.json()["time"], json!(FIRST + self.second * 1_000_000), "{reply:?}");
    }

    /// Waits until what is due is in the delayed markets, whose threads take it in on their own.
    async fn settled(&self) {
        let due = |symbol: &str| self.second + 1 - delay_ms(symbol) / 1_000;
        let seqs = SYMBOLS.map(|symbol| (symbol.to_owned(), u64::try_from(due(symbol)).unwrap_or_default()));
        let expected: Vec<_> = seqs.into_iter().filter(|(_, seq)| *seq > 0).collect();
        let token = token(&json!({"delayed": ["*"]}), &json!({}));
        eventually("what is due", async || shown(self, "/v1/symbols", &token).await == expected).await;
    }

    fn now(&self) -> i64 {
        FIRST + self.second * 1_000_000
    }

    async fn stream(&self, claim: &Value) -> RawClient {
        self.guarded.stream(&format!("token={}", token(claim, &json!({}))), "").await
    }
}

impl Held {
    /// Takes a message: it is not early, and its seq follows.
    fn take(&mut self, message: &Value) {
        let symbol = message["symbol"].as_str().expect("a symbol");
        let delay = delay_ms(symbol);
        assert_eq!(message["delay_ms"], json!(delay), "{message}");
        let rx = message["rx"].as_i64().expect("a time");
        assert!(rx + delay * 1_000 <= self.now, "early: {message}");
        let at = SYMBOLS.iter().position(|known| *known == symbol).expect("a symbol");
        let (seq, n) = (message["seq"].as_u64().expect("a seq"), message["n"].as_u64().unwrap_or(1));
        if message["type"] == "update" {
            assert_eq!(seq, self.seqs[at] + n, "{message}");
        }
        self.seqs[at] = seq;
        // The tick of a second, with exact totals.
        assert_eq!(message["bid"], json!(seq - 1), "{message}");
        if symbol == "X.A" {
            assert!(message.get("ask").is_none() && message.get("volume").is_none(), "{message}");
        } else if message["type"] == "snapshot" || message.get("volume").is_some() {
            assert_eq!(message["volume"], json!(2 * seq), "{message}");
        }
    }

    /// Reads until these seqs are reached.
    async fn until(&mut self, client: &mut RawClient, seqs: [u64; 3]) {
        while self.seqs != seqs {
            let message = client.message().await;
            if message.get("bid").is_some() {
                self.take(&message);
            }
            for (had, most) in self.seqs.iter().zip(seqs) {
                assert!(*had <= most, "{:?} is more than {seqs:?}", self.seqs);
            }
        }
    }
}

async fn subscribe(client: &mut RawClient, command: &Value) -> Vec<Value> {
    tell(client, command).await;
    next(client, "subscribed").await["results"].as_array().expect("results").clone()
}

/// What is shown over HTTP, by symbol, with the seq.
async fn shown(standing: &Standing, path: &str, token: &str) -> Vec<(String, u64)> {
    let reply = standing.guarded.get(path, Some(token)).await;
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
    let rows = reply.json();
    let row = |row: &Value| (row["symbol"].as_str().unwrap().to_owned(), row["seq"].as_u64().unwrap());
    rows.as_array().expect("rows").iter().map(row).collect()
}

#[tokio::test]
async fn three_delays_at_once_are_pending_until_due_and_never_early() {
    let mut standing = Standing::start(&[]).await;
    let mut client = standing.stream(&json!({"delayed": ["*"]})).await;
    standing.pass(5).await;
    let results =
        subscribe(&mut client, &json!({"op": "subscribe", "symbols": SYMBOLS, "mode": "every"})).await;
    for (result, symbol) in results.iter().zip(SYMBOLS) {
        assert_eq!(
            (&result["status"], &result["delay_ms"]),
            (&json!("pending"), &json!(delay_ms(symbol))),
            "{result}"
        );
        assert_eq!(result["notice"], if symbol == "X.A" { json!(NOTICE) } else { Value::Null });
    }
    let delayed = token(&json!({"delayed": ["*"]}), &json!({}));
    assert!(shown(&standing, "/v1/snapshot?symbols=*", &delayed).await.is_empty(), "nothing is due");
    assert!(shown(&standing, "/v1/symbols", &delayed).await.is_empty());
    let mut held = Held::default();
    // The first second of each becomes due on the microsecond; then some seconds at once, which are merged and counted.
    for (seconds, seqs) in [
        (1, [1, 0, 0]),
        (1, [2, 0, 0]),
        (3, [5, 0, 0]),
        (1, [6, 1, 0]),
        (10, [16, 11, 1]),
        (30, [46, 41, 31]),
    ] {
        standing.pass(seconds).await;
        held.now = standing.now();
        held.until(&mut client, seqs).await;
    }
    tell(&mut client, &json!({"op": "list"})).await;
    let list = next(&mut client, "list").await;
    assert_eq!(
        (&list["subscriptions"][1]["mode"], &list["subscriptions"][1]["delay_ms"]),
        (&json!("every"), &json!(10_000))
    );
    let expected = SYMBOLS.map(str::to_owned).into_iter().zip([46, 41, 31]).collect::<Vec<_>>();
    assert_eq!(shown(&standing, "/v1/snapshot?symbols=*", &delayed).await, expected);
    assert_eq!(shown(&standing, "/v1/symbols", &delayed).await, expected);
    let reply = standing.guarded.get("/v1/snapshot?symbols=X.A", Some(&delayed)).await.json();
    assert_eq!(
        (&reply[0]["delay_ms"], &reply[0]["bid"], &reply[0]["ask"]),
        (&json!(5_000), &json!(45), &Value::Null)
    );
    // Accounts of their own, and what waits.
    let text = standing.guarded.get("/metrics", Some(&admin())).await.body;
    let metrics = Metrics::parse(&text);
    assert_eq!(metrics.sum("tickcast_delayed_residual"), 0);
    assert_eq!(metrics.sum("tickcast_updates_offered_total"), 0, "real time has accounts of its own");
    let of = |outcome: &str| metrics.sum_where("tickcast_delayed_updates_total", outcome);
    assert_eq!(of("offered"), 46 + 41 + 31);
    assert_eq!(of("offered"), of("delivered") + of("conflated") + of("filtered") + of("discarded"));
    assert_eq!(metrics.sum("tickcast_delayed_waiting_records"), 5 + 10 + 20);
    assert_eq!(metrics.residual(), 0);
}

#[tokio::test]
async fn a_renewal_moves_a_symbol_from_one_market_to_the_other_with_a_snapshot() {
    let mut standing = Standing::start(&[]).await;
    standing.pass(20).await;
    standing.settled().await;
    let mut client = standing.stream(&json!({"read": ["X.*"], "delayed": ["*"]})).await;
    let results = subscribe(&mut client, &json!({"op": "subscribe", "symbols": ["X.A", "Y.B"]})).await;
    assert_eq!((&results[0]["delay_ms"], &results[1]["delay_ms"]), (&Value::Null, &json!(10_000)));
    until_seqs(&mut client, [0, 0], [20, 10]).await;
    for (claim, moved, seq) in [
        (
            json!({"delayed": ["*"]}),
            json!({"symbol": "X.A", "status": "ok", "delay_ms": 5_000, "notice": NOTICE}),
            15,
        ),
        (json!({"read": ["X.*"], "delayed": ["*"]}), json!({"symbol": "X.A", "status": "ok"}), 20),
    ] {
        tell(
            &mut client,
            &json!({"op": "auth", "id": 1, "token": token(&claim, &json!({"jti": seq.to_string()}))}),
        )
        .await;
        assert_eq!(next(&mut client, "auth").await["id"], 1);
        let told = next(&mut client, "subscribed").await;
        assert_eq!((&told["id"], &told["results"]), (&Value::Null, &json!([moved])));
        let snapshot = next(&mut client, "snapshot").await;
        assert_eq!((&snapshot["symbol"], &snapshot["seq"]), (&json!("X.A"), &json!(seq)), "{snapshot}");
        assert_eq!(snapshot["delay_ms"], moved.get("delay_ms").cloned().unwrap_or_default());
    }
    // In real time again: the next tick is sent at once, while the other is 10 seconds behind.
    standing.pass(1).await;
    until_seqs(&mut client, [20, 10], [21, 11]).await;
}

/// Reads until X.A and Y.B have these seqs.
async fn until_seqs(client: &mut RawClient, mut seqs: [u64; 2], wanted: [u64; 2]) {
    while seqs != wanted {
        let message = client.message().await;
        if message.get("bid").is_some() && message["symbol"] != "Z.C" {
            seqs[usize::from(message["symbol"] == "Y.B")] = message["seq"].as_u64().unwrap();
        }
    }
}

#[tokio::test]
async fn a_cursor_of_real_time_leaks_nothing_that_is_not_due() {
    let mut standing = Standing::start(&[]).await;
    standing.pass(20).await;
    standing.settled().await;
    let mut live = standing.stream(&json!({"read": ["*"]})).await;
    tell(&mut live, &json!({"op": "subscribe", "symbols": ["X.A"]})).await;
    assert_eq!(next(&mut live, "snapshot").await["seq"], 20);
    let query = format!("token={}", token(&json!({"delayed": ["*"]}), &json!({})));
    let mut client = standing.guarded.stream(&query, "").await;
    let epoch = next(&mut client, "welcome").await["epoch"].clone();
    let resume = |last: &Value| {
        let symbols = ["X.A", "Y.B", "Z.C"];
        json!({"op": "subscribe", "symbols": symbols, "mode": "every", "resume": {"epoch": epoch, "last": last}})
    };
    // Ahead of what is due: it begins anew where the delayed market is. Behind it: it continues.
    let results = subscribe(&mut client, &resume(&json!({"X.A": 19, "Y.B": 7, "Z.C": 3}))).await;
    let statuses = results.iter().map(|result| result["status"].as_str().unwrap()).collect::<Vec<_>>();
    assert_eq!(statuses, ["ok", "resumed", "pending"]);
    let mut held = Held { seqs: [0, 7, 0], now: standing.now() };
    held.until(&mut client, [15, 10, 0]).await;
    standing.pass(1).await;
    held.now = standing.now();
    held.until(&mut client, [16, 11, 1]).await;
}

#[tokio::test]
async fn event_streams_and_globs_are_delayed_alike_and_told_so() {
    let mut standing = Standing::start(&[]).await;
    standing.pass(7).await;
    standing.settled().await;
    let mut client = standing.stream(&json!({"delayed": ["X.*", "Y.*"]})).await;
    let results = subscribe(&mut client, &json!({"op": "subscribe", "symbols": ["*"]})).await;
    assert_eq!(results, [json!({"symbol": "*", "status": "ok", "matched": 2})]);
    let told = next(&mut client, "subscribed").await;
    assert_eq!(
        told["results"],
        json!([
            {"symbol": "X.A", "status": "ok", "delay_ms": 5_000, "notice": NOTICE},
            {"symbol": "Y.B", "status": "pending", "delay_ms": 10_000},
        ])
    );
    let mut held = Held { now: standing.now(), ..Held::default() };
    held.until(&mut client, [2, 0, 0]).await;
    let path = "/v1/sse?symbols=X.A&mode=every";
    let events = raw_events(&standing, path, &token(&json!({"delayed": ["*"]}), &json!({}))).await;
    for wanted in ["\"delay_ms\":5000", "\"seq\":2", NOTICE] {
        assert!(events.contains(wanted), "{wanted} is not in {events}");
    }
    assert!(!events.contains("\"seq\":7") && !events.contains("\"ask\""), "{events}");
}

/// The first events of a stream, up to its first snapshot.
async fn raw_events(standing: &Standing, path: &str, token: &str) -> String {
    let mut client = RawClient::connect(&standing.guarded.server).await;
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n");
    client.write(head.as_bytes()).await;
    let head = client.read_head().await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    client.read_until("\"last\"").await;
    client.ahead()
}

#[tokio::test]
async fn nothing_is_kept_where_the_grid_is_0_and_read_wins_over_delayed() {
    let mut standing = Standing::start(&["--set", "auth.delayed_grid_ms=0"]).await;
    standing.pass(30).await;
    let mut client = standing.stream(&json!({"read": ["X.A"], "delayed": ["*"]})).await;
    let results = subscribe(&mut client, &json!({"op": "subscribe", "symbols": ["X.A", "Y.B"]})).await;
    assert_eq!((&results[0]["status"], &results[1]["code"]), (&json!("ok"), &json!("not_entitled")));
    assert_eq!(next(&mut client, "snapshot").await["seq"], 30);
    assert_eq!(shown(&standing, "/v1/symbols", &reads(&["X.A"])).await, [("X.A".to_owned(), 30)]);
}

#[tokio::test]
async fn the_accounts_of_use_tell_what_was_received_delayed_by_product() {
    let folder = files::folder("accounts");
    let file = folder.join("audit.jsonl");
    let mut standing = Standing::start(&["--set", &format!("audit.file={}", file.display())]).await;
    standing.pass(12).await;
    let mut client = standing.stream(&json!({"read": ["Z.C"], "delayed": ["*"]})).await;
    subscribe(&mut client, &json!({"op": "subscribe", "symbols": SYMBOLS})).await;
    until_seqs(&mut client, [0, 0], [7, 2]).await;
    let received = || -> Vec<(String, String, bool)> {
        let text = fs::read_to_string(&file).unwrap_or_default();
        let records = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mut rows: Vec<_> = records
            .filter(|record| record["event"] == "received")
            .map(|record| {
                let of = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
                (of("product"), of("symbol"), record["delayed"] == true)
            })
            .collect();
        rows.sort_unstable();
        rows
    };
    let row = |product: &str, symbol: &str, delayed| (product.to_owned(), symbol.to_owned(), delayed);
    let expected = [row("default", "Z.C", false), row("x", "X.A", true), row("y", "Y.B", true)];
    eventually("the accounts", async || received() == expected).await;
}

/// A client's next message about a symbol, or the next `subscribed`.
async fn about(client: &mut RawClient, symbol: &str) -> Value {
    loop {
        let message = client.message().await;
        if message["symbol"] == symbol || message["type"] == "subscribed" {
            return message;
        }
    }
}

#[tokio::test]
async fn a_changed_delay_counts_at_once_and_shows_nothing_that_is_newer() {
    let path = files::path("delays.toml");
    let write = |delay_ms: u64, notice: &str, symbols: &str| {
        let product = format!("name = \"z\"\nsymbols = [\"{symbols}\"]\nnotice = \"{notice}\"\n");
        fs::write(&path, format!("[auth]\ndelay_ms = {delay_ms}\n[[auth.products]]\n{product}"))
            .expect("a file");
    };
    write(20_000, "late", "Z.*");
    let feed = format!("replay:{}?start=paused&clock=replay", recording(120).display());
    let guarded = Guarded::start(&["--feed", &feed, "--config", path.to_str().expect("UTF-8")]).await;
    let mut market = Standing { guarded, second: -1 };
    let reload = async |market: &Standing, times: usize| {
        let server = &market.guarded.server;
        server.signal("HUP");
        let is_read = || server.log().matches("settings read again").count() == times;
        eventually("the settings to be read again", async || is_read()).await;
    };
    let token = token(&json!({"delayed": ["Z.C"]}), &json!({}));
    let seq = async |market: &Standing| {
        let rows = shown(market, "/v1/symbols", &token).await;
        rows.first().map_or(0, |(_, seq)| *seq)
    };

    market.pass(40).await;
    eventually("what is due", async || seq(&market).await == 20).await;
    let mut client = market.stream(&json!({"delayed": ["Z.C"]})).await;
    tell(&mut client, &json!({"op": "subscribe", "symbols": ["Z.C"], "mode": "every"})).await;
    let result = &about(&mut client, "Z.C").await["results"][0];
    assert_eq!((&result["delay_ms"], &result["notice"]), (&json!(20_000), &json!("late")));
    let message = about(&mut client, "Z.C").await;
    assert_eq!((&message["type"], &message["seq"]), (&json!("snapshot"), &json!(20)));

    // A shorter one: what is that old by now is shown.
    write(10_000, "less late", "Z.*");
    reload(&market, 1).await;
    let result = about(&mut client, "Z.C").await;
    let expected = json!([{"symbol": "Z.C", "status": "ok", "delay_ms": 10_000, "notice": "less late"}]);
    assert_eq!((&result["id"], &result["results"]), (&json!(null), &expected));
    let mut held = 0;
    while held < 30 {
        let message = about(&mut client, "Z.C").await;
        if message["type"] != "status" {
            assert_eq!(message["delay_ms"], 10_000, "{message}");
            assert!(message["rx"].as_i64().expect("a time") + 10_000_000 <= market.now(), "early: {message}");
            held = message["seq"].as_u64().expect("a seq");
        }
    }
    assert_eq!(seq(&market).await, 30);

    // A longer one: what was shown is hidden until it is that old.
    write(30_000, "less late", "Z.*");
    reload(&market, 2).await;
    let result = about(&mut client, "Z.C").await;
    assert_eq!(result["results"][0]["status"], "pending", "{result}");
    assert_eq!(seq(&market).await, 0, "it is not among the symbols");
    market.pass(19).await;
    assert_eq!(seq(&market).await, 0);
    market.pass(1).await;
    let message = about(&mut client, "Z.C").await;
    assert_eq!((&message["seq"], &message["delay_ms"]), (&json!(30), &json!(30_000)), "{message}");
    assert_eq!(message["rx"].as_i64().expect("a time") + 30_000_000, market.now());
    assert_eq!(message["bid"].as_u64(), Some(29), "the whole record: {message}");

    // Other symbols are another product, by which accounts count.
    write(30_000, "less late", "Y.*");
    reload(&market, 3).await;
    let log = market.guarded.server.log();
    assert!(log.contains("setting changed: auth.delay_ms 20000 → 10000"), "{log}");
    assert!(log.contains("setting needs a restart: auth.products stays"), "{log}");
    assert!(log.contains("setting changed: auth.products"), "{log}");
    let metrics = Metrics::parse(&market.guarded.get("/metrics", Some(&admin())).await.body);
    assert_eq!(metrics.sum("tickcast_delayed_residual"), 0);
}

#[tokio::test]
async fn without_a_grid_nothing_is_shown_delayed_and_products_count_all_the_same() {
    let folder = files::folder("accounts");
    let audit = format!("audit.file={}", folder.join("audit.jsonl").display());
    let products = format!("auth.products=[\"x;X.*;5000;bid;{NOTICE}\"]");
    let settings = ["--set", "auth.delayed_grid_ms=0", "--set", &products, "--set", &audit];
    let guarded = Guarded::start(&settings).await;
    guarded.publish("{\"symbol\":\"X.A\",\"bid\":1,\"ask\":2}\n{\"symbol\":\"C\",\"bid\":3}\n").await;
    let late = token(&json!({"read": ["C"], "delayed": ["X.*"]}), &json!({}));
    let mut client = guarded.stream(&format!("token={late}"), "").await;
    let results = subscribe(&mut client, &json!({"op": "subscribe", "symbols": ["X.A", "C", "X.*"]})).await;
    assert_eq!((&results[0]["code"], &results[1]["status"]), (&json!("not_entitled"), &json!("ok")));
    assert!(results[0]["message"].as_str().is_some_and(|why| why.contains("auth.delayed_grid_ms is 0")));
    assert_eq!((&results[2]["matched"], &results[1]["delay_ms"]), (&json!(0), &Value::Null));
    for path in ["/v1/snapshot?symbols=X.A,C", "/v1/snapshot?symbols=*", "/v1/symbols"] {
        let rows = guarded.get(path, Some(&late)).await.json();
        let symbols: Vec<_> = rows.as_array().expect("rows").iter().map(|row| &row["symbol"]).collect();
        assert_eq!(symbols, ["C"], "{path}");
    }
    // In real time nothing of the product but its name matters.
    let snapshot = guarded.get("/v1/snapshot?symbols=X.A", Some(&reads(&["*"]))).await.json();
    assert_eq!((&snapshot[0]["ask"], &snapshot[0]["delay_ms"]), (&json!(2), &Value::Null));
    eventually("the request is counted by its product", async || {
        let report = guarded.get("/v1/admin/usage", Some(&admin())).await.json();
        let mut rows = report["users"].as_array().expect("rows").iter();
        rows.any(|row| row["product"] == "x" && row["requests"] == 1 && row["real_time"] == json!(["X.A"]))
    })
    .await;
    let metrics = Metrics::parse(&guarded.get("/metrics", Some(&admin())).await.body);
    assert_eq!(metrics.sum("tickcast_delayed_waiting_records"), 0);
}
