//! Errors of commands: a stable code for programs, and a sentence for people.

use super::Id;

/// The code in an `error` message, a result, or an HTTP error. Its meaning never changes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorCode {
    BadJson,
    BadCommand,
    UnknownOp,
    MissingField,
    UnknownField,
    BadValue,
    BadSymbol,
    TooManySubscriptions,
    TooManyGlobs,
    TooManySymbols,
    NotSubscribed,
    RateLimited,
    AuthNotConfigured,
    NotEntitled,
    BadToken,
    /// The session has no right to publish.
    Forbidden,
    Draining,
    NumberGap,
    NumberOld,
    PublisherBusy,
    TooManyPublishers,
}

/// A command that was not carried out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandError {
    /// The id of the command, if it could be read.
    pub id: Option<Id>,
    pub code: ErrorCode,
    pub message: String,
}

impl ErrorCode {
    pub const ALL: [ErrorCode; 21] = [
        ErrorCode::BadJson,
        ErrorCode::BadCommand,
        ErrorCode::UnknownOp,
        ErrorCode::MissingField,
        ErrorCode::UnknownField,
        ErrorCode::BadValue,
        ErrorCode::BadSymbol,
        ErrorCode::TooManySubscriptions,
        ErrorCode::TooManyGlobs,
        ErrorCode::TooManySymbols,
        ErrorCode::NotSubscribed,
        ErrorCode::RateLimited,
        ErrorCode::AuthNotConfigured,
        ErrorCode::NotEntitled,
        ErrorCode::BadToken,
        ErrorCode::Forbidden,
        ErrorCode::Draining,
        ErrorCode::NumberGap,
        ErrorCode::NumberOld,
        ErrorCode::PublisherBusy,
        ErrorCode::TooManyPublishers,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BadJson => "bad_json",
            ErrorCode::BadCommand => "bad_command",
            ErrorCode::UnknownOp => "unknown_op",
            ErrorCode::MissingField => "missing_field",
            ErrorCode::UnknownField => "unknown_field",
            ErrorCode::BadValue => "bad_value",
            ErrorCode::BadSymbol => "bad_symbol",
            ErrorCode::TooManySubscriptions => "too_many_subscriptions",
            ErrorCode::TooManyGlobs => "too_many_globs",
            ErrorCode::TooManySymbols => "too_many_symbols",
            ErrorCode::NotSubscribed => "not_subscribed",
            ErrorCode::RateLimited => "rate_limited",
            ErrorCode::AuthNotConfigured => "auth_not_configured",
            ErrorCode::NotEntitled => "not_entitled",
            ErrorCode::BadToken => "bad_token",
            ErrorCode::Forbidden => "forbidden",
            ErrorCode::Draining => "draining",
            ErrorCode::NumberGap => "number_gap",
            ErrorCode::NumberOld => "number_old",
            ErrorCode::PublisherBusy => "publisher_busy",
            ErrorCode::TooManyPublishers => "too_many_publishers",
        }
    }
}
