//! [`TlsState`]: the current TLS configuration: certificates in use, ticket keys, running handshakes.
//!
//! The files are reread when they change, or on an operator's request. Files with errors change nothing; the log and a
//! metric report it. Existing connections keep their certificates.
//!
//! Tickets make resumption cheap on every thread, without server-side state. Their keys survive a reload, but not a
//! change of the client authorities, which a resumed handshake does not check again.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::Ordering},
    task::{Context, Poll},
};

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    server::{NoServerSessionStorage, ProducesTickets, WebPkiClientVerifier},
};
use tokio::sync::oneshot;

use super::{
    certificates::{Certificates, seconds},
    faults::TlsFault,
    kept::KeptHandshakes,
    stats::TlsStats,
    watch::TlsWatch,
};
use crate::{
    clock::Clock,
    feed::with_sources,
    server::{admission::addresses::AddressKey, tls_files::TlsFiles},
    tick::Nanos,
};

pub struct TlsState {
    files: TlsFiles,
    watch: Mutex<TlsWatch>,
    clock: Clock,
    provider: Arc<CryptoProvider>,
    in_use: ArcSwap<InUse>,
    /// Locked during a reload.
    reloading: Mutex<()>,
    /// Of all threads, at most `limits.tls_handshakes`. A handshake must end when its channel's sender is dropped.
    kept: Mutex<KeptHandshakes<AddressKey, oneshot::Sender<Infallible>>>,
    pub stats: TlsStats,
    /// Errors in the files at startup with which the service can run.
    complaints: Vec<TlsFault>,
}

/// The configuration for handshakes that start now.
pub struct InUse {
    pub config: Arc<ServerConfig>,
    pub certificates: Arc<Certificates>,
    tickets: Arc<dyn ProducesTickets>,
}

/// A running handshake, counted until dropped.
pub struct KeptHandshake<'a> {
    state: &'a TlsState,
    address: AddressKey,
    number: u64,
    dropped: oneshot::Receiver<Infallible>,
}

/// The ALPN protocol.
const PROTOCOL: &[u8] = b"http/1.1";

impl TlsState {
    /// Reads the files. Expired certificates are still served: clients notice, and an outage would help nobody.
    ///
    /// # Errors
    /// All errors of the files.
    pub fn new(files: TlsFiles, handshakes: usize, clock: Clock) -> Result<Self, Vec<TlsFault>> {
        // Changes are detected from here on.
        let watch = TlsWatch::new(&files);
        let provider = Arc::new(aws_lc_rs::default_provider());
        let (certificates, complaints) = Certificates::read(&files, &provider, clock.now())?;
        let in_use = InUse::new(certificates, None, &provider).map_err(|fault| vec![fault])?;
        let state = TlsState {
            files,
            watch: Mutex::new(watch),
            clock,
            provider,
            in_use: ArcSwap::from_pointee(in_use),
            reloading: Mutex::default(),
            kept: Mutex::new(KeptHandshakes::new(handshakes)),
            stats: TlsStats::default(),
            complaints,
        };
        Ok(state)
    }

    /// All errors of the files, including those with which the service can run.
    pub fn check(files: &TlsFiles, clock: Clock) -> Vec<TlsFault> {
        match TlsState::new(files.clone(), 1, clock) {
            Ok(state) => state.complaints,
            Err(faults) => faults,
        }
    }

    /// Logs which certificates are in use, and what is wrong with them.
    pub fn tell(&self) {
        self.in_use.load().log(self.clock.now());
        for complaint in &self.complaints {
            tracing::error!("{}", with_sources(complaint));
        }
    }

    /// Rereads the files after a change has settled. Called periodically.
    pub fn watch(&self) {
        let has_settled = self.watch.lock().unwrap_or_else(PoisonError::into_inner).has_settled();
        if has_settled {
            self.reload();
        }
    }

