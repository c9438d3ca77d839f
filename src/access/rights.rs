//! [`Rights`]: what one token allows, or what nobody needs a token for.
//!
//! They are asked when something begins: a subscription, a request, a listing that a glob matches. A message that is
//! delivered asks nothing.
//!
//! Invariant: a check has a bound. Names are found in a sorted list, and of globs a list has at most [`GLOBS_MAX`].

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use compact_str::CompactString;

use crate::{
    audit::AuditUser,
    tick::{CustomFields, Field, FieldSet, Glob, Nanos, Symbol, SymbolError, WantedFields},
};

/// What a token allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rights {
    /// Whose it is: `sub`.
    pub user: Option<CompactString>,
    /// The token's own name: `jti`.
    pub token: Option<CompactString>,
    /// By which use is reported.
    pub class: Option<CompactString>,
    /// Symbols that may be read as they happen.
    pub read: SymbolPatterns,
    /// Symbols that may be read later.
    pub delayed: SymbolPatterns,
    /// Symbols that may be published.
    pub publish: SymbolPatterns,
    /// The names of the fields that may be read; `None` for all. A name that this service does not have allows nothing.
    pub fields: Option<Vec<CompactString>>,
    /// Replays may be watched over and controlled.
    pub replay: bool,
    pub admin: bool,
    /// How many sessions the user may have at once.
    pub sessions: Option<u32>,
    /// The least time between two messages of a symbol.
    pub min_interval: Duration,
    /// When they end, by the machine's clock; `None` for never.
    pub expires: Option<Nanos>,
    /// When the token was made, if it says so.
    pub issued: Option<Nanos>,
    /// Whom the token says that it is from and for.
    pub parties: Parties,
    /// They end with what gave them, see [`Authority::is_revoked`](super::Authority::is_revoked).
    pub granted: Granted,
}

/// `iss` and `aud` of a token, which an operator may stop to trust while it is in use.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parties {
    pub issuer: Option<String>,
    pub audience: Vec<String>,
}

/// Sessions with one token share its rights.
pub type SharedRights = Arc<Rights>;

/// What gave rights.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Granted {
    /// Nothing that could be taken back: a session has these before its token.
    #[default]
    ByNothing,
    /// That nothing is configured.
    ByDefault,
    /// The claim of those without a token.
    ToAnyone,
    /// A token that the key with this mark has signed.
    ByKey(u64),
    /// An API key, by its mark.
    ByApiKey(u64),
}

/// Whether a symbol may be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Entitlement {
    RealTime,
    Delayed,
    Refused,
}

/// A list of symbols and globs, which matches what any of them matches.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SymbolPatterns {
    /// Sorted, each once.
    names: Vec<Symbol>,
    globs: Vec<Glob>,
    /// One of the globs is `*`.
    is_all: bool,
}

/// Why a list of texts is not a list of patterns.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PatternsError {
    #[error("{text:?}: {error}")]
    Symbol { text: String, error: SymbolError },
    #[error("{0} globs are named, a list may have {GLOBS_MAX}: name symbols, or use fewer and wider globs")]
    TooManyGlobs(usize),
}

/// Globs in one list. Each is matched in turn.
pub const GLOBS_MAX: usize = 64;

// === impl Rights ===

impl Rights {
    /// Everything: nothing is configured, so nobody is asked.
    pub fn everything() -> Arc<Rights> {
        static EVERYTHING: LazyLock<SharedRights> = LazyLock::new(Rights::of_everything);
        Arc::clone(&EVERYTHING)
    }

    fn of_everything() -> Arc<Rights> {
        let (read, publish) = (SymbolPatterns::all(), SymbolPatterns::all());
        let granted = Granted::ByDefault;
        Arc::new(Rights { read, publish, granted, replay: true, admin: true, ..Rights::default() })
    }

    /// Nothing: a session before its token.
    pub fn nothing() -> Arc<Rights> {
        static NOTHING: LazyLock<SharedRights> = LazyLock::new(Arc::default);
        Arc::clone(&NOTHING)
    }

    /// Whether a symbol may be read. Real time wins over delayed.
    pub fn reading(&self, symbol: &Symbol) -> Entitlement {
        if self.read.matches(symbol) {
            Entitlement::RealTime
        } else if self.delayed.matches(symbol) {
            Entitlement::Delayed
        } else {
            Entitlement::Refused
        }
    }

