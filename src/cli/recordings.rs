//! What `info` and `convert` share: which files, which records of them, and how faults are reported.

use std::{
    io::{self, Write},
    sync::Arc,
};

use clap::Args;
use tickcast::{
    escape::Escaped,
    feed::{
        FeedError,
        formats::{Columns, Hints, Prefix, Unit},
        recording::{Block, OnError, RecordingInput, Selection, TIME_EXPECTED, parse_symbols, parse_time},
        with_sources,
    },
    tick::{CustomFields, Glob, Nanos, Symbol},
};

use crate::config::{self, ConfigFaults};

/// Which records.
#[derive(Args, Clone, Debug)]
pub struct SelectionArgs {
    /// Recordings: files, patterns with `*`, or `bundled`.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<String>,
    /// Start, by receive time and inclusive: a time in UTC such as 2025-03-25T23:07:00Z, or a Unix time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<Nanos>,
    /// End, by receive time and exclusive.
    #[arg(long, value_name = "TIME", value_parser = time)]
    to: Option<Nanos>,
    /// Symbols or patterns, separated by commas.
    #[arg(long, value_name = "NAMES", value_parser = symbols)]
    symbols: Option<SymbolGlobs>,
    /// What to do with a record that is not a valid tick: `skip` or `stop`.
    #[arg(long, value_name = "WHAT", default_value = "skip", value_parser = on_error)]
    on_error: OnError,
    /// How the columns of a table map to fields, such as `ts:timestamp,last:price,last_size:qty`, or the name of a known
    /// table.
    #[arg(long, value_name = "COLUMNS")]
    columns: Option<Columns>,
    /// Unit of a table's Unix times: `s`, `ms`, `us`, `ns` or `iso`; by default it is guessed from their size.
    #[arg(long, value_name = "UNIT")]
    unit: Option<Unit>,
    /// Symbol of a table that has no symbol column.
    #[arg(long, value_name = "NAME")]
    symbol: Option<Symbol>,
    /// Prefix for every symbol, such as `BINANCE:`.
    #[arg(long, value_name = "TEXT")]
    prefix: Option<Prefix>,
    /// Every file is sorted by time, so reading can stop after --to.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true")]
    sorted: bool,
    #[command(flatten)]
    fields: FieldArgs,
}

/// The fields of ticks beside the fixed ones.
#[derive(Args, Clone, Default, Debug)]
pub struct FieldArgs {
    /// An additional field, as `serve --field` takes it: name, name:kind or name:kind:merge:symbols; may be repeated.
    #[arg(long = "field", value_name = "FIELD")]
    fields: Vec<String>,
}

/// In a struct, since a list of an argument's own type would be a repeated argument.
#[derive(Clone, Debug)]
struct SymbolGlobs(Vec<Glob>);

/// This many rejected records are reported one by one.
const TOLD_MAX: u64 = 10;

/// Tells a person on standard error of what was not a tick.
pub struct Reporter {
    command: &'static str,
    told: u64,
    rejected: u64,
}

// === impl SelectionArgs ===

impl SelectionArgs {
    pub fn inputs(&self) -> Vec<RecordingInput> {
        self.files.iter().map(|file| RecordingInput::named(file)).collect()
    }

    /// # Errors
    /// When a field cannot be one.
    pub fn selection(&self) -> Result<Selection, ConfigFaults> {
        Ok(Selection {
            from: self.from,
            to: self.to,
            symbols: self.symbols.clone().map(|symbols| symbols.0).unwrap_or_default(),
            on_error: self.on_error,
            hints: Hints {
                columns: self.columns.clone(),
                unit: self.unit,
                symbol: self.symbol.clone(),
                prefix: self.prefix.clone(),
                fields: self.fields.table()?,
            },
            sorted: self.sorted,
            ..Selection::default()
        })
    }
}

impl FieldArgs {
    /// # Errors
    /// When one cannot be a field.
    pub fn table(&self) -> Result<Arc<CustomFields>, ConfigFaults> {
        config::fields_of_flags(&self.fields)
    }
}

fn time(text: &str) -> Result<Nanos, String> {
    parse_time(text).ok_or_else(|| format!("not {TIME_EXPECTED}"))
}

fn symbols(text: &str) -> Result<SymbolGlobs, String> {
    parse_symbols(text).map(SymbolGlobs).ok_or_else(|| "not names or patterns of symbols".to_owned())
}

fn on_error(text: &str) -> Result<OnError, String> {
    OnError::parse(text).ok_or_else(|| "not skip or stop".to_owned())
}

// === impl Reporter ===

impl Reporter {
    pub fn new(command: &'static str) -> Self {
        Reporter { command, told: 0, rejected: 0 }
    }

    /// Tells warnings, and the first rejected records.
    pub fn take(&mut self, block: &Block) {
        for warning in &block.warnings {
            self.say(warning);
        }
        for reject in &block.rejects {
            if self.told < TOLD_MAX {
                self.told += 1;
                self.say(&format!(
                    "{}, {}: {}: {}",
                    reject.file,
                    reject.place,
                    reject.reason.label(),
                    reject.message
                ));
            }
        }
        self.rejected += block.tally.total();
    }

    /// Tells how many more there were.
    pub fn end(&self) {
        if self.rejected > self.told {
            self.say(&format!("{} more records were rejected", self.rejected - self.told));
        }
    }

    /// The error, and what lies behind it.
    pub fn fail(&self, error: &FeedError) {
        self.say(&with_sources(error));
    }

    pub fn say(&self, text: &str) {
        super::shell::complain(format_args!("tickcast {}: {}\n", self.command, Escaped(text)));
    }
}

/// Writes to standard output. It is not an error when the reader has closed it.
pub fn print(text: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
