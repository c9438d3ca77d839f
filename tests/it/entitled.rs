//! Law 11 over real sockets: tokens come in four ways, and give what they allow and no more.

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::harness::{
    Client, Reply, Server, Sse, Subscription, bids, eventually, files, raw,
    raw::RawClient,
    server::address_in,
    tokens::{SECRET, admin, bearer, now_s, reads, token},
    within,
};

/// In the signature of no token: what is sent as one is found by it wherever it should not be.
const MARKER: &str = "MarkerThatNobodyMaySee";

/// A server that asks for tokens of one key, and its files.
pub(super) struct Guarded {
    pub server: Server,
    revoked: PathBuf,
}

impl Guarded {
    pub async fn start(args: &[&str]) -> Guarded {
        static NUMBERS: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let file = |name| files::path(format!("{name}-{number}"));
        let (key, revoked) = (file("key"), file("revoked"));
        std::fs::write(&key, SECRET).expect("a file");
        std::fs::write(&revoked, "").expect("a file");
        let keys = format!("auth.keys=[\"hs256:{}\"]", key.display());
        let list = format!("auth.revoked={}", revoked.display());
        let server = Server::with().args(&["--set", &keys, "--set", &list]).args(args).start().await;
        Guarded { server, revoked }
    }

    pub async fn publish(&self, lines: &str) {
        let request = self.server.request("POST", "/v1/publish").header("authorization", &bearer(&admin()));
        let reply = request.body(lines.to_owned()).send().await;
        assert_eq!(reply.json()["rejected"], json!([]), "{reply:?}");
    }

    /// Revokes a token, and waits until it is refused.
    async fn revoke(&self, id: &str, token: &str) {
        std::fs::write(&self.revoked, format!("token:{id}\n")).expect("a file");
        eventually("a token that is refused", async || {
            self.get("/v1/symbols", Some(token)).await.status == 401
        })
        .await;
    }

    /// A WebSocket with this query and these headers, from its answer on.
    pub async fn stream(&self, query: &str, headers: &str) -> RawClient {
        let head = RawClient::upgrade(&self.server).replace("/v1/stream", &format!("/v1/stream?{query}"));
        let mut client = RawClient::connect(&self.server).await;
        client.write(head.replace("\r\n\r\n", &format!("\r\n{headers}\r\n")).as_bytes()).await;
        let head = client.read_head().await;
        assert!(head.starts_with("HTTP/1.1 101"), "a WebSocket is always upgraded: {head}");
        assert!(!head.contains("bearer."), "a token is never the subprotocol: {head}");
        client
    }

    pub async fn get(&self, path: &str, token: Option<&str>) -> Reply {
        let request = self.server.request("GET", path);
        match token {
            Some(token) => request.header("authorization", &bearer(token)).send().await,
            None => request.send().await,
        }
    }
}

pub(super) async fn tell(client: &mut RawClient, command: &Value) {
    client.write(&raw::message(raw::TEXT, command.to_string().as_bytes())).await;
}

/// The next message of this type.
pub(super) async fn next(client: &mut RawClient, kind: &str) -> Value {
    loop {
        let message = client.message().await;
        if message["type"] == kind {
            return message;
        }
    }
}

/// The statuses, or codes, that a subscription to these symbols is answered by.
pub(super) async fn results(client: &mut RawClient, symbols: &[&str]) -> Vec<String> {
    tell(client, &json!({"op": "subscribe", "symbols": symbols})).await;
    let answer = next(client, "subscribed").await;
    let word = |result: &Value| result.get("code").unwrap_or(&result["status"]).as_str().unwrap().to_owned();
    answer["results"].as_array().expect("results").iter().map(word).collect()
}

