//! The first line of a recording of our own format: it marks the file, and informs a person.
//!
//! Invariant: reading gives what was written; keys that this version does not know are ignored.

use serde::{Deserialize, Serialize};

/// What the first line says about the recording, for a person.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Header {
    /// Where the ticks come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The terms under which the ticks may be passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
}

/// The whole first line.
#[derive(Serialize, Deserialize)]
struct FirstLine {
    tickcast: String,
    version: u32,
    #[serde(flatten)]
    header: Header,
}

const KIND: &str = "recording";

/// The version that is written, and the only one that can be read.
const VERSION: u32 = 1;

// === impl Header ===

impl Header {
    /// Parses the first line; if it is not a recording's, the error gives the reason, for a person.
    pub(super) fn parse(line: &[u8]) -> Result<Self, String> {
        let expected = "its first line is not {\"tickcast\":\"recording\",\"version\":1}";
        let first: FirstLine =
            serde_json::from_slice(line).map_err(|error| format!("{expected}: {error}"))?;
        if first.tickcast != KIND {
            return Err(expected.to_owned());
        }
        if first.version != VERSION {
            return Err(format!("it has version {}, and only version {VERSION} can be read", first.version));
        }
        Ok(first.header)
    }

    /// The first line, with its line end.
    pub(super) fn line(&self) -> Vec<u8> {
        let first = FirstLine { tickcast: KIND.to_owned(), version: VERSION, header: self.clone() };
        let mut line = serde_json::to_vec(&first).expect("a map of strings and a number is JSON");
        line.push(b'\n');
        line
    }
}
