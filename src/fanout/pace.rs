//! [`SendPace`]: the minimum interval of a subscription's messages, in four bytes.
//!
//! Most subscriptions have an interval of their own, or none. Those of a [gathered form](super::Form::gathered) are
//! sent together; the pace then includes the form's number, so that each form of a session is gathered separately.

use std::time::Duration;

use super::Form;
use crate::tick::Nanos;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub(in crate::fanout) struct SendPace(u32);

/// The bits of the interval; above them is the number of a gathered form.
const MILLIS_BITS: u32 = 28;
/// Three days: longer than any interval that a client may request.
const MILLIS_MAX: u32 = (1 << MILLIS_BITS) - 1;

impl SendPace {
    pub fn of(interval: Duration, form: Form) -> SendPace {
        let millis = u32::try_from(interval.as_millis()).unwrap_or(MILLIS_MAX).min(MILLIS_MAX);
        let number = if form.is_gathered() && millis > 0 { form.number() as u32 } else { 0 };
        SendPace(number << MILLIS_BITS | millis)
    }

    #[inline]
    pub fn has_interval(self) -> bool {
        self.0 > 0
    }

    pub fn interval(self) -> Duration {
        Duration::from_millis(u64::from(self.0 & MILLIS_MAX))
    }

    #[inline]
    pub fn is_gathered(self) -> bool {
        self.0 > MILLIS_MAX
    }

    /// The number of the gathered form; 0 when the subscription has its own interval.
    pub fn gathered(self) -> u32 {
        self.0 >> MILLIS_BITS
    }

    /// When a subscription's first message may be sent: at once (0), unless it is gathered.
    pub fn first_due(self) -> Nanos {
        if self.is_gathered() { Nanos(1) } else { Nanos::default() }
    }

    /// The end of an interval that starts now, rounded up to a multiple of an eighth of it (at least 1 ms), so that
    /// intervals end together in one frame. A gathered interval ends at the next whole multiple.
    pub fn end_from(self, now: Nanos) -> Nanos {
        let interval = i64::from(self.0 & MILLIS_MAX) * 1_000_000;
        if self.is_gathered() {
            return Nanos(now.0.div_euclid(interval).saturating_add(1).saturating_mul(interval));
        }
        let grain = (interval / 8).max(1_000_000);
        let due = now.0.saturating_add(interval);
        Nanos(due.saturating_add(grain - 1).div_euclid(grain).saturating_mul(grain))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gathered_ends_at_whole_multiples_and_nothing_else_does() {
        let second = Duration::from_secs(1);
        let (own, gathered) =
            (SendPace::of(second, Form::conflated(7)), SendPace::of(second, Form::gathered(7)));
        assert!(own != gathered && gathered != SendPace::of(second, Form::gathered(8)));
        assert_eq!((own.interval(), gathered.interval()), (second, second));
        assert_eq!((own.is_gathered(), gathered.is_gathered()), (false, true));
        for (now, end) in [(0, 1_000), (1, 1_000), (999, 1_000), (1_000, 2_000), (-1, 0)] {
            assert_eq!(gathered.end_from(Nanos(now * 1_000_000)), Nanos(end * 1_000_000), "{now}");
        }
        assert_eq!(own.end_from(Nanos(1_000_000)), Nanos(1_125_000_000));
        let none = SendPace::of(Duration::ZERO, Form::gathered(7));
        assert!(!none.has_interval() && !none.is_gathered());
        assert_eq!(SendPace::of(Duration::MAX, Form::NATIVE).gathered(), 0, "however long");
    }
}
