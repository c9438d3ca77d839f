//! Clients that make handshakes dear: half a `ClientHello`, handshakes that stop half way, from one address and from many.
//!
//! Nothing here is decided by how long something takes: a handshake has begun when its client has read the first byte of
//! the server's answer, and one that has to go is seen to go by its client.

use std::{collections::VecDeque, io, net::Ipv4Addr, sync::Arc};

use rustls::{
    ClientConfig, ClientConnection, SupportedProtocolVersion,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::harness::{
    Client, Server, in_tls,
    server::Builder,
    socket::{Authority, Files, common},
    within,
};

async fn rejected(server: &Server, reason: &str) -> u64 {
    server.metrics().await.sum_where("tickcast_tls_rejected_total", reason)
}

/// A `ClientHello` as a client sends it.
fn hello() -> Vec<u8> {
    let name = "localhost".try_into().expect("a name");
    let mut client = ClientConnection::new(Arc::clone(&common().client), name).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("a buffer");
    bytes
}

/// A client whose handshake has begun, and which then says nothing.
struct Silent {
    stream: TcpStream,
    client: Box<ClientConnection>,
    /// What it has read of the server's answer.
    read: Vec<u8>,
}

impl Silent {
    /// From 127.0.0.`source`.
    async fn begin(server: &Server, source: u8, config: &Arc<ClientConfig>) -> Silent {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.bind((Ipv4Addr::new(127, 0, 0, source), 0).into()).expect("an address of loopback");
        let mut stream = socket.connect(server.address).await.expect("a listening server");
        let name = "localhost".try_into().expect("a name");
        let mut client = ClientConnection::new(Arc::clone(config), name).expect("a client");
        let mut hello = Vec::new();
        client.write_tls(&mut hello).expect("a buffer");
        stream.write_all(&hello).await.expect("an open connection");
        let mut read = vec![0];
        within("an answer", stream.read_exact(&mut read)).await.expect("a record");
        Silent { stream, client: Box::new(client), read }
    }

    /// Reads to the end, which the server makes.
    async fn until_dropped(mut self) {
        while !matches!(within("the end", self.stream.read_buf(&mut self.read)).await, Ok(0) | Err(_)) {}
    }

    /// Goes on after all, and asks for something.
    async fn goes_on(mut self) {
        let answered = async {
            let mut told = Vec::new();
            let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
            io::Write::write_all(&mut self.client.writer(), request)?;
            while !told.starts_with(b"HTTP/1.1 200") {
                let mut bytes = &std::mem::take(&mut self.read)[..];
                while !bytes.is_empty() {
                    self.client.read_tls(&mut bytes)?;
                    self.client.process_new_packets().map_err(io::Error::other)?;
                }
                // Nothing yet, mostly.
                let _ = io::Read::read_to_end(&mut self.client.reader(), &mut told);
                let mut out = Vec::new();
                while self.client.wants_write() {
                    self.client.write_tls(&mut out)?;
                }
                self.stream.write_all(&out).await?;
                if told.is_empty() && self.stream.read_buf(&mut self.read).await? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            io::Result::Ok(())
        };
        within("an answer", answered).await.expect("a handshake that the server has kept");
    }
}

#[tokio::test]
async fn half_a_hello_takes_no_place_and_ends_with_its_time() {
    in_tls(async {
        let server = Server::with().limit("tls_handshakes", 1).limit("handshake_ms", 5_000).start().await;
        let hello = hello();
        let mut half = Vec::new();
        for index in 0..1_000 {
            let mut stream = TcpStream::connect(server.address).await.expect("a listening server");
            // From nothing to all but the last byte.
            let sent = index * (hello.len() - 1) / 999;
            stream.write_all(&hello[..sent]).await.expect("an open connection");
            half.push(stream);
        }
        let mut client = Client::open(&server).await;
        client.ping().await;
        assert_eq!(server.metrics().await.sum("tickcast_tls_handshakes_under_way"), 0);
        for mut stream in half {
            let ended = within("the end", stream.read(&mut [0; 64])).await;
            assert!(matches!(ended, Ok(0) | Err(_)), "nothing is answered to half a hello: {ended:?}");
        }
        assert_eq!(rejected(&server, "timeout").await, 1_000);
        client.ping().await;
    })
    .await;
}

#[tokio::test]
async fn a_hello_byte_by_byte_is_a_hello() {
    in_tls(async {
        let server = Server::start().await;
        let mut stream = TcpStream::connect(server.address).await.expect("a listening server");
        stream.set_nodelay(true).expect("an option");
        for byte in hello() {
            stream.write_all(&[byte]).await.expect("an open connection");
            tokio::task::yield_now().await;
        }
        let mut header = [0; 3];
        within("an answer", stream.read_exact(&mut header)).await.expect("a record");
        assert_eq!(header, [22, 3, 3], "a record of the handshake");
    })
    .await;
}

/// Many addresses of loopback are many clients.
const FLOOD: u8 = 2;
const SLOW: u8 = 3;
const BOUND: usize = 16;

fn bounded() -> Builder {
    Server::with().limit("tls_handshakes", BOUND as u64).limit("handshake_ms", 600_000)
}

#[tokio::test]
async fn a_flood_of_silent_handshakes_drops_its_own_and_keeps_nobody_waiting() {
    for version in [&TLS12, &TLS13] {
        flood(version).await;
    }
}

async fn flood(version: &'static SupportedProtocolVersion) {
    in_tls(async {
        let server = bounded().start().await;
        let config = Arc::new(common().authority.client(&[version]));
        // The oldest of all, of an address that floods nobody.
        let slow = Silent::begin(&server, SLOW, &config).await;
        let mut flood = VecDeque::new();
        for _ in 1..BOUND {
            flood.push_back(Silent::begin(&server, FLOOD, &config).await);
        }
        // Every one from here on is one too many: each is answered at once, and its own oldest goes.
        for _ in 0..BOUND {
            flood.push_back(Silent::begin(&server, FLOOD, &config).await);
            flood.pop_front().expect("an older one").until_dropped().await;
        }
        let mut honest = Client::open(&server).await;
        honest.ping().await;
        flood.pop_front().expect("an older one").until_dropped().await;
        let metrics = server.metrics().await;
        assert_eq!(metrics.sum_where("tickcast_tls_rejected_total", "crowded"), BOUND as u64 + 1);
        assert_eq!(metrics.sum_where("tickcast_tls_rejected_total", "timeout"), 0);
        assert!(metrics.sum("tickcast_tls_handshakes_under_way") <= BOUND as u64);
        slow.goes_on().await;
        flood.pop_back().expect("the newest").goes_on().await;
        honest.ping().await;
    })
    .await;
}

#[tokio::test]
async fn a_flood_from_many_addresses_leaves_each_as_long_as_the_bound_others_take() {
    in_tls(async {
        let server = bounded().start().await;
        let config = &common().client;
        let mut flood = VecDeque::new();
        let address = |number: usize| 10 + u8::try_from(number).expect("few");
        for number in 0..3 * BOUND {
            flood.push_back(Silent::begin(&server, address(number), config).await);
            if flood.len() > BOUND {
                flood.pop_front().expect("an older one").until_dropped().await;
            }
        }
        // A client far away: all but one of the others begin between its two flights.
        let slow = Silent::begin(&server, SLOW, config).await;
        flood.pop_front().expect("an older one").until_dropped().await;
        for number in 0..BOUND - 1 {
            flood.push_back(Silent::begin(&server, address(100 + number), config).await);
            flood.pop_front().expect("an older one").until_dropped().await;
        }
        slow.goes_on().await;
        Client::open(&server).await.ping().await;
        assert_eq!(rejected(&server, "crowded").await, 3 * BOUND as u64);
    })
    .await;
}

#[tokio::test]
async fn clients_with_certificates_come_in_beside_a_flood() {
    let (authority, clients, files) = (Authority::new(), Authority::new(), Files::new("flooded"));
    let pair = authority.certify(&["localhost"]);
    let (cert, key) = (files.write("cert.pem", &pair.cert), files.write("key.pem", &pair.key));
    let ca = files.write("ca.pem", &clients.pem);
    let welcome = Arc::new(authority.client_with(&clients.certify(&["a client"])));
    let server = bounded().tls(&[(&cert, &key)], &welcome).args(&["--tls-client-ca", &ca]).start().await;
    let slow = Silent::begin(&server, SLOW, &welcome).await;
    let mut flood = Vec::new();
    for _ in 0..2 * BOUND {
        flood.push(Silent::begin(&server, FLOOD, &welcome).await);
    }
    Client::open(&server).await.ping().await;
    slow.goes_on().await;
    assert!(rejected(&server, "crowded").await > BOUND as u64);
}

#[tokio::test]
async fn who_goes_half_way_is_counted_once_and_leaves_nothing() {
    in_tls(async {
        let server = bounded().start().await;
        let silent = Silent::begin(&server, FLOOD, &common().client).await;
        assert_eq!(server.metrics().await.sum("tickcast_tls_handshakes_under_way"), 1);
        drop(silent);
        server
            .until_metrics("it to be gone", |metrics| {
                metrics.sum_where("tickcast_tls_rejected_total", "gone") == 1
                    && metrics.sum("tickcast_tls_handshakes_under_way") == 0
            })
            .await;
    })
    .await;
}
