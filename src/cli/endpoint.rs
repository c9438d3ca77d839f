//! Where a server is, and the two ways to speak to it: a small HTTP GET, and the upgrade to WebSocket.
//!
//! Not a WebSocket implementation: [`Endpoint::upgrade`] answers the raw socket and the bytes that came behind the
//! handshake, and the caller goes on from there. Invariants: no byte that the server sent is lost; every failure is one
//! line that says what was tried; nothing waits longer than [`TIMEOUT`].

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper::{Request, Response, StatusCode, Uri, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

/// The longest that a connect, a handshake or a GET may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);
/// The largest body that a GET takes in: the whole symbol table of a full service is a tenth of it.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most of an error's body that is shown.
const REASON_CHARS_MAX: usize = 200;

/// A server's stream, as its URL names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    host: String,
    port: u16,
    /// What goes into the `Host` header.
    authority: String,
    /// Path and query of the stream.
    path: String,
}

/// What [`Endpoint::upgrade`] leaves: the socket, and what the server had already sent behind its answer.
pub struct Upgraded {
    pub stream: TcpStream,
    pub read: Bytes,
}

/// Why a server could not be reached, or would not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    #[error("{url} is no URL: {why}")]
    Url { url: String, why: String },
    #[error("{url}: only ws:// and http:// are spoken here, not {scheme}://")]
    Scheme { url: String, scheme: String },
    #[error("cannot find the host {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("cannot connect to {address}: {source}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("{what} at {authority} took longer than {} s", TIMEOUT.as_secs())]
    Timeout { what: &'static str, authority: String },
    #[error("the server answered {status}{reason}")]
    Status { status: StatusCode, reason: String },
    #[error("the server's answer is no WebSocket handshake: {why}")]
    Handshake { why: &'static str },
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
    #[error("the answer's body failed: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the request cannot be made: {0}")]
    Request(#[from] hyper::http::Error),
}

// === impl EndpointError ===

impl EndpointError {
    /// Whether the same request would fail in the same way.
    pub fn is_final(&self) -> bool {
        match self {
            // Too slow, too many: those pass.
            EndpointError::Status { status, .. } => {
                status.is_client_error() && !matches!(status.as_u16(), 408 | 429)
            }
            EndpointError::Handshake { .. } | EndpointError::Request(_) => true,
            _ => false,
        }
    }
}

// === impl Endpoint ===

impl Endpoint {
    /// Takes `ws://host[:port][/path][?query]`; without a path `/v1/stream`, without a port 80.
    ///
    /// # Errors
    /// When the text is no such URL.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let fault = |why: &str| EndpointError::Url { url: url.to_owned(), why: why.to_owned() };
        let uri: Uri =
            url.parse().map_err(|error: hyper::http::uri::InvalidUri| fault(&error.to_string()))?;
        match uri.scheme_str() {
            Some("ws" | "http") => {}
            Some(scheme) => {
                return Err(EndpointError::Scheme { url: url.to_owned(), scheme: scheme.to_owned() });
            }
            None => return Err(fault("it has to begin with ws://")),
        }
        let authority = uri.authority().ok_or_else(|| fault("it names no host"))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(fault("it names no host"));
        }
        let path = match uri.path_and_query().map_or("/", |path| path.as_str()) {
            "/" => "/v1/stream".to_owned(),
            query if query.starts_with("/?") => format!("/v1/stream{}", &query[1..]),
            path => path.to_owned(),
        };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Endpoint { host, port, authority: authority.to_string(), path })
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The first address that the host's name stands for.
    ///
    /// # Errors
    /// When the name is not known.
    pub async fn resolve(&self) -> Result<SocketAddr, EndpointError> {
        let fault = |source| EndpointError::Resolve { host: self.host.clone(), source };
        let mut found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(fault)?;
        found.next().ok_or_else(|| fault(io::Error::other("the name has no address")))
    }

    /// Makes this socket a WebSocket's.
    ///
    /// # Errors
    /// When the server does not answer, or answers anything but the upgrade.
    pub async fn upgrade(&self, stream: TcpStream) -> Result<Upgraded, EndpointError> {
        within("the handshake", &self.authority, self.upgrade_unbounded(stream)).await
    }

    async fn upgrade_unbounded(&self, stream: TcpStream) -> Result<Upgraded, EndpointError> {
        let key = generate_key();
        let request = Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, "tickcast.v1.json")
            .body(Empty::<Bytes>::new())?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let mut connection = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Err(refusal(response).await);
        }
        let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT);
        if accept.is_none_or(|accept| accept.as_bytes() != derive_accept_key(key.as_bytes()).as_bytes()) {
            return Err(EndpointError::Handshake { why: "Sec-WebSocket-Accept does not belong to our key" });
        }
        let upgraded = hyper::upgrade::on(response).await?;
        // The connection's task has given the socket away and ends; a panic in it would be ours to see.
        let _ended = (&mut connection).await;
        let parts = upgraded
            .downcast::<TokioIo<TcpStream>>()
            .map_err(|_| EndpointError::Handshake { why: "the socket is not the one that was given" })?;
        Ok(Upgraded { stream: parts.io.into_inner(), read: parts.read_buf })
    }

    /// GETs a path of the same server, over a connection of its own.
    ///
    /// # Errors
    /// When the server cannot be reached or the status is not 200.
    pub async fn get(&self, address: SocketAddr, path: &str) -> Result<Bytes, EndpointError> {
        let request = Request::get(path).body(Full::default())?;
        within("a request", &self.authority, self.ask(address, request)).await
    }

    /// POSTs to a path of the same server, as [`Self::get`], and awaits the answer for as long as it takes: the caller
    /// knows what it has asked for.
    ///
    /// # Errors
    /// When the server cannot be reached or the status is not 200.
    pub async fn post(&self, address: SocketAddr, path: &str, body: String) -> Result<Bytes, EndpointError> {
        let request = Request::post(path).body(Full::from(body))?;
        self.ask(address, request).await
    }

    async fn ask(
        &self,
        address: SocketAddr,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Bytes, EndpointError> {
        let host = header::HeaderValue::from_str(&self.authority).map_err(hyper::http::Error::from)?;
        request.headers_mut().insert(header::HOST, host);
        request.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
        let stream = connect(address, None).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            if response.status() != StatusCode::OK {
                return Err(refusal(response).await);
            }
            read_body(response).await
        };
        // The connection has to be driven while the answer is awaited; its own error shows in the exchange.
        let (answer, _driven) = tokio::join!(exchange, connection);
        answer
    }
}

