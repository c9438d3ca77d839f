//! Files that a pattern or an archive gave and that are not recordings: they are skipped and reported.
//!
//! Invariant: a file that was named is never skipped.

use super::{
    input::{Member, Skipped},
    select::{OnError, RecordingInput, Selection},
};
use crate::feed::FeedError;

/// Files that were found and are not recordings.
pub struct Skips(pub Vec<Skipped>);

impl Skips {
    /// Records a file that was only found and is not a recording, unless every fault must end the reading.
    pub fn sift<T>(
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

    /// The error that none of the files could be read.
    pub fn nothing(&self, inputs: &[RecordingInput]) -> FeedError {
        let path = inputs.first().map_or_else(|| "no file".to_owned(), RecordingInput::to_string);
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
