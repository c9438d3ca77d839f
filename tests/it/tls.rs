//! TLS: versions, names, files that change, resumption, and clients that make handshakes dear.

use std::{
    io::ErrorKind,
    sync::Arc,
    time::{Duration, SystemTime},
};

use rustls::{
    ClientConfig, HandshakeKind, ProtocolVersion,
    pki_types::{CertificateDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_rustls::client::TlsStream;

use crate::harness::{
    Client, Server, Sse, Subscription, bids, eventually, in_tls,
    socket::{Authority, Files, Pair, common, shake},
    within,
};

type Tls = TlsStream<TcpStream>;

/// A handshake with a server that answers.
async fn connect(server: &Server, config: &Arc<ClientConfig>, name: &str) -> std::io::Result<Tls> {
    let stream =
        within("a connection", TcpStream::connect(server.address)).await.expect("a listening server");
    within("a handshake", shake(stream, config, name)).await
}

/// Asks for `/healthz` over a connection that is there; the answer up to its end.
async fn ask(stream: &mut Tls) -> std::io::Result<String> {
    let mut answer = Vec::new();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    within("an answer", stream.read_to_end(&mut answer)).await?;
    Ok(String::from_utf8(answer).expect("an answer in ASCII"))
}

fn shown(stream: &Tls) -> CertificateDer<'static> {
    let (_, session) = stream.get_ref();
    session.peer_certificates().expect("a certificate")[0].clone().into_owned()
}

fn is_shown(stream: &Tls, pair: &Pair) -> bool {
    shown(stream) == CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM")
}

/// Sends bytes on a bare connection and reads until the server hangs up.
async fn told(server: &Server, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address).await.expect("a listening server");
    stream.write_all(bytes).await.expect("an open connection");
    let mut answer = Vec::new();
    // A reset is an end too.
    let _ = within("the end", stream.read_to_end(&mut answer)).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn rejected(server: &Server, reason: &str) -> u64 {
    server.metrics().await.sum_where("tickcast_tls_rejected_total", reason)
}

#[tokio::test]
async fn both_versions_resume_and_say_http_1_1() {
    in_tls(async {
        let server = Server::start().await;
        for (version, number) in [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)] {
            let mut config = common().authority.client(&[version]);
            config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
            let config = Arc::new(config);
            for kind in [HandshakeKind::Full, HandshakeKind::Resumed, HandshakeKind::Resumed] {
                let mut stream = connect(&server, &config, "localhost").await.expect("a handshake");
                let answer = ask(&mut stream).await.expect("an answer, and a notice of its end");
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                let (_, session) = stream.get_ref();
                assert_eq!(session.protocol_version(), Some(number));
                assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
                assert_eq!(session.handshake_kind(), Some(kind), "{number:?}");
            }
        }
        let metrics = server.metrics().await;
        assert_eq!(metrics.sum_where("tickcast_tls_handshakes_total", "resumed"), 4);
        assert!(metrics.sum_where("tickcast_tls_handshakes_total", "full") >= 2);
        let mut config = common().authority.client(rustls::ALL_VERSIONS);
        config.alpn_protocols = vec![b"h2".to_vec()];
        assert!(connect(&server, &Arc::new(config), "localhost").await.is_err(), "h2 alone is not spoken");
        server
            .until_metrics("a rejection", |metrics| {
                metrics.sum_where("tickcast_tls_rejected_total", "incompatible") == 1
            })
            .await;
    })
    .await;
}

#[tokio::test]
async fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let (authority, files) = (Authority::new(), Files::new("names"));
    let pairs = [
        authority.certify(&["localhost", "first.example"]),
        authority.certify(&["second.example", "*.second.example"]),
    ];
    let paths: Vec<_> = pairs
        .iter()
        .enumerate()
        .map(|(index, pair)| {
            let write = |kind: &str, pem: &str| files.write(&format!("{kind}-{index}.pem"), pem);
            (write("cert", &pair.cert), write("key", &pair.key))
        })
        .collect();
    let given: Vec<_> = paths.iter().map(|(cert, key)| (&cert[..], &key[..])).collect();
    let config = Arc::new(authority.client(rustls::ALL_VERSIONS));
    let server = Server::with().tls(&given, &config).start().await;
    for (name, place) in
        [("first.example", 0), ("second.example", 1), ("A.Second.Example", 1), ("localhost", 0)]
    {
        let stream = connect(&server, &config, name).await.expect("a certificate for this name");
        assert!(is_shown(&stream, &pairs[place]), "{name}");
    }
    // Nobody has these names: the first certificate is shown, and the client refuses it.
    for name in ["third.example", "b.a.second.example"] {
        assert!(connect(&server, &config, name).await.is_err(), "{name}");
    }
    server
        .until_metrics("two alerts", |metrics| metrics.sum_where("tickcast_tls_rejected_total", "alert") == 2)
        .await;
}

