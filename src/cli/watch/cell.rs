//! The texts of single values: what the server sent as it sent it, and our own counts short enough for a column.
//!
//! Pure: the caller passes the time in. Invariant: no text has a control character in it.

use tickcast_client::{Field, Late, Standing, Topic, printable};

use crate::cli::figures::grouped;

/// How urgent a state is, from none upwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Urgency {
    /// What is shown is the market.
    None,
    /// Nothing has come yet.
    Waiting,
    /// The feed has announced its end.
    Ended,
    /// What is shown may be old.
    Old,
    /// The market, the server or the connection is away.
    Away,
    /// The server refused the subscription: the state is the code of its refusal.
    Refused,
}

/// A field as the server wrote it; nothing when it is not known.
pub fn value(row: &Topic, field: Field) -> String {
    row.record.text(field).map(printable).unwrap_or_default()
}

/// From the opening to the last price, in hundredths of a percent.
pub fn change_bp(row: &Topic) -> Option<i64> {
    let (open, last) = (row.record.units(Field::Open)?, row.record.units(Field::Last)?);
    if open <= 0 {
        return None;
    }
    basis_points(last - open, open)
}

/// A part of a whole above 0, in hundredths of a percent; `None` when that is too much to show.
pub fn basis_points(part: i128, whole: i128) -> Option<i64> {
    // Beyond that, tens of thousands of units are nothing.
    let ratio = part
        .checked_mul(10_000)
        .map_or_else(|| part.checked_div(whole / 10_000), |part| part.checked_div(whole));
    i64::try_from(ratio?).ok()
}

/// The price of a row: that of the last trade, otherwise the middle of bid and ask.
pub fn price(row: &Topic) -> Option<i128> {
    let field = |field| row.record.units(field);
    field(Field::Last).or_else(|| match (field(Field::Bid), field(Field::Ask)) {
        (Some(bid), Some(ask)) => Some(i128::midpoint(bid, ask)),
        (bid, ask) => bid.or(ask),
    })
}

