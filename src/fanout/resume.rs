//! Clients that come back: what they hold is believed when it is of this epoch, and taken up where the ring allows.

use super::{
    Fanout, Mode,
    state::{Base, lead},
};
use crate::{
    tick::{FieldSet, Nanos},
    topic::{Stamped, Store},
};

/// A client's claim to have a topic's ticks up to `last`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResumePoint {
    /// Its epoch is the present one, so that `last` means something.
    pub same_epoch: bool,
    pub last: u64,
}

/// How a subscription begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubscribeOutcome {
    Ok,
    /// The symbol has no tick yet.
    Pending,
    /// It goes on exactly where the client left.
    Resumed,
    /// It cannot: a gap and a snapshot follow.
    Gap,
}

impl Fanout {
    /// Places a new subscription's cursor where the client says it is. Says how it begins, whether it is behind, and
    /// when the oldest tick was taken in that it is behind by, as far as the ring knows.
    pub(super) fn resume(
        &mut self,
        key: u32,
        resume: ResumePoint,
        store: &impl Store,
    ) -> (SubscribeOutcome, bool, Nanos) {
        let sub = &mut self.subs[key as usize];
        let topic = &self.topics[sub.topic as usize];
        let head = topic.record.seq;
        let ahead = !resume.same_epoch || resume.last > head;
        if ahead {
            // What the client holds is of another life of the symbol: it must not be built upon.
            sub.base = Base::Record;
            sub.claims = true;
        }
        if head == 0 {
            return (SubscribeOutcome::Pending, false, topic.record.rx);
        }
        if ahead {
            sub.cursor = 0;
            sub.other_epoch = true;
            self.accounts.offered += head;
            return (SubscribeOutcome::Gap, true, topic.record.rx);
        }
        sub.base = Base::None;
        sub.cursor = resume.last;
        let missed = head - resume.last;
        self.accounts.offered += missed;
        if missed == 0 {
            return (SubscribeOutcome::Resumed, false, topic.record.rx);
        }
        sub.claims = sub.mode == Mode::Every;
        let must_know_all = sub.mode == Mode::Every && sub.wanted != FieldSet::ALL;
        let run = if must_know_all { usize::MAX } else { 1 };
        let mut ticks = std::mem::take(&mut self.scratch.history);
        ticks.clear();
        let oldest = topic.history(resume.last + 1, run, store, &mut ticks);
        self.walked += ticks.len();
        if must_know_all {
            let wanted = sub.wanted;
            let unwanted = |tick: &&Stamped| tick.fields.mask.intersect(wanted).is_empty();
            sub.skipped = ticks.iter().filter(unwanted).count() as u64;
            sub.lead = lead(ticks.iter().take_while(unwanted).count() as u64);
            self.accounts.filtered += sub.skipped;
        }
        let rx = ticks.get(sub.lead as usize).map_or(topic.record.rx, |tick| tick.rx);
        let behind = missed > sub.skipped;
        let within = sub.mode != Mode::Every || oldest <= resume.last + 1;
        self.scratch.history = ticks;
        (if within { SubscribeOutcome::Resumed } else { SubscribeOutcome::Gap }, behind, rx)
    }
}
