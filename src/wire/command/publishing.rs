//! The options of a `publish` command. Its ticks are decoded separately.

use simd_json::{
    BorrowedValue,
    prelude::{ValueAsArray, ValueAsScalar},
};

use super::values::{CommandFault, bad, whole};
use crate::{
    publish::PublisherName,
    wire::{ErrorCode, Id},
};

/// The options of a `publish` command.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publishing {
    pub id: Option<Id>,
    pub publisher: Option<PublisherName>,
    /// The message number; `None` for unnumbered messages, and for a query of the last number.
    pub number: Option<u64>,
}

impl Publishing {
    pub(super) fn read(
        id: Option<Id>,
        ticks: Option<&BorrowedValue<'_>>,
        publisher: Option<&BorrowedValue<'_>>,
        number: Option<&BorrowedValue<'_>>,
    ) -> Result<Self, CommandFault> {
        let Some(ticks) = ticks else {
            return Err((ErrorCode::MissingField, "ticks is missing: an array of ticks".to_owned()));
        };
        // The ticks were already cut out of the command, unless it is spelled unusually.
        if ticks.as_array().is_none_or(|ticks| !ticks.is_empty()) {
            return Err(bad("ticks", "an array of ticks, and it and op are written without escapes", ticks));
        }
        let read_publisher = |name: &BorrowedValue<'_>| {
            let parsed = name.as_str().and_then(PublisherName::new);
            parsed.ok_or_else(|| bad("publisher", PublisherName::EXPECTED, name))
        };
        let read_number = |number: &BorrowedValue<'_>| {
            let parsed = whole(number).filter(|&number| number > 0);
            parsed.ok_or_else(|| bad("number", "a whole number from 1 on", number))
        };
        let publisher = publisher.map(read_publisher).transpose()?;
        let number = number.map(read_number).transpose()?;
        if publisher.is_none() && number.is_some() {
            let message = "publisher is missing: a number is one of a publisher's messages".to_owned();
            return Err((ErrorCode::MissingField, message));
        }
        Ok(Publishing { id, publisher, number })
    }
}
