//! Operators' requests on sessions: listing and closing them.
//!
//! Who may ask, and how tokens are barred, is in `server/http/admin.rs` and `access`.
//!
//! Invariants: a list describes at most the requested number of sessions, with a few symbols each; a session is closed
//! as by a revocation, so that nothing its rights allowed is written any more.

use compact_str::CompactString;

use crate::{
    audit::AuditChannel,
    fanout::{Place, SessionKey},
    session::{core::Core, socket::SessionSocket, state::Session},
    tick::Nanos,
    wire::{CloseReason, control::Pace},
};

/// Which sessions to list: those with the lowest numbers after a given one.
#[derive(Clone, Debug)]
pub struct SessionsQuery {
    pub user: Option<CompactString>,
    pub after: u64,
    pub count: usize,
}

/// A session as shown by `GET /v1/admin/sessions`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ListedSession {
    /// Its number, as in `welcome`.
    pub session: String,
    pub user: Option<CompactString>,
    pub class: Option<CompactString>,
    /// The name of its token, not the token itself.
    pub token: Option<CompactString>,
    /// Expiry of its token, in microseconds since 1970.
    pub expires: Option<i64>,
    /// Address and port of the client, as reported by a trusted proxy.
    pub peer: String,
    pub user_agent: String,
    pub via: AuditChannel,
    /// The venue protocol that it speaks; `None` for the service's own.
    pub protocol: Option<&'static str>,
    pub age_ms: u64,
    pub pace: Pace,
    pub subscriptions: usize,
    /// Some of its symbols.
    pub symbols: Vec<CompactString>,
    /// Some of its globs.
    pub globs: Vec<CompactString>,
    pub frames_sent: u64,
    pub bytes_sent: u64,
    /// How long it has been behind without a break.
    pub behind_ms: u64,
    /// The age of its oldest pending tick.
    pub lag_ms: u64,
    pub pending_ticks: u64,
}

/// Which sessions to close.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CloseTarget {
    User(CompactString),
    /// By token name: its `jti`, or else `sha256:…`.
    Token(CompactString),
    /// By session number, as in `welcome`.
    Session(u64),
}

/// Maximum number of symbols, and of globs, listed per session.
pub const SHOWN_MAX: usize = 16;

impl<S: SessionSocket> Core<S> {
    /// The requested sessions, in the order of their numbers.
    pub fn listed(&self, query: &SessionsQuery) -> Vec<ListedSession> {
        let now = self.node.clock.now();
        let is_asked_for = |session: &Session<S>| {
            session.is_open()
                && session.number > query.after
                && query.user.as_ref().is_none_or(|user| session.rights.user.as_ref() == Some(user))
        };
        let mut found: Vec<_> = (0..)
            .map(SessionKey)
            .zip(&self.sessions)
            .filter_map(|(key, session)| {
                let session = session.as_deref().filter(|session| is_asked_for(session))?;
                Some((session.number, key, session))
            })
            .collect();
        if query.count < found.len() {
            found.select_nth_unstable_by_key(query.count, |&(number, ..)| number);
            found.truncate(query.count);
        }
        found.sort_unstable_by_key(|&(number, ..)| number);
        found.into_iter().map(|(_, key, session)| self.listed_session(key, session, now)).collect()
    }

    /// Closes the matching open sessions; returns how many. Their tokens must have been barred before.
    pub fn close_for_operator(&mut self, target: &CloseTarget) -> u64 {
        let mut closed = 0;
        for index in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
            let is_meant = |session: &Session<S>| session.is_open() && target.means(session);
            if self.session(key).is_some_and(|session| is_meant(session)) {
                self.end_by_rights(key, CloseReason::Revoked);
                self.flush(key);
                closed += 1;
            }
        }
        closed
    }

    fn listed_session(&self, key: SessionKey, session: &Session<S>, now: Nanos) -> ListedSession {
        let behind = self.fanout.behind(key);
        let market = self.node.market.at(now);
        let rights = &session.rights;
        ListedSession {
            session: session.number.to_string(),
            user: rights.user.clone(),
            class: rights.class.clone(),
            token: rights.token.clone(),
            expires: rights.expires.map(Nanos::micros),
            peer: session.peer.address.to_string(),
            user_agent: session.peer.agent.text().to_owned(),
            via: session.via(),
            protocol: session.dialect.as_deref().map(|dialect| dialect.id.name()),
            age_ms: now.since(session.opened_at) / 1_000_000,
            pace: session.pace,
            subscriptions: self.fanout.session_subscriptions(key),
            symbols: self.some_symbols(key),
            globs: self.fanout.globs(key).iter().take(SHOWN_MAX).map(|glob| glob.text.clone()).collect(),
            frames_sent: session.frames_sent,
            bytes_sent: session.bytes_sent,
            behind_ms: session.behind_since.map_or(0, |since| now.since(since) / 1_000_000),
            lag_ms: behind.oldest.map_or(0, |oldest| market.since(oldest) / 1_000_000),
            pending_ticks: behind.ticks,
        }
    }

    fn some_symbols(&self, key: SessionKey) -> Vec<CompactString> {
        let mut from = Place::default();
        let symbols = std::iter::from_fn(|| {
            let (next, held) = self.fanout.subscribed_from(key, from)?;
            from = next;
            Some(CompactString::new(held.symbol.as_str()))
        });
        symbols.take(SHOWN_MAX).collect()
    }
}

// === impl CloseTarget ===

impl CloseTarget {
    fn means<S>(&self, session: &Session<S>) -> bool {
        match self {
            CloseTarget::User(user) => session.rights.user.as_ref() == Some(user),
            CloseTarget::Token(token) => session.rights.token.as_ref() == Some(token),
            CloseTarget::Session(number) => session.number == *number,
        }
    }
}
