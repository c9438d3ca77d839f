//! Why a TLS connection was not made, and what to do about it.
//!
//! Invariant: a fault of certificates is final, since the next attempt would find the same certificates.

use std::{error::Error, fmt, io, time::Duration};

use rustls::{AlertDescription, CertificateError, InvalidMessage, pki_types::UnixTime};

/// Why a TLS connection was not made, or broke at once.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsFault {
    /// No trusted authority has signed the server's certificate.
    UnknownIssuer,
    /// The server's certificate is not one of those that were given for it.
    NotPinned,
    /// The server's certificate is that of an authority, which no server may have.
    IsAuthority,
    /// The server's certificate is for other names.
    Name { asked: String, names: Vec<String> },
    /// The server's certificate has expired so long ago.
    Expired(Option<Duration>),
    /// The server's certificate is valid only after so long.
    NotYetValid(Option<Duration>),
    /// Another fault of the server's certificate.
    Certificate(CertificateError),
    /// The server wants a certificate of this client, and got none.
    CertificateRequired,
    /// The server does not take this client's certificate.
    CertificateRefused(AlertDescription),
    /// What answers speaks no TLS.
    NotTls,
    /// The connection ended within the handshake.
    Ended,
    /// Another fault of the protocol.
    Protocol(rustls::Error),
    /// The connection broke within the handshake.
    Io(io::Error),
}

// === impl TlsFault ===

impl TlsFault {
    /// Whether the same would happen again until somebody changes a certificate, or the options of this client.
    pub fn is_final(&self) -> bool {
        !matches!(self, TlsFault::NotTls | TlsFault::Ended | TlsFault::Protocol(_) | TlsFault::Io(_))
    }

    pub(super) fn of_handshake(error: io::Error) -> Self {
        match rustls_error(&error) {
            Some(source) => TlsFault::of(source),
            None if error.kind() == io::ErrorKind::UnexpectedEof => TlsFault::Ended,
            None => TlsFault::Io(error),
        }
    }

    pub(crate) fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(error) => TlsFault::of_certificate(error),
            rustls::Error::AlertReceived(alert) => TlsFault::of_alert(*alert, error),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => TlsFault::NotTls,
            other => TlsFault::Protocol(other.clone()),
        }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        let between = |later: UnixTime, earlier: UnixTime| {
            Some(Duration::from_secs(later.as_secs().saturating_sub(earlier.as_secs())))
        };
        match error {
            CertificateError::UnknownIssuer => TlsFault::UnknownIssuer,
            CertificateError::ApplicationVerificationFailure => TlsFault::NotPinned,
            CertificateError::NotValidForNameContext { expected, presented } => {
                let names = presented.iter().map(|name| plain_name(name)).collect();
                TlsFault::Name { asked: expected.to_str().into_owned(), names }
            }
            CertificateError::ExpiredContext { time, not_after } => {
                TlsFault::Expired(between(*time, *not_after))
            }
            CertificateError::Expired => TlsFault::Expired(None),
            CertificateError::NotValidYetContext { time, not_before } => {
                TlsFault::NotYetValid(between(*not_before, *time))
            }
            CertificateError::NotValidYet => TlsFault::NotYetValid(None),
            CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
                TlsFault::IsAuthority
            }
            other => TlsFault::Certificate(other.clone()),
        }
    }

    fn of_alert(alert: AlertDescription, error: &rustls::Error) -> Self {
        match alert {
            AlertDescription::CertificateRequired => TlsFault::CertificateRequired,
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied => TlsFault::CertificateRefused(alert),
            _ => TlsFault::Protocol(error.clone()),
        }
    }
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsFault::UnknownIssuer => f.write_str(
                "its certificate is signed by an authority that is not trusted here: give that authority's certificate (`--ca`)",
            ),
            TlsFault::NotPinned => f.write_str(
                "its certificate is not the one of the given file: has it not taken a new file yet, or does another server listen there?",
            ),
            TlsFault::IsAuthority => f.write_str(
                "it uses an authority's certificate as its own: it needs one for a server, signed by that authority",
            ),
            TlsFault::Name { asked, names } if names.is_empty() => {
                write!(f, "its certificate is for no name at all, and so not for {asked}: it needs another one")
            }
            TlsFault::Name { asked, names } => write!(
                f,
                "its certificate is not for {asked}, but for {}: use one of these in the address",
                names.join(", ")
            ),
            TlsFault::Expired(Some(ago)) => write!(
                f,
                "its certificate has expired {} ago: it needs a new one (or is this machine's clock wrong?)",
                rough(*ago)
            ),
            TlsFault::Expired(None) => f.write_str("its certificate has expired: it needs a new one"),
            TlsFault::NotYetValid(Some(left)) => write!(
                f,
                "its certificate is valid only in {}: is this machine's clock wrong?",
                rough(*left)
            ),
            TlsFault::NotYetValid(None) => {
                f.write_str("its certificate is not valid yet: is this machine's clock wrong?")
            }
            TlsFault::Certificate(
                CertificateError::BadSignature
                | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
            ) => f.write_str(
                "a signature does not verify: its certificate is of another authority with the name of a trusted one, which `--ca` names, or it has not the key of its certificate",
            ),
            TlsFault::Certificate(error) => write!(f, "its certificate cannot be used: {error}"),
            TlsFault::CertificateRequired => f.write_str(
                "it asks for a certificate of this client: give one (`--client-cert` and `--client-key`)",
            ),
            TlsFault::CertificateRefused(alert) => {
                write!(f, "it does not take this client's certificate ({alert:?})")
            }
            TlsFault::NotTls => f.write_str("it does not speak TLS there: use ws:// or http://, or another port"),
            TlsFault::Ended => f.write_str(
                "it ended the connection during the TLS handshake: does it speak TLS there? If not, use ws:// or http://",
            ),
            TlsFault::Protocol(error) => write!(f, "TLS failed: {error}"),
            TlsFault::Io(error) => write!(f, "the connection broke during the TLS handshake: {error}"),
        }
    }
}

impl Error for TlsFault {}

/// The fault of TLS in an error or in what caused it.
pub(crate) fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // An I/O error passes its cause's source on, and not the cause itself.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// A name of a certificate, which comes as `DnsName("a")` or `IpAddress(127.0.0.1)`.
fn plain_name(presented: &str) -> String {
    let inner = presented.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    crate::printable(inner.unwrap_or(presented).trim_matches('"'))
}

/// In the largest whole unit.
fn rough(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}
