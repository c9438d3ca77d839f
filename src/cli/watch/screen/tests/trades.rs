//! Names of trades, configured fields, cancels and corrections on the screen.

use tickcast::tick::Nanos;

use super::{SECOND, Stage};

const ROWS: &str = r#"{"type":"snapshot","symbol":"BTC-USD","seq":5,"rx":900000,"last":87000.1,"trade_id":"t-17","mark":87000.25,"phase":"open"},
    {"type":"snapshot","symbol":"ETH-USD","seq":10,"rx":900000,"last":1.99,"mark":-1.5,"open_interest":73012,"phase":"带"}"#;

#[test]
fn names_of_trades_and_configured_fields_are_columns() {
    let mut stage = Stage::with_rows(300, 40);
    stage.tell(ROWS);
    let lines = stage.lines();
    let title = lines.iter().find(|line| line.starts_with("SYMBOL")).unwrap().clone();
    for name in ["TRADE ID", "MARK", "PHASE", "OPEN INTEREST"] {
        assert!(title.contains(name), "{name}: {title}");
    }
    assert!(title.find("STATE") < title.find("MARK"), "behind the fixed ones: {title}");
    let row =
        |lines: &[String], symbol: &str| lines.iter().find(|line| line.starts_with(symbol)).unwrap().clone();
    for part in ["t-17", "87000.25", "open"] {
        assert!(row(&lines, "BTC-USD").contains(part), "{part}: {lines:#?}");
    }
    // Points of one column stand one below the other.
    let at = |line: &str, part: &str| line[..line.find(part).unwrap()].chars().count();
    let (coin, other) = (row(&lines, "BTC-USD"), row(&lines, "ETH-USD"));
    assert_eq!(at(&coin, "87000.25") + 5, at(&other, "-1.5") + 2, "{lines:#?}");
    // A wide text ends where the others do.
    assert_eq!(at(&coin, "open") + 4, at(&other, "带") + 2, "{lines:#?}");
    // They are sorted by, and put away, as any other.
    stage.keys("cG\n\x1b");
    assert_eq!(stage.symbols()[0], "ETH-USD");
    stage.keys("cG \x1b0");
    assert!(!stage.lines()[3].contains("OPEN INTEREST"));
    stage.keys("ca\x1b");
    assert!(stage.lines()[3].contains("OPEN INTEREST"));
    // What is withdrawn is blank, in all fields of the row too.
    stage.tell(r#"{"type":"update","symbol":"BTC-USD","seq":6,"rx":900000,"mark":null,"trade_id":null}"#);
    let lines = stage.lines();
    assert!(
        !row(&lines, "BTC-USD").contains("87000.25") && !row(&lines, "BTC-USD").contains("t-17"),
        "{lines:#?}"
    );
    stage.keys("j\n");
    let lines = stage.lines().join("\n");
    assert!(lines.contains("phase              open") && lines.contains("trade_id           -"), "{lines}");
}

#[test]
fn a_narrow_terminal_leaves_configured_fields_out() {
    let mut stage = Stage::with_rows(60, 12);
    stage.tell(ROWS);
    let title = stage.lines()[3].clone();
    assert!(title.contains("STATE") && !title.contains("MARK") && !title.contains("TRADE ID"), "{title}");
    stage.keys("cG\n\x1b");
    assert!(stage.lines()[3].contains("OPEN INTEREST ▼"), "what is sorted by is shown");
}

#[test]
fn cancels_and_corrections_are_told_with_their_ages() {
    let mut stage = Stage::with_rows(100, 20);
    stage.keys("e");
    assert!(stage.lines().concat().contains("none"));
    stage.keys("\x1b");
    stage.tell(
        r#"{"type":"update","symbol":"BTC-USD","seq":5,"rx":900000,"correct":"t1","trade":{"last":101.5,"last_size":7,"side":"buy"},"last":101.5},
           {"type":"update","symbol":"ETH-USD","seq":10,"rx":900000,"cancel":"\u001b[2J77"},
           {"type":"update","symbol":"ETH-USD","seq":11,"rx":900000,"trade":{"last":1.5,"last_size":2,"side":"sell","trade_id":"o1","affects":["volume"]}}"#,
    );
    stage.now = Nanos(13 * SECOND);
    let heading = stage.lines()[2].clone();
    assert!(heading.ends_with("ETH-USD  cancel \\u{1b}[2J77  12s ago"), "{heading}");
    stage.keys("e");
    let lines = stage.lines().join("\n");
    for part in [
        "cancels and corrections",
        "BTC-USD  correct t1 101.5 x 7 buy  12s ago",
        "ETH-USD  trade o1 1.5 x 2 sell, affects volume  12s ago",
    ] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
    // Many odd lots hide no cancel, and are bounded.
    let lots = (12..400).map(|seq| {
        format!(r#"{{"type":"update","symbol":"ETH-USD","seq":{seq},"rx":900000,"trade":{{"last":1,"last_size":2,"affects":[]}}}}"#)
    });
    stage.tell(&lots.collect::<Vec<_>>().join(","));
    let now = stage.now;
    assert_eq!(stage.screen.reports.lines(now).len(), 1 + 2 + 1 + 100);
    stage.keys("e");
    assert!(!stage.lines().concat().contains("cancels and corrections"));
}
