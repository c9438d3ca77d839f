//! A small scripted server for the tests of programs that use this crate. It follows the protocol unless a test makes it
//! break it.
//!
//! Not a model of the service: there are no ticks. Each subscription gets the same few messages, of every kind, and a test
//! changes some of them to see that the client notices. It panics on what it does not support, since it runs in tests.

mod encode;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn,
    upgrade::Upgraded,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::derive_accept_key,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use self::encode::Encoder;
use crate::encoding::Encoding;

/// The behaviour of the server; by default it follows the protocol.
#[derive(Clone)]
pub struct Script {
    /// Names, and the seq that a new subscription's snapshot has; 0: no tick yet. The head is [`TICKS`] further on.
    pub symbols: Vec<(&'static str, u64)>,
    /// May change the messages that follow an acknowledgement. The number counts connections from 0.
    pub twist: fn(u32, &mut Vec<Value>),
    /// May change an acknowledgement's results.
    pub answer: fn(&mut Vec<Value>),
    /// May change what `/v1/snapshot` answers.
    pub snapshots: fn(&mut Vec<Value>),
    /// May change the counts that `/metrics` shows: offered, delivered, conflated, gapped.
    pub metrics: fn(&mut [i64; 4]),
    /// What is done when the messages are out. The number counts connections from 0.
    pub then: fn(u32) -> Then,
    /// The status of the handshake; anything but 101 refuses it.
    pub handshake: u16,
    /// The subprotocol that it agrees to, where the client offers it; otherwise it names none.
    pub subprotocol: &'static str,
    /// The time of its first tick, in microseconds since 1970; `None`: now.
    pub start_us: Option<i64>,
}

/// What a connection does after its messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Then {
    Stay,
    /// Sends a ping first, and stays only if its pong comes.
    Ping,
    Close(u16),
    /// Says that the market is over, and closes as that calls for.
    End,
    /// Ends without a close frame.
    Drop,
}

/// A running server.
pub struct Mock {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
    state: Arc<State>,
}

struct State {
    script: Script,
    epoch: String,
    start_us: i64,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: u32,
    /// Offered, delivered, conflated, gapped.
    counts: [i64; 4],
    commands: Vec<Value>,
    pongs: u32,
}

/// How many ticks follow the snapshot of a subscription.
pub const TICKS: u64 = 7;

impl Default for Script {
    fn default() -> Self {
        Script {
            symbols: vec![("BTC-USD", 100), ("ETH-USD", 7), ("A/B", 0)],
            twist: |_, _| {},
            answer: |_| {},
            snapshots: |_| {},
            metrics: |_| {},
            then: |_| Then::Stay,
            handshake: 101,
            subprotocol: Encoding::Binary.subprotocol(),
            start_us: None,
        }
    }
}

// === impl Mock ===

impl Mock {
    /// Listens on loopback, on any port, until the runtime ends.
    ///
    /// # Panics
    /// When there is no port.
    pub async fn start(script: Script) -> Mock {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let start_us = script.start_us.unwrap_or_else(|| now_us() - 1_000);
        let state = Arc::new(State { script, epoch: "e1".to_owned(), start_us, seen: Mutex::default() });
        let served = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&served)));
            }
        });
        Mock { address, accepting, state }
    }

    /// Stops listening; existing connections stay.
    pub async fn close(&mut self) {
        self.accepting.abort();
        // It ends as cancelled; what counts is that the listener is gone.
        let _ended = (&mut self.accepting).await;
    }

    pub fn url(&self) -> String {
        format!("ws://{}/v1/stream", self.address)
    }

    /// Every command received so far.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn commands(&self) -> Vec<Value> {
        self.state.seen.lock().unwrap().commands.clone()
    }

    /// How many of its pings were answered.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn pongs(&self) -> u32 {
        self.state.seen.lock().unwrap().pongs
    }
}

async fn serve(stream: TcpStream, state: Arc<State>) {
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, &state)) }
    });
    // A client that leaves in the middle of a request is none of this server's business.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

