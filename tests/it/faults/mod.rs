//! Venue faults on a replay: clients of each venue's protocol are failed as their venue fails, and what they see is compared
//! with the recording, and with what the service says that it did.

mod kinds;
mod ready;
mod same;
mod words;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use super::harness::{Server, VenueClient, files, line};

/// The time of the first record, in microseconds: 2025-03-25T00:00:00Z.
const FIRST: u64 = 1_742_860_800_000_000;
/// Between two records: so many microseconds.
const STEP: u64 = 50_000;
const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// A trade, as the recording has it and as a client should see it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Told {
    symbol: String,
    id: u64,
    /// Microseconds; 0 where the venue's message has milliseconds, which are not compared.
    at: u64,
}

/// A recording: of every four records the first two are trades, one of each symbol, and the others quotes. A record each
/// [`STEP`].
struct Recording {
    path: PathBuf,
    trades: Vec<Told>,
}

fn recorded(name: &str, records: u64) -> Recording {
    let path = files::path(name);
    let mut lines = vec![r#"{"tickcast":"recording","version":1}"#.to_owned()];
    let mut trades = Vec::new();
    for number in 0..records {
        let symbol = SYMBOLS[(number % 2) as usize];
        let at = FIRST + number * STEP;
        let (time, price) = (at.to_string(), format!("\"{}.5\"", 100 + number % 7));
        lines.push(if number % 4 < 2 {
            let id = 1_000 + number / 4;
            trades.push(Told { symbol: symbol.to_owned(), id, at });
            let id = format!("\"{id}\"");
            line(
                symbol,
                &[("ts", &time), ("rx", &time), ("last", &price), ("last_size", "\"2\""), ("trade_id", &id)],
            )
        } else {
            line(
                symbol,
                &[
                    ("ts", &time),
                    ("rx", &time),
                    ("bid", &price),
                    ("bid_size", "\"1\""),
                    ("ask", "\"200\""),
                    ("ask_size", "\"3\""),
                ],
            )
        });
    }
    lines.push(String::new());
    fs::write(&path, lines.join("\n")).expect("a directory for files of tests");
    Recording { path, trades }
}

impl Recording {
    /// A server that replays it with the faults of this text once somebody has subscribed.
    async fn failing(&self, name: &str, faults: &str, options: &str) -> Server {
        let path = files::path(format!("{name}.toml"));
        let text = format!("name = \"{name}\"\nmodelled_on = \"a test\"\n{faults}");
        fs::write(&path, text).expect("a directory for files of tests");
        self.with(&path.display().to_string(), options).await
    }

    async fn with(&self, scenario: &str, options: &str) -> Server {
        let source = format!("replay:{}?scenario={scenario}&{options}", self.path.display());
        Server::with().feed(&source).start().await
    }

    fn of(&self, symbol: &str) -> Vec<&Told> {
        self.trades.iter().filter(|trade| trade.symbol == symbol).collect()
    }
}

/// The protocols, each as a client of it begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Spoken {
    Binance,
    Exchange,
    Advanced,
    Kraken,
    Alpaca,
    Massive,
}

impl Spoken {
    const ALL: [Spoken; 6] = [
        Spoken::Binance,
        Spoken::Exchange,
        Spoken::Advanced,
        Spoken::Kraken,
        Spoken::Alpaca,
        Spoken::Massive,
    ];

    /// A client that has subscribed to the trades of both symbols.
    async fn trades(self, server: &Server) -> VenueClient {
        self.subscribed(server, false).await
    }

