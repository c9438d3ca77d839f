//! Draining on shutdown: every session is sent `drain` and its pending data, then closed.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crate::{
    fanout::{SessionKey, Units},
    planted::{Fault, is_planted},
    session::{core::Core, node::NodeState, socket::SessionSocket},
    tick::Nanos,
    topic::{Batch, BatchQueue},
    wire::{CloseReason, Control, control::millis, dialects::Leaving},
};

/// The minimum `retry_ms` of a drain, and the span over which clients are spread, plus one millisecond per client.
const RETRY_FIRST_MS: u64 = 250;
const RETRY_SPREAD_MS: u64 = 2_000;

impl<S: SessionSocket> Core<S> {
    /// Starts to end all sessions, because the server stops.
    pub fn drain(&mut self, batch_queue: &BatchQueue<Batch>) {
        if self.draining_since.is_some() {
            return;
        }
        // Ticks ingested before the drain are due, even if this shard has not taken them yet.
        self.take_in(batch_queue, self.node.clock.now(), Units::unlimited());
        self.draining_since = Some(self.node.clock.now());
        for index in 0..self.sessions.len() {
            self.drain_session(SessionKey(u32::try_from(index).unwrap_or(u32::MAX)));
        }
        self.sweep_drain(self.node.clock.now());
    }

    /// Sends a session `drain` with its own retry delay, and makes everything due that waits for an interval.
    pub fn drain_session(&mut self, key: SessionKey) {
        let node = Arc::clone(&self.node);
        let Some(session) = self.session(key) else { return };
        let retry_ms = retry_ms(&node, session.number);
        if session.is_open() {
            session.write_own(|encoding, out| encoding.write_retry(retry_ms, out));
        }
        if !is_planted(Fault::DrainsUnannounced) {
            self.control(key, &Control::Drain { retry_ms });
            self.tell_leaving(key, Leaving::Drain);
        }
        self.fanout.flush_intervals(key);
        self.flush(key);
    }

    /// Closes sessions that were sent everything. After half of the drain time closes all, and cuts off clients that
    /// accept no bytes.
    pub(super) fn sweep_drain(&mut self, now: Nanos) {
        let Some(since) = self.draining_since else { return };
        let time = nanos(self.node.limits.drain);
        let late = now.since(since) >= time / 2;
        for index in 0..self.sessions.len() {
            let key = SessionKey(u32::try_from(index).unwrap_or(u32::MAX));
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
}

/// The reconnect delay of a session's client: different for each, to avoid a stampede.
pub fn retry_ms(node: &NodeState, number: u64) -> u64 {
    let sessions = node.sessions.load(Ordering::Relaxed) as u64;
    RETRY_FIRST_MS + spread(number) % (RETRY_SPREAD_MS + sessions)
}

/// Spreads session numbers evenly: Fibonacci hashing.
fn spread(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33
}

pub(super) fn nanos(duration: Duration) -> u64 {
    millis(duration).saturating_mul(1_000_000)
}
