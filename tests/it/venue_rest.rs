//! What clients of Coinbase, Kraken, Alpaca and Massive ask by REST at their start, and the paths that they open.

use serde_json::{Value, json};

use super::{
    entitled::Guarded,
    harness::{
        Server, VenueClient,
        recorded::Recorded,
        tokens::{reads, token},
    },
};

async fn waiting(name: &str) -> (Recorded, Server) {
    let recorded = Recorded::new(name, 40);
    let server = recorded.replayed("speed=max&start=clients:1", &[]).await;
    (recorded, server)
}

/// The status, and the body.
async fn asked(server: &Server, path: &str) -> (u16, Value) {
    let reply = server.get(path).await;
    (reply.status.as_u16(), reply.json())
}

#[tokio::test]
async fn clients_of_coinbase_are_told_the_products_before_the_first_tick() {
    let (recorded, server) = waiting("coinbase-rest.ndjson").await;
    let time = asked(&server, "/time").await.1;
    let seconds = time["epoch"].as_f64().expect("seconds");
    assert!(seconds > 1.6e9 && time["iso"].as_str().is_some_and(|iso| iso.len() == 24), "{time}");
    assert_eq!(asked(&server, "/v2/time").await.1["data"].as_object().map(serde_json::Map::len), Some(2));
    assert!(asked(&server, "/api/v3/brokerage/time").await.1["epochMillis"].is_string());
    for path in ["/products", "/coinbase/products"] {
        let products = asked(&server, path).await.1;
        let ids: Vec<_> = products.as_array().expect("an array").iter().map(|one| &one["id"]).collect();
        assert_eq!(ids, [&json!("BTC-USDT"), &json!("ETH-USDT")], "{path}");
        assert_eq!(products[0]["base_currency"], json!("BTC"));
        assert_eq!(asked(&server, &format!("{path}/BTC-USDT")).await, (200, products[0].clone()));
    }
    for path in ["/api/v3/brokerage/products", "/api/v3/brokerage/market/products"] {
        let products = asked(&server, path).await.1["products"].clone();
        let ids: Vec<_> =
            products.as_array().expect("an array").iter().map(|one| &one["product_id"]).collect();
        assert_eq!(ids, [&json!("BTC-USDT"), &json!("ETH-USDT")], "{path}");
        assert_eq!(asked(&server, &format!("{path}/ETH-USDT")).await, (200, products[1].clone()));
        let named = asked(&server, &format!("{path}?product_ids=ETH-USDT&product_ids=BTC-USDT")).await.1;
        assert_eq!(named["products"], json!([products[1], products[0]]));
        let of_kind = async |kind: &str| asked(&server, &format!("{path}?product_type={kind}")).await;
        assert_eq!(of_kind("SPOT").await.1["products"], products);
        let none = (200, json!({"products": []}));
        assert_eq!(of_kind("FUTURE&contract_expiry_type=PERPETUAL").await, none, "the market has no futures");
        let page = async |offset: u64| asked(&server, &format!("{path}?limit=1&offset={offset}")).await;
        assert_eq!(page(0).await.1["products"], products, "the first page has all");
        assert_eq!(page(1).await, none, "a client that asks page by page ends");
    }
    let mut client = VenueClient::open(&server, "/").await;
    client.send(r#"{"type":"subscribe","product_ids":["BTC-USDT"],"channels":["matches"]}"#).await;
    client.rest().await;
    let last = recorded.trades_of("BTCUSDT").last().expect("a trade");
    let ticker = asked(&server, "/products/BTC-USDT/ticker").await.1;
    assert_eq!((&ticker["trade_id"], &ticker["price"]), (&json!(last.id), &json!(last.price)), "{ticker}");
    let time = ticker["time"].as_str().expect("a time");
    assert_eq!(time[..10], last.time()[..10], "that of the market's last tick, as in messages: {ticker}");
    for path in ["/products/NO-SUCH", "/products/BTC-USDT/candles"] {
        assert_eq!(asked(&server, path).await, (404, json!({"message": "NotFound"})), "{path}");
    }
    assert_eq!(asked(&server, "/api/v3/brokerage/products/NO-SUCH").await.0, 404);
    assert_eq!(asked(&server, "/api/v3/brokerage/accounts").await.1["error"], json!("NOT_FOUND"));
}

#[tokio::test]
async fn clients_of_kraken_are_told_the_pairs_before_the_first_tick() {
    let (recorded, server) = waiting("kraken-rest.ndjson").await;
    let result = |reply: (u16, Value)| {
        assert_eq!((reply.0, &reply.1["error"]), (200, &json!([])), "{}", reply.1);
        reply.1["result"].clone()
    };
    let time = result(asked(&server, "/0/public/Time").await);
    assert!(time["rfc1123"].as_str().is_some_and(|text| text.ends_with("+0000")), "{time}");
    assert!(time["unixtime"].as_u64() > Some(1_600_000_000), "{time}");
    assert_eq!(result(asked(&server, "/0/public/SystemStatus").await)["status"], json!("online"));
    assert_eq!(result(asked(&server, "/0/public/Assets").await), json!({}));
    let pairs = result(asked(&server, "/kraken/0/public/AssetPairs").await);
    let names: Vec<_> = pairs.as_object().expect("an object").keys().collect();
    assert_eq!(names, ["BTCUSDT", "ETHUSDT"]);
    assert_eq!(
        (&pairs["BTCUSDT"]["wsname"], &pairs["BTCUSDT"]["status"]),
        (&json!("BTC/USDT"), &json!("online"))
    );
    let named = result(asked(&server, "/0/public/AssetPairs?pair=ETH/USDT").await);
    assert_eq!(named, json!({"ETHUSDT": pairs["ETHUSDT"]}));
    assert_eq!(result(asked(&server, "/0/public/Ticker").await), json!({}), "nothing has ticked");
    let mut client = VenueClient::open(&server, "/v2").await;
    client
        .send(r#"{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/USDT"]},"req_id":1}"#)
        .await;
    client.rest().await;
    let last = recorded.trades_of("BTCUSDT").last().expect("a trade");
    let ticker = result(asked(&server, "/0/public/Ticker?pair=BTCUSDT").await);
    assert_eq!(ticker["BTCUSDT"]["c"][0], json!(last.price), "{ticker}");
    let none = asked(&server, "/0/public/Ticker?pair=NOSUCH").await;
    assert_eq!(none, (200, json!({"error": ["EQuery:Unknown asset pair"]})));
    let unknown = asked(&server, "/0/public/OHLC").await;
    assert_eq!(unknown, (200, json!({"error": ["EGeneral:Unknown method"]})));
    let private = asked(&server, "/0/private/Balance").await;
    assert_eq!(private, (200, json!({"error": ["EAPI:Invalid key"]})));
    // Some clients ask everything by POST.
    let by_form = async |path: &str, form: &str| {
        let reply = server.request("POST", path).body(form.to_owned()).attempt().await.expect("an answer");
        (reply.status.as_u16(), reply.json())
    };
    assert_eq!(result(by_form("/0/public/Ticker", "nonce=1&pair=BTC%2FUSDT").await), ticker);
    assert_eq!(result(by_form("/0/public/AssetPairs", "").await), pairs);
    assert_eq!(by_form("/api/v3/ping", "").await.0, 405, "of another venue");
}

#[tokio::test]
async fn what_a_venue_has_and_is_not_here_is_refused_in_its_words() {
    let server = Server::start().await;
    for (path, status, member) in [
        ("/api/v3/klines", 404, "code"),
        ("/sapi/v1/capital/config/getall/x", 401, "code"),
        ("/api/v3/account", 401, "msg"),
        ("/accounts", 401, "message"),
        ("/binance/api/v3/depth", 404, "msg"),
        ("/0/public/Depth", 200, "error"),
        ("/v2/account", 404, "message"),
        ("/alpaca/v2/stocks/trades/latest", 404, "message"),
        ("/v3/reference/tickers", 404, "status"),
        ("/massive/v2/aggs/ticker/A", 404, "status"),
    ] {
        let reply = server.get(path).await;
        assert_eq!(reply.status.as_u16(), status, "{path}");
        assert!(reply.json().get(member).is_some(), "{path}");
    }
    let without = Server::with().args(&["--dialects", "kraken"]).start().await;
    for path in ["/api/v3/klines", "/v2/account", "/products", "/binance/0/public/Time"] {
        without.get(path).await.expect_error(404);
    }
    assert_eq!(without.get("/kraken/0/public/Time").await.status.as_u16(), 200);
}

#[tokio::test]
async fn what_a_token_does_not_allow_is_not_listed() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"BTCUSDT\",\"bid\":1}\n{\"symbol\":\"ETHUSDT\",\"bid\":2}\n").await;
    let token = reads(&["BTC*"]);
    for path in ["/products", "/0/public/AssetPairs", "/api/v3/brokerage/market/products"] {
        assert_eq!(guarded.get(path, None).await.status.as_u16(), 401, "{path}");
        let listed = guarded.get(path, Some(&token)).await.json().to_string();
        assert!(listed.contains("BTC") && !listed.contains("ETH"), "{path}: {listed}");
    }
    let hidden = guarded.get("/products/ETH-USDT", Some(&token)).await;
    assert_eq!(hidden.status.as_u16(), 404, "as one that there is not");
    assert_eq!(guarded.server.get("/time").await.status.as_u16(), 200, "the time is anybody's");
}

