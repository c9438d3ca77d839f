//! Use by product: a report adds up to what clients received of each, in real time and delayed, however it came to them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::{
    audit::{folder, report},
    entitled::{Guarded, next, tell},
};
use crate::harness::{Sse, eventually, raw::RawClient, tokens::token};

/// Messages by product, as a client counts them by itself.
type Received = BTreeMap<&'static str, u64>;

/// The same by class and way.
#[derive(Default)]
struct Counts(HashMap<(&'static str, &'static str), Received>);

const SYMBOLS: [&str; 3] = ["X.A", "Y.B", "C"];
const LAST: u64 = 40;

fn product_of(symbol: &str) -> &'static str {
    match symbol.split_once('.') {
        Some(("X", _)) => "x",
        Some(("Y", _)) => "y",
        _ => "default",
    }
}

impl Counts {
    fn of(&mut self, class: &'static str, way: &'static str) -> &mut Received {
        self.0.entry((class, way)).or_default()
    }

    fn count(&self, class: &str, way: &str, product: &str) -> u64 {
        let of_way = self.0.iter().filter(|((of, by), _)| *of == class && *by == way);
        of_way.filter_map(|(_, received)| received.get(product)).sum()
    }
}

fn counts(message: &Value) -> bool {
    message["type"] == "snapshot" || message["type"] == "update"
}

/// Counts what comes until every one of the symbols has come to its last tick.
async fn read_all(client: &mut RawClient, symbols: &[&str], received: &mut Received) {
    let mut seqs: HashMap<String, u64> = HashMap::new();
    while symbols.iter().any(|&symbol| seqs.get(symbol) != Some(&LAST)) {
        let message = client.message().await;
        if counts(&message) {
            let symbol = message["symbol"].as_str().expect("a symbol");
            *received.entry(product_of(symbol)).or_default() += 1;
            seqs.insert(symbol.to_owned(), message["seq"].as_u64().expect("a seq"));
        }
    }
}

async fn read_events(sse: &mut Sse, symbols: &[&str], received: &mut Received) {
    let mut seqs: HashMap<String, u64> = HashMap::new();
    while symbols.iter().any(|&symbol| seqs.get(symbol) != Some(&LAST)) {
        let message = sse.next_or_end().await.expect("an event");
        if message.is("snapshot") || message.is("update") {
            *received.entry(product_of(&message.key())).or_default() += 1;
            seqs.insert(message.key(), message.seq("seq"));
        }
    }
}

async fn publish(guarded: &Guarded, seqs: std::ops::RangeInclusive<u64>) {
    for bid in seqs {
        let lines: Vec<String> =
            SYMBOLS.iter().map(|symbol| format!("{{\"symbol\":\"{symbol}\",\"bid\":{bid}}}\n")).collect();
        guarded.publish(&lines.concat()).await;
    }
}

async fn subscribed(guarded: &Guarded, token: &str, symbols: &[&str], mode: &str) -> RawClient {
    let mut client = guarded.stream(&format!("token={token}"), "").await;
    tell(&mut client, &json!({"op": "subscribe", "symbols": symbols, "mode": mode})).await;
    next(&mut client, "subscribed").await;
    client
}

