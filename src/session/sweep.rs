//! Deadlines: one walk over a shard's sessions a few times a second, instead of a timer for each session.

use std::{cmp::Reverse, sync::Arc};

use super::{
    core::Core,
    shard::{Shared, SlowSession},
    socket::SessionSocket,
    state::Session,
    work::thread_nanos,
};
use crate::{
    fanout::{Behind, SessionKey, Units},
    limits::Limits,
    planted::{Fault, is_planted},
    tick::Nanos,
    wire::{
        CloseReason, Control,
        control::{Pace, millis},
    },
};

/// A session that is behind without a break for this long is reported as conflating.
const CONFLATING_AFTER_NANOS: u64 = 250_000_000;
/// A session that is caught up for this long is reported as live again.
const LIVE_AFTER_NANOS: u64 = 1_000_000_000;

/// A session without a frame for this long frees its buffers.
const AT_REST_AFTER_NANOS: u64 = 1_000_000_000;

/// Units for the walk over topics at once, before the sessions; the rest is done in later turns.
const WALK_UNITS: u32 = 16 * 1024;

/// The action that a session's deadlines call for.
enum Verdict {
    Fine,
    Drop,
    Close(CloseReason),
}

impl<S: SessionSocket> Core<S> {
    /// Checks every deadline.
    pub fn sweep(&mut self) {
        let now = self.shared.clock.now();
        let shared = Arc::clone(&self.shared);
        if !is_planted(Fault::HidesStale) {
            self.work.find_stale();
        }
        let (begun, mut units) = (thread_nanos(), Units::new(WALK_UNITS));
        self.walk_topics(now, &mut units);
        self.time_slice(units.spent(), Some(begun));
        for place in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(place).unwrap_or(u32::MAX));
            let Some(session) = self.session(key) else { continue };
            note_acknowledged(session, now);
            match check_deadlines(session, &shared.limits, now) {
                Verdict::Drop => self.drop_session(key, CloseReason::Gone),
                Verdict::Close(reason) => {
                    self.close(key, reason);
                    self.flush(key);
                }
                Verdict::Fine => self.maintain(key, &shared.limits, now),
            }
        }
        self.sweep_drain(now);
        self.sweep_end();
    }

    /// Pings, heartbeats and the pace of a session that misses no deadline.
    fn maintain(&mut self, key: SessionKey, limits: &Limits, now: Nanos) {
        // Heartbeats use the market's clock: they say as of when the values shown are true.
        let market = self.shared.market.at(now);
        let Some(session) = self.session(key) else { return };
        if session.closing.is_some() {
            return;
        }
        let pace = pace_of(session, limits, now);
        let changed = pace != session.pace;
        session.pace = pace;
        let ping = session.encoding().has_pings()
            && !session.blocked
            && now.since(session.pinged_at) >= nanos(limits.ping)
            && !is_planted(Fault::NeverPings);
        let heartbeat = !session.blocked
            && session.control.is_empty()
            && market.since(session.frame_at) >= nanos(limits.heartbeat)
            && !is_planted(Fault::NeverHeartbeats);
        let at_rest = market.since(session.frame_at) >= AT_REST_AFTER_NANOS;
        if ping {
            session.pinged_at = now;
            session.encoding().write_ping(&mut session.control);
            session.control_frames += 1;
        }
        if changed {
            self.control(key, &Control::PaceStatus { pace });
        }
        if heartbeat {
            self.heartbeat(key, market);
        }
        if ping || changed || heartbeat {
            self.flush(key);
        }
        if at_rest {
            self.fanout.give_back(key, market);
        }
    }

    fn heartbeat(&mut self, key: SessionKey, now: Nanos) {
        let behind = self.fanout.behind(key);
        let asof = behind.oldest.unwrap_or(now);
        let message =
            Control::Heartbeat { ts: now, asof, dirty: behind.dirty, oldest_ms: now.since(asof) / 1_000_000 };
        self.control(key, &message);
    }

    /// Begins to end every session, because the server stops.
    pub fn drain(&mut self) {
        if self.draining_since.is_some() {
            return;
        }
        self.draining_since = Some(self.shared.clock.now());
        for place in 0..self.sessions.len() {
            self.drain_session(SessionKey(u32::try_from(place).unwrap_or(u32::MAX)));
        }
        self.sweep_drain(self.shared.clock.now());
    }

    /// Tells a session to come back later, each at a time of its own, and makes what waits for an interval due.
    pub fn drain_session(&mut self, key: SessionKey) {
        let shared = Arc::clone(&self.shared);
        let Some(session) = self.session(key) else { return };
        let retry_ms = retry_ms(&shared, session.number);
        if session.is_open() {
            session.encoding().write_retry(retry_ms, &mut session.control);
        }
        if !is_planted(Fault::DrainsUnannounced) {
            self.control(key, &Control::Drain { retry_ms });
        }
        self.fanout.flush_intervals(key);
        self.flush(key);
    }

    /// Closes sessions that have been sent everything. From half of the drain time on it closes all, and cuts off
    /// clients that take no bytes.
    fn sweep_drain(&mut self, now: Nanos) {
        let Some(since) = self.draining_since else { return };
        let time = nanos(self.shared.limits.drain);
        let late = now.since(since) >= time / 2;
        for place in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(place).unwrap_or(u32::MAX));
            let drained = self.fanout.is_drained(key);
            let Some(session) = self.session(key) else { continue };
            if late && now.since(session.took_at(now)) >= time / 4 {
                self.stats.cut += 1;
                self.drop_session(key, CloseReason::Drain);
            } else if session.closing.is_none() && (late || (drained && session.waiting_bytes() == 0)) {
                self.close(key, CloseReason::Drain);
                self.flush(key);
            }
        }
    }

    /// The sessions that are furthest behind, the worst first.
    pub fn slowest(&self, count: usize) -> Vec<SlowSession> {
        let now = self.shared.clock.now();
        let market = self.shared.market.at(now);
        // All are ranked; only those that are shown are described.
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
        let market = self.shared.market.at(now);
        let since = |then: Nanos| now.since(then) / 1_000_000;
        let blocked_ms = if session.blocked { since(session.progress_at) } else { 0 };
        let why = if session.blocked {
            format!("its socket has taken no byte for {blocked_ms} ms")
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
            why,
            behind_ms: session.behind_since.map_or(0, since),
            blocked_ms,
            dirty: behind.dirty,
            pending_ticks: behind.ticks,
            oldest_ms: behind.oldest.map_or(0, |oldest| market.since(oldest) / 1_000_000),
            kernel_unsent_bytes,
            waiting_bytes: session.waiting_bytes(),
            subscriptions: self.fanout.session_subscriptions(key),
            frames_sent: session.frames_sent,
            bytes_sent: session.bytes_sent,
        }
    }
}

