//! The faults of a line, for a program to match and for a person to read.
//!
//! Not here: the refusals of topics (`Owned`, `TopicsFull`), since a decoded line knows nothing of topics.
//! Invariant: a message is bounded, whatever the line holds.

use simd_json::ErrorType;

use crate::{
    feed::RejectReason,
    tick::{
        CustomFields, DecimalError, SymbolError, TradeIdError, Volume, WantedFields,
        custom::{CustomFault, CustomName},
    },
};

/// Why a line is not a tick. Its text names the field and the fault of its value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LineError {
    #[error("longer than {limit} bytes")]
    TooLong { limit: usize },
    /// `at` counts bytes from 0, and is where the parser stopped: sometimes a little after the fault.
    #[error("not JSON: {what}, at byte {at}")]
    Syntax { what: &'static str, at: usize },
    #[error("not a JSON object but {found}")]
    NotAnObject { found: &'static str },
    #[error("symbol: missing")]
    SymbolMissing,
    #[error("symbol: {0}")]
    Symbol(SymbolError),
    #[error("symbol: not a string but {found}")]
    SymbolKind { found: &'static str },
    /// The name is cut to [`NAME_CHARS_MAX`]. What else there is, where a configuration adds fields.
    #[error("unknown field {name:?}{known}")]
    UnknownField { name: String, known: String },
    #[error("{field}: {fault}")]
    Custom { field: CustomName, fault: ValueFault },
    #[error("{field}: {fault}")]
    Value { field: &'static str, fault: ValueFault },
    #[error("no field of a record, such as bid, ask or last")]
    NoFields,
}

/// The fault of one value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ValueFault {
    #[error("{0}")]
    Decimal(DecimalError),
    #[error("{0}")]
    Custom(CustomFault),
    #[error("not a text but {found}")]
    NotAText { found: &'static str },
    #[error("not a number but {found}")]
    NotANumber { found: &'static str },
    #[error("not a whole number")]
    NotWhole,
    #[error("must not be negative")]
    Negative,
    #[error("more than the total of any market")]
    VolumeRange,
    #[error("out of range")]
    Range,
    #[error(
        "no time since 1970 in seconds (10 digits), milliseconds (13), microseconds (16) or nanoseconds (19)"
    )]
    Time,
    #[error("not buy, sell or unknown")]
    Side,
    #[error("{0}")]
    TradeId(TradeIdError),
    #[error("neither text nor a whole number but {found}")]
    NoTradeId { found: &'static str },
    #[error("not nanoseconds since 1970")]
    Nanos,
    #[error("no time that can be")]
    Moment,
    #[error("not true or false")]
    Boolean,
    #[error("given twice")]
    Twice,
    #[error("not a list of last, high_low and volume, each at most once: {found}")]
    Affects { found: &'static str },
    #[error("neither none nor last, high_low and volume, each at most once, with blanks between")]
    AffectsCell,
    /// What the line has does not go together.
    #[error("{0}")]
    Rule(&'static str),
    #[error("not names of fields with blanks between them")]
    Names,
}

/// The fault of bytes, and of an escaped half of a surrogate pair.
const NOT_UTF8: &str = "not UTF-8";

/// How much of an unknown field's name a message repeats.
const NAME_CHARS_MAX: usize = 40;

// === impl LineError ===

impl LineError {
    pub(super) fn unknown_field(name: &str, table: &CustomFields) -> Self {
        let known = if table.is_empty() {
            String::new()
        } else {
            format!("; there are {}", WantedFields::ALL.names(table).join(", "))
        };
        LineError::UnknownField { name: name.chars().take(NAME_CHARS_MAX).collect(), known }
    }

    /// The same error, with the place of bytes that are not UTF-8, which the parser does not tell.
    pub(super) fn within(self, line: &[u8]) -> Self {
        match self {
            LineError::Syntax { what: NOT_UTF8, at } => {
                let at = std::str::from_utf8(line).map_or_else(|error| error.valid_up_to(), |_| at);
                LineError::Syntax { what: NOT_UTF8, at }
            }
            other => other,
        }
    }

    /// The metric label of this error.
    pub const fn reason(&self) -> RejectReason {
        match self {
            LineError::TooLong { .. } => RejectReason::LineTooLong,
            LineError::Syntax { .. } | LineError::NotAnObject { .. } => RejectReason::Syntax,
            LineError::SymbolMissing | LineError::Symbol(_) | LineError::SymbolKind { .. } => {
                RejectReason::Symbol
            }
            LineError::UnknownField { .. } => RejectReason::UnknownField,
            LineError::Value { .. } | LineError::Custom { .. } => RejectReason::Value,
            LineError::NoFields => RejectReason::NoFields,
        }
    }
}

// === impl ValueFault ===

impl ValueFault {
    /// A total as it was parsed, if in range. Its range is wider than the one in [`DecimalError`]'s text.
    pub(in crate::feed) fn check_volume(parsed: Result<Volume, DecimalError>) -> Result<Volume, ValueFault> {
        match parsed {
            Ok(volume) if volume.is_negative() => Err(ValueFault::Negative),
            Ok(volume) => Ok(volume),
            Err(DecimalError::Range) => Err(ValueFault::VolumeRange),
            Err(other) => Err(ValueFault::Decimal(other)),
        }
    }
}

impl From<simd_json::Error> for LineError {
    fn from(error: simd_json::Error) -> Self {
        LineError::Syntax { what: describe(error.error()), at: error.index() }
    }
}

/// Whether the parser stopped at a number: an invalid one, or one that its types cannot hold.
pub(super) fn is_of_number(error: &simd_json::Error) -> bool {
    matches!(error.error(), ErrorType::InvalidNumber | ErrorType::InvalidExponent | ErrorType::Overflow)
}

/// The parser's own names are for its maintainers; these are for the author of the line.
fn describe(error: &ErrorType) -> &'static str {
    match error {
        ErrorType::Eof => "it ends too early",
        ErrorType::UnterminatedString => "a string does not end",
        ErrorType::InvalidNumber | ErrorType::InvalidExponent | ErrorType::Overflow => {
            "a number is malformed"
        }
        ErrorType::InvalidUtf8 | ErrorType::InvalidUnicodeCodepoint => NOT_UTF8,
        ErrorType::InvalidEscape | ErrorType::InvalidUnicodeEscape => "a string has a bad escape",
        ErrorType::TrailingData => "something follows the object",
        ErrorType::DepthLimitExceeded => "nested too deep",
        ErrorType::ExpectedObjectColon => "a colon is missing",
        ErrorType::ExpectedMapComma | ErrorType::ExpectedArrayComma | ErrorType::ExpectedMapEnd => {
            "a comma or the end is missing"
        }
        ErrorType::ExpectedObjectKey
        | ErrorType::KeyMustBeAString
        | ErrorType::BadKeyType
        | ErrorType::ExpectedObjectContent => "a field's name is missing",
        _ => "malformed",
    }
}
