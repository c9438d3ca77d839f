//! Detects the format of a file: by its contents, and by its name where the rows alone are ambiguous.
//!
//! The first line may be bad, blank or foreign (an answer to a subscription, a title): of the first lines, the first
//! one of a supported format decides. Any other file is reported by what it is: `foreign` knows the common ones.
//!
//! Invariants: a name alone decides nothing; the same bytes give the same result, however they arrive.

use std::{fmt::Write, sync::Arc};

use super::{
    Format, binance, capture, databento_csv, foreign, itch, lean, own, plain, preset, streams, table, tardis,
};

use crate::tick::CustomFields;

/// The result for the beginning of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Detection {
    Format(Format),
    /// More of the file is needed.
    Undecided,
    /// It is in no supported format.
    Unread {
        /// What it is, for a person.
        why: String,
        /// It is text whose columns a person may name.
        is_table: bool,
    },
}

/// The result for one line.
enum LineDetection {
    Format(Format),
    /// It is of an unsupported format.
    Foreign(&'static str),
    /// No other line matters.
    Refused(String),
    Unknown,
}

/// Why Parquet gets this far: its files are converted to text earlier.
const PARQUET: &str = if cfg!(feature = "parquet") {
    "it is a Parquet file, which is read from its end: not from a pipe, from within an archive, or compressed as a whole"
} else {
    "it is a Parquet file, which this build cannot read; build with --features parquet"
};
const MARK: &[u8] = b"\xef\xbb\xbf";
/// How many lines are examined, blank ones left out.
const LINES_MAX: usize = 32;
/// How much of an unknown first line is repeated.
const SHOWN_CHARS_MAX: usize = 60;

/// A text without the byte order mark that some programs write before UTF-8.
pub fn without_mark(head: &[u8]) -> &[u8] {
    head.strip_prefix(MARK).unwrap_or(head)
}

/// Whether a text's lines end in CR only, as old Macs wrote them.
pub fn is_cr_alone(head: &[u8]) -> bool {
    !head.contains(&b'\n') && !head.contains(&0) && head.contains(&b'\r')
}

/// Detects by the first bytes and the name, both without compression; ticks may have these `fields` beside the fixed
/// ones. With `is_whole` nothing follows `head`, or
/// nothing more will be examined.
pub fn tell(name: &str, head: &[u8], is_whole: bool, fields: &Arc<CustomFields>) -> Detection {
    let head = without_mark(head);
    if head.is_empty() {
        return if is_whole { unread("it is empty") } else { Detection::Undecided };
    }
    if head.starts_with(b"DBN") {
        return match foreign::schema(head) {
            Some(schema) => refuse(
                &format!("Databento's DBN of schema {schema}, which holds no ticks that are read"),
                false,
            ),
            None => Detection::Format(Format::Databento),
        };
    }
    if itch::is_head(head) {
        return Detection::Format(Format::Itch);
    }
    if head.starts_with(b"PAR1") {
        return unread(PARQUET);
    }
    if let Some(what) = foreign::of_bytes(head) {
        return refuse(what, false);
    }
    lines(name, head, is_whole, fields)
}

/// The lines of a text that are not blank, without line ends and without the byte order mark.
pub fn lines_of(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let end = if is_cr_alone(head) { b'\r' } else { b'\n' };
    let lines = without_mark(head).split(move |&byte| byte == end);
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.trim_ascii().is_empty())
}

/// By the first line that decides.
fn lines(name: &str, head: &[u8], is_whole: bool, fields: &Arc<CustomFields>) -> Detection {
    let end = if is_cr_alone(head) { b'\r' } else { b'\n' };
    let whole =
        if is_whole { head.len() } else { head.iter().rposition(|&byte| byte == end).map_or(0, |at| at + 1) };
    let (mut looked, mut found, mut first) = (0, None, None);
    for line in lines_of(&head[..whole]).take(LINES_MAX) {
        looked += 1;
        first.get_or_insert(line);
        match of_line(name, line, fields) {
            LineDetection::Format(format) => return Detection::Format(format),
            LineDetection::Refused(why) => return Detection::Unread { why, is_table: false },
            LineDetection::Foreign(what) => found = found.or(Some(what)),
            LineDetection::Unknown => {}
        }
    }
    if !is_whole && looked < LINES_MAX {
        return Detection::Undecided;
    }
    match (foreign::of_text(head), found, first) {
        (Some(what), ..) => refuse(what, false),
        (None, Some(what), _) => refuse(what, true),
        (None, None, Some(line)) if is_binary(head, line) => refuse("binary data in no known format", false),
        (None, None, Some(line)) => refuse(&unknown(name, line), true),
        (None, None, None) => unread("it holds nothing but blank lines"),
    }
}

