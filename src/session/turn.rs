//! A shard's turn: takes in everything queued, then writes to the sessions concerned. What is written is up to
//! `fanout`.
//!
//! Smart batching: a turn applies all queued ticks, marks subscriptions as behind, then writes once to each session
//! concerned. Under load batches grow and the cost per message falls. With slack each tick is written at once.

use std::sync::Arc;

use super::{
    core::{BULK_UNITS, Core, NEVER, Round},
    socket::SessionSocket,
    stats::{LimitHit, ShardStats, thread_nanos},
};
use crate::{
    fanout::{Notice, SessionKey, Units},
    planted::{Fault, is_planted},
    tick::Nanos,
    topic::{Batch, BatchQueue, Plane},
    wire::Control,
};

/// When the next turn is due.
pub enum Due {
    Now,
    At(Nanos),
    Never,
}

/// Sessions written to per slice of a turn; then the runtime gets its share, and new ticks are taken in.
const SESSIONS_A_SLICE: usize = 128;

/// Cost of sending a session a state.
const NOTICE_UNITS: usize = 16;
/// Cost of changing a topic's state.
const STATE_UNITS: usize = 4;

impl<S: SessionSocket> Core<S> {
    /// Takes in what is queued, and writes to a slice of the sessions concerned.
    pub fn turn(&mut self, batch_queue: &BatchQueue<Batch>) -> Due {
        let now = self.node.clock.now();
        self.end_rights(now);
        if !self.pacing.may_write(now) {
            self.work(now);
            return if self.has_work() { Due::Now } else { Due::At(self.pacing.until()) };
        }
        self.take_in(batch_queue, now, Units::new(BULK_UNITS));
        self.release_spaced(now);
        if self.round.sessions_left == 0 {
            let ShardStats { frames_sent, .. } = self.stats;
            let ticks = self.fanout.delivered();
            self.round = Round { sessions_left: self.fanout.ready(), frames: frames_sent, ticks };
        }
        let slice = self.round.sessions_left.min(SESSIONS_A_SLICE);
        let mut done = self.node.clock.now();
        let served = self.write_sessions(slice, &mut done);
        self.pacing.worked(now, done);
        self.round.sessions_left = (self.round.sessions_left - served).min(self.fanout.ready());
        if self.round.sessions_left == 0 && slice > 0 {
            let frames = self.stats.frames_sent - self.round.frames;
            self.pacing.round_is_over(done, frames, self.fanout.delivered() - self.round.ticks);
        }
        self.work(done);
        self.note_mark(done);
        if self.has_work() || self.has_untaken() {
            return Due::Now;
        }
        if self.fanout.has_ready() {
            return if self.pacing.may_write(done) { Due::Now } else { Due::At(self.pacing.until()) };
        }
        let due = self.fanout.next_due().map(|due| self.node.market.when(due));
        let expiry = (self.next_expiry < NEVER).then_some(self.next_expiry);
        due.into_iter().chain(self.next_spaced()).chain(expiry).min().map_or(Due::Never, Due::At)
    }

    /// Whether a turn is needed after a session's input or output was handled. A replay may wait for what a session has
    /// just accepted.
    pub fn wants_turn(&self) -> bool {
        self.fanout.has_ready()
            || self.has_work()
            || self.is_expiry_new
            || self.node.ingest.readers.is_watched()
    }

    /// Reports this shard's watermark to a replay that waits for its readers.
    fn note_mark(&mut self, now: Nanos) {
        let readers = &self.node.ingest.readers;
        if !readers.is_watched() || is_planted(Fault::ForgetsMark) {
            return;
        }
        let sessions = &self.sessions;
        let is_waited_for = |key: SessionKey| {
            let session = sessions.get(key.0 as usize).and_then(Option::as_deref);
            session.is_some_and(|session| session.is_waited_for(now))
        };
        let mark = self.fanout.low_water(self.taken, readers.held_max(), is_waited_for);
        readers.note(self.number, if is_planted(Fault::InventsMark) { u64::MAX } else { mark });
    }

    /// Takes in queued batches and the passage of time: sessions become ready. Bulk work is done as far as the units
    /// last; what follows waits in the bounded batch queue.
    pub(super) fn take_in(&mut self, batch_queue: &BatchQueue<Batch>, now: Nanos, mut units: Units) {
        let market = self.node.market.at(now);
        let had_rest = !self.batches.is_empty() || self.fanout.is_resyncing();
        if !had_rest {
            self.take_batches(batch_queue);
        }
        // Measuring the time costs more than an ordinary turn.
        let begun = (had_rest || self.has_bulk_work()).then(thread_nanos);
        if self.apply_batches(market, &mut units) && had_rest {
            self.take_batches(batch_queue);
            self.apply_batches(market, &mut units);
        }
        self.publish_interest();
        self.fanout.advance_some(market, &mut units);
        self.send_notices(&mut units);
        if let Some(begun) = begun {
            self.time_slice(units.spent(), Some(begun));
        }
    }