#[tokio::test]
async fn crypto_of_alpaca_has_its_older_path_and_its_places() {
    let server = Server::start().await;
    for path in [
        "/v1beta2/crypto",
        "/v1beta2/crypto?exchanges=CBSE",
        "/v1beta3/crypto/us-1",
        "/alpaca/v1beta3/crypto/eu-1",
    ] {
        let mut client = VenueClient::open(&server, path).await;
        assert_eq!(client.next().await, json!([{"T": "success", "msg": "connected"}]), "{path}");
    }
}

#[tokio::test]
async fn a_row_with_a_field_that_may_not_be_read_is_not_there() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"BTCUSDT\",\"bid\":1,\"ask\":2,\"last\":1.5,\"last_size\":3}\n").await;
    let of = |fields: &[&str]| token(&json!({"read": ["*"], "fields": fields}), &json!({}));
    let (whole, quotes) = (reads(&["*"]), of(&["bid", "bid_size", "ask", "ask_size"]));
    let (bids, prices) = (of(&["bid"]), of(&["last"]));
    for (path, allowed) in [
        ("/api/v3/ticker/price", &[&whole, &prices] as &[&String]),
        ("/api/v3/ticker/bookTicker", &[&whole, &quotes]),
        ("/api/v3/ticker/24hr", &[&whole]),
        ("/0/public/Ticker", &[&whole]),
    ] {
        for one in [&whole, &quotes, &bids, &prices] {
            let (all, named) = (
                guarded.get(path, Some(one)).await.json(),
                if path.starts_with("/0") { "pair" } else { "symbol" },
            );
            let named = guarded.get(&format!("{path}?{named}=BTCUSDT"), Some(one)).await.json();
            let is_allowed = allowed.contains(&one);
            assert_eq!(all.to_string().contains("BTCUSDT"), is_allowed, "{path}: {all}");
            assert_eq!(named.to_string().contains("BTCUSDT"), is_allowed, "{path}: {named}");
        }
    }
    let path = "/products/BTC-USDT/ticker";
    assert_eq!(guarded.get(path, Some(&whole)).await.json()["price"], json!("1.5"));
    for one in [&quotes, &bids, &prices] {
        assert_eq!(guarded.get(path, Some(one)).await.status.as_u16(), 404);
    }
}
