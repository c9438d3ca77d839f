//! `tickcast usage`: reports from the files of the audit, each line verified.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, ValueEnum};
use tickcast::{
    audit::{
        Month, read_files,
        usage::{ReportFormat, Usage},
    },
    escape::escaped,
};

use super::{
    recordings::print,
    shell::{EXIT_USAGE, complain},
};

/// Report data usage from audit files.
/// By user, product, class and month: who had access, who used it, peak users and devices, and what was sent. Each line
/// is verified: exit code 2 names one that was altered, removed or moved.
#[derive(Args, Clone, Debug)]
pub struct UsageArgs {
    /// All files of the audit, in any order: audit*.jsonl
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Only this month, in UTC; by default all of them
    #[arg(long, value_name = "YYYY-MM")]
    month: Option<Month>,
    /// The number of the last line, if known from elsewhere, to detect a truncated file
    #[arg(long, value_name = "N")]
    last: Option<u64>,
    /// Format of the report; CSV has only the rows of users
    #[arg(long, value_enum, default_value_t)]
    format: FormatArg,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, ValueEnum, Debug)]
enum FormatArg {
    #[default]
    Table,
    Csv,
    Json,
}

pub fn run(args: &UsageArgs) -> ExitCode {
    let mut usage = Usage::default();
    let chain = match read_files(&args.files, |record| usage.take(record)) {
        Ok(chain) => chain,
        Err(fault) => {
            return refuse(&fault.to_string());
        }
    };
    if let Some(last) = args.last.filter(|&last| last != chain.n) {
        let end = chain.n;
        let how = if end < last { "lines are missing at the end" } else { "there are more" };
        return refuse(&format!("the last line has number {end}, and --last says {last}: {how}"));
    }
    if let Some(month) = args.month {
        usage.only(month);
    }
    let format = match args.format {
        FormatArg::Table => ReportFormat::Table,
        FormatArg::Csv => ReportFormat::Csv,
        FormatArg::Json => ReportFormat::Json,
    };
    match print(usage.write(format).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refuse(&format!("standard output cannot be written: {error}")),
    }
}

fn refuse(why: &str) -> ExitCode {
    complain(format_args!("tickcast usage: {}\n", escaped(why)));
    ExitCode::from(EXIT_USAGE)
}
