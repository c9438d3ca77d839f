//! A line for each change, for pipes and files: what is shown when there is no terminal, or `--plain`.
//!
//! How the connection is goes to standard error. Invariant: nothing from the server reaches the output with a control
//! character in it.

use std::{
    io::{self, Write},
    ops::ControlFlow,
};

use tickcast::tick::Nanos;
use tickcast_client::{Event, Field, Late, Mirror, Outcome, SymbolResult, Topic, printable};

use super::{
    cell,
    face::{Link, WatchOutput},
    report,
};
use crate::cli::{figures::time, shell::complain};

/// An output that lines are added to.
pub struct TickLog<W: Write> {
    out: W,
}

// === impl TickLog ===

impl<W: Write> TickLog<W> {
    pub fn new(out: W) -> Self {
        TickLog { out }
    }
}

impl<W: Write> WatchOutput for TickLog<W> {
    fn changed(&mut self, event: &Event<'_>, now: Nanos) -> io::Result<()> {
        match line(event, now.micros()) {
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

    fn step(&mut self, _: &Mirror, _: &Link<'_>) -> io::Result<ControlFlow<()>> {
        Ok(ControlFlow::Continue(()))
    }
}

/// An event as lines; `None` when it has nothing to say there.
fn line(event: &Event<'_>, now_us: i64) -> Option<String> {
    let text = match event {
        Event::Record(change) | Event::Correction(change) => {
            let symbol = printable(&change.topic.symbol);
            let told = change.report.as_ref().map(|report| format!("{symbol}  {}\n", report::told(report)));
            told.unwrap_or_default() + &record(change.topic, now_us)
        }
        Event::Gap(loss) => {
            let (from, to) = (loss.gap.from, loss.gap.to);
            format!("{}  gap: ticks {from} to {to} are lost", printable(&loss.topic.symbol))
        }
        Event::State(topic) => {
            let why = topic.reason().map(|reason| format!(": {}", printable(reason))).unwrap_or_default();
            format!("{}  {}{why}", printable(&topic.symbol), printable(topic.standing.as_str()))
        }
        Event::Pace(pace) => format!("pace {}", printable(pace.as_str())),
        Event::Subscribed(answer) => {
            let lines: Vec<String> = answer.results.iter().filter_map(told).collect();
            return (!lines.is_empty()).then(|| lines.join("\n"));
        }
        _ => return None,
    };
    Some(text)
}

/// That a name has no tick yet, or is shown delayed; a glob's are shown when they come.
fn told(result: &SymbolResult<'_>) -> Option<String> {
    let is_pending = result.status == Outcome::Pending && result.matched.is_none();
    let word = if result.known == Some(false) { "unknown" } else { "pending" };
    let pending = is_pending.then(|| word.to_owned());
    let late = result.delay_ms.map(|delay_ms| cell::delayed(&Late { delay_ms, notice: None }));
    let notice = result.notice.as_deref().map(printable);
    let words: Vec<String> = pending.into_iter().chain(late).chain(notice).collect();
    (!words.is_empty()).then(|| format!("{}  {}", printable(&result.symbol), words.join(": ")))
}

fn record(row: &Topic, now_us: i64) -> String {
    let value = |field| row.record.text(field).map(printable);
    let with_size = |price, size| match (value(price), value(size)) {
        (None, None) => None,
        (price, None) => price,
        (price, Some(size)) => Some(format!("{} x {size}", price.unwrap_or_else(|| "-".to_owned()))),
    };
    let named = [
        ("seq", Some(row.record.seq.to_string())),
        ("n", (row.record.n > 1).then(|| row.record.n.to_string())),
        ("bid", with_size(Field::Bid, Field::BidSize)),
        ("ask", with_size(Field::Ask, Field::AskSize)),
        ("last", value(Field::Last)),
        ("trade_id", value(Field::TradeId)),
        ("vs open", cell::change_bp(row).map(|change| cell::percent(change) + " %")),
        ("vol", value(Field::Volume)),
    ];
    let known = named.iter().filter_map(|(name, text)| Some(format!("  {name} {}", text.as_ref()?)));
    let others = row.record.others().map(|(name, text)| format!("  {} {}", printable(name), printable(text)));
    let age = age(row.record.rx_us, now_us).map(|age| format!("  age {age}"));
    printable(&row.symbol) + &known.chain(others).chain(age).collect::<String>()
}

/// How long ago the server took in what is shown, as exactly as it is known.
fn age(rx_us: i64, now_us: i64) -> Option<String> {
    if rx_us == 0 {
        return None;
    }
    let age_us = u64::try_from(now_us.saturating_sub(rx_us)).unwrap_or(0);
    if age_us < 59_950_000 {
        return Some(time(age_us));
    }
    Some(match (age_us + 500_000) / 1_000_000 {
        seconds @ ..3_600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        seconds => format!("{} h {:02} m", seconds / 3_600, seconds / 60 % 60),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(payload: &str, now_us: i64) -> Vec<String> {
        let mut out = Vec::new();
        let mut log = TickLog::new(&mut out);
        let mut board = Mirror::default();
        let mut events = board.receive(payload, 0);
        while let Some(event) = events.next_event().unwrap() {
            log.changed(&event, Nanos(now_us * 1_000)).unwrap();
        }
        drop(events);
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_log_has_a_line_for_each_change() {
        let payload = r#"[{"type":"update","symbol":"A","seq":9,"rx":500000,"bid":3,"bid_size":1,"n":3},
            {"type":"gap","symbol":"A","from":10,"to":11},{"type":"status","symbol":"A","state":"stale"},
            {"type":"status","symbol":"A","state":"halted","reason":"cancel_only\u001b"},{"type":"drain","retry_ms":1},
            {"type":"subscribed","results":[{"symbol":"B","status":"pending"},{"symbol":"C*","status":"pending","matched":0},
            {"symbol":"D","status":"pending","known":false}]},
            {"type":"subscribed","results":[{"symbol":"E","status":"ok","delay_ms":900000,"notice":"delayed\u001b by HKEX"},
            {"symbol":"F","status":"pending","delay_ms":60000}]}]"#;
        assert_eq!(
            lines(payload, 600_000),
            [
                "A  seq 9  n 3  bid 3 x 1  age 100 ms",
                "A  gap: ticks 10 to 11 are lost",
                "A  stale",
                &format!("A  halted: {}", printable("cancel_only\u{1b}")),
                "B  pending",
                "D  unknown",
                &format!("E  delayed 15m00s: {}", printable("delayed\u{1b} by HKEX")),
                "F  pending: delayed 1m00s",
            ]
        );
    }

    #[test]
    fn cancels_corrections_and_trades_that_affect_little_are_lines_of_their_own() {
        let payload = r#"[{"type":"snapshot","symbol":"A","seq":8,"rx":1000,"last":9,"trade_id":"t8","mark":9.25,"phase":"post only"},
            {"type":"update","symbol":"A","seq":9,"rx":1000,"trade":{"last":8.5,"last_size":3,"side":"sell","trade_id":"o9","affects":["volume"]},"volume":3},
            {"type":"update","symbol":"A","seq":10,"rx":1000,"trade":{"last":8.5,"last_size":3,"side":"unknown","affects":[]},"mark":null},
            {"type":"update","symbol":"A","seq":11,"rx":1000,"correct":"t8","trade":{"last":101.5,"last_size":7,"side":"buy"},"last":101.5},
            {"type":"update","symbol":"A","seq":12,"rx":1000,"cancel":"t8","last":null,"trade_id":null}]"#;
        assert_eq!(
            lines(payload, 1_000),
            [
                "A  seq 8  last 9  trade_id t8  mark 9.25  phase post only  age 0 us",
                "A  trade o9 8.5 x 3 sell, affects volume",
                "A  seq 9  last 9  trade_id t8  vol 3  mark 9.25  phase post only  age 0 us",
                "A  trade 8.5 x 3, affects nothing",
                "A  seq 10  last 9  trade_id t8  vol 3  phase post only  age 0 us",
                "A  correct t8 101.5 x 7 buy",
                "A  seq 11  last 101.5  trade_id t8  vol 3  phase post only  age 0 us",
                "A  cancel t8",
                "A  seq 12  vol 3  phase post only  age 0 us",
            ]
        );
    }

    #[test]
    fn a_terminal_is_not_obeyed_from_outside() {
        let payload =
            "[{\"type\":\"snapshot\",\"symbol\":\"\u{1b}c\",\"seq\":1,\"rx\":1,\"bid\":\"\u{1b}7\"},
            {\"type\":\"snapshot\",\"symbol\":\"\\u001b[2J\",\"seq\":1,\"rx\":1,\"bid\":\"\\u001b[31m\"},
            {\"type\":\"update\",\"symbol\":\"B\",\"seq\":2,\"rx\":1,\"cancel\":\"\\u001b[2J\"},
            {\"type\":\"update\",\"symbol\":\"B\",\"seq\":3,\"rx\":1,\"trade_id\":\"\\u001b7\",\"phase\":\"\\u001bc\",\"a\\u001bb\":1,
            \"trade\":{\"last\":1,\"side\":\"\\u0007\",\"affects\":[\"\\u001b7\"]}},
            {\"type\":\"status\",\"pace\":\"\\u0007\"}]";
        let text = lines(payload, 5).concat();
        assert!(!text.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn ages_are_readable() {
        let age = |rx_us, now_us| age(rx_us, now_us).unwrap_or_else(|| "-".to_owned());
        assert_eq!(age(0, 5), "-");
        assert_eq!(age(10, 5), "0 us");
        assert_eq!(age(1, 999_601), "1.0 s");
        assert_eq!(age(1, 59_940_001), "59.9 s");
        assert_eq!(age(1, 59_960_001), "1 m 00 s", "what rounds up to the next unit is written in it");
        assert_eq!(age(1, 61_000_001), "1 m 01 s");
        assert_eq!(age(1, 3_599_700_001), "1 h 00 m");
        assert_eq!(age(1, 7_260_000_001), "2 h 01 m");
    }
}
