//! Behind proxies: whose word on a client's address is believed, and what goes by that address.
//!
//! The proxies are bare sockets that say what proxies say.

use crate::harness::{Client, Server, each_encoding, eventually, files, raw::RawClient};

/// A server that believes a proxy on this machine.
async fn behind(entry: &str, args: &[&str]) -> Server {
    let proxies = format!("trusted_proxies=[\"{entry}\"]");
    Server::with().args(&["--set", &proxies, "--set", "log.level=debug"]).args(args).start().await
}

/// As a proxy begins a connection by the PROXY protocol, for a client of IPv4.
fn head(client: [u8; 4], port: u16) -> Vec<u8> {
    let mut head = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    head.extend(client);
    head.extend([127, 0, 0, 1]);
    head.extend(port.to_be_bytes());
    head.extend(443_u16.to_be_bytes());
    head
}

/// The answer to a request with these headers.
async fn answer(server: &Server, path: &str, headers: &str) -> String {
    let mut client = RawClient::connect(server).await;
    client.write(request(server, path, headers).as_bytes()).await;
    client.read_to_end().await
}

fn request(server: &Server, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", server.address)
}

/// The line of the log that says that a session was opened, and shows this address.
async fn opened_from(server: &Server, address: &str) {
    eventually("a line of the log", async || {
        server.log().lines().any(|line| line.contains("session opened") && line.contains(address))
    })
    .await;
}

#[tokio::test]
async fn a_client_behind_a_proxy_has_its_own_address() {
    let server = behind("127.0.0.1", &["--set", "limits.sessions_per_address=2"]).await;
    let open = async |client: &str| Client::of(&server).header("x-forwarded-for", client).open().await;
    let _first = open("192.0.2.7").await;
    opened_from(&server, "192.0.2.7").await;
    let _second = open("203.0.113.1, 192.0.2.7").await;
    let _other = open("192.0.2.8").await;
    // The third one of one address is closed, whatever its client says of itself.
    let mut third = RawClient::connect(&server).await;
    let claim = "X-Forwarded-For: 198.51.100.9, 192.0.2.7";
    let head = RawClient::upgrade(&server).replace("\r\n\r\n", &format!("\r\n{claim}\r\n\r\n"));
    third.write(head.as_bytes()).await;
    third.read_head().await;
    assert_eq!(third.close_code().await, Some(4129));
    let _of_the_proxy = Client::open(&server).await;
    let _another = Client::open(&server).await;
    let _and_another = Client::open(&server).await;
}

