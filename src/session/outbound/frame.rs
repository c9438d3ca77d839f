//! Prepares a data frame for one session, and sends it, whole or in part.

use std::io;

use super::prepared::{PreparedFrame, WriteOutcome};
use crate::{
    fanout::{FrameTally, SessionKey},
    session::{core::Core, socket::SessionSocket, state::InFlight},
    tick::Nanos,
    wire::HeldFrame,
};

impl<S: SessionSocket> Core<S> {
    /// Chooses the content of the session's next frame and encodes it; `None` when there is nothing to send.
    pub(in crate::session) fn prepare_frame(&mut self, key: SessionKey, now: Nanos) -> Option<PreparedFrame> {
        let tally = self.fill_frame(key, now)?;
        self.framer.hold().map(|frame| PreparedFrame { frame, tally })
    }

    /// Fills the framer's current frame for the session.
    pub(super) fn fill_frame(&mut self, key: SessionKey, now: Nanos) -> Option<FrameTally> {
        let session = self.session(key)?;
        let (size, encoding) = (session.frame_size(), session.encoding());
        let has_dialect = session.dialect.is_some();
        let market = self.node.market.at(now);
        if has_dialect {
            if self.has_faults(key) {
                return self.fill_with_faults(key, size, now);
            }
            self.give_sequence(key);
        }
        let tally = encoding.fill(&mut self.framer, size, &mut self.fanout, key, market, &self.node.ingest);
        self.note_firsts(key);
        if has_dialect && !self.account_dialect_frame(key, &tally) {
            return None;
        }
        Some(tally)
    }

    /// Writes a frame to the session's socket, which must have accepted everything before it. Advances `now`.
    pub(in crate::session) fn send_frame(
        &mut self,
        key: SessionKey,
        prepared: PreparedFrame,
        now: &mut Nanos,
    ) -> WriteOutcome {
        let PreparedFrame { frame: held, tally } = prepared;
        let mut line = std::mem::take(&mut self.position_line);
        line.clear();
        if self.session(key).is_some_and(|session| session.encoding().has_position()) {
            // The stream's position, which differs between streams.
            let newest_order = self.framer.get(&held).newest_order;
            self.write_position(key, newest_order, &mut line);
        }
        let bytes = line.len() + self.framer.get(&held).bytes.len();
        let sent = self.try_send(key, &line, &held, &tally, now);
        if self.session(key).is_some_and(|session| session.share.is_some()) {
            self.charge_user(key, bytes, *now);
        }
        self.position_line = line;
        self.framer.release(held);
        if matches!(sent, WriteOutcome::Broken) {
            self.fanout.abandoned(&tally);
        }
        sent
    }

    /// Abandons a frame whose session has ended.
    pub(super) fn give_up_frame(&mut self, PreparedFrame { frame, tally }: PreparedFrame) {
        self.framer.release(frame);
        self.fanout.abandoned(&tally);
    }

    /// Sends the shared frame, after bytes of this session alone.
    fn try_send(
        &mut self,
        key: SessionKey,
        own: &[u8],
        held: &HeldFrame,
        tally: &FrameTally,
        now: &mut Nanos,
    ) -> WriteOutcome {
        let Some(session) = self.sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut) else {
            return WriteOutcome::Broken;
        };
        let frame = self.framer.get(held);
        session.note_part(frame.plain);
        session.data_frames += 1;
        let ping =
            session.ping_behind(own.len() + frame.bytes.len(), frame.receipt_times, *now, &self.node.limits);
        let ping = ping.as_ref().map_or(&[][..], |ping| &ping[..]);
        // An encoding has pings or positions, never both.
        let runs = if ping.is_empty() { [own, frame.bytes] } else { [frame.bytes, ping] };
        let taken = match session.transport.stream.send_both(runs[0], runs[1]) {
            Ok(taken) => taken,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            Err(_) => return WriteOutcome::Broken,
        };
        *now = self.node.clock.now();
        let market = self.node.market.at(*now);
        self.stats.bytes_sent += taken as u64;
        session.note_progress(taken, *now);
        if taken < runs[0].len() + runs[1].len() {
            session.rest.extend_from_slice(runs[0].get(taken..).unwrap_or_default());
            session.rest.extend_from_slice(&runs[1][taken.saturating_sub(runs[0].len())..]);
            session.rest_frames = 1;
            let (rx, receipt_times, uses) = (frame.rx.to_vec(), frame.receipt_times, frame.uses.clone());
            session.in_flight = Some(Box::new(InFlight { tally: *tally, rx, receipt_times, uses }));
            return WriteOutcome::All;
        }
        session.frames_sent += 1;
        session.unreported_uses.add_all(frame.uses);
        session.frame_at = market;
        self.stats.frames_sent += 1;
        self.fanout.accepted(tally);
        self.stats.ages.observe(frame.rx, frame.receipt_times, market);
        if self.fanout.is_drained(key) { WriteOutcome::CaughtUp } else { WriteOutcome::All }
    }
}
