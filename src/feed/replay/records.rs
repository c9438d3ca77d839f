//! The records of one recording that are to be played, block after block, as often as they are wanted.
//!
//! Each has the time that it is played by: when it was received; its event time, where the file does not say; the time of
//! the record before it, where it has neither.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use wildmatch::WildMatchPattern;

use super::Recording;
use crate::{
    feed::{
        FeedError, Sink, SourceError, complaints::Complaints, ndjson::Decoded, options::Options,
        recording::Reader,
    },
    tick::{Nanos, Symbol, Tick},
};

/// A tick, and when it was received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    pub rx: Nanos,
    pub tick: Tick,
}

/// Which records are played.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// None received before this.
    pub from: Option<Nanos>,
    /// None received at this time or after it.
    pub to: Option<Nanos>,
    /// Those of these names or patterns with `*`; all, when there are none.
    pub symbols: Vec<String>,
}

/// An open recording.
pub struct Records {
    file: Recording,
    selection: Selection,
    line_bytes_max: usize,
    reader: Reader,
    block: Decoded,
    /// The time of the record before.
    last: Option<Nanos>,
    complaints: Complaints,
}

/// What [`parse_time`] takes, for a person.
pub const TIME_EXPECTED: &str = "a time: 2025-03-25T23:07:00.5Z, 2025-03-25, or microseconds since 1970";

/// ISO-8601 in UTC, or microseconds since 1970.
pub fn parse_time(text: &str) -> Option<Nanos> {
    if let Ok(micros) = text.parse::<i64>() {
        return Nanos::from_micros(micros);
    }
    let is_date = text.len() == "2025-03-25".len();
    let whole = if is_date { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let time: SystemTime = humantime::parse_rfc3339(&whole).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok().map(Nanos)
}

// === impl Selection ===

impl Selection {
    pub(in crate::feed) fn from_options(options: &mut Options<'_>) -> Result<Self, SourceError> {
        let from = options.take("from", TIME_EXPECTED, parse_time)?;
        let to = options.take("to", TIME_EXPECTED, parse_time)?;
        let symbols =
            options.take("symbols", "names or patterns with *, with commas between", parse_symbols)?;
        Ok(Selection { from, to, symbols: symbols.unwrap_or_default() })
    }

    fn admits(&self, record: &Record, patterns: &[Pattern]) -> bool {
        self.from.is_none_or(|from| record.rx >= from)
            && self.to.is_none_or(|to| record.rx < to)
            && (patterns.is_empty()
                || patterns.iter().any(|pattern| pattern.matches(record.tick.symbol.as_str())))
    }
}

type Pattern = WildMatchPattern<'*', '\0'>;

fn parse_symbols(text: &str) -> Option<Vec<String>> {
    let named: Vec<String> = text.split(',').map(str::to_owned).collect();
    let sound = |name: &String| Symbol::new(&name.replace('*', "x")).is_ok();
    named.iter().all(sound).then_some(named)
}

// === impl Records ===

impl Records {
    /// # Errors
    /// When the file cannot be read, or is no recording.
    pub fn open(
        feed: &str,
        file: &Recording,
        selection: &Selection,
        line_bytes_max: usize,
    ) -> Result<Self, FeedError> {
        let reader = file.open(line_bytes_max)?;
        Ok(Records {
            complaints: Complaints::new(feed, reader.name()),
            file: file.clone(),
            selection: selection.clone(),
            line_bytes_max,
            reader,
            block: Decoded::default(),
            last: None,
        })
    }

    pub fn name(&self) -> &str {
        self.reader.name()
    }

    pub fn complaints(&mut self) -> &mut Complaints {
        &mut self.complaints
    }

    /// Appends the records of the next block; `false` when there is no more. What is no record is counted in `sink`.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn next_block(
        &mut self,
        out: &mut impl Extend<Record>,
        sink: &mut dyn Sink,
    ) -> Result<bool, FeedError> {
        let more = self.reader.read(&mut self.block)?;
        self.complaints.rejected(&mut self.block, sink);
        let patterns: Vec<Pattern> =
            self.selection.symbols.iter().map(|text| WildMatchPattern::new(text)).collect();
        let mut times = self.block.ticks.iter().zip(&self.block.rx).filter_map(|(tick, rx)| rx.or(tick.ts));
        // Those before the first that has a time are played with it.
        let mut last = self.last.or(times.next()).unwrap_or_default();
        let timed = self.block.ticks.drain(..).zip(self.block.rx.drain(..));
        let records = timed.map(|(tick, rx)| {
            last = rx.or(tick.ts).unwrap_or(last);
            Record { rx: last, tick }
        });
        let any = records.len() > 0;
        out.extend(records.filter(|record| self.selection.admits(record, &patterns)));
        self.last = any.then_some(last).or(self.last);
        self.block.clear();
        if !more && self.reader.is_cut() {
            tracing::warn!(file = self.reader.name(), "the file was cut: played up to the cut");
        }
        Ok(more)
    }

    /// The same records once more.
    ///
    /// # Errors
    /// When the file cannot be opened again.
    pub fn rewind(&mut self) -> Result<(), FeedError> {
        self.reader = self.file.open(self.line_bytes_max)?;
        self.block.clear();
        self.last = None;
        Ok(())
    }
}

/// A duration, as `30s` or `1m 30s`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    humantime::parse_duration(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_or_microseconds() {
        let noon = Nanos(1_742_904_000_000_000_000);
        assert_eq!(parse_time("2025-03-25T12:00:00Z"), Some(noon));
        assert_eq!(parse_time("1742904000000000"), Some(noon));
        assert_eq!(parse_time("2025-03-25T12:00:00.5Z"), Some(Nanos(noon.0 + 500_000_000)));
        assert_eq!(parse_time("2025-03-25"), Some(Nanos(noon.0 - 12 * 3_600_000_000_000)));
        for text in ["", "noon", "2025-03-25T12:00:00", "2025-13-01", "99999999999999999999"] {
            assert_eq!(parse_time(text), None, "{text}");
        }
    }
}
