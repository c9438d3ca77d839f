//! One frame for many: sessions that are owed the very same are sent the very same bytes.
//!
//! Dashboards that show the same symbols and keep up are behind by the same ticks in the same order. What the first of
//! them was owed is noted: for each subscription, in the order of its list, the topic, the cursor, the head. Who is owed
//! just that next is not filled anew: its cursors move to the heads, and [`Emit::repeat`] says the frame once more. What
//! a message costs is then its share of one copy into the kernel, however many are in the frame.
//!
//! Invariant: a topic, a cursor and a head name the same ticks for ever, so a note is never wrong, only of no use.

use super::{
    Emit, Fanout, Mode, SessionKey, Tally,
    core::{Base, LANE, Sub},
    fill::settle,
};
use crate::tick::{FieldSet, Nanos};

/// What the last frame that left nothing over was filled for.
#[derive(Default)]
pub(super) struct Alike {
    /// Empty when there is nothing to repeat.
    pub owed: Vec<Owed>,
    pub tally: Tally,
}

/// One subscription's part in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Owed {
    pub topic: u32,
    /// It stands in the lane of mode `every`.
    pub in_lane: bool,
    pub cursor: u64,
    pub head: u64,
}

impl Fanout {
    /// Sends the session what was sent last, when it is owed just that; `None` when it must be filled.
    pub(super) fn fill_alike(
        &mut self,
        session: SessionKey,
        now: Nanos,
        emit: &mut impl Emit,
    ) -> Option<Tally> {
        let mut noted = self.alike.owed.iter();
        let same = !self.alike.owed.is_empty() && self.walk_owed(session, |owed| noted.next() == Some(&owed));
        if !same || noted.next().is_some() || !emit.repeat() {
            return None;
        }
        let entry = &mut self.sessions[session.0 as usize];
        let (mut queue, mut lane) = (std::mem::take(&mut entry.queue), std::mem::take(&mut entry.lane));
        for key in queue.drain(..).filter(|&key| key != LANE).chain(lane.drain(..)) {
            let sub = &mut self.subs[key as usize];
            let topic = &mut self.topics[sub.topic as usize];
            topic.every_behind -= u32::from(sub.mode == Mode::Every);
            sub.cursor = topic.record.seq;
            settle(sub, topic, entry, now);
        }
        (entry.queue, entry.lane, entry.lane_queued) = (queue, lane, false);
        Some(self.alike.tally)
    }

    /// Notes what the session is owed, before it is filled.
    pub(super) fn note_owed(&mut self, session: SessionKey) {
        let mut noted = std::mem::take(&mut self.alike.owed);
        noted.clear();
        let whole = self.walk_owed(session, |owed| {
            noted.push(owed);
            true
        });
        if !whole {
            noted.clear();
        }
        self.alike.owed = noted;
    }

    /// Completes the note: a frame that left something over is not repeated.
    pub(super) fn note_sent(&mut self, session: SessionKey, tally: &Tally) {
        self.alike.tally = *tally;
        if !self.is_drained(session) {
            self.alike.owed.clear();
        }
    }

    /// Calls `see` with each part of what the session is owed, in order, while it says `true`. Says whether it saw all
    /// of them: not those of which more must be known than [`Owed`] tells.
    fn walk_owed(&self, session: SessionKey, mut see: impl FnMut(Owed) -> bool) -> bool {
        let Some(entry) = self.sessions.get(session.0 as usize) else { return false };
        let mut part = |key: u32, in_lane: bool| {
            let sub = &self.subs[key as usize];
            let head = self.topics[sub.topic as usize].record.seq;
            is_simple(sub) && see(Owed { topic: sub.topic, in_lane, cursor: sub.cursor, head })
        };
        entry.queue.iter().all(|&key| match key {
            LANE => entry.lane.iter().all(|&key| part(key, true)),
            key => part(key, false),
        })
    }
}

/// Its ticks go out with all their fields, one after another or merged, and nothing else does.
fn is_simple(sub: &Sub) -> bool {
    sub.base == Base::None && sub.wanted == FieldSet::ALL && sub.mode != Mode::Once && !sub.claims
}
