//! One question to a key server: `GET` over TLS, with a deadline and a bound.
//!
//! Not when to ask: `server/keys/servers.rs`. It follows no redirect, for the certificate of the URL that is configured is what
//! the keys are trusted by.

use std::{io, path::Path, sync::Arc, time::Duration};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{
    Request, StatusCode,
    body::Bytes,
    client::conn::http1,
    header::{ACCEPT, CACHE_CONTROL, CONNECTION, HOST, HeaderMap, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

use super::faults::FetchError;
use crate::access::{
    faults::AuthProblem,
    jwks::{JWKS_BYTES_MAX, KeySet},
    settings::HttpsUrl,
};

/// What a key server has answered.
pub(super) struct Fetched {
    pub set: KeySet,
    /// As it came, for the copy on disk.
    pub body: Bytes,
    /// How long the server says that it holds.
    pub max_age: Option<Duration>,
}

/// From the first packet to the last byte.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// TLS that trusts these authorities, or those of the system.
pub(super) fn tls(authorities: Option<&Path>) -> Result<TlsConnector, AuthProblem> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(path) => {
            let pem = crate::files::WatchedFile::new(path, JWKS_BYTES_MAX).read()?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                let added = certificate.map(|certificate| roots.add(certificate));
                added.map_err(|_| AuthProblem::NoAuthority)?.map_err(|_| AuthProblem::NoAuthority)?;
            }
            if roots.is_empty() {
                return Err(AuthProblem::NoAuthority);
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions.map_err(|_| AuthProblem::NoAuthority)?.with_root_certificates(roots);
    Ok(TlsConnector::from(Arc::new(config.with_no_client_auth())))
}

/// # Errors
/// When there are no good keys in time.
pub(super) async fn fetch(server: &HttpsUrl, tls: &TlsConnector) -> Result<Fetched, FetchError> {
    let late = |_| FetchError::Late(DEADLINE.as_secs());
    timeout(DEADLINE, ask(server, tls)).await.map_err(late)?
}

async fn ask(server: &HttpsUrl, tls: &TlsConnector) -> Result<Fetched, FetchError> {
    let name = ServerName::try_from(server.host.clone()).map_err(|_| FetchError::Name)?;
    let tcp =
        TcpStream::connect((server.host.as_str(), server.port)).await.map_err(FetchError::Unreachable)?;
    let stream = tls.connect(name, tcp).await.map_err(FetchError::Tls)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(FetchError::Http)?;
    let request = Request::get(&server.target)
        .header(HOST, server.authority())
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(USER_AGENT, concat!("tickcast/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .map_err(|_| FetchError::Name)?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(FetchError::Http)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let max_age = max_age(response.headers());
        let body = Limited::new(response.into_body(), JWKS_BYTES_MAX as usize).collect().await;
        let body = body.map_err(|_| FetchError::Body)?.to_bytes();
        let set = KeySet::parse(&body)?;
        Ok(Fetched { set, body, max_age })
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    let mut is_connected = true;
    loop {
        tokio::select! {
            // The answer counts, however the connection ends behind it.
            biased;
            fetched = &mut exchange => return fetched,
            // A connection that has failed tells the exchange, which then ends.
            _ = &mut connection, if is_connected => is_connected = false,
        }
    }
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

impl From<io::Error> for FetchError {
    fn from(error: io::Error) -> Self {
        FetchError::Unreachable(error)
    }
}
