//! One frame for many: sessions that are owed the very same are sent the very same bytes.
//!
//! Dashboards that show the same symbols and keep up are behind by the same ticks in the same order. What some of them
//! were owed last is noted: for each subscription, in the order of its list, the topic, the cursor, the head; and what
//! the frame left over. Who is owed just that is not filled anew: its cursors move as those did, and [`Emit::repeat`]
//! says the frame once more. What a message costs is then its share of one copy into the kernel, however many are in the
//! frame.
//!
//! Several notes are kept, for kinds of dashboards that take turns, and for frames that follow one another: behind each
//! stands which one was wanted after it. Where nobody is like another, noting would be for nothing: after
//! [`PATIENCE`] misses it is tried only now and then.
//!
//! Invariant: a topic, a cursor and a head name the same ticks for ever, so a note is never wrong, only of no use.

use super::{
    Emit, Fanout, Mode, SessionKey, Tally,
    core::{Base, Sub},
    fill::settle,
};
use crate::tick::{FieldSet, Nanos};

/// How many frames are kept to be repeated: four kinds of dashboards, or the four frames of a turn; and as many again.
pub const FRAMES_KEPT: usize = 8;
/// After so many misses in a row only each [`LOOK_EACH`]th session is compared and noted.
const PATIENCE: u32 = 32;
const LOOK_EACH: u32 = 16;

/// What the last frames were filled for.
#[derive(Default)]
pub(super) struct Alike {
    pub notes: [Note; FRAMES_KEPT],
    /// The one that was repeated or written last.
    last: usize,
    /// The one that is written next.
    next: usize,
    /// Sessions in a row that were not like a noted one.
    misses: u32,
}

/// What one frame was filled for, and what it did. Its bytes are kept by [`Emit`], under the note's number.
#[derive(Default)]
pub(super) struct Note {
    /// Empty when there is nothing to repeat.
    pub owed: Vec<Owed>,
    /// What it left over, in the order of the lists.
    left: Vec<Left>,
    tally: Tally,
    /// The note that was wanted after this one, last time.
    then: usize,
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

/// A subscription that the frame did not bring to its head.
#[derive(Clone, Copy)]
struct Left {
    owed: Owed,
    since: Nanos,
}

impl Fanout {
    /// Sends the session what was sent before, when it is owed just that; `None` when it must be filled.
    pub(super) fn fill_alike(
        &mut self,
        session: SessionKey,
        now: Nanos,
        emit: &mut impl Emit,
    ) -> Option<Tally> {
        let found = self.find_note(session)?;
        if !emit.repeat(found) {
            return None;
        }
        let note = &self.alike.notes[found];
        let tally = note.tally;
        let entry = &mut self.sessions[session.0 as usize];
        let (mut queue, mut lane) = (std::mem::take(&mut entry.queue), std::mem::take(&mut entry.lane));
        let keys = || queue.subs().chain(lane.iter().copied());
        for key in keys() {
            let sub = &mut self.subs[key as usize];
            sub.cursor = self.topics[sub.topic as usize].record.seq;
        }
        let mut left = std::mem::take(&mut self.scratch.left);
        for part in &note.left {
            let Some(key) = entry.find(part.owed.topic) else { continue };
            let sub = &mut self.subs[key as usize];
            sub.cursor = part.owed.cursor;
            sub.since = part.since;
            left.push((key, part.owed.in_lane));
        }
        for key in keys() {
            let sub = &mut self.subs[key as usize];
            let topic = &mut self.topics[sub.topic as usize];
            if sub.cursor == topic.record.seq {
                topic.every_behind -= u32::from(sub.mode == Mode::Every);
                settle(key, sub, topic, entry, now);
            }
        }
        queue.clear();
        lane.clear();
        (entry.queue, entry.lane, entry.lane_queued) = (queue, lane, false);
        for (key, in_lane) in left.drain(..) {
            self.subs[key as usize].queued = entry.put(key, in_lane);
        }
        self.scratch.left = left;
        Some(tally)
    }

    /// Notes what the session is owed, before it is filled. Says under which number, if at all.
    pub(super) fn note_owed(&mut self, session: SessionKey) -> Option<usize> {
        if !self.alike.looks() {
            self.alike.misses = self.alike.misses.wrapping_add(1).max(PATIENCE);
            return None;
        }
        self.alike.misses += 1;
        let at = self.alike.next;
        let mut noted = std::mem::take(&mut self.alike.notes[at].owed);
        noted.clear();
        let whole = self.walk_owed(session, |owed, _| {
            noted.push(owed);
            true
        });
        if !whole {
            noted.clear();
        }
        let is_noted = !noted.is_empty();
        self.alike.notes[at].owed = noted;
        is_noted.then_some(at)
    }

    /// Completes the note with what the frame did.
    pub(super) fn note_sent(&mut self, session: SessionKey, at: usize, tally: &Tally, emit: &mut impl Emit) {
        let mut left = std::mem::take(&mut self.alike.notes[at].left);
        left.clear();
        self.walk_owed(session, |owed, sub| {
            left.push(Left { owed, since: sub.since });
            true
        });
        let alike = &mut self.alike;
        (alike.notes[at].left, alike.notes[at].tally) = (left, *tally);
        if tally.is_empty() {
            alike.notes[at].owed.clear();
            return;
        }
        emit.keep(at);
        alike.notes[alike.last].then = at;
        alike.notes[at].then = at;
        (alike.last, alike.next) = (at, (at + 1) % FRAMES_KEPT);
    }

    /// The note of what the session is owed.
    fn find_note(&mut self, session: SessionKey) -> Option<usize> {
        if !self.alike.looks() {
            return None;
        }
        let guess = self.alike.notes[self.alike.last].then;
        let found = (0..FRAMES_KEPT)
            .map(|step| (guess + step) % FRAMES_KEPT)
            .find(|&at| self.is_owed(session, &self.alike.notes[at].owed))?;
        let alike = &mut self.alike;
        alike.notes[alike.last].then = found;
        (alike.last, alike.misses) = (found, 0);
        Some(found)
    }

    fn is_owed(&self, session: SessionKey, noted: &[Owed]) -> bool {
        let mut noted_parts = noted.iter();
        !noted.is_empty()
            && self.walk_owed(session, |owed, _| noted_parts.next() == Some(&owed))
            && noted_parts.next().is_none()
    }

    /// Calls `see` with each part of what the session is owed, in order, while it says `true`. Says whether it saw all
    /// of them: not those of which more must be known than [`Owed`] tells.
    fn walk_owed(&self, session: SessionKey, mut see: impl FnMut(Owed, &Sub) -> bool) -> bool {
        let Some(entry) = self.sessions.get(session.0 as usize) else { return false };
        let mut part = |key: u32, in_lane: bool| {
            let sub = &self.subs[key as usize];
            let head = self.topics[sub.topic as usize].record.seq;
            is_simple(sub) && see(Owed { topic: sub.topic, in_lane, cursor: sub.cursor, head }, sub)
        };
        entry.queue.all(|key| match key {
            Some(key) => part(key, false),
            None => entry.lane.iter().all(|&key| part(key, true)),
        })
    }
}

impl Alike {
    /// Whether it is worth while to compare and to note.
    fn looks(&self) -> bool {
        self.misses < PATIENCE || self.misses.is_multiple_of(LOOK_EACH)
    }
}

/// Its ticks go out with all their fields, one after another or merged, and nothing else does.
fn is_simple(sub: &Sub) -> bool {
    sub.base == Base::None && sub.wanted == FieldSet::ALL && sub.mode != Mode::Once && !sub.claims
}
