//! Clients of Binance spot, over a replay: each trade and each quote is compared with the recording.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    entitled::Guarded,
    harness::{
        Server, VenueClient, files, line,
        tokens::{reads, token},
    },
};

/// A recording of two symbols: of every four ticks of each, one is a trade with a number of its venue.
struct Recording {
    path: PathBuf,
    trades: Vec<Value>,
    quotes: Vec<Value>,
}

const SYMBOLS: [&str; 2] = ["BTCUSDT", "ETHUSDT"];

fn recorded(name: &str, ticks: usize) -> Recording {
    let (mut text, mut trades, mut quotes) = (String::new(), Vec::new(), Vec::new());
    let mut seqs = [0u64; 2];
    for index in 0..ticks {
        let (at, symbol) = (index % 2, SYMBOLS[index % 2]);
        seqs[at] += 1;
        let (seq, ts) = (seqs[at], 1_700_000_000_000_000 + index as u64 * 1_000);
        let cents = 10_000 + (index as u64 * 7) % 500;
        let tick = if seq.is_multiple_of(4) {
            let side = if index % 3 == 0 { "sell" } else { "buy" };
            let (price, id) = (format!("{}.{:02}", cents / 100, cents % 100), 5_000 + index);
            trades.push(
                json!({"e": "trade", "s": symbol, "t": id, "p": format!("{price}000000"), "q": "0.50000000",
                "T": ts / 1000, "m": side == "sell", "M": true}),
            );
            json!({"symbol": symbol, "ts": ts, "last": price.parse::<f64>().unwrap(), "last_size": 0.5, "side": side,
                "trade_id": id.to_string()})
        } else {
            quotes.push(json!({"u": seq, "s": symbol, "b": format!("{}.00000000", cents), "B": "1.50000000",
                "a": format!("{}.00000000", cents + 1), "A": format!("{seq}.00000000")}));
            json!({"symbol": symbol, "ts": ts, "bid": cents, "bid_size": 1.5, "ask": cents + 1, "ask_size": seq})
        };
        text.push_str(&tick.to_string());
        text.push('\n');
    }
    let path = files::path(name);
    files::write_whole(&path, text);
    Recording { path, trades, quotes }
}

impl Recording {
    /// The quote of a symbol as it stood at this seq.
    fn quote_at(&self, symbol: &str, seq: u64) -> &Value {
        let is_before = |quote: &&Value| quote["s"] == symbol && quote["u"].as_u64() <= Some(seq);
        self.quotes.iter().rfind(is_before).expect("a quote before it")
    }

    /// A server that replays it once somebody has subscribed.
    async fn replayed(&self, options: &str) -> Server {
        Server::with().feed(&format!("replay:{}?{options}", self.path.display())).start().await
    }

    fn of<'a>(all: &'a [Value], symbol: &'a str) -> Vec<&'a Value> {
        all.iter().filter(|message| message["s"] == symbol).collect()
    }
}

/// A trade without what the recording does not say: when it was received.
fn told(mut trade: Value) -> Value {
    let received = trade.as_object_mut().expect("an object").remove("E").expect("a time of receipt");
    assert!(received.as_u64() > Some(1_600_000_000_000), "milliseconds: {received}");
    trade
}

#[tokio::test]
async fn every_trade_of_a_replay_comes_once_and_exact() {
    let recording = recorded("binance-trades.ndjson", 2_000);
    let server = recording.replayed("speed=max&start=clients:1").await;
    let mut client = VenueClient::open(&server, "/ws/btcusdt@trade").await;
    let (messages, close) = client.rest().await;
    assert_eq!(close, Some((1000, String::new())), "the replay is over");
    let messages: Vec<_> = messages.into_iter().map(told).collect();
    assert_eq!(messages.iter().collect::<Vec<_>>(), Recording::of(&recording.trades, "BTCUSDT"));
    server.settled().await;
}

/// A quote is the newest at its `u`, which may be that of a trade behind it.
fn check_quotes(recording: &Recording, symbol: &str, told: &[Value]) {
    let mut before = 0;
    for quote in told.iter().filter(|message| message["s"] == symbol) {
        let seq = quote["u"].as_u64().expect("a number");
        assert!(seq > before, "u rises: {quote}");
        before = seq;
        let mut expected = recording.quote_at(symbol, seq).clone();
        expected["u"] = json!(seq);
        assert_eq!(*quote, expected);
    }
    assert!(before > 0, "{symbol} has quotes");
    let last = recording.quote_at(symbol, u64::MAX)["u"].as_u64().expect("a number");
    assert!(before >= last, "the newest quote is told: {before} of {last}");
}

