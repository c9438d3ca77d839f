//! The trade that a tick is, for dialects whose clients are told each trade.

use crate::{
    tick::{Decimal, Field, ReportKind, Side, TradeId},
    wire::encodings::encoder::{RecordPart, Shown},
};

/// What a tick says of a trade.
#[derive(Clone, Copy, Debug)]
pub struct Trade<'a> {
    pub price: Decimal,
    pub size: Decimal,
    /// Of whoever took the trade; `None` when it is not told.
    pub side: Option<Side>,
    /// Empty when it has none.
    pub id: &'a TradeId,
}

impl<'a> Trade<'a> {
    /// Of one tick in a lossless form, or of a record; `None` when it is no trade: a quote, a cancel, a correction.
    pub fn of(shown: &Shown<'a>, part: &RecordPart<'a>) -> Option<Trade<'a>> {
        let fields = shown.fields;
        let report = part.report;
        // A client that may not be told of a cancel is not told of the trade that is the last one behind it.
        let hidden = part.form.is_lossless() && fields.correction().is_some();
        if hidden || report.is_some_and(|report| report.kind != ReportKind::Trade) {
            return None;
        }
        let value = |told: Option<Decimal>, field| told.or_else(|| fields.get_decimal(field));
        let price = value(report.and_then(|report| report.last), Field::Last)?;
        // A price without a size is no trade, here as elsewhere.
        let size = value(report.and_then(|report| report.last_size), Field::LastSize)?;
        let side = || fields.mask.contains(Field::Side).then_some(fields.side);
        let side = report.and_then(|report| report.side).or_else(side);
        Some(Trade {
            price,
            size,
            side: side.filter(|side| *side != Side::Unknown),
            id: report.map(|report| &report.id).filter(|id| !id.is_empty()).unwrap_or(fields.trade_id()),
        })
    }

    /// The trade's number by its venue, if that is one; else `seq`, the topic's own, which rises too.
    pub fn number(&self, seq: u64) -> u64 {
        number(self.id).unwrap_or(seq)
    }
}

/// The number that a trade's name is.
pub fn number(id: &TradeId) -> Option<u64> {
    let text = id.text();
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}
