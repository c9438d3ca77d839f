//! One request to a key server: `GET` over TLS, with a deadline and a size limit.
//!
//! When to ask is in `server/keys/servers.rs`. No redirects are followed: the keys are trusted by the certificate of
//! the configured URL.

use std::{path::Path, time::Duration};

use hyper::{
    body::Bytes,
    header::{CACHE_CONTROL, HeaderMap},
};
use rustls::pki_types::ServerName;
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::faults::FetchError;
use crate::{
    access::{
        faults::AuthProblem,
        jwks::{JWKS_BYTES_MAX, KeySet},
        settings::HttpsUrl,
    },
    dial::{
        self,
        http::{HttpAnswer, HttpError, HttpQuestion},
    },
};

/// A key server's answer.
pub(super) struct Fetched {
    pub set: KeySet,
    /// As received, for the copy on disk.
    pub body: Bytes,
    /// How long the answer is valid, as the server says.
    pub max_age: Option<Duration>,
}

/// From the first packet to the last byte.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// A TLS client that trusts these authorities, or those of the system.
pub(super) fn tls(authorities: Option<&Path>) -> Result<TlsConnector, AuthProblem> {
    let pem =
        authorities.map(|path| crate::files::WatchedFile::new(path, JWKS_BYTES_MAX).read()).transpose()?;
    let roots = dial::tls::roots(pem.as_deref()).map_err(|_| AuthProblem::NoAuthority)?;
    if pem.is_some() && roots.is_empty() {
        return Err(AuthProblem::NoAuthority);
    }
    dial::tls::connector(roots).map_err(|_| AuthProblem::NoAuthority)
}

/// # Errors
/// When no valid keys were received in time.
pub(super) async fn fetch(server: &HttpsUrl, tls: &TlsConnector) -> Result<Fetched, FetchError> {
    let late = |_| FetchError::Late(DEADLINE.as_secs());
    timeout(DEADLINE, ask(server, tls)).await.map_err(late)?
}

async fn ask(server: &HttpsUrl, tls: &TlsConnector) -> Result<Fetched, FetchError> {
    let name = ServerName::try_from(server.host.clone()).map_err(|_| FetchError::Name)?;
    let tcp =
        TcpStream::connect((server.host.as_str(), server.port)).await.map_err(FetchError::Unreachable)?;
    let stream = tls.connect(name, tcp).await.map_err(FetchError::Tls)?;
    let question = HttpQuestion {
        authority: &server.authority(),
        target: &server.target,
        accept: "application/jwk-set+json, application/json",
        body: None,
        bytes_max: JWKS_BYTES_MAX as usize,
    };
    let HttpAnswer { headers, body } = dial::http::ask(stream, question).await?;
    Ok(Fetched { set: KeySet::parse(&body)?, max_age: max_age(&headers), body })
}

fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(CACHE_CONTROL)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then(|| value.trim_matches('"').parse().ok())?
    });
    seconds.map(Duration::from_secs)
}

impl FetchError {
    /// With the system's reason.
    pub(super) fn told(&self) -> String {
        crate::feed::with_sources(self)
    }
}

impl From<HttpError> for FetchError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Question(_) => FetchError::Name,
            HttpError::Connection(error) => FetchError::Http(error),
            HttpError::Status { status, .. } => FetchError::Status(status.as_u16()),
            HttpError::Body(_) => FetchError::Body,
        }
    }
}
