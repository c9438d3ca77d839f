//! Selects recordings and records, and adds what the files do not contain: the options `file`, `from`, `to`, `symbols`,
//! `on_error`, `sorted`, `columns`, `unit`, `symbol` and `prefix`.
//!
//! Invariant: whether a record is selected depends only on its receive time and its symbol, not on the records around
//! it.

use std::{fmt, path::PathBuf, sync::Arc};

use crate::{
    escape::Escaped,
    feed::{
        SourceError, bundled,
        formats::Hints,
        options::Options,
        record::RecordedTick,
        time::{TIME_EXPECTED, parse_time},
    },
    tick::{Glob, Nanos, Symbol},
};

/// What is to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingInput {
    /// The recording within the program.
    Bundled,
    /// A file; if none has this name and its last part has a `*`, all files that match, by name.
    File(PathBuf),
    /// Bytes in memory. The name is for messages, and indicates the format as a file's name would.
    Bytes { name: String, bytes: Arc<[u8]> },
}

/// The selection of records.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Selection {
    /// The first receive time that is selected.
    pub from: Option<Nanos>,
    /// The first receive time after the selection.
    pub to: Option<Nanos>,
    /// Names and patterns; empty for all symbols.
    pub symbols: Vec<Glob>,
    pub on_error: OnError,
    /// What the files do not contain.
    pub hints: Hints,
    /// No file's times step back: reading may end after `to`.
    pub sorted: bool,
}

/// The effect of a rejected record.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnError {
    /// It is counted, reported and skipped.
    #[default]
    Skip,
    /// It ends the reading.
    Stop,
}

// === impl RecordingInput ===

impl RecordingInput {
    /// `bundled`, or else a file.
    pub fn named(name: &str) -> RecordingInput {
        if name == bundled::NAME { RecordingInput::Bundled } else { RecordingInput::File(name.into()) }
    }
}

/// Its name as given, for messages.
impl fmt::Display for RecordingInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordingInput::Bundled => f.write_str(bundled::NAME),
            RecordingInput::File(path) => Escaped(&path.to_string_lossy()).fmt(f),
            RecordingInput::Bytes { name, .. } => Escaped(name).fmt(f),
        }
    }
}

// === impl Selection ===

impl Selection {
    /// # Errors
    /// When a value cannot be read.
    pub fn from_options(options: &mut Options<'_>) -> Result<Self, SourceError> {
        Ok(Selection {
            from: options.take("from", TIME_EXPECTED, parse_time)?,
            to: options.take("to", TIME_EXPECTED, parse_time)?,
            symbols: options
                .take("symbols", "names or patterns of symbols with commas between", parse_symbols)?
                .unwrap_or_default(),
            on_error: options.take("on_error", "skip or stop", OnError::parse)?.unwrap_or_default(),
            sorted: options.take("sorted", "true or false", |text| text.parse().ok())?.unwrap_or_default(),
            hints: Hints {
                columns: options.take_parsed("columns")?,
                unit: options.take_parsed("unit")?,
                symbol: options.take_parsed("symbol")?,
                prefix: options.take_parsed("prefix")?,
                ..Hints::default()
            },
        })
    }

    /// Whether the record is selected.
    pub fn takes(&self, record: &RecordedTick) -> bool {
        self.covers(record.rx, &record.tick.symbol)
    }

    /// Whether a record of this receive time and symbol is selected.
    pub fn covers(&self, rx: Nanos, symbol: &Symbol) -> bool {
        self.from.is_none_or(|from| rx >= from)
            && self.to.is_none_or(|to| rx < to)
            && (self.symbols.is_empty() || self.symbols.iter().any(|glob| glob.matches(symbol)))
    }
}

// === impl OnError ===

impl OnError {
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "skip" => Some(OnError::Skip),
            "stop" => Some(OnError::Stop),
            _ => None,
        }
    }
}

/// Names and patterns, separated by commas. Blanks around a comma belong to neither, and those within a name to it.
pub fn parse_symbols(text: &str) -> Option<Vec<Glob>> {
    text.split(',').map(|name| Glob::new(name.trim()).ok()).collect()
}