    /// The number of running handshakes.
    pub fn under_way(&self) -> usize {
        self.kept().count()
    }

    /// Keeps one more handshake, for which another may be dropped.
    pub fn begin(&self, address: AddressKey) -> KeptHandshake<'_> {
        let (item, dropped) = oneshot::channel();
        let (number, gone) = self.kept().begin(address, item);
        // Dropped outside the lock, since it wakes its task.
        drop(gone);
        KeptHandshake { state: self, address, number, dropped }
    }

    fn kept(&self) -> MutexGuard<'_, KeptHandshakes<AddressKey, oneshot::Sender<Infallible>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The configuration for a handshake that starts now.
    pub fn in_use(&self) -> Arc<InUse> {
        self.in_use.load_full()
    }

    /// Rereads the files. Errors are logged, and change nothing.
    pub fn reload(&self) {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_use.load_full();
        let read = Certificates::read(&self.files, &self.provider, self.clock.now());
        let made = read.and_then(|(certificates, complaints)| {
            let is_same = certificates.authorities_pem == before.certificates.authorities_pem;
            let tickets = is_same.then(|| Arc::clone(&before.tickets));
            let made = InUse::new(certificates, tickets, &self.provider).map_err(|fault| vec![fault])?;
            // An expired certificate is no better than the present one.
            if complaints.is_empty() { Ok(made) } else { Err(complaints) }
        });
        match made {
            Ok(in_use) => {
                if !in_use.certificates.is_same(&before.certificates) {
                    in_use.log(self.clock.now());
                }
                self.in_use.store(Arc::new(in_use));
                self.stats.is_faulty.store(false, Ordering::Relaxed);
            }
            Err(faults) => {
                self.stats.is_faulty.store(true, Ordering::Relaxed);
                for fault in &faults {
                    tracing::error!("the new files of TLS are faulty: {}", with_sources(fault));
                }
                tracing::error!(faults = faults.len(), "files of TLS read again: all stay as they were");
            }
        }
    }
}

impl KeptHandshake<'_> {
    /// Ready when the handshake is dropped for another.
    pub fn poll_dropped(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Nothing is ever sent on this channel.
        Pin::new(&mut self.dropped).poll(context).map(|_| ())
    }
}

impl Drop for KeptHandshake<'_> {
    fn drop(&mut self) {
        let ended = self.state.kept().end(self.address, self.number);
        drop(ended);
    }
}

impl InUse {
    fn new(
        certificates: Certificates,
        tickets: Option<Arc<dyn ProducesTickets>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsFault> {
        let builder = ServerConfig::builder_with_provider(Arc::clone(provider))
            .with_safe_default_protocol_versions()
            .map_err(TlsFault::Setup)?;
        let builder = match &certificates.authorities {
            None => builder.with_no_client_auth(),
            Some(authorities) => {
                let (authorities, provider) = (Arc::clone(authorities), Arc::clone(provider));
                let verifier = WebPkiClientVerifier::builder_with_provider(authorities, provider);
                builder.with_client_cert_verifier(verifier.build().map_err(TlsFault::Verifier)?)
            }
        };
        let certificates = Arc::new(certificates);
        let mut config = builder.with_cert_resolver(Arc::clone(&certificates) as _);
        let tickets = match tickets {
            Some(tickets) => tickets,
            None => aws_lc_rs::Ticketer::new().map_err(TlsFault::Setup)?,
        };
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.ticketer = Arc::clone(&tickets);
        // A client reconnects with one connection, and gets a new ticket on it.
        config.send_tls13_tickets = 1;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(InUse { config: Arc::new(config), certificates, tickets })
    }

    fn log(&self, now: Nanos) {
        for (index, served) in self.certificates.served.iter().enumerate() {
            let days_left = served.expires.saturating_sub(seconds(now)) / 86_400;
            let names = served.names.join(" ");
            tracing::info!(index, names, days_left, "certificate in use");
        }
    }
}
