//! Several recordings as one: merged by receive time, stable, the same each time.
//!
//! The records of one file keep their order, also where their times step back. Between files the earlier time goes first,
//! and of equal times that of the file that was named first.
//!
//! Invariant: memory is a chunk, its records and a decompressor's window for each file, whatever the files' sizes.

use std::{cmp::Reverse, collections::BinaryHeap, path::Path};

use super::{
    Block, Header, Records,
    input::members,
    select::{Input, Selection},
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
    let tracks =
        members(inputs)?.into_iter().map(|member| Track::open(member, &selection.hints, line_bytes_max));
    Ok(Recording::of(tracks.collect::<Result<_, FeedError>>()?, selection, line_bytes_max))
}

/// Opens recordings one by one, each for itself.
///
/// # Errors
/// When one cannot be read or is in no format that can be.
pub fn open_each(
    inputs: &[Input],
    selection: &Selection,
    line_bytes_max: usize,
) -> Result<Vec<Recording>, FeedError> {
    let open = |member| {
        let track = Track::open(member, &selection.hints, line_bytes_max)?;
        Ok(Recording::of(vec![track], selection, line_bytes_max))
    };
    members(inputs)?.into_iter().map(open).collect()
}

// === impl Recording ===

impl Recording {
    fn of(tracks: Vec<Track>, selection: &Selection, line_bytes_max: usize) -> Self {
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

impl Records for Recording {
    fn name(&self) -> &str {
        &self.name
    }

    fn next_block(&mut self, block: &mut Block) -> Result<bool, FeedError> {
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

    fn rewind(&mut self) -> Result<(), FeedError> {
        for track in &mut self.tracks {
            *track = Track::open(track.member().clone(), &self.selection.hints, self.line_bytes_max)?;
        }
        self.begin();
        Ok(())
    }
}
