//! What a service is started with, and why one did not start.

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
    /// Port 0: any free port; [`Service::address`](super::Service::address) returns it.
    pub listen: SocketAddr,
    /// A listener for operators alone; [`Service::admin_address`](super::Service::admin_address) returns its port.
    pub admin_listen: Option<SocketAddr>,
    pub feeds: Vec<Source>,
    /// The recordings that clients may replay for themselves; `None`: the one within the program.
    pub recordings: Option<PathBuf>,
    /// 0: one a core.
    pub shards: usize,
    pub allowed_origins: Vec<String>,
    /// As [`TrustedProxy`](crate::proxies::TrustedProxy) reads them.
    pub trusted_proxies: Vec<String>,
    /// The protocols of exchanges that are spoken.
    pub dialects: DialectSet,
    pub limits: Limits,
    /// Where it is given, TLS is spoken on every listener.
    pub tls: Option<TlsFiles>,
    /// The fields of a record beside the fixed ones.
    pub fields: Arc<CustomFields>,
    /// Who may see what.
    pub auth: AuthSettings,
    /// Accounts of use; `None` for none.
    pub audit: Option<AuditSetup>,
    /// `None`: one that no earlier start had.
    pub epoch: Option<String>,
    /// Lines of the log that were dropped, as counted by the writer of the log.
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
