//! Each venue's connector over a socket: a capture is played, cut, and played again from its start; every trade comes once,
//! in order, exact.

use std::fs;

use crate::harness::{Client, Server, Subscription, Venue, VenueEnd, files};

/// What a venue's capture has, and what is exchanged before.
struct Played {
    /// The feed without its address.
    source: &'static str,
    symbol: &'static str,
    path: &'static str,
    /// What the venue says first, each before a request.
    greetings: &'static [&'static str],
    /// Answers, heartbeats and quotes.
    between: &'static [&'static str],
    /// A message of one trade: its kind and number.
    trade: fn(&str, u64) -> String,
    /// Whether there is a history on subscribing.
    has_history: bool,
}

impl Played {
    /// The next connection, up to where data flows.
    async fn accept(&self, venue: &Venue) -> VenueEnd {
        let mut end = venue.accept().await;
        assert_eq!(end.path, self.path);
        for greeting in self.greetings {
            end.say(greeting).await;
            end.asked().await;
        }
        if self.greetings.is_empty() {
            end.asked().await;
        }
        for message in self.between {
            end.say(message).await;
        }
        end
    }

    async fn check(&self) {
        let venue = Venue::start().await;
        // A file of its own: others read theirs at the same time.
        let key = files::path(format!("key-{}", self.symbol.replace('/', "-")));
        fs::write(&key, "key\n").expect("a file");
        let source = self.source.replace("KEY", &key.display().to_string());
        let server = Server::with().feed(&format!("{source}&url={}", venue.url())).start().await;
        let mut end = self.accept(&venue).await;
        let mut client = Client::open(&server).await;
        client.subscribe(Subscription::to([self.symbol]).every()).await;
        if self.has_history {
            end.say(&(self.trade)("snapshot", 100)).await;
        }
        for number in 101..=105 {
            end.say(&(self.trade)("update", number)).await;
        }
        until_trade(&mut client, 105).await;
        drop(end);
        let mut end = self.accept(&venue).await;
        if self.has_history {
            end.say(&(self.trade)("snapshot", 100)).await;
            // One that was missed.
            end.say(&(self.trade)("snapshot", 106)).await;
        }
        for number in 101..=110 {
            end.say(&(self.trade)("update", number)).await;
        }
        until_trade(&mut client, 110).await;
        let history = client.store.get(self.symbol).history.iter();
        let trades: Vec<(String, String)> = history
            .filter(|message| message.has("trade_id"))
            .map(|message| (message.str("trade_id"), message.raw("last").unwrap_or_default().to_owned()))
            .collect();
        let expected: Vec<(String, String)> =
            (101..=110).map(|number: u64| (number.to_string(), format!("{number}.00000001"))).collect();
        assert_eq!(trades, expected, "{source}");
    }
}

async fn until_trade(client: &mut Client, number: u64) {
    let number = number.to_string();
    client
        .until("the last trade", |message| message.has("trade_id") && message.str("trade_id") == number)
        .await;
}

#[tokio::test]
async fn coinbase_is_played_and_cut() {
    Played {
        source: "coinbase?symbols=BTC-USD",
        symbol: "BTC-USD",
        path: "/",
        greetings: &[],
        between: &[
            r#"{"channel":"subscriptions","timestamp":"2026-08-09T21:05:48Z","events":[{"subscriptions":{"market_trades":["BTC-USD"],"ticker":["BTC-USD"]}}]}"#,
            r#"{"channel":"heartbeats","timestamp":"2026-08-09T21:05:48Z","events":[{"current_time":"2026-08-09 21:05:48 +0000 UTC m=+1.2","heartbeat_counter":1}]}"#,
        ],
        trade: |kind, number| {
            format!(
                r#"{{"channel":"market_trades","timestamp":"2026-08-09T21:05:48Z","events":[{{"type":"{kind}","trades":[{{"product_id":"BTC-USD","trade_id":"{number}","price":"{number}.00000001","size":"2","time":"2026-08-09T21:05:48.{number}Z","side":"SELL"}}]}}]}}"#
            )
        },
        has_history: true,
    }
    .check()
    .await;
}

