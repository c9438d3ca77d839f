//! A symbol's record as a client holds it: what snapshots and updates leave when they are merged field by field.
//!
//! Values are kept as the text that the server sent, so that no number passes through a double before it is compared.

use std::{collections::BTreeMap, fmt};

use compact_str::{CompactString, format_compact};

use crate::{
    decimal::units,
    field::{FIELDS, Field},
    json::MessageError,
    message::{Message, Tick, Value},
};

/// A record: every field as it stood on the wire.
///
/// ```
/// use tickcast_client::{Field, Message, Messages, Record};
/// let frame = r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1.50,"ask":2},
///     {"type":"update","symbol":"A","seq":5,"rx":4,"bid":1.25}]"#;
/// let mut record = Record::default();
/// for message in Messages::new(frame) {
///     record.take(&message?)?;
/// }
/// assert_eq!((record.text(Field::Bid), record.text(Field::Ask)), (Some("1.25"), Some("2")));
/// # Ok::<(), tickcast_client::MessageError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Record {
    /// Of the last tick that is in it; 0 before the first, and when the epoch is another by now.
    pub seq: u64,
    /// How many ticks the last message stood for.
    pub n: u64,
    /// The feed's own event time, in microseconds since 1970.
    pub ts_us: Option<i64>,
    /// When the service took the newest tick in, by the service's clock; 0 before the first.
    pub rx_us: i64,
    /// By [`Field`]; `None`: never received.
    texts: [Option<CompactString>; FIELDS],
    /// Fields that this server's configuration adds, by name.
    others: BTreeMap<CompactString, CompactString>,
}

/// The first value in which two records differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    pub name: CompactString,
    pub ours: Option<CompactString>,
    pub theirs: Option<CompactString>,
}

// === impl Record ===

impl Record {
    /// Takes a snapshot or an update in; any other message changes nothing.
    ///
    /// # Errors
    /// When its fields cannot be read.
    pub fn take(&mut self, message: &Message<'_>) -> Result<(), MessageError> {
        match message {
            Message::Snapshot(tick) => self.replace(tick),
            Message::Update(tick) => self.merge(tick),
            _ => Ok(()),
        }
    }

    /// A snapshot: whatever was known is replaced.
    ///
    /// # Errors
    /// When its fields cannot be read.
    pub fn replace(&mut self, snapshot: &Tick<'_>) -> Result<(), MessageError> {
        self.texts = Default::default();
        self.others.clear();
        self.ts_us = None;
        self.merge(snapshot)
    }

    /// An update: what it names is replaced.
    ///
    /// # Errors
    /// When its fields cannot be read.
    pub fn merge(&mut self, update: &Tick<'_>) -> Result<(), MessageError> {
        (self.seq, self.n, self.rx_us) = (update.seq, update.n, update.rx_us);
        let values = update.values()?;
        self.ts_us = values.ts_us.or(self.ts_us);
        for (held, value) in self.texts.iter_mut().zip(values.texts) {
            match value {
                Value::Absent => {}
                Value::Text(text) => *held = Some(CompactString::new(text)),
                Value::Withdrawn => *held = None,
            }
        }
        for (name, value) in values.others {
            match value {
                Value::Text(text) => {
                    self.others.insert(CompactString::new(name), CompactString::new(text));
                }
                Value::Absent | Value::Withdrawn => {
                    self.others.remove(&*name);
                }
            }
        }
        Ok(())
    }

    /// A field's text, when it is known.
    pub fn text(&self, field: Field) -> Option<&str> {
        self.texts[field as usize].as_deref()
    }

    /// The text of a field that the server's configuration adds, when it is known.
    ///
    /// ```
    /// use tickcast_client::{Messages, Record};
    /// let frame = r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1.50,"mark":1.25,"phase":"open"},
    ///     {"type":"update","symbol":"A","seq":5,"rx":4,"mark":1.5,"phase":null}]"#;
    /// let mut record = Record::default();
    /// for message in Messages::new(frame) {
    ///     record.take(&message?)?;
    /// }
    /// assert_eq!((record.other("mark"), record.other("phase")), (Some("1.5"), None));
    /// # Ok::<(), tickcast_client::MessageError>(())
    /// ```
    pub fn other(&self, name: &str) -> Option<&str> {
        self.others.get(name).map(CompactString::as_str)
    }

