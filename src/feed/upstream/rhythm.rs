//! Whether a stream is silent for longer than is usual for it. Pure: time is an argument.
//!
//! One number for all streams would call a quiet symbol stale and a busy one live for too long. A stream's own longest
//! pause, which is forgotten by and by, says what is usual: three times as long is silence. A stream that has not been
//! watched for long is given more time.
//!
//! Invariant: a tick makes a stream live at once; a stream is never overdue before its floor.

use std::time::Duration;

use super::venue::StreamKind;
use crate::tick::Nanos;

/// When the ticks of a stream come.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct StreamRhythm {
    first: Option<Nanos>,
    last: Nanos,
    /// The longest pause, in nanoseconds.
    longest: u64,
    /// When it was, or was halved.
    longest_at: Nanos,
}

/// The shortest silence that counts, for each kind of stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SilenceFloor(pub Duration);

/// A pause is forgotten by half in this time.
const FORGET: Duration = Duration::from_secs(1_800);
/// How much longer than the longest pause a silence is.
const FACTOR: u64 = 3;
/// Before so long, pauses are not known well.
const LEARN: Duration = Duration::from_secs(120);
/// How many floors a stream is given that is not known well.
const LEARNING_FLOORS: u32 = 4;
/// Trades are not state: they may be seldom.
const TRADE_FLOORS: u32 = 2;

// === impl StreamRhythm ===

impl StreamRhythm {
    pub fn tick(&mut self, now: Nanos) {
        if self.first.is_some() {
            let pause = now.since(self.last);
            if now.since(self.longest_at) > FORGET.as_nanos() as u64 {
                (self.longest, self.longest_at) = (self.longest / 2, now);
            }
            if pause >= self.longest {
                (self.longest, self.longest_at) = (pause, now);
            }
        } else {
            self.first = Some(now);
            self.longest_at = now;
        }
        self.last = now;
    }

    /// Whether it ever gave a tick.
    pub fn is_known(&self) -> bool {
        self.first.is_some()
    }

    /// The link is down, or was: the pause is not the stream's own.
    pub fn interrupted(&mut self, now: Nanos) {
        self.last = self.last.max(now);
    }

    /// For how long it has been silent, if that is longer than is usual. `asked`: since when it is subscribed to.
    pub fn overdue(
        &self,
        now: Nanos,
        asked: Nanos,
        kind: StreamKind,
        floor: SilenceFloor,
    ) -> Option<Duration> {
        let silent = now.since(self.last.max(asked));
        (silent > self.patience(kind, floor)).then(|| Duration::from_nanos(silent))
    }

    /// How long a silence is usual.
    fn patience(&self, kind: StreamKind, SilenceFloor(floor): SilenceFloor) -> u64 {
        let floor = match kind {
            StreamKind::Quotes => floor,
            StreamKind::Trades => floor * TRADE_FLOORS,
        };
        let nanos = |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
        let Some(first) = self.first else { return nanos(floor) };
        let is_learning = self.last.since(first) < nanos(LEARN);
        let floor = if is_learning { floor * LEARNING_FLOORS } else { floor };
        nanos(floor).max(self.longest.saturating_mul(FACTOR))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FLOOR: SilenceFloor = SilenceFloor(Duration::from_secs(10));

    fn at(millis: i64) -> Nanos {
        Nanos(1_000_000_000_000_000_000 + millis * 1_000_000)
    }

    #[test]
    fn a_stream_that_gives_nothing_is_overdue_at_its_floor() {
        let rhythm = StreamRhythm::default();
        let overdue = |now, kind| rhythm.overdue(now, at(0), kind, FLOOR);
        assert_eq!(overdue(at(10_000), StreamKind::Quotes), None);
        assert_eq!(overdue(at(10_001), StreamKind::Quotes), Some(Duration::from_millis(10_001)));
        assert_eq!(overdue(at(20_000), StreamKind::Trades), None);
        assert!(overdue(at(20_001), StreamKind::Trades).is_some());
    }

    #[test]
    fn its_own_pauses_decide_and_not_one_number() {
        let (mut busy, mut quiet) = (StreamRhythm::default(), StreamRhythm::default());
        for step in 0..3_000 {
            busy.tick(at(step * 100));
            if step % 600 == 0 {
                quiet.tick(at(step * 100));
            }
        }
        let late =
            |rhythm: &StreamRhythm, now| rhythm.overdue(now, at(0), StreamKind::Quotes, FLOOR).is_some();
        assert!(late(&busy, at(299_900 + 10_001)));
        assert!(!late(&quiet, at(240_000 + 179_999)));
        assert!(late(&quiet, at(240_000 + 180_001)));
    }

    proptest! {
        #[test]
        fn pauses_up_to_three_times_the_longest_are_usual(pauses in prop::collection::vec(1i64..60_000, 1..100)) {
            let (mut rhythm, mut now) = (StreamRhythm::default(), 0);
            rhythm.tick(at(now));
            for pause in &pauses {
                now += pause;
                rhythm.tick(at(now));
                prop_assert_eq!(rhythm.overdue(at(now), at(0), StreamKind::Quotes, FLOOR), None);
            }
            let longest = pauses.iter().copied().max().unwrap_or(0);
            if now < 1_800_000 {
                let usual = rhythm.overdue(at(now + longest * 3), at(0), StreamKind::Quotes, FLOOR);
                prop_assert_eq!(usual, None);
            }
            prop_assert!(rhythm.overdue(at(now + 200_000), at(0), StreamKind::Quotes, FLOOR).is_some());
        }
    }
}
