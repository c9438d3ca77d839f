//! [`FaultRecord`]: the faults that were done, so that a tester can compare with what a client has noticed.
//!
//! Loss: it has the last [`RECORDS_MAX`]; how many were forgotten is told.

use std::{collections::VecDeque, io::Write};

use serde::Serialize;

use crate::tick::{Nanos, Symbol};

/// The faults done last.
#[derive(Debug, Default)]
pub struct FaultRecord {
    done: VecDeque<DoneFault>,
    /// Of all, from 0: that of the first kept.
    first: u64,
}

/// One thing that was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DoneFault {
    pub kind: &'static str,
    /// The fault's number in its file, from 1.
    pub fault: usize,
    /// The market's time.
    pub at: Nanos,
    pub dialect: &'static str,
    /// Of the dialect's connections, from 1.
    pub connection: u64,
    /// The venue's kind of stream, and whose it is. Neither for what concerns the connection.
    pub stream: Option<(Box<str>, Symbol)>,
    /// Of the message: its trade's number, or its record's.
    pub number: Option<u64>,
    /// In words, where the kind does not say all.
    pub detail: Box<str>,
}

/// How many are kept.
pub const RECORDS_MAX: usize = 65_536;

#[derive(Serialize)]
struct WrittenFault<'a> {
    n: u64,
    kind: &'a str,
    fault: usize,
    /// Microseconds.
    at: i64,
    dialect: &'a str,
    connection: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    symbol: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
}

impl FaultRecord {
    pub fn push(&mut self, done: DoneFault) {
        if self.done.len() == RECORDS_MAX {
            self.done.pop_front();
            self.first += 1;
        }
        self.done.push_back(done);
    }

    /// How many were done, those included that are no longer kept.
    pub fn count(&self) -> u64 {
        self.first + self.done.len() as u64
    }

    /// Appends those from a number on, one a line, up to `most` of them. Returns the number behind the last.
    pub fn write(&self, from: u64, most: usize, out: &mut Vec<u8>) -> u64 {
        let from = from.max(self.first);
        let skipped = usize::try_from(from - self.first).unwrap_or(usize::MAX);
        let mut next = from;
        for done in self.done.iter().skip(skipped).take(most) {
            let stream = done.stream.as_ref();
            let line = WrittenFault {
                n: next,
                kind: done.kind,
                fault: done.fault,
                at: done.at.micros(),
                dialect: done.dialect,
                connection: done.connection,
                stream: stream.map(|(stream, _)| &**stream),
                symbol: stream.map(|(_, symbol)| symbol.as_str()),
                number: done.number,
                detail: &done.detail,
            };
            // Writing to a vector does not fail.
            drop(serde_json::to_writer(&mut *out, &line));
            drop(out.write_all(b"\n"));
            next += 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_are_kept_and_numbered() {
        let mut record = FaultRecord::default();
        let done = DoneFault {
            kind: "mute",
            fault: 1,
            at: Nanos(5_000),
            dialect: "binance",
            connection: 2,
            stream: Some(("trade".into(), Symbol::new("BTCUSDT").unwrap())),
            number: Some(9),
            detail: "".into(),
        };
        for _ in 0..RECORDS_MAX + 3 {
            record.push(done.clone());
        }
        assert_eq!(record.count(), RECORDS_MAX as u64 + 3);
        let mut out = Vec::new();
        assert_eq!(record.write(0, 2, &mut out), 5);
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            text.lines().next(),
            Some(
                r#"{"n":3,"kind":"mute","fault":1,"at":5,"dialect":"binance","connection":2,"stream":"trade","symbol":"BTCUSDT","number":9}"#
            )
        );
        assert_eq!(record.write(RECORDS_MAX as u64 + 3, 2, &mut Vec::new()), RECORDS_MAX as u64 + 3);
    }
}
