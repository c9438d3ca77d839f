//! Statistics of a recording: counts, span, rates, peaks, records out of order. Pure: it is given blocks.
//!
//! A peak is the most records in one window of the receive time; windows are adjacent, counted from 1970. A record that
//! steps back counts in the window of the latest time before it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Block, RecordedTick};
use crate::tick::{Field, Nanos, ReportKind, Symbol, custom::CustomName};

/// The totals of one recording, or of several.
#[derive(Default, Debug)]
pub struct RecordingStats {
    pub records: u64,
    pub trades: u64,
    pub quotes: u64,
    /// Trades that have a name.
    pub named_trades: u64,
    pub cancels: u64,
    pub corrections: u64,
    /// How many records set or withdraw each configured field.
    pub fields: BTreeMap<CustomName, u64>,
    pub rejected: u64,
    /// Well-formed, but no tick.
    pub passed: u64,
    /// Loss that the recorder reported: gaps, and the ticks in them.
    pub gaps: u64,
    pub gap_ticks: u64,
    /// Records with an earlier receive time than one before them.
    pub out_of_order: u64,
    /// The furthest that a record was behind an earlier one, in nanoseconds.
    pub step_back_max_ns: u64,
    /// Steps of an hour or more between consecutive records of a file, either way, and the largest.
    pub jumps: u64,
    pub jump_max_ns: u64,
    pub first: Option<Nanos>,
    pub last: Option<Nanos>,
    pub symbols: BTreeMap<Symbol, SymbolStats>,
    second: Window<1_000_000_000>,
    ten_millis: Window<10_000_000>,
}

/// The totals of one symbol.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize)]
pub struct SymbolStats {
    pub records: u64,
    pub trades: u64,
    pub quotes: u64,
}

/// Counts the records of the current window, and the maximum of all windows.
#[derive(Default, Debug)]
struct Window<const NANOS: i64> {
    place: i64,
    count: u64,
    peak: u64,
}

// === impl RecordingStats ===

impl RecordingStats {
    /// Adds all of a block.
    pub fn take(&mut self, block: &Block) {
        self.rejected += block.tally.total();
        self.passed += block.passed;
        self.gaps += block.gaps;
        self.jumps += block.jumps;
        self.jump_max_ns = self.jump_max_ns.max(block.jump_max_ns);
        self.gap_ticks = self.gap_ticks.saturating_add(block.gap_ticks);
        block.records.iter().for_each(|record| self.record(record));
    }

    fn record(&mut self, record: &RecordedTick) {
        let fields = &record.tick.fields;
        let trade = u64::from(fields.is_trade());
        let named = fields.named();
        let quote = u64::from(named.contains(Field::Bid) || named.contains(Field::Ask));
        self.records += 1;
        self.trades += trade;
        self.quotes += quote;
        self.named_trades += u64::from(fields.is_trade() && !fields.name_of_trade().is_empty());
        match fields.correction().map(|report| report.kind) {
            Some(ReportKind::Cancel) => self.cancels += 1,
            Some(ReportKind::Correct) => self.corrections += 1,
            Some(ReportKind::Trade) | None => {}
        }
        if let Some(custom) = &fields.custom {
            for entry in custom.entries() {
                *self.fields.entry(custom.fields().get(entry.id).name).or_default() += 1;
            }
        }
        let symbol = match self.symbols.get_mut(&record.tick.symbol) {
            Some(symbol) => symbol,
            None => self.symbols.entry(record.tick.symbol.clone()).or_default(),
        };
        symbol.records += 1;
        symbol.trades += trade;
        symbol.quotes += quote;
        self.first = Some(self.first.map_or(record.rx, |first| first.min(record.rx)));
        let latest = self.last.map_or(record.rx, |last| last.max(record.rx));
        if record.rx < latest {
            self.out_of_order += 1;
            self.step_back_max_ns = self.step_back_max_ns.max(latest.since(record.rx));
        }
        self.last = Some(latest);
        self.second.count(latest);
        self.ten_millis.count(latest);
    }

    pub fn peak_second(&self) -> u64 {
        self.second.peak
    }

    pub fn peak_ten_millis(&self) -> u64 {
        self.ten_millis.peak
    }

    /// From the first receive time to the last.
    pub fn span_seconds(&self) -> f64 {
        match (self.first, self.last) {
            (Some(first), Some(last)) => last.since(first) as f64 / 1e9,
            _ => 0.0,
        }
    }

