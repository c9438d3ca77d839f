//! Trust in given certificates, and in no authority; or, for probes that send nothing, in whatever is shown.
//!
//! Invariant: the server has the key of the certificate that it shows, which is one that was given, unless any will do; or
//! there is no connection.

use std::sync::Arc;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{
        CertificateDer, ServerName, UnixTime,
        pem::{self, PemObject},
    },
};

use super::TlsError;

/// Takes a server that shows one of these.
#[derive(Debug)]
pub(super) struct Pinned {
    /// `None`: any.
    certificates: Option<Vec<CertificateDer<'static>>>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// The first certificate of each file, which is the server's own.
    pub(super) fn new(files: &[Vec<u8>], provider: Arc<CryptoProvider>) -> Result<Self, TlsError> {
        let first = |file: &Vec<u8>| {
            CertificateDer::from_pem_slice(file).map_err(|error| match error {
                pem::Error::NoItemsFound => TlsError::NoPin,
                error => TlsError::Pin(error),
            })
        };
        Ok(Pinned { certificates: Some(files.iter().map(first).collect::<Result<_, _>>()?), provider })
    }

    pub(super) fn any(provider: Arc<CryptoProvider>) -> Self {
        Pinned { certificates: None, provider }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        _above: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.certificates.as_ref().is_none_or(|given| given.contains(shown)) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
