//! TLS: which servers are trusted, and how this client identifies itself.
//!
//! Not the protocol, which is rustls. Invariants: no connection is made to a server whose certificate was not verified, or
//! is not one that was given for it, unless [`TlsOptions::unverified`] says that nothing is sent that needs it; connections that share a [`Tls`] share its sessions, so that coming back is cheap.

mod fault;
mod pinned;

use std::{fmt, sync::Arc};

use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer, ServerName,
        pem::{self, PemObject},
    },
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

pub use self::fault::TlsFault;
pub(crate) use self::fault::rustls_error;
use self::pinned::Pinned;

/// What is trusted, ready to connect. Clones are the same, and share the sessions that are resumed.
#[derive(Clone)]
pub struct Tls {
    config: Arc<ClientConfig>,
}

/// What to trust, and who this client is. By default: the authorities that this system trusts, and no certificate of its
/// own.
///
/// ```no_run
/// use tickcast_client::{Endpoint, tls::TlsOptions};
/// let ca = std::fs::read("ca.pem")?;
/// let endpoint = Endpoint::parse("wss://quotes.example.com")?.with_tls(TlsOptions::default().ca(ca).build()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct TlsOptions {
    ca: Option<Vec<u8>>,
    pins: Vec<Vec<u8>>,
    is_unverified: bool,
    identity: Option<Identity>,
}

/// A certificate of this client's, and its key. PEM.
#[derive(Clone)]
struct Identity {
    certificates: Vec<u8>,
    key: Vec<u8>,
}

/// Why these options cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    #[error("the authorities' file holds no certificate; PEM is expected, with BEGIN CERTIFICATE")]
    NoAuthority,
    #[error("the authorities' file is not PEM: {0}")]
    Authority(#[source] pem::Error),
    #[error("certificate {number} of the authorities' file cannot be trusted: {source}")]
    Root { number: usize, source: rustls::Error },
    #[error(
        "the file of the server's certificate holds no certificate; PEM is expected, with BEGIN CERTIFICATE"
    )]
    NoPin,
    #[error("the server's certificate is not PEM: {0}")]
    Pin(#[source] pem::Error),
    #[error(
        "this system has no certificates of authorities{why}: install them (often a package `ca-certificates`), or name a file (`--ca`)"
    )]
    System { why: String },
    #[error("the client's certificate file holds no certificate; PEM is expected, with BEGIN CERTIFICATE")]
    NoCertificate,
    #[error("the client's certificate is not PEM: {0}")]
    Certificate(#[source] pem::Error),
    #[error("the client's key is not a private key in PEM: {0}")]
    Key(#[source] pem::Error),
    #[error("the client's certificate and key cannot be used together: {0}")]
    Identity(#[source] rustls::Error),
    #[error("TLS cannot be set up: {0}")]
    Versions(#[source] rustls::Error),
}

/// What is spoken within TLS. A server that offers HTTP/2 as well must not choose it.
const ALPN: &[u8] = b"http/1.1";

/// Sessions kept for resumption by connections that share them with no other client.
const OWN_SESSIONS: usize = 4;

// === impl TlsOptions ===

impl TlsOptions {
    /// Trusts the authorities of this file, PEM with one certificate or more, and none of the system's. It counts before
    /// [`pin`](Self::pin).
    pub fn ca(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca = Some(pem.into());
        self
    }

    /// Trusts a server that shows the first certificate of this file (PEM), and no authority: for a client that has the
    /// server's own file. Whom the certificate is for, who signed it and when it expires do not matter then. Several files:
    /// one of their certificates.
    pub fn pin(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.pins.push(pem.into());
        self
    }

    /// Takes whatever server answers. For a probe that asks whether one is there, and sends no token and reads no data: anybody
    /// may answer it.
    pub fn unverified(mut self) -> Self {
        self.is_unverified = true;
        self
    }

    /// Identifies this client by a certificate (PEM, with those between it and its authority) and its key, for servers that
    /// ask for one.
    pub fn identity(mut self, certificates: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.identity = Some(Identity { certificates: certificates.into(), key: key.into() });
        self
    }

    /// Makes them ready.
    ///
    /// # Errors
    /// When a text is not what it should be, or this system has no certificates of authorities.
    pub fn build(&self) -> Result<Tls, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Versions)?;
        let builder = match &self.ca {
            _ if self.is_unverified => {
                builder.dangerous().with_custom_certificate_verifier(Arc::new(Pinned::any(provider)))
            }
            None if !self.pins.is_empty() => {
                let pinned = Arc::new(Pinned::new(&self.pins, provider)?);
                builder.dangerous().with_custom_certificate_verifier(pinned)
            }
            Some(pem) => builder.with_root_certificates(given_roots(pem)?),
            None => builder.with_root_certificates(system_roots()?),
        };
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let (certificates, key) = identity.parse()?;
                builder.with_client_auth_cert(certificates, key).map_err(TlsError::Identity)?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Tls { config: Arc::new(config) })
    }
}

impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("has_ca", &self.ca.is_some())
            .field("pins", &self.pins.len())
            .field("is_unverified", &self.is_unverified)
            .field("has_identity", &self.identity.is_some())
            .finish()
    }
}

impl Identity {
    fn parse(&self) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
        let certificates: Result<Vec<_>, pem::Error> =
            CertificateDer::pem_slice_iter(&self.certificates).collect();
        let certificates = certificates.map_err(TlsError::Certificate)?;
        if certificates.is_empty() {
            return Err(TlsError::NoCertificate);
        }
        Ok((certificates, PrivateKeyDer::from_pem_slice(&self.key).map_err(TlsError::Key)?))
    }
}

/// The authorities of a file. One that cannot be used is an error: whoever named the file means all of it.
fn given_roots(pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(pem)) {
        let certificate = certificate.map_err(TlsError::Authority)?;
        roots.add(certificate).map_err(|source| TlsError::Root { number, source })?;
    }
    if roots.is_empty() { Err(TlsError::NoAuthority) } else { Ok(roots) }
}

/// The authorities that this system trusts. Those that cannot be used are passed over, as others do.
fn system_roots() -> Result<RootCertStore, TlsError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_added, _passed_over) = roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(String::new, |error| format!(" ({error})"));
        return Err(TlsError::System { why });
    }
    Ok(roots)
}

// === impl Tls ===

impl Tls {
    /// Trusts the authorities that this system trusts.
    ///
    /// # Errors
    /// When the system has none.
    pub fn system() -> Result<Self, TlsError> {
        TlsOptions::default().build()
    }

    /// The same trust, with sessions of its own: its first connection resumes nothing.
    pub fn apart(&self) -> Self {
        let mut config = ClientConfig::clone(&self.config);
        config.resumption = Resumption::in_memory_sessions(OWN_SESSIONS);
        Tls { config: Arc::new(config) }
    }

    /// Encrypts a connection to the server of this name.
    pub(crate) async fn encrypt(
        &self,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, TlsFault> {
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await.map_err(TlsFault::of_handshake)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