/// As [`SlowSession::rank`] of its description.
fn rank<S>(session: &Session<S>, behind: &Behind, now: Nanos, market: Nanos) -> Reverse<(u64, u64, u64)> {
    let blocked_ms = if session.blocked { now.since(session.progress_at) / 1_000_000 } else { 0 };
    let oldest_ms = behind.oldest.map_or(0, |oldest| market.since(oldest) / 1_000_000);
    Reverse((blocked_ms, oldest_ms, behind.ticks))
}

/// The least `retry_ms` of a drain, and the span over which clients are spread (with a millisecond more for each).
const RETRY_FIRST_MS: u64 = 250;
const RETRY_SPREAD_MS: u64 = 2_000;

/// When the client of a session that ends comes back: each at a time of its own.
pub fn retry_ms(shared: &Shared, number: u64) -> u64 {
    let sessions = shared.sessions.load(std::sync::atomic::Ordering::Relaxed) as u64;
    RETRY_FIRST_MS + spread(number) % (RETRY_SPREAD_MS + sessions)
}

/// Spreads session numbers evenly: Fibonacci hashing.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33
}

/// On a thin link the peer takes bytes long before the kernel has room for more. That is progress too.
fn note_acknowledged<S: SessionSocket>(session: &mut Session<S>, now: Nanos) {
    if session.blocked {
        let unacknowledged_bytes = session.transport.stream.unacknowledged_bytes();
        if unacknowledged_bytes < session.unacknowledged_bytes {
            session.progress_at = now;
        }
        session.unacknowledged_bytes = unacknowledged_bytes;
    }
}

fn check_deadlines<S>(session: &Session<S>, limits: &Limits, now: Nanos) -> Verdict {
    if let Some(closing) = &session.closing {
        let is_over = now >= closing.deadline && !is_planted(Fault::ClosesForever);
        return if is_over { Verdict::Drop } else { Verdict::Fine };
    }
    let progress = nanos(limits.progress) / if is_planted(Fault::SlowTooSoon) { 4 } else { 1 };
    if session.blocked && now.since(session.progress_at) >= progress && !is_planted(Fault::NeverSlow) {
        return Verdict::Close(CloseReason::Slow);
    }
    let unanswered = session.pinged_at > session.heard_at;
    if unanswered
        && !session.blocked
        && !session.reading_held
        && now.since(session.pinged_at) >= nanos(limits.pong)
    {
        return Verdict::Close(CloseReason::PongTimeout);
    }
    Verdict::Fine
}

fn pace_of<S: SessionSocket>(session: &Session<S>, limits: &Limits, now: Nanos) -> Pace {
    let kernel_unsent_bytes = if session.blocked { session.transport.stream.unsent_bytes() } else { 0 };
    if kernel_unsent_bytes + session.waiting_bytes() > limits.unsent_bytes {
        return Pace::Conflating;
    }
    match session.behind_since {
        Some(since) if now.since(since) >= CONFLATING_AFTER_NANOS => Pace::Conflating,
        None if now.since(session.blocked_at) >= LIVE_AFTER_NANOS => Pace::Live,
        _ => session.pace,
    }
}

fn nanos(duration: std::time::Duration) -> u64 {
    millis(duration).saturating_mul(1_000_000)
}
