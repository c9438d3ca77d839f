//! Reads certificates and keys, checks that they match, and selects one by the server name that a client requests.
//!
//! Invariant: a set of files is used whole or not at all.

use std::{path::PathBuf, sync::Arc, time::Duration};

use rustls::{
    InconsistentKeys, RootCertStore,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer, UnixTime,
        pem::{self, PemObject},
    },
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use webpki::{EndEntityCert, KeyUsage};

use super::faults::TlsFault;
use crate::{files::WatchedFile, server::tls_files::TlsFiles, tick::Nanos};

/// A longer file cannot be a certificate or key.
pub const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// The content of the files.
#[derive(Debug)]
pub struct Certificates {
    /// In configuration order; the first is the default.
    pub served: Vec<ServedCertificate>,
    /// The authorities of client certificates, if these are required.
    pub authorities: Option<Arc<RootCertStore>>,
    /// The content of the authorities' file, to detect changes.
    pub authorities_pem: Option<Vec<u8>>,
}

/// A certificate with its key.
#[derive(Debug)]
pub struct ServedCertificate {
    key: Arc<CertifiedKey>,
    /// DNS names in lower case; one may start with `*.`.
    pub names: Vec<String>,
    /// Expiry in Unix time, in seconds.
    pub expires: u64,
}

impl Certificates {
    /// Reads all files. An expired or not yet valid certificate is an error with which the service can run: then both
    /// are returned.
    ///
    /// # Errors
    /// All errors of all files.
    pub fn read(
        files: &TlsFiles,
        provider: &CryptoProvider,
        now: Nanos,
    ) -> Result<(Self, Vec<TlsFault>), Vec<TlsFault>> {
        let mut faults = Vec::new();
        if files.certs.len() != files.keys.len() {
            faults.push(TlsFault::Unpaired { certs: files.certs.len(), keys: files.keys.len() });
        }
        let mut served = Vec::new();
        for (cert, key) in files.certs.iter().zip(&files.keys) {
            served.extend(ServedCertificate::read(cert, key, provider, now, &mut faults));
        }
        let read = files.client_ca.as_ref().map(authorities);
        let (authorities, authorities_pem) = match read.transpose() {
            Ok(read) => read.unzip(),
            Err(fault) => {
                faults.push(fault);
                (None, None)
            }
        };
        if faults.iter().all(TlsFault::is_of_time) {
            Ok((Certificates { served, authorities, authorities_pem }, faults))
        } else {
            Err(faults)
        }
    }

    /// Whether both hold the same certificates.
    pub fn is_same(&self, other: &Certificates) -> bool {
        let chains =
            |all: &Certificates| all.served.iter().map(|served| served.key.cert.clone()).collect::<Vec<_>>();
        chains(self) == chains(other)
    }

    /// The certificates for this name, in order of preference.
    fn for_name<'a>(&'a self, name: Option<&'a str>) -> impl Iterator<Item = &'a ServedCertificate> {
        let named = self.served.iter().filter(move |served| name.is_some_and(|name| served.covers(name)));
        // For an unknown name, the client decides whether it accepts the default.
        named.chain(&self.served)
    }
}

impl ResolvesServerCert for Certificates {
    /// The first one whose signature scheme the client supports.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let schemes = hello.signature_schemes();
        let name = hello.server_name().map(str::to_ascii_lowercase);
        let mut candidates = self.for_name(name.as_deref());
        let chosen = candidates.find(|served| served.key.key.choose_scheme(schemes).is_some())?;
        Some(Arc::clone(&chosen.key))
    }
}

