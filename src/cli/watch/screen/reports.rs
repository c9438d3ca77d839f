//! The newest cancels, corrections, and trades that do not affect everything, as they came.
//!
//! Pure. They are told while the screen is paused, too: they are events, and no values of a row. Invariant: bounded, each
//! kind for itself, so that many odd lots hide no cancel.

use std::collections::VecDeque;

use tickcast::tick::Nanos;
use tickcast_client::{Change, ReportKind, printable};

use crate::cli::watch::{cell, report};

/// The newest first.
#[derive(Default)]
pub struct Reports {
    corrections: VecDeque<ReportLine>,
    trades: VecDeque<ReportLine>,
}

struct ReportLine {
    /// By the server's clock.
    at: Nanos,
    text: String,
}

/// Of each kind.
const KEPT_MAX: usize = 100;

impl Reports {
    pub fn take(&mut self, change: &Change<'_>, now: Nanos) {
        let Some(report) = &change.report else { return };
        let kept = match report.kind {
            ReportKind::Trade => &mut self.trades,
            ReportKind::Cancel | ReportKind::Correct => &mut self.corrections,
        };
        kept.truncate(KEPT_MAX - 1);
        let text = format!("{}  {}", printable(&change.topic.symbol), report::told(report));
        kept.push_front(ReportLine { at: now, text });
    }

    /// The newest cancel or correction.
    pub fn newest(&self, now: Nanos) -> Option<String> {
        self.corrections.front().map(|line| line.aged(now))
    }

    pub fn lines(&self, now: Nanos) -> Vec<String> {
        let mut lines = Vec::new();
        for (title, kept) in [
            ("cancels and corrections", &self.corrections),
            ("trades that do not affect everything", &self.trades),
        ] {
            lines.push(title.to_owned());
            lines.extend(kept.iter().map(|line| format!("  {}", line.aged(now))));
            if kept.is_empty() {
                lines.push("  none".to_owned());
            }
        }
        lines
    }
}

impl ReportLine {
    fn aged(&self, now: Nanos) -> String {
        format!("{}  {} ago", self.text, cell::seconds(now.micros() - self.at.micros()))
    }
}