#[tokio::test]
async fn combined_messages_name_their_stream_and_quotes_are_those_of_the_recording() {
    let recording = recorded("binance-combined.ndjson", 4_000);
    let server = recording.replayed("speed=max&start=clients:1").await;
    let path = "/binance/stream?streams=btcusdt@trade/ethusdt@bookTicker/!bookTicker&timeUnit=MICROSECOND";
    let mut client = VenueClient::open(&server, path).await;
    let (messages, close) = client.rest().await;
    assert_eq!(close.map(|(code, _)| code), Some(1000));
    let of = |stream: &str| -> Vec<Value> {
        messages
            .iter()
            .filter(|message| message["stream"] == stream)
            .map(|message| message["data"].clone())
            .collect()
    };
    let trades: Vec<Value> = of("btcusdt@trade").into_iter().map(told).collect();
    assert_eq!(trades.len(), Recording::of(&recording.trades, "BTCUSDT").len());
    for (trade, expected) in trades.iter().zip(Recording::of(&recording.trades, "BTCUSDT")) {
        let mut expected = expected.clone();
        expected["T"] = json!(expected["T"].as_u64().expect("a time") * 1000);
        assert_eq!(*trade, expected);
    }
    check_quotes(&recording, "ETHUSDT", &of("ethusdt@bookTicker"));
    for symbol in SYMBOLS {
        check_quotes(&recording, symbol, &of("!bookTicker"));
    }
    server.settled().await;
}

fn trade(symbol: &str, id: u64) -> String {
    let id = format!("\"{id}\"");
    line(symbol, &[("last", "2.5"), ("last_size", "3"), ("side", "\"buy\""), ("trade_id", &id)])
}

fn quote(symbol: &str, bid: u64) -> String {
    line(
        symbol,
        &[("bid", &bid.to_string()), ("bid_size", "1"), ("ask", &(bid + 1).to_string()), ("ask_size", "1")],
    )
}

fn is_data(message: &Value) -> bool {
    ["e", "u", "stream"].iter().any(|name| message.get(name).is_some()) || message.is_array()
}

#[tokio::test]
async fn requests_and_faults_are_answered_and_the_property_changes_what_follows() {
    let server = Server::start().await;
    let mut client = VenueClient::open(&server, "/ws/0").await;
    let mut ask = async |request: &str| {
        let (answer, before) = client.ask(request, is_data).await;
        assert_eq!(before, Vec::<Value>::new(), "no data before it is due");
        answer
    };
    let subscribe = r#"{"method":"SUBSCRIBE","params":["btcusdt@trade","nosuch@trade"],"id":"9d32157c-a556-4d27-9866-66760a174b57"}"#;
    assert_eq!(ask(subscribe).await, json!({"result": null, "id": "9d32157c-a556-4d27-9866-66760a174b57"}));
    let fault = ask(r#"{"method":"SUBSCRIBE","params":["btcusdt@depth"],"id":2}"#).await;
    assert_eq!(fault["code"], json!(2), "{fault}");
    assert_eq!(ask("nonsense").await["code"], json!(3));
    let listed = ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":3}"#).await;
    assert_eq!(listed, json!({"result": ["btcusdt@trade", "nosuch@trade"], "id": 3}));
    server.publish(&[trade("BTCUSDT", 1)]).await;
    assert_eq!(client.next().await["t"], json!(1), "raw");
    let property = r#"{"method":"SET_PROPERTY","params":["combined",true],"id":5}"#;
    assert_eq!(client.ask(property, is_data).await.0, json!({"result": null, "id": 5}));
    server.publish(&[trade("BTCUSDT", 2), trade("NOSUCH", 3)]).await;
    for (symbol, id) in [("BTCUSDT", 2), ("NOSUCH", 3)] {
        let message = client.next().await;
        assert_eq!(message["stream"], json!(format!("{}@trade", symbol.to_lowercase())));
        assert_eq!((&message["data"]["s"], &message["data"]["t"]), (&json!(symbol), &json!(id)));
    }
    let end = r#"{"method":"UNSUBSCRIBE","params":["btcusdt@trade"],"id":6}"#;
    assert_eq!(client.ask(end, is_data).await.0, json!({"result": null, "id": 6}));
    server.publish(&[trade("BTCUSDT", 4), trade("NOSUCH", 5)]).await;
    assert_eq!(client.next().await["data"]["t"], json!(5), "the other stream has ended");
    let metrics = server.settled().await;
    assert_eq!(metrics.sum_where("tickcast_dialect_sessions", "binance"), 1);
}

#[tokio::test]
async fn streams_of_all_symbols_have_also_those_to_come_and_any_case_finds_a_symbol() {
    let server = Server::start().await;
    server.publish(&[trade("AUSDT", 1), trade("bUsdt", 2)]).await;
    let mut client = VenueClient::open(&server, "/stream?streams=!miniTicker@arr/BUSDT@bookTicker").await;
    server.publish(&[trade("CUSDT", 3), quote("bUsdt", 7)]).await;
    let (mut quotes, mut found) = (Vec::new(), std::collections::BTreeSet::new());
    while quotes.is_empty() || found.len() < 3 {
        let message = client.next().await;
        if message["stream"] == "!miniTicker@arr" {
            for ticker in message["data"].as_array().expect("an array") {
                assert_eq!((&ticker["e"], &ticker["c"]), (&json!("24hrMiniTicker"), &json!("2.50000000")));
                found.insert(ticker["s"].as_str().expect("a symbol").to_owned());
            }
        } else {
            quotes.push(message);
        }
    }
    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["AUSDT", "BUSDT", "CUSDT"]);
    assert_eq!(
        (&quotes[0]["stream"], &quotes[0]["data"]["b"]),
        (&json!("busdt@bookTicker"), &json!("7.00000000"))
    );
}

