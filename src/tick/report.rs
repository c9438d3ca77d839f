//! [`TradeReport`]: what a tick says of a trade that the record's fields cannot say: what the trade may move, that it is
//! cancelled, that it is corrected. What becomes of the totals is not decided here: `topic/tape/table.rs`.
//!
//! Invariants: a cancel has no values, and a correction at least one; only a report of a trade names what it affects.

use super::{Decimal, Field, FieldSet, Side, TradeId};

/// A trade, its cancel, or its correction.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TradeReport {
    pub kind: ReportKind,
    /// The trade's name; empty for a trade that has none.
    pub id: TradeId,
    /// What the trade may move.
    pub affects: Affects,
    /// Of a correction as it is fed: `None` leaves the value as it was.
    pub last: Option<Decimal>,
    pub last_size: Option<Decimal>,
    pub side: Option<Side>,
}

/// The kind of a report.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReportKind {
    /// A trade that does not affect everything. One that does needs no report.
    Trade,
    /// The trade of this name never was.
    Cancel,
    /// The trade of this name has other values.
    Correct,
}

/// What a trade may move, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Affects(u8);

// === impl Affects ===

impl Affects {
    pub const NONE: Affects = Affects(0);
    /// The fields of the last trade, and the open.
    pub const LAST: Affects = Affects(1);
    /// The high and the low.
    pub const HIGH_LOW: Affects = Affects(2);
    /// The volume, and the count of trades.
    pub const VOLUME: Affects = Affects(4);
    pub const ALL: Affects = Affects(7);

    /// The words, in the order in which they are written.
    const WORDS: [(&str, Affects); 3] =
        [("last", Affects::LAST), ("high_low", Affects::HIGH_LOW), ("volume", Affects::VOLUME)];

    /// What a word stands for.
    pub fn of_word(word: &str) -> Option<Affects> {
        Self::WORDS.into_iter().find(|(name, _)| *name == word).map(|(_, affects)| affects)
    }

    pub fn words(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS.into_iter().filter(move |(_, affects)| self.contains(*affects)).map(|(word, _)| word)
    }

    pub const fn contains(self, other: Affects) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn with(self, other: Affects) -> Affects {
        Affects(self.0 | other.0)
    }

    #[must_use]
    pub const fn without(self, other: Affects) -> Affects {
        Affects(self.0 & !other.0)
    }

    /// What both may move.
    #[must_use]
    pub const fn intersect(self, other: Affects) -> Affects {
        Affects(self.0 & other.0)
    }

    /// The fields of the record that a trade moves.
    pub fn fields(self) -> FieldSet {
        let of = |affects, fields| if self.contains(affects) { fields } else { FieldSet::NONE };
        of(Affects::LAST, FieldSet::LAST_TRADE.with(Field::Open))
            .union(of(Affects::HIGH_LOW, Field::High.bit().with(Field::Low)))
            .union(of(Affects::VOLUME, Field::Volume.bit().with(Field::Trades)))
    }
}

impl Default for Affects {
    fn default() -> Self {
        Affects::ALL
    }
}

// === impl TradeReport ===

impl TradeReport {
    /// Without values, of a trade that affects everything.
    pub fn of(kind: ReportKind, id: TradeId) -> Self {
        TradeReport { kind, id, affects: Affects::ALL, last: None, last_size: None, side: None }
    }

    pub fn is_correction(&self) -> bool {
        self.kind != ReportKind::Trade
    }

    /// Whether a view with these fields shows it. A correction is told to everybody.
    pub fn concerns(&self, wanted: FieldSet) -> bool {
        self.is_correction() || !wanted.intersect(FieldSet::LAST_TRADE).is_empty()
    }

    /// Appends what a message has of it, each name after a comma. `IN_QUOTES`: whether decimals are text.
    pub fn write_json<const IN_QUOTES: bool>(&self, out: &mut Vec<u8>) {
        match self.kind {
            ReportKind::Trade => {}
            ReportKind::Cancel => return self.write_id(b",\"cancel\":", out),
            ReportKind::Correct => self.write_id(b",\"correct\":", out),
        }
        out.extend_from_slice(b",\"trade\":{");
        let start = out.len();
        for (field, value) in [(Field::Last, self.last), (Field::LastSize, self.last_size)] {
            let Some(value) = value else { continue };
            write_name(field, out);
            if IN_QUOTES {
                out.push(b'"');
            }
            value.write(out);
            if IN_QUOTES {
                out.push(b'"');
            }
        }
        if let Some(side) = self.side {
            write_name(Field::Side, out);
            out.push(b'"');
            out.extend_from_slice(side.as_str().as_bytes());
            out.push(b'"');
        }
        if self.kind == ReportKind::Trade && !self.id.is_empty() {
            self.write_id(b",\"trade_id\":", out);
        }
        if self.affects != Affects::ALL {
            self.write_affects(out);
        }
        // Each name follows a comma, the first too.
        if out.len() > start {
            out.remove(start);
        }
        out.push(b'}');
    }

    /// Appends `,"affects":[…]`.
    pub fn write_affects(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"affects\":[");
        for (at, word) in self.affects.words().enumerate() {
            out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(word.as_bytes());
            out.push(b'"');
        }
        out.push(b']');
    }

    /// Appends the trade's name after a name of JSON.
    pub fn write_id(&self, name: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(name);
        out.push(b'"');
        out.extend_from_slice(self.id.text().as_bytes());
        out.push(b'"');
    }
}

fn write_name(field: Field, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(field.name().as_bytes());
    out.extend_from_slice(b"\":");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_what_it_knows() {
        let mut report = TradeReport {
            kind: ReportKind::Trade,
            id: TradeId::of_number(7),
            affects: Affects::VOLUME.with(Affects::HIGH_LOW),
            last: Decimal::parse("10.5").ok(),
            last_size: Decimal::parse("2").ok(),
            side: Some(Side::Buy),
        };
        let check = |report: &TradeReport, expected: &str| {
            let mut out = Vec::new();
            report.write_json::<false>(&mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        let values = r#""last":10.5,"last_size":2,"side":"buy""#;
        check(&report, &format!(r#","trade":{{{values},"trade_id":"7","affects":["high_low","volume"]}}"#));
        report.affects = Affects::NONE;
        check(&report, &format!(r#","trade":{{{values},"trade_id":"7","affects":[]}}"#));
        (report.kind, report.affects) = (ReportKind::Correct, Affects::ALL);
        check(&report, &format!(r#","correct":"7","trade":{{{values}}}"#));
        let mut out = Vec::new();
        report.write_json::<true>(&mut out);
        assert!(String::from_utf8(out).unwrap().contains(r#"{"last":"10.5","last_size":"2","#));
        report.kind = ReportKind::Cancel;
        check(&report, r#","cancel":"7""#);
    }

    #[test]
    fn words_and_fields_are_those_of_the_page() {
        for word in ["last", "high_low", "volume"] {
            assert_eq!(Affects::of_word(word).unwrap().words().collect::<Vec<_>>(), [word]);
        }
        assert_eq!(Affects::of_word("open"), None);
        let all = Affects::ALL.fields();
        let quote = [Field::Bid, Field::BidSize, Field::Ask, Field::AskSize];
        assert_eq!(all, FieldSet::ALL.without(quote.into_iter().fold(FieldSet::NONE, FieldSet::with)));
        assert!(Affects::LAST.fields().contains(Field::Open) && Affects::NONE.fields().is_empty());
        assert_eq!(Affects::VOLUME.fields(), Field::Volume.bit().with(Field::Trades));
    }
}
