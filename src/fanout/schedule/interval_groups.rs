//! The subscriptions of one session with the same interval share its end: what changes within it goes out as one frame.
//!
//! A dashboard that asks for ten messages a second of each of twenty symbols wants ten pictures a second, and not two
//! hundred frames. After a message of one subscription, the others wait for the same end of the interval. When all have
//! been quiet for an interval, the first change goes out at once. Subscriptions that wait for the same end have one
//! entry in the wheel.
//!
//! Loss first: at most [`GROUPS_MAX`] intervals of a session are kept. One more replaces the group that ends first, and
//! the subscriptions of that group keep their own intervals, in frames of their own.

use crate::{fanout::pace::SendPace, tick::Nanos};

/// When the next message of each interval may go out, and which subscriptions wait for it.
#[derive(Default)]
pub(in crate::fanout) struct IntervalGroups {
    groups: Vec<IntervalGroup>,
}

struct IntervalGroup {
    pace: SendPace,
    next: Nanos,
    /// Subscriptions that wait for `due` together. Some may not wait any more, or be gone.
    waiting: Vec<u32>,
    due: Nanos,
}

/// The key of an entry in the wheel: what waits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(in crate::fanout) enum Waiter {
    /// One subscription.
    Sub(u32),
    /// The subscriptions of a session that wait for the same end of an interval.
    Group { session: u32, pace: SendPace },
}

/// How a subscription waits for the end of its interval.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::fanout) enum GroupJoin {
    /// It is the first of a group, which needs an entry in the wheel.
    NewGroup,
    /// The group has its entry in the wheel.
    Joined,
    /// It is in no group, and needs an entry of its own.
    Alone,
}

const GROUPS_MAX: usize = 8;
/// A group may have this many entries, beside one for each subscription: some may not wait any more.
const WAITING_SLACK: usize = 16;

impl IntervalGroups {
    /// The next message may not go out before this; time 0 when nothing was sent.
    pub fn next(&self, pace: SendPace) -> Nanos {
        self.groups.iter().find(|group| group.pace == pace).map_or(Nanos::default(), |group| group.next)
    }

    /// A message went out `now`; the next of this interval goes out at `next`.
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

    /// The end that subscriptions which are gathered wait for: the one for which some wait already, so that none is
    /// left for an array of its own, or the next one.
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

    /// A subscription waits for `due`. `subscriptions`: how many the session has.
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

    /// The subscriptions that wait for this time, which has come.
    pub fn take(&mut self, pace: SendPace, due: Nanos) -> Vec<u32> {
        let group = self.of(pace).filter(|group| group.due == due);
        group.map(|group| std::mem::take(&mut group.waiting)).unwrap_or_default()
    }

    /// Takes the emptied list back, to be used again.
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
        /// A subscription that waits is never forgotten, whatever else is sent, and its group is in the wheel once.
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
