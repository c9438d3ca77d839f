//! What a message of data says, however it is written: a trade, its cancel or its correction, or a quote.
//!
//! The market knows no exchanges and tapes. Trades have the regular sale's condition, and those that say what they do not
//! affect (docs/CONDITIONS.md); the tape is the one of these letters. What a trade was before its cancel or correction is
//! not known: its price and size are 0. Those of crypto have no word on the venue.

use std::iter;

use super::streams::{CRYPTO_QUOTES, CRYPTO_TRADES, QUOTES};
use crate::{
    fanout::Form,
    tick::{Affects, Decimal, ReportKind, Side, TradeReport},
    wire::{
        dialects::{
            conditions::{self, TradeCondition},
            quote::Quote,
            trade::{self, Trade},
        },
        encodings::encoder::{MessageKind, RecordPart, Shown},
    },
};

/// The exchange of every trade and quote: IEX.
pub const EXCHANGE: &str = "V";
/// The tape whose letters the conditions are.
pub const TAPE: &str = "C";
/// The condition of every trade: a regular sale.
pub const SALE_CONDITION: &str = "@";
/// The condition of every quote: a regular one.
pub const QUOTE_CONDITION: &str = "R";
/// What is done to a trade by its cancel.
pub const CANCELLED: &str = "C";

/// What a message of data says.
pub enum AlpacaDatum<'a> {
    Trade { trade: Trade<'a>, number: u64, conditions: &'static [TradeCondition] },
    Quote(Quote),
    Cancel { number: u64 },
    Correction { number: u64, price: Decimal, size: Decimal, conditions: &'static [TradeCondition] },
}

impl<'a> AlpacaDatum<'a> {
    /// Of one tick or a record; `None` when there is nothing to say.
    pub fn of(kind: MessageKind, shown: &Shown<'a>, part: &RecordPart<'a>) -> Option<AlpacaDatum<'a>> {
        if is_quote(part.form) {
            return Quote::of(shown).map(AlpacaDatum::Quote);
        }
        // What a gap is followed by is no trade.
        if kind != MessageKind::Update {
            return None;
        }
        if let Some(report) = part.report.filter(|report| report.is_correction()) {
            return Self::of_report(report).filter(|_| !is_crypto(part.form));
        }
        let trade = Trade::of(shown, part)?;
        let affects = part.report.map_or(Affects::ALL, |report| report.affects);
        let (number, conditions) = (trade.number(shown.seq), conditions::of(affects));
        Some(AlpacaDatum::Trade { trade, number, conditions })
    }

    /// A trade that was sent under another number than its venue's cannot be named; nor is one corrected by halves.
    fn of_report(report: &TradeReport) -> Option<AlpacaDatum<'a>> {
        let number = trade::number(&report.id)?;
        if report.kind == ReportKind::Cancel {
            return Some(AlpacaDatum::Cancel { number });
        }
        let (price, size) = (report.last?, report.last_size?);
        Some(AlpacaDatum::Correction { number, price, size, conditions: conditions::of(report.affects) })
    }

    /// The value of `T`, as the tick has it that is written.
    pub fn kind(form: Form, shown: &Shown<'_>) -> &'static str {
        if is_quote(form) {
            return "q";
        }
        match shown.fields.correction().map(|report| report.kind) {
            Some(ReportKind::Cancel) => "x",
            Some(ReportKind::Correct) => "c",
            Some(ReportKind::Trade) | None => "t",
        }
    }
}

/// The letters of a trade's conditions.
pub fn letters(conditions: &'static [TradeCondition]) -> impl Iterator<Item = &'static str> + Clone {
    iter::once(SALE_CONDITION).chain(conditions.iter().map(|condition| condition.letter))
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
