//! TLS as it is configured now: the certificates in use, the keys of tickets, the handshakes that have begun.
//!
//! The files are read again when they change, and when the operator asks for it. Files with a fault change nothing, and
//! the log and a metric say so. Connections that are there keep what they began with.
//!
//! Tickets make resumption cheap on every thread, because the server keeps no sessions for it. Their keys outlive a
//! reload, but not a change of the clients' authorities, which a resumed handshake does not ask again.

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
    /// Held for a reload.
    reloading: Mutex<()>,
    /// Of all threads; `limits.tls_handshakes` at most. Whose end of a channel is dropped has to go.
    kept: Mutex<KeptHandshakes<AddressKey, oneshot::Sender<Infallible>>>,
    pub stats: TlsStats,
    /// What was wrong with the files at the start, and could be lived with.
    complaints: Vec<TlsFault>,
}

/// What handshakes that begin now are given.
pub struct InUse {
    pub config: Arc<ServerConfig>,
    pub certificates: Arc<Certificates>,
    tickets: Arc<dyn ProducesTickets>,
}

/// A handshake that has begun, until it is dropped.
pub struct KeptHandshake<'a> {
    state: &'a TlsState,
    address: AddressKey,
    number: u64,
    dropped: oneshot::Receiver<Infallible>,
}

/// What is spoken in TLS.
const PROTOCOL: &[u8] = b"http/1.1";

impl TlsState {
    /// Reads the files. Certificates that are out of their time are served all the same: who connects sees it, and an
    /// outage would help nobody.
    ///
    /// # Errors
    /// Every fault of the files.
    pub fn new(files: TlsFiles, handshakes: usize, clock: Clock) -> Result<Self, Vec<TlsFault>> {
        // What changes from here on is a change.
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

    /// Every fault of the files, those with which a service can run included.
    pub fn check(files: &TlsFiles, clock: Clock) -> Vec<TlsFault> {
        match TlsState::new(files.clone(), 1, clock) {
            Ok(state) => state.complaints,
            Err(faults) => faults,
        }
    }

    /// Says in the log which certificates are in use, and what is wrong with them.
    pub fn tell(&self) {
        self.in_use.load().log(self.clock.now());
        for complaint in &self.complaints {
            tracing::error!("{}", with_sources(complaint));
        }
    }

    /// Reads the files again when they have changed and come to rest. Called once in a while.
    pub fn watch(&self) {
        let has_settled = self.watch.lock().unwrap_or_else(PoisonError::into_inner).has_settled();
        if has_settled {
            self.reload();
        }
    }

    /// Handshakes that have begun and are not done.
    pub fn under_way(&self) -> usize {
        self.kept().count()
    }

    /// Keeps one more handshake; another may have to go for it.
    pub fn begin(&self, address: AddressKey) -> KeptHandshake<'_> {
        let (item, dropped) = oneshot::channel();
        let (number, gone) = self.kept().begin(address, item);
        // Its task is woken by this, and not under the lock.
        drop(gone);
        KeptHandshake { state: self, address, number, dropped }
    }

    fn kept(&self) -> MutexGuard<'_, KeptHandshakes<AddressKey, oneshot::Sender<Infallible>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a handshake that begins now is given.
    pub fn in_use(&self) -> Arc<InUse> {
        self.in_use.load_full()
    }

    /// Reads the files again. Faults are in the log, and leave everything as it was.
    pub fn reload(&self) {
        let _alone = self.reloading.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.in_use.load_full();
        let read = Certificates::read(&self.files, &self.provider, self.clock.now());
        let made = read.and_then(|(certificates, complaints)| {
            let is_same = certificates.authorities_pem == before.certificates.authorities_pem;
            let tickets = is_same.then(|| Arc::clone(&before.tickets));
            let made = InUse::new(certificates, tickets, &self.provider).map_err(|fault| vec![fault])?;
            // What is out of its time is no better than what there is.
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
    /// Ready when it has to go for another.
    pub fn poll_dropped(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // Nothing is ever sent.
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
        // A client comes back with one connection, which gets a ticket of its own.
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
