//! The recording as the player sees it: one record after another, each with its position; rounds; seeks.
//!
//! After a seek backwards, a restart, and at each round of a loop the recording begins anew: seqs and times go on
//! rising, and the totals of each symbol (open, high, low, volume, trades) begin with its next trade.
//!
//! Invariants: the same file gives the same records in the same order, whatever the speed; a seek goes to the first
//! record, in the order of the file, whose time is at or after the requested one.

use std::{
    collections::{HashSet, VecDeque},
    time::Duration,
};

use super::{
    AtEnd, ReplayConfig,
    timeline::{LONG, Timeline, TimelinePosition},
};
use crate::{
    feed::{
        FeedError, Sink,
        recording::{self, Block, RecordReader, RecordedTick, Recording},
        warnings::FeedWarnings,
    },
    tick::{Field, FieldSet, Nanos, Symbol, Tick, Volume},
};

/// An open recording and the position in it.
pub struct Tape {
    recording: Recording,
    warnings: FeedWarnings,
    end: AtEnd,
    /// The buffer for reading; kept for its allocations.
    block: Block,
    /// Read and not played yet.
    ready: VecDeque<RecordedTick>,
    /// This round has no more to read.
    read: bool,
    /// The error found while reading ahead: what was read before is played first.
    broken: Option<FeedError>,
    timeline: Timeline,
    /// Records of this round that were played or passed over.
    position: u64,
    /// The latest time among them: a seek before it must go back.
    behind: Option<Nanos>,
    /// From 1 on.
    round: u64,
    /// There is at least one record to play.
    found: bool,
    /// Symbols whose totals have begun anew; `None` in the first round, which needs no new totals.
    renewed: Option<HashSet<Symbol>>,
}

/// With fewer records in the buffer the next block is read ahead.
const AHEAD_RECORDS: usize = 256;

// === impl Tape ===

impl Tape {
    pub fn open(feed: &str, config: &ReplayConfig, line_bytes_max: usize) -> Result<Self, FeedError> {
        let recording = recording::open(&config.inputs, &config.selection, line_bytes_max)?;
        Ok(Tape {
            warnings: FeedWarnings::new(feed, recording.name()),
            recording,
            end: config.end,
            block: Block::default(),
            ready: VecDeque::new(),
            read: false,
            broken: None,
            timeline: Timeline::new(config.max_gap),
            position: 0,
            behind: None,
            round: 1,
            found: false,
            renewed: None,
        })
    }

    pub fn name(&self) -> &str {
        self.recording.name()
    }

    pub fn warnings(&mut self) -> &mut FeedWarnings {
        &mut self.warnings
    }

    /// Records of this round before the position: the number of the last one played.
    pub fn position(&self) -> u64 {
        self.position
    }

    pub fn round(&self) -> u64 {
        self.round
    }

    /// The recording's time of the next record, if it has been read.
    pub fn next(&self) -> Option<Nanos> {
        self.ready.front().map(|record| record.rx)
    }

    /// Records that were read and not played.
    pub fn ahead(&self) -> impl Iterator<Item = &RecordedTick> {
        self.ready.iter()
    }

    /// Position of the next record; `None` at the end.
    ///
    /// # Errors
    /// When nothing more can be read, or there is nothing to play.
    pub fn peek(&mut self, sink: &mut dyn Sink) -> Result<Option<TimelinePosition>, FeedError> {
        let mut begun = false;
        loop {
            if let Some(record) = self.ready.front() {
                return Ok(Some(self.timeline.place(record.rx)));
            }
            if !self.fill(sink)? {
                // A whole round without a record: the file was replaced.
                if !self.found || begun {
                    self.recording.check_found()?;
                }
                if self.end == AtEnd::Stop {
                    return Ok(None);
                }
                begun = true;
                self.rewind()?;
                self.timeline.begin(None, None);
            }
        }
    }