#[tokio::test]
async fn a_token_comes_in_four_ways_and_gives_the_same() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"AAPL\",\"bid\":1}\n{\"symbol\":\"MSFT\",\"bid\":2}\n").await;
    let token = reads(&["AA*"]);
    let mut by_query = guarded.stream(&format!("token={token}"), "").await;
    let mut by_header = guarded.stream("", &format!("Authorization: Bearer {token}\r\n")).await;
    let offer = format!("Sec-WebSocket-Protocol: tickcast.v1.json, bearer.{token}\r\n");
    let mut by_subprotocol = guarded.stream("", &offer).await;
    let mut by_command = guarded.stream("", "").await;
    assert_eq!(results(&mut by_command, &["AAPL", "NONE", "*"]).await, ["not_entitled"; 3]);
    tell(&mut by_command, &json!({"op": "auth", "id": 1, "token": token})).await;
    let answer = next(&mut by_command, "auth").await;
    assert_eq!(answer["id"], 1);
    assert!(answer["expires"].as_u64() > Some(now_s() * 1_000_000), "{answer}");
    for client in [&mut by_query, &mut by_header, &mut by_subprotocol, &mut by_command] {
        let found = results(client, &["AAPL", "MSFT", "NONE", "*"]).await;
        assert_eq!(found, ["ok", "not_entitled", "not_entitled", "ok"]);
        assert_eq!(next(client, "snapshot").await["symbol"], "AAPL");
    }
    // Listed later: the glob matches the one that may be read.
    guarded.publish("{\"symbol\":\"MSFT\",\"bid\":3}\n{\"symbol\":\"ZZ\",\"bid\":3}\n{\"symbol\":\"AAL\",\"bid\":3}\n").await;
    for client in [&mut by_query, &mut by_command] {
        tell(client, &json!({"op": "list"})).await;
        let list = next(client, "list").await;
        let symbols: Vec<&str> = list["subscriptions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["symbol"].as_str().unwrap())
            .collect();
        assert_eq!(symbols, ["AAL", "AAPL"], "{list}");
    }
}

#[tokio::test]
async fn a_renewal_with_less_ends_what_it_does_not_allow_and_cuts_the_rest() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":1,\"ask\":2}\n{\"symbol\":\"B\",\"bid\":2,\"ask\":3}\n").await;
    let mut client = guarded.stream(&format!("token={}&symbols=A,B", reads(&["*"])), "").await;
    next(&mut client, "subscribed").await;
    let less =
        token(&json!({"read": ["B"], "fields": ["ask"], "min_interval_ms": 200}), &json!({"jti": "t2"}));
    tell(&mut client, &json!({"op": "auth", "id": 2, "token": less})).await;
    next(&mut client, "auth").await;
    let ended = next(&mut client, "unsubscribed").await;
    assert_eq!(ended["results"], json!([{"symbol": "A", "status": "ok"}]));
    tell(&mut client, &json!({"op": "list"})).await;
    let list = next(&mut client, "list").await;
    let row = &list["subscriptions"][0];
    assert_eq!(
        (&row["symbol"], &row["fields"], &row["interval_ms"]),
        (&json!("B"), &json!(["ask"]), &json!(200))
    );
    guarded.publish("{\"symbol\":\"A\",\"bid\":5,\"ask\":6}\n{\"symbol\":\"B\",\"bid\":5,\"ask\":6}\n").await;
    let shown = loop {
        let (opcode, payload) = client.read_frame().await.expect("a frame");
        let text = String::from_utf8_lossy(&payload).into_owned();
        assert!(opcode != raw::TEXT || !text.contains("\"bid\""), "{text}");
        assert!(opcode != raw::TEXT || !text.contains("\"symbol\":\"A\""), "{text}");
        if text.contains("\"ask\":6") {
            break text;
        }
    };
    assert!(shown.contains("\"symbol\":\"B\""), "{shown}");
    // A token that is refused changes nothing for a session that has one.
    tell(&mut client, &json!({"op": "auth", "id": 3, "token": "no.token.this"})).await;
    let error = next(&mut client, "error").await;
    assert_eq!((&error["code"], &error["id"]), (&json!("bad_token"), &json!(3)));
    assert_eq!(results(&mut client, &["B"]).await, ["ok"]);
}

#[tokio::test]
async fn each_refused_token_has_its_close_code() {
    let guarded = Guarded::start(&["--set", "limits.auth_ms=300"]).await;
    let (good, other) = (reads(&["*"]), token(&json!({"read": ["*"]}), &json!({"jti": "t9"})));
    let expired = token(&json!({"read": ["*"]}), &json!({"exp": now_s() - 60}));
    for (query, code) in [
        ("token=no.token.this".to_owned(), 4101),
        (format!("token={good}&token={other}"), 4101),
        (format!("token={expired}"), 4102),
        ("symbols=A".to_owned(), 4101),
    ] {
        let mut client = guarded.stream(&query, "").await;
        assert_eq!(client.close_code().await, Some(code), "{query}");
    }
    let soon = token(&json!({"read": ["*"]}), &json!({"exp": now_s() + 2}));
    let mut client = guarded.stream(&format!("token={soon}"), "").await;
    assert!(next(&mut client, "status").await["expires"].is_u64(), "it is told before");
    assert_eq!(client.close_code().await, Some(4102));
    let one = token(&json!({"read": ["*"], "sessions": 1}), &json!({"sub": "bob", "jti": "t3"}));
    let mut first = guarded.stream(&format!("token={one}"), "").await;
    next(&mut first, "welcome").await;
    let mut second = guarded.stream(&format!("token={one}"), "").await;
    assert_eq!(second.close_code().await, Some(4105));
    std::fs::write(&guarded.revoked, "user:bob\n").expect("a file");
    assert_eq!(first.close_code().await, Some(4104));
    let mut again = guarded.stream(&format!("token={one}"), "").await;
    assert_eq!(again.close_code().await, Some(4104));
    let metrics = guarded.get("/metrics", Some(&admin())).await.body;
    for (reason, count) in [("bad_token", 2), ("expired", 1), ("too_many_of_user", 1), ("revoked", 1)] {
        let line = format!("tickcast_access_refused_total{{reason=\"{reason}\"}} {count}\n");
        assert!(metrics.contains(&line), "no {line}");
    }
}

