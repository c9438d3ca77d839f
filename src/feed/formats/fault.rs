//! The faults of a record, for a program to match and for a person to read.
//!
//! Invariant: a message is bounded, whatever the record holds.

use crate::{
    feed::{RejectReason, ndjson::ValueFault},
    tick::{SymbolError, custom::CustomName},
};

/// Why a record is not a tick.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatFault {
    #[error("longer than {limit} bytes")]
    TooLong { limit: usize },
    /// The position counts bytes from 0.
    #[error("not UTF-8, at byte {at}")]
    Text { at: usize },
    #[error("a quote is not closed")]
    Quote,
    #[error("{found} columns where {expected} are expected")]
    Columns { found: usize, expected: usize },
    #[error("symbol: {0}")]
    Symbol(SymbolError),
    #[error("{field}: {fault}")]
    Value { field: &'static str, fault: ValueFault },
    #[error("{field}: {fault}")]
    Custom { field: CustomName, fault: ValueFault },
    #[error("{field}: missing")]
    Missing { field: &'static str },
    #[error("no field of a record, such as bid, ask or last")]
    NoFields,
    /// The message of a JSON parser.
    #[error("not JSON of this format: {0}")]
    Json(String),
    /// An invalid binary record.
    #[error("{0}")]
    Binary(&'static str),
}

/// How much of a JSON parser's message is repeated.
const JSON_CHARS_MAX: usize = 120;

// === impl FormatFault ===

impl FormatFault {
    pub fn value(field: &'static str, fault: ValueFault) -> Self {
        FormatFault::Value { field, fault }
    }

    /// These bytes as text.
    ///
    /// # Errors
    /// When they are not UTF-8.
    pub fn text(bytes: &[u8]) -> Result<&str, Self> {
        std::str::from_utf8(bytes).map_err(|error| FormatFault::Text { at: error.valid_up_to() })
    }

    /// The parser repeats names and values of the input, so its message is cut.
    pub fn json(error: &serde_json::Error) -> Self {
        FormatFault::Json(error.to_string().chars().take(JSON_CHARS_MAX).collect())
    }

    /// The metric label of this fault.
    pub const fn reason(&self) -> RejectReason {
        match self {
            FormatFault::TooLong { .. } => RejectReason::LineTooLong,
            FormatFault::Text { .. }
            | FormatFault::Quote
            | FormatFault::Columns { .. }
            | FormatFault::Json(_)
            | FormatFault::Binary(_) => RejectReason::Syntax,
            FormatFault::Symbol(_) => RejectReason::Symbol,
            FormatFault::Value { .. } | FormatFault::Custom { .. } | FormatFault::Missing { .. } => {
                RejectReason::Value
            }
            FormatFault::NoFields => RejectReason::NoFields,
        }
    }
}

impl From<SymbolError> for FormatFault {
    fn from(error: SymbolError) -> Self {
        FormatFault::Symbol(error)
    }
}
