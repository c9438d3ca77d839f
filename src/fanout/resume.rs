//! Resuming after a disconnect: the client's seq is trusted if its epoch is the current one, and the subscription
//! continues if the ring still has the next tick.

use super::{
    Fanout, Mode,
    accounting::of_plane,
    state::{Base, Claim, lead},
};
use crate::{
    tick::Nanos,
    topic::{Stamped, Store},
};

/// A client's claim to have all ticks of a topic up to `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResumePoint {
    /// Whether the claim has the current epoch; otherwise `last` means nothing.
    pub same_epoch: bool,
    pub last: u64,
}

/// How a subscription started.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscribeOutcome {
    Ok,
    /// The symbol has no tick yet: waiting for the first.
    Pending,
    /// It continues right after the client's last tick.
    Resumed,
    /// It cannot continue: a gap and a snapshot will follow.
    Gap,
}

impl Fanout {
    /// Sets a new subscription's cursor to the client's claim. Returns how it starts, whether it is behind, and the
    /// receive time of the oldest pending tick, if the ring has it.
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
            // The claim is from real time. Restart at the delayed market's position, which must not reveal that the
            // real one is ahead.
            sub.base = Base::Record;
            let outcome = if head > 0 { SubscribeOutcome::Ok } else { SubscribeOutcome::Pending };
            return (outcome, head > 0, topic.record.rx);
        }
        let ahead = !resume.same_epoch || resume.last > head;
        if ahead {
            // The client's state is of another epoch: it must be replaced, not updated.
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
