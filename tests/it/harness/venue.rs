//! A venue on loopback that a test plays by hand: it accepts connections, reads what is asked, and says what the script
//! says. It speaks WebSocket, plain or in TLS, and nothing else; what is said is the test's.

use futures_util::{SinkExt, StreamExt};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream, accept_hdr_async,
    tungstenite::{
        Message,
        handshake::server::{Request, Response},
        protocol::CloseFrame,
    },
};

use super::{socket::Pair, within};

trait VenueSocket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> VenueSocket for S {}

/// The venue's socket.
pub struct Venue {
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
}

/// One connection to it.
pub struct VenueEnd {
    /// The path and query that were asked for.
    pub path: String,
    socket: WebSocketStream<Box<dyn VenueSocket>>,
}

impl Venue {
    pub async fn start() -> Venue {
        Venue { listener: TcpListener::bind("127.0.0.1:0").await.expect("a port"), tls: None }
    }

    /// One that speaks TLS, with this certificate.
    pub async fn in_tls(pair: &Pair) -> Venue {
        let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        let builder = ServerConfig::builder_with_provider(aws_lc_rs::default_provider().into());
        let builder = builder.with_safe_default_protocol_versions().expect("versions").with_no_client_auth();
        let config = builder.with_single_cert(chain, key).expect("a pair");
        Venue { tls: Some(TlsAcceptor::from(std::sync::Arc::new(config))), ..Venue::start().await }
    }

    /// For `url=`.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}", self.listener.local_addr().expect("a bound socket"))
    }

    /// The next connection.
    pub async fn accept(&self) -> VenueEnd {
        let accepting = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            let stream: Box<dyn VenueSocket> = match &self.tls {
                Some(tls) => Box::new(tls.accept(stream).await.expect("a handshake of TLS")),
                None => Box::new(stream),
            };
            let mut path = String::new();
            #[expect(clippy::result_large_err, reason = "the library's own type of a refusal")]
            let told = |request: &Request, response: Response| {
                path = request.uri().to_string();
                Ok(response)
            };
            let socket = accept_hdr_async(stream, told).await.expect("a handshake");
            VenueEnd { path, socket }
        };
        within("a connection to the venue", accepting).await
    }

    /// The next request over HTTP, which is answered with this; its first line, and its body.
    pub async fn answer(&self, body: &str) -> (String, String) {
        let answering = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let (mut first, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.expect("a head");
                if line.trim_end().is_empty() {
                    break;
                }
                let header = line.to_ascii_lowercase();
                if let Some(text) = header.strip_prefix("content-length:") {
                    length = text.trim().parse().expect("a length");
                }
                if first.is_empty() {
                    line.trim_end().clone_into(&mut first);
                }
            }
            let mut asked = vec![0; length];
            stream.read_exact(&mut asked).await.expect("a body");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.get_mut().write_all(answer.as_bytes()).await.expect("an open connection");
            (first, String::from_utf8(asked).expect("UTF-8"))
        };
        within("a request to the venue", answering).await
    }

    /// The next connection, whose other side does not believe the certificate.
    pub async fn disbelieved(&self) {
        let accepting = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            let tls = self.tls.as_ref().expect("a venue in TLS");
            assert!(tls.accept(stream).await.is_err(), "the certificate was believed");
        };
        within("a connection to the venue", accepting).await;
    }

    /// The next connection, whose handshake is answered with this head.
    pub async fn refuse_with(&self, head: &str) {
        let refusing = async {
            let (stream, _) = self.listener.accept().await.expect("a connection");
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            while line.trim_end() != "" || line.is_empty() {
                line.clear();
                stream.read_line(&mut line).await.expect("a head");
            }
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
            stream.get_mut().write_all(answer.as_bytes()).await.expect("an open connection");
        };
        within("a request to the venue", refusing).await;
    }

    /// The next connection, which is refused before its handshake.
    pub async fn refuse(&self) {
        let accepted = within("a connection to the venue", self.listener.accept()).await;
        drop(accepted.expect("a connection"));
    }
}

impl VenueEnd {
    /// The next text, as JSON; pings are answered by the library.
    pub async fn asked(&mut self) -> Value {
        let asked = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return serde_json::from_str(&text).expect("JSON"),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("no question but {other:?}"),
                }
            }
        };
        within("a question to the venue", asked).await
    }

    pub async fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.expect("an open connection");
    }

    pub async fn say_binary(&mut self, message: Vec<u8>) {
        self.socket.send(Message::binary(message)).await.expect("an open connection");
    }

    /// The next message that is neither ping nor pong, as bytes.
    pub async fn heard(&mut self) -> Vec<u8> {
        let heard = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Text(text))) => return text.as_bytes().to_vec(),
                    Some(Ok(Message::Binary(bytes))) => return bytes.to_vec(),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    other => panic!("no message but {other:?}"),
                }
            }
        };
        within("a message to the venue", heard).await
    }

    /// Pings, and waits for the pong with the same payload.
    pub async fn ping(&mut self, payload: &[u8]) {
        self.socket.send(Message::Ping(payload.to_vec().into())).await.expect("an open connection");
        let pong = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Pong(found))) if found == payload => return,
                    Some(Ok(_)) => {}
                    other => panic!("no pong but {other:?}"),
                }
            }
        };
        within("a pong", pong).await;
    }

    /// Closes the connection, and waits for the answer to that.
    pub async fn close(mut self, code: u16) {
        let frame = CloseFrame { code: code.into(), reason: "service restart".into() };
        self.socket.send(Message::Close(Some(frame))).await.expect("an open connection");
        let answer = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(_))) => return,
                    Some(Ok(_)) => {}
                    other => panic!("no answer to a close but {other:?}"),
                }
            }
        };
        within("the answer to a close", answer).await;
    }

    /// Waits until the other side has closed or left.
    pub async fn closed(mut self) {
        within("the end of a connection", async { while let Some(Ok(_)) = self.socket.next().await {} })
            .await;
    }
}
