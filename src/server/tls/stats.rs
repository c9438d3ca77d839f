//! Counts of TLS handshakes: outcomes and durations.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rustls::{HandshakeKind, ProtocolVersion};

use crate::session::stats::{AGE_BOUNDS, Ages};

/// Why a TLS connection never reached a session or request: the label of `tickcast_tls_rejected_total`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum TlsRejected {
    /// It spoke plain HTTP, and was answered in HTTP.
    PlainHttp,
    /// It spoke neither TLS nor HTTP.
    NotTls,
    /// Its handshake was not finished in time.
    Timeout,
    /// Its `ClientHello` was not processed in time, because the server was busy.
    Busy,
    /// Dropped for another at `limits.tls_handshakes`, while waiting for its client: the oldest of the address with the
    /// most.
    Crowded,
    /// Evicted for another connection, at a limit of connections.
    Evicted,
    /// It sent no client certificate, or none that is accepted.
    ClientCertificate,
    /// No common version, cipher or protocol.
    Incompatible,
    /// The client rejected the service's certificate, or sent another alert.
    Alert,
    /// It violated the protocol.
    Protocol,
    /// It disconnected.
    Gone,
}

/// Handshakes since the service began.
#[derive(Debug, Default)]
pub struct TlsStats {
    /// By version and kind.
    done: [[AtomicU64; 2]; 2],
    rejected: [AtomicU64; TlsRejected::ALL.len()],
    /// Durations of finished handshakes, from the first work on them.
    took: Mutex<Ages>,
    /// The files' current content is faulty, so an older one is in use.
    pub is_faulty: AtomicBool,
}

/// Labels of versions and kinds, by index.
const VERSIONS: [&str; 2] = ["1.2", "1.3"];
pub const KINDS: [&str; 2] = ["full", "resumed"];

impl TlsStats {
    pub fn done(&self, version: Option<ProtocolVersion>, kind: Option<HandshakeKind>, took: Duration) {
        let version = usize::from(version == Some(ProtocolVersion::TLSv1_3));
        let kind = usize::from(kind == Some(HandshakeKind::Resumed));
        self.done[version][kind].fetch_add(1, Relaxed);
        let mut all = self.took.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = AGE_BOUNDS.iter().position(|bound| took.as_secs_f64() <= *bound);
        all.buckets[bucket.unwrap_or(AGE_BOUNDS.len())] += 1;
        all.sum_nanos += took.as_nanos();
    }

    pub fn reject(&self, reason: TlsRejected) {
        self.rejected[reason as usize].fetch_add(1, Relaxed);
    }

    pub fn rejected(&self, reason: TlsRejected) -> u64 {
        self.rejected[reason as usize].load(Relaxed)
    }

    /// Version, kind and count of finished handshakes.
    pub fn each_done(&self) -> impl Iterator<Item = (&'static str, &'static str, u64)> {
        self.done.iter().zip(VERSIONS).flat_map(|(kinds, version)| {
            kinds.iter().zip(KINDS).map(move |(count, kind)| (version, kind, count.load(Relaxed)))
        })
    }

    /// Durations of finished handshakes.
    pub fn took(&self) -> Ages {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl TlsRejected {
    pub const ALL: [TlsRejected; 11] = [
        TlsRejected::PlainHttp,
        TlsRejected::NotTls,
        TlsRejected::Timeout,
        TlsRejected::Busy,
        TlsRejected::Crowded,
        TlsRejected::Evicted,
        TlsRejected::ClientCertificate,
        TlsRejected::Incompatible,
        TlsRejected::Alert,
        TlsRejected::Protocol,
        TlsRejected::Gone,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            TlsRejected::PlainHttp => "plain_http",
            TlsRejected::NotTls => "not_tls",
            TlsRejected::Timeout => "timeout",
            TlsRejected::Busy => "busy",
            TlsRejected::Crowded => "crowded",
            TlsRejected::Evicted => "evicted",
            TlsRejected::ClientCertificate => "client_certificate",
            TlsRejected::Incompatible => "incompatible",
            TlsRejected::Alert => "alert",
            TlsRejected::Protocol => "protocol",
            TlsRejected::Gone => "gone",
        }
    }

    pub fn of(error: &rustls::Error) -> Self {
        use rustls::Error;
        match error {
            Error::NoCertificatesPresented | Error::InvalidCertificate(_) => TlsRejected::ClientCertificate,
            Error::PeerIncompatible(_) | Error::NoApplicationProtocol => TlsRejected::Incompatible,
            Error::AlertReceived(_) => TlsRejected::Alert,
            _ => TlsRejected::Protocol,
        }
    }
}
