//! Sessions with the faults of a scenario. Their frames are filled here, each for one session only.
//!
//! Invariant: ticks of messages dropped by a fault are counted as discarded.

use crate::{
    fanout::{FrameTally, SessionKey},
    scenario::{Announcement, LikeClose},
    session::{core::Core, dialect::DialectSession, socket::SessionSocket},
    tick::Nanos,
    topic::{Batch, Plane},
    wire::{
        CloseReason, FrameSize,
        dialects::{Moment, Wishes},
        faulty::{FaultyMessages, FaultyWriter},
    },
};

impl<S: SessionSocket> Core<S> {
    /// Whether a scenario applies faults to the session.
    pub(in crate::session) fn has_faults(&mut self, key: SessionKey) -> bool {
        let dialect = self.session(key).and_then(|session| session.dialect.as_deref());
        dialect.is_some_and(|dialect| dialect.faults.is_some())
    }

    /// Sets up the faults of a new dialect session, if there is a scenario.
    pub(super) fn begin_faults(&mut self, key: SessionKey) {
        let Some(running) = self.node.faults.clone() else { return };
        let dialect = self.session(key).and_then(|session| session.dialect.as_deref_mut());
        if let Some(dialect) = dialect {
            dialect.faults = Some(Box::new(FaultyMessages::new(&running, dialect.id.name())));
        }
    }

    /// Notes the market time of a batch that was applied.
    #[cold]
    pub(in crate::session) fn note_fault_time(&mut self, batch: &Batch) {
        if batch.plane == Plane::RealTime {
            let ticks = batch.ticks.iter().map(|tick| tick.rx);
            let newest = ticks.chain(batch.touched.iter().map(|one| one.record.rx)).max();
            self.fault_time = newest.map_or(self.fault_time, |newest| newest.max(self.fault_time));
        }
    }

    /// As `prepare_frame`, with the session's faults. `None` when there is nothing to send.
    pub(in crate::session) fn fill_with_faults(
        &mut self,
        key: SessionKey,
        size: FrameSize,
        now: Nanos,
    ) -> Option<FrameTally> {
        let session = self.session(key)?;
        let encoding = session.encoding();
        let mut dialect = session.dialect.take()?;
        let Some(mut faults) = dialect.faults.take() else {
            self.put_dialect_back(key, dialect);
            return None;
        };
        if let Some(like) = faults.ends() {
            dialect.faults = Some(faults);
            self.put_dialect_back(key, dialect);
            self.end_like(key, like);
            return None;
        }
        let market = self.node.market.at(now);
        let room = self.framer.room(size);
        let mut writer = FaultyWriter::new(&mut faults, &mut *dialect.conversation, encoding, now, room);
        let mut tally = self.fanout.fill(key, market, &*self.node.ingest, &mut writer);
        if self.fanout.is_drained(key) {
            writer.come_to(self.fault_time);
        }
        let filled = self.framer.compose(size, encoding.number(), |bytes| writer.finish(bytes));
        let is_more = faults.ready_bytes() > 0 || faults.ends().is_some();
        dialect.faults = Some(faults);
        self.put_dialect_back(key, dialect);
        self.note_firsts(key);
        let dropped = filled.without_dropped(&mut tally);
        self.fanout.abandoned(&dropped);
        if self.framer.has_lost() {
            self.lose_frame(key, &tally);
            return None;
        }
        if is_more {
            self.fanout.make_ready(key);
        }
        if self.framer.ready().is_none() {
            self.fanout.accepted(&tally);
            return None;
        }
        Some(tally)
    }

    /// Fills a frame when faults have something due by market time alone.
    pub(super) fn keep_faults(&mut self, key: SessionKey) {
        let to = self.fault_time;
        let dialect = self.session(key).and_then(|session| session.dialect.as_deref());
        let is_due =
            dialect.and_then(|dialect| dialect.faults.as_deref()).is_some_and(|faults| faults.is_due(to));
        if is_due && self.fanout.is_drained(key) {
            self.fanout.make_ready(key);
        }
    }

    /// Queues everything ready or held back for a session that ends.
    pub(super) fn flush_faults(&mut self, key: SessionKey) {
        let Some(session) = self.session(key) else { return };
        if let Some(faults) = session.dialect.as_deref_mut().and_then(|dialect| dialect.faults.as_deref_mut())
        {
            session.control_frames += faults.take_rest(&mut session.control);
        }
    }

    fn put_dialect_back(&mut self, key: SessionKey, dialect: Box<DialectSession>) {
        if let Some(session) = self.session(key) {
            session.dialect = Some(dialect);
        }
    }

    fn end_like(&mut self, key: SessionKey, like: LikeClose) {
        match reason_of(like) {
            Some(reason) => self.close(key, reason),
            None => self.drop_session(key, CloseReason::Gone),
        }
    }
}

impl DialectSession {
    /// Whether a fault refuses the request, and the answer.
    pub(super) fn refuses(&mut self, at: Moment, wishes: &mut Wishes) -> bool {
        let Some(faults) = self.faults.as_deref_mut() else { return false };
        if !faults.engine.refuses_request(at.market) {
            return false;
        }
        self.conversation.announce(&Announcement::TooMany, at, wishes);
        wishes.close(CloseReason::Policy);
        true
    }
}

/// The close reason for a venue's kind of close; `None` when the connection is cut.
const fn reason_of(like: LikeClose) -> Option<CloseReason> {
    match like {
        LikeClose::Age => Some(CloseReason::Normal),
        LikeClose::Limit => Some(CloseReason::Policy),
        LikeClose::Restart => Some(CloseReason::Drain),
        LikeClose::Slow => Some(CloseReason::Slow),
        LikeClose::Cut => None,
    }
}
