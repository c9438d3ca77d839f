//! Flow control between sessions and their windows: whether data may be sent, where to place marks, and what proofs of
//! reading change.
//!
//! Most frames cost one comparison: [`Session::check_at`] says when the window must be consulted next, so a client that
//! keeps up pays next to nothing. Control messages are never held back.
//!
//! Invariant: a held session is released by a proof of reading, by the list of spaced sessions, or by the sweep.

use std::{cmp::Reverse, sync::Arc};

use super::window::{BadAck, DataHold, HeardAt, Proved, ReadProof, ReadWindow, Sent, Verdict};
use crate::{
    fanout::SessionKey,
    limits::Limits,
    planted::{Fault, is_planted},
    session::{core::Core, socket::SessionSocket, state::Session, stats::LimitHit},
    tick::Nanos,
    wire::{FrameSize, ReceiptTimes, control::millis, ping},
};

/// A ping frame with a position.
pub type Ping = [u8; 10];

/// Size of the client's pong: header, mask and position.
const PONG_BYTES: usize = 14;

/// How much is sent between two checks while a limit is off.
const OFF_STEP: u64 = 64 * 1024;
/// With a window of at least this size, spaced frames may be longer.
const MEDIUM_WINDOW_BYTES: u64 = 8 * 1024;
const LARGE_WINDOW_BYTES: u64 = 32 * 1024;

pub fn target_nanos(limits: &Limits) -> u64 {
    millis(limits.target_delay).saturating_mul(1_000_000)
}

impl<S> Session<S> {
    /// The size of the next frame: small where choosing values later makes them newer.
    #[inline]
    pub(super) fn frame_size(&self) -> FrameSize {
        let is_small = self.refused_since.is_some() || self.sent().cost() >= self.small_at;
        if is_small { self.small_size() } else { FrameSize::Full }
    }

    #[cold]
    fn small_size(&self) -> FrameSize {
        let size = self.window.as_deref().filter(|window| window.is_spaced());
        match size.and_then(ReadWindow::size_bytes) {
            Some(LARGE_WINDOW_BYTES..) => FrameSize::Full,
            Some(MEDIUM_WINDOW_BYTES..) => FrameSize::Medium,
            _ => FrameSize::Small,
        }
    }

    /// The ping to append after this many bytes of the next write, which end a data frame, if one is due there.
    #[inline]
    pub(super) fn ping_behind(
        &mut self,
        bytes: usize,
        receipt_times: ReceiptTimes,
        now: Nanos,
        limits: &Limits,
    ) -> Option<Ping> {
        let sent = Sent { bytes: self.bytes_sent + bytes as u64, frames: self.data_frames };
        if sent.cost() < self.check_at {
            return None;
        }
        self.mark(sent, now, Some(receipt_times.newest), limits)
    }

    #[cold]
    fn mark(&mut self, sent: Sent, now: Nanos, rx: Option<Nanos>, limits: &Limits) -> Option<Ping> {
        if !self.has_window(sent, now, limits) {
            return None;
        }
        let window = self.window.as_deref_mut()?;
        let is_due = window.wants_mark(sent) && window.mark(sent, now, rx);
        self.renew(limits);
        is_due.then(|| ping(sent.bytes))
    }

    /// Whether the session has a window, which is created on first use.
    fn has_window(&mut self, sent: Sent, now: Nanos, limits: &Limits) -> bool {
        if limits.target_delay.is_zero() || !self.encoding().has_window() {
            self.window = None;
            self.check_at = sent.cost().saturating_add(OFF_STEP);
            self.small_at = u64::MAX;
            return false;
        }
        let read = Sent { bytes: self.bytes_sent, ..sent };
        self.window.get_or_insert_with(|| Box::new(ReadWindow::new(read, now)));
        true
    }

    /// Recomputes when the window must be consulted next.
    fn renew(&mut self, limits: &Limits) {
        if let Some(window) = self.window.as_deref() {
            self.check_at = window.check_at();
            self.small_at = window.small_at(limits.frame_bytes as u64);
        }
    }

    pub fn under_way_bytes(&self) -> u64 {
        self.window.as_deref().map_or(0, |window| window.under_way_bytes(self.sent()))
    }
}

impl<S: SessionSocket> Core<S> {
    /// Whether a data frame may be written now. If not, the session is held until that changes.
    #[inline]
    pub(super) fn may_send_data(&mut self, key: SessionKey, now: Nanos) -> bool {
        let is_free = |session: &mut Session<S>| {
            session.hold == DataHold::None && session.sent().cost() < session.check_at
        };
        self.session(key).is_some_and(is_free) || self.ask_window(key, now)
    }