const TICKS: u64 = 40_000;

#[tokio::test]
async fn a_client_too_slow_for_its_trades_is_closed_and_one_of_quotes_is_not() {
    let server = Server::with().limit("ring_ticks", 64).limit("progress_ms", 600_000).start().await;
    let mut trades = VenueClient::with(&server, "/ws/btcusdt@trade", &[], Some(4_096)).await;
    let mut quotes = VenueClient::with(&server, "/ws/btcusdt@bookTicker", &[], Some(4_096)).await;
    for client in [&mut trades, &mut quotes] {
        let answer = client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, is_data).await.0;
        assert_eq!(answer["result"].as_array().map(Vec::len), Some(1));
    }
    for first in (1..=TICKS).step_by(1_000) {
        let ticks = (first..first + 1_000).flat_map(|id| [trade("BTCUSDT", id), quote("BTCUSDT", id)]);
        server.publish(&ticks.collect::<Vec<_>>()).await;
    }
    let (told, close) = trades.rest().await;
    assert_eq!(close.map(|(code, _)| code), Some(1008));
    assert!((told.len() as u64) < TICKS, "it was slow");
    for (trade, id) in told.iter().zip(1u64..) {
        assert_eq!(trade["t"], json!(id), "none is left out before the end");
    }
    let mut count = 1;
    while quotes.next().await["b"] != json!(format!("{TICKS}.00000000")) {
        count += 1;
    }
    assert!(count < TICKS, "quotes were merged");
    let metrics = server.settled().await;
    assert_eq!(metrics.sum_where("tickcast_limit_hits_total", "dialect_loss"), 1);
    assert_eq!(metrics.sum_where("tickcast_sessions_closed_total", "slow"), 1);
}

