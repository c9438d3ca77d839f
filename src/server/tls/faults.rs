//! Errors in the TLS files: which file, what is wrong, what to do.

use std::{error::Error, fmt, path::PathBuf};

use rustls::{pki_types::pem, server::VerifierBuilderError};

use crate::{feed::with_sources, files::FileError};

#[derive(Debug, thiserror::Error)]
pub enum TlsFault {
    #[error("a file of {key} cannot be used")]
    File { key: &'static str, source: FileError },
    #[error("{} is not PEM: it must be text with -----BEGIN lines", .path.display())]
    NotPem { key: &'static str, path: PathBuf, source: pem::Error },
    #[error(
        "{} is in binary DER; convert it to PEM, as by openssl x509 -inform der, or openssl pkey -inform der",
        .path.display()
    )]
    Der { key: &'static str, path: PathBuf },
    #[error("{} has no certificate: it must have the chain, the service's own certificate first", .path.display())]
    NoCertificate { path: PathBuf },
    #[error("{} has no private key (-----BEGIN PRIVATE KEY-----)", .path.display())]
    NoKey { path: PathBuf },
    #[error("{} has a private key that is locked by a password; write it without one", .path.display())]
    LockedKey { path: PathBuf },
    #[error("{} has a certificate that cannot be read", .path.display())]
    BadCertificate { path: PathBuf, source: webpki::Error },
    #[error("{} has a key that cannot be used; make one of RSA with 2048 bits or more, ECDSA or Ed25519", .path.display())]
    BadKey { path: PathBuf, source: rustls::Error },
    #[error(
        "{} is not the key of {}; tls.certs and tls.keys must be in the same order",
        .key.display(),
        .cert.display()
    )]
    OtherKey { cert: PathBuf, key: PathBuf },
    #[error("{} expired {} ago; get a new certificate", .path.display(), ago(*.seconds))]
    Expired { path: PathBuf, seconds: u64 },
    #[error("{} is not valid for another {}; check this machine's clock", .path.display(), ago(*.seconds))]
    NotYetValid { path: PathBuf, seconds: u64 },
    #[error("{} has no certificate of an authority that clients' certificates could come from", .path.display())]
    NoAuthority { path: PathBuf },
    #[error("{} has a certificate that can be no authority's", .path.display())]
    BadAuthority { path: PathBuf, source: rustls::Error },
    #[error(
        "{certs} certificates and {keys} keys are given; give one key for each certificate, in the same order"
    )]
    Unpaired { certs: usize, keys: usize },
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    #[error("clients' certificates cannot be verified")]
    Verifier(#[source] VerifierBuilderError),
}

/// All errors of the files, in configuration order.
#[derive(Debug)]
pub struct TlsFaults(pub Vec<TlsFault>);

impl fmt::Display for TlsFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { "; " };
            write!(f, "{between}{}", with_sources(fault))?;
        }
        Ok(())
    }
}

impl Error for TlsFaults {}

impl TlsFault {
    /// Whether the service can run with this error: only its clients would reject the certificate.
    pub fn is_of_time(&self) -> bool {
        matches!(self, TlsFault::Expired { .. } | TlsFault::NotYetValid { .. })
    }

    /// The configuration key that names the file.
    pub fn key(&self) -> &'static str {
        match self {
            TlsFault::File { key, .. } | TlsFault::NotPem { key, .. } | TlsFault::Der { key, .. } => key,
            TlsFault::NoKey { .. }
            | TlsFault::LockedKey { .. }
            | TlsFault::BadKey { .. }
            | TlsFault::OtherKey { .. }
            | TlsFault::Unpaired { .. } => "tls.keys",
            TlsFault::NoAuthority { .. } | TlsFault::BadAuthority { .. } => "tls.client_ca",
            _ => "tls.certs",
        }
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{seconds} seconds"),
        3_600..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
