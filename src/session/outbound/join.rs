//! One write for a command's answer and the data that it causes, such as a subscription's snapshots.
//!
//! Invariant: data is encoded here only if everything before it goes to the socket in the same write.

use std::sync::Arc;

use flate2::Crc;

use super::window::DataHold;
use crate::{
    fanout::SessionKey,
    planted::{Fault, is_planted},
    session::{
        core::Core,
        socket::SessionSocket,
        state::{InFlight, Session},
    },
    tick::Nanos,
};

/// With more control bytes than this, data waits: the socket may not accept both, and data encoded later is fresher.
const CONTROL_BYTES_MAX: usize = 8 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Appends a due data frame to the control frames that are written next. It is recorded with its last byte, like
    /// every frame that a socket accepts in part.
    pub fn join_data(&mut self, key: SessionKey, now: Nanos) {
        let takes_data = |session: &Session<S>| {
            session.rest.len() <= CONTROL_BYTES_MAX
                && session.is_open()
                && !session.holds_data()
                && session.in_flight.is_none()
                && session.behind_since.is_none()
                && session.hold == DataHold::None
        };
        if !self.session(key).is_some_and(|session| takes_data(session)) || self.fanout.is_drained(key) {
            return;
        }
        let Some(encoding) = self.session(key).map(|session| session.encoding()) else { return };
        if !self.may_send_data(key, now) {
            return;
        }
        let Some(tally) = self.fill_frame(key, now) else { return };
        let Some(frame) = self.framer.ready() else { return };
        let (bytes, newest_order) = (frame.bytes.to_vec(), frame.newest_order);
        let (rx, receipt_times, uses) = (frame.rx.to_vec(), frame.receipt_times, frame.uses.clone());
        let mut plain = Crc::new();
        plain.combine(frame.plain);
        let mut position = Vec::new();
        if encoding.has_position() {
            self.write_position(key, newest_order, &mut position);
        }
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        session.note_part(&plain);
        let is_shared = session.share.is_some();
        session.rest.extend_from_slice(&position);
        session.rest.extend_from_slice(&bytes);
        session.rest_frames += 1;
        session.data_frames += 1;
        if let Some(ping) = session.ping_behind(session.rest.len(), receipt_times, now, &node.limits) {
            session.rest.extend_from_slice(&ping);
            session.rest_frames += 1;
        }
        if !is_planted(Fault::JoinsUncounted) {
            session.in_flight = Some(Box::new(InFlight { tally, rx, receipt_times, uses }));
        }
        if is_shared {
            self.charge_user(key, bytes.len(), now);
        }
    }
}