    /// Whether there is more to do than to apply ticks of known topics.
    fn has_bulk_work(&self) -> bool {
        let has_bulk = |batch: &Arc<Batch>| !batch.new_topics.is_empty() || batch.has_states();
        self.fanout.is_resyncing() || self.batches.iter().any(has_bulk)
    }

    /// Whether the last turn's units ran out before everything was taken in.
    fn has_untaken(&self) -> bool {
        !self.batches.is_empty()
            || self.fanout.is_resyncing()
            || self.fanout.is_advancing()
            || self.has_unsent_notices()
    }

    fn take_batches(&mut self, batch_queue: &BatchQueue<Batch>) {
        if batch_queue.take(&mut self.batches).missed {
            self.stats.resyncs += 1;
            self.stats.limits[LimitHit::ShardQueue as usize] += 1;
            // No batch reports the lost ticks, and a feed that waits for its readers would wait for ever. Read the
            // order first: the records, read later, are at least as new.
            self.resync_to = self.node.ingest.order();
            if !is_planted(Fault::SkipsResync) {
                self.fanout.begin_resync();
            }
        }
    }

    /// Returns whether all taken batches are applied.
    fn apply_batches(&mut self, market: Nanos, units: &mut Units) -> bool {
        let node = Arc::clone(&self.node);
        // The batches may be due under changed delays.
        self.change_delays(market);
        if !self.fanout.resync_some(market, &*node.ingest, units) {
            return false;
        }
        self.taken = self.taken.max(self.resync_to);
        while let Some(batch) = self.batches.get(self.batch_at) {
            if !batch.new_topics.is_empty() || batch.has_states() {
                let before = units.spent();
                let all = !units.is_spent() && self.fanout.list_some(&batch.new_topics, units);
                self.stats.work_units += (units.spent() - before) as u64;
                if !all {
                    return false;
                }
            }
            self.taken = self.taken.max(batch.order);
            units.spend(STATE_UNITS * (batch.states.len() + batch.told.len()));
            if batch.order % 7 != 0 || !is_planted(Fault::LosesBatch) {
                self.fanout.apply(batch, market, &*node.ingest);
            }
            if node.faults.is_some() {
                let batch = Arc::clone(batch);
                self.note_fault_time(&batch);
            }
            self.batch_at += 1;
        }
        self.batches.clear();
        self.batch_at = 0;
        true
    }

    /// Tells ingest the batch detail that this shard's subscriptions need.
    pub fn publish_interest(&self) {
        self.interest.publish(self.fanout.wanted_detail());
    }

    /// Puts notices on the sessions' control queues, as far as the units last. A notice may be out of date by then: a
    /// newer one follows, or the session was sent the state when it subscribed.
    pub fn send_notices(&mut self, units: &mut Units) {
        let is_late = self.has_unsent_notices();
        self.unsent_notices.extend(self.fanout.take_notices());
        while !units.is_spent() {
            let Some(notice) = self.unsent_notices.pop_front() else { break };
            units.spend(NOTICE_UNITS);
            match notice {
                Notice::State { session, symbol, plane, name, state } => {
                    let reported = || self.fanout.reported_state(session, &symbol, name.as_ref());
                    if is_late && reported() != Some(state) {
                        continue;
                    }
                    // The session may read this symbol in the other market by now.
                    if self.fanout.plane_of(session, &symbol) != Some(plane) {
                        continue;
                    }
                    let told = self.fanout.told(&symbol, plane, state);
                    let (symbol, reason) = (symbol.as_str(), told.as_ref().map(|told| &*told.reason));
                    self.control(session, &Control::SymbolStatus { name, symbol, state, reason });
                    self.fanout.make_ready(session);
                }
                Notice::Delayed { session, symbol, name } => {
                    if self.fanout.plane_of(session, &symbol) == Some(Plane::Delayed) {
                        self.tell_delayed(session, &symbol, name);
                        self.fanout.make_ready(session);
                    }
                }
                Notice::Full { session, symbol, name } => {
                    if !self.fanout.may_read(session, &symbol) {
                        continue;
                    }
                    self.report_full(session, &symbol, name);
                    self.fanout.make_ready(session);
                }
            }
        }
    }

    /// Whether notices are still to be sent.
    pub(super) fn has_unsent_notices(&self) -> bool {
        !self.unsent_notices.is_empty()
    }
}
