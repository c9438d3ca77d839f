//! Reads a configured field's value from text.

use std::sync::Arc;

use super::{
    kind::{CUSTOM_TEXT_BYTES_MAX, CustomKind, CustomMerge},
    table::CustomField,
    value::CustomValue,
};
use crate::tick::{Decimal, DecimalError, Volume};

/// Why a text is not a value of a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum CustomFault {
    #[error("{0}")]
    Decimal(DecimalError),
    #[error("outside -10^24 to 10^24")]
    TotalRange,
    #[error("not a whole number")]
    NotWhole,
    #[error("outside -9223372036854775808 to 9223372036854775807")]
    IntegerRange,
    #[error("an empty text: leave it out, or withdraw it by null")]
    TextEmpty,
    #[error("longer than 64 bytes")]
    TextLong,
    #[error("has a control character")]
    TextControl,
}

impl CustomValue {
    /// The value of a field that its text says exactly.
    ///
    /// # Errors
    /// When the field can have no such value.
    pub fn parse(field: &CustomField, text: &str) -> Result<CustomValue, CustomFault> {
        match (field.kind, field.merge) {
            (CustomKind::Decimal, CustomMerge::Sum) => Self::total(Volume::parse(text)),
            (CustomKind::Decimal, _) => Self::decimal(Decimal::parse(text)),
            (CustomKind::Integer, _) => Self::integer(text),
            (CustomKind::Text, _) => Self::text(text),
        }
    }

    /// # Errors
    /// When it was not parsed.
    pub fn decimal(parsed: Result<Decimal, DecimalError>) -> Result<CustomValue, CustomFault> {
        parsed.map(CustomValue::Decimal).map_err(CustomFault::Decimal)
    }

    /// # Errors
    /// When it was not parsed.
    pub fn total(parsed: Result<Volume, DecimalError>) -> Result<CustomValue, CustomFault> {
        parsed.map(CustomValue::Total).map_err(|error| match error {
            DecimalError::Range => CustomFault::TotalRange,
            other => CustomFault::Decimal(other),
        })
    }

    /// A whole number, as `250`, `250.0` or `2.5e2`.
    ///
    /// # Errors
    /// When it is none, or needs more than 64 bits.
    pub fn integer(text: &str) -> Result<CustomValue, CustomFault> {
        if let Ok(value) = text.parse()
            && !text.starts_with('+')
        {
            return Ok(CustomValue::Integer(value));
        }
        let number = Volume::parse(text).map_err(|error| match error {
            DecimalError::Range => CustomFault::IntegerRange,
            DecimalError::Places => CustomFault::NotWhole,
            other => CustomFault::Decimal(other),
        })?;
        let whole = number.whole().ok_or(CustomFault::NotWhole)?;
        i64::try_from(whole).map(CustomValue::Integer).map_err(|_| CustomFault::IntegerRange)
    }

    /// # Errors
    /// When it is empty, too long, or has control characters.
    pub fn text(text: &str) -> Result<CustomValue, CustomFault> {
        if text.is_empty() {
            return Err(CustomFault::TextEmpty);
        }
        if text.len() > CUSTOM_TEXT_BYTES_MAX {
            return Err(CustomFault::TextLong);
        }
        if text.chars().any(char::is_control) {
            return Err(CustomFault::TextControl);
        }
        Ok(CustomValue::Text(Arc::from(text)))
    }
}