    #[cold]
    fn ask_window(&mut self, key: SessionKey, now: Nanos) -> bool {
        let is_drained = self.fanout.is_drained(key);
        if let Some(session) = self.session(key).filter(|session| session.hold == DataHold::Share) {
            // It waits for its time; no proof of reading shortens that.
            if !is_drained {
                session.behind_since.get_or_insert(now);
                session.blocked_at = now;
            }
            return false;
        }
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return true;
        };
        let sent = session.sent();
        let was_held = std::mem::replace(&mut session.hold, DataHold::None);
        if is_drained || is_planted(Fault::IgnoresWindow) || !session.has_window(sent, now, &self.node.limits)
        {
            return true;
        }
        let Some(window) = session.window.as_deref_mut() else { return true };
        let verdict = window.may_send(sent, now);
        match verdict {
            Verdict::Send => {}
            Verdict::Full { ping: wants_ping } => {
                if wants_ping && window.mark(sent, now, None) {
                    session.control.extend_from_slice(&ping(sent.bytes));
                    session.control_frames += 1;
                }
                session.hold = DataHold::Window;
                if was_held != DataHold::Window {
                    session.progress_at = now;
                    session.unacknowledged_bytes = usize::MAX;
                }
            }
            Verdict::Until(at) => {
                session.hold = DataHold::Spacing;
                if was_held != DataHold::Spacing {
                    self.spaced.push(Reverse((at, key)));
                }
            }
        }
        if session.hold != DataHold::None {
            session.behind_since.get_or_insert(now);
            session.blocked_at = now;
        }
        session.renew(&self.node.limits);
        session.hold == DataHold::None
    }

    /// Makes sessions ready whose spaced frame is due.
    pub(in crate::session) fn release_spaced(&mut self, now: Nanos) {
        while let Some(&Reverse((at, key))) = self.spaced.peek()
            && at <= now
        {
            self.spaced.pop();
            let is_held =
                |session: &mut Session<S>| matches!(session.hold, DataHold::Spacing | DataHold::Share);
            if self.session(key).is_some_and(is_held) {
                self.release(key);
            }
        }
    }

    /// Counts a data frame given to a session's socket. When its user exceeds the byte rate, the session is held until
    /// the excess is paid off.
    pub(super) fn charge_user(&mut self, key: SessionKey, bytes: usize, now: Nanos) {
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        let Some(until) = session.charge_user(bytes, &node.limits, now) else { return };
        session.hold = DataHold::Share;
        self.spaced.push(Reverse((until, key)));
        self.stats.limits[LimitHit::UserBytes as usize] += 1;
    }

    /// When the next spaced session may be sent a frame.
    pub(in crate::session) fn next_spaced(&self) -> Option<Nanos> {
        self.spaced.peek().map(|&Reverse((at, _))| at)
    }

    fn release(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key) {
            session.hold = DataHold::None;
            if !self.fanout.is_drained(key) {
                self.fanout.make_ready(key);
            }
        }
    }

    /// Handles a pong, with a position or with a payload of another size.
    pub(in crate::session) fn take_pong(&mut self, key: SessionKey, position: Option<u64>, now: Nanos) {
        let node = &self.node;
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        session.answers_pings = true;
        session.progress_at = now;
        let Some(position) = position else { return };
        let Some(window) = session.window.as_deref_mut() else { return };
        let heard = HeardAt { at: now, late_nanos: self.lag.nanos(now) };
        let proved = window.pong(position, heard, target_nanos(&node.limits));
        if let Some(proved) = proved {
            // We asked for it, up to hundreds of times a second: do not count it against the client.
            session.budget.give_back(PONG_BYTES, &node.limits, now);
            self.proved(key, proved, now);
        }
    }

    /// Handles the client's `ack`: it has read this many data frames.
    ///
    /// # Errors
    /// When the client cannot have read that many.
    pub(in crate::session) fn take_ack(
        &mut self,
        key: SessionKey,
        seen: u64,
        now: Nanos,
    ) -> Result<(), BadAck> {
        let node = &self.node;
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return Ok(());
        };
        let sent = session.sent();
        let limits = &node.limits;
        if !session.has_window(sent, now, limits) {
            let most = sent.frames;
            return if seen > most { Err(BadAck { least: 0, most }) } else { Ok(()) };
        }
        let Some(window) = session.window.as_deref_mut() else { return Ok(()) };
        let heard = HeardAt { at: now, late_nanos: self.lag.nanos(now) };
        let proved = window.ack(seen, sent, heard, target_nanos(limits))?;
        session.progress_at = now;
        self.proved(key, proved.unwrap_or(Proved { rx: None }), now);
        Ok(())
    }

    fn proved(&mut self, key: SessionKey, proved: Proved, now: Nanos) {
        let market = self.node.market.at(now);
        if let Some(rx) = proved.rx {
            self.stats.read_ages.observe(&[rx], ReceiptTimes::of(&[rx]), market);
        }
        let node = &self.node;
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return;
        };
        session.renew(&node.limits);
        if session.hold == DataHold::Window {
            self.release(key);
        }
    }

    /// Releases the hold of a session with nothing pending.
    pub(in crate::session) fn release_drained(&mut self, key: SessionKey) {
        let Some(hold) = self.session(key).map(|session| session.hold) else { return };
        if hold != DataHold::None && self.fanout.is_drained(key) {
            // Bytes sent to its user stay counted.
            if hold != DataHold::Share {
                self.release(key);
            }
            let now = self.node.clock.now();
            self.mark_caught_up(key, now);
        }
    }

    /// Serves a client that answers no pings without a window; probes whether an acknowledging client is alive;
    /// releases sessions when windows were turned off. Returns whether there is something to write.
    pub(in crate::session) fn maintain_window(
        &mut self,
        key: SessionKey,
        now: Nanos,
        limits: &Limits,
    ) -> bool {
        let is_held = |session: &&mut Session<S>| !matches!(session.hold, DataHold::None | DataHold::Share);
        let Some(session) = self.session(key).filter(is_held) else {
            return false;
        };
        let is_off = limits.target_delay.is_zero();
        let sent = session.sent();
        let Some(window) = session.window.as_deref_mut() else { return false };
        if is_off || window.give_up(now) {
            session.renew(limits);
            self.release(key);
            return true;
        }
        let probe_nanos = millis(limits.progress).saturating_mul(1_000_000) / 4;
        let is_due = window.proof == ReadProof::Acks && session.hold == DataHold::Window;
        if is_due && now.since(window.probed_at) >= probe_nanos && !session.blocked {
            window.probed_at = now;
            session.control.extend_from_slice(&ping(sent.bytes));
            session.control_frames += 1;
            return true;
        }
        false
    }
}
