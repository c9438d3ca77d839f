//! Logs what a feed sent that was not a tick: the first faults of each window, then how many were suppressed.
//!
//! Loss: beyond [`REPORTED_MAX`] lines within [`WINDOW`] faults are only counted, and the count is reported when the
//! next window begins or the feed ends. The metrics count every one of them.

use std::time::Duration;

use super::{RefusedTick, Sink, ndjson::Decoded, record::Block, reject::RejectCounts, time::format_time};
use crate::tick::Nanos;

/// A feed's faults, to be logged.
pub struct FeedWarnings {
    /// The feed's name.
    feed: String,
    /// The source of its lines in messages: a file's name or a placeholder.
    origin: String,
    window_start: Nanos,
    /// Reported in this window.
    reported: u32,
    /// Suppressed in this window.
    suppressed: u64,
    /// Silences that were reported, over all windows.
    silences: u32,
}

/// Lines logged within one window.
const REPORTED_MAX: u32 = 10;
/// At most this many silences of a recording are reported.
const SILENCES_MAX: u32 = 20;
const WINDOW: Duration = Duration::from_secs(10);

// === impl FeedWarnings ===

impl FeedWarnings {
    pub fn new(feed: &str, origin: &str) -> Self {
        FeedWarnings {
            feed: feed.to_owned(),
            origin: origin.to_owned(),
            window_start: Nanos(i64::MIN),
            reported: 0,
            suppressed: 0,
            silences: 0,
        }
    }

    /// Counts every rejected line of a block in the sink, reports some, and takes them out of the block.
    pub fn rejected(&mut self, decoded: &mut Decoded, sink: &mut dyn Sink) {
        for (reason, count) in decoded.tally.iter() {
            (0..count).for_each(|_| sink.reject(reason));
        }
        let total = std::mem::take::<RejectCounts>(&mut decoded.tally).total();
        if total == 0 {
            return;
        }
        let now = sink.now();
        let described = decoded.rejected.len() as u64;
        for rejected in decoded.rejected.drain(..) {
            if self.may_say(now) {
                tracing::warn!(
                    feed = self.feed,
                    file = self.origin,
                    line = rejected.line,
                    reason = rejected.reason.label(),
                    "line skipped: {}",
                    rejected.message
                );
            }
        }
        self.suppressed += total - described;
    }

    /// The same for blocks of recordings; it also reports every warning of the block. The records stay.
    pub fn skipped(&mut self, block: &mut Block, sink: &mut dyn Sink) {
        for warning in block.warnings.drain(..) {
            tracing::warn!(feed = self.feed, "{warning}");
        }
        for (reason, count) in block.tally.iter() {
            (0..count).for_each(|_| sink.reject(reason));
        }
        let total = std::mem::take::<RejectCounts>(&mut block.tally).total();
        let described = block.rejects.len() as u64;
        for reject in block.rejects.drain(..) {
            if self.may_say(sink.now()) {
                tracing::warn!(
                    feed = self.feed,
                    file = &*reject.file,
                    place = %reject.place,
                    reason = reject.reason.label(),
                    "record skipped: {}",
                    reject.message
                );
            }
        }
        self.suppressed += total - described;
    }

    /// Reports some of the ticks that a sink refused (the sink has counted them), and empties the vector.
    pub fn refused(&mut self, now: Nanos, refused: &mut Vec<RefusedTick>) {
        for refused in refused.drain(..) {
            if self.may_say(now) {
                tracing::warn!(
                    feed = self.feed,
                    reason = refused.reason.label(),
                    "tick refused: {}",
                    refused.message
                );
            }
        }
    }

    /// Reports a long silence of a recording before a record of this time, and how long it is played for.
    pub fn silence(&mut self, silence: Duration, played: Duration, until: Nanos) {
        if self.silences < SILENCES_MAX {
            self.silences += 1;
            tracing::warn!(
                feed = self.feed,
                file = self.origin,
                silent_seconds = silence.as_secs(),
                until = format_time(until),
                played_seconds = played.as_secs_f64(),
                "the recording is silent for {}; max_gap=none plays it as long as it was, max_gap=30s for 30 s",
                humantime::format_duration(Duration::from_secs(silence.as_secs())),
            );
        }
    }

