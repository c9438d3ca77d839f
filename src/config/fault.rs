//! The faults of settings and their messages: where, what, and what to do about it.
//!
//! Text from outside is shortened and its control characters are escaped, so that a message is always one line and
//! cannot control a terminal.

use std::{error::Error, fmt, io, net::SocketAddr};

use tickcast::{
    access::{PatternsError, faults::AuthFault, settings::KeySourceError},
    audit::AuditCheckFault,
    feed::{FeedError, SourceError},
    tick::SymbolError,
    wire::dialects::UnknownDialect,
};

use super::{
    origin::ConfigOrigin,
    relation::Relation,
    shown::ShownText,
    value::{ConfigValue, ValueUnit},
};

/// One fault, and where it is.
#[derive(Debug)]
pub struct ConfigFault {
    pub origin: ConfigOrigin,
    pub problem: Problem,
}

/// Every fault of the settings, in the order file, environment, flags, contradictions.
#[derive(Debug)]
pub struct ConfigFaults(pub Vec<ConfigFault>);

/// The kind of a fault.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("cannot read {path}")]
    Unreadable { path: String, source: io::Error },
    #[error("{path} is longer than the {bytes_max} bytes that a configuration may have")]
    FileTooLong { path: String, bytes_max: u64 },
    #[error("{path} is not a regular file: it was read once, and cannot be read again")]
    ReadOnce { path: String },
    #[error("not valid TOML (column {column}): {message}")]
    Syntax { column: usize, message: String },
    #[error("`{}` is not a configuration key{}", ShownText(.key), Near(.near.as_deref()))]
    UnknownKey { key: String, near: Option<String> },
    #[error("no such variable{}", Near(.near.as_deref()))]
    UnknownVariable { near: Option<String> },
    #[error("the value is not UTF-8 text")]
    NotText,
    #[error("`{}` sets nothing; write --set KEY=VALUE, such as --set limits.sessions=500", ShownText(.text))]
    NotAssigned { text: String },
    #[error("`{key}` is already given by {first}; give it once")]
    Twice { key: String, first: ConfigOrigin },
    #[error("`{key}` must be {wanted}, but is {found}")]
    Kind { key: &'static str, wanted: String, found: &'static str },
    #[error("`{key}` must be {}, but is `{}`", .unit.whole(), ShownText(.found))]
    NoNumber { key: &'static str, unit: ValueUnit, found: String },
    #[error("`{key}` must be from {min} to {max}{}, but is {found}", Of(*.unit))]
    Range { key: &'static str, unit: ValueUnit, min: u64, max: u64, found: i128 },
    #[error("`{key}` must be {}, but is `{}`", OneOf(.words), ShownText(.found))]
    Word { key: &'static str, words: &'static [&'static str], found: String },
    #[error("`{}` is not an address and port; write them as 127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080", ShownText(.found))]
    Address { found: String },
    #[error(
        "`admin_listen` is {admin}, where `listen` is {listen}: give operators a port of their own, or leave it out"
    )]
    SameAddress { listen: SocketAddr, admin: SocketAddr },
    #[error("`{}` is not a web origin; write scheme, host and port only, as https://app.example.com or https://*.example.com, or * for all", ShownText(.found))]
    WebOrigin { found: String },
    #[error("`{}` is not an address of a proxy; write 10.0.0.7 or 10.0.0.0/8 for X-Forwarded-For, proxy:10.0.0.7 for the PROXY protocol", ShownText(.found))]
    Proxy { found: String },
    #[error(transparent)]
    Dialects(UnknownDialect),
    #[error("`{}` is not an epoch; write 1 to 32 of A-Z a-z 0-9 . _ -", ShownText(.found))]
    Epoch { found: String },
    #[error("`auth.keys` has `{}`", ShownText(.text))]
    KeySource { text: String, source: KeySourceError },
    #[error("`{key}` has `{}`; write 1 to 256 bytes without control characters", ShownText(.found))]
    AuthName { key: &'static str, found: String },
    #[error("`{key}` has a pattern that no symbol could match")]
    AuthPattern { key: &'static str, source: PatternsError },
    /// Known only when files are read: by `tickcast check`, and by the service when it starts.
    #[error(transparent)]
    Auth(AuthFault),
    #[error("`{}` is not a key of a field{}", ShownText(.key), NearPart(*.near, "a field has name, kind, merge and symbols"))]
    FieldPartUnknown { key: String, near: Option<&'static str> },
    #[error("`{key}` of a field must be {wanted}, but is {found}")]
    FieldPart { key: &'static str, wanted: &'static str, found: &'static str },
    #[error("a field has no name; give it one, such as name = \"mark\"")]
    FieldUnnamed,
    #[error("`{}` is not a name of a field; write 1 to 32 of a-z 0-9 _, a letter first", ShownText(.found))]
    FieldName { found: String },
    #[error("every record has the field `{name}` already; give this one another name")]
    FieldFixed { name: String },
    #[error("`{name}` has another meaning in messages or recordings; give the field another name")]
    FieldReserved { name: String },
    #[error("the field `{name}` is already given by {first}; give it once")]
    FieldTwice { name: String, first: ConfigOrigin },
    #[error("`{key}` of a field must be {}, but is `{}`{}", OneOf(.words), ShownText(.found), Meant(*.near))]
    FieldWord { key: &'static str, words: &'static [&'static str], found: String, near: Option<&'static str> },
    #[error("texts cannot be merged by `{merge}`; write `last` or `first`, or another kind")]
    FieldTextMerge { merge: &'static str },
    #[error("`symbols` of a field is an empty list; leave it out for every symbol")]
    FieldSymbolsEmpty,
    #[error("`{}` is not a pattern of symbols, such as *-PERP", ShownText(.text))]
    FieldGlob { text: String, source: SymbolError },
    #[error("{found} fields are too many; configure at most {most}")]
    FieldsTooMany { found: usize, most: usize },
    #[error("`{}` is not a key of a product{}", ShownText(.key), NearPart(*.near, "a product has name, symbols, delay_ms, delayed_fields and notice"))]
    ProductPartUnknown { key: String, near: Option<&'static str> },
    #[error("`{key}` of a product must be {wanted}, but is {}", ShownText(.found))]
    ProductPart { key: &'static str, wanted: &'static str, found: String },
    #[error("a product has no `{key}`; write a table with name and symbols, or name;symbols in one text")]
    ProductLacks { key: &'static str },
    #[error("the product `{}` is already given by {first}; give it once", ShownText(.name))]
    ProductTwice { name: String, first: ConfigOrigin },
    #[error("`symbols` of a product has a pattern that no symbol could match, or too many of them")]
    ProductPattern { source: PatternsError },
    #[error("{found} products are too many; configure at most {most}")]
    ProductsTooMany { found: usize, most: usize },
    #[error("`delayed_fields` of the product `{}` has `{}`, which is not a field", ShownText(.product), ShownText(.field))]
    ProductField { product: String, field: String },
    #[error("`auth.anonymous.fields` has `{}`, which is not a field", ShownText(.field))]
    AnonymousField { field: String },
    #[error(
        "limits.frame_bytes must be at least {least} with these {fields} fields, for two of the longest messages, \
              but is {frame_bytes}"
    )]
    FrameTooSmall { frame_bytes: usize, least: usize, fields: usize },
    #[error("no feed is left; write `push` for a service whose ticks all come by POST /v1/publish")]
    NoFeed,
    #[error("the feed `{}` stands twice in the list; give it once", ShownText(.text))]
    FeedTwice { text: String },
    #[error(
        "the feeds `{}` and `{}` both name {symbol}; give one of them a `prefix`, such as prefix=BN:",
        ShownText(.first),
        ShownText(.second)
    )]
    FeedsShare { symbol: String, first: String, second: String },
    #[error(
        "the feed `{}` makes the market's time its recording's (clock=replay, or a scenario): it must be the only feed \
         beside push, but there is `{}` too",
        ShownText(.text),
        ShownText(.other)
    )]
    FeedClock { text: String, other: String },
    #[error("the feed `{}` cannot be used", ShownText(.text))]
    Feed { text: String, source: SourceError },
    /// Known only when feeds are opened: by `tickcast check`, and by the service when it starts.
    #[error("the feed `{}` cannot be opened", ShownText(.text))]
    FeedUnopened { text: String, source: FeedError },
    /// Known only when it is looked at: by `tickcast check`, and by the service when it starts.
    #[error("the directory of recordings `{}` cannot be read", ShownText(.path))]
    Recordings { path: String, source: io::Error },
    #[error("the usage audit cannot be written to `audit.file`")]
    Audit(#[source] AuditCheckFault),
    #[error("`{key}` has an empty name of a file")]
    FileUnnamed { key: &'static str },
    #[error(
        "`tls.certs` has {certs} files and `tls.keys` has {keys}; give one key for each certificate, in the same order"
    )]
    TlsUnpaired { certs: usize, keys: usize },
    #[error(
        "`tls.client_ca` is given without `tls.certs`: clients' certificates need TLS, and TLS a certificate of its own"
    )]
    TlsClientsAlone,
    /// Known only when files are read: by `tickcast check`, and by the service when it starts.
    #[error(transparent)]
    Tls(Box<dyn Error + Send + Sync>),
    #[error("{}; here {}", .relation.rule(), Together(.values))]
    Contradiction { relation: Relation, values: Vec<(&'static str, ConfigValue, ConfigOrigin)> },
}

/// "did you mean", when a known name is near.
struct Near<'a>(Option<&'a str>);

/// The key of a field that was meant, or all of them.
/// The nearest part, or all that there are.
struct NearPart(Option<&'static str>, &'static str);

struct Meant(Option<&'static str>);

struct Of(ValueUnit);

struct OneOf<'a>(&'a [&'static str]);

struct Together<'a>(&'a [(&'static str, ConfigValue, ConfigOrigin)]);

// === impl ConfigFault ===

/// Unlike its parts, a fault prints with its causes: an operator reads this line.
impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.problem)?;
        let mut cause = self.problem.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

// === impl ConfigFaults ===

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "1 error in the configuration:")?,
            count => writeln!(f, "{count} errors in the configuration:")?,
        }
        self.0.iter().try_for_each(|fault| writeln!(f, "  {fault}"))
    }
}

impl Error for ConfigFaults {}

// === impl of what messages are made of ===

impl fmt::Display for Near<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => f.write_str("; docs/CONFIGURATION.md lists them all"),
        }
    }
}

impl fmt::Display for NearPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(near) => write!(f, "; did you mean `{near}`?"),
            None => write!(f, "; {}", self.1),
        }
    }
}

impl fmt::Display for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |near| write!(f, "; did you mean `{near}`?"))
    }
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueUnit::One => Ok(()),
            ValueUnit::Bytes => f.write_str(" bytes"),
            ValueUnit::Millis => f.write_str(" milliseconds"),
        }
    }
}

impl fmt::Display for OneOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, word) in self.0.iter().enumerate() {
            let between = match i {
                0 => "",
                _ if i + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{between}`{word}`")?;
        }
        Ok(())
    }
}

impl fmt::Display for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, value, origin)) in self.0.iter().enumerate() {
            let between = if i == 0 { "" } else { ", " };
            write!(f, "{between}{key} = {value} ({origin})")?;
        }
        Ok(())
    }
}
