//! Interval groups: a session's subscriptions with the same interval share its end, so that their changes go out as one
//! frame.
//!
//! A dashboard that asks for ten messages a second on each of twenty symbols wants ten updates of the screen, not two
//! hundred frames. After a message of one subscription, the others wait for the same end. If all were quiet for an
//! interval, the first change goes out at once. Subscriptions that wait for the same end have one entry in the timing
//! wheel.
//!
//! Loss: at most [`GROUPS_MAX`] intervals of a session have groups. One more replaces the group that ends first; that
//! group's subscriptions then wait singly, and get frames of their own.

use crate::{fanout::pace::SendPace, tick::Nanos};

/// For each interval, when its next message may be sent, and which subscriptions wait for it.
#[derive(Default)]
pub(in crate::fanout) struct IntervalGroups {
    groups: Vec<IntervalGroup>,
}

struct IntervalGroup {
    pace: SendPace,
    next: Nanos,
    /// Subscriptions that wait for `due` together; may include some that no longer wait, or are gone.
    waiting: Vec<u32>,
    due: Nanos,
}

/// What an entry in the timing wheel stands for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::fanout) enum Waiter {
    /// One subscription.
    Sub(u32),
    /// All subscriptions of a session that wait for the same end.
    Group { session: u32, pace: SendPace },
}

/// How a subscription waits, and whether it needs a wheel entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum GroupJoin {
    /// It started a group, which needs a wheel entry.
    NewGroup,
    /// It joined a group that has its wheel entry.
    Joined,
    /// It is in no group and needs a wheel entry of its own.
    Alone,
}

const GROUPS_MAX: usize = 8;
/// How many entries a group may have beyond the number of subscriptions: some may be out of date.
const WAITING_SLACK: usize = 16;

impl IntervalGroups {
    /// The earliest time of the next message; 0 when nothing was sent.
    pub fn next(&self, pace: SendPace) -> Nanos {
        self.groups.iter().find(|group| group.pace == pace).map_or(Nanos::default(), |group| group.next)
    }

    /// Notes that a message was sent at `now`; the next of this interval may follow at `next`.
    pub fn sent(&mut self, pace: SendPace, now: Nanos, next: Nanos) {
        if let Some(group) = self.of(pace) {
            group.next = group.next.max(next);
            return;
        }
        self.groups.retain(|group| !group.is_over(now));
        if self.groups.len() >= GROUPS_MAX {
            let free = (0..self.groups.len()).filter(|&at| self.groups[at].waiting.is_empty());
            let Some(soonest) = free.min_by_key(|&at| self.groups[at].next) else { return };
            self.groups.swap_remove(soonest);
        }
        self.groups.push(IntervalGroup { pace, next, waiting: Vec::new(), due: Nanos::default() });
    }

    /// The end that gathered subscriptions wait for: the one that some wait for already, so that all are in one array,
    /// or else the next one.
    pub fn gather(&mut self, pace: SendPace, now: Nanos) -> Nanos {
        match self.of(pace) {
            Some(group) if !group.waiting.is_empty() => group.due,
            Some(_) => pace.end_from(now),
            None => {
                self.sent(pace, now, Nanos::default());
                pace.end_from(now)
            }
        }
    }

    /// Makes a subscription wait for `due`. `subscriptions`: the session's total.
    pub fn join(&mut self, pace: SendPace, due: Nanos, key: u32, subscriptions: usize) -> GroupJoin {
        let Some(group) = self.of(pace) else { return GroupJoin::Alone };
        if group.waiting.is_empty() {
            group.due = due;
            group.waiting.push(key);
            return GroupJoin::NewGroup;
        }
        if group.due != due || group.waiting.len() >= subscriptions + WAITING_SLACK {
            return GroupJoin::Alone;
        }
        group.waiting.push(key);
        GroupJoin::Joined
    }

