//! What each of Alpaca's channels is here. The forms of stocks and of crypto differ in their fields.

use crate::{tick::FieldSet, wire::dialects::stream::DialectStream};

pub static TRADES: DialectStream = trades(1);
pub static QUOTES: DialectStream = quotes(2);
pub static CRYPTO_TRADES: DialectStream = trades(3);
pub static CRYPTO_QUOTES: DialectStream = quotes(4);

const fn trades(form: u8) -> DialectStream {
    DialectStream::trades("trades", form)
}

/// The venue sends no quote on subscribing.
const fn quotes(form: u8) -> DialectStream {
    DialectStream::conflated("quotes", form, FieldSet::QUOTE)
}
