//! Draws the screen into a buffer: heading, table, footing. Overlays are in [`overlay`](super::overlay).
//!
//! Invariant: it draws into an area of any size, also none, and never outside it.

use std::fmt::Write as _;

use ratatui_core::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Modifier, Style},
};
use tickcast_client::{Mirror, Pace, printable};

use super::{
    Screen, ScreenMode,
    columns::{Align, BETWEEN, Column, fitting},
    trend::Way,
};
use crate::cli::{
    figures::{bytes, grouped},
    terminal::put,
    watch::{
        cell::{self, Urgency},
        face::Link,
    },
};

/// Silence that is worth a word.
const SILENCE_NANOS: u64 = 2_000_000_000;
/// A symbol may take this share of the line, for some have 64 characters.
const SYMBOL_SHARE: usize = 3;

// === impl Screen ===

impl Screen {
    /// Draws, and returns the position of the cursor if it is shown.
    pub fn paint(&mut self, buf: &mut Buffer, board: &Mirror, link: &Link<'_>) -> Option<Position> {
        let area = *buf.area();
        let heading = match area.height {
            0..=4 => 0,
            5..=7 => 1,
            8..=9 => 2,
            _ => 3,
        };
        let footing = u16::from(area.height > 2);
        let titles = u16::from(area.height > 1);
        let first = heading + titles;
        self.page = usize::from(area.height.saturating_sub(first + footing)).max(1);
        let server_us = link.server_now.micros();
        self.look(board, link.now, server_us);
        self.heading(buf, heading, board, link);
        self.table(
            buf,
            Rect { y: heading, height: area.height - heading - footing, ..area },
            board,
            server_us,
        );
        let cursor = (footing > 0).then(|| self.footing(buf, area.height - 1, board)).flatten();
        self.overlay(buf, board, link.server_now);
        cursor
    }

    fn heading(&self, buf: &mut Buffer, lines: u16, board: &Mirror, link: &Link<'_>) {
        let width = buf.area().width;
        let mut y = 0;
        if lines >= 2 {
            let bar = Style::new().add_modifier(Modifier::REVERSED);
            buf.set_style(Rect { x: 0, y, width, height: 1 }, bar);
            self.theme.sides(
                buf,
                y,
                &format!(" tickcast watch  {}", printable(link.url)),
                &format!("{} ", link.asked),
            );
            y += 1;
        }
        if lines >= 1 {
            let (old, all, _) = cell::freshness(board.topics(), link.server_now.micros());
            let trouble = match (link.up, all > 0 && old == all) {
                (false, _) => Urgency::Away,
                (true, true) => Urgency::Old,
                (true, false) => Urgency::None,
            };
            let mut text = format!("{} {}", self.theme.trouble_sign(trouble), printable(&self.connection));
            text += &freshness(board, link);
            for notice in cell::notices(board.topics()) {
                let _infallible = write!(text, "  {notice}");
            }
            if let Some(silence) = link.heard.map(|heard| link.now.since(heard))
                && silence >= SILENCE_NANOS
            {
                let _infallible = write!(text, "  silent for {} s", silence / 1_000_000_000);
            }
            let paused = self.frozen.as_ref().map_or_else(String::new, |frozen| {
                let unseen = grouped(board.totals().updates - frozen.updates);
                let seconds = link.now.since(frozen.since) / 1_000_000_000;
                format!(" PAUSED for {seconds} s, {unseen} updates not shown ")
            });
            self.theme.sides(buf, y, &text, &paused);
            let paused = paused.chars().count().min(usize::from(width)) as u16;
            let strong = Style::new().add_modifier(Modifier::BOLD | Modifier::REVERSED);
            buf.set_style(Rect { x: width - paused, y, width: paused, height: 1 }, strong);
            buf.set_style(Rect { x: 0, y, width: width - paused, height: 1 }, self.theme.trouble(trouble));
            y += 1;
        }
        if lines >= 3 {
            let rates = link.rates;
            let text = format!(
                "{} updates/s for {} ticks/s  {}/s  {} in all",
                grouped(rates.updates_per_second.round() as u64),
                grouped(rates.ticks_per_second.round() as u64),
                bytes(rates.bytes_per_second),
                bytes(board.totals().bytes as f64),
            );
            let newest = self.reports.newest(link.server_now).unwrap_or_default();
            self.theme.sides(buf, y, &text, &newest);
        }
    }

    fn table(&mut self, buf: &mut Buffer, area: Rect, board: &Mirror, now_us: i64) {
        let rows = self.frozen.as_ref().map_or(board.topics(), |frozen| &frozen.rows);
        let all = self.columns();
        let text = |place: usize, column: &Column| column.text(&self.others, &rows[place], now_us);
        let shown: Vec<(usize, Vec<String>)> = (self.places.iter().skip(self.top).take(self.page))
            .map(|&place| (place, all.iter().map(|column| text(place, column)).collect()))
            .collect();
        for (_, cells) in &shown {
            self.widths.see(&all, cells);
        }
        let room = usize::from(area.width);
        let sorted = self.sort.map(|(column, _)| column);
        let symbol_max = (room / SYMBOL_SHARE).max(Column::Symbol.title(&self.others).len() + 2);
        let wide = |column| match (self.widths.of(column, &self.others, sorted), column) {
            (wide, Column::Symbol) => wide.min(symbol_max),
            (wide, _) => wide,
        };
        let chosen = all.into_iter().filter(|column| !self.hidden.contains(column));
        let chosen: Vec<(Column, usize)> = chosen.map(|column| (column, wide(column))).collect();
        let columns = fitting(&chosen, room, sorted);
        self.shown = columns.iter().map(|(column, _)| *column).collect();
        if area.height > 0 {
            self.titles(buf, area.y, &columns);
        }
        for (line, (place, cells)) in (area.y + 1..).zip(&shown) {
            if line >= area.bottom() {
                break;
            }
            let trouble = cell::trouble(&rows[*place], now_us);
            self.row(buf, line, &columns, (*place, trouble), cells);
        }
        if shown.is_empty() && area.height > 2 {
            let text = if rows.is_empty() { "no symbol yet" } else { "no symbol matches the filter" };
            buf.set_stringn(2, area.y + 2, text, room.saturating_sub(2), Style::new());
        }
    }

