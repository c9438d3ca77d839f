//! Several recordings as one: merged by receive time, stable and deterministic.
//!
//! The records of one file keep their order, also where their times step back. Between files the earlier time goes
//! first; of equal times, that of the file named first.
//!
//! With many files each is examined and closed. It is reopened when its first record is next, and closed after its
//! last: an archive of thousands is read with few of them open.
//!
//! Invariant: memory is a chunk, its records and a decompressor's window for each file whose times overlap with
//! others', whatever the files' sizes; few of these are open at once (`file_pool`).

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    path::Path,
};

use super::{
    Block, Header, RecordReader,
    input::{ArchiveMembers, Skipped, members},
    select::{RecordingInput, Selection},
    skips::Skips,
    track::Track,
};
use crate::{
    feed::{FeedError, formats::Format},
    tick::Nanos,
};

/// Opened recordings.
pub struct Recording {
    name: String,
    selection: Selection,
    line_bytes_max: usize,
    tracks: Vec<Track>,
    /// Tracks whose first record was not found yet.
    looks: Vec<bool>,
    /// Tracks with no record in the buffer that may have more, by their index in `tracks`.
    empty: Vec<usize>,
    /// There are too many files to keep all open.
    sleeps: bool,
    /// Tracks with a record in the buffer, or asleep with a known first one: the time of each.
    next: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// An error to return at the next call. The records before it have been returned.
    failed: Option<FeedError>,
    /// What was skipped on the way; reported with the first block.
    skipped: Vec<Skipped>,
    seen: SeenRecords,
}

/// Totals since the beginning.
#[derive(Default)]
struct SeenRecords {
    records: u64,
    passed: u64,
    rejected: u64,
    first_reject: Option<String>,
}

/// With more files than this, those not being read are closed.
const AWAKE_MAX: usize = 64;
/// This many chunks are read to find the first record of a file that is closed again.
const FIRST_CHUNKS_MAX: usize = 4;
/// A file with no more chunks than this counts as small.
const SMALL_RECORDS: usize = 1_000;
/// A block ends after this many chunks, so that a narrow selection of a large file does not keep its caller waiting.
const BLOCK_CHUNKS_MAX: usize = 64;

/// Opens recordings, of any formats, as one.
///
/// # Errors
/// When one cannot be read, is in no format that can be, or there is none.
pub fn open(
    inputs: &[RecordingInput],
    selection: &Selection,
    line_bytes_max: usize,
) -> Result<Recording, FeedError> {
    let ArchiveMembers { members, skipped } = members(inputs, selection.sizes.open_files)?;
    let mut skipped = Skips(skipped);
    let mut tracks = Vec::new();
    let sleeps = members.len() > AWAKE_MAX;
    for member in members {
        let opened = Track::open(member, selection, line_bytes_max);
        if let Some(mut track) = skipped.sift(opened, selection)? {
            if sleeps {
                track.sleep(&selection.hints);
            }
            tracks.push(track);
        }
    }
    if tracks.is_empty() {
        return Err(skipped.nothing(inputs));
    }
    Ok(Recording::of(tracks, skipped.0, selection, line_bytes_max))
}

// === impl Recording ===

impl Recording {
    pub(super) fn of(
        tracks: Vec<Track>,
        skipped: Vec<Skipped>,
        selection: &Selection,
        line_bytes_max: usize,
    ) -> Self {
        let name = match tracks.as_slice() {
            [] => "no file".to_owned(),
            [one] => one.member().name.to_string(),
            [first, more @ ..] => format!("{} and {} more", first.member().name, more.len()),
        };
        let mut recording = Recording {
            name,
            selection: selection.clone(),
            line_bytes_max,
            tracks,
            looks: Vec::new(),
            empty: Vec::new(),
            next: BinaryHeap::new(),
            sleeps: false,
            failed: None,
            skipped,
            seen: SeenRecords::default(),
        };
        recording.sleeps = recording.tracks.len() > AWAKE_MAX;
        recording.begin();
        recording
    }

    /// The name and format of each file.
    pub fn files(&self) -> impl Iterator<Item = (&str, Format)> {
        self.tracks.iter().map(|track| (&*track.member().name, track.format))
    }

    /// Whether the file at `path` is one of them, under any name.
    pub fn reads(&self, path: &Path) -> bool {
        self.tracks.iter().any(|track| track.member().lies_in(path))
    }

    /// The header of a file of our own format; known once the first block was read.
    pub fn header(&self, file: usize) -> Option<&Header> {
        self.tracks.get(file)?.header()
    }

    fn begin(&mut self) {
        self.next.clear();
        self.looks = vec![true; self.tracks.len()];
        // The last is examined first.
        self.empty = (0..self.tracks.len()).rev().collect();
        self.failed = None;
        self.seen = SeenRecords::default();
    }

    /// The error that there was no tick, when all was read and none came.
    ///
    /// # Errors
    /// When there was none.
    pub fn check_found(&self) -> Result<(), FeedError> {
        if self.seen.records > 0 {
            return Ok(());
        }
        let path = self.name.clone();
        if self.tracks.iter().any(|track| track.decoded > 0) {
            return Err(FeedError::NoneSelected { path });
        }
        let SeenRecords { passed, rejected, first_reject, .. } = &self.seen;
        let formats: BTreeSet<&str> = self.tracks.iter().map(|track| track.format.name()).collect();
        let formats: Vec<&str> = formats.into_iter().collect();
        // A person can see what they are.
        let shown = self.tracks.iter().find_map(|track| track.first_passed());
        let shown = shown.map(|first| format!(" (the first is {first:?})")).unwrap_or_default();
        let mut what = format!(
            "; read as {}: {passed} records that hold none{shown}, {rejected} that are broken",
            formats.join(" and ")
        );
        if let Some(first) = first_reject {
            what = format!("{what} ({first})");
        }
        Err(FeedError::Empty { path, what })
    }

