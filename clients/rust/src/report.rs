//! What an update says of a trade beside the record's fields: what it affects, or that it is cancelled or corrected.
//!
//! Read from the text of a message only when it has such a key, which few have.

use std::borrow::Cow;

use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{json::MessageError, message::number_or_text};

/// A trade that does not affect everything, a cancel, or a correction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeReport<'a> {
    pub kind: ReportKind,
    /// The trade's name; of a trade, when it has one.
    pub trade_id: Option<Cow<'a, str>>,
    /// Digits as on the wire. A cancel has no values, a correction those that the trade has now.
    pub last: Option<Cow<'a, str>>,
    pub last_size: Option<Cow<'a, str>>,
    pub side: Option<Cow<'a, str>>,
    /// What the trade affects: `last`, `high_low`, `volume`; `None` is all of them.
    pub affects: Option<Vec<Cow<'a, str>>>,
}

/// The kind of a report.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReportKind {
    /// A trade that does not affect everything.
    Trade,
    /// The trade of this name never was.
    Cancel,
    /// The trade of this name has these values.
    Correct,
}

#[derive(Deserialize)]
struct Keys<'a> {
    #[serde(default, borrow)]
    cancel: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    correct: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    trade: Option<Reported<'a>>,
}

#[derive(Default, Deserialize)]
struct Reported<'a> {
    #[serde(default, borrow)]
    last: Option<&'a RawValue>,
    #[serde(default, borrow)]
    last_size: Option<&'a RawValue>,
    #[serde(default, borrow)]
    side: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    trade_id: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    affects: Option<Vec<Cow<'a, str>>>,
}

/// What the text of a message says of a trade.
pub(crate) fn of_json<'a>(raw: &'a str) -> Result<Option<TradeReport<'a>>, MessageError> {
    let has = |key: &str| memmem::find(raw.as_bytes(), key.as_bytes()).is_some();
    if !has("\"trade\":") && !has("\"cancel\":") && !has("\"correct\":") {
        return Ok(None);
    }
    let Keys { cancel, correct, trade } = serde_json::from_str(raw)
        .map_err(|source| MessageError::Message { kind: "update".to_owned(), source })?;
    let Reported { last, last_size, side, trade_id, affects } = trade.unwrap_or_default();
    let value = |key, raw: Option<&'a RawValue>| {
        raw.map(|raw| number_or_text(raw.get()).ok_or_else(|| MessageError::value(key, raw.get())))
            .transpose()
    };
    let (last, last_size) = (value("last", last)?, value("last_size", last_size)?);
    let (kind, trade_id) = match (cancel, correct) {
        (Some(id), _) => (ReportKind::Cancel, Some(id)),
        (None, Some(id)) => (ReportKind::Correct, Some(id)),
        (None, None) if last.is_none() => return Ok(None),
        (None, None) => (ReportKind::Trade, trade_id),
    };
    Ok(Some(TradeReport { kind, trade_id, last, last_size, side, affects }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Field, Mirror, Subscription};

    #[test]
    fn a_correction_is_an_event_and_the_record_is_what_is_left() {
        let mut mirror = Mirror::new(Subscription::latest(["A"]));
        mirror.connect();
        let snapshot = r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":1,"bid":4}]"#;
        drop(mirror.receive(snapshot, 0));
        let frame = r#"[{"type":"update","symbol":"A","seq":5,"rx":1,"trade":{"last":9,"last_size":3,"affects":[]}},
            {"type":"update","symbol":"A","seq":6,"rx":1,"correct":"x","trade":{"last":"7.10","last_size":"2","side":"buy"},"high":7.1},
            {"type":"update","symbol":"A","seq":7,"rx":1,"cancel":"y","last":null,"n":1}]"#;
        let mut events = mirror.receive(frame, 0);
        let mut reports = Vec::new();
        while let Some(event) = events.next_event().unwrap() {
            let (word, change) = match event {
                Event::Record(change) => ("record", change),
                Event::Correction(change) => ("correction", change),
                other => panic!("{other:?}"),
            };
            let report = change.report.unwrap();
            reports.push((
                word,
                report.kind,
                report.trade_id.map(|id| id.to_string()),
                report.last.map(|last| last.to_string()),
            ));
        }
        drop(events);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            reports,
            [
                ("record", ReportKind::Trade, None, text("9")),
                ("correction", ReportKind::Correct, text("x"), text("7.10")),
                ("correction", ReportKind::Cancel, text("y"), None),
            ]
        );
        let record = &mirror.topics()[0].record;
        assert_eq!((record.seq, record.text(Field::High), record.text(Field::Last)), (7, Some("7.1"), None));
        assert_eq!(mirror.totals().missing, 0);
    }
}