/// Hundredths of a percent, as percent with a sign.
pub fn percent(change_bp: i64) -> String {
    let sign = if change_bp < 0 { '-' } else { '+' };
    let size = change_bp.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// How long ago the server took in what is shown, in whole units: a text that changes each millisecond cannot be read,
/// and costs a line of a slow terminal each time.
pub fn age(row: &Topic, now_us: i64) -> String {
    if row.record.rx_us == 0 { String::new() } else { seconds(now_us.saturating_sub(row.record.rx_us)) }
}

/// A duration in whole units.
pub fn seconds(us: i64) -> String {
    let seconds = us.max(0) / 1_000_000;
    match seconds {
        0 => "<1s".to_owned(),
        1..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// The state, and how much later than in real time it is shown.
pub fn state(row: &Topic, now_us: i64) -> String {
    let state = printable(row.standing_at(now_us).as_str());
    match &row.late {
        None => state,
        Some(late) if state == "live" => delayed(late),
        Some(late) => format!("{state}, {}", delayed(late)),
    }
}

/// How much later something is shown.
pub fn delayed(late: &Late) -> String {
    format!("delayed {}", seconds(i64::try_from(late.delay_ms).unwrap_or(i64::MAX).saturating_mul(1_000)))
}

/// What must be shown beside delayed data, each notice once.
pub fn notices(rows: &[Topic]) -> Vec<String> {
    let mut notices: Vec<String> = Vec::new();
    for notice in rows.iter().filter_map(|row| row.late.as_ref()?.notice.as_deref()) {
        let notice = printable(notice);
        if !notices.contains(&notice) {
            notices.push(notice);
        }
    }
    notices
}

/// A count; nothing when there is nothing to count.
pub fn count(count: u64) -> String {
    if count == 0 { String::new() } else { grouped(count) }
}

/// How many gaps, and how many ticks they have cost.
pub fn gaps(row: &Topic) -> String {
    if row.gaps == 0 { String::new() } else { format!("{} ({})", grouped(row.gaps), grouped(row.lost)) }
}

/// What the last price column shows: the last trade's price; the middle of the quote where nothing was traded, and says so.
pub fn main_price(row: &Topic) -> String {
    let last = value(row, Field::Last);
    match (row.record.units(Field::Bid), row.record.units(Field::Ask)) {
        (Some(bid), Some(ask)) if last.is_empty() => format!("{} mid", tenths(5 * (bid + ask))),
        _ => last,
    }
}

/// Units of 1e-19 as a decimal, without trailing zeros.
fn tenths(units: i128) -> String {
    const ONE: u128 = 10u128.pow(19);
    let (sign, size) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    let text = format!("{sign}{}.{:019}", size / ONE, size % ONE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// How many of the rows that have a price are not live, how many there are, and the age of the youngest in microseconds.
pub fn freshness(rows: &[Topic], now_us: i64) -> (usize, usize, Option<i64>) {
    let prices = rows.iter().filter(|row| row.record.rx_us > 0);
    prices.fold((0, 0, None), |(old, all, youngest), row| {
        let age = now_us.saturating_sub(row.record.rx_us).max(0);
        let is_old = trouble(row, now_us) != Urgency::None;
        (old + usize::from(is_old), all + 1, Some(youngest.map_or(age, |least: i64| least.min(age))))
    })
}

pub fn trouble(row: &Topic, now_us: i64) -> Urgency {
    match row.standing_at(now_us) {
        Standing::Live => Urgency::None,
        Standing::Asked | Standing::Pending => Urgency::Waiting,
        Standing::Closed => Urgency::Ended,
        Standing::Stale | Standing::Old => Urgency::Old,
        Standing::Halted | Standing::Offline => Urgency::Away,
        _ => Urgency::Refused,
    }
}

#[cfg(test)]
mod tests {
    use tickcast_client::Mirror;

    use super::*;
    use crate::cli::watch::tests::take;

    #[test]
    fn ages_are_whole_and_never_negative() {
        let age = |rx_us, now_us| {
            let mut row = Topic::new("A");
            row.record.rx_us = rx_us;
            age(&row, now_us)
        };
        assert_eq!(age(0, 5), "");
        assert_eq!(age(10, 5), "<1s");
        assert_eq!(age(1, 1_000_000), "<1s");
        assert_eq!(age(1, 1_000_001), "1s");
        assert_eq!(age(1, 61_000_001), "1m01s");
        assert_eq!(age(1, 7_260_000_001), "2h01m");
        assert_eq!(age(1, 90_000_000_001), "1d01h");
    }

    #[test]
    fn quotes_alone_show_what_is_between_them() {
        let row = |fields: &str| {
            let mut board = Mirror::default();
            let payload = format!(r#"[{{"type":"snapshot","symbol":"A","seq":1,"rx":1{fields}}}]"#);
            take(&mut board, &payload);
            main_price(&board.topics()[0])
        };
        assert_eq!(row(r#","bid":1.0850,"ask":1.0851"#), "1.08505 mid");
        assert_eq!(row(r#","bid":-0.000000002,"ask":0.000000001"#), "-0.0000000005 mid");
        assert_eq!(
            row(r#","bid":0.000000000000000001,"ask":0.000000000000000002"#),
            "0.0000000000000000015 mid"
        );
        assert_eq!(row(r#","bid":999999999999999998,"ask":999999999999999999"#), "999999999999999998.5 mid");
        assert_eq!(row(r#","bid":100,"ask":200"#), "150 mid");
        assert_eq!(row(r#","bid":1,"ask":2,"last":3"#), "3");
        assert_eq!(row(r#","bid":1"#), "");
    }

    #[test]
    fn a_change_needs_an_opening_price_above_zero() {
        let change = |open: &str, last: &str| {
            let payload =
                format!(r#"[{{"type":"snapshot","symbol":"A","seq":1,"rx":1,"open":{open},"last":{last}}}]"#);
            let mut board = Mirror::default();
            take(&mut board, &payload);
            change_bp(&board.topics()[0])
        };
        assert_eq!(change("100", "101.5"), Some(150));
        assert_eq!(change("200", "199"), Some(-50));
        assert_eq!(change("0", "1"), None);
        assert_eq!(change("-5", "1"), None);
        assert_eq!(change("0.000000000000000002", "0.000000000000000003"), Some(5_000));
        assert_eq!(change("100000000000000000", "200000000000000000"), Some(10_000));
        assert_eq!(change("0.000000001", "9000000000"), None);
        assert_eq!(change("0.000000000000000001", "999999999999999999"), None);
    }
}
