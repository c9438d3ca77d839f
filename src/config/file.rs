//! The layer of the TOML file. A syntax error does not hide the faults after it: the broken part is blanked out, and
//! the rest is read again.
//!
//! Tables nest as in TOML: `[limits]` and `sessions = 5` are `limits.sessions`. The keys define which names are tables.

use std::{iter, ops::Range};

use toml::de::{DeTable, DeValue, Error};

use super::{
    fault::{ConfigFault, Problem},
    key::ConfigKey,
    layer::{Given, Layer},
    origin::ConfigOrigin,
    value::GivenValue,
};

/// With more syntax errors than this the text is not TOML, and further messages are of no use.
const SYNTAX_FAULTS_MAX: usize = 20;

/// A setting in the file.
struct Leaf {
    key: String,
    raw: GivenValue,
    /// Bytes from the start of the name to the end of the value.
    span: Range<usize>,
}

/// The lines of a text, to find where a byte is.
struct LineStarts<'t> {
    text: &'t str,
    /// The byte at which each line starts.
    starts: Vec<usize>,
}

pub(super) fn read(path: &str, text: &str) -> Layer {
    // A space replaces it, so that all other bytes keep their positions.
    let unmarked = text.strip_prefix('\u{feff}').map(|text| format!("   {text}"));
    let text = unmarked.as_deref().unwrap_or(text);
    let lines = LineStarts::of(text);
    let place = |line: usize| ConfigOrigin::File { path: path.to_owned(), line };
    let mut layer = Layer::default();
    let mut left = text.to_owned();
    while layer.faults.len() < SYNTAX_FAULTS_MAX {
        let (leaves, error) = parse(&left, &lines);
        let Some(error) = error else {
            layer.given = leaves
                .into_iter()
                .map(|Leaf { key, raw, span }| Given {
                    key,
                    raw,
                    origin: place(lines.position(span.start).0),
                })
                .collect();
            break;
        };
        let byte = error.span().map_or(0, |span| span.start);
        let (line, column) = lines.position(byte);
        let problem = Problem::Syntax { column, message: error.message().to_owned() };
        layer.faults.push(ConfigFault { origin: place(line), problem });
        if !blank(&mut left, broken(&lines, &leaves, byte)) {
            break;
        }
    }
    layer
}

/// The leaves of a text, in its order, and its first error.
fn parse(text: &str, lines: &LineStarts<'_>) -> (Vec<Leaf>, Option<Error>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut leaves = Vec::new();
    flatten("", table.get_ref(), lines, &mut leaves);
    // The parser sorts by name; the report follows the lines.
    leaves.sort_by_key(|leaf| leaf.span.start);
    (leaves, errors.into_iter().min_by_key(|error| error.span().map_or(0, |span| span.start)))
}

/// Every leaf with its full name. A table with the name of a key counts as a leaf, and so does an empty table without
/// keys: both are mistakes, and are validated with the rest.
fn flatten(prefix: &str, table: &DeTable<'_>, lines: &LineStarts<'_>, leaves: &mut Vec<Leaf>) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        match value.get_ref() {
            DeValue::Table(inner)
                if ConfigKey::find(&key).is_none() && (!inner.is_empty() || ConfigKey::is_group(&key)) =>
            {
                flatten(&format!("{key}."), inner, lines, leaves);
            }
            inner => {
                let raw = GivenValue::with_lines(inner, &|byte| Some(lines.position(byte).0));
                // Several tables of one name need not lie together: a fault in one of them spoils its own line.
                let end =
                    if matches!(raw, GivenValue::Tables(_)) { name.span().end } else { value.span().end };
                leaves.push(Leaf { key, raw, span: name.span().start..end });
            }
        }
    }
}

/// What an error at `byte` spoils: its line; of a value over several lines, all before it too, since an open array
/// swallows what follows; of a table's head, the whole table, since its keys belong to no known table.
fn broken(lines: &LineStarts<'_>, leaves: &[Leaf], byte: usize) -> Range<usize> {
    let around = leaves.iter().find(|leaf| leaf.span.contains(&byte));
    let first = lines.position(around.map_or(byte, |leaf| leaf.span.start)).0;
    let mut end = lines.position(byte).0 + 1;
    if lines.is_head(first) {
        while end <= lines.starts.len() && !lines.is_head(end) {
            end += 1;
        }
    }
    lines.start(first)..lines.start(end)
}

/// Replaces a range by spaces, line by line, so that every other byte keeps its position. Returns whether that
/// changed anything.
fn blank(text: &mut String, range: Range<usize>) -> bool {
    let blanks: String =
        text[range.clone()].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }).collect();
    let changes = text[range.clone()] != blanks;
    text.replace_range(range, &blanks);
    changes
}

// === impl LineStarts ===

impl<'t> LineStarts<'t> {
    fn of(text: &'t str) -> Self {
        let starts = iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect();
        LineStarts { text, starts }
    }

    /// Line and column of a byte, both from 1.
    fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let before = self.text.get(self.start(line)..byte);
        (line, 1 + before.map_or(0, |before| before.chars().count()))
    }

    /// The byte at which a line starts, or the end of the text.
    fn start(&self, line: usize) -> usize {
        self.starts.get(line - 1).copied().unwrap_or(self.text.len())
    }

    /// Whether a line is the head of a table, as `[limits]` is.
    fn is_head(&self, line: usize) -> bool {
        self.text[self.start(line)..].trim_start_matches([' ', '\t']).starts_with('[')
    }
}
