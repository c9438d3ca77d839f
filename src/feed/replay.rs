//! Plays a recording: ticks as they were, at the pace at which they were received.
//!
//! A line is due as long after the first line as its `rx` is after the first `rx`. Lines keep the file's order: one
//! whose `rx` went back is due at once. Where a line has no `rx` its `ts` stands in; where it has neither, it is due with
//! the line before it. Played in a loop, the times go on rising: the next round begins [`LOOP_GAP`] after the last line.
//!
//! Invariants: a tick is what the file says, its event time included; the same file gives the same ticks in the same
//! order, whatever the speed.

use std::{collections::VecDeque, path::PathBuf, time::Duration};

use super::{
    Feed, FeedError, Sink, bundled,
    complaints::Complaints,
    options::Options,
    pace::{self, Schedule, Speed, Timed},
    recording::{self, Block, Input, Records, Selection},
    source::SourceError,
};
use crate::{shutdown::Stop, tick::Nanos};

/// What to play, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    pub file: Recording,
    /// Further files and patterns, merged with the first by receive time.
    pub more: Vec<Input>,
    pub selection: Selection,
    pub speed: Speed,
    /// What happens at the end.
    pub end: End,
}

/// Where a recording lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recording {
    Bundled,
    File(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The feed ends.
    Stop,
    /// It begins again.
    Loop,
}

/// A recording, opened: the schedule of its ticks, round after round.
pub struct Replay {
    config: Config,
    reader: recording::Recording,
    /// Decoded and not played yet.
    ready: VecDeque<recording::Record>,
    /// The block that is being decoded; kept for its allocations.
    block: Block,
    /// The reader has no more.
    read: bool,
    /// Ticks of this round.
    ticks: u64,
    offsets: Offsets,
    complaints: Complaints,
}

/// Receive times to times from the start, over all rounds.
#[derive(Default)]
struct Offsets {
    /// Where this round began.
    round: Duration,
    /// The first receive time of this round.
    first: Option<Nanos>,
    /// What was due last; nothing is due before it.
    last: Duration,
}

/// Between the last line of a round and the first of the next. Without it a recording of one line would spin.
pub const LOOP_GAP: Duration = Duration::from_millis(100);

// === impl Config ===

impl Config {
    /// The whole file, once, at speed 1.
    pub fn of(file: Recording) -> Self {
        Config {
            file,
            more: Vec::new(),
            selection: Selection::default(),
            speed: Speed::Times(1.0),
            end: End::Stop,
        }
    }

    pub(super) fn from_options(file: &str, options: &mut Options<'_>) -> Result<Self, SourceError> {
        Ok(Config {
            file: if file == bundled::NAME { Recording::Bundled } else { Recording::File(file.into()) },
            more: options.take_files().iter().map(|file| Input::named(file)).collect(),
            selection: Selection::from_options(options)?,
            speed: options
                .take("speed", Speed::EXPECTED, |text| text.parse().ok())?
                .unwrap_or(Speed::Times(1.0)),
            end: options
                .take("loop", "true or false", |text| text.parse().ok())?
                .map_or(End::Stop, |again: bool| if again { End::Loop } else { End::Stop }),
        })
    }
}

// === impl Recording ===

impl Recording {
    fn input(&self) -> Input {
        match self {
            Recording::Bundled => Input::Bundled,
            Recording::File(path) => Input::File(path.clone()),
        }
    }
}

// === impl Replay ===

impl Replay {
    /// Opens the recording and reads its first line. `feed` is the feed's name, for the log.
    ///
    /// # Errors
    /// When the file cannot be read, or is no recording.
    pub fn open(feed: &str, config: Config, line_bytes_max: usize) -> Result<Self, FeedError> {
        let inputs: Vec<Input> =
            std::iter::once(config.file.input()).chain(config.more.iter().cloned()).collect();
        let reader = recording::open(&inputs, &config.selection, line_bytes_max)?;
        Ok(Replay {
            complaints: Complaints::new(feed, reader.name()),
            config,
            reader,
            ready: VecDeque::new(),
            block: Block::default(),
            read: false,
            ticks: 0,
            offsets: Offsets::default(),
        })
    }

    /// Decodes the next block into `ready`.
    fn read_block(&mut self, sink: &mut dyn Sink) -> Result<(), FeedError> {
        let more = self.reader.next_block(&mut self.block);
        self.complaints.skipped(&mut self.block, sink);
        self.read = !more?;
        self.ticks += self.block.records.len() as u64;
        self.ready.extend(self.block.records.drain(..));
        self.block.clear();
        Ok(())
    }

    /// Begins again; `false` when the recording is to be played once.
    fn next_round(&mut self) -> Result<bool, FeedError> {
        if self.ticks == 0 {
            return Err(FeedError::Empty { path: self.reader.name().to_owned() });
        }
        if self.config.end == End::Stop {
            return Ok(false);
        }
        self.reader.rewind()?;
        self.read = false;
        self.ticks = 0;
        self.offsets.next_round();
        Ok(true)
    }
}

impl Schedule for Replay {
    fn next(&mut self, sink: &mut dyn Sink) -> Result<Option<Timed>, FeedError> {
        loop {
            if let Some(record) = self.ready.pop_front() {
                let at = self.offsets.due(record.rx);
                return Ok(Some(Timed { at, tick: record.tick }));
            }
            if !self.read {
                self.read_block(sink)?;
            } else if !self.next_round()? {
                return Ok(None);
            }
        }
    }

    fn complaints(&mut self) -> &mut Complaints {
        &mut self.complaints
    }
}

impl Feed for Replay {
    fn run(mut self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let speed = self.config.speed;
        pace::play(&mut *self, speed, sink, stop)
    }
}

// === impl Offsets ===

impl Offsets {
    fn due(&mut self, received: Nanos) -> Duration {
        let first = *self.first.get_or_insert(received);
        self.last = self.last.max(self.round + Duration::from_nanos(received.since(first)));
        self.last
    }

    fn next_round(&mut self) {
        self.round = self.last + LOOP_GAP;
        self.last = self.round;
        self.first = None;
    }
}

#[cfg(test)]
mod tests;
