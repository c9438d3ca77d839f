//! The files that TLS is configured with. Reading them is `tls/certificates.rs`, in a build that has TLS.

use std::path::PathBuf;

/// Certificates and their keys, in the same order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TlsFiles {
    /// Each a chain in PEM, the service's own certificate first.
    pub certs: Vec<PathBuf>,
    /// Each the private key of the certificate at the same place, in PEM.
    pub keys: Vec<PathBuf>,
    /// The authorities that clients' certificates must come from; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.certs.iter().chain(&self.keys).chain(&self.client_ca)
    }
}