/// Connects, with `receive_buffer_bytes` as `SO_RCVBUF` when given.
///
/// # Errors
/// When nobody listens there, or the socket cannot be made.
pub async fn connect(
    address: SocketAddr,
    receive_buffer_bytes: Option<u32>,
) -> Result<TcpStream, EndpointError> {
    let fault = |source| EndpointError::Connect { address, source };
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }.map_err(fault)?;
    if let Some(bytes) = receive_buffer_bytes {
        // Before connecting: the window's scale is agreed in the first packets.
        socket.set_recv_buffer_size(bytes).map_err(fault)?;
    }
    let stream = match timeout(TIMEOUT, socket.connect(address)).await {
        Ok(connected) => connected.map_err(fault)?,
        Err(_) => return Err(fault(io::ErrorKind::TimedOut.into())),
    };
    stream.set_nodelay(true).map_err(fault)?;
    Ok(stream)
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ws://{}{}", self.authority, self.path)
    }
}

async fn within<T>(
    what: &'static str,
    authority: &str,
    work: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    match timeout(TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(EndpointError::Timeout { what, authority: authority.to_owned() }),
    }
}

async fn read_body(response: Response<Incoming>) -> Result<Bytes, EndpointError> {
    let body = Limited::new(response.into_body(), BODY_BYTES_MAX);
    Ok(body.collect().await.map_err(EndpointError::Body)?.to_bytes())
}

/// A status that was not wanted, with the reason that the server gives in its body.
async fn refusal(response: Response<Incoming>) -> EndpointError {
    let status = response.status();
    let body = read_body(response).await.unwrap_or_default();
    EndpointError::Status { status, reason: reason(&body) }
}

/// `: code: message` out of `{"error":{"code","message"}}`; of any other body its first line.
fn reason(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Body {
        error: Fault,
    }
    #[derive(serde::Deserialize)]
    struct Fault {
        code: String,
        message: String,
    }
    if let Ok(Body { error }) = serde_json::from_slice(body) {
        return format!(": {}: {}", printable(&error.code), printable(&error.message));
    }
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    line.map_or_else(String::new, |line| format!(": {}", printable(line)))
}

/// A terminal must not obey what a stranger's server says, nor be filled by it.
pub fn printable(text: &str) -> String {
    text.chars().filter(|char| !crate::escape::is_unshown(*char)).take(REASON_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: Result<(&str, u16, &str), &str>) {
        let found = Endpoint::parse(url);
        match (&found, expected) {
            (Ok(endpoint), Ok((host, port, path))) => {
                assert_eq!(
                    (endpoint.host.as_str(), endpoint.port, endpoint.path.as_str()),
                    (host, port, path),
                    "{url}"
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{url}: {error}"),
            _ => panic!("{url}: {found:?}, not {expected:?}"),
        }
    }

    #[test]
    fn urls_are_taken_apart_or_refused_with_the_reason() {
        check("ws://127.0.0.1:8080/v1/stream", Ok(("127.0.0.1", 8080, "/v1/stream")));
        check("ws://example.org", Ok(("example.org", 80, "/v1/stream")));
        check("http://[::1]:9000/", Ok(("::1", 9000, "/v1/stream")));
        check("ws://host:1/?token=a", Ok(("host", 1, "/v1/stream?token=a")));
        check("ws://host:1/other?x=1", Ok(("host", 1, "/other?x=1")));
        check("wss://host", Err("not wss://"));
        check("127.0.0.1:8080", Err("it has to begin with ws://"));
        check("ws://", Err("ws:// is no URL"));
        check("ws://:80/", Err("is no URL"));
        check("ws://a b", Err("is no URL"));
    }

    #[test]
    fn a_refusal_shows_the_servers_own_words_and_no_control_characters() {
        let body = br#"{"error":{"code":"not_found","message":"no such path"}}"#;
        assert_eq!(reason(body), ": not_found: no such path");
        assert_eq!(reason(b"\n  plain \x1b[31m words\nmore"), ": plain [31m words");
        assert_eq!(reason(br#"{"error":{"code":"a\u001bb","message":"c\nd"}}"#), ": ab: cd");
        assert_eq!(reason(b""), "");
    }
}
