//! Connecting: names, TCP, TLS with the authorities of the system or of `ca=`, the handshake of WebSocket. No proxies.
//!
//! Invariant: no attempt takes longer than [`CONNECT`].

use std::{io, time::Duration};

use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error,
        client::IntoClientRequest,
        http::{HeaderValue, header::USER_AGENT},
        protocol::WebSocketConfig,
    },
};

use super::retry_after;
use crate::{
    clock::Clock,
    dial,
    feed::upstream::{target::VenueTarget, trust::Trust},
};

/// A connection, plain or in TLS.
pub trait VenueWire: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin {}

impl<S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin> VenueWire for S {}

/// Why there is no connection, for a person; and for how long the server wants to be left alone, if it says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectRefusal {
    pub why: String,
    pub wait: Option<Duration>,
}

/// Makes connections. The system's authorities are read once.
pub struct Connector {
    #[cfg(feature = "tls")]
    tls: tokio_rustls::TlsConnector,
}

/// From the name to the end of the handshake.
pub const CONNECT: Duration = Duration::from_secs(10);
/// What is read at once, and what waits to be sent, at most.
const READ_BYTES: usize = 64 << 10;
const WRITE_BYTES_MAX: usize = 1 << 20;

// === impl Connector ===

impl Connector {
    /// # Errors
    /// When TLS cannot be set up.
    #[cfg(feature = "tls")]
    pub fn new(trust: &Trust) -> io::Result<Self> {
        let tls = trust.roots().and_then(dial::tls::connector).map_err(io::Error::other)?;
        Ok(Connector { tls })
    }

    #[cfg(not(feature = "tls"))]
    pub fn new(_trust: &Trust) -> io::Result<Self> {
        Ok(Connector {})
    }

    /// # Errors
    /// When the server cannot be reached, or TLS fails.
    pub async fn connect(&self, target: &VenueTarget) -> io::Result<Box<dyn VenueWire>> {
        let stream = TcpStream::connect((target.host.as_str(), target.port)).await?;
        stream.set_nodelay(true)?;
        if !target.is_tls {
            return Ok(Box::new(stream));
        }
        self.encrypt(target, stream).await
    }

    #[cfg(feature = "tls")]
    async fn encrypt(&self, target: &VenueTarget, stream: TcpStream) -> io::Result<Box<dyn VenueWire>> {
        let name = rustls::pki_types::ServerName::try_from(target.host.clone()).map_err(io::Error::other)?;
        Ok(Box::new(self.tls.connect(name, stream).await.map_err(crate::feed::upstream::trust::told)?))
    }

    #[cfg(not(feature = "tls"))]
    async fn encrypt(&self, _target: &VenueTarget, _stream: TcpStream) -> io::Result<Box<dyn VenueWire>> {
        Err(io::Error::other("this build has no TLS: it was made without the feature tls"))
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(
        &self,
        target: &VenueTarget,
        path: &str,
        headers: &[(&'static str, String)],
        message_bytes_max: usize,
    ) -> Result<WebSocketStream<Box<dyn VenueWire>>, ConnectRefusal> {
        let opening = self.open_unbounded(target, path, headers, message_bytes_max);
        let late =
            |_| ConnectRefusal::from(format!("{target} does not answer within {} s", CONNECT.as_secs()));
        tokio::time::timeout(CONNECT, opening).await.map_err(late)?
    }

    async fn open_unbounded(
        &self,
        target: &VenueTarget,
        path: &str,
        headers: &[(&'static str, String)],
        message_bytes_max: usize,
    ) -> Result<WebSocketStream<Box<dyn VenueWire>>, ConnectRefusal> {
        let mut request =
            target.websocket(path).into_client_request().map_err(|error| format!("{target}: {error}"))?;
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(dial::USER_AGENT));
        for (name, value) in headers {
            let value =
                HeaderValue::from_str(value).map_err(|_| format!("the header {name} cannot be sent"))?;
            request.headers_mut().insert(*name, value);
        }
        let wire = self.connect(target).await.map_err(|error| format!("{target}: {error}"))?;
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .max_write_buffer_size(WRITE_BYTES_MAX)
            .max_message_size(Some(message_bytes_max))
            .max_frame_size(Some(message_bytes_max));
        let opened = client_async_with_config(request, wire, Some(config)).await;
        opened.map(|(socket, _)| socket).map_err(|error| {
            let wait = match &error {
                Error::Http(response) => retry_after::read(response.headers(), Clock::system().now()),
                _ => None,
            };
            ConnectRefusal { why: format!("{target}{path}: {error}"), wait }
        })
    }
}

// === impl ConnectRefusal ===

impl From<String> for ConnectRefusal {
    fn from(why: String) -> Self {
        ConnectRefusal { why, wait: None }
    }
}
