//! Converts times of a recording to play time, which paces a replay, and to the market's time, which dates its ticks.
//!
//! Both only rise, also where the recording's times step back: within a file, at the start of each round of a loop, and
//! after a seek backwards. Play time omits what `max_gap` cuts off a silence; the market's time does not.
//!
//! Pure. Invariant: in the first round the market's time is the recording's own.

use std::time::Duration;

use crate::tick::Nanos;

/// Between the last record played and the first after a new beginning. Without it a recording of one record would
/// spin, and two beginnings would have one time.
pub const ROUND_GAP: Duration = Duration::from_millis(100);

/// The position of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimelinePosition {
    /// From the start of the replay, at speed 1.
    pub at: Duration,
    /// By the market's clock.
    pub time: Nanos,
}

/// How long a silence in the recording is played for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MaxGap {
    /// One of [`LONG`] or more, such as a night or a wrong stamp, for [`LONG_PLAYED`]; a shorter one in full.
    #[default]
    Auto,
    /// In full.
    Whole,
    /// For no longer than this.
    Most(Duration),
}

/// From this length on a silence is reported.
pub const LONG: Duration = Duration::from_secs(3_600);
const LONG_PLAYED: Duration = Duration::from_secs(1);

/// Positions records one after another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timeline {
    max_gap: MaxGap,
    last: Option<Last>,
    next: Next,
}

/// The record positioned last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Last {
    /// The latest time of the recording so far, since the last new beginning.
    recorded: Nanos,
    place: TimelinePosition,
}

/// How the next record is positioned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Next {
    /// As long after the last as the recording says.
    Follows,
    /// At this play time; the market's time advances by as much as the recording's.
    Skips(Duration),
    /// Here, whatever the recording's time is.
    Begins(TimelinePosition),
}

// === impl MaxGap ===

impl MaxGap {
    pub(super) const EXPECTED: &str = "auto, none, or a duration such as 30s";

    pub(super) fn parse(text: &str) -> Option<MaxGap> {
        match text {
            "auto" => Some(MaxGap::Auto),
            "none" => Some(MaxGap::Whole),
            _ => humantime::parse_duration(text).ok().map(MaxGap::Most),
        }
    }

    /// For how long a silence is played.
    fn played(self, silence: Duration) -> Duration {
        match self {
            MaxGap::Auto if silence >= LONG => LONG_PLAYED,
            MaxGap::Auto | MaxGap::Whole => silence,
            MaxGap::Most(most) => silence.min(most),
        }
    }
}

// === impl Timeline ===

impl Timeline {
    pub fn new(max_gap: MaxGap) -> Self {
        Timeline { max_gap, last: None, next: Next::Follows }
    }

    /// The silence before a record of this time, if it comes next, and how long that is played for.
    pub fn silence(&self, recorded: Nanos) -> Option<(Duration, Duration)> {
        let last = self.last.filter(|_| self.next == Next::Follows)?;
        let silence = Duration::from_nanos(recorded.since(last.recorded));
        Some((silence, self.max_gap.played(silence)))
    }

    /// The position of a record of this time, if it came next.
    pub fn place(&self, recorded: Nanos) -> TimelinePosition {
        let Some(Last { recorded: before, place }) = self.last else {
            let at = if let Next::Skips(at) = self.next { at } else { Duration::ZERO };
            return TimelinePosition { at, time: recorded };
        };
        let gap = Duration::from_nanos(recorded.since(before));
        let time = place.time.plus(gap);
        match self.next {
            Next::Follows => TimelinePosition { at: place.at + self.max_gap.played(gap), time },
            Next::Skips(at) => TimelinePosition { at: place.at.max(at), time },
            Next::Begins(place) => place,
        }
    }

    /// A record of this time came next.
    pub fn put(&mut self, recorded: Nanos) {
        let place = self.place(recorded);
        let before = match (self.next, self.last) {
            (Next::Follows | Next::Skips(_), Some(last)) => last.recorded,
            _ => recorded,
        };
        self.last = Some(Last { recorded: recorded.max(before), place });
        self.next = Next::Follows;
    }

    /// The next record is due at `at`: what lies between was passed over.
    pub fn skip(&mut self, at: Duration) {
        if !matches!(self.next, Next::Begins(_)) {
            self.next = Next::Skips(at);
        }
    }