fn answer(request: Request<Incoming>, state: &Arc<State>) -> Response<Full<Bytes>> {
    match request.uri().path() {
        "/v1/stream" if state.script.handshake != 101 => {
            let body = json!({"error": {"code": "draining", "message": "try another server"}});
            respond(StatusCode::from_u16(state.script.handshake).unwrap(), body.to_string())
        }
        "/v1/stream" => upgrade(request, state),
        "/v1/symbols" => respond(StatusCode::OK, Value::Array(state.symbols()).to_string()),
        "/v1/snapshot" => {
            let query = request.uri().query().unwrap_or_default();
            let names = form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "symbols").unwrap().1;
            let mut records: Vec<Value> =
                names.split(',').map(|name| state.message("snapshot", name, state.head(name), 1)).collect();
            (state.script.snapshots)(&mut records);
            respond(StatusCode::OK, Value::Array(records).to_string())
        }
        "/metrics" => respond(StatusCode::OK, state.metrics()),
        _ => respond(
            StatusCode::NOT_FOUND,
            json!({"error": {"code": "not_found", "message": "no"}}).to_string(),
        ),
    }
}

fn respond(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    Response::builder().status(status).body(Full::from(body)).unwrap()
}

fn upgrade(mut request: Request<Incoming>, state: &Arc<State>) -> Response<Full<Bytes>> {
    let accept = derive_accept_key(request.headers()[header::SEC_WEBSOCKET_KEY].as_bytes());
    let upgraded = hyper::upgrade::on(&mut request);
    let offered = request.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
    let offered = offered.map_or("", |offered| offered.to_str().unwrap());
    let agreed =
        offered.split(", ").find(|name| *name == state.script.subprotocol).map(|_| state.script.subprotocol);
    let is_binary = agreed == Some(Encoding::Binary.subprotocol());
    let number = {
        let mut seen = state.seen.lock().unwrap();
        seen.connections += 1;
        seen.connections - 1
    };
    let state = Arc::clone(state);
    tokio::spawn(async move {
        let io = TokioIo::new(upgraded.await.unwrap());
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        // A client that goes away in the middle of a message is none of this server's business.
        let _ended = session(socket, number, is_binary, &state).await;
    });
    let mut response = Response::builder();
    if let Some(agreed) = agreed {
        response = response.header(header::SEC_WEBSOCKET_PROTOCOL, agreed);
    }
    response
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_ACCEPT, accept)
        .body(Full::default())
        .unwrap()
}

/// This machine's time, in microseconds since 1970.
fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

async fn session(
    mut socket: Socket,
    number: u32,
    is_binary: bool,
    state: &State,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    let mut welcome =
        json!({"type": "welcome", "protocol": 1, "session": "s", "epoch": state.epoch, "heartbeat_ms": 5000});
    if is_binary {
        welcome["origin"] = state.start_us.into();
    }
    socket.send(Message::text(json!([welcome]).to_string())).await?;
    let mut encoder = Encoder::default();
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        let command: Value = serde_json::from_str(&text).unwrap();
        if command["op"] == "ping" {
            let ts = now_us();
            let pong = json!([{"type": "pong", "id": command["id"], "ts": ts}]);
            socket.send(Message::text(pong.to_string())).await?;
            continue;
        }
        state.seen.lock().unwrap().commands.push(command.clone());
        let (results, mut messages) = state.subscribe(&command);
        (state.script.twist)(number, &mut messages);
        let mut acknowledged = json!({"type": "subscribed", "id": command["id"], "results": results});
        if is_binary {
            acknowledged["fields"] = encode::table();
        }
        socket.send(Message::text(json!([acknowledged]).to_string())).await?;
        // Two to a frame, so that there is more than one of each.
        for frame in messages.chunks(2) {
            let frame = if is_binary {
                Message::binary(encoder.frame(frame, state.start_us))
            } else {
                Message::text(Value::from(frame).to_string())
            };
            socket.send(frame).await?;
        }
        match (state.script.then)(number) {
            Then::Stay => {}
            Then::Drop => return Ok(()),
            Then::End => {
                socket.send(Message::text(json!([{"type": "end"}]).to_string())).await?;
                let frame = CloseFrame { code: CloseCode::Normal, reason: "the replay is over".into() };
                socket.close(Some(frame)).await?;
            }
            Then::Close(code) => {
                let frame = CloseFrame { code: CloseCode::from(code), reason: "told to".into() };
                socket.close(Some(frame)).await?;
            }
            Then::Ping => {
                socket.send(Message::Ping("are you there".into())).await?;
                let pong = socket.next().await.transpose()?;
                assert_eq!(pong, Some(Message::Pong("are you there".into())));
                state.seen.lock().unwrap().pongs += 1;
            }
        }
    }
    Ok(())
}

