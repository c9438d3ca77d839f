//! Deadlines: a sweep over a shard's sessions a few times a second, instead of a timer per session.

use std::sync::Arc;

use super::drain::nanos;
use crate::{
    fanout::{SessionKey, Units},
    limits::Limits,
    planted::{Fault, is_planted},
    session::{
        core::Core,
        outbound::window::{ReadProof, ReadWindow},
        socket::SessionSocket,
        state::Session,
        stats::thread_nanos,
    },
    tick::Nanos,
    wire::{CloseReason, Control, control::Pace},
};

/// A session that is behind without a break for this long is reported as conflating.
const CONFLATING_AFTER_NANOS: u64 = 250_000_000;
/// A session that has been caught up for this long is reported as live again.
const LIVE_AFTER_NANOS: u64 = 1_000_000_000;

/// A session without a frame for this long frees its buffers.
const IDLE_AFTER_NANOS: u64 = 1_000_000_000;

/// Units for walking the topics before the sessions; the rest is done in later turns.
const WALK_UNITS: u32 = 16 * 1024;

/// Units for reporting, in a new month, which subscriptions continue into it.
const AUDIT_UNITS: u32 = 8 * 1024;

/// What a session's deadlines call for.
enum DeadlineAction {
    Fine,
    Drop,
    Close(CloseReason),
}

impl<S: SessionSocket> Core<S> {
    /// Checks all deadlines.
    pub fn sweep(&mut self) {
        let now = self.node.clock.now();
        self.end_rights(now);
        let node = Arc::clone(&self.node);
        if !is_planted(Fault::HidesStale) {
            self.backlog.find_stale();
        }
        let (begun, mut units) = (thread_nanos(), Units::new(WALK_UNITS));
        self.walk_topics(now, &mut units);
        self.time_slice(units.spent(), Some(begun));
        for index in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
            self.release_drained(key);
            let Some(session) = self.session(key) else { continue };
            note_acknowledged(session, now);
            match check_deadlines(session, &node.limits, now) {
                DeadlineAction::Drop => self.drop_session(key, CloseReason::Gone),
                DeadlineAction::Close(reason) => {
                    self.close(key, reason);
                    self.flush(key);
                }
                DeadlineAction::Fine => self.maintain(key, &node.limits, now),
            }
        }
        self.sweep_audit(now, &mut Units::new(AUDIT_UNITS));
        self.sweep_drain(now);
        self.sweep_end();
    }

    /// Pings, heartbeats and status of a session that has missed no deadline.
    fn maintain(&mut self, key: SessionKey, limits: &Limits, now: Nanos) {
        // Heartbeats carry market time: the time as of which the displayed values are true.
        let market = self.node.market.at(now);
        let is_told = self.maintain_rights(key, limits, now);
        let is_released = self.maintain_window(key, now, limits) || is_told;
        let Some(session) = self.session(key) else { return };
        if session.closing.is_some() {
            // Its token did not come in time.
            if is_told {
                self.flush(key);
            }
            return;
        }
        let pace = pace_of(session, limits, now);
        let changed = pace != session.pace;
        session.pace = pace;
        let has_dialect = session.dialect.is_some();
        let ping = !has_dialect
            && session.encoding().has_pings()
            && !session.blocked
            && now.since(session.pinged_at) >= nanos(limits.ping)
            && !is_planted(Fault::NeverPings);
        let heartbeat = !has_dialect
            && !session.blocked
            && session.control.is_empty()
            && market.since(session.frame_at) >= nanos(limits.heartbeat)
            && !is_planted(Fault::NeverHeartbeats);
        let is_idle = market.since(session.frame_at) >= IDLE_AFTER_NANOS;
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
        let is_kept = has_dialect && self.keep_dialect(key, now);
        if ping || changed || heartbeat || is_released || is_kept {
            self.flush(key);
        }
        if is_idle {
            self.fanout.shrink(key, market);
        }
    }

    fn heartbeat(&mut self, key: SessionKey, now: Nanos) {
        let behind = self.fanout.behind(key);
        let asof = behind.oldest.unwrap_or(now);
        let message =
            Control::Heartbeat { ts: now, asof, dirty: behind.dirty, oldest_ms: now.since(asof) / 1_000_000 };
        self.control(key, &message);
    }
}

