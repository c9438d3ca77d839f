//! A session that becomes one of Exchange's or of Advanced Trade's with its first message.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::{
    scenario::Announcement,
    tick::Nanos,
    wire::{
        CloseReason,
        dialects::{
            coinbase_advanced::AdvancedDialect,
            coinbase_exchange::ExchangeDialect,
            dialect::{Carried, Dialect, Leaving, Moment, Rules, Wishes},
        },
        encodings::Encoding,
    },
};

/// A session of Coinbase's.
#[derive(Default)]
pub struct CoinbaseDialect {
    opened: Nanos,
    chosen: ChosenProtocol,
}

#[derive(Default)]
enum ChosenProtocol {
    #[default]
    Neither,
    ExchangeDialect(ExchangeDialect),
    AdvancedDialect(AdvancedDialect),
}

/// A client that has subscribed to nothing for so long is closed.
const SUBSCRIBE_WITHIN: Duration = Duration::from_secs(5);
/// The words of its close.
const LATE: &str = "no subscription within 5 s";
/// The venue sends no pings. Its clients send some.
const RULES: Rules = Rules { ping: None, pong: Duration::MAX, age_max: None, takes_keys: false };

/// What tells the protocols apart.
#[derive(Deserialize)]
struct FirstMessage {
    channel: Option<IgnoredAny>,
}

impl CoinbaseDialect {
    fn dialect(&mut self) -> Option<&mut dyn Dialect> {
        match &mut self.chosen {
            ChosenProtocol::Neither => None,
            ChosenProtocol::ExchangeDialect(exchange) => Some(exchange),
            ChosenProtocol::AdvancedDialect(advanced) => Some(advanced),
        }
    }

    fn has_subscribed(&self) -> bool {
        match &self.chosen {
            ChosenProtocol::Neither => false,
            ChosenProtocol::ExchangeDialect(exchange) => exchange.has_subscribed(),
            ChosenProtocol::AdvancedDialect(advanced) => advanced.has_subscribed(),
        }
    }

    fn choose(&mut self, text: &str, at: Moment, wishes: &mut Wishes) {
        let is_advanced =
            serde_json::from_str::<FirstMessage>(text).is_ok_and(|first| first.channel.is_some());
        self.chosen = if is_advanced {
            ChosenProtocol::AdvancedDialect(AdvancedDialect::new(at))
        } else {
            ChosenProtocol::ExchangeDialect(ExchangeDialect::default())
        };
        wishes.encode(self.encoding());
    }
}

impl Dialect for CoinbaseDialect {
    fn encoding(&self) -> Encoding {
        match self.chosen {
            ChosenProtocol::Neither | ChosenProtocol::ExchangeDialect(_) => Encoding::COINBASE_EXCHANGE,
            ChosenProtocol::AdvancedDialect(_) => Encoding::COINBASE_ADVANCED,
        }
    }

    fn rules(&self) -> Rules {
        RULES
    }

    fn sequence(&mut self) -> Option<&mut u64> {
        self.dialect()?.sequence()
    }

    fn opened(&mut self, at: Moment, _: &mut Wishes) {
        self.opened = at.machine;
    }

    fn text(&mut self, text: &str, at: Moment, wishes: &mut Wishes) {
        if matches!(self.chosen, ChosenProtocol::Neither) {
            self.choose(text, at, wishes);
        }
        if let Some(dialect) = self.dialect() {
            dialect.text(text, at, wishes);
        }
    }

    fn carried_out(&mut self, results: &[Carried], at: Moment, wishes: &mut Wishes) {
        if let Some(dialect) = self.dialect() {
            dialect.carried_out(results, at, wishes);
        }
    }

    fn sweep(&mut self, at: Moment, frames: u64, wishes: &mut Wishes) {
        if !self.has_subscribed() && at.machine >= self.opened.plus(SUBSCRIBE_WITHIN) {
            return wishes.close_saying(CloseReason::Policy, LATE);
        }
        if let Some(dialect) = self.dialect() {
            dialect.sweep(at, frames, wishes);
        }
    }

    fn announce(&mut self, what: &Announcement, at: Moment, wishes: &mut Wishes) {
        if let Some(dialect) = self.dialect() {
            dialect.announce(what, at, wishes);
        }
    }

    fn leaving(&mut self, why: Leaving, at: Moment, wishes: &mut Wishes) {
        if let Some(dialect) = self.dialect() {
            dialect.leaving(why, at, wishes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::dialects::dialect::Wish;

    fn at(seconds: i64) -> Moment {
        let time = Nanos(1_000_000_000 * seconds);
        Moment { machine: time, market: time }
    }

    #[test]
    fn the_first_message_says_which_it_is() {
        for (text, expected) in [
            (
                r#"{"type":"subscribe","product_ids":["BTC-USD"],"channel":"ticker"}"#,
                Encoding::COINBASE_ADVANCED,
            ),
            (
                r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["ticker"]}"#,
                Encoding::COINBASE_EXCHANGE,
            ),
            (r#"{"type":"subscribe"}"#, Encoding::COINBASE_EXCHANGE),
            ("dance", Encoding::COINBASE_EXCHANGE),
        ] {
            let (mut coinbase, mut wishes) = (CoinbaseDialect::default(), Wishes::default());
            coinbase.text(text, at(1), &mut wishes);
            assert!(matches!(wishes.0[0], Wish::Encode(encoding) if encoding == expected), "{text}");
            let mut wishes = Wishes::default();
            coinbase.text(text, at(1), &mut wishes);
            assert!(!wishes.0.iter().any(|wish| matches!(wish, Wish::Encode(_))), "{text}");
        }
    }

    #[test]
    fn a_client_that_does_not_subscribe_within_five_seconds_is_closed() {
        for text in [None, Some("dance"), Some(r#"{"type":"subscribe","channel":"heartbeats"}"#)] {
            let (mut coinbase, mut wishes) = (CoinbaseDialect::default(), Wishes::default());
            coinbase.opened(at(10), &mut wishes);
            if let Some(text) = text {
                coinbase.text(text, at(11), &mut wishes);
            }
            let mut closes = |seconds| {
                let mut wishes = Wishes::default();
                coinbase.sweep(at(seconds), 0, &mut wishes);
                wishes.0.iter().any(|wish| matches!(wish, Wish::CloseSaying(CloseReason::Policy, _)))
            };
            assert!(!closes(14));
            let has_subscribed = text.is_some_and(|text| text.contains("heartbeats"));
            assert_eq!(closes(15), !has_subscribed, "{text:?}");
        }
    }
}
