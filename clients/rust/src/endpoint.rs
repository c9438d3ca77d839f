//! Where a server is, as its URL names it, and the upgrade of a socket to a WebSocket.
//!
//! Not a WebSocket implementation: [`Endpoint::upgrade`] returns the raw socket and the bytes that followed the
//! handshake. Invariants: no byte from the server is lost; every error is one line that names the attempt; no wait is
//! longer than [`TIMEOUT`].

use std::{fmt, io, net::SocketAddr, str::FromStr};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, StatusCode, Uri,
    client::conn::http1,
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_tungstenite::tungstenite::handshake::{client::generate_key, derive_accept_key};

pub use crate::error::{EndpointError, TIMEOUT};
use crate::{encoding::Encoding, error::within, response::refusal};

/// The path of a server's stream.
const STREAM_PATH: &str = "/v1/stream";

/// The parameter that asks for the time at which each frame is sent.
const TX: &str = "tx=true";

/// The URL of a server's stream, and the encoding that is preferred there.
///
/// ```
/// use tickcast_client::Endpoint;
/// let endpoint = Endpoint::parse("ws://127.0.0.1:8080")?;
/// assert_eq!(endpoint.to_string(), "ws://127.0.0.1:8080/v1/stream");
/// assert!(Endpoint::parse("127.0.0.1:8080").is_err());
/// # Ok::<(), tickcast_client::EndpointError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    host: String,
    port: u16,
    /// The `Host` header.
    authority: String,
    /// Path and query of the stream.
    path: String,
    /// The encoding that is preferred.
    encoding: Encoding,
}

/// The result of [`Endpoint::upgrade`]: the socket, and the bytes that the server has sent after its answer.
#[derive(Debug)]
pub struct Upgraded<S = TcpStream> {
    pub stream: S,
    pub read: Bytes,
    /// What the server has agreed to.
    pub encoding: Encoding,
}

// === impl Endpoint ===

impl Endpoint {
    /// Takes `ws://host[:port][/path][?query]`; without a path `/v1/stream`, without a port 80.
    ///
    /// # Errors
    /// When the text is not such a URL.
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
            "/" => STREAM_PATH.to_owned(),
            query if query.starts_with("/?") => format!("{STREAM_PATH}{}", &query[1..]),
            path => path.to_owned(),
        };
        let port = authority.port_u16().unwrap_or(80);
        Ok(Endpoint { host, port, authority: authority.to_string(), path, encoding: Encoding::default() })
    }

    /// Prefers this encoding. [`Encoding::Binary`], the default, leaves the choice to the server: one that does not know
    /// it speaks JSON.
    pub fn with_encoding(mut self, encoding: Encoding) -> Self {
        self.encoding = encoding;
        self
    }

    /// Asks for the time at which each frame of data is sent: see [`Message::Sent`](crate::Message::Sent).
    ///
    /// ```
    /// use tickcast_client::Endpoint;
    /// let endpoint = Endpoint::parse("ws://127.0.0.1:8080/v1/stream?a=b")?.with_tx();
    /// assert_eq!(endpoint.to_string(), "ws://127.0.0.1:8080/v1/stream?a=b&tx=true");
    /// # Ok::<(), tickcast_client::EndpointError>(())
    /// ```
    pub fn with_tx(mut self) -> Self {
        if !self.has_tx() {
            self.path.push(if self.path.contains('?') { '&' } else { '?' });
            self.path.push_str(TX);
        }
        self
    }

    /// Whether it asks for the time at which each frame of data is sent.
    pub fn has_tx(&self) -> bool {
        let query = self.path.split_once('?').map_or("", |(_, query)| query);
        query.split('&').any(|parameter| parameter == TX)
    }

    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The first address of the host's name.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    pub async fn resolve(&self) -> Result<SocketAddr, EndpointError> {
        let fault = |source| EndpointError::Resolve { host: self.host.clone(), source };
        let mut found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(fault)?;
        found.next().ok_or_else(|| fault(io::Error::other("the name has no address")))
    }

    /// Upgrades this socket to a WebSocket.
    ///
    /// # Errors
    /// When the server does not answer, or answers anything but the upgrade.
    pub async fn upgrade<S>(&self, stream: S) -> Result<Upgraded<S>, EndpointError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        within("the handshake", &self.authority, self.upgrade_unbounded(stream)).await
    }

    async fn upgrade_unbounded<S>(&self, stream: S) -> Result<Upgraded<S>, EndpointError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let key = generate_key();
        let request = Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, self.encoding.offer())
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
        let subprotocol = response.headers().get(header::SEC_WEBSOCKET_PROTOCOL);
        let encoding = self
            .encoding
            .agreed(subprotocol.map(HeaderValue::as_bytes))
            .ok_or(EndpointError::Handshake { why: "it names a subprotocol that was not offered" })?;
        let upgraded = hyper::upgrade::on(response).await?;
        // The connection's task has given the socket away and ends; a panic in it would be ours to see.
        let _ended = (&mut connection).await;
        let parts = upgraded
            .downcast::<TokioIo<S>>()
            .map_err(|_| EndpointError::Handshake { why: "the socket is not the one that was given" })?;
        Ok(Upgraded { stream: parts.io.into_inner(), read: parts.read_buf, encoding })
    }
}

/// Connects, with `receive_buffer_bytes` as `SO_RCVBUF` when given.
///
/// # Errors
/// When the connection is refused, or the socket cannot be made.
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

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}{}", self.authority, self.path)
    }
}

impl FromStr for Endpoint {
    type Err = EndpointError;

    fn from_str(url: &str) -> Result<Self, EndpointError> {
        Endpoint::parse(url)
    }
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
    fn the_time_of_sending_is_asked_for_once() {
        let endpoint_of = |url: &str| Endpoint::parse(url).unwrap();
        let check = |url: &str, has: bool| {
            let endpoint = endpoint_of(url);
            assert_eq!(endpoint.has_tx(), has, "{url}");
            let asked = endpoint.with_tx();
            assert!(asked.has_tx() && (!has || asked == endpoint_of(url)), "{url}: {asked}");
        };
        check("ws://host", false);
        check("ws://host/?tx=true", true);
        check("ws://host/?a=tx=true", false);
        check("ws://host/v1/stream?a=1&tx=true&b=2", true);
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
}
