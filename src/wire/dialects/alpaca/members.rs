//! The members of a message of data, in the order in which the venue has them, in JSON as in `MessagePack`.

use super::point::{self, AlpacaDatum, CANCELLED, EXCHANGE, QUOTE_CONDITION, TAPE};
use crate::{
    tick::{Decimal, Nanos},
    wire::dialects::{conditions::TradeCondition, quote::Quote},
};

/// How members are written: each appends its name and its value.
pub trait MemberWriter {
    fn number(name: &str, value: u64, out: &mut Vec<u8>);
    fn text(name: &str, text: &str, out: &mut Vec<u8>);
    fn price(name: &str, value: Decimal, out: &mut Vec<u8>);
    fn size(name: &str, value: Decimal, is_crypto: bool, out: &mut Vec<u8>);
    fn letters<'a>(name: &str, letters: impl Iterator<Item = &'a str> + Clone, out: &mut Vec<u8>);
    /// The member `t`.
    fn time(time: Nanos, out: &mut Vec<u8>);
}

/// Appends all but the kind and the symbol, which stand before.
pub fn write<W: MemberWriter>(datum: &AlpacaDatum<'_>, ts: Nanos, is_crypto: bool, out: &mut Vec<u8>) {
    match datum {
        AlpacaDatum::Trade { trade, number, conditions } => {
            W::number("i", *number, out);
            if !is_crypto {
                W::text("x", EXCHANGE, out);
            }
            W::price("p", trade.price, out);
            W::size("s", trade.size, is_crypto, out);
            W::time(ts, out);
            if is_crypto {
                W::text("tks", point::taker(trade.side), out);
            } else {
                W::letters("c", point::letters(conditions), out);
                W::text("z", TAPE, out);
            }
        }
        AlpacaDatum::Quote(quote) => write_quote::<W>(quote, ts, is_crypto, out),
        AlpacaDatum::Cancel { number } => {
            W::number("i", *number, out);
            W::text("x", EXCHANGE, out);
            W::price("p", Decimal::ZERO, out);
            W::size("s", Decimal::ZERO, is_crypto, out);
            W::text("a", CANCELLED, out);
            W::text("z", TAPE, out);
            W::time(ts, out);
        }
        AlpacaDatum::Correction { number, price, size, conditions } => {
            W::text("x", EXCHANGE, out);
            let was = (Decimal::ZERO, Decimal::ZERO);
            write_version::<W>(["oi", "op", "os", "oc"], *number, was, conditions, is_crypto, out);
            write_version::<W>(
                ["ci", "cp", "cs", "cc"],
                *number,
                (*price, *size),
                conditions,
                is_crypto,
                out,
            );
            W::text("z", TAPE, out);
            W::time(ts, out);
        }
    }
}

/// A trade as it was before its correction, or as it is.
fn write_version<W: MemberWriter>(
    names: [&str; 4],
    number: u64,
    (price, size): (Decimal, Decimal),
    conditions: &'static [TradeCondition],
    is_crypto: bool,
    out: &mut Vec<u8>,
) {
    W::number(names[0], number, out);
    W::price(names[1], price, out);
    W::size(names[2], size, is_crypto, out);
    W::letters(names[3], point::letters(conditions), out);
}

fn write_quote<W: MemberWriter>(quote: &Quote, ts: Nanos, is_crypto: bool, out: &mut Vec<u8>) {
    for (exchange, price, size, values) in
        [("bx", "bp", "bs", (quote.bid, quote.bid_size)), ("ax", "ap", "as", (quote.ask, quote.ask_size))]
    {
        if !is_crypto {
            W::text(exchange, EXCHANGE, out);
        }
        W::price(price, values.0, out);
        W::size(size, values.1, is_crypto, out);
    }
    W::time(ts, out);
    if !is_crypto {
        W::letters("c", [QUOTE_CONDITION].into_iter(), out);
        W::text("z", TAPE, out);
    }
}
