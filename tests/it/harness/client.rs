//! A WebSocket client that speaks the domain and checks the laws on every message that it ever receives.
//!
//! It reads only when a test asks it to, so a client that is left alone is a stalled client. Invariants checked on
//! each frame: messages of the encoding, `welcome` first, at most 16 KiB when it carries data, and the laws of [`Store`].

use std::{collections::VecDeque, net::SocketAddr, sync::Arc};

use futures_util::{SinkExt, StreamExt};
use rustls::ClientConfig;
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, net::TcpSocket};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        self, Message as Frame,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

use super::{
    Encoding, Frames, Inflating, Message, Server, Socket, Store, Subscription, encoding, inflate::OFFER,
    within,
};

/// The most bytes that a frame with data may have.
const DATA_FRAME_BYTES_MAX: usize = 16 * 1024;

const SUBPROTOCOL: &str = "sec-websocket-protocol";
const EXTENSIONS: &str = "sec-websocket-extensions";

pub struct Client {
    encoding: Encoding,
    decoder: Frames,
    ws: WebSocketStream<Inflating>,
    pub welcome: Message,
    pub store: Store,
    /// The response of the upgrade.
    pub handshake: tungstenite::handshake::client::Response,
    inbox: VecDeque<Message>,
    next_id: u64,
    pub frames: u64,
    pub frame_bytes_max: usize,
}

/// How a client connects.
pub struct Connect {
    address: SocketAddr,
    path: String,
    headers: Vec<(String, String)>,
    receive_buffer_bytes: Option<u32>,
    encoding: Encoding,
    tls: Option<Arc<ClientConfig>>,
}

// === impl Connect ===

impl Connect {
    pub fn query(mut self, query: &str) -> Self {
        self.path = format!("/v1/stream?{query}");
        self
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A small one makes a client that stalls fill up soon.
    pub fn receive_buffer_bytes(mut self, bytes: u32) -> Self {
        self.receive_buffer_bytes = Some(bytes);
        self
    }

    /// Shakes hands and reads the welcome.
    pub async fn open(self) -> Client {
        self.wanting(&[]).await
    }

    /// As [`Connect::open`], for a query that subscribes to `symbols`.
    pub async fn wanting(self, symbols: &[&str]) -> Client {
        let socket = TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = self.receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes).expect("a receive buffer of this size");
        }
        let stream = within("a connection", socket.connect(self.address)).await.expect("a listening server");
        let stream = within("a handshake of TLS", Socket::over(stream, self.tls.as_ref())).await;
        let stream = stream.expect("a handshake of TLS");
        let url = format!("ws://{}{}", self.address, self.path);
        let mut request = url.into_client_request().expect("a request");
        let names_one = self.headers.iter().any(|(name, _)| name == SUBPROTOCOL);
        if self.encoding == Encoding::Binary && !names_one {
            let offer = HeaderValue::from_static(self.encoding.subprotocol());
            request.headers_mut().insert(SUBPROTOCOL, offer);
        }
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header");
            request.headers_mut().append(name, value.parse().expect("a header's value"));
        }
        let (ws, handshake) = upgrade(request, stream, self.encoding).await;
        Client::start(ws, handshake, symbols, self.encoding).await
    }
}

/// Shakes hands, and offers what the encoding needs beside its subprotocol.
pub async fn upgrade(
    mut request: tungstenite::handshake::client::Request,
    stream: Socket,
    encoding: Encoding,
) -> (WebSocketStream<Inflating>, tungstenite::handshake::client::Response) {
    let is_compressed = encoding == Encoding::Compressed;
    if is_compressed {
        request.headers_mut().insert(EXTENSIONS, HeaderValue::from_static(OFFER));
    }
    let shaken = client_async(request, Inflating::new(stream, is_compressed));
    let (ws, handshake) = within("a handshake", shaken).await.expect("an upgrade");
    assert_eq!(handshake.headers().contains_key(EXTENSIONS), is_compressed, "{handshake:?}");
    (ws, handshake)
}

// === impl Client ===

impl Client {
    pub fn of(server: &Server) -> Connect {
        Connect {
            address: server.address,
            path: "/v1/stream".to_owned(),
            headers: Vec::new(),
            receive_buffer_bytes: None,
            encoding: encoding(),
            tls: server.tls.clone(),
        }
    }

    /// A client that reads as fast as it can.
    pub async fn open(server: &Server) -> Client {
        Client::of(server).open().await
    }