/// On a slow link the peer acknowledges bytes long before the socket is writable or a pong arrives. That is progress
/// too.
/// too.
fn note_acknowledged<S: SessionSocket>(session: &mut Session<S>, now: Nanos) {
    if session.is_stopped() {
        let unacknowledged_bytes = session.transport.stream.unacknowledged_bytes();
        if unacknowledged_bytes < session.unacknowledged_bytes {
            session.progress_at = now;
        }
        session.unacknowledged_bytes = unacknowledged_bytes;
    }
}

fn check_deadlines<S: SessionSocket>(session: &Session<S>, limits: &Limits, now: Nanos) -> DeadlineAction {
    if let Some(closing) = &session.closing {
        let is_over = now >= closing.deadline && !is_planted(Fault::ClosesForever);
        return if is_over { DeadlineAction::Drop } else { DeadlineAction::Fine };
    }
    let progress = nanos(limits.progress) / if is_planted(Fault::SlowTooSoon) { 4 } else { 1 };
    // A slow reader sends its proofs as slowly.
    let proof = if session.blocked { 0 } else { 2 * session.drain_nanos() };
    if session.is_stopped()
        && !session.may_answer_no_pings()
        && now.since(session.progress_at) >= progress.max(proof)
        && !is_planted(Fault::NeverSlow)
    {
        return DeadlineAction::Close(CloseReason::Slow);
    }
    if let Some(reason) = session.ended_by_venue(now) {
        return DeadlineAction::Close(reason);
    }
    // A client that never answered a ping may be unable to: it counts as alive while its kernel acknowledges data.
    let is_there = || !session.answers_pings && session.transport.stream.unacknowledged_bytes() == 0;
    let is_ours = session.dialect.is_none();
    if is_ours
        && !session.blocked
        && !session.reading_held
        && session.is_unanswered(limits, now)
        && !is_there()
    {
        return DeadlineAction::Close(CloseReason::PongTimeout);
    }
    DeadlineAction::Fine
}

impl<S> Session<S> {
    /// Whether the last ping was not answered in time, and nothing else was received since.
    pub(super) fn is_unanswered(&self, limits: &Limits, now: Nanos) -> bool {
        self.pinged_at > self.heard_at && now.since(self.pinged_at) >= nanos(limits.pong)
    }

    /// Whether a writable session is held only because no pong has come yet: the client may have read everything, and
    /// will soon be served without a window.
    fn may_answer_no_pings(&self) -> bool {
        let is_awaited = |window: &ReadWindow| window.proof == ReadProof::Awaited;
        !self.blocked && self.window.as_deref().is_some_and(is_awaited)
    }

    /// How long a held client needs, at its own rate, to read the bytes in flight.
    fn drain_nanos(&self) -> u64 {
        self.window.as_deref().map_or(0, |window| window.drain_nanos(self.sent()))
    }
}

fn pace_of<S: SessionSocket>(session: &Session<S>, limits: &Limits, now: Nanos) -> Pace {
    let kernel_unsent_bytes = if session.blocked { session.transport.stream.unsent_bytes() } else { 0 };
    if kernel_unsent_bytes + session.waiting_bytes() > limits.unsent_bytes {
        return Pace::Conflating;
    }
    if session.window.as_deref().is_some_and(ReadWindow::is_spaced) {
        return Pace::Conflating;
    }
    match session.behind_since {
        Some(since) if now.since(since) >= CONFLATING_AFTER_NANOS => Pace::Conflating,
        None if now.since(session.blocked_at) >= LIVE_AFTER_NANOS => Pace::Live,
        _ => session.pace,
    }
}