    /// Gives every track a record, or lets it end. `false` when the block used up its chunks first.
    fn fill_tracks(&mut self, chunks_left: &mut usize, block: &mut Block) -> Result<bool, FeedError> {
        while let Some(&place) = self.empty.last() {
            if *chunks_left == 0 {
                return Ok(false);
            }
            *chunks_left -= 1;
            if self.sleeps && self.looks[place] {
                self.looks[place] = false;
                if self.find_first(place, block)? {
                    self.empty.pop();
                    continue;
                }
            }
            let track = &mut self.tracks[place];
            track.wake(&self.selection, self.line_bytes_max)?;
            let mut more = track.refill(&self.selection, block)?;
            if self.sleeps && more && track.ready.len() <= SMALL_RECORDS {
                // A small file ends with this, and is closed.
                more = track.refill(&self.selection, block)?;
                track.ready.shrink_to_fit();
            }
            if let Some(record) = track.ready.front() {
                self.next.push(Reverse((record.rx.max(track.merged_to), place)));
                self.empty.pop();
            } else if !more {
                self.empty.pop();
            }
        }
        Ok(true)
    }

    /// Finds the time of a file's first record, and closes the file: what was read counts when it is read again.
    /// `false` when the file must be read on instead.
    fn find_first(&mut self, place: usize, block: &mut Block) -> Result<bool, FeedError> {
        let track = &mut self.tracks[place];
        track.wake(&self.selection, self.line_bytes_max)?;
        let mut read = Block::default();
        for _ in 0..FIRST_CHUNKS_MAX {
            let more = track.refill(&self.selection, &mut read);
            if let (Some(first), Ok(_)) = (track.ready.front().map(|first| first.rx), &more) {
                track.sleep(&self.selection.hints);
                if track.is_asleep() {
                    self.next.push(Reverse((first, place)));
                    return Ok(true);
                }
                break;
            }
            match more {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    block.append(read);
                    return Err(error);
                }
            }
        }
        block.append(read);
        Ok(false)
    }

    /// Returns the records of the next track, as long as it is next. `false` when no track has any.
    fn merge(&mut self, records_max: usize, block: &mut Block) -> bool {
        let Some(Reverse((_, place))) = self.next.pop() else { return false };
        let until = self.next.peek().map(|Reverse(next)| *next);
        let track = &mut self.tracks[place];
        if track.is_asleep() {
            // Its turn has come: it is opened when its records are requested.
            self.empty.push(place);
            return true;
        }
        while let Some(record) = track.ready.front() {
            let at = record.rx.max(track.merged_to);
            if until.is_some_and(|until| (at, place) > until) || block.records.len() >= records_max {
                self.next.push(Reverse((at, place)));
                return true;
            }
            track.merged_to = at;
            track.give(block);
        }
        self.empty.push(place);
        true
    }
}

impl SeenRecords {
    /// Adds what a block gained beyond `before`: how many records, how many passed, how many rejects, and the rejected.
    fn add(&mut self, block: &Block, before: (usize, u64, usize, u64)) {
        self.records += (block.records.len() - before.0) as u64;
        self.passed += block.passed - before.1;
        self.rejected += block.tally.total() - before.3;
        if self.first_reject.is_none() {
            let first = block.rejects.get(before.2);
            self.first_reject = first.map(|first| format!("{}: {}", first.place, first.message));
        }
    }
}

impl RecordReader for Recording {
    fn name(&self) -> &str {
        &self.name
    }

    fn next_block(&mut self, block: &mut Block) -> Result<bool, FeedError> {
        for Skipped { name, why } in self.skipped.drain(..) {
            block.skipped_files += 1;
            block.warnings.push(format!("{name} is passed over: {why}"));
        }
        let before = (block.records.len(), block.passed, block.rejects.len(), block.tally.total());
        let result = self.read_block(block);
        self.seen.add(block, before);
        result
    }

    fn rewind(&mut self) -> Result<(), FeedError> {
        for track in &mut self.tracks {
            *track = Track::open(track.member().clone(), &self.selection, self.line_bytes_max)
                .map_err(|(_, error)| error)?;
            if self.sleeps {
                track.sleep(&self.selection.hints);
            }
        }
        self.begin();
        Ok(())
    }
}

impl Recording {
    fn read_block(&mut self, block: &mut Block) -> Result<bool, FeedError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        let before = block.records.len();
        let records_max = before + self.selection.sizes.block_records;
        let mut chunks_left = BLOCK_CHUNKS_MAX;
        loop {
            match self.fill_tracks(&mut chunks_left, block) {
                Ok(true) => {}
                Ok(false) => return Ok(true),
                Err(error) if block.records.len() == before => return Err(error),
                Err(error) => {
                    self.failed = Some(error);
                    return Ok(true);
                }
            }
            if block.records.len() >= records_max {
                return Ok(true);
            }
            if !self.merge(records_max, block) {
                return Ok(false);
            }
        }
    }
}
