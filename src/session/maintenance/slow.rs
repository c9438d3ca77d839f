//! Describes the sessions that are furthest behind, for operators.

use std::cmp::Reverse;

use crate::{
    fanout::{Behind, SessionKey},
    session::{
        core::Core,
        outbound::window::{DataHold, ReadProof, ReadWindow},
        socket::SessionSocket,
        state::Session,
    },
    tick::Nanos,
    wire::control::Pace,
};

/// A session as shown by `GET /debug/slow`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SlowSession {
    /// Its number, as in `welcome`.
    pub session: String,
    /// Address and port.
    pub peer: String,
    /// From its first request, shortened and made printable.
    pub user_agent: String,
    pub pace: Pace,
    /// The venue protocol that it speaks; `None` for the service's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dialect: Option<&'static str>,
    /// Why the session is in this list, as text for people.
    pub why: String,
    /// How long it has been behind without a break.
    pub behind_ms: u64,
    /// How long the client has accepted no byte; nothing is sent until it does.
    pub blocked_ms: u64,
    pub dirty: usize,
    pub pending_ticks: u64,
    pub oldest_ms: u64,
    /// Bytes in the kernel, not sent yet.
    pub kernel_unsent_bytes: usize,
    /// Bytes in the session's own buffers.
    pub waiting_bytes: usize,
    /// Bytes given to the socket and, as far as known, not read by the client yet.
    pub under_way_bytes: u64,
    /// The limit for these; `null` for a session without a window.
    pub window_bytes: Option<u64>,
    /// Round trip from the last proven byte to its proof.
    pub delay_ms: u64,
    /// How the client proves what it has read: `awaited`, `pongs`, `acks` or `missing`.
    pub proof: &'static str,
    pub subscriptions: usize,
    pub frames_sent: u64,
    pub bytes_sent: u64,
}

impl SlowSession {
    /// Sort key: the worst session first.
    pub fn rank(&self) -> impl Ord + use<> {
        Reverse((self.blocked_ms, self.oldest_ms, self.pending_ticks))
    }
}

impl<S: SessionSocket> Core<S> {
    /// The sessions that are furthest behind, the worst first.
    pub fn slowest(&self, count: usize) -> Vec<SlowSession> {
        let now = self.node.clock.now();
        let market = self.node.market.at(now);
        // Rank all, describe only those shown.
        let mut ranked: Vec<_> = (0..)
            .map(SessionKey)
            .zip(&self.sessions)
            .filter_map(|(key, session)| {
                let session = session.as_deref().filter(|session| session.is_open())?;
                Some((rank(session, &self.fanout.behind(key), now, market), key, session))
            })
            .collect();
        if count < ranked.len() {
            ranked.select_nth_unstable_by_key(count, |&(rank, key, _)| (rank, key));
            ranked.truncate(count);
        }
        ranked.sort_unstable_by_key(|&(rank, key, _)| (rank, key));
        ranked.into_iter().map(|(_, key, session)| self.slow_session(key, session, now)).collect()
    }

    fn slow_session(&self, key: SessionKey, session: &Session<S>, now: Nanos) -> SlowSession {
        let behind = self.fanout.behind(key);
        let kernel_unsent_bytes = session.transport.stream.unsent_bytes();
        let market = self.node.market.at(now);
        let since = |then: Nanos| now.since(then) / 1_000_000;
        let blocked_ms = if session.is_stopped() { since(session.progress_at) } else { 0 };
        let window = session.window.as_deref();
        let why = if session.blocked {
            format!("its socket has taken no byte for {blocked_ms} ms")
        } else if session.hold == DataHold::Window {
            let (under_way, size) = (session.under_way_bytes(), window.and_then(ReadWindow::size_bytes));
            format!(
                "its client has yet to read {under_way} bytes, {} may be under way",
                size.unwrap_or_default()
            )
        } else if session.hold == DataHold::Share {
            "its user was sent as many bytes as one may be".to_owned()
        } else if window.is_some_and(ReadWindow::is_spaced) {
            "its client reads few frames a second".to_owned()
        } else if behind.dirty > 0 {
            "its subscriptions wait for their intervals".to_owned()
        } else {
            "it keeps up".to_owned()
        };
        SlowSession {
            session: session.number.to_string(),
            peer: session.peer.address.to_string(),
            user_agent: session.peer.agent.text().to_owned(),
            pace: session.pace,
            dialect: session.dialect.as_deref().map(|dialect| dialect.id.name()),
            why,
            behind_ms: session.behind_since.map_or(0, since),
            blocked_ms,
            dirty: behind.dirty,
            pending_ticks: behind.ticks,
            oldest_ms: behind.oldest.map_or(0, |oldest| market.since(oldest) / 1_000_000),
            kernel_unsent_bytes,
            waiting_bytes: session.waiting_bytes(),
            under_way_bytes: session.under_way_bytes(),
            window_bytes: window.and_then(ReadWindow::size_bytes),
            delay_ms: window.map_or(0, |window| window.delay_nanos() / 1_000_000),
            proof: window.map_or(ReadProof::Awaited, |window| window.proof).label(),
            subscriptions: self.fanout.session_subscriptions(key),
            frames_sent: session.frames_sent,
            bytes_sent: session.bytes_sent,
        }
    }
}

/// As [`SlowSession::rank`], without the description.
fn rank<S>(session: &Session<S>, behind: &Behind, now: Nanos, market: Nanos) -> Reverse<(u64, u64, u64)> {
    let blocked_ms = if session.is_stopped() { now.since(session.progress_at) / 1_000_000 } else { 0 };
    let oldest_ms = behind.oldest.map_or(0, |oldest| market.since(oldest) / 1_000_000);
    Reverse((blocked_ms, oldest_ms, behind.ticks))
}
