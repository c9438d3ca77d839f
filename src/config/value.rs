//! A setting's value, as given by a layer and as stored in the settings, and the unit of a number. Its key defines its
//! range.

use std::fmt;

use toml::de::{DeInteger, DeTable, DeValue};

/// The unit of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueUnit {
    /// A count of what the key's name says.
    One,
    Bytes,
    Millis,
}

impl ValueUnit {
    /// What a number in it is, for a person.
    pub const fn whole(self) -> &'static str {
        match self {
            ValueUnit::One => "a whole number",
            ValueUnit::Bytes => "a whole number of bytes",
            ValueUnit::Millis => "a whole number of milliseconds",
        }
    }
}

/// A value in [`Config`](super::Config); prints as TOML.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigValue {
    Number(u64),
    Text(String),
    List(Vec<String>),
}

/// A value as a layer gave it.
pub(super) enum GivenValue {
    /// From a variable or `--set`: the key's kind decides its type.
    Text(String),
    /// From a flag that may be repeated: the entries of a list, as typed.
    Entries(Vec<String>),
    /// From the file.
    Integer(i128),
    String(String),
    Strings(Vec<String>),
    /// From the file: one or more tables of the same key.
    Tables(Vec<GivenTable>),
    /// From the file, and of a type that no key has; its name, in words.
    Other(&'static str),
}

/// One of several tables with the same name.
pub(super) struct GivenTable {
    pub line: Option<usize>,
    /// Name, value and line, in the order of the lines.
    pub entries: Vec<(String, GivenValue, Option<usize>)>,
}

// === impl ConfigValue ===

impl fmt::Display for ConfigValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigValue::Number(number) => write!(f, "{number}"),
            ConfigValue::Text(text) => write!(f, "{}", toml::Value::from(text.as_str())),
            ConfigValue::List(entries) => write!(f, "{}", toml::Value::from(entries.clone())),
        }
    }
}

// === impl GivenValue ===

impl GivenValue {
    pub(super) fn from_toml(value: &DeValue<'_>) -> GivenValue {
        Self::with_lines(value, &|_| None)
    }

    /// `line_of` gives the line of a byte, where that says something.
    pub(super) fn with_lines(value: &DeValue<'_>, line_of: &dyn Fn(usize) -> Option<usize>) -> GivenValue {
        match value {
            DeValue::Array(entries)
                if !entries.is_empty() && entries.iter().all(|entry| entry.get_ref().is_table()) =>
            {
                let tables = entries.iter().filter_map(|entry| {
                    Some(GivenTable::of(entry.get_ref().as_table()?, line_of(entry.span().start), line_of))
                });
                GivenValue::Tables(tables.collect())
            }
            DeValue::String(text) => GivenValue::String(text.clone().into_owned()),
            DeValue::Integer(integer) => GivenValue::Integer(saturate(integer)),
            DeValue::Array(entries) => entries
                .iter()
                .map(|entry| entry.get_ref().as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .map_or(GivenValue::Other("a list with an entry that is not text"), GivenValue::Strings),
            DeValue::Float(_) => GivenValue::Other("a number with a fraction or exponent"),
            DeValue::Boolean(_) => GivenValue::Other("true or false"),
            DeValue::Datetime(_) => GivenValue::Other("a date or time"),
            DeValue::Table(_) => GivenValue::Other("a table"),
        }
    }
}

impl GivenValue {
    /// Its type, for a message.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            GivenValue::Text(_) | GivenValue::String(_) => "a text",
            GivenValue::Entries(_) | GivenValue::Strings(_) => "a list of texts",
            GivenValue::Tables(_) => "a list of tables",
            GivenValue::Integer(_) => "a number",
            GivenValue::Other(words) => words,
        }
    }
}

impl GivenTable {
    fn of(table: &DeTable<'_>, line: Option<usize>, line_of: &dyn Fn(usize) -> Option<usize>) -> Self {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| {
                let value = GivenValue::with_lines(value.get_ref(), line_of);
                (name.span().start, name.get_ref().to_string(), value)
            })
            .collect();
        // The parser sorts by name; the report follows the lines.
        entries.sort_by_key(|(start, ..)| *start);
        let entries = entries.into_iter().map(|(start, name, value)| (name, value, line_of(start)));
        GivenTable { line, entries: entries.collect() }
    }
}

/// What a text from a flag or a variable says that stands in quotes, as in the file: a shell was told to leave them. `None` for
/// one without quotes, which is as it stands.
pub(super) fn unquoted(text: &str) -> Option<Result<String, GivenValue>> {
    if !text.trim_start().starts_with(['"', '\'']) {
        return None;
    }
    Some(match read_value(text) {
        Some(GivenValue::String(text)) => Ok(text),
        _ => Err(GivenValue::Other("quotes that do not hold a TOML text")),
    })
}

pub(super) fn read_value(text: &str) -> Option<GivenValue> {
    DeValue::parse(text.trim()).ok().map(|value| GivenValue::from_toml(value.get_ref()))
}

/// A whole number as TOML writes it, so that a variable and the file agree about `10_000`.
pub(super) fn read_integer(text: &str) -> Option<i128> {
    match read_value(text) {
        Some(GivenValue::Integer(number)) => Some(number),
        _ => None,
    }
}

/// A number beyond 128 bits is out of any key's range too: the largest number replaces it in the message.
fn saturate(integer: &DeInteger<'_>) -> i128 {
    let text = integer.as_str();
    let overflow = if text.starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(text, integer.radix()).unwrap_or(overflow)
}