fn of_line(name: &str, line: &[u8], fields: &Arc<CustomFields>) -> LineDetection {
    let line = line.trim_ascii();
    let message = capture::without_time(line);
    if message.starts_with(b"{") {
        return of_object(line, message, fields);
    }
    if streams::is_line(line) {
        return LineDetection::Format(Format::Streams);
    }
    let mut splitter = table::Splitter::default();
    let Ok(row) = splitter.split_names(line) else { return LineDetection::Unknown };
    if let Some(known) = preset::Preset::of_header(&row) {
        return LineDetection::Format(Format::Known(known));
    }
    match databento_csv::check_header(&row) {
        Ok(true) => return LineDetection::Format(Format::DatabentoCsv),
        Ok(false) => {}
        Err(what) => return LineDetection::Foreign(what),
    }
    match tardis::check_header(name, &row) {
        Ok(true) => return LineDetection::Format(Format::Tardis),
        Ok(false) => {}
        Err(what) => return LineDetection::Foreign(what),
    }
    if plain::check_header(&row, fields) {
        return LineDetection::Format(Format::Plain);
    }
    if let Some(what) = foreign::of_row(&row) {
        return LineDetection::Foreign(what);
    }
    let kind = binance::BinanceTable::of_name(name).map(|(_, kind)| kind);
    if let Some(kind) = kind.filter(|kind| kind.is_names(&row) || kind.is_row(&row)) {
        return LineDetection::Format(Format::Binance(kind));
    }
    if let Some(kind) =
        lean::LeanTable::of_name(name).map(|(_, _, kind)| kind).filter(|kind| kind.is_row(&row))
    {
        return LineDetection::Format(Format::Lean(kind));
    }
    let named = binance::BinanceTable::ALL.into_iter().find(|kind| kind.is_names(&row));
    named.map_or(LineDetection::Unknown, |kind| LineDetection::Foreign(kind.nameless()))
}

/// A line of JSON: `message` is the part after a time, or all of it.
fn of_object(line: &[u8], message: &[u8], fields: &Arc<CustomFields>) -> LineDetection {
    if message.len() == line.len() {
        match own::check_head(line, fields) {
            Ok(true) => return LineDetection::Format(Format::Own),
            Ok(false) => {}
            Err(why) => return LineDetection::Refused(why),
        }
    }
    let Some(keys) = foreign::keys(message) else { return LineDetection::Unknown };
    if keys.contains_key("stream") && keys.contains_key("data") {
        return LineDetection::Format(Format::Capture);
    }
    match foreign::of_keys(&keys) {
        Some(what) => LineDetection::Foreign(what),
        None if streams::is_line(line) => LineDetection::Format(Format::Streams),
        None => LineDetection::Unknown,
    }
}

/// Whether it is not text: some bytes of the first line are not characters, or too many are invisible.
fn is_binary(head: &[u8], line: &[u8]) -> bool {
    let odd = head.iter().filter(|&&byte| byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')).count();
    let text = std::str::from_utf8(&line[..line.len().min(64)]);
    odd * 20 > head.len() || text.is_err_and(|error| error.error_len().is_some())
}

/// Describes a text of no known format.
fn unknown(name: &str, line: &[u8]) -> String {
    let shown: String = String::from_utf8_lossy(line).chars().take(SHOWN_CHARS_MAX).collect();
    let mut what = if line.starts_with(b"{") {
        format!("JSON that is not a tick, and whose first line is {shown:?}")
    } else {
        format!("text in no known format, whose first line is {shown:?}")
    };
    let named = binance::BinanceTable::of_name(name).map(|(_, kind)| kind.what());
    if let Some(named) = named.or_else(|| lean::LeanTable::of_name(name).map(|_| "QuantConnect Lean's ticks"))
    {
        // Writing to a string cannot fail.
        let _ = write!(what, "; its name is that of {named}, and its lines are not");
    }
    what
}

fn unread(why: &str) -> Detection {
    Detection::Unread { why: why.to_owned(), is_table: false }
}

fn refuse(what: &str, is_table: bool) -> Detection {
    Detection::Unread { why: format!("it is {what}; readable formats: {}", Format::KNOWN), is_table }
}

#[cfg(test)]
mod tests;
