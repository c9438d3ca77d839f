//! When a fault is on, and which of its steps are due: pure arithmetic over the market's time.
//!
//! A fault has occurrences: one, or one in each `every`. An occurrence has one or two steps that are done once, such as a
//! notice and the close that follows.

use std::time::Duration;

use super::fault::{FaultKind, VenueFault};
use crate::tick::Nanos;

/// A fault in one connection.
#[derive(Clone, Debug, Default)]
pub struct FaultCourse {
    /// Of a fault that begins with a message: when that came.
    pub begun_by_message: Option<Nanos>,
    /// How many steps were done or passed over, over all occurrences.
    steps_done: u64,
}

/// A step that is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DueStep {
    pub at: Nanos,
    /// Of the fault, from 0.
    pub occurrence: u64,
    /// Within the occurrence: 0 or 1.
    pub step: u64,
}

/// The shortest `every`: steps are looked at one by one.
pub const EVERY_MIN: Duration = Duration::from_millis(100);

/// The occurrence of a fault that is on at this time, if its first began at `begin`.
pub fn occurrence(fault: &VenueFault, begin: Nanos, at: Nanos) -> Option<u64> {
    if at < begin {
        return None;
    }
    let since = at.since(begin);
    let number = fault.every.map_or(0, |every| since / nanos(every).max(1));
    let within = since - number * fault.every.map_or(0, nanos);
    fault.lasts.is_none_or(|lasts| within < nanos(lasts)).then_some(number)
}

/// How far behind its beginning an occurrence has its second step; `None` when it has one, or none at all.
fn second_step(fault: &VenueFault) -> Option<Duration> {
    match &fault.kind {
        FaultKind::Shutdown { notice } => Some(*notice),
        FaultKind::Halt | FaultKind::Maintenance { .. } => fault.lasts,
        _ => None,
    }
}

/// Whether it has steps.
fn has_steps(kind: &FaultKind) -> bool {
    matches!(
        kind,
        FaultKind::Shutdown { .. }
            | FaultKind::Close { .. }
            | FaultKind::Again { .. }
            | FaultKind::Restart { .. }
            | FaultKind::Jump { .. }
            | FaultKind::Halt
            | FaultKind::Maintenance { .. }
    )
}

/// Whether an occurrence that began before the connection concerns it, while it lasts.
fn is_state(kind: &FaultKind) -> bool {
    matches!(kind, FaultKind::Halt | FaultKind::Maintenance { .. })
}

impl FaultCourse {
    /// The next step; `None` when there is none. `begin`: of the first occurrence.
    fn next(&self, fault: &VenueFault, begin: Nanos) -> Option<DueStep> {
        if !has_steps(&fault.kind) {
            return None;
        }
        let second = second_step(fault);
        let steps = 1 + u64::from(second.is_some());
        let (occurrence, step) = (self.steps_done / steps, self.steps_done % steps);
        if occurrence > 0 && fault.every.is_none() {
            return None;
        }
        let offset = fault.every.map_or(0, nanos).saturating_mul(occurrence);
        let within = if step == 1 { second.map_or(0, nanos) } else { 0 };
        let at = begin.plus(Duration::from_nanos(offset.saturating_add(within)));
        Some(DueStep { at, occurrence, step })
    }

    /// Takes the next step that is due by `now`. What was over before the connection began, at `first`, does not concern it.
    pub fn take_due(
        &mut self,
        fault: &VenueFault,
        begin: Nanos,
        first: Nanos,
        now: Nanos,
    ) -> Option<DueStep> {
        loop {
            let due = self.next(fault, begin).filter(|due| due.at <= now)?;
            self.steps_done += 1;
            let offset = fault.every.map_or(0, nanos).saturating_mul(due.occurrence);
            let began = begin.plus(Duration::from_nanos(offset));
            let is_over = match fault.lasts {
                Some(lasts) if is_state(&fault.kind) => began.plus(lasts) <= first,
                _ => !is_state(&fault.kind) && began < first,
            };
            if !is_over {
                return Some(due);
            }
        }
    }

    /// When the next step is due.
    pub fn next_at(&self, fault: &VenueFault, begin: Nanos) -> Option<Nanos> {
        self.next(fault, begin).map(|due| due.at)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::read;

    fn fault(text: &str) -> VenueFault {
        read::parse("test", &format!("name = \"t\"\nmodelled_on = \"t\"\n[[fault]]\n{text}"))
            .unwrap()
            .faults
            .remove(0)
    }

    fn seconds(seconds: i64) -> Nanos {
        Nanos(seconds * 1_000_000_000)
    }

    #[test]
    fn an_occurrence_lasts_and_comes_again() {
        let fault = fault("kind = \"mute\"\nat = \"0s\"\nfor = \"10s\"\nevery = \"60s\"");
        let begin = seconds(100);
        for (at, expected) in [
            (99, None),
            (100, Some(0)),
            (109, Some(0)),
            (110, None),
            (160, Some(1)),
            (170, None),
            (221, Some(2)),
        ] {
            assert_eq!(occurrence(&fault, begin, seconds(at)), expected, "{at}");
        }
    }

    #[test]
    fn steps_are_done_once_in_order() {
        let fault = fault("kind = \"shutdown\"\nat = \"0s\"\nnotice = \"5s\"\nevery = \"60s\"");
        let mut course = FaultCourse::default();
        let mut taken = |now: i64| {
            std::iter::from_fn(|| course.take_due(&fault, seconds(100), seconds(0), seconds(now)))
                .map(|due| (due.at.0 / 1_000_000_000, due.occurrence, due.step))
                .collect::<Vec<_>>()
        };
        assert_eq!(taken(99), []);
        assert_eq!(taken(100), [(100, 0, 0)]);
        assert_eq!(taken(104), []);
        assert_eq!(taken(170), [(105, 0, 1), (160, 1, 0), (165, 1, 1)]);
    }

    #[test]
    fn a_close_before_the_connection_is_not_its_own_and_a_halt_goes_on() {
        let close = fault("kind = \"close\"\nlike = \"age\"\nat = \"0s\"");
        assert_eq!(FaultCourse::default().take_due(&close, seconds(5), seconds(6), seconds(9)), None);
        assert!(FaultCourse::default().take_due(&close, seconds(5), seconds(5), seconds(9)).is_some());
        let halt = fault("kind = \"halt\"\nat = \"0s\"\nfor = \"10s\"");
        let mut course = FaultCourse::default();
        assert_eq!(course.take_due(&halt, seconds(5), seconds(6), seconds(9)).unwrap().step, 0);
        assert_eq!(course.take_due(&halt, seconds(5), seconds(6), seconds(20)).unwrap().step, 1);
        assert_eq!(FaultCourse::default().take_due(&halt, seconds(5), seconds(15), seconds(20)), None);
    }
}