// === impl State ===

impl State {
    fn base(&self, name: &str) -> u64 {
        self.script.symbols.iter().find(|(known, _)| *known == name).unwrap().1
    }

    fn head(&self, name: &str) -> u64 {
        self.base(name) + TICKS
    }

    fn symbols(&self) -> Vec<Value> {
        let symbols = self.script.symbols.iter();
        symbols.map(|(name, _)| json!({"symbol": name, "seq": self.head(name), "state": "live"})).collect()
    }

    /// A message of the contract; full records from snapshots and where several ticks are merged.
    fn message(&self, kind: &str, symbol: &str, seq: u64, n: u64) -> Value {
        let rx = self.start_us + i64::try_from(seq).unwrap();
        let mut message = json!({"type": kind, "symbol": symbol, "seq": seq, "ts": rx - 1, "rx": rx, "bid": seq as f64 + 0.5});
        if kind == "snapshot" || n > 1 || seq == 1 {
            let rest = json!({"ask": 900_719_925.123_456_7, "side": "buy", "volume": 12});
            message.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        }
        if n > 1 {
            message["n"] = n.into();
        }
        message
    }

    /// The results of a subscribe command, and the messages that follow it.
    fn subscribe(&self, command: &Value) -> (Vec<Value>, Vec<Value>) {
        let mut results = Vec::new();
        let mut messages = Vec::new();
        let resumes = command["resume"]["epoch"] == self.epoch.as_str();
        for name in command["symbols"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
            if !self.script.symbols.iter().any(|(known, _)| *known == name) {
                results.push(json!({"symbol": name, "status": "pending"}));
                continue;
            }
            let base = self.base(name);
            if resumes && command["resume"]["last"][name].is_u64() {
                results.push(json!({"symbol": name, "status": "resumed"}));
                continue;
            }
            results.push(json!({"symbol": name, "status": if base == 0 { "pending" } else { "ok" }}));
            if base > 0 {
                messages.push(self.message("snapshot", name, base, 1));
            }
            messages.push(self.message("update", name, base + 1, 1));
            messages.push(self.message("update", name, base + 4, 3));
            messages.push(
                json!({"type": "gap", "symbol": name, "from": base + 5, "to": base + 6, "reason": "slow"}),
            );
            messages.push(self.message("snapshot", name, base + 6, 1));
            messages.push(self.message("update", name, base + TICKS, 1));
            let mut seen = self.seen.lock().unwrap();
            for (count, more) in seen.counts.iter_mut().zip([7, 3, 2, 2]) {
                *count += more;
            }
        }
        (self.script.answer)(&mut results);
        (results, messages)
    }

    fn metrics(&self) -> String {
        let mut counts = self.seen.lock().unwrap().counts;
        (self.script.metrics)(&mut counts);
        let [offered, delivered, conflated, gapped] = counts;
        format!(
            "tickcast_updates_offered_total {offered}\ntickcast_updates_delivered_total {delivered}\n\
             tickcast_updates_conflated_total {conflated}\ntickcast_updates_gapped_total{{reason=\"slow\"}} {gapped}\n\
             tickcast_updates_pending 0\nprocess_cpu_seconds_total 1\n"
        )
    }
}