    /// The same with quotes, or the venue's nearest thing.
    async fn subscribed(self, server: &Server, quotes: bool) -> VenueClient {
        let open = async |path: &str| VenueClient::open(server, path).await;
        match self {
            Spoken::Binance => {
                let more = if quotes { "/btcusdt@bookTicker/ethusdt@bookTicker" } else { "" };
                open(&format!("/binance/stream?streams=btcusdt@trade/ethusdt@trade{more}")).await
            }
            Spoken::Exchange => {
                let mut client = open("/coinbase").await;
                let channels = if quotes { json!(["matches", "ticker"]) } else { json!(["matches"]) };
                let request = json!({"type": "subscribe", "product_ids": ["BTC-USDT", "ETH-USDT"], "channels": channels});
                client.send(&request.to_string()).await;
                client
            }
            Spoken::Advanced => {
                let mut client = open("/coinbase").await;
                let channels: &[&str] =
                    if quotes { &["market_trades", "ticker"] } else { &["market_trades"] };
                for channel in channels {
                    let request = json!({"type": "subscribe", "product_ids": ["BTC-USDT", "ETH-USDT"], "channel": channel});
                    client.send(&request.to_string()).await;
                }
                client
            }
            Spoken::Kraken => {
                let mut client = open("/kraken/v2").await;
                let channels: &[&str] = if quotes { &["trade", "ticker"] } else { &["trade"] };
                for channel in channels {
                    let params = json!({"channel": channel, "symbol": ["BTC/USDT", "ETH/USDT"]});
                    client.send(&json!({"method": "subscribe", "params": params}).to_string()).await;
                }
                client
            }
            Spoken::Alpaca => {
                let mut client = open("/alpaca/v2/iex").await;
                client.send(r#"{"action":"auth","key":"CK","secret":"s"}"#).await;
                let quotes: &[&str] = if quotes { &SYMBOLS } else { &[] };
                let request =
                    json!({"action": "subscribe", "trades": SYMBOLS, "quotes": quotes, "statuses": ["*"]});
                client.send(&request.to_string()).await;
                client
            }
            Spoken::Massive => {
                let mut client = open("/massive/stocks").await;
                client.send(r#"{"action":"auth","params":"a-key-of-a-client-1"}"#).await;
                let more = if quotes { ",Q.BTCUSDT,Q.ETHUSDT" } else { "" };
                let params = format!("T.BTCUSDT,T.ETHUSDT{more}");
                client.send(&json!({"action": "subscribe", "params": params}).to_string()).await;
                client
            }
        }
    }

    /// The trades of a message, in its order.
    fn told(self, message: &Value) -> Vec<Told> {
        let trade = |symbol: &Value, id: &Value, time: &Value| Told {
            symbol: symbol.as_str().expect("a symbol").replace(['-', '/'], ""),
            id: id.as_u64().or_else(|| id.as_str()?.parse().ok()).expect("a number"),
            at: micros(time),
        };
        let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
        match self {
            Spoken::Binance if message["data"]["e"] == "trade" => {
                let data = &message["data"];
                vec![trade(&data["s"], &data["t"], &data["T"])]
            }
            Spoken::Exchange if message["type"] == "match" => {
                vec![trade(&message["product_id"], &message["trade_id"], &message["time"])]
            }
            Spoken::Advanced if message["channel"] == "market_trades" => items(&message["events"])
                .iter()
                .filter(|event| event["type"] == "update")
                .flat_map(|event| items(&event["trades"]))
                .map(|one| trade(&one["product_id"], &one["trade_id"], &one["time"]))
                .collect(),
            Spoken::Kraken if message["channel"] == "trade" && message["type"] == "update" => {
                items(&message["data"])
                    .iter()
                    .map(|one| trade(&one["symbol"], &one["trade_id"], &one["timestamp"]))
                    .collect()
            }
            Spoken::Alpaca => items(message)
                .iter()
                .filter(|one| one["T"] == "t")
                .map(|one| trade(&one["S"], &one["i"], &one["t"]))
                .collect(),
            Spoken::Massive => items(message)
                .iter()
                .filter(|one| one["ev"] == "T")
                .map(|one| trade(&one["sym"], &one["i"], &one["t"]))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn all_told(self, messages: &[Value]) -> Vec<Told> {
        messages.iter().flat_map(|message| self.told(message)).collect()
    }
}

/// Milliseconds as a number, or a time as text.
fn micros(time: &Value) -> u64 {
    if let Some(millis) = time.as_u64() {
        return millis * 1_000;
    }
    let text = time.as_str().expect("a time");
    let time = humantime::parse_rfc3339_weak(text).expect("a time as RFC 3339 has it");
    time.duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_micros() as u64
}

/// What the service says that it did, all of it.
async fn done(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = server.get(&format!("/v1/faults?from={}", all.len())).await.json();
        let faults = page["faults"].as_array().expect("an array").clone();
        if faults.is_empty() {
            assert_eq!(page["done"], json!(all.len()));
            return all;
        }
        all.extend(faults);
        assert_eq!(page["next"], json!(all.len()));
    }
}

/// Those of a kind.
async fn done_of(server: &Server, kind: &str) -> Vec<Value> {
    done(server).await.into_iter().filter(|fault| fault["kind"] == kind).collect()
}
