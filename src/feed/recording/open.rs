//! Several recordings as one: merged by receive time, stable, the same each time.
//!
//! The records of one file keep their order, also where their times step back. Between files the earlier time goes first,
//! and of equal times that of the file that was named first.
//!
//! Invariant: memory is a chunk, its records and a decompressor's window for each file, whatever the files' sizes.

use std::{
    cmp::Reverse,
    collections::{BTreeSet, BinaryHeap},
    path::Path,
};

use super::{
    Block, Header, Records,
    input::{Member, Members, Skipped, members},
    select::{Input, OnError, Selection},
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
    /// Tracks without a record in hand that may have more, by their place in `tracks`.
    empty: Vec<usize>,
    /// Tracks with a record in hand: when they are next.
    next: BinaryHeap<Reverse<(Nanos, usize)>>,
    /// Told when asked again: what came before it was handed out first.
    failed: Option<FeedError>,
    /// What was passed over on the way; told with the first block.
    skipped: Vec<Skipped>,
    seen: Seen,
}

/// What there was since the beginning.
#[derive(Default)]
struct Seen {
    records: u64,
    passed: u64,
    rejected: u64,
    first_reject: Option<String>,
}

/// The most records of a block.
const BLOCK_RECORDS_MAX: usize = 4_096;
/// A block ends after so many chunks, so that a selection of little out of much does not keep its caller waiting.
const BLOCK_CHUNKS_MAX: usize = 64;

/// Opens recordings, of whatever formats, as one.
///
/// # Errors
/// When one cannot be read, is in no format that can be, or there is none.
pub fn open(inputs: &[Input], selection: &Selection, line_bytes_max: usize) -> Result<Recording, FeedError> {
    let Members { members, skipped } = members(inputs)?;
    let mut skipped = Skips(skipped);
    let mut tracks = Vec::new();
    for member in members {
        tracks.extend(skipped.sift(Track::open(member, &selection.hints, line_bytes_max), selection)?);
    }
    if tracks.is_empty() {
        return Err(skipped.nothing(inputs));
    }
    Ok(Recording::of(tracks, skipped.0, selection, line_bytes_max))
}

/// Opens recordings one by one, each for itself, when it is asked for.
///
/// # Errors
/// When an archive or a folder cannot be read, or no file matches a pattern.
pub fn open_each(inputs: &[Input], selection: &Selection, line_bytes_max: usize) -> Result<Each, FeedError> {
    let Members { members, skipped } = members(inputs)?;
    Ok(Each {
        inputs: inputs.to_vec(),
        members: members.into_iter(),
        skipped: Skips(skipped),
        selection: selection.clone(),
        line_bytes_max,
    })
}

/// Recordings one by one.
pub struct Each {
    inputs: Vec<Input>,
    members: std::vec::IntoIter<Member>,
    skipped: Skips,
    selection: Selection,
    line_bytes_max: usize,
}

/// Files that were found, and are no recordings.
struct Skips(Vec<Skipped>);

// === impl Each ===

impl Each {
    /// Files that were passed over so far.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped.0
    }

    /// That none of the files could be read, when it is so.
    pub fn nothing(&self) -> FeedError {
        self.skipped.nothing(&self.inputs)
    }
}

