//! `tickcast info`: what recordings hold, as a table for a person or as JSON for a program.
//!
//! Each file is read by itself, so that records out of order are its own; several have a line of sums.

use std::{fmt::Write as _, process::ExitCode, time::Duration};

use clap::Args;
use serde_json::{Value, json};
use tickcast::{
    escape::{escaped, escaped_json},
    feed::{
        FeedError,
        recording::{self, Block, RecordReader, RecordingInput, RecordingStats, Selection, Skipped},
    },
    limits,
    tick::Nanos,
};

use super::{
    recordings::{Reporter, SelectionArgs, print},
    shell::{EXIT_USAGE, complain},
    terminal::padded,
};

/// Describe recordings.
/// Format, time span, symbols, counts, rates, peaks, and records out of order or rejected. Exit code 2: a file cannot be
/// read, or has no ticks.
#[derive(Args, Clone, Debug)]
pub struct InfoArgs {
    #[command(flatten)]
    select: SelectionArgs,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// One file's.
struct FileInfo {
    name: String,
    format: &'static str,
    header: Option<recording::Header>,
    stats: RecordingStats,
    cut: bool,
    /// The error that it has no tick, if it has none.
    nothing: Option<FeedError>,
}

/// What was found.
#[derive(Default)]
struct Found {
    files: Vec<FileInfo>,
    skipped: Vec<Skipped>,
}

/// A longer symbol moves what is behind it.
const SYMBOL_CELLS: usize = 20;
/// The symbols of which a table has rows.
const SYMBOL_ROWS_MAX: usize = 20;

pub fn run(args: &InfoArgs) -> ExitCode {
    let mut teller = Reporter::new("info");
    let mut found = Found::default();
    let selection = match args.select.selection() {
        Ok(selection) => selection,
        Err(faults) => {
            complain(faults);
            return ExitCode::from(EXIT_USAGE);
        }
    };
    for input in args.select.inputs() {
        if let Err(error) = read(&input, &selection, &mut teller, &mut found) {
            teller.fail(&error);
            return ExitCode::from(EXIT_USAGE);
        }
    }
    teller.end();
    let text = if args.json { json_of(&found) } else { tables_of(&found.files) };
    for nothing in found.files.iter().filter_map(|info| info.nothing.as_ref()) {
        teller.fail(nothing);
    }
    let any = found.files.iter().any(|info| info.nothing.is_none());
    match print(text.as_bytes()) {
        Ok(()) if any => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(EXIT_USAGE),
        Err(error) => {
            teller.say(&format!("cannot write: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The files of an input: one, or all that match its pattern.
fn read(
    input: &RecordingInput,
    selection: &Selection,
    teller: &mut Reporter,
    found: &mut Found,
) -> Result<(), FeedError> {
    let mut each = recording::open_each(std::slice::from_ref(input), selection, limits::DEFAULT.line_bytes)?;
    let before = found.files.len();
    while let Some(mut recording) = each.next().transpose()? {
        let (mut stats, mut block, mut more, mut cut) =
            (RecordingStats::default(), Block::default(), true, false);
        while more {
            more = recording.next_block(&mut block)?;
            stats.take(&block);
            cut |= block.cut;
            teller.take(&block);
            block.clear();
        }
        let format = recording.files().next().map_or("", |(_, format)| format.name());
        let header = recording.header(0).cloned();
        // Recorded gaps are reported.
        let nothing = recording.check_found().err().filter(|_| stats.gaps == 0);
        let name = recording.name().to_owned();
        found.files.push(FileInfo { name, format, header, stats, cut, nothing });
    }
    if found.files.len() == before {
        return Err(each.nothing());
    }
    for Skipped { name, why } in each.skipped() {
        teller.say(&format!("{name} is passed over: {why}"));
    }
    found.skipped.extend_from_slice(each.skipped());
    Ok(())
}

fn json_of(found: &Found) -> String {
    let files: Vec<Value> = found
        .files
        .iter()
        .map(|info| {
            let stats = &info.stats;
            json!({
                "file": info.name,
                "format": info.format,
                "origin": info.header.as_ref().and_then(|header| header.origin.as_deref()),
                "licence": info.header.as_ref().and_then(|header| header.licence.as_deref()),
                "first": stats.first.map(Nanos::micros),
                "last": stats.last.map(Nanos::micros),
                "records": stats.records,
                "trades": stats.trades,
                "quotes": stats.quotes,
                "named_trades": stats.named_trades,
                "cancels": stats.cancels,
                "corrections": stats.corrections,
                "fields": stats.fields.iter()
                    .map(|(name, count)| (name.as_str().to_owned(), json!(count)))
                    .collect::<serde_json::Map<_, _>>(),
                "rate": stats.rate(),
                "peak_1s": stats.peak_second(),
                "peak_10ms": stats.peak_ten_millis(),
                "out_of_order": stats.out_of_order,
                "step_back_max_us": stats.step_back_max_ns / 1_000,
                "jumps": stats.jumps,
                "jump_max_us": stats.jump_max_ns / 1_000,
                "rejected": stats.rejected,
                "passed": stats.passed,
                "gaps": stats.gaps,
                "gap_ticks": stats.gap_ticks,
                "cut": info.cut,
                "symbols": stats.symbols.iter()
                    .map(|(symbol, counts)| (symbol.as_str().to_owned(), json!(counts)))
                    .collect::<serde_json::Map<_, _>>(),
            })
        })
        .collect();
    let skipped: Vec<Value> =
        found.skipped.iter().map(|skipped| json!({ "file": *skipped.name, "why": skipped.why })).collect();
    let json = json!({ "files": files, "skipped": skipped }).to_string();
    format!("{}\n", escaped_json(&json))
}

fn tables_of(infos: &[FileInfo]) -> String {
    let mut text = String::new();
    for (place, info) in infos.iter().enumerate() {
        if place > 0 {
            text.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = write_table(info, &mut text);
    }
    text
}

fn write_table(info: &FileInfo, out: &mut String) -> std::fmt::Result {
    let stats = &info.stats;
    writeln!(out, "{}", info.name)?;
    let mut row = |name: &str, value: &str| writeln!(out, "  {name:<14}{value}");
    row("format", &format!("{}{}", info.format, if info.cut { ", cut" } else { "" }))?;
    if let Some(origin) = info.header.as_ref().and_then(|header| header.origin.as_deref()) {
        row("origin", &escaped(origin))?;
    }
    if let Some(licence) = info.header.as_ref().and_then(|header| header.licence.as_deref()) {
        row("licence", &escaped(licence))?;
    }
    if let (Some(first), Some(last)) = (stats.first, stats.last) {
        row("from", &recording::format_time(first))?;
        row("to", &recording::format_time(last))?;
        row("span", &format!("{:.3} s", stats.span_seconds()))?;
    }
    row("records", &format!("{} ({} trades, {} quotes)", stats.records, stats.trades, stats.quotes))?;
    if stats.named_trades + stats.cancels + stats.corrections > 0 {
        let (named, cancels, corrections) = (stats.named_trades, stats.cancels, stats.corrections);
        row("trades", &format!("{named} with names, {cancels} cancels, {corrections} corrections"))?;
    }
    if !stats.fields.is_empty() {
        let fields = stats.fields.iter().map(|(name, count)| format!("{name} in {count}"));
        row("fields", &fields.collect::<Vec<_>>().join(", "))?;
    }
    if let Some(rate) = stats.rate() {
        row("rate", &format!("{rate:.1}/s"))?;
    }
    row("peak", &format!("{} in 1 s, {} in 10 ms", stats.peak_second(), stats.peak_ten_millis()))?;
    let back = format!(", the furthest by {:.3} s", stats.step_back_max_ns as f64 / 1e9);
    row(
        "out of order",
        &format!("{}{}", stats.out_of_order, if stats.out_of_order > 0 { &back } else { "" }),
    )?;
    if stats.jumps > 0 {
        let furthest = Duration::from_secs(stats.jump_max_ns / 1_000_000_000);
        let furthest = humantime::format_duration(furthest);
        row("jumps", &format!("{} of an hour or more, the furthest by {furthest}", stats.jumps))?;
    }
    row("rejected", &stats.rejected.to_string())?;
    if stats.gaps > 0 {
        row("gaps", &format!("{}, of {} ticks", stats.gaps, stats.gap_ticks))?;
    }
    row("no ticks", &stats.passed.to_string())?;
    row("symbols", &stats.symbols.len().to_string())?;
    let mut symbols: Vec<_> = stats.symbols.iter().collect();
    symbols.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.records));
    for (symbol, counts) in symbols.iter().take(SYMBOL_ROWS_MAX) {
        let name = padded(&escaped(symbol.as_str()), SYMBOL_CELLS);
        writeln!(
            out,
            "    {name} {:>12} ({} trades, {} quotes)",
            counts.records, counts.trades, counts.quotes
        )?;
    }
    if symbols.len() > SYMBOL_ROWS_MAX {
        writeln!(out, "    and {} more", symbols.len() - SYMBOL_ROWS_MAX)?;
    }
    Ok(())
}
