//! Clients that come back: what a client has is believed when its epoch is the present one, and continued where the
//! ring still has the next tick.

use super::{
    Fanout, Mode,
    accounting::of_plane,
    state::{Base, Claim, lead},
};
use crate::{
    tick::Nanos,
    topic::{Stamped, Store},
};

/// A client's claim to have a topic's ticks up to `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResumePoint {
    /// Whether its epoch is the present one, so that `last` means something.
    pub same_epoch: bool,
    pub last: u64,
}

/// How a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscribeOutcome {
    Ok,
    /// The symbol has no tick yet.
    Pending,
    /// It continues right after the last tick that the client has.
    Resumed,
    /// It cannot continue: a gap and a snapshot follow.
    Gap,
}

impl Fanout {
    /// Sets a new subscription's cursor to where the client says it is. Says how it begins, whether it is behind, and
    /// when the oldest tick that it is behind by was received, as far as the ring knows.
    pub(super) fn resume(
        &mut self,
        key: u32,
        resume: ResumePoint,
        store: &impl Store,
    ) -> (SubscribeOutcome, bool, Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let (head, plane) = (topic.record.seq, topic.plane);
        if topic.is_delayed() && resume.same_epoch && resume.last > head {
            // It was read in real time. It begins anew where the delayed market is, which says nothing of what is
            // ahead.
            sub.base = Base::Record;
            let outcome = if head > 0 { SubscribeOutcome::Ok } else { SubscribeOutcome::Pending };
            return (outcome, head > 0, topic.record.rx);
        }
        let ahead = !resume.same_epoch || resume.last > head;
        if ahead {
            // What the client has is of another epoch. It must be replaced, and not added to.
            sub.base = Base::Record;
            sub.claim = Claim::Resumed;
        }
        if head == 0 {
            return (SubscribeOutcome::Pending, false, topic.record.rx);
        }
        if ahead {
            sub.cursor = 0;
            sub.claim = Claim::OtherEpoch;
            of_plane(plane, &mut self.accounts, &mut self.delayed.accounts).offered += head;
            return (SubscribeOutcome::Gap, true, topic.record.rx);
        }
        sub.base = Base::None;
        sub.cursor = resume.last;
        let missed = head - resume.last;
        of_plane(plane, &mut self.accounts, &mut self.delayed.accounts).offered += missed;
        if missed == 0 {
            return (SubscribeOutcome::Resumed, false, topic.record.rx);
        }
        let reads_history = sub.mode.reads_history();
        sub.claim = if reads_history { Claim::Resumed } else { Claim::New };
        let must_know_all = reads_history && !sub.view.has_every_field();
        let run = if must_know_all { usize::MAX } else { 1 };
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        let oldest = topic.history(resume.last + 1, run, store, &mut ticks);
        self.walked += ticks.len();
        if must_know_all {
            let view = self.views.get(sub.view);
            let unwanted = |tick: &&Stamped| !view.wants(tick);
            sub.skipped = ticks.iter().filter(unwanted).count() as u64;
            sub.lead = lead(ticks.iter().take_while(unwanted).count() as u64);
            of_plane(plane, &mut self.accounts, &mut self.delayed.accounts).filtered += sub.skipped;
        }
        let rx = ticks.get(sub.lead as usize).map_or(topic.record.rx, |tick| tick.rx);
        let behind = missed > sub.skipped;
        let has_tape_events =
            sub.mode == Mode::Trades && !must_know_all && topic.tape_events.cover(resume.last);
        let within = !reads_history || has_tape_events || oldest <= resume.last + 1;
        self.scratch.history = ticks;
        (if within { SubscribeOutcome::Resumed } else { SubscribeOutcome::Gap }, behind, rx)
    }
}
