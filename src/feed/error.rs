//! Why a source cannot be named, opened or read on. A rejected record is not an error: [`super::reject`].

use std::{fmt, io};

use super::record::RecordPosition;
use crate::scenario::ScenarioError;

/// Why a feed could not be opened, or why it stopped.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("cannot read {path}")]
    Read { path: String, source: io::Error },
    #[error("{path} is not a recording: {why}")]
    NotARecording { path: String, why: String },
    #[error("{path} holds no tick{what}")]
    Empty { path: String, what: String },
    #[error("{path} holds no tick that from, to and symbols select: tickcast info tells what it holds")]
    NoneSelected { path: String },
    #[error("{venue}: the connection's runtime cannot be set up")]
    Runtime { venue: &'static str, source: io::Error },
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// Only with `on_error=stop`.
    #[error("{path}, {place}: {message}")]
    Rejected { path: String, place: RecordPosition, message: String },
}

/// Why a text names no source. `source_name` is the source as a person writes it.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SourceError {
    #[error("unknown source {text:?}; {}", InPlace { near: near.as_deref(), known })]
    Unknown { text: String, near: Option<String>, known: String },
    #[error("replay: a file is missing, as in replay:FILE, or replay:bundled")]
    NoFile,
    #[error("{source_name}: unknown option {option:?}; {}", InPlace { near: *near, known })]
    Option { source_name: &'static str, option: String, near: Option<&'static str>, known: String },
    #[error("{source_name}: option {option} must be {expected}, got {value:?}")]
    Value { source_name: &'static str, option: &'static str, value: String, expected: &'static str },
    #[error("{source_name}: option {option}: {why}")]
    Invalid { source_name: &'static str, option: &'static str, why: String },
    #[error("replay: a scenario's faults happen by the recording's time: leave clock=wall out")]
    ScenarioClock,
    #[error("replay: seed is the seed of a scenario's faults, and there is no scenario")]
    SeedAlone,
    #[error("{source_name}: option {option:?} is given twice")]
    Twice { source_name: &'static str, option: String },
    #[error("{}", joined(.0))]
    Several(Vec<SourceError>),
}

/// What to write in place of an unknown name: the one that was probably meant, or all that there are.
struct InPlace<'a> {
    near: Option<&'a str>,
    known: &'a str,
}

// === impl SourceError ===

impl SourceError {
    /// The option that is wrong, of those that there are.
    pub(super) fn option(&self) -> Option<&'static str> {
        match self {
            SourceError::Value { option, .. } | SourceError::Invalid { option, .. } => Some(option),
            _ => None,
        }
    }
}

// === impl InPlace ===

impl fmt::Display for InPlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.near {
            Some(near) => write!(f, "did you mean {near}?"),
            None => f.write_str(self.known),
        }
    }
}

fn joined(faults: &[SourceError]) -> String {
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("; ")
}

/// An error and its causes, in one line.
pub fn with_sources(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
