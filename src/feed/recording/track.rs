//! One recording as a sequence of records: its bytes decoded, times completed, the selection applied. How its file is
//! opened, and its format detected: `open_file.rs`.
//!
//! Loss: a compressed file that was cut is read up to the cut, with a warning; the part of a record before the cut is
//! dropped.

use std::{collections::VecDeque, io, time::Duration};

use super::{
    Block, Header, REJECTS_KEPT, RecordedTick, Reject,
    input::Member,
    open_file::OpenFile,
    select::{OnError, Selection},
};
use crate::{
    feed::{
        FeedError, RejectCounts,
        formats::{DecoderOutput, Format, Hints},
        time::format_time,
    },
    tick::Nanos,
};

/// A recording.
pub struct Track {
    member: Member,
    pub format: Format,
    /// `None` when it is asleep or has ended: then no file is open, and no buffer is kept.
    live: Option<OpenFile>,
    output: DecoderOutput,
    /// Selected records that are not returned yet.
    pub ready: VecDeque<RecordedTick>,
    /// The latest receive time of the returned records: tracks are merged by it, so that a step back of one file does not
    /// reorder the others.
    pub merged_to: Nanos,
    /// The time of the last record, for records without one.
    last_rx: Option<Nanos>,
    /// Ticks that were read, selected or not.
    pub decoded: u64,
    /// Selected records so far, how many of them were returned, and after how many the recorder lost its connection.
    taken: u64,
    given: u64,
    breaks: VecDeque<u64>,
    /// Jumps of time that were reported with their position.
    jumps_told: u32,
    /// The reason why nothing more comes, once `ready` is empty.
    end: Option<TrackEnd>,
}

enum TrackEnd {
    Reached,
    Failed(FeedError),
}

/// A file declared as sorted is read on this far beyond the end of the selection, since clocks differ.
const BEYOND_TO_NANOS: u64 = 60_000_000_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;
/// How many jumps of a file are reported.
const JUMPS_TOLD_MAX: u32 = 3;

/// What a decoder of this format fills.
fn output_of(format: Format, hints: &Hints) -> DecoderOutput {
    let mut output = DecoderOutput::with_prefix(hints.prefix.clone());
    output.fills_fields = format.fills_fields();
    output
}

impl Track {
    /// # Errors
    /// When the file cannot be read, or its format is not supported.
    pub fn open(
        member: Member,
        selection: &Selection,
        line_bytes_max: usize,
    ) -> Result<Self, (Member, FeedError)> {
        let (format, live) = match OpenFile::open(&member, selection, line_bytes_max) {
            Ok(opened) => opened,
            Err(error) => return Err((member, error)),
        };
        Ok(Track {
            member,
            format,
            live: Some(live),
            output: output_of(format, &selection.hints),
            ready: VecDeque::new(),
            merged_to: Nanos(i64::MIN),
            last_rx: None,
            decoded: 0,
            taken: 0,
            given: 0,
            breaks: VecDeque::new(),
            jumps_told: 0,
            end: None,
        })
    }

    /// Closes the file and drops its buffers, if it can be reopened: the next read starts from the beginning.
    pub fn sleep(&mut self, hints: &Hints) {
        if self.end.is_none() && self.member.can_be_opened_again() {
            self.live = None;
            self.output = output_of(self.format, hints);
            self.ready = VecDeque::new();
            (self.merged_to, self.last_rx) = (Nanos(i64::MIN), None);
            (self.decoded, self.jumps_told, self.taken, self.given) = (0, 0, 0, 0);
            self.breaks.clear();
        }
    }

    /// Its file is closed, though it has not ended.
    pub fn is_asleep(&self) -> bool {
        self.live.is_none() && self.end.is_none()
    }

    /// Reopens the file when it is asleep.
    ///
    /// # Errors
    /// When it can no longer be read.
    pub fn wake(&mut self, selection: &Selection, line_bytes_max: usize) -> Result<(), FeedError> {
        if self.is_asleep() {
            let (format, live) = OpenFile::open(&self.member, selection, line_bytes_max)?;
            (self.format, self.live) = (format, Some(live));
        }
        Ok(())
    }

    pub fn member(&self) -> &Member {
        &self.member
    }

    /// The beginning of the first line without a tick.
    pub fn first_passed(&self) -> Option<&str> {
        self.output.first_passed.as_deref()
    }

    /// The header of a recording of our own format.
    pub fn header(&self) -> Option<&Header> {
        self.output.header.as_ref()
    }

    /// Decodes one chunk; rejects and warnings go into `block`. `false` when nothing more will be ready.
    ///
    /// # Errors
    /// When the file cannot be read on, or a rejected record ends it. All records before it have been returned.
    pub fn refill(&mut self, selection: &Selection, block: &mut Block) -> Result<bool, FeedError> {
        match self.end.take() {
            None => {}
            Some(TrackEnd::Reached) => {
                self.end = Some(TrackEnd::Reached);
                return Ok(false);
            }
            Some(TrackEnd::Failed(error)) => {
                self.end = Some(TrackEnd::Reached);
                return Err(error);
            }
        }
        self.output.clear();
        self.read_chunk(block);
        self.stop_at_reject(selection.on_error);
        self.take_rejects(block);
        self.tell(block);
        for gap in self.output.gaps.drain(..).filter(|gap| selection.covers(gap.rx, &gap.symbol)) {
            block.gaps += 1;
            block.gap_ticks = block.gap_ticks.saturating_add(gap.ticks);
        }
        self.complete_and_select(selection, block);
        if self.end.is_some() {
            self.live = None;
            self.output.ticks = Vec::new();
        }
        Ok(true)
    }

