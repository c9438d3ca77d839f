//! What a server's messages mean to a recording: ticks, and notes of what is missing between them. Pure: no socket, no
//! file.
//!
//! An update of mode `every` is a tick: its fields, and the totals that it moved, which stand when it is played again. One
//! that merges several ticks and names a trade is played as that trade: so it is written with every total of the record,
//! also with those that it does not name, since they have not changed.
//! A snapshot is written as a tick without `last_size`, so that the trade in it is not taken for a new one, and
//! withdraws what was known and is not in it.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde_json::json;
use tickcast::tick::{
    Affects, Decimal, Field, FieldSet, Fields, Nanos, ReportKind, Side, Symbol, Tick, TradeId, TradeReport,
    Volume,
};
use tickcast_client::{self as client, Change, Loss, MessageError};

use super::configured::Configured;

/// What is not in the recording.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Missed {
    /// Ticks in gaps, by the server's reason.
    pub gaps: BTreeMap<String, u64>,
    /// Ticks that an update stood for beside its own.
    pub merged: u64,
    /// Ticks that are missing though no gap was announced.
    pub unannounced: u64,
}

/// Why a frame is none of the contract.
#[derive(Debug, thiserror::Error)]
pub enum InvalidMessage {
    #[error("the server sent an invalid message: {0}")]
    Message(#[from] MessageError),
    #[error("the server sent an invalid message: {field}: {value}")]
    Value { field: &'static str, value: String },
    #[error("the server sent an invalid message: {raw}")]
    Report { raw: String },
    #[error("the server sent an invalid message, by the fields of its welcome: {raw}")]
    Configured { raw: String },
    #[error("the server sent an invalid message: {0}")]
    Symbol(#[from] tickcast::tick::SymbolError),
}

/// The tick of a changed record, and its time of receipt by the server; `None` when it was recorded before.
///
/// # Errors
/// When it is none of the contract.
pub fn tick(
    change: &Change<'_>,
    configured: &mut Configured,
) -> Result<Option<(Tick, Nanos)>, InvalidMessage> {
    let message = &change.tick;
    let out_of_range = |field, value: i64| InvalidMessage::Value { field, value: value.to_string() };
    let rx = Nanos::from_micros(message.rx_us).ok_or_else(|| out_of_range("rx", message.rx_us))?;
    let values = message.values()?;
    let ts = values.ts_us.and_then(Nanos::from_micros);
    let mut fields = Fields::default();
    let withdrawn = values.withdrawn().chain(change.forgotten.iter().copied());
    withdrawn.filter_map(|field| Field::parse(field.name())).for_each(|field| fields.withdraw(field));
    for (field, text) in values.iter() {
        set(&mut fields, field, text)
            .ok_or_else(|| InvalidMessage::Value { field: field.name(), value: text.to_owned() })?;
    }
    if !change.is_snapshot && message.n > 1 && fields.mask.contains_all(FieldSet::TRADE) {
        keep_totals(&mut fields, &change.topic.record)?;
    }
    if let Some(report) = &change.report {
        put_report(&mut fields, report).ok_or_else(|| InvalidMessage::Report { raw: message.excerpt() })?;
    }
    if change.is_snapshot {
        fields = fields.only(FieldSet::ALL.without(fields.mask.intersect(Field::LastSize.bit())));
        if change.had == message.seq {
            return Ok(None);
        }
    }
    let malformed = || InvalidMessage::Configured { raw: message.excerpt() };
    configured.put(change, &values, &mut fields).ok_or_else(malformed)?;
    let tick = Tick { symbol: Symbol::new(&message.symbol)?, ts, fields };
    let says_something = tick.fields.has_values() || tick.fields.report().is_some();
    Ok(says_something.then_some((tick, rx)))
}

/// Names what a trade would move, as the record has it, where the update does not.
fn keep_totals(fields: &mut Fields, record: &tickcast_client::Record) -> Result<(), InvalidMessage> {
    let named = fields.named();
    for field in tickcast_client::Field::ALL {
        let Some(own) = Field::parse(field.name()).filter(|own| MOVED.contains(own)) else { continue };
        match record.text(field) {
            _ if named.contains(own) => {}
            Some(text) => set(fields, field, text)
                .ok_or_else(|| InvalidMessage::Value { field: field.name(), value: text.to_owned() })?,
            // Where the record has none, a trade takes none away.
            None if matches!(own, Field::Side | Field::TradeId) => {}
            None => fields.withdraw(own),
        }
    }
    Ok(())
}

/// What a trade moves beside its own fields.
const MOVED: [Field; 7] =
    [Field::Side, Field::TradeId, Field::Open, Field::High, Field::Low, Field::Volume, Field::Trades];

/// Takes a field's text in; `None` when it is not a value of the field.
fn set(fields: &mut Fields, field: tickcast_client::Field, text: &str) -> Option<()> {
    let field = Field::parse(field.name())?;
    match field {
        Field::Side => fields.set_side(Side::parse(text)?),
        Field::Volume => fields.set_volume(Volume::parse(text).ok().filter(|volume| !volume.is_negative())?),
        Field::Trades => fields.set_trades(text.parse().ok()?),
        Field::TradeId => fields.set_trade_id(TradeId::new(text).ok()?),
        _ => fields.set_decimal(field, Decimal::parse(text).ok()?),
    }
    Some(())
}

/// What a message says of a trade beside the record's fields, as a line has it. The fields of the record that it moved
/// stand when it is played again; `None` when it is none of the contract.
fn put_report(fields: &mut Fields, report: &client::TradeReport<'_>) -> Option<()> {
    let id = report.trade_id.as_deref().map(TradeId::new).transpose().ok()?;
    let decimal = |text: &Option<Cow<'_, str>>| text.as_deref().map(Decimal::parse).transpose().ok();
    let (last, last_size) = (decimal(&report.last)?, decimal(&report.last_size)?);
    let side = report.side.as_deref().map(|side| Side::parse(side).ok_or(())).transpose().ok()?;
    let kind = match report.kind {
        client::ReportKind::Trade => {
            fields.set_decimal(Field::Last, last?);
            fields.set_decimal(Field::LastSize, last_size?);
            if let Some(side) = side {
                fields.set_side(side);
            }
            if let Some(id) = id {
                fields.set_trade_id(id);
            }
            let words = report.affects.iter().flatten().map(|word| Affects::of_word(word));
            let affects = words.into_iter().try_fold(Affects::NONE, |all, word| Some(all.with(word?)))?;
            fields.limit_trade(if report.affects.is_some() { affects } else { Affects::ALL });
            return Some(());
        }
        client::ReportKind::Cancel => ReportKind::Cancel,
        client::ReportKind::Correct => {
            // In such a line they are the trade's. The record has the same, when the trade is its last.
            fields.clear(FieldSet::LAST_TRADE);
            ReportKind::Correct
        }
    };
    fields.set_report(Some(Arc::new(TradeReport { last, last_size, side, ..TradeReport::of(kind, id?) })));
    Some(())
}

/// The recording's line about a gap.
pub fn gap_note(loss: &Loss<'_>, now: Nanos) -> String {
    let gap = &loss.gap;
    let about = [
        ("symbol", json!(gap.symbol)),
        ("from", json!(gap.from)),
        ("to", json!(gap.to)),
        ("reason", json!(gap.reason)),
    ];
    note("gap", now, &about)
}

/// A line about the recording. Its kind comes first, by which readers distinguish it from a tick.
pub fn note(kind: &str, now: Nanos, about: &[(&str, serde_json::Value)]) -> String {
    let about: Vec<String> = about.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
    format!("{{\"tickcast\":\"{kind}\",\"rx\":{}{}}}", now.micros(), about.concat())
}

#[cfg(test)]
mod tests;
