//! The board as text: a table for a terminal, or a line for each change.
//!
//! Pure: the time, the width and the height are handed in. Invariant: no line is wider than the terminal, and there
//! are never more lines than it shows, so that redrawing in place works; nothing from the server reaches the terminal
//! with a control character in it.

use super::board::{Board, Change, Row};
use crate::{
    cli::{
        endpoint::printable,
        load::report::{bytes, grouped, time},
    },
    tick::Field,
};

/// What the first line says.
pub struct Heading<'a> {
    pub url: &'a str,
    /// How the connection is: one line, for a person.
    pub connection: &'a str,
    /// What the server complained of last.
    pub complaint: Option<&'a str>,
    pub updates_per_second: f64,
    pub bytes_per_second: f64,
}

/// What the terminal has room for, in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Room {
    pub columns: usize,
    pub lines: usize,
}

const COLUMNS: [&str; 10] =
    ["SYMBOL", "BID x SIZE", "ASK x SIZE", "LAST", "CHG %", "VOLUME", "AGE", "MERGED", "GAPS", "STATE"];
/// These are words, and begin at the left.
const LEFT: [usize; 2] = [0, 9];
/// What a narrow terminal does without, in this order: volume, merged, gaps, change.
const DISPENSABLE: [usize; 4] = [5, 7, 8, 4];
const BETWEEN: &str = "  ";

/// The heading, the table, and how many rows there was no room for.
pub fn draw(board: &Board, heading: &Heading<'_>, now_us: i64, room: Room) -> Vec<String> {
    let mut lines = heading_lines(board, heading).to_vec();
    let rows_max = room.lines.saturating_sub(3);
    let hidden = board.rows().len().saturating_sub(rows_max);
    // The line that says how many are hidden takes the place of a row.
    let shown = if hidden > 0 { rows_max.saturating_sub(1) } else { rows_max };
    let cells = board.rows().iter().take(shown).map(|row| cells(row, now_us));
    let table: Vec<[String; COLUMNS.len()]> =
        std::iter::once(COLUMNS.map(str::to_owned)).chain(cells).collect();
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(|column| {
        table.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0)
    });
    let columns = fitting(&widths, room.columns);
    lines.extend(table.iter().map(|cells| line(cells, &widths, &columns)));
    if hidden > 0 {
        lines.push(format!("and {} more", board.rows().len() - shown));
    }
    lines.truncate(room.lines);
    lines.iter().map(|line| line.chars().take(room.columns).collect()).collect()
}

fn heading_lines(board: &Board, heading: &Heading<'_>) -> [String; 2] {
    let Heading { url, connection, complaint, updates_per_second, bytes_per_second } = heading;
    let pace = board.pace.as_deref().map_or_else(String::new, |pace| format!("  pace {}", printable(pace)));
    let rates = format!("{updates_per_second:.0} updates/s  {}/s", bytes(*bytes_per_second));
    let complaint = complaint.map_or_else(String::new, |complaint| format!("; {}", printable(complaint)));
    [format!("{}{pace}  {rates}", printable(url)), printable(connection) + &complaint]
}

/// The columns that there is room for: all of them, or without the most dispensable.
fn fitting(widths: &[usize; COLUMNS.len()], room: usize) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..COLUMNS.len()).collect();
    for dispensable in DISPENSABLE {
        let width: usize = columns.iter().map(|&column| widths[column] + BETWEEN.len()).sum();
        if width <= room + BETWEEN.len() {
            break;
        }
        columns.retain(|&column| column != dispensable);
    }
    columns
}

