//! What each of Alpaca's channels is here. The forms of stocks and of crypto differ in their fields.

use std::time::Duration;

use crate::{
    fanout::{Form, Mode},
    tick::FieldSet,
    wire::dialects::stream::DialectStream,
};

pub static TRADES: DialectStream = trades(1);
pub static QUOTES: DialectStream = quotes(2);
pub static CRYPTO_TRADES: DialectStream = trades(3);
pub static CRYPTO_QUOTES: DialectStream = quotes(4);

const fn trades(form: u8) -> DialectStream {
    DialectStream {
        name: "trades",
        form: Form::lossless(form),
        mode: Mode::Every,
        fields: FieldSet::LAST_TRADE,
        interval: Duration::ZERO,
        snapshot: false,
        past_trades: 0,
        reports: true,
    }
}

/// The venue sends no quote on subscribing.
const fn quotes(form: u8) -> DialectStream {
    DialectStream {
        name: "quotes",
        form: Form::conflated(form),
        mode: Mode::Latest,
        fields: FieldSet::QUOTE,
        interval: Duration::ZERO,
        snapshot: false,
        past_trades: 0,
        reports: false,
    }
}
