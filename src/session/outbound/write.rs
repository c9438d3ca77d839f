//! The only writer of session sockets: it writes every byte, in the order rest, control, data.
//!
//! A data frame is encoded (`frame.rs`) only when the socket has accepted everything before it. If the socket accepts
//! part of a frame, the rest goes out before anything else, and the frame's ticks are recorded with its last byte.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll},
};

use super::{prepared::WriteOutcome, window::DataHold};
use crate::{
    fanout::SessionKey,
    planted::{Fault, is_planted},
    session::{
        core::Core,
        socket::SessionSocket,
        state::{Closing, Session},
    },
    tick::Nanos,
    wire::CloseReason,
};

/// Frames written to one session before the next session's turn.
const FRAMES_A_TURN: usize = 4;
/// Backpressure: reading resumes when the control queue holds at most this much.
pub const CONTROL_GATE_BYTES: usize = 64 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Writes what the session's socket accepts now.
    pub fn flush(&mut self, key: SessionKey) {
        let mut now = self.node.clock.now();
        self.flush_at(key, &mut now);
    }

    /// Writes a session's answers and its close. Pending data is left to the turn, which serves sessions in order. So
    /// reading stays quick, and proofs of reading are handled soon, whatever there is to write.
    pub(in crate::session) fn flush_own(&mut self, key: SessionKey) {
        let Some(session) = self.session(key) else { return };
        if session.waiting_bytes() > 0 || session.closing.is_some() {
            return self.flush(key);
        }
        let is_due = !session.blocked && session.hold == DataHold::None && !session.holds_data();
        if is_due && !self.fanout.is_drained(key) {
            self.fanout.make_ready(key);
        }
    }

    /// As [`Self::flush`]. Each write advances `now`, so that a round reads the clock once per session.
    pub fn flush_at(&mut self, key: SessionKey, now: &mut Nanos) {
        self.flush_on(key, 0, now);
    }

    /// As [`Self::flush_at`], after this turn has already written `frames` frames.
    pub(in crate::session) fn flush_on(&mut self, key: SessionKey, mut frames: usize, now: &mut Nanos) {
        let Some(session) = self.session(key) else { return };
        if session.blocked {
            return;
        }
        let stream = Rc::clone(&session.transport.stream);
        loop {
            // If its token has expired, its close is what is sent.
            self.is_ended_by_expiry(key, *now);
            match self.write_next(key, &stream, &mut frames, now) {
                WriteOutcome::CaughtUp => return self.mark_caught_up(key, *now),
                WriteOutcome::All if frames >= FRAMES_A_TURN => return self.fanout.make_ready(key),
                WriteOutcome::Held if self.session(key).is_none_or(|session| session.control.is_empty()) => {
                    return;
                }
                // It may be held for the answer to a ping that is written now.
                WriteOutcome::All | WriteOutcome::Held => {}
                WriteOutcome::Broken => return self.drop_session(key, CloseReason::Gone),
                WriteOutcome::Blocked => {
                    if self.block(key, &stream, *now) {
                        return;
                    }
                }
            }
        }
    }

    /// Each write advances `now`.
    fn write_next(
        &mut self,
        key: SessionKey,
        stream: &S,
        frames: &mut usize,
        now: &mut Nanos,
    ) -> WriteOutcome {
        let data_first = is_planted(Fault::DataBeforeControl) && !self.fanout.is_drained(key);
        let Some(session) = self.session(key) else { return WriteOutcome::CaughtUp };
        if session.rest.is_empty() && !session.control.is_empty() && !data_first {
            std::mem::swap(&mut session.rest, &mut session.control);
            session.rest_frames = std::mem::take(&mut session.control_frames);
            if session.dialect.is_some() {
                self.end_unfinished(key);
            }
            self.join_data(key, *now);
            return self.write_rest(key, stream, now);
        }
        if !session.rest.is_empty() {
            return self.write_rest(key, stream, now);
        }
        if session.closing.is_some() || session.holds_data() {
            return WriteOutcome::CaughtUp;
        }
        if !self.may_send_data(key, *now) {
            return WriteOutcome::Held;
        }
        *frames += 1;
        self.write_data(key, now)
    }

    fn write_rest(&mut self, key: SessionKey, stream: &S, now: &mut Nanos) -> WriteOutcome {
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return WriteOutcome::CaughtUp;
        };
        let bytes = match stream.send(&session.rest[session.rest_at..]) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return WriteOutcome::Blocked,
            Err(_) => return WriteOutcome::Broken,
        };
        *now = self.node.clock.now();
        session.rest_at += bytes - usize::from(bytes > 1 && is_planted(Fault::RepeatsByte));
        session.note_progress(bytes, *now);
        self.stats.bytes_sent += bytes as u64;
        if session.rest_at < session.rest.len() && !is_planted(Fault::ForgetsRest) {
            return WriteOutcome::All;
        }
        session.rest_at = 0;
        // An idle session keeps no buffers; the next use allocates again.
        session.rest = Vec::new();
        let frames = u64::from(std::mem::take(&mut session.rest_frames));
        session.frames_sent += frames;
        self.stats.frames_sent += frames;
        if let Some(in_flight) = session.in_flight.take() {
            session.unreported_uses.add_all(&in_flight.uses);
            self.fanout.accepted(&in_flight.tally);
            if is_planted(Fault::AcceptsTwice) {
                self.fanout.accepted(&in_flight.tally);
            }
            let market = self.node.market.at(*now);
            self.stats.ages.observe(&in_flight.rx, in_flight.receipt_times, market);
            session.frame_at = market;
        }
        if session.control.is_empty() {
            session.discloses_symbols = false;
        }
        if std::mem::take(&mut session.reading_held) {
            session.wake();
        }
        self.unpark(key);
        WriteOutcome::All
    }

    fn write_data(&mut self, key: SessionKey, now: &mut Nanos) -> WriteOutcome {
        match self.prepare_frame(key, *now) {
            Some(frame) => self.send_frame(key, frame, now),
            // Ticks are missing that the client must not miss: the close is sent in place of the frame.
            None if self.session(key).is_some_and(|session| session.closing.is_some()) => WriteOutcome::All,
            None => WriteOutcome::CaughtUp,
        }
    }

    /// Waits until the socket is writable. Returns `false` if it already is.
    fn block(&mut self, key: SessionKey, stream: &S, now: Nanos) -> bool {
        let Some(session) = self.session(key) else { return true };
        session.blocked = true;
        session.blocked_at = now;
        // Reset: any acknowledgement from here on is progress.
        session.unacknowledged_bytes = usize::MAX;
        session.behind_since.get_or_insert(now);
        session.refused_since.get_or_insert(now);
        // Without a waker the task has not run yet; it checks `blocked` when it does.
        let Some(waker) = &session.transport.waker else { return true };
        if is_planted(Fault::ForgetsToWait) {
            return true;
        }
        match stream.poll_writable(&mut Context::from_waker(waker)) {
            Poll::Pending => true,
            Poll::Ready(_) => {
                session.blocked = false;
                false
            }
        }
    }

    /// Notes that nothing is left to write.
    pub(in crate::session) fn mark_caught_up(&mut self, key: SessionKey, now: Nanos) {
        let Some(session) = self.session(key) else { return };
        session.progress_at = now;
        session.behind_since = None;
        session.refused_since = None;
        if let Some(Closing { is_sent: is_sent @ false, .. }) = &mut session.closing {
            *is_sent = true;
            session.transport.stream.end_writing();
            session.wake();
        }
    }
}

impl<S> Session<S> {
    pub(super) fn note_progress(&mut self, bytes: usize, now: Nanos) {
        if bytes > 0 {
            // A held session is sent no data, and the kernel accepts other bytes whether or not the client reads.
            if self.hold != DataHold::Window {
                self.progress_at = now;
            }
            self.bytes_sent += bytes as u64;
        }
    }
}
