//! A key: its name, its kind, its range, its meaning, and the field of [`Config`] that it sets.
//!
//! Texts from flags and variables and values from the file meet here; after this they are the same. A kind carries its
//! own accessors, so that a number can only be set in a field that holds a number.

use super::{
    fault::Problem,
    settings::Config,
    value::{ConfigValue, GivenValue, ValueUnit, read_integer, read_value, unquoted},
};

/// One setting.
pub struct ConfigKey {
    /// As in the file: `log.level` is `level` in the table `[log]`.
    pub name: &'static str,
    pub kind: Kind,
    pub applies: Applies,
    /// What it bounds or chooses, in Markdown.
    #[cfg_attr(not(test), expect(dead_code, reason = "the pages have it, which tests compare"))]
    pub doc: &'static str,
}

/// When a change of a key takes effect in a running service.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Applies {
    /// When the settings are read again.
    AtOnce,
    /// Only at the start, when its object is made.
    AtRestart,
}

/// The form of a key's values, and their field.
pub enum Kind {
    Number {
        unit: ValueUnit,
        min: u64,
        max: u64,
        get: fn(&Config) -> u64,
        set: fn(&mut Config, u64),
    },
    /// One of a few words.
    Word {
        words: &'static [&'static str],
        get: fn(&Config) -> &'static str,
        /// Called with one of `words`.
        set: fn(&mut Config, &str),
    },
    Text {
        get: fn(&Config) -> String,
        set: fn(&mut Config, &str) -> Result<(), Problem>,
    },
    List {
        get: fn(&Config) -> &[String],
        /// Validates the whole list, so that every faulty entry is named.
        set: fn(&mut Config, Vec<String>, &mut Vec<Problem>),
    },
    /// The fields that are added to a record. `fields.rs` reads them, since each of their faults has a line of its own.
    Fields,
    /// The products of symbols, which `products.rs` reads.
    Products,
}

// === impl ConfigKey ===

impl ConfigKey {
    /// The value of this key in `config`.
    pub fn value(&self, config: &Config) -> ConfigValue {
        match &self.kind {
            Kind::Number { get, .. } => ConfigValue::Number(get(config)),
            Kind::Word { get, .. } => ConfigValue::Text(get(config).to_owned()),
            Kind::Text { get, .. } => ConfigValue::Text(get(config)),
            Kind::List { get, .. } => ConfigValue::List(get(config).to_vec()),
            Kind::Fields => {
                ConfigValue::List(config.fields.iter().map(|(_, field)| field.to_string()).collect())
            }
            Kind::Products => {
                ConfigValue::List(config.auth.products.iter().map(ToString::to_string).collect())
            }
        }
    }

    /// Validates `raw`, sets its valid parts, and reports every fault.
    pub(super) fn apply(&self, raw: GivenValue, config: &mut Config, problems: &mut Vec<Problem>) {
        let outcome = match &self.kind {
            Kind::Number { unit, min, max, set, .. } => {
                self.number(raw, *unit, *min, *max).map(|number| set(config, number))
            }
            Kind::Word { words, set, .. } => self.word(raw, words).map(|word| set(config, word)),
            Kind::Text { set, .. } => self.text(raw).and_then(|text| set(config, &text)),
            Kind::List { set, .. } => self.list(raw).map(|entries| set(config, entries, problems)),
            Kind::Fields | Kind::Products => Ok(()),
        };
        problems.extend(outcome.err());
    }

    fn number(&self, raw: GivenValue, unit: ValueUnit, min: u64, max: u64) -> Result<u64, Problem> {
        let found = match raw {
            GivenValue::Integer(number) => number,
            GivenValue::Text(text) => {
                read_integer(&text).ok_or(Problem::NoNumber { key: self.name, unit, found: text })?
            }
            other => return Err(self.wrong_kind(format!("{}, without quotes", unit.whole()), &other)),
        };
        u64::try_from(found).ok().filter(|number| (min..=max).contains(number)).ok_or(Problem::Range {
            key: self.name,
            unit,
            min,
            max,
            found,
        })
    }

    fn word(&self, raw: GivenValue, words: &'static [&'static str]) -> Result<&'static str, Problem> {
        let found = self.text(raw)?;
        let word = words.iter().find(|word| **word == found);
        word.copied().ok_or(Problem::Word { key: self.name, words, found })
    }

    fn text(&self, raw: GivenValue) -> Result<String, Problem> {
        let raw = match raw {
            GivenValue::Text(text) => match unquoted(&text) {
                None => return Ok(text),
                Some(Ok(text)) => return Ok(text),
                Some(Err(other)) => other,
            },
            other => other,
        };
        match raw {
            GivenValue::String(text) => Ok(text),
            other => Err(self.wrong_kind("a text in quotes".to_owned(), &other)),
        }
    }

    fn list(&self, raw: GivenValue) -> Result<Vec<String>, Problem> {
        match raw {
            GivenValue::Entries(entries) | GivenValue::Strings(entries) => Ok(entries),
            // Brackets allow entries that contain spaces.
            GivenValue::Text(text) if text.trim_start().starts_with('[') => match read_value(&text) {
                Some(GivenValue::Strings(entries)) => Ok(entries),
                _ => Err(self.wrong_kind(
                    format!("a list, such as {} = [\"a\", \"b\"]", self.name),
                    &GivenValue::Other("brackets that do not hold a TOML list of texts"),
                )),
            },
            GivenValue::Text(text) => match unquoted(&text) {
                None => Ok(text.split_whitespace().map(str::to_owned).collect()),
                // One entry, which may have blanks.
                Some(Ok(entry)) => Ok(vec![entry]),
                Some(Err(other)) => Err(self
                    .wrong_kind(format!("a list of texts, such as {} = [\"a\", \"b\"]", self.name), &other)),
            },
            other => {
                Err(self
                    .wrong_kind(format!("a list of texts, such as {} = [\"a\", \"b\"]", self.name), &other))
            }
        }
    }

    fn wrong_kind(&self, wanted: String, found: &GivenValue) -> Problem {
        Problem::Kind { key: self.name, wanted, found: found.kind() }
    }
}