#[tokio::test]
async fn kraken_is_played_and_cut() {
    Played {
        source: "kraken?symbols=BTC/USD",
        symbol: "BTC/USD",
        path: "/v2",
        greetings: &[],
        between: &[
            r#"{"channel":"status","type":"update","data":[{"version":"2.0.10","system":"online","api_version":"v2","connection_id":1}]}"#,
            r#"{"channel":"heartbeat"}"#,
            r#"{"method":"subscribe","result":{"channel":"trade","symbol":"BTC/USD","snapshot":true},"success":true,"req_id":1}"#,
        ],
        trade: |kind, number| {
            format!(
                r#"{{"channel":"trade","type":"{kind}","data":[{{"symbol":"BTC/USD","side":"sell","price":{number}.00000001,"qty":2,"ord_type":"market","trade_id":{number},"timestamp":"2026-08-09T21:05:48.{number}Z"}}]}}"#
            )
        },
        has_history: true,
    }
    .check()
    .await;
}

#[tokio::test]
async fn bybit_is_played_and_cut() {
    Played {
        source: "bybit?symbols=BTCUSDT&category=linear",
        symbol: "BTCUSDT",
        path: "/v5/public/linear",
        greetings: &[],
        between: &[r#"{"success":true,"ret_msg":"","conn_id":"x","req_id":"1","op":"subscribe"}"#],
        trade: |_, number| {
            let time = 1_672_304_486_865 + number;
            format!(
                r#"{{"topic":"publicTrade.BTCUSDT","type":"snapshot","ts":{time},"data":[{{"T":{time},"s":"BTCUSDT","S":"Buy","v":"2","p":"{number}.00000001","L":"PlusTick","i":"{number}","BT":false}}]}}"#
            )
        },
        has_history: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn okx_is_played_and_cut() {
    Played {
        source: "okx?symbols=BTC-USDT",
        symbol: "BTC-USDT",
        path: "/ws/v5/public",
        greetings: &[],
        between: &[
            r#"{"event":"subscribe","arg":{"channel":"trades","instId":"BTC-USDT"},"connId":"a4d3ae55"}"#,
            "pong",
        ],
        trade: |_, number| {
            let time = 1_672_304_486_865 + number;
            format!(
                r#"{{"arg":{{"channel":"trades","instId":"BTC-USDT"}},"data":[{{"instId":"BTC-USDT","tradeId":"{number}","px":"{number}.00000001","sz":"2","side":"buy","ts":"{time}","count":"1"}}]}}"#
            )
        },
        has_history: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn hyperliquid_is_played_and_cut() {
    Played {
        source: "hyperliquid?symbols=SOL",
        symbol: "SOL",
        path: "/ws",
        greetings: &[],
        between: &[
            r#"{"channel":"subscriptionResponse","data":{"method":"subscribe","subscription":{"type":"trades","coin":"SOL"}}}"#,
            // A history of two blocks.
            r#"{"channel":"trades","data":[{"coin":"SOL","side":"A","px":"1","sz":"1","hash":"0x00","time":1708622398000,"tid":1,"users":["0x1","0x2"]},{"coin":"SOL","side":"A","px":"1","sz":"1","hash":"0x00","time":1708622398001,"tid":2,"users":["0x1","0x2"]}]}"#,
        ],
        trade: |_, number| {
            let time = 1_708_622_398_623 + number;
            format!(
                r#"{{"channel":"trades","data":[{{"coin":"SOL","side":"A","px":"{number}.00000001","sz":"2","hash":"0x00","time":{time},"tid":{number},"users":["0x1","0x2"]}}]}}"#
            )
        },
        has_history: false,
    }
    .check()
    .await;
}

/// What happened while the connection was down is in what the venue sends on subscribing, beside what came before.
#[tokio::test]
async fn what_hyperliquid_missed_comes_with_its_history() {
    let trades = |numbers: &[u64]| {
        let trade = |number: &u64| {
            // Two trades a block, whose names do not rise.
            let (time, name) = (1_708_622_398_623 + number / 2, 9_000 - number);
            format!(
                r#"{{"coin":"SOL","side":"B","px":"{number}.5","sz":"2","hash":"0x00","time":{time},"tid":{name},"users":["0x1","0x2"]}}"#
            )
        };
        let trades: Vec<String> = numbers.iter().map(trade).collect();
        format!(r#"{{"channel":"trades","data":[{}]}}"#, trades.join(","))
    };
    let venue = Venue::start().await;
    let source = format!("hyperliquid?symbols=SOL&url={}", venue.url());
    let server = Server::with().feed(&source).start().await;
    let mut end = venue.accept().await;
    end.asked().await;
    let mut client = Client::open(&server).await;
    client.subscribe(Subscription::to(["SOL"]).every()).await;
    end.say(&trades(&[99, 98, 97, 96])).await;
    end.say(&trades(&[100, 101])).await;
    // The link breaks within a block.
    end.say(&trades(&[102])).await;
    until_trade(&mut client, 9_000 - 102).await;
    drop(end);
    let mut end = venue.accept().await;
    end.asked().await;
    end.say(&trades(&[105, 104, 103, 102, 101, 100, 99, 98])).await;
    end.say(&trades(&[104, 105])).await;
    end.say(&trades(&[106, 107])).await;
    until_trade(&mut client, 9_000 - 107).await;
    let history = client.store.get("SOL").history.iter().filter(|message| message.has("trade_id"));
    let got: Vec<String> =
        history.map(|message| message.raw("last").unwrap_or_default().to_owned()).collect();
    let expected: Vec<String> = (100..=107).map(|number: u64| format!("{number}.5")).collect();
    assert_eq!(got, expected);
}

#[tokio::test]
async fn alpaca_is_played_and_cut() {
    Played {
        source: "alpaca?symbols=FAKEPACA&source=test&encoding=json&key_file=KEY&secret_file=KEY",
        symbol: "FAKEPACA",
        path: "/v2/test",
        greetings: &[
            r#"[{"T":"success","msg":"connected"}]"#,
            r#"[{"T":"success","msg":"authenticated"}]"#,
        ],
        between: &[r#"[{"T":"subscription","trades":["FAKEPACA"],"quotes":["FAKEPACA"]}]"#],
        trade: |_, number| {
            format!(
                r#"[{{"T":"t","S":"FAKEPACA","i":{number},"x":"D","p":{number}.00000001,"s":2,"t":"2026-08-09T21:05:48.{number}Z","c":["@"],"z":"C"}}]"#
            )
        },
        has_history: false,
    }
    .check()
    .await;
}

#[tokio::test]
async fn massive_is_played_and_cut() {
    Played {
        source: "massive?symbols=MSFT&market=stocks&key_file=KEY",
        symbol: "MSFT",
        path: "/stocks",
        greetings: &[
            r#"[{"ev":"status","status":"connected","message":"Connected Successfully"}]"#,
            r#"[{"ev":"status","status":"auth_success","message":"authenticated"}]"#,
        ],
        between: &[r#"[{"ev":"status","status":"success","message":"subscribed to: T.MSFT"}]"#],
        trade: |_, number| {
            let time = 1_672_304_486_865 + number;
            format!(
                r#"[{{"ev":"T","sym":"MSFT","x":4,"i":"{number}","z":3,"p":{number}.00000001,"s":2,"c":[0],"t":{time},"q":{number}}}]"#
            )
        },
        has_history: false,
    }
    .check()
    .await;
}
