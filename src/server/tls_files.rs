//! The configured TLS files. They are read in `tls/certificates.rs`, in builds with TLS.

use std::path::PathBuf;

/// Certificates and their keys, in the same order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsFiles {
    /// Certificate chains in PEM, each starting with the service's own certificate.
    pub certs: Vec<PathBuf>,
    /// The private keys in PEM, in the order of the certificates.
    pub keys: Vec<PathBuf>,
    /// The authorities for client certificates; `None` if clients need none.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.certs.iter().chain(&self.keys).chain(&self.client_ca)
    }
}
