//! What an update says of a trade beside the record's fields, as a text: a cancel, a correction, a trade that does not
//! affect everything.
//!
//! Pure. Invariant: no text has a control character in it.

use tickcast_client::{ReportKind, TradeReport, printable};

/// As `cancel ID`, `correct ID 101.5 x 7 buy`, `trade ID 101.5 x 7, affects volume`.
pub fn told(report: &TradeReport<'_>) -> String {
    let word = match report.kind {
        ReportKind::Trade => "trade",
        ReportKind::Cancel => "cancel",
        ReportKind::Correct => "correct",
    };
    let price = match (report.last.as_deref(), report.last_size.as_deref()) {
        (None, None) => None,
        (Some(price), None) => Some(price.to_owned()),
        (price, Some(size)) => Some(format!("{} x {size}", price.unwrap_or("-"))),
    };
    let id = report.trade_id.as_deref().map(str::to_owned);
    let side = report.side.as_deref().filter(|side| *side != "unknown").map(str::to_owned);
    let parts = [id, price, side].into_iter().flatten().map(|part| format!(" {}", printable(&part)));
    let text = word.to_owned() + &parts.collect::<String>();
    match report.affects.as_deref() {
        None => text,
        Some([]) => text + ", affects nothing",
        Some(words) => {
            let words: Vec<String> = words.iter().map(|word| printable(word)).collect();
            format!("{text}, affects {}", words.join(", "))
        }
    }
}