impl Iterator for Each {
    type Item = Result<Recording, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let opened = Track::open(self.members.next()?, &self.selection.hints, self.line_bytes_max);
            match self.skipped.sift(opened, &self.selection) {
                Ok(None) => {}
                Ok(Some(track)) => {
                    let recording =
                        Recording::of(vec![track], Vec::new(), &self.selection, self.line_bytes_max);
                    return Some(Ok(recording));
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

// === impl Skips ===

impl Skips {
    /// Notes a file that was only found and is no recording, unless every fault is to end the reading.
    fn sift<T>(
        &mut self,
        opened: Result<T, (Member, FeedError)>,
        selection: &Selection,
    ) -> Result<Option<T>, FeedError> {
        match opened {
            Ok(track) => Ok(Some(track)),
            Err((member, FeedError::NotARecording { why, .. }))
                if member.is_found && selection.on_error == OnError::Skip =>
            {
                self.0.push(Skipped { name: member.name, why });
                Ok(None)
            }
            Err((_, error)) => Err(error),
        }
    }

    fn nothing(&self, inputs: &[Input]) -> FeedError {
        let path = inputs.first().map_or_else(|| "no file".to_owned(), Input::to_string);
        match self.0.as_slice() {
            [] => FeedError::NotARecording { path, why: "there is no file in it".to_owned() },
            [one] => FeedError::NotARecording { path: one.name.to_string(), why: one.why.clone() },
            [first, ..] => FeedError::NotARecording {
                path,
                why: format!("none of its {} files is one; {}: {}", self.0.len(), first.name, first.why),
            },
        }
    }
}

// === impl Recording ===

impl Recording {
    fn of(tracks: Vec<Track>, skipped: Vec<Skipped>, selection: &Selection, line_bytes_max: usize) -> Self {
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
            empty: Vec::new(),
            next: BinaryHeap::new(),
            failed: None,
            skipped,
            seen: Seen::default(),
        };
        recording.begin();
        recording
    }

    /// The name and format of each file.
    pub fn files(&self) -> impl Iterator<Item = (&str, Format)> {
        self.tracks.iter().map(|track| (&*track.member().name, track.format))
    }

    /// Whether the file that is called `path` is one of them, by whatever name.
    pub fn reads(&self, path: &Path) -> bool {
        self.tracks.iter().any(|track| track.member().lies_in(path))
    }

    /// What the first line of a file of our own format tells; known once the first block was read.
    pub fn header(&self, file: usize) -> Option<&Header> {
        self.tracks.get(file)?.header()
    }

    fn begin(&mut self) {
        self.next.clear();
        // The last is looked at first.
        self.empty = (0..self.tracks.len()).rev().collect();
        self.failed = None;
        self.seen = Seen::default();
    }

    /// That there was no tick, when all was read and it was so.
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
        let Seen { passed, rejected, first_reject, .. } = &self.seen;
        let formats: BTreeSet<&str> = self.tracks.iter().map(|track| track.format.name()).collect();
        let formats: Vec<&str> = formats.into_iter().collect();
        let mut what = format!(
            "; read as {}: {passed} records that hold none, {rejected} that are broken",
            formats.join(" and ")
        );
        if let Some(first) = first_reject {
            what = format!("{what} ({first})");
        }
        Err(FeedError::Empty { path, what })
    }

    /// Gives every track a record, or lets it end. `false` when the block has had its share of chunks before.
    fn fill_tracks(&mut self, chunks_left: &mut usize, block: &mut Block) -> Result<bool, FeedError> {
        while let Some(&place) = self.empty.last() {
            if *chunks_left == 0 {
                return Ok(false);
            }
            *chunks_left -= 1;
            let track = &mut self.tracks[place];
            let more = track.refill(&self.selection, block)?;
            if let Some(record) = track.ready.front() {
                self.next.push(Reverse((record.rx.max(track.merged_to), place)));
                self.empty.pop();
            } else if !more {
                self.empty.pop();
            }
        }
        Ok(true)
    }

    /// Hands out the records of the track that is next, as long as it is. `false` when no track has any.
    fn merge(&mut self, records_max: usize, block: &mut Block) -> bool {
        let Some(Reverse((_, place))) = self.next.pop() else { return false };
        let until = self.next.peek().map(|Reverse(next)| *next);
        let track = &mut self.tracks[place];
        while let Some(record) = track.ready.front() {
            let at = record.rx.max(track.merged_to);
            if until.is_some_and(|until| (at, place) > until) || block.records.len() >= records_max {
                self.next.push(Reverse((at, place)));
                return true;
            }
            track.merged_to = at;
            block.records.extend(track.ready.pop_front());
        }
        self.empty.push(place);
        true
    }
}

impl Seen {
    /// Adds what a block has got beyond `before`: how many records, how many passed, how many rejects, and rejected ones.
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

impl Records for Recording {
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
            *track = Track::open(track.member().clone(), &self.selection.hints, self.line_bytes_max)
                .map_err(|(_, error)| error)?;
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
        let records_max = before + BLOCK_RECORDS_MAX;
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