fn cells(row: &Row, now_us: i64) -> [String; COLUMNS.len()] {
    let value = |field| row.value(field).map_or_else(|| "-".to_owned(), printable);
    let with_size = |price, size| match row.value(size) {
        Some(size) => format!("{} x {}", value(price), printable(size)),
        None => value(price),
    };
    [
        printable(&row.symbol),
        with_size(Field::Bid, Field::BidSize),
        with_size(Field::Ask, Field::AskSize),
        value(Field::Last),
        row.change_bp().map_or_else(|| "-".to_owned(), percent),
        value(Field::Volume),
        age(row.rx_us, now_us),
        grouped(row.merged),
        if row.gaps == 0 { "0".to_owned() } else { format!("{} ({})", grouped(row.gaps), grouped(row.lost)) },
        printable(&row.state),
    ]
}

fn line(cells: &[String; COLUMNS.len()], widths: &[usize; COLUMNS.len()], columns: &[usize]) -> String {
    let padded = columns.iter().map(|&column| {
        let (cell, width) = (&cells[column], widths[column]);
        if LEFT.contains(&column) { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
    });
    padded.collect::<Vec<_>>().join(BETWEEN).trim_end().to_owned()
}

/// Hundredths of a percent, as percent with a sign.
fn percent(change_bp: i64) -> String {
    let sign = if change_bp < 0 { '-' } else { '+' };
    let size = change_bp.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// How long ago the server took in what is shown.
fn age(rx_us: i64, now_us: i64) -> String {
    if rx_us == 0 {
        return "-".to_owned();
    }
    let age_us = u64::try_from(now_us.saturating_sub(rx_us)).unwrap_or(0);
    match age_us / 1_000_000 {
        0..60 => time(age_us),
        seconds @ 60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    }
}

/// A change as one line of a log; `None` when it has nothing to say there.
pub fn log_line(change: &Change<'_>, now_us: i64) -> Option<String> {
    let text = match change {
        Change::Record(row) => {
            let [symbol, bid, ask, last, change, volume, age, ..] = cells(row, now_us);
            let n = if row.n > 1 { row.n.to_string() } else { "-".to_owned() };
            let seq = row.seq.to_string();
            let named = [
                ("seq", seq),
                ("n", n),
                ("bid", bid),
                ("ask", ask),
                ("last", last),
                ("chg %", change),
                ("vol", volume),
                ("age", age),
            ];
            let known =
                named.iter().filter(|(_, text)| text != "-").map(|(name, text)| format!("  {name} {text}"));
            symbol + &known.collect::<String>()
        }
        Change::Gap(row, from, to) => {
            format!("{}  gap: ticks {from} to {to} are lost", printable(&row.symbol))
        }
        Change::State(row) => format!("{}  {}", printable(&row.symbol), printable(&row.state)),
        Change::Pace(pace) => format!("pace {}", printable(pace)),
        Change::Refused { .. } | Change::Error { .. } | Change::Drain { .. } => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: Heading<'static> = Heading {
        url: "ws://host/v1/stream",
        connection: "connected",
        complaint: None,
        updates_per_second: 12.4,
        bytes_per_second: 3_400.0,
    };

    fn board() -> Board {
        let mut board = Board::new(&["BTC-USD".to_owned(), "ETH".to_owned(), "LATER".to_owned()]);
        let payload = r#"[{"type":"status","pace":"live"},
            {"type":"snapshot","symbol":"BTC-USD","seq":4,"rx":1000000,"bid":87000.1,"bid_size":0.5,"ask":87000.2,"ask_size":1,"open":80000,"last":87000.1,"volume":12.5},
            {"type":"update","symbol":"ETH","seq":9,"rx":500000,"bid":-3,"open":2,"last":1.99,"n":1235},
            {"type":"gap","symbol":"ETH","from":10,"to":11}]"#;
        board.apply(payload.as_bytes(), |_| {}).unwrap();
        board
    }

    #[test]
    fn the_table_shows_prices_ages_and_what_is_missing() {
        let lines = draw(&board(), &HEADING, 1_250_000, Room { columns: 200, lines: 50 });
        let expected = "\
ws://host/v1/stream  pace live  12 updates/s  3.4 kB/s
connected
SYMBOL      BID x SIZE   ASK x SIZE     LAST  CHG %  VOLUME     AGE  MERGED   GAPS  STATE
BTC-USD  87000.1 x 0.5  87000.2 x 1  87000.1  +8.75    12.5  250 ms       0      0  live
ETH                 -3            -     1.99  -0.50       -  750 ms   1,234  1 (2)  live
LATER                -            -        -      -       -       -       0      0  asked";
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn a_complaint_stands_beside_the_connection() {
        let heading = Heading { complaint: Some("A: bad_symbol: no"), ..HEADING };
        let lines = draw(&board(), &heading, 0, Room { columns: 200, lines: 50 });
        assert_eq!(lines[1], "connected; A: bad_symbol: no");
    }

    #[test]
    fn the_table_stays_inside_the_terminal() {
        for (columns, lines) in [(200, 5), (30, 4), (1, 3), (0, 2), (10, 1), (80, 0)] {
            let drawn = draw(&board(), &HEADING, 0, Room { columns, lines });
            assert!(drawn.len() <= lines, "{drawn:?}");
            assert!(drawn.iter().all(|line| line.chars().count() <= columns), "{drawn:?}");
        }
        let drawn = draw(&board(), &HEADING, 0, Room { columns: 200, lines: 5 });
        assert_eq!(drawn.last().map(String::as_str), Some("and 2 more"));
    }

    #[test]
    fn a_narrow_terminal_keeps_prices_ages_and_states() {
        let head = |columns| draw(&board(), &HEADING, 1_250_000, Room { columns, lines: 50 }).swap_remove(2);
        assert_eq!(
            head(89),
            "SYMBOL      BID x SIZE   ASK x SIZE     LAST  CHG %  VOLUME     AGE  MERGED   GAPS  STATE"
        );
        assert_eq!(
            head(88),
            "SYMBOL      BID x SIZE   ASK x SIZE     LAST  CHG %     AGE  MERGED   GAPS  STATE"
        );
        assert_eq!(head(60), "SYMBOL      BID x SIZE   ASK x SIZE     LAST     AGE  STATE");
    }

    #[test]
    fn a_terminal_is_not_obeyed_from_outside() {
        let mut board = board();
        let payload =
            "[{\"type\":\"snapshot\",\"symbol\":\"\u{1b}c\",\"seq\":1,\"rx\":1,\"bid\":\"\u{1b}7\"},
            {\"type\":\"snapshot\",\"symbol\":\"\\u001b[2J\",\"seq\":1,\"rx\":1,\"bid\":\"\\u001b[31m\"},
            {\"type\":\"status\",\"pace\":\"\\u0007\"}]";
        board.apply(payload.as_bytes(), |_| {}).unwrap();
        let drawn = draw(&board, &HEADING, 0, Room { columns: 200, lines: 50 }).join("");
        assert!(!drawn.contains(char::is_control), "{drawn:?}");
    }

    #[test]
    fn a_log_has_a_line_for_each_change() {
        let mut lines = Vec::new();
        let payload = r#"[{"type":"update","symbol":"A","seq":9,"rx":500000,"bid":3,"bid_size":1,"n":3},
            {"type":"gap","symbol":"A","from":10,"to":11},{"type":"status","symbol":"A","state":"stale"},{"type":"drain","retry_ms":1}]"#;
        board().apply(payload.as_bytes(), |change| lines.extend(log_line(&change, 600_000))).unwrap();
        assert_eq!(
            lines,
            ["A  seq 9  n 3  bid 3 x 1  age 100 ms", "A  gap: ticks 10 to 11 are lost", "A  stale"]
        );
    }

    #[test]
    fn ages_are_readable() {
        assert_eq!(age(0, 5), "-");
        assert_eq!(age(10, 5), "0 us");
        assert_eq!(age(1, 61_000_001), "1 m 01 s");
        assert_eq!(age(1, 7_260_000_001), "2 h 01 m");
    }
}
