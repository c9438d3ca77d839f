//! The files of TLS that a configuration names, and what is wrong with them.

use std::path::PathBuf;

use tickcast::{
    clock::Clock,
    server::{
        tls::{TlsFault, state::TlsState},
        tls_files::TlsFiles,
    },
};

use crate::config::{Config, ConfigFault, ConfigOrigin, Gathered, Problem};

/// `None` without a certificate.
pub fn tls_files(config: &Config) -> Option<TlsFiles> {
    let paths = |texts: &[String]| texts.iter().map(PathBuf::from).collect();
    let client_ca = (!config.tls_client_ca.is_empty()).then(|| PathBuf::from(&config.tls_client_ca));
    let files = TlsFiles { certs: paths(&config.tls_certs), keys: paths(&config.tls_keys), client_ca };
    (!files.certs.is_empty()).then_some(files)
}

/// Whether a service that reads these files now would go on with those of before.
pub fn are_faulty(config: &Config) -> bool {
    tls_files(config).is_some_and(|files| !TlsState::check(&files, Clock::system()).is_empty())
}

/// Files that are missing, wrong or out of their time.
pub fn faults(gathered: &Gathered) -> Vec<ConfigFault> {
    let Some(files) = tls_files(&gathered.config) else { return Vec::new() };
    let fault = |fault: TlsFault| {
        let origin = gathered.origins.get(fault.key()).cloned().unwrap_or(ConfigOrigin::Default);
        ConfigFault { origin, problem: Problem::Tls(Box::new(fault)) }
    };
    // A list that is too short is a fault already.
    let is_new = |fault: &TlsFault| !matches!(fault, TlsFault::Unpaired { .. });
    TlsState::check(&files, Clock::system()).into_iter().filter(is_new).map(fault).collect()
}