    /// The next record begins anew: the recording's times start over. It is due shortly after the last, or at `at` if
    /// that is later; its market time is after all before it, and after `time`.
    pub fn begin(&mut self, at: Option<Duration>, time: Option<Nanos>) {
        let Some(Last { place, .. }) = self.last else {
            // No record was positioned yet: there is none to follow, but play time may have advanced.
            return self.skip(at.unwrap_or_default());
        };
        let behind = TimelinePosition { at: place.at + ROUND_GAP, time: place.time.plus(ROUND_GAP) };
        self.next = Next::Begins(TimelinePosition {
            at: at.map_or(behind.at, |at| at.max(place.at)),
            time: time.map_or(behind.time, |time| behind.time.max(time.plus(ROUND_GAP))),
        });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn millis(millis: i64) -> Nanos {
        Nanos(millis * 1_000_000)
    }

    /// Positions records of these times, and shows the result: play time and market time, in milliseconds.
    fn put(timeline: &mut Timeline, times: &[i64]) -> Vec<(u128, i64)> {
        let mut places = Vec::new();
        for &time in times {
            let place = timeline.place(millis(time));
            timeline.put(millis(time));
            places.push((place.at.as_millis(), place.time.0 / 1_000_000));
        }
        places
    }

    #[test]
    fn the_first_round_has_the_recordings_own_times() {
        let mut timeline = Timeline::new(MaxGap::Whole);
        let places = put(&mut timeline, &[5_000, 5_000, 7_500, 7_400, 9_000]);
        assert_eq!(places, [(0, 5_000), (0, 5_000), (2_500, 7_500), (2_500, 7_500), (4_000, 9_000)]);
    }

    #[test]
    fn a_long_silence_is_cut_in_play_time_alone() {
        let mut timeline = Timeline::new(MaxGap::Most(Duration::from_secs(1)));
        assert_eq!(put(&mut timeline, &[0, 900, 60_900]), [(0, 0), (900, 900), (1_900, 60_900)]);
    }

    #[test]
    fn a_silence_of_hours_is_played_for_a_second_unless_it_is_asked_for() {
        let month = 28 * 86_400_000;
        let times = [0, 3_599_999, 3_599_999 + month, month];
        let mut timeline = Timeline::new(MaxGap::default());
        let last = 3_599_999 + month;
        assert_eq!(
            put(&mut timeline, &times),
            [(0, 0), (3_599_999, 3_599_999), (3_600_999, last), (3_600_999, last)]
        );
        let next = millis(last + 7_200_000);
        assert_eq!(timeline.silence(next), Some((Duration::from_secs(7_200), Duration::from_secs(1))));
        let mut whole = Timeline::new(MaxGap::parse("none").unwrap());
        assert_eq!(put(&mut whole, &[0, month])[1], (u128::try_from(month).unwrap(), month));
        assert_eq!(MaxGap::parse("1m"), Some(MaxGap::Most(Duration::from_secs(60))));
        assert_eq!(MaxGap::parse("never"), None);
    }

    #[test]
    fn a_new_beginning_stands_behind_all_that_was() {
        let mut timeline = Timeline::new(MaxGap::Whole);
        put(&mut timeline, &[1_000, 3_000]);
        timeline.begin(None, None);
        assert_eq!(put(&mut timeline, &[1_000, 3_000]), [(2_100, 3_100), (4_100, 5_100)]);
        timeline.begin(Some(Duration::from_secs(9)), Some(millis(8_000)));
        assert_eq!(put(&mut timeline, &[1_000]), [(9_000, 8_100)]);
    }

    #[test]
    fn what_is_passed_over_takes_no_play_time() {
        let mut timeline = Timeline::new(MaxGap::Whole);
        put(&mut timeline, &[1_000]);
        timeline.skip(Duration::from_millis(10));
        assert_eq!(put(&mut timeline, &[61_000, 62_000]), [(10, 61_000), (1_010, 62_000)]);
    }

    #[test]
    fn a_beginning_before_anything_was_placed_takes_no_play_time_either() {
        let mut timeline = Timeline::new(MaxGap::Whole);
        timeline.skip(Duration::from_millis(10));
        timeline.begin(Some(Duration::from_secs(2)), Some(millis(0)));
        assert_eq!(put(&mut timeline, &[1_000, 1_500]), [(2_000, 1_000), (2_500, 1_500)]);
    }

    #[derive(Clone, Debug)]
    enum Act {
        Put(i64),
        Skip(u64),
        Begin(Option<u64>, Option<i64>),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            4 => (-5_000i64..5_000).prop_map(Act::Put),
            1 => (0u64..20_000).prop_map(Act::Skip),
            1 => (prop::option::of(0u64..20_000), prop::option::of(-5_000i64..20_000))
                .prop_map(|(at, time)| Act::Begin(at, time)),
        ]
    }

    fn max_gap() -> impl Strategy<Value = MaxGap> {
        prop_oneof![
            Just(MaxGap::Auto),
            Just(MaxGap::Whole),
            (0u64..3_000).prop_map(|millis| MaxGap::Most(Duration::from_millis(millis))),
        ]
    }

    proptest! {
        #[test]
        fn neither_time_ever_goes_back(acts in prop::collection::vec(act(), 1..60), max_gap in max_gap()) {
            let mut timeline = Timeline::new(max_gap);
            let mut last: Option<TimelinePosition> = None;
            for act in acts {
                match act {
                    Act::Skip(at) => timeline.skip(Duration::from_millis(at)),
                    Act::Begin(at, time) => timeline.begin(at.map(Duration::from_millis), time.map(millis)),
                    Act::Put(time) => {
                        let place = timeline.place(millis(time));
                        timeline.put(millis(time));
                        if let Some(last) = last {
                            prop_assert!(place.at >= last.at && place.time >= last.time);
                        }
                        last = Some(place);
                    }
                }
            }
        }
    }
}
