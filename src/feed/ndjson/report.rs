//! What a line, or a row of a table, says of a trade beside its fields: what the trade affects, or that another is
//! cancelled or corrected.
//!
//! Invariant: a cancel or correction is a tick of its own. Beside it stand only fields that it moves.

use std::sync::Arc;

use super::error::{LineError, ValueFault};
use crate::tick::{Affects, Field, FieldSet, Fields, ReportKind, TradeId, TradeReport};

/// These values.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(in crate::feed) struct LineReport {
    pub affects: Option<Affects>,
    pub cancel: Option<TradeId>,
    pub correct: Option<TradeId>,
}

/// What does not go together, and the name that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::feed) struct ReportFault {
    pub name: &'static str,
    pub rule: &'static str,
}

/// What a line of a correction says of the trade, and not of the record.
const CORRECTED: FieldSet = FieldSet::TRADE.with(Field::Side);

impl LineReport {
    /// Makes a tick's fields say this too.
    ///
    /// # Errors
    /// When the line has what does not go with it.
    pub fn put(self, fields: &mut Fields) -> Result<(), ReportFault> {
        let fault = |name, rule| Err(ReportFault { name, rule });
        match self {
            LineReport { affects: Some(_), cancel: Some(_), .. }
            | LineReport { affects: Some(_), correct: Some(_), .. } => {
                fault("affects", "a cancel or a correction leaves what the trade affects")
            }
            LineReport { affects: Some(affects), .. } => {
                if !fields.is_trade() {
                    return fault("affects", "only of a trade, which has last and last_size");
                }
                fields.limit_trade(affects);
                Ok(())
            }
            LineReport { cancel: Some(_), correct: Some(_), .. } => {
                fault("correct", "a trade is either cancelled or corrected")
            }
            LineReport { cancel: Some(id), .. } => {
                if !Affects::ALL.fields().contains_all(fields.named()) {
                    return fault("cancel", "a tick of its own, without a quote");
                }
                fields.set_report(Some(Arc::new(TradeReport::of(ReportKind::Cancel, id))));
                Ok(())
            }
            LineReport { correct: Some(id), .. } => correct(id, fields),
            _ => Ok(()),
        }
    }
}

impl From<ReportFault> for LineError {
    fn from(fault: ReportFault) -> Self {
        LineError::Value { field: fault.name, fault: ValueFault::Rule(fault.rule) }
    }
}

fn correct(id: TradeId, fields: &mut Fields) -> Result<(), ReportFault> {
    let fault = |rule| Err(ReportFault { name: "correct", rule });
    if !Affects::ALL.fields().without(Field::TradeId.bit()).contains_all(fields.named()) {
        return fault("a tick of its own, without a quote or another trade_id");
    }
    if !fields.withdrawn().intersect(CORRECTED).is_empty() {
        return fault("the values of a trade cannot be withdrawn");
    }
    if fields.mask.intersect(CORRECTED).is_empty() {
        return fault("without last, last_size or side");
    }
    let report = TradeReport {
        last: fields.get_decimal(Field::Last),
        last_size: fields.get_decimal(Field::LastSize),
        side: fields.mask.contains(Field::Side).then_some(fields.side),
        ..TradeReport::of(ReportKind::Correct, id)
    };
    fields.clear(CORRECTED);
    fields.set_report(Some(Arc::new(report)));
    Ok(())
}
