//! Ingests the ticks, cancels and corrections of a topic whose trades have ids: updates its record and its table
//! together. Other topics bypass this.

use std::sync::Arc;

use super::{
    room::TapeRoom,
    table::{TopicTape, Uncorrected, is_same},
};
use crate::{
    feed::RejectReason,
    tick::{Field, FieldSet, Fields, ReportKind, TradeReport},
    topic::record::{Record, TotalFull},
};

/// Why a tick was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TakeError {
    #[error(transparent)]
    Full(TotalFull),
    #[error("{kind}: {}", no_such_trade(.id, *.trades_max))]
    UnknownTrade { kind: &'static str, id: String, trades_max: usize },
}

fn no_such_trade(id: &str, trades_max: usize) -> String {
    if trades_max == 0 {
        return format!("no trade {id:?} is known, since none is kept (limits.tape_trades is 0)");
    }
    format!(
        "no trade {id:?} is known: it was cancelled, never came, or is older than the last {trades_max} with a name \
         (limits.tape_trades)"
    )
}

const TOTALS: FieldSet =
    Field::Open.bit().with(Field::High).with(Field::Low).with(Field::Volume).with(Field::Trades);

/// Whether a tick of a topic without a table must come here.
#[inline]
pub fn concerns(tick: &Fields) -> bool {
    tick.mask.contains(Field::TradeId) || tick.report().is_some()
}

/// Applies the next tick. The table begins with the first trade that has an id.
///
/// # Errors
/// When the tick was refused; nothing was changed then.
#[inline(never)]
pub fn take(
    record: &mut Record,
    tape: &mut Option<Box<TopicTape>>,
    tick: &Fields,
    room: &mut TapeRoom,
) -> Result<(), Box<TakeError>> {
    if let Some(report) = tick.correction() {
        return correct(record, tape, tick, report, room);
    }
    let seq = record.seq + 1;
    let trades_max = room.for_table(tape.as_ref().map_or(0, |tape| tape.held_trades()));
    if tape.is_none() && trades_max > 0 && tick.is_trade() && !tick.name_of_trade().is_empty() {
        *tape = Some(Box::new(TopicTape::new(&record.fields, seq)));
    }
    let Some(tape) = tape else { return Ok(record.take(tick)?) };
    let (held, news) = (tape.held(tick), news(record, tick, tape));
    record.take_holding(tick, held)?;
    room.count(tape, |tape| tape.follow(news.as_ref().unwrap_or(tick), seq, &record.fields, trades_max));
    Ok(())
}

/// Strips from a trade the totals that equal the computed ones, so that the table keeps proving them; `None` when there
/// are none. So a recording of a server's own output, whose lines carry every changed total, replays exactly.
fn news(record: &Record, trade: &Fields, tape: &TopicTape) -> Option<Fields> {
    let given = trade.mask.intersect(TOTALS);
    if given.is_empty() || !trade.is_trade() {
        return None;
    }
    let (mut news, mut computed) = (trade.clone(), record.clone());
    news.clear(given);
    computed.take_holding(&news, tape.held(trade)).ok()?;
    let same = given.iter().filter(|&field| is_same(field, trade, &computed.fields));
    news.clone_from(trade);
    news.clear(same.fold(FieldSet::NONE, FieldSet::with));
    Some(news)
}

impl From<TotalFull> for Box<TakeError> {
    #[cold]
    fn from(full: TotalFull) -> Self {
        Box::new(TakeError::Full(full))
    }
}

/// Applies a cancel or correction. One that gives fields of the record is accepted even if its trade is unknown: the
/// given values stand, and the feed is responsible for the rest.
fn correct(
    record: &mut Record,
    tape: &mut Option<Box<TopicTape>>,
    tick: &Fields,
    report: &TradeReport,
    room: &mut TapeRoom,
) -> Result<(), Box<TakeError>> {
    let mut report = report.clone();
    let known = match (tape.as_mut(), report.kind) {
        (None, _) => Err(Uncorrected::NoSuchTrade),
        (Some(tape), ReportKind::Cancel) => {
            let cancelled = room.count(tape, |tape| tape.cancel(&report.id, &record.fields));
            cancelled.map_err(|_| Uncorrected::NoSuchTrade)
        }
        (Some(tape), _) => tape.correct(&mut report, &record.fields),
    };
    let known_trade = known.is_ok();
    let mut moved = match known {
        Ok(moved) => moved,
        Err(Uncorrected::VolumeFull) => return Err(TotalFull::Volume.into()),
        Err(Uncorrected::NoSuchTrade) if !tick.named().is_empty() => as_given(record, &report),
        Err(Uncorrected::NoSuchTrade) => {
            let kind = if report.kind == ReportKind::Cancel { "cancel" } else { "correct" };
            let trades_max = room.for_table(tape.as_ref().map_or(0, |tape| tape.held_trades()));
            let id = report.id.to_string();
            return Err(Box::new(TakeError::UnknownTrade { kind, id, trades_max }));
        }
    };
    let mut given = tick.clone();
    if known_trade {
        // Given values that equal the computed ones are no news: the table keeps proving them.
        let mut computed = record.fields.clone();
        computed.merge(&moved);
        let same = tick.named().iter().filter(|&field| is_same(field, tick, &computed));
        given.clear(same.fold(FieldSet::NONE, FieldSet::with));
    }
    moved.set_report(Some(Arc::new(report)));
    record.take_correction(moved, tick);
    if let Some(tape) = tape {
        tape.give(&given, record.seq, &record.fields);
    }
    Ok(())
}

/// The new values of a correction whose trade is unknown but shown as the record's last.
fn as_given(record: &Record, report: &TradeReport) -> Fields {
    let mut fields = Fields::default();
    let is_last = record.fields.mask.contains(Field::TradeId) && *record.fields.trade_id() == report.id;
    if report.kind == ReportKind::Correct && is_last {
        let values = [(Field::Last, report.last), (Field::LastSize, report.last_size)];
        for (field, value) in values {
            if let Some(value) = value {
                fields.set_decimal(field, value);
            }
        }
        if let Some(side) = report.side {
            fields.set_side(side);
        }
    }
    fields
}

// === impl TakeError ===

impl TakeError {
    /// The metric label.
    pub const fn reason(&self) -> RejectReason {
        match self {
            TakeError::Full(_) => RejectReason::Value,
            TakeError::UnknownTrade { .. } => RejectReason::UnknownTrade,
        }
    }
}