/// The look at the sessions that there are when a token is revoked does not see one that a session is yet to get.
#[tokio::test]
async fn a_token_that_is_revoked_while_its_auth_waits_is_refused() {
    let guarded = Guarded::start(&["--set", "limits.progress_ms=60000"]).await;
    let names: Vec<String> = (0..500).map(|number| format!("S{number}")).collect();
    guarded.publish(&bids_of(&names, 1)).await;
    let query = format!("token={}", reads(&["S*"]));
    let mut stalled = Client::of(&guarded.server).query(&query).receive_buffer_bytes(4_096).open().await;
    stalled.subscribe(Subscription::to(&names).every()).await;
    for round in 2..22 {
        guarded.publish(&bids_of(&names, round)).await;
    }
    let claim = json!({"read": ["S*", "A"], "sessions": 1});
    let more = token(&claim, &json!({"sub": "bob", "jti": "t2"}));
    let commands = async || {
        let metrics = guarded.get("/metrics", Some(&admin())).await.body;
        let line = metrics.lines().find_map(|line| line.strip_prefix("tickcast_commands_total "));
        line.and_then(|count| count.parse::<u64>().ok()).expect("a count")
    };
    let before = commands().await;
    stalled.send_text(&json!({"op": "auth", "token": more}).to_string()).await;
    eventually("a command that was read", async || commands().await > before).await;
    guarded.revoke("t2", &more).await;
    let refused = loop {
        match stalled.next_or_close().await {
            Ok(message) if message.is("error") => break message.str("message"),
            Ok(message) => assert!(!message.is("auth"), "a token that was revoked is in force: {message:?}"),
            Err(code) => panic!("the session has a good token, and was closed with {code:?}"),
        }
    };
    assert!(refused.contains("revoked"), "{refused}");
    let answer = stalled.command(json!({"op": "subscribe", "symbols": ["A"]})).await;
    assert_eq!(answer.value("results")[0]["code"], "not_entitled");
    let mut again =
        guarded.stream(&format!("token={}", token(&claim, &json!({"sub": "bob", "jti": "t3"}))), "").await;
    next(&mut again, "welcome").await;
}

fn bids_of(names: &[String], round: u64) -> String {
    names.iter().flat_map(|name| bids(name, round..=round)).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_body_that_ends_after_its_token_is_not_published() {
    let guarded = Guarded::start(&[]).await;
    let publisher = token(&json!({"publish": ["*"], "read": ["*"]}), &json!({"jti": "t2"}));
    let mut client = RawClient::connect(&guarded.server).await;
    let body = "{\"symbol\":\"LATE\",\"bid\":1}\n";
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        guarded.server.address,
        bearer(&publisher),
        body.len()
    );
    client.write(format!("{head}{}", &body[..10]).as_bytes()).await;
    guarded.revoke("t2", &publisher).await;
    client.write(&body.as_bytes()[10..]).await;
    let answer = client.read_to_end().await;
    assert!(answer.starts_with("HTTP/1.1 401 ") && answer.contains("\"revoked\""), "{answer}");
    assert_eq!(guarded.get("/v1/symbols", Some(&admin())).await.json(), json!([]));
}

