//! A replay gives what the file says, when it says so, round after round.

use std::{fs, path::PathBuf, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::feed::{
    RejectReason,
    recording::{Header, RecordingInput, Writer},
    testing::{TestSink, tick},
};

const LINE_BYTES_MAX: usize = 1_024;

/// A recording in the file system, for as long as a test needs it.
struct TempFile(PathBuf);

impl TempFile {
    fn new(name: &str, content: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("tickcast-replay-{}-{name}", std::process::id()));
        fs::write(&path, content).unwrap();
        TempFile(path)
    }

    /// Ticks with these receive times, in microseconds; the bid is the line's index.
    fn with_times(name: &str, times: &[i64]) -> Self {
        let file = Self::new(name, b"");
        let mut writer = Writer::create(&file.0, &Header::default()).unwrap();
        for (index, &rx) in times.iter().enumerate() {
            writer.write(&tick("A", &index.to_string(), index as i64), Nanos(rx * 1_000)).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    fn config(&self) -> ReplayConfig {
        ReplayConfig { speed: ReplaySpeed::Max, ..ReplayConfig::of(RecordingInput::File(self.0.clone())) }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn open(config: &ReplayConfig) -> Replay {
    Replay::open("replay", config, LINE_BYTES_MAX).unwrap()
}

fn play(config: &ReplayConfig, sink: &mut TestSink, stop: &Stop) -> Result<(), FeedError> {
    Box::new(open(config)).run(sink, stop)
}

/// When the first `count` ticks are due, in microseconds.
fn due(config: &ReplayConfig, count: usize) -> Vec<u128> {
    let mut tape = Tape::open("replay", config, LINE_BYTES_MAX).unwrap();
    let mut sink = TestSink::default();
    let places = (0..count).map_while(|_| {
        let place = tape.peek(&mut sink).unwrap()?;
        tape.take();
        Some(place.at.as_micros())
    });
    places.collect()
}

#[test]
fn ticks_are_due_as_they_were_received() {
    let file = TempFile::with_times("due", &[5_000, 5_000, 7_500, 7_400, 9_000]);
    // A receive time that goes back is due at once.
    assert_eq!(due(&file.config(), 10), [0, 0, 2_500, 2_500, 4_000]);
}

#[test]
fn times_go_on_rising_across_rounds() {
    let file = TempFile::with_times("rounds", &[1_000, 3_000]);
    let config = ReplayConfig { end: AtEnd::Loop, ..file.config() };
    let gap = ROUND_GAP.as_micros();
    assert_eq!(due(&config, 5), [0, 2_000, 2_000 + gap, 4_000 + gap, 4_000 + 2 * gap]);
}

#[test]
fn lines_without_a_receive_time_go_by_their_event_time_or_with_the_line_before() {
    let content = "{\"tickcast\":\"recording\",\"version\":1}\n\
        {\"symbol\":\"A\",\"bid\":1}\n\
        {\"symbol\":\"A\",\"bid\":2,\"ts\":1000}\n\
        {\"symbol\":\"A\",\"bid\":3}\n\
        {\"symbol\":\"A\",\"bid\":4,\"ts\":4000}\n\
        {\"symbol\":\"A\",\"bid\":5,\"ts\":1,\"rx\":6000}\n";
    let file = TempFile::new("no-rx", content.as_bytes());
    assert_eq!(due(&file.config(), 10), [0, 0, 0, 3_000, 5_000]);
}

#[test]
fn every_speed_plays_the_same_ticks() {
    let bundled = |speed, step| {
        let mut sink = TestSink { step, ..TestSink::default() };
        play(
            &ReplayConfig { speed, ..ReplayConfig::of(RecordingInput::Bundled) },
            &mut sink,
            &Stop::default(),
        )
        .unwrap();
        sink
    };
    let fast = bundled(ReplaySpeed::Max, Duration::ZERO);
    assert_eq!(fast.ticks.len(), 50_000);
    assert!(fast.lags.is_empty() && fast.rejected.is_empty());
    // Each look at the clock finds it a second later, so nothing waits.
    let paced = bundled(ReplaySpeed::Times(1.0), Duration::from_secs(1));
    assert!(paced.ticks == fast.ticks);
    let slow = bundled(ReplaySpeed::Times(0.5), Duration::from_secs(1));
    assert!(slow.ticks == fast.ticks);
    assert!(slow.batches.len() > paced.batches.len());
}

#[test]
fn what_is_due_goes_into_one_batch_and_its_delay_is_reported() {
    // Two ticks at once, one 6 s later, one 100 s later; each look at the clock takes 5 s.
    let file = TempFile::with_times("batch", &[0, 0, 6_000_000, 106_000_000]);
    let mut sink = TestSink { step: Duration::from_secs(5), ..TestSink::default() };
    let config = ReplayConfig { speed: ReplaySpeed::Times(10.0), ..file.config() };
    play(&config, &mut sink, &Stop::default()).unwrap();
    assert_eq!(sink.batches, [3, 1]);
    // Due at 0 s and at 10.6 s, by the clock of a replay at ten times the speed; taken at 5 s and 15 s or later.
    assert_eq!(sink.lags[0], Duration::from_secs(5));
    assert!(sink.lags[1] >= Duration::from_millis(4_400), "{:?}", sink.lags);
    assert_eq!(sink.lags.len(), 2);
}

#[test]
fn a_replay_that_was_held_up_catches_up_and_keeps_its_schedule() {
    let file = TempFile::with_times("late", &[0, 1_000, 2_000, 3_000]);
    // The first look at the time after the start is half a second late: everything is due by then.
    let mut sink = TestSink { step: Duration::from_millis(500), ..TestSink::default() };
    play(&ReplayConfig { speed: ReplaySpeed::Times(1.0), ..file.config() }, &mut sink, &Stop::default())
        .unwrap();
    assert_eq!(sink.batches, [4]);
    assert_eq!(sink.lags, [Duration::from_millis(500)]);
}

#[test]
fn a_loop_goes_on_until_it_is_stopped() {
    let file = TempFile::with_times("loop", &[0, 10, 20]);
    let stop = Stop::default();
    let mut sink = TestSink { stop_after: Some((3_000, stop.clone())), ..TestSink::default() };
    play(&ReplayConfig { end: AtEnd::Loop, ..file.config() }, &mut sink, &stop).unwrap();
    assert!(sink.ticks.len() >= 3_000);
    let first: Vec<_> = sink.ticks[..3].to_vec();
    assert!(sink.ticks.chunks_exact(3).all(|round| round == first));
}

#[test]
fn a_wait_ends_when_it_is_stopped() {
    // The second tick is due in ten days.
    let file = TempFile::with_times("stop", &[0, 864_000_000_000]);
    let stop = Stop::default();
    let mut sink = TestSink { stop_after: Some((1, stop.clone())), ..TestSink::default() };
    play(&ReplayConfig { speed: ReplaySpeed::Times(1.0), ..file.config() }, &mut sink, &stop).unwrap();
    assert_eq!(sink.ticks.len(), 1);
}

#[test]
fn broken_lines_are_counted_and_skipped() {
    let content = "{\"tickcast\":\"recording\",\"version\":1}\n\
        {\"symbol\":\"A\",\"bid\":1,\"rx\":1}\n\
        {\"symbol\":\"A\",\"bid\":\"x\",\"rx\":2}\n\
        \n\
        {\"symbol\":\"A\"\n\
        {\"symbol\":\"A\",\"bid\":2,\"rx\":3}\n";
    let file = TempFile::new("broken", content.as_bytes());
    let mut sink = TestSink::default();
    play(&file.config(), &mut sink, &Stop::default()).unwrap();
    assert_eq!(sink.ticks.len(), 2);
    assert_eq!(sink.rejected, [RejectReason::Syntax, RejectReason::Value]);
}

#[test]
fn a_cut_file_is_played_up_to_the_cut() {
    let times: Vec<i64> = (0..20_000).collect();
    let file = TempFile::with_times("cut.gz", &times);
    let whole = fs::read(&file.0).unwrap();
    fs::write(&file.0, &whole[..whole.len() / 2]).unwrap();
    let mut sink = TestSink::default();
    play(&file.config(), &mut sink, &Stop::default()).unwrap();
    assert!((1_000..20_000).contains(&sink.ticks.len()), "{}", sink.ticks.len());
    assert!(sink.rejected.is_empty());
}

#[test]
fn a_recording_without_a_tick_is_an_error_and_no_endless_loop() {
    let file = TempFile::new("empty", b"{\"tickcast\":\"recording\",\"version\":1}\nbroken\n");
    for end in [AtEnd::Stop, AtEnd::Loop] {
        let mut sink = TestSink::default();
        let error = play(&ReplayConfig { end, ..file.config() }, &mut sink, &Stop::default()).unwrap_err();
        assert!(matches!(error, FeedError::Empty { .. }), "{error}");
        assert_eq!(sink.rejected, [RejectReason::Syntax]);
    }
}

#[test]
fn a_selection_of_nothing_is_told_from_a_file_of_nothing() {
    let file = TempFile::with_times("nothing", &[0, 10, 20]);
    for end in [AtEnd::Stop, AtEnd::Loop] {
        let mut config = ReplayConfig { end, ..file.config() };
        config.selection.from = Some(Nanos(1_000_000));
        let error = play(&config, &mut TestSink::default(), &Stop::default()).unwrap_err();
        assert!(matches!(error, FeedError::NoneSelected { .. }), "{error}");
    }
}

#[test]
fn a_loop_over_a_file_that_lost_its_ticks_ends() {
    let file = TempFile::with_times("emptied", &[0, 10, 20]);
    let mut tape =
        Tape::open("replay", &ReplayConfig { end: AtEnd::Loop, ..file.config() }, LINE_BYTES_MAX).unwrap();
    let mut sink = TestSink::default();
    for _ in 0..3 {
        assert!(tape.peek(&mut sink).unwrap().is_some());
        tape.take();
    }
    fs::write(&file.0, b"{\"tickcast\":\"recording\",\"version\":1}\n").unwrap();
    assert!(matches!(tape.peek(&mut sink), Err(FeedError::Empty { .. })));
}

#[test]
fn a_replay_that_failed_says_why_to_whoever_asks_later() {
    let file = TempFile::new("headonly", b"{\"tickcast\":\"recording\",\"version\":1}\n");
    let replay = Box::new(open(&file.config()));
    let control = replay.replay().unwrap();
    let failed = replay.run(&mut TestSink::default(), &Stop::default()).unwrap_err();
    assert_eq!(control.tell(ReplayCommand::Pause), Err(Refusal::Gone(failed.to_string())));
}

#[test]
fn what_was_read_before_the_file_broke_is_played() {
    let times: Vec<i64> = (0..50_000).collect();
    let file = TempFile::with_times("damaged.zst", &times);
    let mut damaged = fs::read(&file.0).unwrap();
    let at = damaged.len() * 3 / 4;
    damaged[at..at + 64].fill(0xff);
    fs::write(&file.0, damaged).unwrap();
    let mut sink = TestSink::default();
    let error = play(&file.config(), &mut sink, &Stop::default()).unwrap_err();
    assert!(matches!(error, FeedError::Read { .. }), "{error}");
    assert!(sink.ticks.len() > 1_000, "{}", sink.ticks.len());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn due_times_never_fall_and_no_tick_is_lost(times in proptest::collection::vec(-5_000i64..5_000, 1..50), rounds in 1usize..4) {
        let file = TempFile::with_times("property", &times);
        let config = ReplayConfig { end: AtEnd::Loop, ..file.config() };
        let due = due(&config, times.len() * rounds);
        prop_assert_eq!(due.len(), times.len() * rounds);
        prop_assert!(due.is_sorted());
        prop_assert_eq!(due[0], 0);
    }
}
