//! A small scripted server for the tests of programs that use this crate. It follows the protocol unless a test makes it
//! break it.
//!
//! Not a model of the service: there are no ticks. Each subscription gets the same few messages, of every kind, and a test
//! changes some of them to see that the client notices. It panics on what it does not support, since it runs in tests.

mod encode;
mod script;
mod state;

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
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
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
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

pub use self::script::{Script, TICKS, Then};
use self::{
    encode::Encoder,
    state::{State, now_us},
};
use crate::encoding::Encoding;

/// A running server.
pub struct Mock {
    pub address: SocketAddr,
    accepting: JoinHandle<()>,
    state: Arc<State>,
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
        let state = Arc::new(State {
            #[cfg(feature = "tls")]
            tls: Mutex::new(script.tls.clone()),
            script,
            epoch: "e1".to_owned(),
            start_us,
            seen: Mutex::default(),
        });
        let served = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&served);
                #[cfg(feature = "tls")]
                let tls = state.tls.lock().unwrap().clone();
                #[cfg(feature = "tls")]
                if let Some(config) = tls {
                    tokio::spawn(async move {
                        // Clients that do not trust this server go away within the handshake.
                        if let Ok(stream) = tokio_rustls::TlsAcceptor::from(config).accept(stream).await {
                            let kind = stream.get_ref().1.handshake_kind();
                            let is_resumed = kind == Some(rustls::HandshakeKind::Resumed);
                            state.seen.lock().unwrap().resumed.push(is_resumed);
                            serve(stream, state).await;
                        }
                    });
                    continue;
                }
                tokio::spawn(serve(stream, state));
            }
        });
        Mock { address, accepting, state }
    }

    /// Gives the connections to come other certificates.
    ///
    /// # Panics
    /// When a connection has panicked.
    #[cfg(feature = "tls")]
    pub fn set_tls(&self, tls: Arc<rustls::ServerConfig>) {
        *self.state.tls.lock().unwrap() = Some(tls);
    }

    /// Stops listening; existing connections stay.
    pub async fn close(&mut self) {
        self.accepting.abort();
        // It ends as cancelled; what counts is that the listener is gone.
        let _ended = (&mut self.accepting).await;
    }

    pub fn url(&self) -> String {
        #[cfg(feature = "tls")]
        if self.state.script.tls.is_some() {
            return format!("wss://{}/v1/stream", self.address);
        }
        format!("ws://{}/v1/stream", self.address)
    }

    /// Every command received so far.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn commands(&self) -> Vec<Value> {
        self.state.seen.lock().unwrap().commands.clone()
    }

    /// The token of each request so far, HTTP and handshakes.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn tokens(&self) -> Vec<Option<String>> {
        self.state.seen.lock().unwrap().tokens.clone()
    }

    /// Of each TLS handshake so far, whether it resumed a session.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn resumed(&self) -> Vec<bool> {
        self.state.seen.lock().unwrap().resumed.clone()
    }

    /// How many of its pings were answered.
    ///
    /// # Panics
    /// When a connection has panicked.
    pub fn pongs(&self) -> u32 {
        self.state.seen.lock().unwrap().pongs
    }
}

async fn serve<S>(stream: S, state: Arc<State>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request| {
        let state = Arc::clone(&state);
        async move { Ok::<_, Infallible>(answer(request, &state)) }
    });
    // A client that leaves in the middle of a request is none of this server's business.
    let _ended = http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades().await;
}

fn answer(request: Request<Incoming>, state: &Arc<State>) -> Response<Full<Bytes>> {
    state.seen.lock().unwrap().tokens.push(token(&request));
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

/// The token in `Authorization: Bearer`.
fn token(request: &Request<Incoming>) -> Option<String> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().unwrap();
    Some(value.strip_prefix("Bearer ").unwrap().to_owned())
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
    let refused = (state.script.admit)(token(&request).as_deref());
    tokio::spawn(async move {
        let io = TokioIo::new(upgraded.await.unwrap());
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        if let Some(code) = refused {
            let _ended = close(&mut socket, code, "not with this token").await;
            return;
        }
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
        if command["op"] == "auth" {
            if let Some(code) = (state.script.admit)(command["token"].as_str()) {
                return close(&mut socket, code, "not with this token").await;
            }
            let auth = json!([{"type": "auth", "id": command["id"], "expires": now_us() + 3_600_000_000}]);
            socket.send(Message::text(auth.to_string())).await?;
            continue;
        }
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
            Then::Close(code) => close(&mut socket, code, "told to").await?,
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

async fn close(
    socket: &mut Socket,
    code: u16,
    reason: &'static str,
) -> Result<(), tokio_tungstenite::tungstenite::Error> {
    socket.close(Some(CloseFrame { code: CloseCode::from(code), reason: reason.into() })).await
}
