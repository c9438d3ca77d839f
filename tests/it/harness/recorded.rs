//! A recording of two symbols that is made here, and what it has: for tests that compare what a venue's client is sent.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Server, eventually};

/// The symbols, as the recording has them.
pub const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

/// Of every four ticks of a symbol, one is a trade with a number of its venue; the others are quotes.
pub struct Recorded {
    path: PathBuf,
    pub trades: Vec<RecordedTrade>,
    pub quotes: Vec<RecordedQuote>,
}

pub struct RecordedTrade {
    pub symbol: &'static str,
    /// Its tick's number among those of the symbol.
    pub seq: u64,
    pub price: String,
    pub size: String,
    /// Of the aggressor.
    pub side: &'static str,
    pub id: u64,
    /// In microseconds.
    pub ts: u64,
}

pub struct RecordedQuote {
    pub symbol: &'static str,
    pub bid: u64,
    pub bid_size: &'static str,
    pub ask: u64,
    pub ask_size: u64,
}

impl Recorded {
    pub fn new(name: &str, ticks: u64) -> Recorded {
        let path = super::files::path(name);
        let mut recorded = Recorded { path, trades: Vec::new(), quotes: Vec::new() };
        let mut text = String::new();
        for index in 0..ticks {
            let symbol = SYMBOLS[(index % 2) as usize];
            let (seq, ts) = (index / 2 + 1, 1_700_000_000_000_123 + index * 1_001);
            let tick = if seq.is_multiple_of(4) {
                recorded.trade(index, seq, ts, symbol)
            } else {
                recorded.quote(index, seq, ts, symbol)
            };
            text.push_str(&tick.to_string());
            text.push('\n');
        }
        super::files::write_whole(&recorded.path, text);
        recorded
    }

    fn trade(&mut self, index: u64, seq: u64, ts: u64, symbol: &'static str) -> Value {
        let cents = 10_000 + index * 7 % 500;
        let (price, size) =
            (format!("{}.{:02}", cents / 100, 10 + cents % 89), format!("0.00{}", 1 + index % 9));
        let (side, id) = (if index.is_multiple_of(3) { "sell" } else { "buy" }, 5_000 + index);
        let tick = json!({"symbol": symbol, "ts": ts, "last": number(&price), "last_size": number(&size), "side": side,
            "trade_id": id.to_string()});
        self.trades.push(RecordedTrade { symbol, seq, price: shortest(&price), size, side, id, ts });
        tick
    }

    fn quote(&mut self, index: u64, seq: u64, ts: u64, symbol: &'static str) -> Value {
        let bid = 90 + index % 7;
        self.quotes.push(RecordedQuote { symbol, bid, bid_size: "1.5", ask: bid + 1, ask_size: seq });
        json!({"symbol": symbol, "ts": ts, "bid": bid, "bid_size": 1.5, "ask": bid + 1, "ask_size": seq})
    }

    /// A server that replays it.
    pub async fn replayed(&self, options: &str, args: &[&str]) -> Server {
        Server::with().feed(&format!("replay:{}?{options}", self.path.display())).args(args).start().await
    }

    /// A server whose clients need one of these keys, and where this is revoked. The market stands still.
    pub async fn keyed(&self, name: &str, keys: &Value, revoked: &str) -> Server {
        let file = |what: &str, text: &str| {
            let path = super::files::path(format!("{name}-{what}"));
            super::files::write_whole(&path, text);
            path
        };
        let keys = format!("auth.api_keys={}", file("keys", &keys.to_string()).display());
        let revoked = format!("auth.revoked={}", file("revoked", revoked).display());
        self.replayed("start=paused", &["--set", &keys, "--set", &revoked]).await
    }

    pub fn trades_of(&self, symbol: &str) -> impl Iterator<Item = &RecordedTrade> {
        self.trades.iter().filter(move |trade| trade.symbol == symbol)
    }

    /// Whether the symbol had such a quote.
    pub fn has_quote(&self, symbol: &str, quote: [&str; 4]) -> bool {
        self.quotes.iter().filter(|one| one.symbol == symbol).any(|one| {
            [&*one.bid.to_string(), one.bid_size, &*one.ask.to_string(), &*one.ask_size.to_string()] == quote
        })
    }

    pub fn last_quote_of(&self, symbol: &str) -> Option<&RecordedQuote> {
        self.quotes.iter().rfind(|quote| quote.symbol == symbol)
    }
}

impl RecordedTrade {
    /// As venues write times, with microseconds.
    pub fn time(&self) -> String {
        humantime::format_rfc3339_micros(std::time::UNIX_EPOCH + std::time::Duration::from_micros(self.ts))
            .to_string()
    }
}

/// Waits until a replay has played all that it has, whoever reads it.
pub async fn played(server: &Server) {
    eventually("the end of the replay", async || server.get("/v1/replay").await.json()["ended"] == true)
        .await;
}

/// A text of digits as a number of JSON.
fn number(text: &str) -> Value {
    serde_json::from_str(text).expect("a number")
}

/// Without zeros at the end of its places.
fn shortest(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