    fn titles(&self, buf: &mut Buffer, y: u16, columns: &[(Column, usize)]) {
        let width = buf.area().width;
        let mut x = 0;
        for &(column, wide) in columns {
            let mut title = column.title(&self.others).to_owned();
            if let Some((sorted, descending)) = self.sort
                && sorted == column
            {
                title = format!("{title} {}", self.theme.sort_sign(descending));
            }
            let title = match column.align() {
                Align::Left => title,
                Align::Right | Align::Point => format!("{title:>wide$}"),
            };
            put(buf, x, y, &self.theme.cut_to(&title, wide), Style::new());
            x += wide + BETWEEN;
        }
        let style = Style::new().add_modifier(Modifier::BOLD | Modifier::UNDERLINED);
        buf.set_style(Rect { x: 0, y, width, height: 1 }, style);
    }

    fn row(
        &self,
        buf: &mut Buffer,
        y: u16,
        columns: &[(Column, usize)],
        (place, trouble): (usize, Urgency),
        cells: &[String],
    ) {
        // Whatever is not live is pale, and its price does not look like one.
        let faded =
            if trouble == Urgency::None { Style::new() } else { Style::new().add_modifier(Modifier::DIM) };
        let way = self.trends.way(place);
        let mut x = 0;
        for &(column, wide) in columns {
            let text = &cells[column.place()];
            let (text, style) = match column {
                Column::State => {
                    (format!("{} {text}", self.theme.trouble_sign(trouble)), self.theme.trouble(trouble))
                }
                Column::Last => {
                    let sign = if text.is_empty() { " " } else { self.theme.way_sign(way) };
                    let price = self.widths.aligned(column, text, wide.saturating_sub(2));
                    (
                        format!("{price} {sign}"),
                        if trouble == Urgency::None { self.theme.way(way) } else { faded },
                    )
                }
                Column::Change if trouble == Urgency::None => {
                    (format!("{text:>wide$}"), self.theme.way(way_of_change(text)))
                }
                Column::Trend => {
                    let levels = self.trends.levels(place, wide);
                    let plot: String = levels.into_iter().map(|level| self.theme.level(level)).collect();
                    (format!("{plot:>wide$}"), faded)
                }
                Column::Gaps if !text.is_empty() => {
                    (format!("{text:>wide$}"), self.theme.trouble(Urgency::Old))
                }
                _ => (self.widths.aligned(column, text, wide), faded),
            };
            put(buf, x, y, &self.theme.cut_to(&text, wide), style);
            x += wide + BETWEEN;
        }
        if self.selected == Some(place) {
            let line = Rect { x: 0, y, width: buf.area().width, height: 1 };
            buf.set_style(line, Style::new().add_modifier(Modifier::REVERSED));
        }
    }

    fn footing(&self, buf: &mut Buffer, y: u16, board: &Mirror) -> Option<Position> {
        let total = self.frozen.as_ref().map_or(board.topics().len(), |frozen| frozen.rows.len());
        let wanted = self.columns().len() - self.hidden.len();
        let mut right = String::new();
        if wanted > self.shown.len() {
            right = format!("+{} columns  ", wanted - self.shown.len());
        }
        let last = (self.top + self.page).min(self.places.len());
        let _infallible = write!(
            right,
            "{}-{} of {}",
            grouped((self.top + 1).min(last) as u64),
            grouped(last as u64),
            grouped(self.places.len() as u64)
        );
        if self.places.len() < total {
            let _infallible = write!(right, " ({} in all)", grouped(total as u64));
        }
        let left = match (&self.complaint, self.mode) {
            (_, ScreenMode::Filter) => format!("/{}", self.filter),
            (Some(complaint), _) => format!("! {}", printable(complaint)),
            (None, _) if !self.filter.is_empty() => format!("/{}  (Esc: all)", self.filter),
            (None, _) => "? help  / filter  s sort  c columns  p pause  q quit".to_owned(),
        };
        self.theme.sides(buf, y, &left, &right);
        let at = crate::cli::terminal::width(&self.filter) as u16 + 1;
        (self.mode == ScreenMode::Filter)
            .then(|| Position { x: at.min(buf.area().width.saturating_sub(1)), y })
    }
}

/// Whether the prices are live: how this session keeps up matters only as long as they are.
fn freshness(board: &Mirror, link: &Link<'_>) -> String {
    match cell::freshness(board.topics(), link.server_now.micros()) {
        (old, all, Some(youngest)) if old == all => format!("  prices {} old", cell::seconds(youngest)),
        (old @ 1.., all, _) => format!("  {} of {} not live", grouped(old as u64), grouped(all as u64)),
        // A server says nothing of a pace that is live from the beginning.
        _ => board
            .pace()
            .map(Pace::as_str)
            .or(link.up.then_some("live"))
            .map_or_else(String::new, |pace| format!("  pace {}", printable(pace))),
    }
}

fn way_of_change(text: &str) -> Way {
    match text.as_bytes() {
        [] | [b'+', b'0', b'.', b'0', b'0'] => Way::Unknown,
        [b'-', ..] => Way::Down,
        _ => Way::Up,
    }
}
