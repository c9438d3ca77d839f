//! What a message of data says, however it is written: a trade or a quote.
//!
//! The market knows no exchanges, tapes and conditions. Trades have the regular sale's condition, and one more that says
//! what they do not affect (docs/CONDITIONS.md); the tape is the one of these letters.

use super::streams::{CRYPTO_QUOTES, CRYPTO_TRADES, QUOTES};
use crate::{
    fanout::Form,
    tick::{Affects, Decimal, Field, FieldSet, Side},
    wire::{
        dialects::trade::Trade,
        encodings::encoder::{MessageKind, RecordPart, Shown},
    },
};

/// The exchange of every trade and quote: IEX.
pub const EXCHANGE: &str = "V";
/// The tape whose letters the conditions are.
pub const TAPE: &str = "C";
/// The condition of every quote: a regular one.
pub const QUOTE_CONDITION: &str = "R";

/// A trade or a quote.
pub enum AlpacaDatum<'a> {
    Trade { trade: Trade<'a>, number: u64, conditions: &'static [&'static str] },
    Quote(AlpacaQuote),
}

/// A side that is empty has a price and a size of 0.
pub struct AlpacaQuote {
    pub bid: Decimal,
    pub bid_size: Decimal,
    pub ask: Decimal,
    pub ask_size: Decimal,
}

impl<'a> AlpacaDatum<'a> {
    /// Of one tick or a record; `None` when there is nothing to say.
    pub fn of(kind: MessageKind, shown: &Shown<'a>, part: &RecordPart<'a>) -> Option<AlpacaDatum<'a>> {
        if is_quote(part.form) {
            return AlpacaQuote::of(shown).map(AlpacaDatum::Quote);
        }
        // What a gap is followed by is no trade.
        let trade = Trade::of(shown, part).filter(|_| kind == MessageKind::Update)?;
        let affects = part.report.map_or(Affects::ALL, |report| report.affects);
        Some(AlpacaDatum::Trade { number: trade.number(shown.seq), trade, conditions: conditions(affects) })
    }
}

impl AlpacaQuote {
    /// Nothing of a symbol that never had a quote.
    fn of(shown: &Shown<'_>) -> Option<AlpacaQuote> {
        let fields = shown.fields;
        if fields.named().intersect(FieldSet::QUOTE).is_empty() {
            return None;
        }
        let of = |field| fields.get_decimal(field).unwrap_or(Decimal::ZERO);
        let [bid, bid_size, ask, ask_size] = [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize].map(of);
        Some(AlpacaQuote { bid, bid_size, ask, ask_size })
    }
}

pub fn is_crypto(form: Form) -> bool {
    form == CRYPTO_TRADES.form || form == CRYPTO_QUOTES.form
}

pub fn is_quote(form: Form) -> bool {
    form == QUOTES.form || form == CRYPTO_QUOTES.form
}

/// Who took the trade.
pub fn taker(side: Option<Side>) -> &'static str {
    match side {
        Some(Side::Buy) => "B",
        Some(Side::Sell) => "S",
        Some(Side::Unknown) | None => "-",
    }
}

/// Letters of [`TAPE`] by which a trade affects this much.
fn conditions(affects: Affects) -> &'static [&'static str] {
    let [last, high_low, volume] =
        [Affects::LAST, Affects::HIGH_LOW, Affects::VOLUME].map(|one| affects.contains(one));
    match (last, high_low, volume) {
        (true, _, true) => &["@"],
        (true, _, false) => &["@", "9"],
        (false, true, _) => &["@", "Z"],
        (false, false, true) => &["@", "I"],
        (false, false, false) => &["@", "M"],
    }
}
