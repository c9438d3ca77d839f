//! Names and other text from outside on the screen.

use super::Stage;

#[test]
fn wide_names_take_two_cells_and_what_is_not_seen_is_written_out() {
    let mut stage = Stage::with_rows(60, 20);
    let row = |symbol: &str| {
        format!(r#"{{"type":"snapshot","symbol":"{symbol}","seq":1,"rx":1000000,"bid":1,"last":7.5}}"#)
    };
    stage.tell(&["币安人生USDT", "AAPL  250221C00250000", "A\u{202e}B", &"带".repeat(21)].map(row).join(","));
    let lines = stage.lines();
    let line = |part: &str| {
        lines.iter().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {lines:#?}"))
    };
    // The cell behind a wide character is empty.
    let (coin, option) = (line("币 安 人 生 USDT"), line("AAPL  250221C"));
    assert_eq!(
        coin.find("7.5").map(|at| coin[..at].chars().count()),
        option.find("7.5").map(|at| option[..at].chars().count())
    );
    line("A\\u{202e}B");
    let cut = line("带 带 ");
    assert!(cut.contains("带 …"), "{cut}");
    stage.keys("/人生");
    assert!(stage.lines().concat().contains("1-1 of 1 (8 in all)"));
    stage.keys("\x1b/A\\*");
    assert!(stage.lines().concat().contains("no symbol matches"), "an escaped star is a star");
}

#[test]
fn a_terminal_is_not_obeyed_from_outside() {
    let mut stage = Stage::with_rows(200, 30);
    stage.tell(
        "{\"type\":\"snapshot\",\"symbol\":\"\u{1b}c\",\"seq\":1,\"rx\":1,\"bid\":\"\u{1b}7\"},
        {\"type\":\"snapshot\",\"symbol\":\"\\u001b[2J\",\"seq\":1,\"rx\":1,\"bid\":\"\\u001b[31m\"},
        {\"type\":\"status\",\"pace\":\"\\u0007\"}",
    );
    for keys in ["", "G\n"] {
        stage.keys(keys);
        assert!(!stage.lines().concat().contains(char::is_control));
    }
}
