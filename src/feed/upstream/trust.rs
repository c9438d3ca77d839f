//! Whose certificates of venues are believed: the system's authorities, or those of a file (`ca=`); and what is told of
//! a certificate that is not.
//!
//! Invariant: a file that was read has at least one authority.

use std::str::FromStr;

#[cfg(feature = "tls")]
use crate::dial;

/// The authorities that are trusted.
#[derive(Clone, Default)]
pub struct Trust {
    /// Those of a file, in PEM; `None`: the system's, or those that `SSL_CERT_FILE` names.
    #[cfg(feature = "tls")]
    pem: Option<Vec<u8>>,
}

/// Why a file has no authorities.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    #[error("cannot read {path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path} has no certificate of an authority, in PEM")]
    NoAuthority { path: String },
    #[cfg(not(feature = "tls"))]
    #[error("this build has no TLS: it was made without the feature tls")]
    NoTls,
}

// === impl Trust ===

#[cfg(feature = "tls")]
impl Trust {
    /// # Errors
    /// When the certificates cannot be used.
    pub fn roots(&self) -> Result<rustls::RootCertStore, rustls::Error> {
        dial::tls::roots(self.pem.as_deref())
    }
}

#[cfg(feature = "tls")]
impl FromStr for Trust {
    type Err = TrustError;

    fn from_str(path: &str) -> Result<Self, TrustError> {
        let read =
            std::fs::read(path).map_err(|source| TrustError::Read { path: path.to_owned(), source })?;
        let trust = Trust { pem: Some(read) };
        match trust.roots() {
            Ok(roots) if !roots.is_empty() => Ok(trust),
            Ok(_) | Err(_) => Err(TrustError::NoAuthority { path: path.to_owned() }),
        }
    }
}

#[cfg(not(feature = "tls"))]
impl FromStr for Trust {
    type Err = TrustError;

    fn from_str(_path: &str) -> Result<Self, TrustError> {
        Err(TrustError::NoTls)
    }
}

/// What a person is told when a handshake fails: of a certificate, what is wrong with it and what to do.
#[cfg(feature = "tls")]
pub fn told(error: std::io::Error) -> std::io::Error {
    use rustls::CertificateError as Fault;

    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(fault)) = inner else { return error };
    let why = match fault {
        // A bad signature: somebody else's authority has the same name.
        Fault::UnknownIssuer
        | Fault::BadSignature
        | Fault::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "its certificate is of an authority that is not trusted here: ca=FILE names another".to_owned()
        }
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        Fault::Expired | Fault::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        fault => format!("its certificate is refused: {fault}"),
    };
    std::io::Error::other(why)
}
