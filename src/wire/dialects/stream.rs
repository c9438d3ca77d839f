//! What a venue's streams are here: kinds of subscriptions, as static values.

use std::time::Duration;

use compact_str::CompactString;

use crate::{
    fanout::{Form, Mode, Name, Spec, View},
    tick::FieldSet,
};

/// What a kind of a venue's streams is here: a subscription's options. One static value for each kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DialectStream {
    /// Tells a session's subscriptions to one symbol apart, and nobody sees it: the characters of a symbol.
    pub name: &'static str,
    pub form: Form,
    pub mode: Mode,
    /// Some, and never all. A subscription falls behind by ticks that have one of them. Lossless forms are shown these
    /// alone, conflated forms the whole record.
    pub fields: FieldSet,
    /// The least time between two messages.
    pub interval: Duration,
    /// Whether it begins with the record as it stands.
    pub snapshot: bool,
    /// Of how many of the newest trades it is told in place of that record, where there are some; 0: of none.
    pub past_trades: u16,
    /// Whether it is told of trades that do not move the last price, and of cancels and corrections.
    pub reports: bool,
}

/// Between the kind of a subscription and its spelling, in its name.
pub const BEHIND_KIND: char = '|';

/// The symbols that a wish is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Whose {
    /// One, whatever the case of its letters.
    Symbol(CompactString),
    /// One that this spelling means (`spelling.rs`), in which the client is sent it. Unlike the others it must be known,
    /// where the market knows any.
    Spelled(CompactString),
    /// Every symbol, also those that are listed later.
    All,
}

/// The kind of a subscription of this name, without the spelling that some have in it.
pub fn kind_of_name(name: &Name) -> &str {
    let text = name.as_str();
    text.split_once(BEHIND_KIND).map_or(text, |(kind, _)| kind)
}

impl DialectStream {
    /// Each trade, of which a client must miss nothing, from the subscription on. `form`: the number of its form.
    pub const fn trades(name: &'static str, form: u8) -> Self {
        DialectStream {
            name,
            form: Form::lossless(form),
            mode: Mode::Every,
            fields: FieldSet::LAST_TRADE,
            interval: Duration::ZERO,
            snapshot: false,
            past_trades: 0,
            reports: true,
        }
    }

    /// The record after each change of these fields, conflated for a client that is slow.
    pub const fn conflated(name: &'static str, form: u8, fields: FieldSet) -> Self {
        DialectStream {
            name,
            form: Form::conflated(form),
            mode: Mode::Latest,
            fields,
            interval: Duration::ZERO,
            snapshot: false,
            past_trades: 0,
            reports: false,
        }
    }

    /// The same behind the record as it stands, or behind so many of the newest trades where there are some.
    #[must_use]
    pub const fn behind_snapshot(self, past_trades: u16) -> Self {
        DialectStream { snapshot: true, past_trades, ..self }
    }

    /// The same with this time between two messages.
    #[must_use]
    pub const fn at_most_each(self, interval: Duration) -> Self {
        DialectStream { interval, ..self }
    }

    pub fn name(&self) -> Option<Name> {
        Name::new(self.name)
    }

    /// A subscription's options.
    pub fn spec(&self) -> Spec {
        let &DialectStream { form, mode, fields, interval, snapshot, past_trades, reports, .. } = self;
        let view =
            View { wanted: fields.into(), name: self.name(), reports, form, past_trades, ..View::WHOLE };
        Spec { mode, interval, view, snapshot }
    }
}
