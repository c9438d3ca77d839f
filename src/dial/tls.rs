//! TLS to servers that the service asks: whose certificates it believes. rustls has the protocol.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_rustls::TlsConnector;

/// The authorities of a file in PEM, all of which must be good; or the system's, or those that `SSL_CERT_FILE` names.
///
/// # Errors
/// When a certificate of the file cannot be used.
pub fn roots(pem: Option<&[u8]>) -> Result<RootCertStore, rustls::Error> {
    let mut roots = RootCertStore::empty();
    match pem {
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let unread = |_| rustls::Error::General("it is not PEM".to_owned());
                roots.add(certificate.map_err(unread)?)?;
            }
        }
    }
    Ok(roots)
}

/// Connects to servers whose certificates these have signed.
///
/// # Errors
/// When the provider of cryptography has no version of TLS.
pub fn connector(roots: RootCertStore) -> Result<TlsConnector, rustls::Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    Ok(TlsConnector::from(Arc::new(versions?.with_root_certificates(roots).with_no_client_auth())))
}