#[tokio::test]
async fn a_token_says_what_is_read_and_without_one_there_is_nothing() {
    let guarded = Guarded::start(&[]).await;
    let server = &guarded.server;
    let mut nobody = VenueClient::open(server, "/ws/btcusdt@trade").await;
    assert_eq!(nobody.next_or_close().await.expect_err("a close").map(|(code, _)| code), Some(1008));
    let path = format!("/ws/btcusdt@trade/ethusdt@trade?token={}", reads(&["BTC*"]));
    let mut client = VenueClient::open(server, &path).await;
    let answer =
        client.ask(r#"{"method":"SUBSCRIBE","params":["ethusdt@bookTicker"],"id":1}"#, is_data).await.0;
    assert_eq!(answer, json!({"result": null, "id": 1}), "as of a symbol that there is not");
    let ticks = [trade("ETHUSDT", 1), quote("ETHUSDT", 2), trade("BTCUSDT", 3)];
    guarded.publish(&ticks.join("\n")).await;
    assert_eq!(client.next().await["t"], json!(3));
}

#[tokio::test]
async fn one_session_more_than_a_token_allows_is_closed_with_the_reason() {
    let guarded = Guarded::start(&[]).await;
    let one = token(&json!({"read": ["*"], "sessions": 1}), &json!({"sub": "desk", "jti": "t1"}));
    let path = format!("/ws/btcusdt@trade?token={one}");
    let mut first = VenueClient::open(&guarded.server, &path).await;
    let (answer, _) = first.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, is_data).await;
    assert_eq!(answer, json!({"result": ["btcusdt@trade"], "id": 1}));
    let close = VenueClient::open(&guarded.server, &path).await.next_or_close().await.expect_err("a close");
    assert_eq!(close, Some((1008, "this user has as many sessions as the token allows".to_owned())));
}

#[tokio::test]
async fn a_service_that_stops_says_so_first() {
    let mut server = Server::start().await;
    let mut raw = VenueClient::open(&server, "/ws/btcusdt@trade").await;
    let mut combined = VenueClient::open(&server, "/stream?streams=btcusdt@trade").await;
    server.publish(&[trade("BTCUSDT", 1)]).await;
    assert_eq!((&raw.next().await["t"], &combined.next().await["data"]["t"]), (&json!(1), &json!(1)));
    server.signal("TERM");
    assert_eq!(raw.next().await["e"], json!("serverShutdown"));
    let message = combined.next().await;
    assert_eq!(
        (&message["stream"], &message["data"]["e"]),
        (&json!("!serverShutdown"), &json!("serverShutdown"))
    );
    for client in [&mut raw, &mut combined] {
        assert_eq!(client.rest().await.1.map(|(code, _)| code), Some(1001));
    }
    server.exited().await;
}

