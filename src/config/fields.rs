//! The fields that a configuration adds to a record: tables `[[fields]]` in the file, texts in flags and variables.
//!
//! ```text
//! name                    mark
//! name:kind:merge:globs   mark:decimal:last:*-PERP,*-SWAP
//! ```
//! Both forms become the same parts, which are checked once. Each part knows where it was given, so that every fault
//! names its own line.

use std::sync::Arc;

use tickcast::{
    text,
    tick::{
        CustomFields, Field, Glob,
        custom::{CUSTOM_FIELDS_MAX, CustomField, CustomKind, CustomMerge, CustomName},
    },
};

use super::{
    fault::{ConfigFault, ConfigFaults, Problem},
    origin::ConfigOrigin,
    value::{GivenTable, GivenValue, unquoted},
};

/// What a field's table may have.
pub(super) const PARTS: [&str; 4] = ["name", "kind", "merge", "symbols"];

/// One field as it was given.
struct GivenField {
    origin: ConfigOrigin,
    parts: Vec<GivenPart>,
}

struct GivenPart {
    key: String,
    value: GivenValue,
    origin: ConfigOrigin,
}

/// Checks fields, and finds their faults.
struct FieldCheck<'f> {
    faults: &'f mut Vec<ConfigFault>,
    known: Vec<(CustomName, ConfigOrigin)>,
}

/// The fields that a command is given by its flags.
///
/// # Errors
/// Every fault of them.
pub fn of_flags(texts: &[String]) -> Result<Arc<CustomFields>, ConfigFaults> {
    let mut faults = Vec::new();
    let origin = ConfigOrigin::Flag("--field".to_owned());
    let fields = read(GivenValue::Entries(texts.to_vec()), &origin, &mut faults);
    if faults.is_empty() { Ok(fields) } else { Err(ConfigFaults(faults)) }
}

/// The fields of one layer. Those with faults are left out.
pub(super) fn read(
    raw: GivenValue,
    origin: &ConfigOrigin,
    faults: &mut Vec<ConfigFault>,
) -> Arc<CustomFields> {
    let given = match given(raw, origin) {
        Ok(given) => given,
        Err(problem) => {
            faults.push(ConfigFault { origin: origin.clone(), problem });
            Vec::new()
        }
    };
    if given.len() > CUSTOM_FIELDS_MAX {
        let problem = Problem::FieldsTooMany { found: given.len(), most: CUSTOM_FIELDS_MAX };
        faults.push(ConfigFault { origin: given[CUSTOM_FIELDS_MAX].origin.clone(), problem });
    }
    let mut check = FieldCheck { faults, known: Vec::new() };
    CustomFields::new(given.into_iter().filter_map(|given| check.field(given)).collect())
}

fn given(raw: GivenValue, origin: &ConfigOrigin) -> Result<Vec<GivenField>, Problem> {
    let texts =
        |texts: Vec<String>| texts.into_iter().map(|text| GivenField::of_text(&text, origin)).collect();
    match raw {
        GivenValue::Tables(tables) => {
            Ok(tables.into_iter().map(|table| GivenField::of_table(table, origin)).collect())
        }
        GivenValue::Entries(entries) | GivenValue::Strings(entries) => Ok(texts(entries)),
        GivenValue::Text(text) if text.trim_start().starts_with('[') => match super::value::read_value(&text)
        {
            Some(inner @ (GivenValue::Strings(_) | GivenValue::Tables(_))) => given(inner, origin),
            _ => Err(wrong_kind("brackets that do not hold a TOML list of them")),
        },
        GivenValue::Text(text) => match unquoted(&text) {
            None => Ok(texts(text.split_whitespace().map(str::to_owned).collect())),
            Some(Ok(text)) => Ok(texts(vec![text])),
            Some(Err(other)) => Err(wrong_kind(other.kind())),
        },
        other => Err(wrong_kind(other.kind())),
    }
}

fn wrong_kind(found: &'static str) -> Problem {
    let wanted =
        "a table [[fields]] for each field, or a list such as [\"mark:decimal:last:*-PERP\"]".to_owned();
    Problem::Kind { key: "fields", wanted, found }
}

// === impl GivenField ===

impl GivenField {
    /// `name:kind:merge:globs`, as far as it goes. A pattern may have colons, and no commas.
    fn of_text(text: &str, origin: &ConfigOrigin) -> Self {
        let values = PARTS.into_iter().zip(text.splitn(PARTS.len(), ':'));
        let part = |(key, value): (&str, &str)| {
            let value = match key {
                "symbols" => {
                    GivenValue::Strings(value.split(',').map(|glob| glob.trim().to_owned()).collect())
                }
                _ => GivenValue::String(value.trim().to_owned()),
            };
            GivenPart { key: key.to_owned(), value, origin: origin.clone() }
        };
        GivenField { origin: origin.clone(), parts: values.map(part).collect() }
    }

