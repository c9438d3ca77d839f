//! The only writer: it writes every byte of a session's socket, in the order rest, control, data.
//!
//! A data frame is encoded here, only when the socket has taken everything before it. If the socket takes a frame in
//! part, the rest of the frame goes out before anything else. Its ticks are recorded when its last byte is out.

use std::{
    io,
    rc::Rc,
    task::{Context, Poll},
};

use super::{
    core::Core,
    socket::SessionSocket,
    state::{Closing, InFlight, Session},
};
use crate::{
    fanout::{SessionKey, Tally},
    planted::{Fault, is_planted},
    tick::Nanos,
    wire::{CloseReason, FrameSize, HeldFrame},
};

/// Frames that are written to one session before the next session's turn.
const FRAMES_A_TURN: usize = 4;
/// Reading resumes when the control queue holds at most this much.
pub const CONTROL_GATE_BYTES: usize = 64 * 1024;

/// A frame that will be sent, and what is recorded when it is.
pub(super) struct Made {
    frame: HeldFrame,
    tally: Tally,
}

/// The result of writing to a session.
pub(super) enum Written {
    /// Everything at hand was written; there may be more.
    All,
    /// The socket takes no more.
    Blocked,
    /// Nothing is left to write.
    Level,
    Broken,
}

impl<S: SessionSocket> Core<S> {
    /// Writes what the session's socket takes now.
    pub fn flush(&mut self, key: SessionKey) {
        let mut now = self.shared.clock.now();
        self.flush_at(key, &mut now);
    }

    /// As [`Self::flush`]. Each write advances `now`, so that a round reads the clock once for a session.
    pub fn flush_at(&mut self, key: SessionKey, now: &mut Nanos) {
        self.flush_on(key, 0, now);
    }

    /// As [`Self::flush_at`], when this turn has already written this many frames.
    pub(super) fn flush_on(&mut self, key: SessionKey, mut frames: usize, now: &mut Nanos) {
        let Some(session) = self.session(key) else { return };
        if session.blocked {
            return;
        }
        let stream = Rc::clone(&session.transport.stream);
        loop {
            match self.write_next(key, &stream, &mut frames, now) {
                Written::Level => return self.at_rest(key, *now),
                Written::All if frames >= FRAMES_A_TURN => return self.fanout.make_ready(key),
                Written::All => {}
                Written::Broken => return self.drop_session(key, CloseReason::Gone),
                Written::Blocked => {
                    if self.block(key, &stream, *now) {
                        return;
                    }
                }
            }
        }
    }

    /// Each write advances `now`.
    fn write_next(&mut self, key: SessionKey, stream: &S, frames: &mut usize, now: &mut Nanos) -> Written {
        let data_first = is_planted(Fault::DataBeforeControl) && !self.fanout.is_drained(key);
        let Some(session) = self.session(key) else { return Written::Level };
        if session.rest.is_empty() && !session.control.is_empty() && !data_first {
            std::mem::swap(&mut session.rest, &mut session.control);
            session.rest_frames = std::mem::take(&mut session.control_frames);
            self.join_data(key, *now);
            return self.write_rest(key, stream, now);
        }
        if !session.rest.is_empty() {
            return self.write_rest(key, stream, now);
        }
        if session.closing.is_some() || session.holds_data() {
            return Written::Level;
        }
        *frames += 1;
        self.write_data(key, now)
    }