/// A name could have been made to resolve to this machine by a page, or be a proxy's.
#[tokio::test]
async fn the_listener_for_operators_gives_control_to_its_machine_or_for_a_token() {
    let guarded = Guarded::start(&["--admin-listen", "127.0.0.1:0"]).await;
    let said = |log: &str| log.lines().find(|line| line.contains("operators")).map(str::to_owned);
    eventually("the second address", async || said(&guarded.server.log()).is_some()).await;
    let line =
        said(&guarded.server.log()).expect("a line").replace("operators are served on", "listening on");
    let address = address_in(&line);
    let status = async |path: &str, host: &str, token: Option<String>| {
        let mut stream = TcpStream::connect(address).await.expect("a listening server");
        let token = token.map_or(String::new(), |token| format!("Authorization: {}\r\n", bearer(&token)));
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{token}Connection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("an open connection");
        let mut answer = String::new();
        within("an answer", stream.read_to_string(&mut answer)).await.expect("an answer");
        answer.split(' ').nth(1).expect("a status").to_owned()
    };
    let local = address.to_string();
    for path in ["/debug/slow", "/v1/replay"] {
        assert_ne!(status(path, &local, None).await, "401", "{path}");
        assert_eq!(status(path, "node.example", None).await, "401", "{path}");
        assert_eq!(status(path, "node.example", Some(reads(&["*"]))).await, "403", "{path}");
        assert_ne!(status(path, "node.example", Some(admin())).await, "401", "{path}");
    }
    assert_eq!(status("/metrics", "node.example", None).await, "200");
}

/// With a bad token nobody gets what those without one may have.
#[tokio::test]
async fn a_header_that_holds_no_token_is_a_bad_one() {
    let guarded = Guarded::start(&["--set", "auth.anonymous.read=[\"*\"]"]).await;
    assert_eq!(guarded.get("/v1/symbols", None).await.status, 200);
    for sent in ["Bearer", "bearer ", "Bearer\tno.token.this", "Bearer \u{e9}"] {
        let reply = guarded.server.request("GET", "/v1/symbols").header("authorization", sent).send().await;
        assert_eq!(reply.expect_error(401), "bad_token", "{sent:?}");
    }
}

#[tokio::test]
async fn requests_are_answered_as_far_as_their_token_goes() {
    let guarded = Guarded::start(&[]).await;
    guarded.publish("{\"symbol\":\"A\",\"bid\":1,\"ask\":2}\n{\"symbol\":\"B\",\"bid\":2,\"ask\":3}\n").await;
    let reader = token(&json!({"read": ["A"], "fields": ["ask"]}), &json!({}));
    for path in ["/", "/healthz", "/readyz", "/assets/app.js"] {
        assert_eq!(guarded.get(path, None).await.status, 200, "{path} needs no token");
    }
    for path in [
        "/metrics",
        "/debug/slow",
        "/v1/feeds",
        "/v1/symbols",
        "/v1/snapshot?symbols=A",
        "/v1/sse?symbols=A",
        "/v1/replay",
    ] {
        let reply = guarded.get(path, None).await;
        assert_eq!(reply.expect_error(401), "missing_token", "{path}");
        assert!(reply.header("www-authenticate").starts_with("Bearer"), "{reply:?}");
        assert_eq!(guarded.get(path, Some("no.token.this")).await.expect_error(401), "bad_token", "{path}");
    }
    for path in ["/metrics", "/debug/slow", "/v1/replay", "/v1/snapshot?symbols=B,NONE", "/v1/sse?symbols=B"]
    {
        assert_eq!(guarded.get(path, Some(&reader)).await.expect_error(403), "not_entitled", "{path}");
    }
    let publisher = token(&json!({"publish": ["A"]}), &json!({}));
    assert_eq!(guarded.get("/v1/feeds", Some(&publisher)).await.expect_error(403), "not_entitled");
    // How much there was of the whole market is for those who may read it whole, and now.
    let delayed = token(&json!({"delayed": ["*"]}), &json!({}));
    for (one, ingested) in
        [(&reads(&["*"]), json!(2)), (&admin(), json!(2)), (&reader, json!(null)), (&delayed, json!(null))]
    {
        let feeds = guarded.get("/v1/feeds", Some(one)).await.json();
        assert_eq!((&feeds[0]["name"], &feeds[0]["ingested"]), (&json!("push"), &ingested), "{feeds}");
        assert_eq!(
            (feeds[0]["last"].is_null(), feeds[0]["lag_ms"].is_null()),
            (ingested.is_null(), ingested.is_null())
        );
    }
    let symbols = guarded.get(&format!("/v1/symbols?token={reader}"), None).await.json();
    assert_eq!(symbols.as_array().map(Vec::len), Some(1), "{symbols}");
    for path in ["/v1/snapshot?symbols=A,B", "/v1/snapshot?symbols=*"] {
        let records = guarded.get(path, Some(&reader)).await.json();
        let records = records.as_array().expect("records");
        assert_eq!(records.len(), 1, "{records:?}");
        assert_eq!((&records[0]["symbol"], &records[0]["ask"]), (&json!("A"), &json!(2)));
        assert!(records[0].get("bid").is_none(), "{records:?}");
    }
    for path in ["/metrics", "/debug/slow?k=3"] {
        let admin = admin();
        assert_eq!(guarded.get(path, Some(&admin)).await.status, 200, "{path}");
        let joined = if path.contains('?') { '&' } else { '?' };
        assert_eq!(guarded.get(&format!("{path}{joined}token={admin}"), None).await.status, 200, "{path}");
    }
    let two = guarded.server.request("GET", &format!("/v1/symbols?token={reader}"));
    assert_eq!(two.header("authorization", &bearer(&admin())).send().await.expect_error(400), "two_tokens");
}