    fn of_table(table: GivenTable, origin: &ConfigOrigin) -> Self {
        let part = |(key, value, line): (String, GivenValue, Option<usize>)| GivenPart {
            key,
            value,
            origin: origin.at_line(line),
        };
        GivenField {
            origin: origin.at_line(table.line),
            parts: table.entries.into_iter().map(part).collect(),
        }
    }

    fn take(&mut self, key: &str) -> Option<GivenPart> {
        let at = self.parts.iter().position(|part| part.key == key)?;
        Some(self.parts.remove(at))
    }
}

// === impl FieldCheck ===

impl FieldCheck<'_> {
    fn fault(&mut self, origin: &ConfigOrigin, problem: Problem) {
        self.faults.push(ConfigFault { origin: origin.clone(), problem });
    }

    /// Checks every part of a field, whichever of the others is faulty.
    fn field(&mut self, mut given: GivenField) -> Option<CustomField> {
        let before = self.faults.len();
        let name = self.name(&mut given);
        let kind = given
            .take("kind")
            .and_then(|part| self.word(&part, "kind", CustomKind::NAMES, CustomKind::parse));
        let merge_part = given.take("merge");
        let merge = merge_part
            .as_ref()
            .and_then(|part| self.word(part, "merge", CustomMerge::NAMES, CustomMerge::parse));
        let (kind, merge) = (kind.unwrap_or(CustomKind::Decimal), merge.unwrap_or(CustomMerge::Last));
        if kind == CustomKind::Text && !merge.takes_text() {
            let origin = merge_part.map_or_else(|| given.origin.clone(), |part| part.origin);
            self.fault(&origin, Problem::FieldTextMerge { merge: merge.name() });
        }
        let symbols = given.take("symbols").map(|part| self.symbols(part)).unwrap_or_default();
        for part in std::mem::take(&mut given.parts) {
            let near = text::nearest(&part.key, PARTS);
            self.fault(&part.origin, Problem::FieldPartUnknown { key: part.key, near });
        }
        (self.faults.len() == before).then_some(CustomField { name: name?, kind, merge, symbols })
    }

    fn name(&mut self, given: &mut GivenField) -> Option<CustomName> {
        let Some(part) = given.take("name") else {
            self.fault(&given.origin, Problem::FieldUnnamed);
            return None;
        };
        let text = self.text(&part, "name")?;
        let Some(name) = CustomName::parse(&text) else {
            let problem = if Field::parse(&text).is_some() {
                Problem::FieldFixed { name: text }
            } else if CustomName::is_reserved(&text) {
                Problem::FieldReserved { name: text }
            } else {
                Problem::FieldName { found: text }
            };
            self.fault(&part.origin, problem);
            return None;
        };
        let first = self.known.iter().find(|(known, _)| *known == name).map(|(_, first)| first.clone());
        if let Some(first) = first {
            self.fault(&part.origin, Problem::FieldTwice { name: text, first });
            return None;
        }
        self.known.push((name, part.origin));
        Some(name)
    }

    fn text(&mut self, part: &GivenPart, key: &'static str) -> Option<String> {
        match &part.value {
            GivenValue::String(text) => Some(text.clone()),
            other => {
                let problem = Problem::FieldPart { key, wanted: "a text in quotes", found: other.kind() };
                self.fault(&part.origin, problem);
                None
            }
        }
    }

    fn word<T>(
        &mut self,
        part: &GivenPart,
        key: &'static str,
        words: &'static [&'static str],
        parse: fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = self.text(part, key)?;
        let parsed = parse(&found);
        if parsed.is_none() {
            let near = text::nearest(&found, words.iter().copied());
            self.fault(&part.origin, Problem::FieldWord { key, words, found, near });
        }
        parsed
    }

    fn symbols(&mut self, part: GivenPart) -> Vec<Glob> {
        let GivenPart { value, origin, .. } = part;
        let texts = match value {
            GivenValue::Strings(texts) => texts,
            GivenValue::String(text) => vec![text],
            other => {
                let wanted = "a list of patterns, such as [\"*-PERP\"]";
                self.fault(&origin, Problem::FieldPart { key: "symbols", wanted, found: other.kind() });
                return Vec::new();
            }
        };
        if texts.is_empty() {
            self.fault(&origin, Problem::FieldSymbolsEmpty);
        }
        let mut globs = Vec::new();
        for text in texts {
            match Glob::new(&text) {
                Ok(glob) => globs.push(glob),
                Err(source) => self.fault(&origin, Problem::FieldGlob { text, source }),
            }
        }
        globs
    }
}
