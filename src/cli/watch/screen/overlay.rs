//! What stands over the table: help, the choice of columns, all fields of one row.

use ratatui_core::{
    buffer::Buffer,
    layout::Rect,
    style::{Modifier, Style},
};

use super::{Mode, Screen, columns::Column, paint::put};
use crate::{
    cli::{
        endpoint::printable,
        load::report::grouped,
        watch::{
            board::{Board, Row},
            cell::{self, Trouble},
        },
    },
    tick::{Field, Nanos},
};

// === impl Screen ===

impl Screen {
    pub(super) fn overlay(&mut self, buf: &mut Buffer, board: &Board, now: Nanos) {
        match self.mode {
            Mode::Table | Mode::Filter => {}
            Mode::Help(top) => {
                let top = self.framed(buf, "help", &self.help_lines(), top, None);
                self.mode = Mode::Help(top);
            }
            Mode::Columns(at) => {
                let lines = self.column_lines();
                self.framed(buf, "space: show  Enter: sort", &lines, 0, Some(at));
            }
            Mode::Detail(top) => {
                let rows = self.frozen.as_ref().map_or(board.rows(), |frozen| &frozen.rows);
                let Some(row) = self.selected.and_then(|place| rows.get(place)) else { return };
                let title = printable(&row.symbol);
                let top = self.framed(buf, &title, &detail_lines(row, now), top, None);
                self.mode = Mode::Detail(top);
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
                "{} live  {} pending  {} stale",
                sign(Trouble::None),
                sign(Trouble::Waiting),
                sign(Trouble::Old)
            ),
            format!(
                "{} halted, offline  {} closed  {} refused",
                sign(Trouble::Away),
                sign(Trouble::Ended),
                sign(Trouble::Refused)
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
        let lines = Column::ALL.into_iter().map(|column| {
            let sorted = match self.sort {
                Some((sorted, descending)) if sorted == column => self.theme.sort_sign(descending),
                _ => " ",
            };
            let mark = match (self.chosen[column as usize], self.shown.contains(&column)) {
                (true, true) => "[x]",
                // Chosen, but the terminal has no room for it.
                (true, false) => "[-]",
                (false, _) => "[ ]",
            };
            format!("{mark} {:<8} {sorted} {}", column.title(), column.meaning())
        });
        lines.collect()
    }

    /// A frame in the middle with these lines, those around `at` or from `top` on; the answer is the `top` that was used.
    fn framed(
        &self,
        buf: &mut Buffer,
        title: &str,
        lines: &[String],
        top: usize,
        at: Option<usize>,
    ) -> usize {
        let area = *buf.area();
        let widest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
        let width = (widest + 4).max(title.chars().count() + 6).min(usize::from(area.width));
        let height = (lines.len() + 2).min(usize::from(area.height));
        if width < 5 || height < 3 {
            return top;
        }
        let (room, inner) = (height - 2, width - 4);
        let top = match at {
            Some(at) => (at + 1).saturating_sub(room),
            None => top.min(lines.len() - room),
        };
        let x = (usize::from(area.width) - width) / 2;
        let y = (usize::from(area.height) - height) / 2;
        let (corners, flat, side) = if self.theme.unicode {
            (["┌", "┐", "└", "┘"], "─", "│")
        } else {
            (["+"; 4], "-", "|")
        };
        let title = self.cut(&format!(" {title} "), width - 4);
        let rest = flat.repeat(width - 3 - title.chars().count());
        // Cells of the table must not shine through with their colours.
        let frame = Rect { x: x as u16, y: y as u16, width: width as u16, height: height as u16 };
        for place in frame.positions() {
            buf[place].reset();
        }
        let plain = Style::new();
        put(buf, x, frame.y, &format!("{}{flat}{title}{rest}{}", corners[0], corners[1]), plain);
        for (index, line) in lines.iter().skip(top).take(room).enumerate() {
            let y = frame.y + 1 + index as u16;
            let line = self.cut(line, inner);
            let style = if at == Some(top + index) { plain.add_modifier(Modifier::REVERSED) } else { plain };
            put(buf, x, y, &format!("{side} "), plain);
            put(buf, x + 2, y, &format!("{line:<inner$}"), style);
            put(buf, x + 2 + inner, y, &format!(" {side}"), plain);
        }
        let more = if top + room < lines.len() { self.cut(" more: j ", width - 4) } else { String::new() };
        let rest = flat.repeat(width - 3 - more.chars().count());
        put(buf, x, frame.bottom() - 1, &format!("{}{flat}{more}{rest}{}", corners[2], corners[3]), plain);
        top
    }
}

fn detail_lines(row: &Row, now: Nanos) -> Vec<String> {
    let known = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    let mut lines: Vec<(&str, String)> = vec![
        ("state", printable(&row.state)),
        ("age", known(cell::age(row, now.micros()))),
        ("seq", grouped(row.seq)),
        ("n", grouped(row.n)),
        ("merged", grouped(row.merged)),
        ("gaps (ticks lost)", format!("{} ({})", grouped(row.gaps), grouped(row.lost))),
        ("change %", known(row.change_bp().map(cell::percent).unwrap_or_default())),
    ];
    lines.extend(Field::ALL.into_iter().map(|field| (field.name(), known(cell::value(row, field)))));
    lines.into_iter().map(|(name, text)| format!("{name:<18} {text}")).collect()
}
