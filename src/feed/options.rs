//! A source's options: the query behind its name, each taken once, by name and type.
//!
//! Invariant: an unknown option, a value that cannot be read, and an option that is given twice (except `file`) are
//! errors; none is ignored, and all of them are told at once.

use std::{borrow::Cow, fmt, mem, str::FromStr};

use super::error::SourceError;
use crate::text;

/// The only option that may be given several times.
const REPEATED: &str = "file";

/// The options of one source that have not been taken yet.
pub struct Options<'a> {
    /// The source's name in messages.
    source: &'static str,
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The names of options that were read, for the message about an unknown one.
    known: Vec<&'static str>,
    /// What is wrong so far. Reading goes on as if these options were absent, so that a person learns of all faults.
    faults: Vec<SourceError>,
}

// === impl Options ===

impl<'a> Options<'a> {
    /// From `name=value&name=value`, percent-encoded.
    pub fn parse(source: &'static str, query: &'a str) -> Result<Self, SourceError> {
        let mut left: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::new();
        for (option, value) in form_urlencoded::parse(query.as_bytes()) {
            if option != REPEATED && left.iter().any(|(known, _)| *known == option) {
                return Err(SourceError::Twice { source_name: source, option: option.into_owned() });
            }
            left.push((option, value));
        }
        Ok(Options { source, left, known: Vec::new(), faults: Vec::new() })
    }

    /// Takes an option out; `None` when it was not given, or has a value that `parse` does not take: [`Self::finish`]
    /// tells that one. `expected` describes to a person what `parse` takes.
    pub fn take<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.known.push(option);
        let at = self.left.iter().position(|(name, _)| name == option)?;
        let (_, value) = self.left.remove(at);
        let parsed = parse(&value);
        if parsed.is_none() {
            let value = value.into_owned();
            self.faults.push(SourceError::Value { source_name: self.source, option, value, expected });
        }
        parsed
    }

    /// Takes out an option whose parser reports the fault itself.
    pub fn take_parsed<T: FromStr<Err: fmt::Display>>(&mut self, option: &'static str) -> Option<T> {
        let text = self.take(option, "text", |text| Some(text.to_owned()))?;
        let parsed = text.parse().map_err(|why: T::Err| self.refuse(option, why.to_string()));
        parsed.ok()
    }

    /// Notes what is wrong with an option, also where it is missing.
    pub fn refuse(&mut self, option: &'static str, why: String) {
        self.faults.push(SourceError::Invalid { source_name: self.source, option, why });
    }

    /// Takes out every further file, in the order in which they were given.
    pub fn take_files(&mut self) -> Vec<String> {
        self.known.push(REPEATED);
        let (files, left) = mem::take(&mut self.left).into_iter().partition(|(name, _)| name == REPEATED);
        self.left = left;
        let files: Vec<(Cow<'_, str>, Cow<'_, str>)> = files;
        files.into_iter().map(|(_, file)| file.into_owned()).collect()
    }

    /// What was made of the options, if nothing is wrong with any of them.
    ///
    /// # Errors
    /// Every fault of values, and either that of `made` or each unknown option: where `made` is none, not every option
    /// that there is was asked for.
    pub fn finish<T>(self, made: Result<T, SourceError>) -> Result<T, SourceError> {
        let mut faults = self.faults;
        let made = match made {
            Ok(made) => {
                let known = format!("it has {}", self.known.join(", "));
                faults.extend(self.left.into_iter().map(|(option, _)| SourceError::Option {
                    source_name: self.source,
                    near: text::nearest(&option, self.known.iter().copied()),
                    option: option.into_owned(),
                    known: known.clone(),
                }));
                Some(made)
            }
            Err(fault) => {
                // What is missing for its value alone is told already.
                if !faults.iter().any(|told| told.option().is_some() && told.option() == fault.option()) {
                    faults.push(fault);
                }
                None
            }
        };
        match (faults.len(), made) {
            (0, Some(made)) => Ok(made),
            (1, _) => Err(faults.remove(0)),
            _ => Err(SourceError::Several(faults)),
        }
    }
}
