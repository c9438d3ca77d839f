//! A venue's protocol as a client of it begins: its path, what it says first, and how it subscribes.

use tickcast::{
    fanout::Spec,
    session::dialect::{DialectInput, DialectSession},
    tick::{Nanos, Symbol},
    wire::dialects::{Carried, DialectSet, Moment, Wish},
};

/// One stream of a venue.
pub struct DialectClient {
    pub path: &'static str,
    pub query: &'static str,
    /// Said before the first subscription; empty for nothing.
    pub login: &'static str,
    /// Said for each symbol, which stands for `SYMBOL`.
    pub subscribe: &'static str,
}

impl DialectClient {
    /// A session that may subscribe.
    #[expect(clippy::unnecessary_box_returns, reason = "a session has it so")]
    pub fn begin(&self, now: Nanos) -> Box<DialectSession> {
        let begun = DialectSet::ALL.begin(self.path, self.query).expect("the path is a dialect's");
        let mut dialect = DialectSession::new(begun);
        // What it is greeted with is nothing that is measured.
        drop(dialect.hear(DialectInput::Opened, at(now)));
        if !self.login.is_empty() {
            let asked = dialect
                .hear(DialectInput::Text(self.login), at(now))
                .0
                .iter()
                .filter(|wish| wish.asks())
                .count();
            carry(&mut dialect, &vec![Carried::Authenticated; asked], now);
        }
        dialect
    }

    /// The subscription to one symbol's stream.
    pub fn subscribe(&self, dialect: &mut DialectSession, symbol: &Symbol, now: Nanos) -> Spec {
        let text = self.subscribe.replace("SYMBOL", symbol.as_str());
        let wishes = dialect.hear(DialectInput::Text(&text), at(now));
        let stream = wishes.0.iter().find_map(|wish| match wish {
            Wish::Subscribe(stream, _) => Some(*stream),
            _ => None,
        });
        carry(dialect, &[Carried::Subscribed(Some((symbol.clone(), true)))], now);
        // The record as it stands is no message that is measured, and each round has the same.
        Spec { snapshot: false, ..stream.unwrap_or_else(|| panic!("{text}: {wishes:?}")).spec() }
    }
}

fn carry(dialect: &mut DialectSession, results: &[Carried], now: Nanos) {
    let mut wishes = tickcast::wire::dialects::Wishes::default();
    dialect.conversation.carried_out(results, at(now), &mut wishes);
}

fn at(now: Nanos) -> Moment {
    Moment { machine: now, market: now }
}
