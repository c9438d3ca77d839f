//! First receipts: each symbol has a line of its own, with its name, whatever came with it.

use super::*;

#[test]
fn each_symbol_has_a_line_of_its_own() {
    let folder = Folder::new("symbols");
    let now = at("2026-11-30T12:00:00Z");
    let mut file = AuditFile::open(&folder.path(), 1 << 20, now).expect("a new file");
    let symbols = (0..3).map(|number| format!("S{number}").into()).collect();
    let received = Event::Received {
        who: who("alice"),
        product: DEFAULT_PRODUCT.into(),
        symbols,
        delayed: true,
        via: AuditChannel::Rest,
    };
    append_all(&mut file, &[(now, received), (now, ended(1))]);
    let text = fs::read_to_string(folder.path()).expect("text");
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said = |line: &serde_json::Value| {
        ["n", "event", "user", "class", "symbol", "delayed"].map(|name| line[name].clone())
    };
    let row = |n: u64, symbol: &str| -> [serde_json::Value; 6] {
        [n.into(), "received".into(), "alice".into(), "display".into(), symbol.into(), true.into()]
    };
    assert_eq!(lines[1..4].iter().map(said).collect::<Vec<_>>(), [row(2, "S0"), row(3, "S1"), row(4, "S2")]);
    assert_eq!(folder.read().expect("every line follows").1, file.chain());
}