/// The rows of users: class, product, symbols in real time and delayed, messages, events, requests.
fn rows(report: &Value) -> Vec<Value> {
    let names = ["class", "product", "real_time", "delayed", "messages", "events", "requests"];
    let rows = report["users"].as_array().expect("rows").iter();
    let mut rows: Vec<Value> = rows.map(|row| json!(names.map(|name| row[name].clone()))).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

#[tokio::test]
async fn use_of_each_product_adds_up_to_what_clients_received_in_real_time_and_delayed() {
    let folder = folder("products");
    let file = format!("audit.file={}", folder.join("audit.jsonl").display());
    let products = "auth.products=[\"x;X.*;1000\", \"y;Y.*;2000\"]";
    let args = ["--set", &file, "--set", products, "--set", "auth.delay_ms=1500"];
    let guarded = Guarded::start(&args).await;
    let of = |user: &str, claim: Value| token(&claim, &json!({"sub": user, "jti": user}));
    let alice = of("alice", json!({"read": ["*"], "class": "display"}));
    let bob = of("bob", json!({"delayed": ["*"], "class": "late"}));
    let carol = of("carol", json!({"read": ["X.*"], "class": "narrow"}));
    // Each way, and each mode.
    let mut received = Counts::default();
    let mut every = subscribed(&guarded, &alice, &SYMBOLS, "every").await;
    let mut latest = subscribed(&guarded, &alice, &SYMBOLS[..2], "latest").await;
    let mut narrow = subscribed(&guarded, &carol, &["X.A"], "latest").await;
    let mut late = subscribed(&guarded, &bob, &SYMBOLS, "latest").await;
    let query = |token: &str| format!("symbols=X.A,C&token={token}");
    let mut events = Sse::open(&guarded.server, &query(&alice), &["X.A", "C"]).await;
    let mut late_events = Sse::open(&guarded.server, &query(&bob), &["X.A", "C"]).await;
    publish(&guarded, 1..=LAST).await;
    read_all(&mut every, &SYMBOLS, received.of("display", "messages")).await;
    read_all(&mut latest, &SYMBOLS[..2], received.of("display", "messages")).await;
    read_all(&mut narrow, &["X.A"], received.of("narrow", "messages")).await;
    read_all(&mut late, &SYMBOLS, received.of("late", "messages")).await;
    read_events(&mut events, &["X.A", "C"], received.of("display", "events")).await;
    read_events(&mut late_events, &["X.A", "C"], received.of("late", "events")).await;
    // An answer counts once for each product that it shows, and one that shows nothing for none.
    for (class, token) in [("display", &alice), ("late", &bob)] {
        for (symbols, times) in [("X.A,C", 3), ("X.A,X.*", 2), ("Y.*", 1), ("N*", 4)] {
            for _ in 0..times {
                eventually("an answer", async || {
                    guarded.get(&format!("/v1/snapshot?symbols={symbols}"), Some(token)).await.status == 200
                })
                .await;
            }
        }
        *received.of(class, "requests") = Received::from([("x", 5), ("default", 3), ("y", 1)]);
    }
    drop((every, latest, narrow, late, events, late_events));
    end_of(guarded).await;
    let report = report(&folder);
    let row = |class: &str, product: &str, real_time: &[&str], delayed: &[&str]| {
        let [messages, events, requests] =
            ["messages", "events", "requests"].map(|way| received.count(class, way, product));
        json!([class, product, real_time, delayed, messages, events, requests])
    };
    let mut expected = vec![
        row("display", "x", &["X.A"], &[]),
        row("display", "y", &["Y.B"], &[]),
        row("display", "default", &["C"], &[]),
        row("late", "x", &[], &["X.A"]),
        row("late", "y", &[], &["Y.B"]),
        row("late", "default", &[], &["C"]),
        row("narrow", "x", &["X.A"], &[]),
    ];
    expected.sort_by_key(Value::to_string);
    assert_eq!(rows(&report), expected, "the residual is 0: {report}");
    // Who could read which product, and how many at once. Tokens that outlive the month hold access in the next one too.
    let month = &report["months"][0]["month"];
    let at_once: Vec<_> = report["products"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["month"] == *month)
        .map(|row| (row["class"].clone(), row["product"].clone(), row["devices_max"].clone()))
        .collect();
    let once = |class: &str, product: &str, devices: u64| (json!(class), json!(product), json!(devices));
    for expected in [once("display", "x", 3), once("display", "default", 3), once("late", "y", 2)] {
        assert!(at_once.contains(&expected), "{expected:?}: {report}");
    }
    let narrow: Vec<_> = at_once.into_iter().filter(|row| row.0 == "narrow").collect();
    assert_eq!(narrow, [once("narrow", "x", 1)]);
}

/// Ends the server; what its clients were sent is recorded then.
async fn end_of(mut guarded: Guarded) {
    guarded.server.signal("TERM");
    assert!(guarded.server.exited().await.success());
}