    fn may_say(&mut self, now: Nanos) -> bool {
        if now.since(self.window_start) >= WINDOW.as_nanos() as u64 {
            self.report_suppressed();
            self.window_start = now;
            self.reported = 0;
        }
        if self.reported < REPORTED_MAX {
            self.reported += 1;
            return true;
        }
        self.suppressed += 1;
        false
    }

    fn report_suppressed(&mut self) {
        if self.suppressed > 0 {
            tracing::warn!(
                feed = self.feed,
                file = self.origin,
                count = self.suppressed,
                "more lines or ticks skipped"
            );
            self.suppressed = 0;
        }
    }
}

impl Drop for FeedWarnings {
    fn drop(&mut self) {
        self.report_suppressed();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::feed::{RejectReason, ndjson::BlockDecoder, testing::TestSink};

    #[derive(Clone, Default)]
    struct ComplaintLog(Arc<Mutex<Vec<u8>>>);

    impl Write for ComplaintLog {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that `body` logs.
    fn logged(body: impl FnOnce()) -> Vec<String> {
        let log = ComplaintLog::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_ansi(false)
            .with_target(false)
            .without_time()
            .finish();
        tracing::subscriber::with_default(subscriber, body);
        let bytes = log.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(str::to_owned).collect()
    }

    fn broken_lines(count: usize) -> Decoded {
        let mut decoded = Decoded::default();
        BlockDecoder::new(64).feed(&mut b"x\n".repeat(count), &mut decoded);
        decoded
    }

    #[test]
    fn a_fault_names_file_line_and_reason() {
        let log = logged(|| {
            FeedWarnings::new("pipe", "a.ndjson").rejected(&mut broken_lines(1), &mut TestSink::default());
        });
        assert_eq!(log.len(), 1, "{log:?}");
        for part in [
            "WARN line skipped: not JSON",
            "feed=\"pipe\"",
            "file=\"a.ndjson\"",
            "line=1",
            "reason=\"syntax\"",
        ] {
            assert!(log[0].contains(part), "{part}: {}", log[0]);
        }
    }

    #[test]
    fn a_silence_is_said_with_its_length_and_its_end() {
        let log = logged(|| {
            let (day, second) = (Duration::from_secs(86_400), Duration::from_secs(1));
            FeedWarnings::new("replay", "a.ndjson").silence(day, second, Nanos(0).plus(day));
        });
        for part in [
            "WARN the recording is silent for 1day",
            "until=\"1970-01-02T00:00:00.000000Z\"",
            "played_seconds=1",
        ] {
            assert!(log[0].contains(part), "{part}: {}", log[0]);
        }
    }

    #[test]
    fn a_flood_of_faults_is_said_in_part_and_counted_in_full() {
        let mut sink = TestSink::default();
        let log = logged(|| {
            let mut warnings = FeedWarnings::new("pipe", "a.ndjson");
            warnings.rejected(&mut broken_lines(5_000), &mut sink);
            // One window later it may report again, and first reports what was suppressed.
            sink.now.set(Nanos(0).plus(WINDOW));
            warnings.rejected(&mut broken_lines(REPORTED_MAX as usize + 3), &mut sink);
        });
        assert_eq!(sink.rejected, vec![RejectReason::Syntax; 5_000 + REPORTED_MAX as usize + 3]);
        let reported = REPORTED_MAX as usize;
        assert_eq!(log.len(), reported + 1 + reported + 1);
        assert!(log[reported].contains(&format!("count={}", 5_000 - reported)), "{}", log[reported]);
        assert!(log[2 * reported + 1].contains("count=3"), "{}", log[2 * reported + 1]);
    }
}