    fn write_rest(&mut self, key: SessionKey, stream: &S, now: &mut Nanos) -> Written {
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return Written::Level;
        };
        let bytes = match stream.send(&session.rest[session.rest_at..]) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Written::Blocked,
            Err(_) => return Written::Broken,
        };
        *now = self.shared.clock.now();
        session.rest_at += bytes - usize::from(bytes > 1 && is_planted(Fault::RepeatsByte));
        session.note_progress(bytes, *now);
        self.stats.bytes_sent += bytes as u64;
        if session.rest_at < session.rest.len() && !is_planted(Fault::ForgetsRest) {
            return Written::All;
        }
        session.rest_at = 0;
        // An idle session owns no buffers. The next one that is filled allocates again.
        session.rest = Vec::new();
        let frames = u64::from(std::mem::take(&mut session.rest_frames));
        session.frames_sent += frames;
        self.stats.frames_sent += frames;
        if let Some(in_flight) = session.in_flight.take() {
            self.fanout.accepted(&in_flight.tally);
            if is_planted(Fault::AcceptsTwice) {
                self.fanout.accepted(&in_flight.tally);
            }
            let market = self.shared.market.at(*now);
            self.stats.ages.observe(&in_flight.rx, in_flight.taken_in, market);
            session.frame_at = market;
        }
        if std::mem::take(&mut session.reading_held) {
            session.wake();
        }
        Written::All
    }

    fn write_data(&mut self, key: SessionKey, now: &mut Nanos) -> Written {
        match self.make_frame(key, *now) {
            Some(made) => self.send_frame(key, made, now),
            None => Written::Level,
        }
    }

    /// Chooses and encodes the next frame of the session; `None` when there is nothing to send.
    pub(super) fn make_frame(&mut self, key: SessionKey, now: Nanos) -> Option<Made> {
        let session = self.session(key)?;
        let behind = session.behind_since.is_some();
        let (size, encoding) = (if behind { FrameSize::Small } else { FrameSize::Full }, session.encoding());
        let market = self.shared.market.at(now);
        let tally = encoding.fill(&mut self.framer, size, &mut self.fanout, key, market, &self.shared.ingest);
        self.framer.hold().map(|frame| Made { frame, tally })
    }

    /// Writes a frame to the session's socket, which has taken everything before it. Advances `now`.
    pub(super) fn send_frame(&mut self, key: SessionKey, made: Made, now: &mut Nanos) -> Written {
        let Made { frame: held, tally } = made;
        let mut line = std::mem::take(&mut self.position_line);
        line.clear();
        if self.session(key).is_some_and(|session| session.encoding().has_position()) {
            // The stream's position, which differs between streams.
            let newest_order = self.framer.get(&held).newest_order;
            self.write_position(key, newest_order, &mut line);
        }
        let sent = self.try_send(key, &line, &held, &tally, now);
        self.position_line = line;
        self.framer.release(held);
        if matches!(sent, Written::Broken) {
            self.fanout.abandoned(&tally);
        }
        sent
    }

    /// Sends the shared frame, after bytes of this session's own.
    fn try_send(
        &mut self,
        key: SessionKey,
        own: &[u8],
        held: &HeldFrame,
        tally: &Tally,
        now: &mut Nanos,
    ) -> Written {
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return Written::Broken;
        };
        let frame = self.framer.get(held);
        let taken = match session.transport.stream.send_both(own, frame.bytes) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return Written::Broken,
        };
        *now = self.shared.clock.now();
        let market = self.shared.market.at(*now);
        self.stats.bytes_sent += taken as u64;
        session.note_progress(taken, *now);
        if taken < own.len() + frame.bytes.len() {
            session.rest.extend_from_slice(own.get(taken..).unwrap_or_default());
            session.rest.extend_from_slice(&frame.bytes[taken.saturating_sub(own.len())..]);
            session.rest_frames = 1;
            let (rx, taken_in) = (frame.rx.to_vec(), frame.taken_in);
            session.in_flight = Some(Box::new(InFlight { tally: *tally, rx, taken_in }));
            return Written::All;
        }
        session.frames_sent += 1;
        session.frame_at = market;
        self.stats.frames_sent += 1;
        self.fanout.accepted(tally);
        self.stats.ages.observe(frame.rx, frame.taken_in, market);
        if self.fanout.is_drained(key) { Written::Level } else { Written::All }
    }

    /// Waits until the socket takes bytes again. Returns `false` when it does already.
    fn block(&mut self, key: SessionKey, stream: &S, now: Nanos) -> bool {
        let Some(session) = self.session(key) else { return true };
        session.blocked = true;
        session.blocked_at = now;
        // The earlier value means nothing now: any acknowledgement from here on is progress.
        session.unacknowledged_bytes = usize::MAX;
        session.behind_since.get_or_insert(now);
        // Without a waker the task has not run yet. It checks `blocked` when it runs.
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

    /// Nothing is left to write: the session is caught up, or its last bytes are out.
    pub(super) fn at_rest(&mut self, key: SessionKey, now: Nanos) {
        let Some(session) = self.session(key) else { return };
        session.progress_at = now;
        session.behind_since = None;
        if let Some(Closing { said: said @ false, .. }) = &mut session.closing {
            *said = true;
            session.transport.stream.end_writing();
            session.wake();
        }
    }

    /// Ends a session: its pending data is discarded, its close is sent, and the connection is dropped when the client
    /// has answered or the deadline has passed.
    pub fn close(&mut self, key: SessionKey, reason: CloseReason) {
        let Some(session) = self.session(key).filter(|session| session.is_open()) else { return };
        if reason == CloseReason::MemoryBudget {
            session.control = Vec::new();
            session.control_frames = 0;
        }
        let sent = if is_planted(Fault::WrongCode) { CloseReason::Policy } else { reason };
        session.encoding().write_close(sent, &mut session.control);
        session.control_frames += 1;
        self.begin_close(key, reason);
    }

    /// Ends a session whose client has closed, and was answered by the WebSocket layer.
    pub(super) fn closed_by_client(&mut self, key: SessionKey) {
        if self.session(key).is_some_and(|session| session.is_open()) {
            self.begin_close(key, CloseReason::Normal);
        }
    }

    /// Ends an open session whose close is written.
    fn begin_close(&mut self, key: SessionKey, reason: CloseReason) {
        let now = self.shared.clock.now();
        let grace = self.shared.limits.close_grace;
        let Some(session) = self.session(key) else { return };
        session.jobs = None;
        session.closing = Some(Closing { reason, since: now, deadline: now.plus(grace), said: false });
        self.log_closed(key, reason);
        self.stats.closed[reason as usize] += 1 + u64::from(is_planted(Fault::ClosesTwice));
        self.shared.sessions.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        self.fanout.clear(key);
        self.fanout.make_ready(key);
    }

    /// Ends a session that was not admitted: it is sent the reason, after the `head_bytes` of its answer, and nothing
    /// else.
    pub fn refuse(&mut self, key: SessionKey, reason: CloseReason, head_bytes: usize) {
        if let Some(session) = self.session(key) {
            session.control.truncate(head_bytes);
            session.control_frames = 0;
        }
        self.close(key, reason);
    }

    /// Removes a session; its task ends when it next runs. `reason` is counted if the session was still open.
    pub fn drop_session(&mut self, key: SessionKey, reason: CloseReason) {
        if self.session(key).is_some_and(|session| session.is_open()) {
            self.log_closed(key, reason);
        }
        let Some(mut session) = self.sessions.get_mut(key.0 as usize).and_then(Option::take) else { return };
        if session.closing.is_none() {
            self.stats.closed[reason as usize] += 1;
            if !is_planted(Fault::KeepsCount) {
                self.shared.sessions.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            }
        }
        if let Some(in_flight) = session.in_flight.take()
            && !is_planted(Fault::ForgetsInFlight)
        {
            self.fanout.abandoned(&in_flight.tally);
        }
        self.fanout.close(key);
        session.wake();
    }
}

impl<S> Session<S> {
    fn note_progress(&mut self, bytes: usize, now: Nanos) {
        if bytes > 0 {
            self.progress_at = now;
            self.bytes_sent += bytes as u64;
        }
    }
}
