//! The settings as values, from whatever origin, and their defaults.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use tickcast::{
    audit::OnFailure,
    limits::{self, Limits},
    tick::CustomFields,
    wire::dialects::DialectSet,
};
use tracing::Level;

use super::auth::AuthConfig;

/// The settings of `tickcast serve`. Every field has one key in [`KEYS`](super::KEYS).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The address to listen on; port 0 takes any free port.
    pub listen: SocketAddr,
    /// The address for operators, if another; port 0 as above.
    pub admin_listen: Option<SocketAddr>,
    /// The sources of ticks, as texts that [`tickcast::feed::Source`] reads.
    pub feeds: Vec<String>,
    /// The directory of the recordings that clients may replay for themselves; `None`: the one within the program.
    pub recordings: Option<PathBuf>,
    /// Threads that serve sessions; 0 means one per core.
    pub shards: usize,
    pub log_format: LogFormat,
    pub log_level: Level,
    /// Web origins that browsers may connect from, besides the service's own; `*` means all.
    pub allowed_origins: Vec<String>,
    /// The proxies whose word on their clients' addresses is believed, as texts that
    /// [`tickcast::proxies::TrustedProxy`] reads.
    pub trusted_proxies: Vec<String>,
    /// The protocols of exchanges that are spoken beside our own.
    pub dialects: DialectSet,
    /// Files of certificates and of their keys, in the same order; without any, TLS is not spoken.
    pub tls_certs: Vec<String>,
    pub tls_keys: Vec<String>,
    /// The file of the authorities of clients' certificates; empty: clients need none.
    pub tls_client_ca: String,
    pub limits: Limits,
    /// The fields of a record beside the fixed ones.
    pub fields: Arc<CustomFields>,
    /// Who may see what.
    pub auth: AuthConfig,
    /// File of the usage audit; `None` for none.
    pub audit_file: Option<PathBuf>,
    pub audit_on_failure: OnFailure,
    /// A file of accounts that is longer is rotated.
    pub audit_file_bytes: u64,
    /// The epoch to use instead of a new one at each start. Only for tests: a restart with the same epoch and other
    /// ticks breaks the promise that (epoch, symbol, seq) names one tick for ever.
    pub epoch: Option<String>,
}

/// The format of a log line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line, for machines.
    Json,
}

// === impl Config ===

impl Default for Config {
    fn default() -> Self {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            admin_listen: None,
            feeds: vec!["replay:bundled?loop=true".to_owned()],
            recordings: None,
            shards: 0,
            log_format: LogFormat::Text,
            log_level: Level::INFO,
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            dialects: DialectSet::ALL,
            tls_certs: Vec::new(),
            tls_keys: Vec::new(),
            tls_client_ca: String::new(),
            limits: limits::DEFAULT,
            fields: CustomFields::none(),
            auth: AuthConfig::default(),
            audit_file: None,
            audit_on_failure: OnFailure::RefuseNew,
            audit_file_bytes: 256 * 1024 * 1024,
            epoch: None,
        }
    }
}

// === impl LogFormat ===

impl LogFormat {
    pub const fn name(self) -> &'static str {
        match self {
            LogFormat::Text => "text",
            LogFormat::Json => "json",
        }
    }
}
