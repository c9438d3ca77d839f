//! Selects recordings and records, and adds what the files do not contain: the options `file`, `from`, `to`, `symbols`,
//! `on_error`, `sorted`, `columns`, `unit`, `symbol` and `prefix`.
//!
//! Invariant: whether a record is selected depends only on its receive time and its symbol, not on the records around
//! it.

use std::{collections::HashSet, fmt, path::PathBuf, sync::Arc};

use crate::{
    escape::Escaped,
    feed::{
        bundled,
        formats::Hints,
        options::Options,
        record::RecordedTick,
        recording::decompress::CHUNK_BYTES,
        time::{TIME_EXPECTED, parse_time},
    },
    tick::{Glob, Nanos, SYMBOL_BYTES_MAX, Symbol},
};

/// Files of one set of recordings that are open at once: others are closed, and reopened when they are read on.
const OPEN_FILES_MAX: usize = 64;
/// The most records of a block.
const BLOCK_RECORDS_MAX: usize = 4_096;

/// What is to be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecordingInput {
    /// The recording within the program.
    Bundled,
    /// A file; if none has this name and its last part has a `*`, all files that match, by name.
    File(PathBuf),
    /// A file that was found in a folder: when it is not a recording, it is skipped and others may be read.
    Found(PathBuf),
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
    /// Names in any case, which a record must also have; `None` for all.
    pub names: Option<NameSet>,
    pub on_error: OnError,
    /// What the files do not contain.
    pub hints: Hints,
    /// No file's times step back: reading may end after `to`.
    pub sorted: bool,
    pub sizes: ReadSizes,
}

/// Names of symbols, compared without regard to the case of ASCII letters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NameSet(Arc<HashSet<Box<[u8]>>>);

/// How much is read at once. Smaller sizes cost time, and memory decides how many recordings can be read at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadSizes {
    /// Of each file; at least what its format is detected by.
    pub chunk_bytes: usize,
    /// The most records of a block.
    pub block_records: usize,
    /// Files that are open at once.
    pub open_files: usize,
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
            RecordingInput::File(path) | RecordingInput::Found(path) => {
                Escaped(&path.to_string_lossy()).fmt(f)
            }
            RecordingInput::Bytes { name, .. } => Escaped(name).fmt(f),
        }
    }
}

// === impl Selection ===

impl Selection {
    pub fn from_options(options: &mut Options<'_>) -> Self {
        Selection {
            from: options.take("from", TIME_EXPECTED, parse_time),
            to: options.take("to", TIME_EXPECTED, parse_time),
            symbols: options
                .take("symbols", "names or patterns of symbols with commas between", parse_symbols)
                .unwrap_or_default(),
            on_error: options.take("on_error", "skip or stop", OnError::parse).unwrap_or_default(),
            sorted: options.take("sorted", "true or false", |text| text.parse().ok()).unwrap_or_default(),
            hints: Hints {
                columns: options.take_parsed("columns"),
                unit: options.take_parsed("unit"),
                symbol: options.take_parsed("symbol"),
                prefix: options.take_parsed("prefix"),
                ..Hints::default()
            },
            ..Selection::default()
        }
    }

    /// Whether the record is selected.
    pub fn takes(&self, record: &RecordedTick) -> bool {
        self.covers(record.rx, &record.tick.symbol)
    }

    /// Whether a record of this receive time and symbol is selected.
    pub fn covers(&self, rx: Nanos, symbol: &Symbol) -> bool {
        self.covers_time(rx)
            && (self.symbols.is_empty() || self.symbols.iter().any(|glob| glob.matches(symbol)))
            && self.names.as_ref().is_none_or(|names| names.contains(symbol))
    }

    /// Whether a time is selected.
    pub fn covers_time(&self, rx: Nanos) -> bool {
        self.from.is_none_or(|from| rx >= from) && self.to.is_none_or(|to| rx < to)
    }
}

// === impl NameSet ===

impl NameSet {
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        NameSet(Arc::new(
            names.into_iter().map(|name| name.to_ascii_uppercase().into_bytes().into()).collect(),
        ))
    }

    pub fn contains(&self, symbol: &Symbol) -> bool {
        let name = symbol.as_str().as_bytes();
        let mut upper = [0; SYMBOL_BYTES_MAX];
        let Some(upper) = upper.get_mut(..name.len()) else { return false };
        upper.copy_from_slice(name);
        upper.make_ascii_uppercase();
        self.0.contains(&*upper)
    }
}

// === impl ReadSizes ===

impl Default for ReadSizes {
    fn default() -> Self {
        ReadSizes { chunk_bytes: CHUNK_BYTES, block_records: BLOCK_RECORDS_MAX, open_files: OPEN_FILES_MAX }
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