    async fn start(
        ws: WebSocketStream<Inflating>,
        handshake: tungstenite::handshake::client::Response,
        symbols: &[&str],
        encoding: Encoding,
    ) -> Client {
        let mut store = Store::default();
        store.want(&symbols.iter().map(|symbol| (*symbol).to_owned()).collect::<Vec<_>>());
        let welcome = Message::of_frame(r#"[{"type":"none"}]"#).remove(0);
        let mut client = Client {
            encoding,
            decoder: Frames::default(),
            ws,
            welcome,
            store,
            handshake,
            inbox: VecDeque::new(),
            next_id: 1,
            frames: 0,
            frame_bytes_max: 0,
        };
        client.welcome = client.next().await;
        assert!(client.welcome.is("welcome"), "the first message is a welcome, not {:?}", client.welcome);
        client
    }

    pub fn epoch(&self) -> String {
        self.welcome.str("epoch")
    }

    /// The next message, whatever it is. Panics when the connection ends.
    pub async fn next(&mut self) -> Message {
        match self.next_or_close().await {
            Ok(message) => message,
            Err(code) => panic!("the server closed with {code:?} while a message was expected"),
        }
    }

    /// The next message, or the code that the server closed with (`None`: without a close frame).
    pub async fn next_or_close(&mut self) -> Result<Message, Option<u16>> {
        while self.inbox.is_empty() {
            match within("a frame", self.ws.next()).await {
                Some(Ok(Frame::Text(text))) => {
                    let messages = self.decoder.text(&text);
                    self.take(messages, &text);
                }
                Some(Ok(Frame::Close(frame))) => {
                    // The library answers the close while it is read on; the server then ends the connection, and
                    // this end of it follows.
                    while let Some(Ok(_)) = within("the end of the connection", self.ws.next()).await {}
                    let _ = self.ws.get_mut().shutdown().await;
                    return Err(frame.map(|frame| frame.code.into()));
                }
                Some(Ok(Frame::Binary(bytes))) => {
                    assert_eq!(self.encoding, Encoding::Binary, "{} binary bytes", bytes.len());
                    let messages = self.decoder.binary(&bytes);
                    let messages = messages.unwrap_or_else(|error| panic!("{error}: {bytes:?}"));
                    self.take(messages, &bytes);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
        Ok(self.inbox.pop_front().expect("an inbox that is not empty"))
    }

    fn take(&mut self, messages: Vec<Message>, frame: &(impl AsRef<[u8]> + ?Sized)) {
        let bytes = frame.as_ref().len();
        self.frames += 1;
        if messages.iter().any(Message::is_data) {
            self.frame_bytes_max = self.frame_bytes_max.max(bytes);
            assert!(bytes <= DATA_FRAME_BYTES_MAX, "a data frame of {bytes} bytes: {:?}", messages[0]);
        }
        for message in messages {
            self.store.apply(&message);
            self.inbox.push_back(message);
        }
    }

    /// Reads until the server closes; the code of its close frame.
    pub async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Err(code) = self.next_or_close().await {
                return code;
            }
        }
    }

    /// Reads until a message for which `matches` holds.
    pub async fn until(&mut self, what: &str, matches: impl Fn(&Message) -> bool) -> Message {
        within(what, async {
            loop {
                let message = self.next().await;
                if matches(&message) {
                    return message;
                }
            }
        })
        .await
    }

    pub async fn until_kind(&mut self, kind: &str) -> Message {
        self.until(&format!("a message of type {kind}"), |message| message.is(kind)).await
    }

    /// The first snapshot or update of this subscription from now on.
    pub async fn data_of(&mut self, symbol: &str) -> Message {
        self.until(&format!("data of {symbol}"), |message| message.is_data() && message.key() == symbol).await
    }

    pub async fn expect_snapshot(&mut self, symbol: &str) -> Message {
        let message = self.data_of(symbol).await;
        assert!(message.is("snapshot"), "a snapshot of {symbol} comes first, not {message:?}");
        message
    }

    /// Reads until this symbol's record has reached `seq`.
    pub async fn until_seq(&mut self, symbol: &str, seq: u64) {
        within(&format!("{symbol} at seq {seq}, now at {:?}", self.store.cursor(symbol)), async {
            while self.store.cursor(symbol).is_none_or(|cursor| cursor < seq) {
                self.next().await;
            }
        })
        .await;
        // What the frame brought besides has been applied; a later wait starts behind it.
        self.inbox.clear();
    }

    pub async fn send_text(&mut self, text: &str) {
        self.send(Frame::text(text)).await;
    }

    pub async fn send(&mut self, frame: Frame) {
        within("room to send", self.ws.send(frame)).await.expect("an open connection");
    }

    /// Sends without a claim that the server still listens: for floods that it cuts off.
    pub async fn send_if_open(&mut self, frame: Frame) -> bool {
        within("room to send", self.ws.send(frame)).await.is_ok()
    }

    /// The id of the next command.
    fn fresh_id(&self) -> String {
        format!("c{}", self.next_id)
    }

    /// Sends a command under a fresh id and waits for the answer that echoes it.
    pub async fn command(&mut self, mut command: Value) -> Message {
        let id = self.fresh_id();
        self.next_id += 1;
        command["id"] = json!(id);
        self.send_text(&command.to_string()).await;
        self.until(&format!("the answer to {command:.200}"), |message| message.value("id") == json!(id)).await
    }

    /// Subscribes and returns `(symbol, status)` for each symbol; the store learns what to expect from here on.
    pub async fn subscribe(&mut self, subscription: Subscription) -> Vec<(String, String)> {
        let keys = subscription.keys();
        self.store.want(&keys);
        self.store.resume(&self.fresh_id(), subscription.last());
        let answer = self.command(subscription.command()).await;
        assert!(answer.is("subscribed"), "a subscribe is answered by subscribed, not {answer:?}");
        let results = answer.results();
        let names: Vec<_> = results.iter().map(|(symbol, _)| symbol.clone()).collect();
        assert_eq!(names, keys, "one result for each symbol, in the order of the command");
        results
    }

    /// Subscribes to symbols that must all be accepted with `status`.
    pub async fn subscribe_as(&mut self, status: &str, subscription: Subscription) {
        let results = self.subscribe(subscription).await;
        assert!(
            results.iter().all(|(_, found)| found == status),
            "all {status} was expected, not {results:?}"
        );
    }

    pub async fn unsubscribe(&mut self, symbols: &[&str]) -> Vec<(String, String)> {
        let answer = self.command(json!({"op": "unsubscribe", "symbols": symbols})).await;
        assert!(answer.is("unsubscribed"), "an unsubscribe is answered by unsubscribed, not {answer:?}");
        answer.results()
    }

    /// A round trip through the control queue: everything sent before it has been handled.
    pub async fn ping(&mut self) {
        let answer = self.command(json!({"op": "ping"})).await;
        assert!(answer.is("pong"), "a ping is answered by a pong, not {answer:?}");
    }
}
