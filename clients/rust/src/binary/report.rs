//! What an update says of a trade beside the record's fields: a block of its own within the message.

use std::borrow::Cow;

use super::{
    BinaryError,
    bytes::Cursor,
    decimals::Scale,
    table::FieldTable,
    values::{Body, Collect, Mask, Sink, Skip, read},
};
use crate::{
    field::Field,
    message::{Value, Values},
    report::{ReportKind, TradeReport},
};

const CANCEL: u8 = 1;
const CORRECT: u8 = 2;
const TRADE: u8 = 4;
const AFFECTS: u8 = 8;

/// `last` and `last_size`, which need a scale.
const SCALED: [usize; 2] = [4, 5];
/// What a trade affects, by the bits of a byte.
const AFFECTED: [(u8, &str); 3] = [(1, "last"), (2, "high_low"), (4, "volume")];

/// A report, checked to be one.
pub(super) fn checked<'a>(cursor: &mut Cursor<'a>, fields: &FieldTable) -> Result<Cursor<'a>, BinaryError> {
    let report = cursor.inner()?;
    let mut cursor = report.clone();
    let flags = flags(&mut cursor)?;
    for flag in [CANCEL, CORRECT] {
        if flags & flag != 0 {
            cursor.text()?;
        }
    }
    if flags & TRADE != 0 {
        trade(&mut cursor, fields, &mut Skip)?;
    }
    if flags & AFFECTS != 0 {
        affects(&mut cursor)?;
    }
    // What follows is of a newer server: the length is there to skip it.
    Ok(report)
}

/// The values of the trade itself.
fn trade<'a>(
    cursor: &mut Cursor<'a>,
    fields: &FieldTable,
    sink: &mut impl Sink<'a>,
) -> Result<(), BinaryError> {
    let mask = Mask::read(cursor)?;
    let scale = if mask.has_any(&SCALED) { Some(Scale::read(cursor)?) } else { None };
    read(cursor, mask, scale, fields, sink)
}

fn flags(cursor: &mut Cursor<'_>) -> Result<u8, BinaryError> {
    let at = cursor.at();
    let flags = cursor.byte()?;
    if flags & !(CANCEL | CORRECT | TRADE | AFFECTS) == 0 {
        Ok(flags)
    } else {
        Err(BinaryError::Flags { at })
    }
}

fn affects(cursor: &mut Cursor<'_>) -> Result<Vec<Cow<'static, str>>, BinaryError> {
    let at = cursor.at();
    let bits = cursor.byte()?;
    if AFFECTED.iter().fold(bits, |rest, (bit, _)| rest & !bit) != 0 {
        return Err(BinaryError::Flags { at });
    }
    let words = AFFECTED.into_iter().filter(|(bit, _)| bits & bit != 0);
    Ok(words.map(|(_, word)| Cow::Borrowed(word)).collect())
}

// === impl Body ===

impl<'a> Body<'a> {
    pub fn report(&self) -> Result<Option<TradeReport<'a>>, BinaryError> {
        let Some(mut cursor) = self.report.clone() else { return Ok(None) };
        let flags = flags(&mut cursor)?;
        let mut text = |flag: u8| (flags & flag != 0).then(|| cursor.text().map(Cow::Borrowed)).transpose();
        let (cancel, correct) = (text(CANCEL)?, text(CORRECT)?);
        let mut values = Values::default();
        if flags & TRADE != 0 {
            trade(&mut cursor, self.fields, &mut Collect { fields: self.fields, values: &mut values })?;
        }
        let affects = (flags & AFFECTS != 0).then(|| affects(&mut cursor)).transpose()?;
        let mut value = |field: Field| match std::mem::take(&mut values.texts[field as usize]) {
            Value::Text(text) => Some(text),
            Value::Absent | Value::Withdrawn => None,
        };
        let (last, last_size, side) = (value(Field::Last), value(Field::LastSize), value(Field::Side));
        let (kind, trade_id) = match (cancel, correct) {
            (Some(id), _) => (ReportKind::Cancel, Some(id)),
            (None, Some(id)) => (ReportKind::Correct, Some(id)),
            (None, None) if last.is_none() => return Ok(None),
            (None, None) => (ReportKind::Trade, value(Field::TradeId)),
        };
        Ok(Some(TradeReport { kind, trade_id, last, last_size, side, affects }))
    }
}