    /// Takes the record that [`Self::peek`] saw: its position, the recording's own time, the tick.
    pub fn take(&mut self) -> Option<(TimelinePosition, Nanos, Tick)> {
        let RecordedTick { rx, mut tick } = self.ready.pop_front()?;
        let place = self.timeline.place(rx);
        if let Some((silence, played)) = self.timeline.silence(rx).filter(|(silence, _)| *silence >= LONG) {
            self.warnings.silence(silence, played, rx);
        }
        self.timeline.put(rx);
        self.pass(rx);
        if let Some(renewed) = &mut self.renewed {
            renew_totals(renewed, &mut tick);
        }
        Some((place, rx, tick))
    }

    /// Goes to the first record at `to` or after it; it will be due at `at`. `time` is the market's time now.
    ///
    /// # Errors
    /// When nothing more can be read.
    pub fn seek(
        &mut self,
        to: Nanos,
        at: Duration,
        time: Option<Nanos>,
        sink: &mut dyn Sink,
    ) -> Result<(), FeedError> {
        // Records of exactly this time may have been played or passed over: then the tape goes back.
        if self.behind.is_some_and(|behind| to <= behind) {
            self.restart(at, time)?;
        } else {
            self.timeline.skip(at);
        }
        loop {
            while let Some(rx) = self.ready.front().map(|record| record.rx) {
                if rx >= to {
                    return Ok(());
                }
                self.ready.pop_front();
                self.pass(rx);
            }
            if !self.fill(sink)? {
                return Ok(());
            }
        }
    }

    /// Goes to the first record; as [`Self::seek`].
    ///
    /// # Errors
    /// When the file cannot be read again.
    pub fn restart(&mut self, at: Duration, time: Option<Nanos>) -> Result<(), FeedError> {
        self.rewind()?;
        self.timeline.begin(Some(at), time);
        Ok(())
    }

    /// A record of this time was played or passed over.
    fn pass(&mut self, rx: Nanos) {
        self.position += 1;
        self.behind = self.behind.max(Some(rx));
    }

    fn rewind(&mut self) -> Result<(), FeedError> {
        self.recording.rewind()?;
        self.ready.clear();
        self.read = false;
        self.broken = None;
        self.position = 0;
        self.behind = None;
        self.round += 1;
        self.renewed.get_or_insert_default().clear();
        Ok(())
    }

    /// Reads the next block while there is time, so that no record is late because of the read.
    pub fn read_ahead(&mut self, sink: &mut dyn Sink) {
        if self.ready.len() < AHEAD_RECORDS && !self.read && self.broken.is_none() {
            self.broken = self.read_block(sink).err();
        }
    }

    /// Reads the next records, possibly none. Rejected records are counted in `sink`.
    fn read_block(&mut self, sink: &mut dyn Sink) -> Result<(), FeedError> {
        let more = self.recording.next_block(&mut self.block);
        self.warnings.skipped(&mut self.block, sink);
        self.ready.extend(self.block.records.drain(..));
        self.found |= !self.ready.is_empty();
        self.block.clear();
        self.read = !more?;
        Ok(())
    }

    /// Reads on; `false` when there is no more.
    fn fill(&mut self, sink: &mut dyn Sink) -> Result<bool, FeedError> {
        while self.ready.is_empty() && !self.read {
            if let Some(error) = self.broken.take() {
                return Err(error);
            }
            self.read_block(sink)?;
        }
        Ok(!self.ready.is_empty())
    }
}

/// Gives a symbol's first trade since the beginning its initial totals, unless the recording has its own.
fn renew_totals(renewed: &mut HashSet<Symbol>, tick: &mut Tick) {
    let fields = &mut tick.fields;
    if !fields.mask.contains_all(FieldSet::TRADE) || !renewed.insert(tick.symbol.clone()) {
        return;
    }
    let given = fields.named();
    let (Some(last), Some(size)) = (fields.get_decimal(Field::Last), fields.get_decimal(Field::LastSize))
    else {
        return;
    };
    for field in [Field::Open, Field::High, Field::Low] {
        if !given.contains(field) {
            fields.set_decimal(field, last);
        }
    }
    if !given.contains(Field::Volume) {
        fields.set_volume(Volume::ZERO.checked_add(size).unwrap_or_default());
    }
    if !given.contains(Field::Trades) {
        fields.set_trades(1);
    }
}