    /// Takes the subscriptions that were waiting for this time, which has come.
    pub fn take(&mut self, pace: SendPace, due: Nanos) -> Vec<u32> {
        let group = self.of(pace).filter(|group| group.due == due);
        group.map(|group| std::mem::take(&mut group.waiting)).unwrap_or_default()
    }

    /// Returns the emptied list for reuse.
    pub fn reuse(&mut self, pace: SendPace, keys: Vec<u32>) {
        if let Some(group) = self.of(pace).filter(|group| group.waiting.is_empty()) {
            group.waiting = keys;
        }
    }

    /// Whether any subscription waits for this time.
    pub fn waits(&self, pace: SendPace, due: Nanos) -> bool {
        let waits = |group: &IntervalGroup| !group.waiting.is_empty() && group.due == due;
        self.groups.iter().any(|group| group.pace == pace && waits(group))
    }

    /// Frees groups whose interval has ended.
    pub fn shrink(&mut self, now: Nanos) {
        self.groups.retain(|group| !group.is_over(now));
        self.groups.shrink_to_fit();
    }

    fn of(&mut self, pace: SendPace) -> Option<&mut IntervalGroup> {
        self.groups.iter_mut().find(|group| group.pace == pace)
    }

    #[cfg(test)]
    pub fn waiting(&self, pace: SendPace, due: Nanos) -> &[u32] {
        let group = self.groups.iter().find(|group| group.pace == pace && group.due == due);
        group.map_or(&[], |group| &group.waiting)
    }
}

impl IntervalGroup {
    fn is_over(&self, now: Nanos) -> bool {
        self.next <= now && self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::fanout::Form;

    fn of(interval_ms: u32) -> SendPace {
        SendPace::of(Duration::from_millis(interval_ms.into()), Form::NATIVE)
    }

    proptest! {
        /// Whatever is sent, no waiting subscription is forgotten, and each group has one wheel entry.
        #[test]
        fn subscriptions_that_wait_together_are_found_together(
            acts in prop::collection::vec((0u32..12, 0i64..30, any::<bool>()), 1..80)
        ) {
            let mut interval_groups = IntervalGroups::default();
            let mut wheel: Vec<(u32, Nanos)> = Vec::new();
            let mut waiting: Vec<(u32, Nanos, u32)> = Vec::new();
            for (key, (interval_ms, at, sends)) in (0..).zip(acts) {
                if sends {
                    interval_groups.sent(of(interval_ms), Nanos(at), Nanos(at + i64::from(interval_ms)));
                } else {
                    let due = interval_groups.next(of(interval_ms));
                    match interval_groups.join(of(interval_ms), due, key, usize::MAX / 2) {
                        GroupJoin::NewGroup => wheel.push((interval_ms, due)),
                        GroupJoin::Joined => {}
                        GroupJoin::Alone => continue,
                    }
                    waiting.push((interval_ms, due, key));
                }
            }
            for (interval_ms, due) in wheel {
                prop_assert!(interval_groups.waits(of(interval_ms), due));
                for key in interval_groups.take(of(interval_ms), due) {
                    let before = waiting.len();
                    waiting.retain(|&entry| entry != (interval_ms, due, key));
                    prop_assert_eq!(waiting.len() + 1, before);
                }
            }
            prop_assert!(waiting.is_empty(), "{:?} are in no group", waiting);
        }

        #[test]
        fn memory_is_bounded_and_the_latest_is_known(
            sent in prop::collection::vec((1u32..20, 0i64..1_000), 1..60)
        ) {
            let mut interval_groups = IntervalGroups::default();
            let mut now = Nanos(0);
            for (interval_ms, pause) in sent {
                now.0 += pause;
                let next = now.plus(Duration::from_millis(interval_ms.into()));
                interval_groups.sent(of(interval_ms), now, next);
                prop_assert_eq!(interval_groups.next(of(interval_ms)), next);
                prop_assert!(interval_groups.groups.len() <= GROUPS_MAX);
                prop_assert_eq!(interval_groups.next(of(100)), Nanos::default());
            }
        }
    }
}