    /// Whether a symbol may be read as it happens.
    pub fn may_read(&self, symbol: &Symbol) -> bool {
        self.read.matches(symbol)
    }

    pub fn may_publish(&self, symbol: &Symbol) -> bool {
        self.publish.matches(symbol)
    }

    /// Whether any symbol may be read, now or later.
    pub fn may_read_any(&self) -> bool {
        !self.read.is_empty() || !self.delayed.is_empty()
    }

    pub fn may_publish_any(&self) -> bool {
        !self.publish.is_empty()
    }

    pub fn may_control_replay(&self) -> bool {
        self.replay || self.admin
    }

    /// Whether what the whole market does may be known: of operators, and of those who may read every symbol in real time.
    pub fn may_know_activity(&self) -> bool {
        self.admin || self.read.is_all
    }

    /// Whether every symbol may be read with every field, at any pace, for ever: then a session need not ask.
    pub fn is_everything(&self) -> bool {
        let is_whole = self.fields.is_none() && self.min_interval.is_zero();
        self.read.is_all && is_whole && self.expires.is_none()
    }

    /// The fields that may be read.
    pub fn readable_fields(&self, table: &CustomFields) -> WantedFields {
        let Some(names) = &self.fields else { return WantedFields::ALL };
        let known = names
            .iter()
            .fold(WantedFields::NONE, |fields, name| fields.with_name(name, table).unwrap_or(fields));
        known.normal(table)
    }

    /// Whether what is said of a single trade may be read: a trade that affects little, a cancel, a correction. It shows
    /// all that there is to a trade.
    pub fn may_read_reports(&self) -> bool {
        let Some(names) = &self.fields else { return true };
        let known = names.iter().filter_map(|name| Field::parse(name));
        let fields = known.fold(FieldSet::NONE, FieldSet::with);
        fields.intersect(FieldSet::LAST_TRADE) == FieldSet::LAST_TRADE
    }

    /// By whom use is reported.
    pub fn who(&self) -> AuditUser {
        AuditUser { user: self.user.clone(), class: self.class.clone() }
    }

    pub fn is_expired(&self, now: Nanos) -> bool {
        self.expires.is_some_and(|expires| now >= expires)
    }
}

// === impl SymbolPatterns ===

impl SymbolPatterns {
    /// Every symbol.
    pub fn all() -> Self {
        SymbolPatterns { globs: Glob::new("*").into_iter().collect(), is_all: true, ..Self::default() }
    }

