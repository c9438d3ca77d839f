//! Connects to the server that an [`Endpoint`] names, and upgrades the connection to a WebSocket.
//!
//! Not a WebSocket implementation: [`Endpoint::upgrade`] returns the raw connection and the bytes that followed the
//! handshake. Invariants: no byte from the server is lost; every error is one line that names the attempt; no wait is
//! longer than [`TIMEOUT`]; a token goes unencrypted to this machine alone, unless that was allowed.

use std::{io, net::SocketAddr};

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, StatusCode,
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

#[cfg(feature = "tls")]
use crate::tls::Tls;
use crate::{
    endpoint::{Endpoint, EndpointError, TIMEOUT, Transport, Upgraded},
    error::within,
    response::refusal,
    token::{Secret, has_token},
};

// === impl Endpoint ===

impl Endpoint {
    /// The first address of the host's name.
    ///
    /// # Errors
    /// When the name cannot be resolved.
    pub async fn resolve(&self) -> Result<SocketAddr, EndpointError> {
        let fault = |source| EndpointError::Resolve { host: self.host.clone(), source };
        let mut found = tokio::net::lookup_host((self.host.as_str(), self.port)).await.map_err(fault)?;
        found.next().ok_or_else(|| fault(io::Error::other("the name has no address")))
    }

    /// Connects to this address of the server, over TLS where the URL says so, with `receive_buffer_bytes` as `SO_RCVBUF` when
    /// given.
    ///
    /// # Errors
    /// When the connection is refused, TLS fails, or a token would go unencrypted to another machine.
    pub async fn connect(
        &self,
        address: SocketAddr,
        receive_buffer_bytes: Option<u32>,
    ) -> Result<Transport, EndpointError> {
        let has_token = self.token.is_some() || has_token(&self.path);
        let is_safe = self.is_tls || self.token_in_clear || address.ip().to_canonical().is_loopback();
        if has_token && !is_safe {
            return Err(EndpointError::TokenInClear { address });
        }
        let stream = connect(address, receive_buffer_bytes).await?;
        #[cfg(feature = "tls")]
        if self.is_tls {
            let encrypted = within("the TLS handshake", &self.authority, self.encrypt(stream)).await?;
            return Ok(Transport::Tls(Box::new(encrypted)));
        }
        Ok(Transport::Plain(stream))
    }

    #[cfg(feature = "tls")]
    async fn encrypt(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, EndpointError> {
        let name = rustls::pki_types::ServerName::try_from(self.host.clone()).map_err(|_| {
            let why = "no certificate can be for such a name".to_owned();
            EndpointError::Url { url: self.to_string(), why }
        })?;
        let fault = |fault| EndpointError::Tls { authority: self.authority.clone(), fault };
        self.trust()?.encrypt(name, stream).await.map_err(fault)
    }

    /// What is trusted. The system's authorities are read once.
    #[cfg(feature = "tls")]
    pub(crate) fn trust(&self) -> Result<&Tls, EndpointError> {
        if self.tls.get().is_none() {
            let system = Tls::system()?;
            // Whoever was quicker has read the same.
            let _same = self.tls.set(system);
        }
        self.tls.get().ok_or(EndpointError::Handshake { why: "no authority is trusted" })
    }

    /// The present token, and the header that it is sent in.
    pub(crate) fn authorization(&self) -> Result<Option<(Secret, HeaderValue)>, EndpointError> {
        let Some(token) = &self.token else { return Ok(None) };
        let secret = token.read()?;
        let value = secret.authorization()?;
        Ok(Some((secret, value)))
    }

    /// Upgrades a connection to a WebSocket: one of [`connect`](Self::connect), or one that the caller has made and that is
    /// fit for a token.
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
        let (token, authorization) = self.authorization()?.unzip();
        let mut request = Request::get(&self.path)
            .header(header::HOST, &self.authority)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, self.encoding.offer())
            .body(Empty::<Bytes>::new())?;
        request.headers_mut().extend(authorization.map(|value| (header::AUTHORIZATION, value)));
        let broken = |error| self.broken(error);
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        let mut connection = tokio::spawn(connection.with_upgrades());
        let response = sender.send_request(request).await.map_err(broken)?;
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
        Ok(Upgraded { stream: parts.io.into_inner(), read: parts.read_buf, encoding, token })
    }

    /// Why HTTP failed. What TLS has to say comes only with the first bytes that are read: whether the server wants a
    /// certificate of this client, for one.
    pub(crate) fn broken(&self, error: hyper::Error) -> EndpointError {
        #[cfg(feature = "tls")]
        if let Some(source) = crate::tls::rustls_error(&error) {
            let fault = crate::tls::TlsFault::of(source);
            return EndpointError::Tls { authority: self.authority.clone(), fault };
        }
        if error.is_parse() && !self.is_tls {
            return EndpointError::NotHttp { authority: self.authority.clone(), source: error };
        }
        EndpointError::Http(error)
    }
}

async fn connect(address: SocketAddr, receive_buffer_bytes: Option<u32>) -> Result<TcpStream, EndpointError> {
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