#[tokio::test]
async fn a_client_s_ping_is_answered_and_pongs_nobody_asked_for_do_no_harm() {
    use tokio_tungstenite::tungstenite::Message as Frame;

    let server = Server::start().await;
    let mut client = VenueClient::open(&server, "/ws").await;
    client.send_frame(Frame::Pong(Vec::new().into())).await;
    client.send_frame(Frame::Ping(b"17".to_vec().into())).await;
    client.send_frame(Frame::Pong(b"1".to_vec().into())).await;
    client.ask(r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#, is_data).await;
    assert_eq!((client.pongs.clone(), client.pings), (vec![b"17".to_vec()], 0));
}

#[tokio::test]
async fn a_service_without_dialects_has_none_of_their_paths() {
    const REPLAYS: [&str; 6] = [
        "/replay-normalized",
        "/tardis/replay-normalized",
        "/health-check",
        "/tardis/health-check",
        "/ws-replay-normalized",
        "/tardis/ws-replay-normalized/",
    ];
    let server = Server::with().args(&["--dialects", "none"]).start().await;
    for path in ["/ws/btcusdt@trade", "/stream", "/binance/ws"] {
        let reply = server.request("GET", path).upgrade().send().await;
        assert_eq!(reply.status.as_u16(), 404, "{path}");
    }
    let statuses = async |server: &Server| {
        let mut statuses = Vec::new();
        for path in REPLAYS {
            statuses.push(server.get(path).await.status.as_u16());
        }
        statuses
    };
    assert_eq!(statuses(&server).await, [404; 6]);
    assert_eq!(server.request("GET", "/ws-replay-normalized").upgrade().send().await.status.as_u16(), 404);
    let speaking = Server::with().args(&["--dialects", "binance"]).start().await;
    let reply = speaking.get("/ws").await;
    assert_eq!(reply.status.as_u16(), 426, "it needs an upgrade");
    assert_eq!(statuses(&speaking).await, [404; 6], "replays are not in the list");
    let replaying = Server::with().args(&["--dialects", "tardis"]).start().await;
    assert_eq!(statuses(&replaying).await, [400, 400, 200, 200, 426, 426]);
    assert_eq!(replaying.get("/ws").await.status.as_u16(), 404, "Binance is not in the list");
}

#[tokio::test]
async fn clients_are_told_the_symbols_and_their_prices_at_their_start() {
    let recording = recorded("binance-rest.ndjson", 40);
    let server = recording.replayed("speed=max&start=clients:1").await;
    assert_eq!(server.get("/api/v3/ping").await.json(), json!({}));
    let time = server.get("/binance/api/v3/time").await.json();
    assert!(time["serverTime"].as_u64() > Some(1_600_000_000_000), "{time}");
    // Before the first tick: a client lists the markets first, and subscribes then.
    let info = server.get("/api/v3/exchangeInfo").await.json();
    let symbols = info["symbols"].as_array().expect("an array");
    let listed: Vec<_> = symbols.iter().map(|symbol| (&symbol["symbol"], &symbol["baseAsset"])).collect();
    assert_eq!(listed, [(&json!("BTCUSDT"), &json!("BTC")), (&json!("ETHUSDT"), &json!("ETH"))]);
    for symbol in symbols {
        assert_eq!((&symbol["status"], &symbol["quoteAsset"]), (&json!("TRADING"), &json!("USDT")));
        let filters = symbol["filters"].as_array().expect("an array").iter();
        let kinds: Vec<_> = filters.map(|filter| filter["filterType"].as_str().expect("a kind")).collect();
        assert_eq!(kinds, ["PRICE_FILTER", "LOT_SIZE", "NOTIONAL"]);
    }
    let one = server.get("/api/v3/exchangeInfo?symbol=ethusdt").await.json();
    assert_eq!(one["symbols"][0]["symbol"], json!("ETHUSDT"));
    assert_eq!(server.get("/fapi/v1/exchangeInfo").await.json()["symbols"], json!([]));
    assert_eq!(server.get("/sapi/v1/asset/tradeFee?timestamp=1").await.json(), json!([]));
    assert_eq!(server.get("/sapi/v1/system/status").await.json()["status"], json!(0));
    VenueClient::open(&server, "/ws/btcusdt@trade").await.rest().await;
    let last = |symbol| Recording::of(&recording.trades, symbol).last().expect("a trade")["p"].clone();
    let price = server.get("/api/v3/ticker/price?symbol=BTCUSDT").await.json();
    assert_eq!(price, json!({"symbol": "BTCUSDT", "price": last("BTCUSDT")}));
    let all = server.get("/api/v3/ticker/price").await.json();
    assert_eq!(all, json!([price, {"symbol": "ETHUSDT", "price": last("ETHUSDT")}]));
    let book = server.get("/api/v3/ticker/bookTicker?symbols=[%22ETHUSDT%22]").await.json();
    assert_eq!(book[0]["bidPrice"], recording.quote_at("ETHUSDT", u64::MAX)["b"]);
    let day = server.get("/api/v3/ticker/24hr?symbol=BTCUSDT").await.json();
    assert_eq!((&day["lastPrice"], &day["count"]), (&last("BTCUSDT"), &json!(5)), "{day}");
    let none = server.get("/api/v3/ticker/price?symbol=NOSUCH").await;
    assert_eq!((none.status.as_u16(), none.json()["code"].clone()), (400, json!(-1121)));
    assert_eq!(server.request("POST", "/api/v3/ping").send().await.status.as_u16(), 405);
    let klines = server.get("/api/v3/klines?symbol=BTCUSDT").await;
    assert_eq!((klines.status.as_u16(), klines.json()["code"].clone()), (404, json!(-1000)));
}

#[tokio::test]
async fn the_venue_s_limit_of_messages_is_kept_to_where_it_is_configured() {
    let list = r#"{"method":"LIST_SUBSCRIPTIONS","id":1}"#;
    let free = Server::start().await;
    let mut client = VenueClient::open(&free, "/ws").await;
    for _ in 0..300 {
        client.send(list).await;
    }
    for _ in 0..300 {
        assert_eq!(client.next().await, json!({"result": [], "id": 1}));
    }
    let strict = Server::with().limit("dialect_messages_per_second", 5).start().await;
    let mut client = VenueClient::open(&strict, "/ws").await;
    for _ in 0..40 {
        if !client.send_if_open(list).await {
            break;
        }
    }
    let (answers, close) = client.rest().await;
    assert_eq!(close, Some((1008, "Too many requests".to_owned())));
    assert!((5..40).contains(&answers.len()), "{}", answers.len());
}