#[tokio::test]
async fn what_is_no_address_is_refused_of_a_proxy_and_ignored_of_others() {
    let server = behind("127.0.0.1", &[]).await;
    for faulty in ["unknown", "", "192.0.2.7,", "x, 127.0.0.1"] {
        let head = format!("X-Forwarded-For: {faulty}\r\n");
        let said = answer(&server, "/v1/symbols", &head).await;
        assert!(said.starts_with("HTTP/1.1 400") && said.contains("bad_forwarded"), "{faulty}: {said}");
        let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        let said = answer(&server, "/v1/stream", &format!("{upgrade}{head}")).await;
        assert!(said.starts_with("HTTP/1.1 400") && said.contains("bad_forwarded"), "{faulty}: {said}");
    }
    let untrusting = behind("10.0.0.0/8", &[]).await;
    let said = answer(&untrusting, "/v1/symbols", "X-Forwarded-For: unknown\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    let _client = Client::of(&untrusting).header("x-forwarded-for", "192.0.2.7").open().await;
    opened_from(&untrusting, "127.0.0.1").await;
    assert!(!untrusting.log().contains("192.0.2.7"));
}

/// Publishing and control are for the same machine, and no client of a proxy is there: whatever the proxy says, and
/// also when it says nothing.
#[tokio::test]
async fn a_client_of_a_proxy_is_not_on_this_machine() {
    let server = behind("127.0.0.1", &[]).await;
    for header in
        ["", "X-Forwarded-For: 127.0.0.1\r\n", "X-Forwarded-For: ::1\r\n", "X-Forwarded-For: 192.0.2.7\r\n"]
    {
        for path in ["/debug/slow", "/v1/admin/sessions"] {
            let said = answer(&server, path, header).await;
            assert!(said.starts_with("HTTP/1.1 403"), "{path} {header}: {said}");
        }
    }
    let mut client = Client::of(&server).header("x-forwarded-for", "127.0.0.1").open().await;
    let publish = serde_json::json!({"op": "publish", "ticks": [{"symbol": "A", "bid": 1}]});
    let refused = client.command(publish).await;
    assert_eq!(refused.value("code"), "forbidden", "{refused:?}");
    let direct = Server::start().await;
    let said = answer(&direct, "/debug/slow", "X-Forwarded-For: 192.0.2.7\r\n").await;
    assert!(said.starts_with("HTTP/1.1 200"), "it is not a trusted proxy's: {said}");
}

async fn a_proxy_begins_by_its_header_in_whatever_pieces() {
    let server = behind("proxy:127.0.0.1", &[]).await;
    let port = 4_711;
    for cut in [0, 1, 12, 15, 27, 28] {
        let head = head([192, 0, 2, 7], port);
        let mut client = RawClient::proxied(&server, &head, cut).await;
        client.write(RawClient::upgrade(&server).as_bytes()).await;
        let answer = client.read_head().await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        opened_from(&server, "192.0.2.7:4711").await;
    }
    // The proxy itself, as for a check.
    let mut check = RawClient::proxied(&server, b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", 3).await;
    check.write(request(&server, "/healthz", "").as_bytes()).await;
    assert!(check.read_to_end().await.starts_with("HTTP/1.1 200"));
    let mut control = RawClient::proxied(&server, &head([127, 0, 0, 1], port), 0).await;
    control.write(request(&server, "/debug/slow", "").as_bytes()).await;
    assert!(control.read_to_end().await.starts_with("HTTP/1.1 403"));
}

async fn a_trusted_proxy_without_a_header_is_cut_off() {
    let server = behind("proxy:127.0.0.1", &["--set", "limits.handshake_ms=500"]).await;
    for begin in [
        &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
        b"PROXY TCP4 192.0.2.7 192.0.2.1 81 443\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
        // Half of one, until its time is over.
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0",
    ] {
        let mut bare = tokio::net::TcpStream::connect(server.address).await.expect("a listening server");
        tokio::io::AsyncWriteExt::write_all(&mut bare, begin).await.expect("an open connection");
        let mut heard = Vec::new();
        // A reset is an end too.
        let _ =
            crate::harness::within("the end", tokio::io::AsyncReadExt::read_to_end(&mut bare, &mut heard))
                .await;
        assert_eq!(heard, b"", "nothing is answered");
    }
    let metrics = server.log();
    assert_eq!(metrics.matches("no header of the PROXY protocol").count(), 3, "{metrics}");
}

each_encoding!(a_proxy_begins_by_its_header_in_whatever_pieces, a_trusted_proxy_without_a_header_is_cut_off,);

#[tokio::test]
async fn the_header_of_a_stranger_is_no_request() {
    let server = behind("proxy:10.0.0.1", &[]).await;
    let mut client = RawClient::connect(&server).await;
    client.write(&head([192, 0, 2, 7], 1)).await;
    client.write(request(&server, "/v1/symbols", "").as_bytes()).await;
    let said = client.read_to_end().await;
    assert!(said.starts_with("HTTP/1.1 400") || said.is_empty(), "{said}");
    assert!(!server.log().contains("192.0.2.7"));
}

#[tokio::test]
async fn connections_are_limited_by_the_address_that_is_told() {
    let args = ["--set", "limits.sessions_per_address=1", "--set", "limits.connections_per_address=17"];
    let server = behind("proxy:127.0.0.1", &args).await;
    let mut held = Vec::new();
    for _ in 0..17 {
        let mut client = RawClient::proxied(&server, &head([192, 0, 2, 7], 1), 0).await;
        // Half of a request that is being read: it is busy, and cannot be evicted.
        let head = "POST /v1/snapshot HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\nContent-Length: 100\r\n\r\n";
        client.write(head.as_bytes()).await;
        client.read_until("100 Continue").await;
        held.push(client);
    }
    let get = async |client: [u8; 4]| {
        let mut client = RawClient::proxied(&server, &head(client, 1), 0).await;
        client.write_if_open(request(&server, "/readyz", "").as_bytes()).await;
        client.read_to_end().await
    };
    assert_eq!(get([192, 0, 2, 7]).await, "", "its address has as many as it may");
    assert!(get([192, 0, 2, 8]).await.starts_with("HTTP/1.1 200"), "another address has room");
    drop(held);
    eventually("room again", async || get([192, 0, 2, 7]).await.starts_with("HTTP/1.1 200")).await;
}

#[tokio::test]
async fn a_reload_changes_who_is_believed() {
    let file = files::path("tickcast.toml");
    std::fs::write(&file, "trusted_proxies = []\n").expect("a file");
    let server = Server::with().args(&["--config", &file.display().to_string()]).start().await;
    let status = async || {
        let said = answer(&server, "/debug/slow", "X-Forwarded-For: 192.0.2.7\r\n").await;
        said.split(' ').nth(1).map(str::to_owned).unwrap_or_default()
    };
    assert_eq!(status().await, "200");
    std::fs::write(&file, "trusted_proxies = [\"127.0.0.0/8\"]\n").expect("a file");
    server.signal("HUP");
    eventually("a proxy that is believed", async || status().await == "403").await;
    std::fs::write(&file, "trusted_proxies = [\"localhost\"]\n").expect("a file");
    server.signal("HUP");
    eventually("a fault that is named", async || server.log().contains("not an address of a proxy")).await;
    assert_eq!(status().await, "403", "what was there stays");
}
