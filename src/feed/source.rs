//! The argument of `--feed`: the name of a source, with its options as a query.
//!
//! ```text
//! sim?symbols=500&rate=5000   replay:FILE?speed=10&loop=true   replay:bundled   -   push
//! ```
//! All sources have the option `name`: the feed's name in metrics and log.
//!
//! Invariant: a source that was parsed can be opened, unless the file system prevents it.

use std::{fmt, io, str::FromStr, sync::Arc};

use super::{Feed, FeedError, SourceError, options::Options, recording::RecordingInput, replay, sim, stdin};
use crate::{limits::Limits, tick::CustomFields};

/// A source that was named and is not open yet.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    name: String,
    /// The text as it was given.
    text: String,
    pub kind: SourceKind,
}

/// Where the ticks come from.
#[derive(Clone, PartialEq, Debug)]
pub enum SourceKind {
    Sim(sim::SimConfig),
    Replay(replay::ReplayConfig),
    /// NDJSON on standard input.
    Stdin,
    /// Ticks arrive by `POST /v1/publish`.
    Push,
}

/// A source, opened.
pub enum Opened {
    Feed(Box<dyn Feed>),
    /// Nothing to run: the HTTP side submits.
    Push,
}

/// A name is a metric label, so it is short and plain.
const NAME_BYTES_MAX: usize = 32;
/// The source when none is named.
const DEFAULT: &str = "replay:bundled?loop=true";

// === impl Source ===

impl Source {
    /// # Errors
    /// When the text names no source, or an option of it is wrong.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let (source, query) = text.split_once('?').unwrap_or((text, ""));
        let file = source.strip_prefix("replay:");
        let label = match source {
            "sim" => "sim",
            "-" => "-",
            "push" => "push",
            _ if file.is_some() => "replay",
            _ => return Err(SourceError::Unknown { text: text.to_owned() }),
        };
        let mut options = Options::parse(label, query)?;
        let kind = match (label, file) {
            ("sim", _) => SourceKind::Sim(sim::SimConfig::from_options(&mut options)?),
            ("-", _) => SourceKind::Stdin,
            ("push", _) => SourceKind::Push,
            (_, None | Some("")) => return Err(SourceError::NoFile),
            (_, Some(file)) => SourceKind::Replay(replay::ReplayConfig::from_options(file, &mut options)?),
        };
        let expected = "1 to 32 of a-z A-Z 0-9 _ . -";
        let name = options.take("name", expected, |name| is_name(name).then(|| name.to_owned()))?;
        options.finish()?;
        Ok(Source { name: name.unwrap_or_else(|| kind.name().to_owned()), text: text.to_owned(), kind })
    }

    /// The bundled recording, repeated: the source when none is named.
    pub fn bundled() -> Self {
        let config = replay::ReplayConfig {
            end: replay::AtEnd::Loop,
            ..replay::ReplayConfig::of(RecordingInput::Bundled)
        };
        Source { name: "replay".to_owned(), text: DEFAULT.to_owned(), kind: SourceKind::Replay(config) }
    }

    /// The feed's name in metrics and log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Opens everything that can fail, so that a wrong name is reported at the start. Ticks may have these `fields`
    /// beside the fixed ones.
    ///
    /// # Errors
    /// When a file cannot be read, or is no recording.
    pub fn open(&self, limits: &Limits, fields: &Arc<CustomFields>) -> Result<Opened, FeedError> {
        let feed: Box<dyn Feed> = match &self.kind {
            SourceKind::Sim(config) => Box::new(sim::Sim::new(&self.name, config.clone())),
            SourceKind::Replay(config) => {
                let mut config = config.clone();
                config.selection.hints.fields = Arc::clone(fields);
                Box::new(replay::Replay::open(&self.name, &config, limits.line_bytes)?)
            }
            SourceKind::Stdin => {
                let feed = stdin::LineFeed::new(&self.name, io::stdin(), limits.line_bytes);
                Box::new(feed.with_fields(Arc::clone(fields)))
            }
            SourceKind::Push => return Ok(Opened::Push),
        };
        Ok(Opened::Feed(feed))
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        Self::parse(text)
    }
}

/// The source as it was given.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

// === impl SourceKind ===

impl SourceKind {
    /// The feed's name, unless it is given another.
    pub const fn name(&self) -> &'static str {
        match self {
            SourceKind::Sim(_) => "sim",
            SourceKind::Replay(_) => "replay",
            SourceKind::Stdin => "stdin",
            SourceKind::Push => "push",
        }
    }
}

#[cfg(test)]
mod tests;