    /// Of symbols and globs, as `symbols` of a command has them.
    ///
    /// # Errors
    /// When a text could match no symbol, or there are too many globs.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternsError> {
        let mut patterns = SymbolPatterns::default();
        for text in texts {
            let glob =
                Glob::new(text).map_err(|error| PatternsError::Symbol { text: text.to_owned(), error })?;
            match glob.named() {
                Some(symbol) => patterns.names.push(symbol),
                None if !patterns.globs.contains(&glob) => patterns.globs.push(glob),
                None => {}
            }
        }
        if patterns.globs.len() > GLOBS_MAX {
            return Err(PatternsError::TooManyGlobs(patterns.globs.len()));
        }
        patterns.names.sort_unstable();
        patterns.names.dedup();
        patterns.is_all = patterns.globs.iter().any(|glob| glob.as_str() == "*");
        Ok(patterns)
    }

    pub fn matches(&self, symbol: &Symbol) -> bool {
        self.is_all
            || self.names.binary_search(symbol).is_ok()
            || self.globs.iter().any(|glob| glob.matches(symbol))
    }

    /// Symbols that are named, sorted.
    pub(super) fn names(&self) -> &[Symbol] {
        &self.names
    }

    pub(super) fn globs(&self) -> &[Glob] {
        &self.globs
    }

    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.globs.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn symbol(text: &str) -> Symbol {
        Symbol::new(text).unwrap()
    }

    fn patterns(texts: &[&str]) -> SymbolPatterns {
        SymbolPatterns::new(texts.iter().copied()).unwrap()
    }

    #[test]
    fn read_wins_over_delayed_and_what_neither_has_is_refused() {
        let rights = Rights {
            read: patterns(&["BTC*", "AAPL"]),
            delayed: patterns(&["B*", "AAPL", "MSFT"]),
            ..Rights::default()
        };
        let check = |text, expected| assert_eq!(rights.reading(&symbol(text)), expected, "{text}");
        check("BTCUSDT", Entitlement::RealTime);
        check("AAPL", Entitlement::RealTime);
        check("BNB", Entitlement::Delayed);
        check("MSFT", Entitlement::Delayed);
        check("AAPLX", Entitlement::Refused);
        check("aapl", Entitlement::Refused);
        check("ETH", Entitlement::Refused);
    }

    #[test]
    fn nothing_is_refused_when_nothing_is_configured_and_everything_before_a_token() {
        let (everything, nothing) = (Rights::everything(), Rights::nothing());
        let any = symbol("A");
        assert!(everything.is_everything() && everything.admin && everything.may_control_replay());
        assert!(everything.may_read(&any) && everything.may_publish(&any) && everything.may_read_reports());
        assert_eq!(everything.readable_fields(&CustomFields::default()), WantedFields::ALL);
        assert!(!nothing.is_everything() && !nothing.admin && !nothing.may_control_replay());
        assert!(!nothing.may_read_any() && !nothing.may_publish_any() && !nothing.may_publish(&any));
        assert_eq!(nothing.reading(&any), Entitlement::Refused);
    }

    #[test]
    fn whoever_must_be_looked_after_has_not_everything() {
        let whole = Rights { read: patterns(&["A", "*"]), ..Rights::default() };
        assert!(whole.is_everything());
        assert!(!Rights { expires: Some(Nanos(1)), ..whole.clone() }.is_everything());
        assert!(!Rights { fields: Some(vec!["bid".into()]), ..whole.clone() }.is_everything());
        assert!(!Rights { min_interval: Duration::from_millis(1), ..whole.clone() }.is_everything());
        assert!(!Rights { read: patterns(&["A*"]), ..whole }.is_everything());
    }

    #[test]
    fn rights_end_at_their_time_exactly() {
        let rights = Rights { expires: Some(Nanos(7)), ..Rights::default() };
        assert!(!rights.is_expired(Nanos(6)) && rights.is_expired(Nanos(7)));
        assert!(!Rights::default().is_expired(Nanos(i64::MAX)));
    }

    #[test]
    fn fields_that_are_unknown_here_allow_nothing_and_trades_are_whole_or_not_told() {
        let with = |names: &[&str]| Rights {
            fields: Some(names.iter().map(|name| CompactString::new(name)).collect()),
            ..Rights::default()
        };
        let table = CustomFields::default();
        let rights = with(&["bid", "mark", "last"]);
        assert_eq!(rights.readable_fields(&table), Field::Bid.bit().with(Field::Last).into());
        assert!(!rights.may_read_reports());
        assert!(with(&["last", "last_size", "side", "trade_id"]).may_read_reports());
        assert!(with(&[]).readable_fields(&table).is_empty());
        let all: Vec<&str> = Field::ALL.into_iter().map(Field::name).collect();
        assert_eq!(with(&all).readable_fields(&table), WantedFields::ALL);
    }

    #[test]
    fn what_matches_no_symbol_is_named() {
        let error = SymbolPatterns::new(["A", "B,C*"]).unwrap_err().to_string();
        assert!(error.starts_with("\"B,C*\": a symbol has no control character"), "{error}");
        let many: Vec<String> = (0..=GLOBS_MAX).map(|number| format!("{number}*")).collect();
        let error = SymbolPatterns::new(many.iter().map(String::as_str)).unwrap_err();
        assert_eq!(error, PatternsError::TooManyGlobs(GLOBS_MAX + 1));
        assert!(patterns(&["A\\*"]).matches(&symbol("A*")) && !patterns(&["A\\*"]).matches(&symbol("AB")));
    }

    proptest! {
        /// However many overlap, they match what one of them matches alone.
        #[test]
        fn a_list_matches_what_one_of_its_patterns_matches(
            texts in prop::collection::vec("[AB]{1,3}|[AB]{0,2}\\*[AB]{0,2}", 0..12), name in "[AB]{1,4}",
        ) {
            let list = SymbolPatterns::new(texts.iter().map(String::as_str)).unwrap();
            let symbol = symbol(&name);
            let any = texts.iter().any(|text| Glob::new(text).unwrap().matches(&symbol));
            prop_assert_eq!(list.matches(&symbol), any);
            prop_assert_eq!(list.is_empty(), texts.is_empty());
        }
    }
}