impl ServedCertificate {
    fn read(
        cert: &PathBuf,
        key: &PathBuf,
        provider: &CryptoProvider,
        now: Nanos,
        faults: &mut Vec<TlsFault>,
    ) -> Option<Self> {
        let (chain, key_der) = match (read_chain(cert), read_key(key)) {
            (Ok(chain), Ok(key_der)) => (chain, key_der),
            (chain, key_der) => {
                faults.extend([chain.err(), key_der.err()].into_iter().flatten());
                return None;
            }
        };
        let read = || -> Result<Self, TlsFault> {
            let (names, not_before, expires) =
                facts(&chain[0]).map_err(|source| TlsFault::BadCertificate { path: cert.clone(), source })?;
            let signer = provider
                .key_provider
                .load_private_key(key_der)
                .map_err(|source| TlsFault::BadKey { path: key.clone(), source })?;
            let certified = CertifiedKey::new(chain, signer);
            match certified.keys_match() {
                Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {}
                Err(_) => return Err(TlsFault::OtherKey { cert: cert.clone(), key: key.clone() }),
            }
            let now = seconds(now);
            if expires < now {
                faults.push(TlsFault::Expired { path: cert.clone(), seconds: now - expires });
            } else if not_before > now {
                faults.push(TlsFault::NotYetValid { path: cert.clone(), seconds: not_before - now });
            }
            Ok(ServedCertificate { key: Arc::new(certified), names, expires })
        };
        match read() {
            Ok(served) => Some(served),
            Err(fault) => {
                faults.push(fault);
                None
            }
        }
    }

    /// Whether the certificate is for this name, which is in lower case.
    fn covers(&self, name: &str) -> bool {
        let above = name.split_once('.').map(|(_, above)| above);
        self.names
            .iter()
            .any(|own| own == name || own.strip_prefix("*.").is_some_and(|own| above == Some(own)))
    }
}

/// Since the Unix epoch, as certificates count.
pub fn seconds(time: Nanos) -> u64 {
    (time.0 / 1_000_000_000).unsigned_abs()
}

/// A certificate's names, and the start and end of its validity.
fn facts(certificate: &CertificateDer<'_>) -> Result<(Vec<String>, u64, u64), webpki::Error> {
    let parsed = EndEntityCert::try_from(certificate)?;
    let names = parsed.valid_dns_names().map(str::to_ascii_lowercase).collect();
    // webpki reveals these times in the error for another time.
    let at = |seconds| {
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        parsed.verify_for_usage(&[], &[], &[], time, KeyUsage::server_auth(), None, None).err()
    };
    let not_before = match at(0) {
        Some(webpki::Error::CertNotValidYet { not_before, .. }) => not_before.as_secs(),
        _ => 0,
    };
    match at(u64::MAX) {
        Some(webpki::Error::CertExpired { not_after, .. }) => Ok((names, not_before, not_after.as_secs())),
        Some(error) => Err(error),
        None => Ok((names, not_before, u64::MAX)),
    }
}

fn read_chain(path: &PathBuf) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    let pem = read("tls.certs", path)?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.map_err(|source| TlsFault::NotPem { key: "tls.certs", path: path.clone(), source })?;
    if chain.is_empty() { Err(TlsFault::NoCertificate { path: path.clone() }) } else { Ok(chain) }
}

fn read_key(path: &PathBuf) -> Result<PrivateKeyDer<'static>, TlsFault> {
    let pem = read("tls.keys", path)?;
    PrivateKeyDer::from_pem_slice(&pem).map_err(|error| {
        let path = path.clone();
        match error {
            pem::Error::NoItemsFound if holds(&pem, b"ENCRYPTED PRIVATE KEY") => TlsFault::LockedKey { path },
            pem::Error::NoItemsFound => TlsFault::NoKey { path },
            source => TlsFault::NotPem { key: "tls.keys", path, source },
        }
    })
}

/// The authorities of a file, and its bytes.
fn authorities(path: &PathBuf) -> Result<(Arc<RootCertStore>, Vec<u8>), TlsFault> {
    const KEY: &str = "tls.client_ca";
    let pem = read(KEY, path)?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let not_pem = |source| TlsFault::NotPem { key: KEY, path: path.clone(), source };
        let added = roots.add(certificate.map_err(not_pem)?);
        added.map_err(|source| TlsFault::BadAuthority { path: path.clone(), source })?;
    }
    if roots.is_empty() {
        return Err(TlsFault::NoAuthority { path: path.clone() });
    }
    Ok((Arc::new(roots), pem))
}

/// Reads a PEM file, as far as its start shows.
fn read(key: &'static str, path: &PathBuf) -> Result<Vec<u8>, TlsFault> {
    let read = WatchedFile::new(path, FILE_BYTES_MAX).read();
    let bytes = read.map_err(|source| TlsFault::File { key, source })?;
    // DER begins with a sequence.
    if bytes.first() == Some(&0x30) { Err(TlsFault::Der { key, path: path.clone() }) } else { Ok(bytes) }
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    memchr::memmem::find(text, part).is_some()
}
