//! A client of a venue's protocol: a bare WebSocket, without a decoder of ours.

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message as Frame, client::IntoClientRequest, http::HeaderName},
};

use super::{Server, Socket, packed, within};

/// A WebSocket to a path of a server.
pub struct VenueClient {
    ws: WebSocketStream<Socket>,
    /// Pings that the server has sent so far.
    pub pings: usize,
    /// Pongs that it has sent, by their payloads.
    pub pongs: Vec<Vec<u8>>,
}

/// What came, or how the connection ended.
pub type Came = Result<Value, Option<(u16, String)>>;

impl VenueClient {
    pub async fn open(server: &Server, path: &str) -> VenueClient {
        VenueClient::with(server, path, &[], None).await
    }

    /// A client whose system holds no more than so many bytes, and with these headers.
    pub async fn with(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
        receive_buffer_bytes: Option<u32>,
    ) -> VenueClient {
        let opened = VenueClient::attempt(server, path, headers, receive_buffer_bytes).await;
        VenueClient { ws: opened.expect("an upgrade"), pings: 0, pongs: Vec::new() }
    }

    /// An upgrade that may be refused.
    pub async fn attempt(
        server: &Server,
        path: &str,
        headers: &[(&str, &str)],
        receive_buffer_bytes: Option<u32>,
    ) -> tungstenite::Result<WebSocketStream<Socket>> {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        if let Some(bytes) = receive_buffer_bytes {
            socket.set_recv_buffer_size(bytes).expect("a small buffer");
        }
        let stream =
            within("a connection", socket.connect(server.address)).await.expect("a listening server");
        let stream = within("a handshake of TLS", Socket::over(stream, server.tls.as_ref())).await;
        let url = format!("ws://{}{path}", server.address);
        let mut request = url.into_client_request().expect("a request");
        for (name, value) in headers {
            let name: HeaderName = name.parse().expect("a header");
            request.headers_mut().append(name, value.parse().expect("a header's value"));
        }
        let stream = stream.expect("a handshake of TLS");
        within("a handshake", client_async(request, stream)).await.map(|(ws, _)| ws)
    }

    pub async fn send(&mut self, text: &str) {
        self.send_frame(Frame::text(text)).await;
    }

    /// Sends when the server still listens; says whether it does.
    pub async fn send_if_open(&mut self, text: &str) -> bool {
        within("room to send", self.ws.send(Frame::text(text))).await.is_ok()
    }

    pub async fn send_frame(&mut self, frame: Frame) {
        within("room to send", self.ws.send(frame)).await.expect("an open connection");
    }

    /// The next message, or the end: with the server's code and reason when it sent a close frame.
    pub async fn next_or_close(&mut self) -> Came {
        loop {
            match within("a message", self.ws.next()).await {
                Some(Ok(Frame::Text(text))) => {
                    return Ok(serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")));
                }
                Some(Ok(Frame::Binary(packed))) => return Ok(packed::value(&packed)),
                Some(Ok(Frame::Ping(_))) => self.pings += 1,
                Some(Ok(Frame::Pong(payload))) => self.pongs.push(payload.to_vec()),
                Some(Ok(Frame::Close(frame))) => {
                    while let Some(Ok(_)) = within("the end of the connection", self.ws.next()).await {}
                    let _ = self.ws.get_mut().shutdown().await;
                    return Err(frame.map(|frame| (frame.code.into(), frame.reason.to_string())));
                }
                Some(Ok(other)) => panic!("no venue sends this: {other:?}"),
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// The next message. Panics when the connection ends.
    pub async fn next(&mut self) -> Value {
        self.next_or_close().await.unwrap_or_else(|close| panic!("closed: {close:?}"))
    }

    /// Sends text, and reads on until a message that is not data by `is_data`. Says that, and what came before.
    pub async fn ask(&mut self, text: &str, is_data: impl Fn(&Value) -> bool) -> (Value, Vec<Value>) {
        self.send(text).await;
        let mut before = Vec::new();
        loop {
            let message = self.next().await;
            if !is_data(&message) {
                return (message, before);
            }
            before.push(message);
        }
    }

    /// Reads what is left, until the end or until nothing more is on its way: each frame of data, byte for byte.
    pub async fn frames(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            match within("a frame", self.ws.next()).await {
                Some(Ok(Frame::Text(text))) => frames.push(text.as_bytes().to_vec()),
                Some(Ok(Frame::Binary(bytes))) => frames.push(bytes.to_vec()),
                Some(Ok(Frame::Close(close))) => {
                    frames.push(format!("{close:?}").into_bytes());
                    return frames;
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return frames,
            }
        }
    }

    /// Reads to the end: every message, and how the server closed.
    pub async fn rest(&mut self) -> (Vec<Value>, Option<(u16, String)>) {
        let mut messages = Vec::new();
        loop {
            match self.next_or_close().await {
                Ok(message) => messages.push(message),
                Err(close) => return (messages, close),
            }
        }
    }
}
