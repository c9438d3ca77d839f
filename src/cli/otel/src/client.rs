//! One POST at a time over HTTP/1.1 or HTTPS, on the thread that sends spans.
//!
//! A connection for each: there is one request in some seconds. Redirects are not followed, and what the collector says beside
//! its status is not read.
//!
//! Invariant: a request ends within its timeout, however slowly the collector answers.

use std::{
    fmt::Write as _,
    io::{self, ErrorKind, Read, Write},
    net::{TcpStream, ToSocketAddrs},
    sync::Arc,
    time::{Duration, Instant},
};

use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    pki_types::{InvalidDnsNameError, ServerName},
};

/// Why nothing can be sent to a URL.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("{0} is none with http:// or https:// and a host")]
    Url(String),
    #[error("its name is none that a certificate could have")]
    Name(#[from] InvalidDnsNameError),
    #[error("TLS")]
    Tls(#[from] rustls::Error),
}

/// Sends requests to one host.
#[derive(Clone, Debug)]
pub struct BlockingClient {
    host: String,
    port: u16,
    tls: Option<(ServerName<'static>, Arc<ClientConfig>)>,
    timeout: Duration,
}

/// A connection, in TLS or not.
trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// As much of an answer as may be read.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

impl BlockingClient {
    /// # Errors
    /// When the URL is none of HTTP.
    pub fn new(url: &str, timeout: Duration) -> Result<Self, ClientError> {
        let faulty = || ClientError::Url(url.to_owned());
        let request = Request::get(url).body(()).map_err(|_| faulty())?;
        let uri = request.uri();
        let host = uri.host().ok_or_else(faulty)?.trim_matches(['[', ']']).to_owned();
        let (tls, usual) = match uri.scheme_str() {
            Some("http") => (None, 80),
            Some("https") => (Some((ServerName::try_from(host.clone())?, Arc::new(trusting()?))), 443),
            _ => return Err(faulty()),
        };
        Ok(BlockingClient { host, port: uri.port_u16().unwrap_or(usual), tls, timeout })
    }

    fn post(&self, request: &Request<Bytes>) -> io::Result<u16> {
        let deadline = Instant::now() + self.timeout;
        let stream = self.connect()?;
        let closer = stream.try_clone()?;
        let left = || deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        let limit = || {
            closer.set_read_timeout(Some(left()))?;
            closer.set_write_timeout(Some(left()))
        };
        limit()?;
        let mut stream: Box<dyn ReadWrite> = match &self.tls {
            None => Box::new(stream),
            Some((name, config)) => {
                let tls =
                    ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(tls, stream))
            }
        };
        stream.write_all(head(request, &self.authority()).as_bytes())?;
        stream.write_all(request.body())?;
        stream.flush()?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 1024]);
        loop {
            limit()?;
            if let Some(status) = status(&answer)? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                return Err(ErrorKind::TimedOut.into());
            }
            match stream.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                bytes if answer.len() + bytes <= ANSWER_BYTES_MAX => {
                    answer.extend_from_slice(&buffer[..bytes])
                }
                _ => return Err(io::Error::other("the head of the answer is too long")),
            }
        }
    }

    fn connect(&self) -> io::Result<TcpStream> {
        let mut last = None;
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, self.timeout) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| io::Error::other("the host has no address")))
    }

    fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

#[async_trait::async_trait]
impl HttpClient for BlockingClient {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let status = self.post(&request)?;
        Ok(Response::builder().status(status).body(Bytes::new())?)
    }
}

/// A configuration that trusts the system's authorities.
fn trusting() -> Result<ClientConfig, ClientError> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn head(request: &Request<Bytes>, authority: &str) -> String {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n");
    for (name, value) in request.headers() {
        if let Ok(value) = value.to_str() {
            let _ = write!(head, "{name}: {value}\r\n");
        }
    }
    let _ = write!(head, "content-length: {}\r\n\r\n", request.body().len());
    head
}

/// The status of an answer, once its first line is there.
fn status(answer: &[u8]) -> io::Result<Option<u16>> {
    let Some(end) = answer.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = String::from_utf8_lossy(&answer[..end]);
    let status = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1)?.parse().ok());
    status.map(Some).ok_or_else(|| io::Error::other(format!("this is not an answer of HTTP: {line:?}")))
}