    fn read_chunk(&mut self, block: &mut Block) {
        let Some(live) = &mut self.live else { return };
        let read = match (std::mem::take(&mut live.head_bytes), live.head_error.take()) {
            (0, None) => loop {
                match live.input.read(&mut live.chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            },
            (0, Some(error)) => Err(error),
            (len, error) => {
                live.head_error = error;
                Ok(len)
            }
        };
        match read {
            Ok(0) => {
                live.decoder.finish(&mut self.output);
                self.end = Some(TrackEnd::Reached);
            }
            Ok(len) => {
                let bytes = &mut live.chunk[..len];
                if live.cr_alone {
                    bytes.iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
                }
                live.decoder.feed(bytes, &mut self.output);
            }
            // Only a decompressor reports this: its remaining output came before.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                block.cut = true;
                block.warnings.push(format!(
                    "{}: the compressed file was cut; it is read up to the cut",
                    self.member.name
                ));
                self.end = Some(TrackEnd::Reached);
            }
            Err(source) => {
                self.end =
                    Some(TrackEnd::Failed(FeedError::Read { path: self.member.name.to_string(), source }));
            }
        }
    }

    fn stop_at_reject(&mut self, on_error: OnError) {
        if on_error == OnError::Skip || self.output.rejects.is_empty() {
            return;
        }
        let first = self.output.rejects.swap_remove(0);
        self.output.ticks.truncate(first.ticks_before);
        self.output.rejects.clear();
        self.output.tally = RejectCounts::default();
        self.end = Some(TrackEnd::Failed(FeedError::Rejected {
            path: self.member.name.to_string(),
            place: first.place,
            message: first.message,
        }));
    }

    fn take_rejects(&mut self, block: &mut Block) {
        block.passed += self.output.passed;
        block.tally.add_all(&self.output.tally);
        let room = REJECTS_KEPT.saturating_sub(block.rejects.len());
        block.rejects.extend(self.output.rejects.drain(..).take(room).map(|rejected| Reject {
            file: self.member.name.clone(),
            place: rejected.place,
            reason: rejected.reason,
            message: rejected.message,
        }));
    }

    /// Reports jumps of time, and other warnings.
    fn tell(&mut self, block: &mut Block) {
        let name = &self.member.name;
        block.warnings.extend(self.output.notes.drain(..).map(|note| format!("{name}: {note}")));
        block.jumps += self.output.jumped;
        block.jump_max_ns = block.jump_max_ns.max(self.output.jump_max_ns);
        for jump in &self.output.jumps {
            if self.jumps_told == JUMPS_TOLD_MAX {
                continue;
            }
            self.jumps_told += 1;
            block.warnings.push(format!(
                "{name}, {}: times jump {} by {}, from {} to {}{}",
                jump.place,
                if jump.to > jump.from { "ahead" } else { "back" },
                humantime::format_duration(Duration::from_secs(jump.nanos() / NANOS_PER_SECOND)),
                format_time(jump.from),
                format_time(jump.to),
                if self.jumps_told == JUMPS_TOLD_MAX { "; further jumps are counted" } else { "" },
            ));
        }
    }

    /// Returns the next record, and where the recorder lost its connection behind it.
    pub fn give(&mut self, block: &mut Block) {
        self.given += u64::from(!self.ready.is_empty());
        block.records.extend(self.ready.pop_front());
        self.tell_breaks(block);
    }

    fn tell_breaks(&mut self, block: &mut Block) {
        while self.breaks.front().is_some_and(|after| *after <= self.given) {
            self.breaks.pop_front();
            block.disconnects.push(block.records.len());
        }
    }

    fn complete_and_select(&mut self, selection: &Selection, block: &mut Block) {
        if self.last_rx.is_none() {
            // Ticks without any time precede the first that has one, and are due with it.
            self.last_rx = self.output.ticks.iter().find_map(|(rx, tick)| rx.or(tick.ts));
        }
        self.decoded += self.output.ticks.len() as u64;
        let mut disconnects = self.output.disconnects.drain(..).peekable();
        for (at, (rx, tick)) in self.output.ticks.drain(..).enumerate() {
            while let Some((_, lost)) = disconnects.next_if(|(before, _)| *before <= at) {
                if selection.covers_time(lost) {
                    self.breaks.push_back(self.taken);
                }
            }
            let rx = rx.or(tick.ts).or(self.last_rx).unwrap_or_default();
            self.last_rx = Some(rx);
            let record = RecordedTick { rx, tick };
            if selection.takes(&record) {
                self.ready.push_back(record);
                self.taken += 1;
            } else if selection.sorted && selection.to.is_some_and(|to| rx.since(to) > BEYOND_TO_NANOS) {
                self.end.get_or_insert(TrackEnd::Reached);
                break;
            }
        }
        let last = disconnects.filter(|(_, lost)| selection.covers_time(*lost));
        self.breaks.extend(last.map(|_| self.taken));
        self.tell_breaks(block);
    }
}