    /// Records a second over the span; none when its length is 0.
    pub fn rate(&self) -> Option<f64> {
        let seconds = self.span_seconds();
        (seconds > 0.0).then(|| self.records as f64 / seconds)
    }
}

// === impl Window ===

impl<const NANOS: i64> Window<NANOS> {
    fn count(&mut self, at: Nanos) {
        let place = at.0.div_euclid(NANOS);
        if place != self.place {
            (self.place, self.count) = (place, 0);
        }
        self.count += 1;
        self.peak = self.peak.max(self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        feed::{
            formats::Hints,
            recording::{RecordReader, RecordingInput, Selection, open},
            testing::tick,
        },
        limits,
        tick::{
            CustomFields,
            custom::{CustomField, CustomKind, CustomMerge},
        },
    };

    #[test]
    fn the_bundled_recording_is_as_its_page_says() {
        let line_bytes_max = limits::DEFAULT.line_bytes;
        let mut recording = open(&[RecordingInput::Bundled], &Selection::default(), line_bytes_max).unwrap();
        let (mut stats, mut block, mut more) = (RecordingStats::default(), Block::default(), true);
        while more {
            more = recording.next_block(&mut block).unwrap();
            stats.take(&block);
            block.clear();
        }
        assert_eq!((stats.records, stats.trades, stats.quotes), (50_000, 11_032, 38_968));
        assert_eq!((stats.rejected, stats.passed, stats.out_of_order), (0, 1, 0));
        assert_eq!((stats.peak_second(), stats.peak_ten_millis()), (2_767, 758));
        assert_eq!(stats.rate().map(f64::round), Some(271.0));
        assert_eq!(stats.symbols.values().map(|symbol| symbol.records).sum::<u64>(), 50_000);
    }

    #[test]
    fn trades_their_names_cancels_corrections_and_configured_fields_are_counted() {
        let field = CustomField {
            name: CustomName::parse("mark").unwrap(),
            kind: CustomKind::Decimal,
            merge: CustomMerge::Last,
            symbols: Vec::new(),
        };
        let lines = concat!(
            r#"{"symbol":"A","rx":1742860800000001,"last":1,"last_size":2,"trade_id":"t1","mark":1.5}"#,
            "\n",
            r#"{"symbol":"A","rx":1742860800000002,"last":1,"last_size":2,"trade_id":"t2","affects":[]}"#,
            "\n",
            r#"{"symbol":"A","rx":1742860800000003,"last":1,"last_size":2}"#,
            "\n",
            r#"{"symbol":"A","rx":1742860800000004,"correct":"t1","last":2}"#,
            "\n",
            r#"{"symbol":"A","rx":1742860800000005,"cancel":"t1"}"#,
            "\n",
            r#"{"symbol":"A","rx":1742860800000006,"mark":null}"#,
            "\n",
        );
        let path = std::env::temp_dir().join(format!("tickcast-stats-{}.ndjson", std::process::id()));
        std::fs::write(&path, lines).unwrap();
        let hints = Hints { fields: CustomFields::new(vec![field]), ..Hints::default() };
        let selection = Selection { hints, ..Selection::default() };
        let input = RecordingInput::File(path.clone());
        let mut recording = open(&[input], &selection, limits::DEFAULT.line_bytes).unwrap();
        let (mut stats, mut block, mut more) = (RecordingStats::default(), Block::default(), true);
        while more {
            more = recording.next_block(&mut block).unwrap();
            stats.take(&block);
            block.clear();
        }
        std::fs::remove_file(path).unwrap();
        assert_eq!((stats.records, stats.rejected, stats.trades, stats.named_trades), (6, 0, 3, 2));
        assert_eq!((stats.cancels, stats.corrections), (1, 1));
        let fields: Vec<(&str, u64)> =
            stats.fields.iter().map(|(name, count)| (name.as_str(), *count)).collect();
        assert_eq!(fields, [("mark", 2)]);
    }

    #[test]
    fn steps_back_are_counted_and_measured() {
        let mut stats = RecordingStats::default();
        let mut block = Block::default();
        for micros in [5_000, 3_000, 4_000, 6_000, 1_000] {
            block.records.push(RecordedTick { rx: Nanos(micros * 1_000), tick: tick("A", "1", micros) });
        }
        stats.take(&block);
        assert_eq!((stats.out_of_order, stats.step_back_max_ns), (3, 5_000_000));
        assert_eq!((stats.first, stats.last), (Some(Nanos(1_000_000)), Some(Nanos(6_000_000))));
        assert_eq!((stats.peak_second(), stats.peak_ten_millis()), (5, 5));
    }
}
