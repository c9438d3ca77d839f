//! A client's connection, plain or in TLS, and the certificates that tests make.
//!
//! All servers of a run have one certificate for `localhost` and 127.0.0.1, of an authority that all clients trust.

use std::{
    fs, io,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    process,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

pub enum Socket {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// An authority that tests have made.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

/// A certificate and its key, in PEM.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

/// A directory for files of one test, removed with it.
pub struct Files(PathBuf);

// === impl Authority ===

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for these names.
    pub fn certify(&self, names: &[&str]) -> Pair {
        self.certify_with(names, |_| ())
    }

    pub fn certify_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.issuer).expect("a certificate").pem();
        Pair { cert, key: key.serialize_pem() }
    }

    /// A client that trusts this authority, and speaks `versions`.
    pub fn client(&self, versions: &[&'static rustls::SupportedProtocolVersion]) -> ClientConfig {
        self.builder(versions).with_no_client_auth()
    }

    /// The same, with a certificate of its own.
    pub fn client_with(&self, pair: &Pair) -> ClientConfig {
        let chain = vec![CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("a certificate")];
        let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("a key");
        self.builder(rustls::ALL_VERSIONS).with_client_auth_cert(chain, key).expect("a pair")
    }

    fn builder(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(self.pem.as_bytes()).expect("PEM")).expect("an authority");
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions);
        builder.expect("versions").with_root_certificates(roots)
    }
}

// === impl Files ===

impl Files {
    pub fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}-{name}", process::id()));
        fs::create_dir_all(&path).expect("a directory");
        Files(path)
    }

    /// The path of a file that may not be there yet.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").to_owned()
    }

    /// Writes a file as a careful operator does: beside it, and then renamed. Its path.
    pub fn write(&self, name: &str, content: &str) -> String {
        let (path, fresh) = (self.path(name), self.0.join("fresh"));
        fs::write(&fresh, content).and_then(|()| fs::rename(&fresh, &path)).expect("a file");
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // What is left behind is in the directory of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What servers and clients of this run have in common where a test speaks TLS.
pub struct Common {
    pub authority: Authority,
    pub cert: String,
    pub key: String,
    pub client: Arc<ClientConfig>,
    _files: Files,
}

pub fn common() -> &'static Common {
    static COMMON: OnceLock<Common> = OnceLock::new();
    COMMON.get_or_init(|| {
        let (authority, files) = (Authority::new(), Files::new("common"));
        let pair = authority.certify(&["localhost", "127.0.0.1"]);
        let (cert, key) = (files.write("cert.pem", &pair.cert), files.write("key.pem", &pair.key));
        let client = Arc::new(authority.client(rustls::ALL_VERSIONS));
        Common { authority, cert, key, client, _files: files }
    })
}

// === impl Socket ===

impl Socket {
    pub async fn connect(address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> io::Result<Socket> {
        Socket::over(TcpStream::connect(address).await?, tls).await
    }

    pub async fn over(stream: TcpStream, tls: Option<&Arc<ClientConfig>>) -> io::Result<Socket> {
        let Some(config) = tls else { return Ok(Socket::Plain(stream)) };
        Ok(Socket::Tls(Box::new(shake(stream, config, "localhost").await?)))
    }
}

/// Shakes hands as a client of this name.
pub async fn shake(
    stream: TcpStream,
    config: &Arc<ClientConfig>,
    name: &str,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    TlsConnector::from(Arc::clone(config)).connect(name, stream).await
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Socket::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_flush(context),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