#[tokio::test]
async fn a_publisher_needs_the_right_to_each_symbol() {
    let guarded = Guarded::start(&[]).await;
    let publisher = token(&json!({"publish": ["ACME.*"]}), &json!({}));
    let body = "{\"symbol\":\"ACME.A\",\"bid\":1}\n{\"symbol\":\"OTHER\",\"bid\":2}\nno line\n";
    let post = |token: String| {
        let request = guarded.server.request("POST", "/v1/publish").header("authorization", &bearer(&token));
        request.body(body).send()
    };
    let answer = post(publisher).await.json();
    assert_eq!(answer["accepted"], 1);
    assert_eq!(answer["rejected"][0]["line"], 2);
    assert_eq!(answer["rejected"][0]["code"], "not_entitled");
    assert_eq!(answer["rejected"][1]["line"], 3);
    assert_eq!(post(reads(&["*"])).await.expect_error(403), "not_entitled");
    let listed = guarded.get("/v1/symbols", Some(&admin())).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn publishing_over_websocket_asks_the_token_for_each_symbol() {
    // The client is on the same machine, which gives it nothing here.
    let guarded = Guarded::start(&[]).await;
    let publish =
        json!({"op": "publish", "ticks": [{"symbol": "ACME.A", "bid": 1}, {"symbol": "OTHER", "bid": 2}]});
    let mut client = guarded.stream("", "").await;
    tell(&mut client, &publish).await;
    assert_eq!(next(&mut client, "error").await["code"], "forbidden", "before its token");
    let auth = |token: &str| json!({"op": "auth", "token": token});
    tell(&mut client, &auth(&reads(&["*"]))).await;
    next(&mut client, "auth").await;
    tell(&mut client, &publish).await;
    assert_eq!(next(&mut client, "error").await["code"], "forbidden", "with a token to read");
    let publisher = token(&json!({"publish": ["ACME.*"]}), &json!({}));
    tell(&mut client, &auth(&publisher)).await;
    next(&mut client, "auth").await;
    tell(&mut client, &publish).await;
    let answer = next(&mut client, "published").await;
    assert_eq!((&answer["accepted"], &answer["seqs"]), (&json!(1), &json!({"ACME.A": 1})), "{answer}");
    let rejected = &answer["rejected"][0];
    assert_eq!((&rejected["index"], &rejected["code"]), (&json!(1), &json!("not_entitled")), "{answer}");
    let listed = guarded.get("/v1/symbols", Some(&admin())).await.json();
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
}

#[tokio::test]
async fn no_token_is_shown_anywhere() {
    let guarded = Guarded::start(&["--log-level", "trace"]).await;
    let shown =
        |reply: &Reply| reply.body.contains(MARKER) || format!("{:?}", reply.headers).contains(MARKER);
    for path in [
        "/v1/symbols",
        "/v1/snapshot",
        "/v1/sse",
        "/v1/replay",
        "/metrics",
        "/debug/slow",
        "/nowhere",
        "/v1/stream",
    ] {
        let by_query = guarded.get(&format!("{path}?token={MARKER}"), None).await;
        let by_header = guarded.get(path, Some(MARKER)).await;
        assert!(!shown(&by_query) && !shown(&by_header), "{path}: {by_query:?} {by_header:?}");
    }
    for (query, headers) in [
        (format!("token={MARKER}"), String::new()),
        (format!("token={MARKER}&token=other"), String::new()),
        (String::new(), format!("Authorization: Bearer {MARKER}\r\n")),
        (String::new(), format!("Sec-WebSocket-Protocol: tickcast.v1.json, bearer.{MARKER}\r\n")),
    ] {
        let mut client = guarded.stream(&query, &headers).await;
        assert_eq!(client.close_code().await, Some(4101));
    }
    let mut client = guarded.stream("", "").await;
    for token in [json!({"a": MARKER}), json!([MARKER])] {
        tell(&mut client, &json!({"op": "auth", "token": token})).await;
        assert!(!next(&mut client, "error").await.to_string().contains(MARKER));
    }
    tell(&mut client, &json!({"op": "auth", "token": MARKER})).await;
    assert!(!next(&mut client, "error").await.to_string().contains(MARKER));
    assert_eq!(client.close_code().await, Some(4101));
    for path in ["/metrics", "/debug/slow"] {
        assert!(!shown(&guarded.get(path, Some(&admin())).await), "{path}");
    }
    let log = guarded.server.log();
    assert!(log.contains("session"), "the log is on: {log}");
    assert!(!log.contains(MARKER), "{log}");
}

#[tokio::test]
async fn a_retry_is_answered_with_nothing_that_its_token_may_not_publish() {
    let guarded = Guarded::start(&[]).await;
    let publisher = |symbols: &[&str]| token(&json!({"publish": symbols}), &json!({}));
    let (all, some) = (publisher(&["A", "B"]), publisher(&["B"]));
    let path = "/v1/publish?publisher=gateway&number=1";
    let publish = async |token: &str| {
        let request = guarded.server.request("POST", path).header("authorization", &bearer(token));
        request.body("{\"symbol\":\"A\",\"bid\":1}\n{\"symbol\":\"B\",\"bid\":2}\n{}\n").send().await.json()
    };
    let first = publish(&all).await;
    assert_eq!((&first["seqs"], &first["accepted"]), (&json!({"A": 1, "B": 1}), &json!(2)));
    assert_eq!(publish(&all).await, first);
    let told = publish(&some).await;
    assert_eq!((&told["seqs"], &told["accepted"]), (&json!({"B": 1}), &json!(2)));
    assert_eq!((&told["rejected"], &told["rejected_not_shown"]), (&json!([]), &json!(1)));
    let mut client = guarded.stream(&format!("token={some}"), "").await;
    tell(&mut client, &json!({"op": "publish", "publisher": "gateway", "number": 1, "ticks": []})).await;
    let told = next(&mut client, "published").await;
    assert_eq!((&told["seqs"], &told.get("rejected")), (&json!({"B": 1}), &None));
    assert_eq!(told["rejected_not_shown"], json!(1));
}

/// Resuming is exact, and the `id` says neither how much the market did nor that it did nothing.
#[tokio::test]
async fn the_id_of_an_event_tells_nothing_of_what_may_not_be_read() {
    let guarded = Guarded::start(&[]).await;
    let query = format!("symbols=A&mode=every&token={}", reads(&["A"]));
    let mut ids = Vec::new();
    let (mut one, mut other) =
        (Sse::open(&guarded.server, &query, &["A"]).await, Sse::open(&guarded.server, &query, &["A"]).await);
    for round in 1..=4_u64 {
        guarded.publish(&format!("{{\"symbol\":\"A\",\"bid\":{round}}}\n")).await;
        for sse in [&mut one, &mut other] {
            while !sse.next_or_end().await.expect("an open stream").is_data() {}
            ids.push(sse.last_id.clone());
        }
        let hidden = "{\"symbol\":\"HIDDEN\",\"bid\":1}\n".repeat(500);
        guarded.publish(&hidden).await;
    }
    let sealed = |id: &String| id.rsplit_once(':').expect("epoch and position").1.to_owned();
    let mut texts: Vec<String> = ids.iter().map(sealed).collect();
    assert!(texts.iter().all(|text| text.len() == 32), "{ids:?}");
    let position = |text: &String| u128::from_str_radix(text, 16).expect("hexadecimal digits");
    let rising = texts.windows(2).filter(|pair| position(&pair[0]) < position(&pair[1])).count();
    assert!(rising < texts.len() - 1, "the market's order shows: {ids:?}");
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), ids.len(), "two equal positions say that nothing happened: {ids:?}");
    // The first of one stream's, at seq 1.
    let mut back = Sse::coming_back(&guarded.server, &query, &["A"], &ids[0]).await;
    let first = loop {
        let message = back.next_or_end().await.expect("an open stream");
        if message.is_data() {
            break message;
        }
    };
    assert!(first.is("update") && first.seq("seq") == 2, "{first:?}");
}
