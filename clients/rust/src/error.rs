//! Errors of connections and requests, and the time that they wait.

use std::{io, net::SocketAddr, time::Duration};

use hyper::StatusCode;
use tokio::time::timeout;

/// The longest that a connect, a handshake or a GET may take.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// Why a connection or a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    #[error("{url} is not a URL: {why}")]
    Url { url: String, why: String },
    #[error("{url}: only ws://, wss://, http:// and https:// are spoken here, not {scheme}://")]
    Scheme { url: String, scheme: String },
    #[error(
        "{url}: this program was built without TLS; the crate tickcast-client has it by its feature `tls`"
    )]
    NoTls { url: String },
    #[error("cannot find the host {host}: {source}")]
    Resolve { host: String, source: io::Error },
    #[error("cannot connect to {address}: {source}")]
    Connect { address: SocketAddr, source: io::Error },
    #[error("{what} at {authority} took longer than {} s", TIMEOUT.as_secs())]
    Timeout { what: &'static str, authority: String },
    #[error("the server answered {status}{reason}")]
    Status { status: StatusCode, reason: String },
    #[error("the server's answer is not a WebSocket handshake: {why}")]
    Handshake { why: &'static str },
    #[error("HTTP failed: {0}")]
    Http(#[from] hyper::Error),
    #[error(
        "{authority} answers, but not in HTTP ({source}): if it speaks TLS there, use wss:// or https://"
    )]
    NotHttp { authority: String, source: hyper::Error },
    #[cfg(feature = "tls")]
    #[error("no encrypted connection to {authority}: {fault}")]
    Tls { authority: String, fault: crate::tls::TlsFault },
    #[cfg(feature = "tls")]
    #[error(transparent)]
    Trust(#[from] crate::tls::TlsError),
    #[error(transparent)]
    Token(#[from] crate::token::TokenError),
    #[error(
        "a token is not sent unencrypted to {address}, where others can read it: use wss:// or https://, or allow it (`--token-in-clear`)"
    )]
    TokenInClear { address: SocketAddr },
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
            // Timeouts and too many requests pass.
            EndpointError::Status { status, .. } => {
                status.is_client_error() && !matches!(status.as_u16(), 408 | 429)
            }
            // Somebody has to change a certificate, or what this client trusts.
            #[cfg(feature = "tls")]
            EndpointError::Tls { fault, .. } => fault.is_final(),
            EndpointError::Handshake { .. }
            | EndpointError::Request(_)
            | EndpointError::NoTls { .. }
            | EndpointError::TokenInClear { .. } => true,
            _ => false,
        }
    }
}

pub(crate) async fn within<T>(
    what: &'static str,
    authority: &str,
    work: impl Future<Output = Result<T, EndpointError>>,
) -> Result<T, EndpointError> {
    match timeout(TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(EndpointError::Timeout { what, authority: authority.to_owned() }),
    }
}
