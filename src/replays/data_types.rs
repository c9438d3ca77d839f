//! The data types that a replay may be asked for, by tardis-machine's names.
//!
//! Recordings have trades and the best bid and ask. So books deeper than one level, and what else tardis-machine makes of
//! books and of derivatives' channels, are refused by name.

use std::time::Duration;

/// What a stream is to consist of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct DataTypes {
    pub trade: bool,
    pub book_ticker: bool,
    pub snapshots: Vec<SnapshotType>,
}

/// The best level of both sides, as a `book_snapshot`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SnapshotType {
    /// As it was asked for: messages carry it.
    pub name: String,
    /// Zero: with every change.
    pub interval: Duration,
}

/// A longer interval is a mistake.
const MILLIS_MAX: u64 = 24 * 3_600_000;

/// The types that there are, for messages.
pub const KNOWN: &str = "trade, book_ticker, quote, quote_10s, book_snapshot_1_100ms and the like";

impl DataTypes {
    /// # Errors
    /// When one of the names is not served: which, and why.
    pub fn parse<'a>(names: impl Iterator<Item = &'a str>) -> Result<Self, String> {
        let mut types = DataTypes::default();
        for name in names {
            match name {
                "trade" => types.trade = true,
                "book_ticker" => types.book_ticker = true,
                // What real replays send of it is asked for by withDisconnectMessages.
                "disconnect" => {}
                _ => {
                    let snapshot = SnapshotType::parse(name)?;
                    if !types.snapshots.contains(&snapshot) {
                        types.snapshots.push(snapshot);
                    }
                }
            }
        }
        if types == DataTypes::default() {
            return Err(format!("Invalid \"dataTypes\" argument: it names nothing. There are {KNOWN}."));
        }
        Ok(types)
    }

    /// Whether they show quotes.
    pub fn quotes(&self) -> bool {
        self.book_ticker || !self.snapshots.is_empty()
    }
}

impl SnapshotType {
    fn parse(name: &str) -> Result<Self, String> {
        let interval = if name == "quote" {
            Some(Duration::ZERO)
        } else if let Some(interval) = name.strip_prefix("quote_") {
            parse_interval(interval)
        } else if let Some(interval) = name.strip_prefix("book_snapshot_1_") {
            parse_interval(interval)
        } else {
            None
        };
        let unknown = || {
            format!(
                "Invalid \"dataTypes\" argument: {name:?} is not served, for recordings have trades and the best bid \
                 and ask. There are {KNOWN}."
            )
        };
        Ok(SnapshotType { name: name.to_owned(), interval: interval.ok_or_else(unknown)? })
    }
}

/// A count with its unit: `100ms`, `10s`, `1m`; `0.5s` too, in whole milliseconds.
fn parse_interval(text: &str) -> Option<Duration> {
    let (count, millis) = match text.strip_suffix("ms") {
        Some(count) => (count, 1),
        None => match text.strip_suffix('s') {
            Some(count) => (count, 1_000),
            None => (text.strip_suffix('m')?, 60_000),
        },
    };
    let (whole, part) = count.split_once('.').unwrap_or((count, "0"));
    let whole = whole.parse::<u32>().ok().map(|whole| u64::from(whole) * millis)?;
    // Of three places at most, more of which are no whole milliseconds.
    let is_part = (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths = format!("{part:0<3}").parse::<u64>().ok().filter(|_| is_part)? * millis;
    let millis = whole + thousandths / 1_000;
    (thousandths.is_multiple_of(1_000) && millis <= MILLIS_MAX).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, millis: Option<u64>) {
        let parsed = DataTypes::parse([name].into_iter());
        let interval =
            parsed.as_ref().ok().and_then(|types| types.snapshots.first()).map(|first| first.interval);
        assert_eq!(interval, millis.map(Duration::from_millis), "{name}");
        assert_eq!(parsed.is_ok(), millis.is_some(), "{name}");
    }

    #[test]
    fn snapshots_of_one_level_are_served_and_deeper_ones_refused() {
        check("quote", Some(0));
        check("quote_10s", Some(10_000));
        check("book_snapshot_1_0ms", Some(0));
        check("book_snapshot_1_100ms", Some(100));
        check("book_snapshot_1_2m", Some(120_000));
        check("quote_0.5s", Some(500));
        check("book_snapshot_1_1.25s", Some(1_250));
        check("quote_0.1m", Some(6_000));
        for name in [
            "book_snapshot_5_10ms",
            "book_snapshot_1_grouped10_1s",
            "book_change",
            "derivative_ticker",
            "trade_bar_1s",
            "quotes",
            "quote_",
            "quote_-1s",
            "quote_0.5ms",
            "quote_1.s",
            "quote_1.+1s",
            "quote_1.2345s",
            "quote_99999999m",
            "",
        ] {
            check(name, None);
        }
    }

    #[test]
    fn a_name_twice_is_one_type_and_none_is_a_fault() {
        let types = DataTypes::parse(["quote", "trade", "quote", "trade"].into_iter()).unwrap();
        assert!(types.trade && !types.book_ticker && types.snapshots.len() == 1 && types.quotes());
        assert!(
            DataTypes::parse(std::iter::empty()).is_err()
                && DataTypes::parse(["disconnect"].into_iter()).is_err()
        );
        let why = DataTypes::parse(["book_change"].into_iter()).unwrap_err();
        assert!(why.contains("book_change") && why.contains("book_ticker"), "{why}");
    }
}
