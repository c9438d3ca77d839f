//! How a client of each dialect asks for trades and quotes of a symbol, and what it reads of them: for tests that hold one
//! law against all of them. Written from the venues' documents, without a decoder of ours.

use serde_json::{Value, json};

/// A venue's protocol, in one of its encodings.
pub struct Protocol {
    pub title: &'static str,
    pub path: &'static str,
    pub headers: &'static [(&'static str, &'static str)],
    /// Messages that come unasked before everything else.
    pub greetings: usize,
    /// Is said first, and answered.
    pub key: Option<&'static str>,
    /// Asks for trades or quotes of symbols. The answers are as many as [`Self::answers`] says.
    pub asks: fn(&[&str], Wanted) -> String,
    /// To one request for one symbol.
    pub answers: usize,
    /// The numbers of the trades in a message, the oldest first.
    pub trades: fn(&Value) -> Vec<u64>,
    /// The bids of the quotes in a message.
    pub bids: fn(&Value) -> Vec<f64>,
    /// What a client is told that is too slow for its trades: a part of its last message.
    pub slow: Option<&'static str>,
    /// How it is closed then.
    pub slow_code: u16,
    /// Whether quotes come with trades alone.
    pub quotes_follow_trades: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted {
    Trades,
    Quotes,
}

pub const PROTOCOLS: [Protocol; 7] = [
    Protocol {
        title: "binance",
        path: "/ws",
        headers: &[],
        greetings: 0,
        key: None,
        asks: |symbols, wanted| {
            let stream = if wanted == Wanted::Trades { "trade" } else { "bookTicker" };
            let names = symbols.iter().map(|symbol| format!("{}@{stream}", symbol.to_lowercase()));
            json!({"method": "SUBSCRIBE", "params": names.collect::<Vec<_>>(), "id": 1}).to_string()
        },
        answers: 1,
        trades: |message| if message["e"] == "trade" { number(&message["t"]) } else { Vec::new() },
        bids: |message| if message.get("u").is_some() { decimal(&message["b"]) } else { Vec::new() },
        slow: None,
        slow_code: 1008,
        quotes_follow_trades: false,
    },
    Protocol {
        title: "coinbase exchange",
        path: "/coinbase",
        headers: &[],
        greetings: 0,
        key: None,
        asks: |symbols, wanted| {
            let channel = if wanted == Wanted::Trades { "matches" } else { "ticker" };
            json!({"type": "subscribe", "product_ids": pairs(symbols, "-"), "channels": [channel]})
                .to_string()
        },
        answers: 1,
        trades: |message| match message["type"].as_str() {
            Some("match" | "last_match") => number(&message["trade_id"]),
            _ => Vec::new(),
        },
        bids: |message| decimal(&message["best_bid"]),
        slow: Some(r#""message":"ErrSlowConsume","reason":"too many backed up messages""#),
        slow_code: 1008,
        quotes_follow_trades: true,
    },
    Protocol {
        title: "coinbase advanced",
        path: "/",
        headers: &[],
        greetings: 0,
        key: None,
        asks: |symbols, wanted| {
            let channel = if wanted == Wanted::Trades { "market_trades" } else { "ticker" };
            json!({"type": "subscribe", "product_ids": pairs(symbols, "-"), "channel": channel}).to_string()
        },
        answers: 1,
        trades: |message| {
            let mut trades = members(&message["events"][0]["trades"], "trade_id", number);
            trades.sort_unstable();
            trades
        },
        bids: |message| members(&message["events"][0]["tickers"], "best_bid", decimal),
        slow: Some(r#""message":"ErrSlowConsume""#),
        slow_code: 1008,
        quotes_follow_trades: true,
    },
    Protocol {
        title: "kraken",
        path: "/v2",
        headers: &[],
        greetings: 1,
        key: None,
        asks: |symbols, wanted| {
            let symbols = pairs(symbols, "/");
            let params = match wanted {
                Wanted::Trades => json!({"channel": "trade", "symbol": symbols, "snapshot": true}),
                Wanted::Quotes => json!({"channel": "ticker", "symbol": symbols, "event_trigger": "bbo"}),
            };
            json!({"method": "subscribe", "params": params}).to_string()
        },
        answers: 1,
        trades: |message| match message["channel"].as_str() {
            Some("trade") => members(&message["data"], "trade_id", number),
            _ => Vec::new(),
        },
        bids: |message| match message["channel"].as_str() {
            Some("ticker") => members(&message["data"], "bid", decimal),
            _ => Vec::new(),
        },
        slow: None,
        slow_code: 1013,
        quotes_follow_trades: false,
    },
    Protocol {
        title: "massive",
        path: "/stocks",
        headers: &[],
        greetings: 1,
        key: Some(r#"{"action":"auth","params":"a-key"}"#),
        asks: |symbols, wanted| {
            let word = if wanted == Wanted::Trades { "T" } else { "Q" };
            let words: Vec<String> = symbols.iter().map(|symbol| format!("{word}.{symbol}")).collect();
            json!({"action": "subscribe", "params": words.join(",")}).to_string()
        },
        answers: 1,
        trades: |message| of_kind(message, "ev", "T", "i", number),
        bids: |message| of_kind(message, "ev", "Q", "bp", decimal),
        slow: Some("slow_consumer"),
        slow_code: 1008,
        quotes_follow_trades: false,
    },
    ALPACA,
    Protocol { title: "alpaca, packed", headers: &[("content-type", "application/msgpack")], ..ALPACA },
];

const ALPACA: Protocol = Protocol {
    title: "alpaca",
    path: "/v2/iex",
    headers: &[],
    greetings: 1,
    key: Some(r#"{"action":"auth","key":"CK","secret":"s"}"#),
    asks: |symbols, wanted| {
        let channel = if wanted == Wanted::Trades { "trades" } else { "quotes" };
        json!({"action": "subscribe", channel: symbols}).to_string()
    },
    answers: 1,
    trades: |message| of_kind(message, "T", "t", "i", number),
    bids: |message| of_kind(message, "T", "q", "bp", decimal),
    slow: Some(r#""code":407,"msg":"slow client""#),
    slow_code: 1008,
    quotes_follow_trades: false,
};

/// `BTCUSDT` with something between its halves.
fn pairs(symbols: &[&str], between: &str) -> Vec<String> {
    symbols
        .iter()
        .map(|symbol| match symbol.strip_suffix("USDT") {
            Some(base) => format!("{base}{between}USDT"),
            None => (*symbol).to_owned(),
        })
        .collect()
}

/// A number, as such or as text.
fn number(value: &Value) -> Vec<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).into_iter().collect()
}

fn decimal(value: &Value) -> Vec<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).into_iter().collect()
}

/// The values of this name in the elements of an array.
fn members<T>(array: &Value, name: &str, read: fn(&Value) -> Vec<T>) -> Vec<T> {
    array.as_array().into_iter().flatten().flat_map(|element| read(&element[name])).collect()
}

/// The same of those elements that are of a kind.
fn of_kind<T>(array: &Value, kind: &str, word: &str, name: &str, read: fn(&Value) -> Vec<T>) -> Vec<T> {
    let elements = array.as_array().into_iter().flatten().filter(|element| element[kind] == word);
    elements.flat_map(|element| read(&element[name])).collect()
}
