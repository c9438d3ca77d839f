//! One recording as a row of records: its bytes through its decoder, times completed, the selection applied.
//!
//! Loss: a compressed file that was cut is read up to the cut, and a warning tells of it; the piece of a record before
//! the cut is dropped.

use std::{
    collections::VecDeque,
    io::{self, Read},
};

use super::{
    Block, Header, REJECTS_KEPT, Record, Reject,
    input::{CHUNK_BYTES, Member, read_head},
    select::{OnError, Selection},
};
use crate::{
    feed::{
        FeedError,
        formats::{self, Decoder, Format, HEAD_BYTES, Hints, Output},
    },
    tick::Nanos,
};

/// An opened recording.
pub struct Track {
    member: Member,
    pub format: Format,
    input: Box<dyn Read + Send>,
    decoder: Box<dyn Decoder>,
    chunk: Box<[u8]>,
    /// Bytes of `chunk` that were read to tell the format, and are not decoded yet.
    head_bytes: usize,
    /// What broke off the reading of the head.
    head_error: Option<io::Error>,
    output: Output,
    /// Selected, and not handed out yet.
    pub ready: VecDeque<Record>,
    /// The latest receive time that was handed out: what tracks are merged by, so that a step back of one file does not
    /// reorder the others.
    pub merged_to: Nanos,
    /// The time of the last record, for those that have none.
    last_rx: Option<Nanos>,
    /// Why nothing more comes, once `ready` is empty.
    end: Option<End>,
}

enum End {
    Reached,
    Failed(FeedError),
}

/// A file is read on this far beyond the end of the selection, for records that are out of order.
const BEYOND_TO_NANOS: u64 = 60_000_000_000;

// === impl Track ===

impl Track {
    /// # Errors
    /// When the file cannot be read, or is in no format that can be.
    pub fn open(member: Member, hints: &Hints, line_bytes_max: usize) -> Result<Self, FeedError> {
        let path = member.name.to_string();
        let opened = match member.open() {
            Ok(opened) => opened,
            Err(source) => return Err(FeedError::Read { path, source }),
        };
        let mut input = opened.bytes;
        let mut chunk = vec![0; CHUNK_BYTES].into_boxed_slice();
        let (head_bytes, head_error) = match read_head(&mut input, &mut chunk[..HEAD_BYTES]) {
            (0, Some(source)) => return Err(FeedError::Read { path, source }),
            read => read,
        };
        let found = formats::open(&opened.inner_name, &chunk[..head_bytes], hints, line_bytes_max);
        let (format, decoder) = match found {
            Ok(found) => found,
            Err(why) => return Err(FeedError::NotARecording { path, why }),
        };
        Ok(Track {
            member,
            format,
            input,
            decoder,
            chunk,
            head_bytes,
            head_error,
            output: Output { prefix: hints.prefix.clone(), ..Output::default() },
            ready: VecDeque::new(),
            merged_to: Nanos(i64::MIN),
            last_rx: None,
            end: None,
        })
    }

    pub fn member(&self) -> &Member {
        &self.member
    }

    /// What the first line of a recording of our own tells.
    pub fn header(&self) -> Option<&Header> {
        self.output.header.as_ref()
    }

    /// Decodes one chunk; rejects and warnings go into `block`. `false` when nothing more will be ready.
    ///
    /// # Errors
    /// When the file cannot be read on, or a rejected record ends it; all that came before has been handed out then.
    pub fn refill(&mut self, selection: &Selection, block: &mut Block) -> Result<bool, FeedError> {
        match self.end.take() {
            None => {}
            Some(End::Reached) => {
                self.end = Some(End::Reached);
                return Ok(false);
            }
            Some(End::Failed(error)) => {
                self.end = Some(End::Reached);
                return Err(error);
            }
        }
        self.output.clear();
        self.read_chunk(block);
        self.stop_at_reject(selection.on_error);
        self.take_rejects(block);
        for gap in self.output.gaps.drain(..).filter(|gap| selection.covers(gap.rx, &gap.symbol)) {
            block.gaps += 1;
            block.gap_ticks = block.gap_ticks.saturating_add(gap.ticks);
        }
        self.complete_and_select(selection);
        Ok(true)
    }

    fn read_chunk(&mut self, block: &mut Block) {
        let read = match (std::mem::take(&mut self.head_bytes), self.head_error.take()) {
            (0, None) => loop {
                match self.input.read(&mut self.chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    result => break result,
                }
            },
            (0, Some(error)) => Err(error),
            (len, error) => {
                self.head_error = error;
                Ok(len)
            }
        };
        match read {
            Ok(0) => {
                self.decoder.finish(&mut self.output);
                self.end = Some(End::Reached);
            }
            Ok(len) => self.decoder.feed(&mut self.chunk[..len], &mut self.output),
            // Only a decompressor says so: what it still had came before.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                block.warnings.push(format!(
                    "{}: the compressed file was cut; it is read up to the cut",
                    self.member.name
                ));
                self.end = Some(End::Reached);
            }
            Err(source) => {
                self.end = Some(End::Failed(FeedError::Read { path: self.member.name.to_string(), source }));
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
        self.output.tally = super::Tally::default();
        self.end = Some(End::Failed(FeedError::Rejected {
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

    fn complete_and_select(&mut self, selection: &Selection) {
        if self.last_rx.is_none() {
            // Ticks without any time stand before the first that has one, and are due with it.
            self.last_rx = self.output.ticks.iter().find_map(|(rx, tick)| rx.or(tick.ts));
        }
        for (rx, tick) in self.output.ticks.drain(..) {
            let rx = rx.or(tick.ts).or(self.last_rx).unwrap_or_default();
            self.last_rx = Some(rx);
            let record = Record { rx, tick };
            if selection.takes(&record) {
                self.ready.push_back(record);
            } else if selection.to.is_some_and(|to| rx.since(to) > BEYOND_TO_NANOS) && self.end.is_none() {
                self.end = Some(End::Reached);
            }
        }
    }
}