    /// The fields that the server's configuration adds and that are known, by name.
    pub fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        self.others.iter().map(|(name, text)| (name.as_str(), text.as_str()))
    }

    /// The fields that are known.
    pub fn known(&self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(|&field| self.texts[field as usize].is_some())
    }

    /// A decimal field in units of 10⁻¹⁸, when it is known; see [`units`].
    pub fn units(&self, field: Field) -> Option<i128> {
        self.text(field).and_then(units)
    }

    /// The first value that differs, digits that mean the same aside; `None` when the records are equal.
    pub fn difference(&self, theirs: &Record) -> Option<Difference> {
        let time = |us: Option<i64>| us.map(|us| format_compact!("{us}"));
        let field = |field: Field| {
            let of = |record: &Record| record.texts[field as usize].clone();
            (field.name(), of(self), of(theirs))
        };
        let times = [
            ("ts", time(self.ts_us), time(theirs.ts_us)),
            ("rx", time(Some(self.rx_us)), time(Some(theirs.rx_us))),
        ];
        let mut values = Field::ALL.into_iter().map(field).chain(times);
        let differ = |ours: &Option<CompactString>, theirs: &Option<CompactString>| {
            !same(ours.as_deref(), theirs.as_deref())
        };
        if let Some((name, ours, theirs)) = values.find(|(_, ours, theirs)| differ(ours, theirs)) {
            return Some(Difference { name: name.into(), ours, theirs });
        }
        let mut names = self.others.keys().chain(theirs.others.keys());
        let of = |record: &Record, name: &CompactString| record.others.get(name).cloned();
        let name = names.find(|name| differ(&of(self, name), &of(theirs, name)))?;
        Some(Difference { name: name.clone(), ours: of(self, name), theirs: of(theirs, name) })
    }
}

/// Whether two values are the same decimal, or the same text.
fn same(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            units(ours).is_some_and(|ours| units(theirs) == Some(ours))
        }
        (ours, theirs) => ours == theirs,
    }
}

// === impl Difference ===

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |value: &Option<CompactString>| match value {
            None => "nothing".to_owned(),
            Some(text) if units(text).is_some() => text.to_string(),
            Some(text) => format!("{text:?}"),
        };
        write!(f, "{}: {}, not {}", self.name, text(&self.ours), text(&self.theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Messages;

    fn merged(messages: &[&str]) -> Record {
        let mut record = Record::default();
        for message in Messages::new(&format!("[{}]", messages.join(","))) {
            record.take(&message.unwrap()).unwrap();
        }
        record
    }

    const SNAPSHOT: &str =
        r#"{"type":"snapshot","symbol":"A","seq":4,"ts":1,"rx":2,"bid":1.5,"ask":2,"side":"buy"}"#;
    const UPDATE: &str = r#"{"type":"update","symbol":"A","seq":5,"ts":3,"rx":4,"bid":1.25,"x":[]}"#;

    #[test]
    fn updates_change_what_they_name_and_keep_the_rest() {
        let record = merged(&[SNAPSHOT, UPDATE]);
        let server =
            r#"{"type":"snapshot","symbol":"A","seq":5,"ts":3,"rx":4,"bid":1.25,"ask":2,"side":"buy"}"#;
        assert_eq!((record.seq, record.rx_us, record.ts_us), (5, 4, Some(3)));
        assert_eq!(record.difference(&merged(&[server])), None);
    }

    #[test]
    fn a_snapshot_forgets_what_it_does_not_name_and_an_update_what_it_withdraws() {
        let record = merged(&[SNAPSHOT, r#"{"type":"snapshot","symbol":"A","seq":9,"ts":1,"rx":2,"bid":1}"#]);
        let server = merged(&[r#"{"type":"snapshot","symbol":"A","seq":9,"ts":1,"rx":2,"bid":1.0}"#]);
        assert_eq!(record.difference(&server), None);
        let withdrawn = r#"{"type":"update","symbol":"A","seq":5,"ts":1,"rx":2,"ask":null,"side":null}"#;
        let record = merged(&[SNAPSHOT, withdrawn]);
        assert_eq!((record.text(Field::Bid), record.text(Field::Ask)), (Some("1.5"), None));
    }

    #[test]
    fn each_difference_is_found_and_named() {
        let check = |server: &str, expected: &str| {
            let found = merged(&[SNAPSHOT]).difference(&merged(&[server]));
            assert_eq!(found.map(|found| found.to_string()).as_deref(), Some(expected));
        };
        let change = |from, to| SNAPSHOT.replace(from, to);
        check(&change("1.5", "1.50000001"), "bid: 1.5, not 1.50000001");
        check(&change("1.5", "1.500000000000000001"), "bid: 1.5, not 1.500000000000000001");
        check(&change("1.5", "-1.5"), "bid: 1.5, not -1.5");
        check(&change("\"buy\"", "\"sell\""), "side: \"buy\", not \"sell\"");
        check(&change(",\"ask\":2", ""), "ask: 2, not nothing");
        check(&change("\"ts\":1", "\"ts\":7"), "ts: 1, not 7");
        check(&change("\"rx\":2", "\"rx\":7"), "rx: 2, not 7");
    }
}
