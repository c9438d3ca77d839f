//! The end of the market: every feed is a replay that has ended, so sessions that were sent everything end too.
//!
//! A client that connects later is still served: it receives the records that it subscribes to, and then the end.

use crate::{
    fanout::{SessionKey, Units},
    session::{core::Core, socket::SessionSocket},
    tick::Nanos,
    topic::{Batch, BatchQueue},
    wire::{CloseReason, Control, dialects::Leaving},
};

impl<S: SessionSocket> Core<S> {
    /// Sets whether the market is over; it continues when a replay is restarted.
    pub fn set_over(&mut self, over: bool, batch_queue: &BatchQueue<Batch>) {
        self.over = over;
        if over {
            // The last ticks may still be queued.
            self.take_in(batch_queue, self.node.clock.now(), Units::unlimited());
            for index in 0..self.sessions.len() {
                self.end_when_drained(SessionKey(u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
    }

    /// Whether every session has been sent everything due at this market time.
    pub fn is_caught_up(&mut self, batch_queue: &BatchQueue<Batch>, as_of: Nanos) -> bool {
        self.take_in(batch_queue, self.node.clock.now(), Units::unlimited());
        let mut open = self.sessions.iter().enumerate().filter_map(|(index, session)| {
            let session = session.as_deref().filter(|session| session.is_open())?;
            Some((SessionKey(u32::try_from(index).unwrap_or(u32::MAX)), session))
        });
        open.all(|(key, session)| {
            session.jobs.is_none() && !self.fanout.owes(key, as_of) && session.waiting_bytes() == 0
        })
    }

    /// Ends sessions that have been sent everything.
    pub(super) fn sweep_end(&mut self) {
        if !self.over || self.has_unsent_notices() {
            return;
        }
        for index in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
            // A session without a subscription connected after the end; let it look at the final records.
            if self.session(key).is_some_and(|session| session.joined.is_some()) {
                self.end_when_drained(key);
            }
        }
    }

    fn end_when_drained(&mut self, key: SessionKey) {
        // No more ticks will come, so waiting for intervals is pointless.
        self.fanout.flush_intervals(key);
        self.flush(key);
        let drained = self.fanout.is_drained(key);
        let Some(session) = self.session(key) else { return };
        if session.closing.is_some() || session.jobs.is_some() || !drained || session.waiting_bytes() > 0 {
            return;
        }
        self.control(key, &Control::End);
        self.tell_leaving(key, Leaving::End);
        self.close(key, CloseReason::Normal);
        self.flush(key);
    }
}
