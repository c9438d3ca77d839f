//! A line for each change, for pipes and files: what is shown when there is no terminal, or `--plain`.
//!
//! How the connection is goes to standard error. Invariant: nothing from the server reaches the output with a control
//! character in it.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use super::{
    board::{Board, Change, Row},
    cell,
    face::{Face, Link},
};
use crate::{
    cli::{complain, endpoint::printable, load::report::time},
    tick::{Field, Nanos},
};

/// An output that lines are added to.
pub struct Log<W: Write> {
    out: W,
}

// === impl Log ===

impl<W: Write> Log<W> {
    pub fn new(out: W) -> Self {
        Log { out }
    }
}

impl<W: Write> Face for Log<W> {
    fn changed(&mut self, change: &Change<'_>, now: Nanos) -> io::Result<()> {
        match line(change, now.micros()) {
            Some(line) => writeln!(self.out, "{line}").and_then(|()| self.out.flush()),
            None => Ok(()),
        }
    }

    fn say(&mut self, what: &str) {
        complain(format_args!("tickcast watch: {what}\n"));
    }

    fn complain(&mut self, what: &str) {
        self.say(what);
    }

    async fn due(&mut self) {
        std::future::pending::<()>().await;
    }

    fn step(&mut self, _: &Board, _: &Link<'_>) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

/// A change as one line; `None` when it has nothing to say there.
fn line(change: &Change<'_>, now_us: i64) -> Option<String> {
    let text = match change {
        Change::Record(row) => record(row, now_us),
        Change::Gap(row, from, to) => {
            format!("{}  gap: ticks {from} to {to} are lost", printable(&row.symbol))
        }
        Change::State(row) => format!("{}  {}", printable(&row.symbol), printable(&row.state)),
        Change::Pace(pace) => format!("pace {}", printable(pace)),
        Change::Refused { .. } | Change::Error { .. } | Change::Drain { .. } | Change::Pong { .. } => {
            return None;
        }
    };
    Some(text)
}

fn record(row: &Row, now_us: i64) -> String {
    let value = |field| row.value(field).map(printable);
    let with_size = |price, size| match (value(price), value(size)) {
        (None, None) => None,
        (price, None) => price,
        (price, Some(size)) => Some(format!("{} x {size}", price.unwrap_or_else(|| "-".to_owned()))),
    };
    let named = [
        ("seq", Some(row.seq.to_string())),
        ("n", (row.n > 1).then(|| row.n.to_string())),
        ("bid", with_size(Field::Bid, Field::BidSize)),
        ("ask", with_size(Field::Ask, Field::AskSize)),
        ("last", value(Field::Last)),
        ("vs open", row.change_bp().map(|change| cell::percent(change) + " %")),
        ("vol", value(Field::Volume)),
        ("age", age(row.rx_us, now_us)),
    ];
    let known = named.iter().filter_map(|(name, text)| Some(format!("  {name} {}", text.as_ref()?)));
    printable(&row.symbol) + &known.collect::<String>()
}

/// How long ago the server took in what is shown, as exactly as it is known.
fn age(rx_us: i64, now_us: i64) -> Option<String> {
    if rx_us == 0 {
        return None;
    }
    let age_us = u64::try_from(now_us.saturating_sub(rx_us)).unwrap_or(0);
    Some(match age_us / 1_000_000 {
        0..60 => time(age_us),
        seconds @ 60..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(payload: &str, now_us: i64) -> Vec<String> {
        let mut out = Vec::new();
        let mut log = Log::new(&mut out);
        let mut board = Board::new(&[]);
        board
            .apply(payload.as_bytes(), |change| log.changed(&change, Nanos(now_us * 1_000)).unwrap())
            .unwrap();
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_log_has_a_line_for_each_change() {
        let payload = r#"[{"type":"update","symbol":"A","seq":9,"rx":500000,"bid":3,"bid_size":1,"n":3},
            {"type":"gap","symbol":"A","from":10,"to":11},{"type":"status","symbol":"A","state":"stale"},{"type":"drain","retry_ms":1}]"#;
        assert_eq!(
            lines(payload, 600_000),
            ["A  seq 9  n 3  bid 3 x 1  age 100 ms", "A  gap: ticks 10 to 11 are lost", "A  stale"]
        );
    }

    #[test]
    fn a_terminal_is_not_obeyed_from_outside() {
        let payload =
            "[{\"type\":\"snapshot\",\"symbol\":\"\u{1b}c\",\"seq\":1,\"rx\":1,\"bid\":\"\u{1b}7\"},
            {\"type\":\"snapshot\",\"symbol\":\"\\u001b[2J\",\"seq\":1,\"rx\":1,\"bid\":\"\\u001b[31m\"},
            {\"type\":\"status\",\"pace\":\"\\u0007\"}]";
        let text = lines(payload, 5).concat();
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn ages_are_readable() {
        let age = |rx_us, now_us| age(rx_us, now_us).unwrap_or_else(|| "-".to_owned());
        assert_eq!(age(0, 5), "-");
        assert_eq!(age(10, 5), "0 us");
        assert_eq!(age(1, 61_000_001), "1 m 01 s");
        assert_eq!(age(1, 7_260_000_001), "2 h 01 m");
    }
}
