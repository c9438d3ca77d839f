//! A symbol's whole record as a client holds it: what snapshots and updates leave when they are merged field by field.
//!
//! Only a few clients pay for this. Values are kept as the text that the server sent, so that no number passes through
//! a double before it is compared.

use std::collections::VecDeque;

use compact_str::CompactString;

use super::scan::{Kind, Message, ScanError, pairs};
use crate::tick::{Field, Volume};

/// A record: every field as it stood on the wire, `ts` and `rx` with them.
#[derive(Clone, Default, Debug)]
pub struct Record {
    pub seq: u64,
    /// By [`Field`], then `ts` and `rx`. `None`: never received.
    values: [Option<CompactString>; NAMES.len()],
}

/// One symbol's record and those just before it: a snapshot that was taken a moment ago finds its equal here.
#[derive(Clone, Default, Debug)]
pub struct Held {
    now: Record,
    before: VecDeque<Record>,
}

/// The values that are compared, by their names on the wire.
const NAMES: [&str; 14] = {
    let mut names = ["ts"; 14];
    let mut index = 0;
    while index < Field::ALL.len() {
        names[index] = Field::ALL[index].name();
        index += 1;
    }
    names[13] = "rx";
    names
};

/// How many earlier records are kept: enough for a request's way there and back at a thousand ticks a second.
const BEFORE_MAX: usize = 64;

// === impl Record ===

impl Record {
    /// Merges a message in: a snapshot replaces everything, an update what it names.
    ///
    /// # Errors
    /// When the message is no JSON object.
    pub fn merge(&mut self, message: &Message<'_>) -> Result<(), ScanError> {
        if message.kind == Kind::Snapshot {
            *self = Record::default();
        }
        self.seq = message.seq;
        pairs(message.raw, |key, value| {
            if let Some(place) = NAMES.iter().position(|name| name.as_bytes() == key) {
                self.values[place] = Some(CompactString::from_utf8_lossy(value));
            }
        })
    }

    /// The first value that differs, as `name: ours, not theirs`; `None` when the records are equal.
    pub fn difference(&self, theirs: &Record) -> Option<String> {
        let values = self.values.iter().zip(&theirs.values).zip(NAMES);
        values.into_iter().find_map(|((ours, theirs), name)| {
            let text = |value: &Option<CompactString>| value.as_deref().unwrap_or("nothing").to_owned();
            (!same(ours.as_deref(), theirs.as_deref()))
                .then(|| format!("{name}: {}, not {}", text(ours), text(theirs)))
        })
    }
}

/// Whether two values are the same decimal, or the same text.
fn same(ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            let decimal = |text| Volume::parse(text).ok();
            decimal(ours).is_some_and(|ours| decimal(theirs) == Some(ours))
        }
        (ours, theirs) => ours == theirs,
    }
}

// === impl Held ===

impl Held {
    /// # Errors
    /// When the message is no JSON object.
    pub fn merge(&mut self, message: &Message<'_>) -> Result<(), ScanError> {
        if self.now.seq > 0 {
            if self.before.len() == BEFORE_MAX {
                self.before.pop_front();
            }
            self.before.push_back(self.now.clone());
        }
        self.now.merge(message)
    }

    pub fn seq(&self) -> u64 {
        self.now.seq
    }

    /// The record as it was at `seq`; `None` when this client was never shown that one, or long ago.
    pub fn at(&self, seq: u64) -> Option<&Record> {
        if self.now.seq == seq {
            Some(&self.now)
        } else {
            self.before.iter().rev().find(|record| record.seq == seq)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::load::scan::Scanner;

    fn merged(messages: &[&str]) -> Held {
        let mut held = Held::default();
        let payload = format!("[{}]", messages.join(","));
        Scanner::default().each(payload.as_bytes(), |message| held.merge(message).unwrap()).unwrap();
        held
    }

    const SNAPSHOT: &str =
        r#"{"type":"snapshot","symbol":"A","seq":4,"ts":1,"rx":2,"bid":1.5,"ask":2,"side":"buy"}"#;
    const UPDATE: &str = r#"{"type":"update","symbol":"A","seq":5,"ts":3,"rx":4,"bid":1.25,"x":[]}"#;

    #[test]
    fn updates_change_what_they_name_and_keep_the_rest() {
        let held = merged(&[SNAPSHOT, UPDATE]);
        let server =
            r#"{"type":"snapshot","symbol":"A","seq":5,"ts":3,"rx":4,"bid":1.25,"ask":2,"side":"buy"}"#;
        assert_eq!(held.seq(), 5);
        assert_eq!(held.at(5).unwrap().difference(merged(&[server]).at(5).unwrap()), None);
        assert_eq!(held.at(4).unwrap().difference(merged(&[SNAPSHOT]).at(4).unwrap()), None);
        assert!(held.at(3).is_none());
    }

    #[test]
    fn a_snapshot_forgets_what_it_does_not_name() {
        let held = merged(&[SNAPSHOT, r#"{"type":"snapshot","symbol":"A","seq":9,"ts":1,"rx":2,"bid":1}"#]);
        let server = merged(&[r#"{"type":"snapshot","symbol":"A","seq":9,"ts":1,"rx":2,"bid":1.0}"#]);
        assert_eq!(held.at(9).unwrap().difference(server.at(9).unwrap()), None);
    }

    #[test]
    fn each_difference_is_found_and_named() {
        let check = |server: &str, expected: &str| {
            let held = merged(&[SNAPSHOT]);
            let server = merged(&[server]);
            assert_eq!(held.at(4).unwrap().difference(server.at(4).unwrap()).as_deref(), Some(expected));
        };
        let change = |from, to| SNAPSHOT.replace(from, to);
        check(&change("1.5", "1.50000001"), "bid: 1.5, not 1.50000001");
        check(&change("1.5", "-1.5"), "bid: 1.5, not -1.5");
        check(&change("\"buy\"", "\"sell\""), "side: \"buy\", not \"sell\"");
        check(&change(",\"ask\":2", ""), "ask: 2, not nothing");
        check(&change("\"ts\":1", "\"ts\":7"), "ts: 1, not 7");
        check(&change("\"rx\":2", "\"rx\":7"), "rx: 2, not 7");
    }

    #[test]
    fn only_so_many_earlier_records_are_kept() {
        let mut held = merged(&[SNAPSHOT]);
        for seq in 5..200u64 {
            let payload = format!(r#"[{{"type":"update","symbol":"A","seq":{seq},"ts":1,"rx":1}}]"#);
            Scanner::default().each(payload.as_bytes(), |message| held.merge(message).unwrap()).unwrap();
        }
        assert!(held.at(199).is_some() && held.at(135).is_some() && held.at(134).is_none());
    }
}
