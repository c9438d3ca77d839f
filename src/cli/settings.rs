//! The flags that set the service's configuration, and the reading of the other layers: environment and file.
//!
//! This file does the I/O; [`crate::config`] decides.

use std::{
    env,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use tickcast::access::settings::AuthSettings;

use crate::config::{
    self, AuthConfig, Config, ConfigFault, ConfigFaults, ConfigOrigin, Flags, Gathered, Problem,
};

/// A configuration that is longer is some other file.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Flags of `serve` and `check`.
#[derive(clap::Args, Clone, Default, Debug)]
pub struct SettingsArgs {
    /// Address and port to listen on; port 0 takes any free port [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<String>,
    /// A separate address for health, readiness, metrics, debug and replay control
    #[arg(long, value_name = "ADDR:PORT")]
    admin_listen: Option<String>,
    /// Source of ticks, such as replay:FILE or binance?symbols=BTCUSDT; may be repeated [default: replay:bundled?loop=true]
    #[arg(long = "feed", value_name = "SOURCE")]
    feeds: Vec<String>,
    /// Add a field to every record, as name, name:kind or name:kind:merge:symbols; may be repeated
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
    /// Directory of the recordings that clients may replay by themselves [default: the bundled recording]
    #[arg(long, value_name = "DIR")]
    recordings: Option<String>,
    /// TOML file to read settings from
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Number of threads that serve sessions; 0 is one for each core [default: 0]
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// Log format: text or json [default: text]
    #[arg(long, value_name = "FORMAT")]
    log_format: Option<String>,
    /// Log level: error, warn, info, debug or trace [default: info]
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
    /// Web origin whose pages may connect, or * for all; may be repeated
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// Exchange protocols that clients may speak: all, none, or a list such as binance,kraken [default: all]
    #[arg(long, value_name = "LIST")]
    dialects: Option<String>,
    /// Certificate chain in PEM; turns TLS on; may be repeated
    #[arg(long = "tls-cert", value_name = "FILE")]
    tls_certs: Vec<String>,
    /// Private key in PEM of the --tls-cert at the same position; may be repeated
    #[arg(long = "tls-key", value_name = "FILE")]
    tls_keys: Vec<String>,
    /// Accept only clients with a certificate of these authorities (PEM)
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
    /// Set any key, such as limits.sessions=500; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
}

// === impl SettingsArgs ===

impl SettingsArgs {
    /// As for a process that is started with this file and no other flag.
    pub fn of_file(config: Option<PathBuf>) -> Self {
        SettingsArgs { config, ..SettingsArgs::default() }
    }

    /// The configuration of this process.
    ///
    /// # Errors
    /// Every fault of flags, environment and file.
    pub fn config(&self) -> Result<Config, ConfigFaults> {
        self.gather().into_config()
    }

    /// The same from the same places, for a process that has read them before.
    ///
    /// # Errors
    /// Every fault, as before; and when the file is not a file but a pipe, which can be read once.
    pub fn again(&self) -> Result<Config, ConfigFaults> {
        match self.file() {
            // A file that is missing or has no metadata cannot be read either, which `config` reports.
            Some((origin, path)) if path.metadata().is_ok_and(|found| !found.is_file()) => {
                let problem = Problem::ReadOnce { path: path.to_string_lossy().into_owned() };
                Err(ConfigFaults(vec![ConfigFault { origin, problem }]))
            }
            _ => self.config(),
        }
    }

    /// The same with origins, and with the faults beside it. A file that cannot be read is a fault like any other:
    /// flags and environment are still validated.
    pub fn gather(&self) -> Gathered {
        let Some((origin, path)) = self.file() else {
            return Gathered::new(&self.flags(), env::vars_os(), None);
        };
        match read(&path) {
            Ok(text) => {
                let path = path.to_string_lossy();
                Gathered::new(&self.flags(), env::vars_os(), Some((&path, &text)))
            }
            Err(problem) => {
                let mut gathered = Gathered::new(&self.flags(), env::vars_os(), None);
                gathered.faults.insert(0, ConfigFault { origin, problem });
                gathered
            }
        }
    }

    /// The file to read, and what named it.
    fn file(&self) -> Option<(ConfigOrigin, PathBuf)> {
        let by_flag = self.config.clone().map(|path| (ConfigOrigin::Flag("--config".to_owned()), path));
        by_flag.or_else(|| {
            let path = env::var_os(config::CONFIG)?;
            Some((ConfigOrigin::Variable(config::CONFIG.to_owned()), PathBuf::from(path)))
        })
    }

    pub fn flags(&self) -> Flags {
        Flags {
            listen: self.listen.clone(),
            admin_listen: self.admin_listen.clone(),
            feeds: self.feeds.clone(),
            fields: self.fields.clone(),
            recordings: self.recordings.clone(),
            shards: self.shards.clone(),
            log_format: self.log_format.clone(),
            log_level: self.log_level.clone(),
            allowed_origins: self.allowed_origins.clone(),
            dialects: self.dialects.clone(),
            tls_certs: self.tls_certs.clone(),
            tls_keys: self.tls_keys.clone(),
            tls_client_ca: self.tls_client_ca.clone(),
            set: self.set.clone(),
        }
    }
}

/// Who may see what. Copies of key servers' keys are kept where systemd keeps the service's state, unless it is said
/// where.
pub fn auth(config: &AuthConfig) -> AuthSettings {
    // With several directories their names have colons between them.
    let state = env::var_os("STATE_DIRECTORY").and_then(|names| env::split_paths(&names).next());
    config.settings(state.filter(|path| !path.as_os_str().is_empty()))
}

fn read(path: &Path) -> Result<String, Problem> {
    let shown = || path.to_string_lossy().into_owned();
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_string(&mut text))
        .map_err(|source: io::Error| Problem::Unreadable { path: shown(), source })?;
    // `read_to_string` may take one byte more than is allowed, which is how the excess is seen.
    if u64::try_from(text.len()).is_ok_and(|length| length <= FILE_BYTES_MAX) {
        Ok(text)
    } else {
        Err(Problem::FileTooLong { path: shown(), bytes_max: FILE_BYTES_MAX })
    }
}
