//! TLS of the bench: one certificate for every server, and clients that shake hands as cheaply as they can.
//!
//! The load has a core of its own, and must not be what is measured: its clients verify nothing, and offer one key
//! exchange, one cipher and TLS 1.3 alone. So each server agrees to the same. The certificate is ECDSA's with P-256, as
//! nearly every authority issues them today.

use std::{
    collections::VecDeque,
    fs, io,
    path::PathBuf,
    process,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, NamedGroup, SignatureScheme,
    client::{
        ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// Files of the certificate and its key, as servers are given them.
pub struct Identity {
    pub cert: PathBuf,
    pub key: PathBuf,
}

/// What servers are known by.
pub const NAME: &str = "localhost";

/// Made once for all servers of this process.
pub fn identity() -> &'static Identity {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    IDENTITY.get_or_init(|| {
        let made = rcgen::generate_simple_self_signed([NAME.to_owned(), "127.0.0.1".to_owned()]);
        let made = made.expect("a certificate");
        let directory = std::env::temp_dir().join(format!("tickcast-fanout-{}", process::id()));
        fs::create_dir_all(&directory).expect("a directory for the certificate");
        let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
        let written = fs::write(&cert, made.cert.pem());
        written.and_then(|()| fs::write(&key, made.signing_key.serialize_pem())).expect("files of TLS");
        Identity { cert, key }
    })
}

/// Removes the files, where there are some.
pub fn clean() {
    let directory = std::env::temp_dir().join(format!("tickcast-fanout-{}", process::id()));
    // What cannot be removed is in the directory of temporary files.
    let _ = fs::remove_dir_all(directory);
}

/// What clients of one test have in common: their configuration, and the tickets that they were given.
#[derive(Clone)]
pub struct Clients {
    pub config: Arc<ClientConfig>,
    tickets: Arc<Tickets>,
}

impl Clients {
    pub fn new() -> io::Result<Clients> {
        let provider = Arc::new(CryptoProvider {
            kx_groups: vec![aws_lc_rs::kx_group::X25519],
            cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
            ..aws_lc_rs::default_provider()
        });
        let tickets = Arc::new(Tickets::default());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(io::Error::other)?;
        let mut config =
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone)).with_no_client_auth();
        config.resumption = Resumption::store(Arc::clone(&tickets) as _);
        Ok(Clients { config: Arc::new(config), tickets })
    }

    /// One that has made its keys and its hello: half of its work, which is done before any clock runs.
    pub fn client(&self) -> io::Result<Box<ClientConnection>> {
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let made = ClientConnection::new(Arc::clone(&self.config), name).map_err(io::Error::other)?;
        Ok(Box::new(made))
    }

    /// Whoever connects from now on resumes, as long as there are tickets; says how many there are.
    pub fn resume(&self) -> usize {
        let mut kept = self.tickets.lock();
        kept.are_used = true;
        kept.tickets.len()
    }
}

/// Tickets of all clients, each used once.
#[derive(Default)]
struct Tickets(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    tickets: VecDeque<Tls13ClientSessionValue>,
    are_used: bool,
}

impl Tickets {
    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tickets")
    }
}

impl ClientSessionStore for Tickets {
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, _: Tls12ClientSessionValue) {}

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        None
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, ticket: Tls13ClientSessionValue) {
        let mut kept = self.lock();
        // Those of resumed connections are of no use: nobody comes a third time.
        if !kept.are_used {
            kept.tickets.push_back(ticket);
        }
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        let mut kept = self.lock();
        if kept.are_used { kept.tickets.pop_front() } else { None }
    }
}

/// Believes everyone.
#[derive(Debug)]
struct Anyone;

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
