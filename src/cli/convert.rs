//! `tickcast convert`: recordings of any format that can be read, as one of a format that can be written.

use std::{io, path::PathBuf, process::ExitCode};

use clap::Args;
use tickcast::{
    feed::{
        FeedError,
        formats::{Kept, Rows},
        recording::{self, Block, Compression, Header, RecordReader, Writer},
    },
    limits,
};

use super::{
    output::{self, Existing, Output},
    recordings::{Reporter, SelectionArgs},
    shell::{EXIT_USAGE, complain},
};
use crate::config::ConfigFaults;

/// Convert recordings to another format.
/// Several inputs are merged by receive time. The output is written completely or not at all. Exit code 2: a file cannot
/// be read or written, or there are no ticks.
#[derive(Args, Clone, Debug)]
pub struct ConvertArgs {
    #[command(flatten)]
    select: SelectionArgs,
    /// File to write, compressed if it ends in `.gz` or `.zst`; `-` is standard output.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Replace an existing file, once the new one is complete.
    #[arg(long)]
    force: bool,
    /// The format: `own`, `csv`, `tardis-trades`, `tardis-quotes` or `parquet`; by default from the extension: .ndjson,
    /// .jsonl, .json, .csv or .parquet.
    #[arg(long = "as", value_name = "FORMAT")]
    format: Option<String>,
    /// Value of the exchange column of Tardis CSV.
    #[arg(long, value_name = "NAME", default_value = "tickcast", value_parser = exchange)]
    exchange: String,
}

/// Why nothing, or not everything, was converted.
#[derive(Debug, thiserror::Error)]
enum ConvertError {
    #[error("unknown format {0:?}; there are {names}", names = Rows::NAMES)]
    Format(String),
    #[error("{path}: {why}")]
    Ending { path: String, why: String },
    #[error("{0}")]
    Fields(#[from] ConfigFaults),
    #[error(transparent)]
    Feed(#[from] FeedError),
    #[error("{0} is one of the recordings that are read, and would be lost: choose another --output")]
    Onto(String),
    #[error("cannot write {path}: {source}")]
    Write { path: String, source: io::Error },
}

/// What became of the ticks.
#[derive(Default)]
struct ConvertCounts {
    written: u64,
    in_part: u64,
    left_out: u64,
}

pub fn run(args: &ConvertArgs) -> ExitCode {
    let mut teller = Reporter::new("convert");
    let converted = convert(args, &mut teller);
    teller.end();
    match converted {
        Ok(counts) => {
            let ticks = if counts.written == 1 { "tick" } else { "ticks" };
            teller.say(&format!("{} {ticks} written", counts.written));
            if counts.in_part > 0 {
                teller.say(&format!(
                    "{} of them have fields that the format has no column for",
                    counts.in_part
                ));
            }
            if counts.left_out > 0 {
                teller.say(&format!("{} ticks left out: the format holds nothing of them", counts.left_out));
            }
            ExitCode::SUCCESS
        }
        Err(ConvertError::Fields(faults)) => {
            complain(faults);
            ExitCode::from(EXIT_USAGE)
        }
        Err(ConvertError::Feed(error)) => {
            teller.fail(&error);
            ExitCode::from(EXIT_USAGE)
        }
        Err(error) => {
            teller.say(&error.to_string());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

fn convert(args: &ConvertArgs, teller: &mut Reporter) -> Result<ConvertCounts, ConvertError> {
    let path = || args.output.display().to_string();
    let ending = |why| ConvertError::Ending { path: path(), why };
    let name = match &args.format {
        Some(name) => output::check_ending(&args.output, name).map(|()| name.as_str()),
        None => output::format_of(&args.output),
    };
    let name = name.map_err(ending)?;
    let selection = args.select.selection()?;
    let rows = Rows::parse(name, &args.exchange, &selection.hints.fields);
    let rows = rows.ok_or_else(|| ConvertError::Format(name.to_owned()))?;
    let mut recording = recording::open(&args.select.inputs(), &selection, limits::DEFAULT.line_bytes)?;
    if recording.reads(&args.output) {
        return Err(ConvertError::Onto(path()));
    }
    // The header of a recording of our own is in its first block, so the output is started after reading that.
    let mut block = Block::default();
    let mut more = recording.next_block(&mut block)?;
    let header = match recording.files().count() {
        1 => recording.header(0).cloned().unwrap_or_default(),
        _ => Header::default(),
    };
    let failed = |source| ConvertError::Write { path: path(), source };
    let mut counts = ConvertCounts::default();
    let mut writer = Writer::with_rows(
        Output::begin(&args.output, if args.force { Existing::Replace } else { Existing::Refuse })
            .map_err(failed)?,
        Compression::of(&args.output),
        rows,
        &header,
    )
    .map_err(failed)?;
    loop {
        for record in &block.records {
            match writer.write(&record.tick, record.rx).map_err(failed)? {
                Kept::All => counts.written += 1,
                Kept::Part => {
                    counts.written += 1;
                    counts.in_part += 1;
                }
                Kept::Nothing => counts.left_out += 1,
            }
        }
        teller.take(&block);
        block.clear();
        if !more {
            break;
        }
        more = match recording.next_block(&mut block) {
            Ok(more) => more,
            Err(error) => {
                // What came before the fault is kept, whole.
                writer.finish().and_then(Output::commit).map_err(failed)?;
                return Err(error.into());
            }
        };
    }
    recording.check_found()?;
    writer.finish().and_then(Output::commit).map_err(failed)?;
    Ok(counts)
}

/// It goes into a table as it is.
fn exchange(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !text.is_empty() && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("not letters, digits, - _ and . alone".to_owned())
    }
}