#[tokio::test]
async fn files_that_change_are_used_and_faulty_ones_are_not() {
    let (authority, files) = (Authority::new(), Files::new("reload"));
    let [first, second] = [0, 1].map(|_| authority.certify(&["localhost"]));
    let (cert, key) = (files.write("cert.pem", &first.cert), files.write("key.pem", &first.key));
    let mut config = authority.client(rustls::ALL_VERSIONS);
    // A client that resumes is shown nothing.
    config.resumption = rustls::client::Resumption::disabled();
    let config = Arc::new(config);
    let server = Server::with().tls(&[(&cert, &key)], &config).start().await;
    let mut early = Client::open(&server).await;
    assert!(is_shown(&connect(&server, &config, "localhost").await.expect("a handshake"), &first));
    // A certificate without its key is not used, until the key has come as well.
    files.write("cert.pem", &second.cert);
    let faulty = |wanted: u64| {
        let server = &server;
        async move {
            let shows =
                |metrics: &crate::harness::Metrics| metrics.sum("tickcast_tls_files_faulty") == wanted;
            server.until_metrics("the files to be read", shows).await;
        }
    };
    faulty(1).await;
    assert!(server.log().contains("tls.certs and tls.keys must be in the same order"), "{}", server.log());
    assert!(is_shown(&connect(&server, &config, "localhost").await.expect("a handshake"), &first));
    files.write("key.pem", &second.key);
    faulty(0).await;
    assert!(is_shown(&connect(&server, &config, "localhost").await.expect("a handshake"), &second));
    // SIGHUP asks for the same at once.
    files.write("key.pem", "no key");
    server.signal("HUP");
    faulty(1).await;
    assert!(is_shown(&connect(&server, &config, "localhost").await.expect("a handshake"), &second));
    // Who was there is not disturbed.
    server.publish(&bids("A", 1..=1)).await;
    early.subscribe_as("ok", Subscription::to(["A"])).await;
    early.until_seq("A", 1).await;
}

#[tokio::test]
async fn a_reload_with_a_certificate_that_has_expired_keeps_the_old_one() {
    let (authority, files) = (Authority::new(), Files::new("expired"));
    let good = authority.certify(&["localhost"]);
    let expired = authority.certify_with(&["localhost"], |params| {
        params.not_after = (SystemTime::now() - Duration::from_secs(86_400)).into();
    });
    let (cert, key) = (files.write("cert.pem", &good.cert), files.write("key.pem", &good.key));
    let config = Arc::new(authority.client(rustls::ALL_VERSIONS));
    let server = Server::with().tls(&[(&cert, &key)], &config).start().await;
    files.write("cert.pem", &expired.cert);
    files.write("key.pem", &expired.key);
    server.until_metrics("a fault", |metrics| metrics.sum("tickcast_tls_files_faulty") == 1).await;
    assert!(server.log().contains("expired 24 hours ago"), "{}", server.log());
    assert!(is_shown(&connect(&server, &config, "localhost").await.expect("a handshake"), &good));
}

#[tokio::test]
async fn with_an_authority_of_clients_only_those_with_a_certificate_come_in() {
    let (authority, clients, files) = (Authority::new(), Authority::new(), Files::new("clients"));
    let pair = authority.certify(&["localhost"]);
    let (cert, key) = (files.write("cert.pem", &pair.cert), files.write("key.pem", &pair.key));
    let ca = files.write("ca.pem", &clients.pem);
    let welcome = Arc::new(authority.client_with(&clients.certify(&["a client"])));
    let server = Server::with().tls(&[(&cert, &key)], &welcome).args(&["--tls-client-ca", &ca]).start().await;
    let mut client = Client::open(&server).await;
    client.ping().await;
    let nobody = Arc::new(authority.client(rustls::ALL_VERSIONS));
    let stranger = Arc::new(authority.client_with(&authority.certify(&["a stranger"])));
    for config in [nobody, stranger] {
        // With TLS 1.3 the client learns it with its first read.
        let refused = match connect(&server, &config, "localhost").await {
            Ok(mut stream) => ask(&mut stream).await.err(),
            Err(refused) => Some(refused),
        };
        let refused = refused.expect("a refusal");
        assert!(refused.to_string().contains("alert"), "{refused}");
    }
    assert_eq!(rejected(&server, "client_certificate").await, 2);
}

