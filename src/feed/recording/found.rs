//! The recordings among the files of the inputs: a file that was only found, and is not a recording, is skipped.

use super::{
    Recording,
    input::{ArchiveMembers, Member, Skipped, members},
    select::{RecordingInput, Selection},
    skips::Skips,
    track::Track,
};
use crate::feed::FeedError;

/// Opens recordings one by one, each separately, on request.
///
/// # Errors
/// When an archive or a folder cannot be read, or no file matches a pattern.
pub fn open_each(
    inputs: &[RecordingInput],
    selection: &Selection,
    line_bytes_max: usize,
) -> Result<RecordingFiles, FeedError> {
    let ArchiveMembers { members, skipped } = members(inputs, selection.sizes.open_files)?;
    Ok(RecordingFiles {
        inputs: inputs.to_vec(),
        members: members.into_iter(),
        skipped: Skips(skipped),
        selection: selection.clone(),
        line_bytes_max,
    })
}

/// Recordings one by one.
pub struct RecordingFiles {
    inputs: Vec<RecordingInput>,
    members: std::vec::IntoIter<Member>,
    skipped: Skips,
    selection: Selection,
    line_bytes_max: usize,
}

// === impl RecordingFiles ===

impl RecordingFiles {
    /// Files skipped so far.
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped.0
    }

    /// The error that none of the files could be read, if so.
    pub fn nothing(&self) -> FeedError {
        self.skipped.nothing(&self.inputs)
    }
}

impl Iterator for RecordingFiles {
    type Item = Result<Recording, FeedError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let opened = Track::open(self.members.next()?, &self.selection, self.line_bytes_max);
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
