//! The settings with which a service starts, and the errors of a start.

#[cfg(feature = "tls")]
use std::fmt;
use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, atomic::AtomicU64},
};

#[cfg(feature = "tls")]
use crate::server::tls::TlsFaults;
use crate::{
    access::settings::AuthSettings,
    audit::{AuditFileError, AuditSetup},
    feed::{FeedError, Source},
    limits::Limits,
    server::tls_files::TlsFiles,
    tick::CustomFields,
    wire::dialects::DialectSet,
};

/// The settings that the service is started with.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Port 0 selects a free port, which [`Service::address`](super::Service::address) returns.
    pub listen: SocketAddr,
    /// A listener for operators only; [`Service::admin_address`](super::Service::admin_address) returns its address.
    pub admin_listen: Option<SocketAddr>,
    pub feeds: Vec<Source>,
    /// The recordings that clients may replay; `None` for the built-in one.
    pub recordings: Option<PathBuf>,
    /// The number of shards; 0 for one per core.
    pub shards: usize,
    pub allowed_origins: Vec<String>,
    /// In the syntax of [`TrustedProxy`](crate::proxies::TrustedProxy).
    pub trusted_proxies: Vec<String>,
    /// The venue protocols to speak.
    pub dialects: DialectSet,
    pub limits: Limits,
    /// If set, TLS is used on every listener.
    pub tls: Option<TlsFiles>,
    /// Configured fields, beside the fixed ones.
    pub fields: Arc<CustomFields>,
    /// Authentication and rights.
    pub auth: AuthSettings,
    /// The usage audit; `None` for none.
    pub audit: Option<AuditSetup>,
    /// The epoch; `None` for a new, unique one.
    pub epoch: Option<String>,
    /// Dropped log lines, as counted by the log writer.
    pub log_lines_dropped: Arc<AtomicU64>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[cfg(feature = "tls")]
    #[error("{}", AllFaults(.0))]
    Auth(Vec<crate::access::faults::AuthFault>),
    #[cfg(not(feature = "tls"))]
    #[error("tokens, keys and lists of access need a build with the feature tls")]
    NoTokens,
    #[error("cannot listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("cannot open feed {name}")]
    Feed { name: String, source: FeedError },
    #[error(
        "feed {name} makes the market's time its recording's (clock=replay, or a scenario): it must be the only feed beside push"
    )]
    Clocks { name: String },
    #[cfg(feature = "tls")]
    #[error("TLS cannot be used")]
    Tls(#[source] TlsFaults),
    #[error("this build has no TLS: build it with the feature tls")]
    NoTls,
    #[error("cannot write the usage audit (audit.file)")]
    Audit(#[from] AuditFileError),
    #[error("cannot read the directory of recordings {}", .path.display())]
    Recordings { path: PathBuf, source: io::Error },
    #[error("cannot set up metrics")]
    Metrics(#[from] prometheus::Error),
    #[error("cannot start a thread or its runtime")]
    Thread(#[source] io::Error),
}

#[cfg(feature = "tls")]
struct AllFaults<'a>(&'a [crate::access::faults::AuthFault]);

#[cfg(feature = "tls")]
impl fmt::Display for AllFaults<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let between = if at == 0 { "" } else { "; " };
            write!(f, "{between}{fault}")?;
        }
        Ok(())
    }
}