#[tokio::test]
async fn who_speaks_plain_http_is_sent_on_or_told() {
    in_tls(async {
        let server = Server::start().await;
        let answer = told(&server, b"GET /v1/symbols?x=1 HTTP/1.1\r\nHost: localhost:8443\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 307 "), "{answer}");
        assert!(answer.contains("Location: https://localhost:8443/v1/symbols?x=1\r\n"), "{answer}");
        let upgrade =
            "GET /v1/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
        let posted = "POST /v1/publish HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}";
        for request in [upgrade, posted, "GET / HTTP/1.1\r\n\r\n"] {
            let answer = told(&server, request.as_bytes()).await;
            assert!(
                answer.starts_with("HTTP/1.1 400 ") && answer.contains("use https:// or wss://"),
                "{answer}"
            );
        }
        assert_eq!(rejected(&server, "plain_http").await, 4);
        for other in [&b"SSH\x00\x01\r\n"[..], b"\x16\x03\x01\x00\x00", b"\x00"] {
            assert_eq!(told(&server, other).await, "");
        }
        assert_eq!(rejected(&server, "not_tls").await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_stalls_is_sent_the_newest_and_its_accounts_balance() {
    in_tls(async {
        let server = Server::patient().start().await;
        let symbols = ["A", "B", "C"];
        server.publish(&symbols.iter().flat_map(|symbol| bids(symbol, 1..=1)).collect::<Vec<_>>()).await;
        let mut stalled = Client::of(&server).receive_buffer_bytes(4_096).open().await;
        stalled.subscribe_as("ok", Subscription::to(symbols)).await;
        for round in 0..200 {
            let from = 2 + round * 500;
            let lines: Vec<_> = symbols.iter().flat_map(|symbol| bids(symbol, from..from + 500)).collect();
            server.publish(&lines).await;
        }
        let metrics = server
            .until_metrics("conflation", |metrics| metrics.sum_where("tickcast_sessions", "conflating") == 1)
            .await;
        metrics.check_conservation();
        for symbol in symbols {
            stalled.until_seq(symbol, 100_001).await;
        }
        let metrics = server.settled().await;
        assert_eq!(metrics.sum("tickcast_updates_residual"), 0);
        assert!(metrics.sum("tickcast_updates_conflated_total") > 250_000, "most of it was conflated");
    })
    .await;
}

#[tokio::test]
async fn an_end_is_announced_in_tls_too() {
    in_tls(async {
        let mut server = Server::start().await;
        let mut stream = connect(&server, &common().client, "localhost").await.expect("a handshake");
        let upgrade = "GET /v1/stream HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(upgrade.as_bytes()).await.expect("an open connection");
        let mut answer = Vec::new();
        while !answer.windows(7).any(|part| part == b"welcome") {
            within("a welcome", stream.read_buf(&mut answer)).await.expect("an open connection");
        }
        let mut events = Sse::open(&server, "symbols=A", &["A"]).await;
        server.signal("TERM");
        // Without the notice, the client's library would report an end before its time.
        let end = within("the end", stream.read_to_end(&mut answer)).await;
        assert!(end.is_ok(), "{end:?}");
        while events.next_or_end().await.is_some() {}
        drop(stream);
        assert!(server.exited().await.success());
    })
    .await;
}

#[tokio::test]
async fn long_answers_and_long_requests_pass() {
    in_tls(async {
        let server = Server::start().await;
        let names: Vec<String> = (0..3_000).map(|number| format!("SYMBOL-{number}")).collect();
        let lines: Vec<_> = names.iter().flat_map(|name| bids(name, 1..=1)).collect();
        server.publish(&lines).await;
        let symbols = server.symbols().await;
        assert_eq!(symbols.len(), names.len());
        let reply = server.get("/v1/snapshot?symbols=*").await;
        assert_eq!(reply.status.as_u16(), 200);
        assert!(reply.body.len() > 200_000, "{}", reply.body.len());
    })
    .await;
}

#[tokio::test]
async fn a_broken_record_ends_a_session_with_an_alert() {
    in_tls(async {
        let server = Server::start().await;
        let mut stream = connect(&server, &common().client, "localhost").await.expect("a handshake");
        let (socket, _) = stream.get_mut();
        socket
            .write_all(b"\x17\x03\x03\x00\x20not what the keys would decrypt!")
            .await
            .expect("a connection");
        let ended = within("the end", stream.read(&mut [0; 64])).await;
        let error = ended.expect_err("an alert");
        assert_eq!(error.kind(), ErrorKind::InvalidData, "{error}");
        eventually("the connection to be gone", async || {
            server.metrics().await.sum("tickcast_sessions") == 0
        })
        .await;
    })
    .await;
}
