//! A session's control queue: bounded, and always written before data.

use crate::{
    fanout::SessionKey,
    session::{core::Core, socket::SessionSocket, stats::LimitHit},
    wire::{CloseReason, Control, Encoding},
};

/// A larger scratch buffer is freed after its message.
const SCRATCH_BYTES_MAX: usize = 64 * 1024;

impl<S: SessionSocket> Core<S> {
    /// Appends a message to the control queue. Exceeding the queue's limit ends the session.
    pub fn control(&mut self, key: SessionKey, message: &Control<'_>) {
        self.control_with(key, |encoding, payload| encoding.write_control(message, payload));
        // A dialect encodes no such message, so nothing was written.
        if message.tells_of_symbols() && !self.speaks_dialect(key) {
            self.note_telling(key);
        }
    }

    /// Notes that pending bytes of the session reveal symbols.
    pub(in crate::session) fn note_telling(&mut self, key: SessionKey) {
        if let Some(session) = self.session(key) {
            session.discloses_symbols = true;
        }
    }

    pub(in crate::session) fn control_with(
        &mut self,
        key: SessionKey,
        write: impl FnOnce(Encoding, &mut Vec<u8>),
    ) {
        let session = self.session(key).filter(|session| session.is_open());
        let Some(encoding) = session.map(|session| session.encoding()) else { return };
        self.scratch.clear();
        write(encoding, &mut self.scratch);
        let payload = std::mem::take(&mut self.scratch);
        if !payload.is_empty() {
            self.control_payload(key, &payload);
        }
        if payload.capacity() <= SCRATCH_BYTES_MAX {
            self.scratch = payload;
        }
    }

    /// As [`Self::control`], for an encoded payload.
    pub fn control_payload(&mut self, key: SessionKey, payload: &[u8]) {
        let most = self.node.limits.control_bytes;
        let market = self.node.market.now();
        let Core { sessions, framer, .. } = self;
        let session = sessions.get_mut(key.0 as usize).and_then(Option::as_deref_mut);
        let Some(session) = session.filter(|session| session.is_open()) else { return };
        session.encoding().frame_control(payload, &mut session.control, &mut framer.deflater);
        session.note_part(&framer.deflater.plain);
        session.control_frames += 1;
        session.frame_at = market;
        if session.control.len() > most {
            self.stats.limits[LimitHit::ControlBytes as usize] += 1;
            self.close(key, CloseReason::MemoryBudget);
        }
    }
}
