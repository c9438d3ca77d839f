//! Overlays of the table: help, the choice of columns, all fields of one row.

use ratatui_core::buffer::Buffer;
use tickcast::tick::Nanos;
use tickcast_client::{Field, Mirror, Topic, printable};

use super::{Screen, ScreenMode};
use crate::cli::{
    figures::grouped,
    watch::cell::{self, Urgency},
};

// === impl Screen ===

impl Screen {
    pub(super) fn overlay(&mut self, buf: &mut Buffer, board: &Mirror, server_now: Nanos) {
        let server_us = server_now.micros();
        match self.mode {
            ScreenMode::Table | ScreenMode::Filter => {}
            ScreenMode::Help(top) => {
                let top = self.theme.framed(buf, "help", &self.help_lines(), top, None);
                self.mode = ScreenMode::Help(top);
            }
            ScreenMode::Columns(at) => {
                let lines = self.column_lines();
                self.theme.framed(buf, "space: show  Enter: sort", &lines, 0, Some(at));
            }
            ScreenMode::Detail(top) => {
                let rows = self.frozen.as_ref().map_or(board.topics(), |frozen| &frozen.rows);
                let Some(row) = self.selected.and_then(|place| rows.get(place)) else { return };
                let title = printable(&row.symbol);
                let top = self.theme.framed(buf, &title, &detail_lines(row, server_us), top, None);
                self.mode = ScreenMode::Detail(top);
            }
            ScreenMode::Reports(top) => {
                let lines = self.reports.lines(server_now);
                self.mode = ScreenMode::Reports(self.theme.framed(buf, "trades", &lines, top, None));
            }
        }
    }

    fn help_lines(&self) -> Vec<String> {
        let sign = |trouble| self.theme.trouble_sign(trouble);
        let (up, down) = (self.theme.sort_sign(false), self.theme.sort_sign(true));
        [
            "/          filter: part of a name, or a * glob",
            "s S        sort by the next, previous column",
            "1 to 9     sort by that column; again: reverse",
            "r 0        reverse; as first seen",
            "c          choose columns, sort by any",
            "j k g G    arrows, PgUp, PgDn: move",
            "Enter      all fields of the selected row",
            "e          cancels, corrections, odd lots",
            "p, space   pause; ages and states go on",
            "Esc        a step back",
            "Ctrl-L     draw anew      Ctrl-Z   suspend",
            "q, Ctrl-C  leave",
            "",
        ]
        .map(str::to_owned)
        .into_iter()
        .chain([
            format!(
                "{} live  {} pending  {} stale, old",
                sign(Urgency::None),
                sign(Urgency::Waiting),
                sign(Urgency::Old)
            ),
            format!(
                "{} halted, offline  {} closed  {} refused, unknown",
                sign(Urgency::Away),
                sign(Urgency::Ended),
                sign(Urgency::Refused)
            ),
            format!("{up} {down} the way of the last change of price"),
            "TREND   a mark each 2 s; a hole: not known".to_owned(),
            "AGE     since the server took it in".to_owned(),
            "N       ticks that the last update stood for".to_owned(),
            "MERGED  ticks merged into others on their way".to_owned(),
            "GAPS    announced losses (ticks lost)".to_owned(),
        ])
        .collect()
    }

    fn column_lines(&self) -> Vec<String> {
        let lines = self.columns().into_iter().map(|column| {
            let sorted = match self.sort {
                Some((sorted, descending)) if sorted == column => self.theme.sort_sign(descending),
                _ => " ",
            };
            let mark = match (self.hidden.contains(&column), self.shown.contains(&column)) {
                (false, true) => "[x]",
                // Chosen, but the terminal has no room for it.
                (false, false) => "[-]",
                (true, _) => "[ ]",
            };
            format!("{mark} {:<8} {sorted} {}", column.title(&self.others), column.meaning())
        });
        lines.collect()
    }
}

fn detail_lines(row: &Topic, server_us: i64) -> Vec<String> {
    let known = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let notice = row.late.as_ref().and_then(|late| late.notice.as_deref());
    let mut lines: Vec<(&str, String)> = vec![
        ("state", cell::state(row, server_us)),
        ("reason", known(row.reason().map(printable).unwrap_or_default())),
        ("notice", known(notice.map(printable).unwrap_or_default())),
        ("age", known(cell::age(row, server_us))),
        ("seq", grouped(row.record.seq)),
        ("n", grouped(row.record.n)),
        ("merged", grouped(row.merged)),
        ("gaps (ticks lost)", format!("{} ({})", grouped(row.gaps), grouped(row.lost))),
        ("vs open %", known(cell::change_bp(row).map(cell::percent).unwrap_or_default())),
    ];
    lines.extend(Field::ALL.into_iter().map(|field| (field.name(), known(cell::value(row, field)))));
    let mut lines: Vec<String> = lines.into_iter().map(|(name, text)| format!("{name:<18} {text}")).collect();
    let others = row.record.others();
    lines.extend(others.map(|(name, text)| format!("{:<18} {}", printable(name), printable(text))));
    lines
}
