//! A source's options: the query behind its name, each taken once, by name and type.
//!
//! Invariant: an unknown option, a value that cannot be read, and an option that is given twice (except `file`) are
//! errors; none is ignored.

use std::{borrow::Cow, fmt, mem, str::FromStr};

use super::error::SourceError;

/// The only option that may be given several times.
const REPEATED: &str = "file";

/// The options of one source that have not been taken yet.
pub struct Options<'a> {
    /// The source's name in messages.
    source: &'static str,
    left: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// The names of options that were read, for the message about an unknown one.
    known: Vec<&'static str>,
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
        Ok(Options { source, left, known: Vec::new() })
    }

    /// Takes an option out; `None` when it was not given. `expected` describes to a person what `parse` takes.
    pub fn take<T>(
        &mut self,
        option: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, SourceError> {
        self.known.push(option);
        let Some(at) = self.left.iter().position(|(name, _)| name == option) else { return Ok(None) };
        let (_, value) = self.left.swap_remove(at);
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(SourceError::Value {
                source_name: self.source,
                option,
                value: value.into_owned(),
                expected,
            }),
        }
    }

    /// Takes out an option whose parser reports the fault itself.
    pub fn take_parsed<T: FromStr<Err: fmt::Display>>(
        &mut self,
        option: &'static str,
    ) -> Result<Option<T>, SourceError> {
        let Some(text) = self.take(option, "text", |text| Some(text.to_owned()))? else { return Ok(None) };
        let wrong =
            |why: T::Err| SourceError::Invalid { source_name: self.source, option, why: why.to_string() };
        text.parse().map(Some).map_err(wrong)
    }

    /// Takes out every further file, in the order in which they were given.
    pub fn take_files(&mut self) -> Vec<String> {
        self.known.push(REPEATED);
        let (files, left) = mem::take(&mut self.left).into_iter().partition(|(name, _)| name == REPEATED);
        self.left = left;
        let files: Vec<(Cow<'_, str>, Cow<'_, str>)> = files;
        files.into_iter().map(|(_, file)| file.into_owned()).collect()
    }

    /// # Errors
    /// When an unknown option is left.
    pub fn finish(self) -> Result<(), SourceError> {
        match self.left.into_iter().next() {
            None => Ok(()),
            Some((option, _)) => Err(SourceError::Option {
                source_name: self.source,
                option: option.into_owned(),
                known: self.known.join(", "),
            }),
        }
    }
}
