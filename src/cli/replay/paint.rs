//! Draws the deck: a card for each replay, or, when they do not fit, a line for each and the selected one's card.
//!
//! Invariant: it draws into any room, down to none, and never outside it.

use crossterm::event::KeyEvent;
use ratatui_core::{
    buffer::Buffer,
    layout::{Position, Rect},
    style::{Color, Modifier, Style},
};
use tickcast::tick::Nanos;
use tickcast_client::printable;

use super::{
    deck::{Deck, STEPS},
    state::{ReplayShown, moment},
};
use crate::cli::{
    figures::{grouped, time},
    terminal::{Act, TerminalView, put},
};

/// Lines of a card, and the free one behind it.
const CARD: u16 = 5;
/// Silence that is worth a word.
const SILENCE_NANOS: u64 = 2_000_000_000;
/// Room for a name where replays are lines.
const NAME: usize = 12;

impl TerminalView for Deck {
    type Source<'a> = Nanos;

    fn key(&mut self, key: KeyEvent, _: Nanos) -> Act {
        self.press(key)
    }

    fn paste(&mut self, _: &str) {}

    fn resized(&mut self) {}

    fn draw(&mut self, buf: &mut Buffer, now: Nanos) -> Option<Position> {
        let Rect { width, height, .. } = *buf.area();
        let (heading, footing) = (u16::from(height > 4) + u16::from(height > 1), u16::from(height > 2));
        self.heading(buf, heading, now);
        let body = Rect { x: 0, y: heading, width, height: height - heading - footing };
        self.body(buf, body);
        if footing > 0 {
            let left = match (&self.complaint, self.count) {
                (Some(complaint), _) => format!("! {}", printable(complaint)),
                (None, Some(count)) => format!("{count}  (s steps so many, Esc: none)"),
                (None, None) => {
                    "? help  space pause  s step  < > seek  + - speed  r restart  q quit".to_owned()
                }
            };
            let right = if self.rows.len() > 1 {
                format!("{} of {}", self.selected + 1, self.rows.len())
            } else {
                String::new()
            };
            self.theme.sides(buf, height - 1, &left, &right);
        }
        if let Some(top) = self.help {
            self.help = Some(self.theme.framed(buf, "help", &help(), top, None));
        }
        None
    }
}

// === impl Deck ===

impl Deck {
    fn heading(&self, buf: &mut Buffer, lines: u16, now: Nanos) {
        let width = buf.area().width;
        if lines > 1 {
            let bar = Style::new().add_modifier(Modifier::REVERSED);
            buf.set_style(Rect { x: 0, y: 0, width, height: 1 }, bar);
            self.theme.sides(buf, 0, &format!(" tickcast replay  {}", printable(&self.server)), "");
        }
        if lines > 0 {
            let sign = match (self.up, self.theme.unicode) {
                (true, true) => "●",
                (true, false) => "*",
                (false, true) => "■",
                (false, false) => "#",
            };
            let mut text = format!("{sign} {}", printable(&self.connection));
            let silence = self.heard.map_or(0, |heard| now.since(heard));
            if self.up && silence >= SILENCE_NANOS {
                text = format!("{text}  no answer for {} s", silence / 1_000_000_000);
            }
            self.theme.sides(buf, lines - 1, &text, "");
            if !self.up {
                let strong =
                    self.theme.coloured(Style::new().add_modifier(Modifier::BOLD), Color::LightMagenta);
                buf.set_style(Rect { x: 0, y: lines - 1, width, height: 1 }, strong);
            }
        }
    }

    fn body(&self, buf: &mut Buffer, area: Rect) {
        let count = self.rows.len();
        let fitting = usize::from((area.height + 1) / CARD);
        if count == 0 || area.height == 0 {
            return;
        }
        if count <= fitting {
            let first = area.y + u16::from(area.height >= count as u16 * CARD);
            for place in 0..count {
                self.card(buf, first + place as u16 * CARD, area.bottom(), place);
            }
            return;
        }
        let card = if area.height > CARD { CARD } else { 0 };
        let lines = usize::from(area.height - card);
        let top = (self.selected + 1).saturating_sub(lines).min(count.saturating_sub(lines));
        for (y, place) in (area.y..area.bottom() - card).zip(top..count) {
            self.line(buf, y, place);
        }
        if card > 0 {
            self.card(buf, area.bottom() - card + 1, area.bottom(), self.selected);
        }
    }

    /// Everything of one replay, in lines as far as `end`.
    fn card(&self, buf: &mut Buffer, y: u16, end: u16, place: usize) {
        let row = &self.rows[place];
        let shown = &row.shown;
        let width = usize::from(buf.area().width);
        let waits = if row.asked > 0 { self.theme.cut() } else { "" };
        let head = format!(
            "{} {}  {} {}{waits}  {}",
            if place == self.selected { ">" } else { " " },
            printable(&shown.feed),
            self.sign(shown),
            shown.phase(),
            shown.speed
        );
        let stands = shown.stands().map_or_else(|| "before the first record".to_owned(), moment);
        let all = shown.span.map_or_else(String::new, |span| format!(" of {}", grouped(span.records)));
        let late = match shown.pace_error_us {
            pace if pace.records > 0 => format!("late p99 {} ", time(pace.p99)),
            _ => String::new(),
        };
        let counts = format!(
            "  record {}{all}  round {}  {} rejected  {} clients",
            grouped(shown.position),
            grouped(shown.round),
            grouped(shown.rejected),
            grouped(shown.clients as u64)
        );
        let span = shown.span.map_or_else(
            || "reading the recording through ".to_owned(),
            |span| format!("to {} ", moment(span.last)),
        );
        let file = format!("  {}", printable(&shown.file));
        let lines =
            [(head, format!("{stands} ")), (String::new(), String::new()), (counts, late), (file, span)];
        for (y, (left, right)) in (y..end).zip(&lines) {
            self.theme.sides(buf, y, left, right);
        }
        let line = |y| Rect { x: 0, y, width: width as u16, height: 1 };
        if y < end {
            let bold = if place == self.selected { Modifier::BOLD } else { Modifier::empty() };
            buf.set_style(line(y), self.style(shown).add_modifier(bold));
        }
        if y + 1 < end {
            let (bar, percent) = self.bar(shown, width.saturating_sub(9));
            put(buf, 2, y + 1, &bar, self.style(shown));
            put(buf, width.saturating_sub(6), y + 1, &percent, Style::new());
        }
        for y in (y + 2..end).take(2) {
            buf.set_style(line(y), Style::new().add_modifier(Modifier::DIM));
        }
    }

    /// One replay in one line.
    fn line(&self, buf: &mut Buffer, y: u16, place: usize) {
        let shown = &self.rows[place].shown;
        let width = usize::from(buf.area().width);
        let stands = shown.stands().map_or_else(String::new, moment);
        // Of the moment only the time of the day: the card has the rest.
        let clock: String = stands.chars().skip("2025-03-25T".len()).take("23:07:00.123".len()).collect();
        let (_, percent) = self.bar(shown, 0);
        let name = self.theme.cut_to(&printable(&shown.feed), NAME);
        let left = format!(" {} {name:<NAME$} ", self.sign(shown));
        let right =
            format!(" {percent} {clock:>12} {:>6} {:>9} ", shown.speed.to_string(), grouped(shown.position));
        let room = width.saturating_sub(left.chars().count() + right.chars().count());
        let (bar, _) = self.bar(shown, room);
        self.theme.sides(buf, y, &format!("{left}{bar}"), &right);
        let reversed = if place == self.selected { Modifier::REVERSED } else { Modifier::empty() };
        let line = Rect { x: 0, y, width: width as u16, height: 1 };
        buf.set_style(line, self.style(shown).add_modifier(reversed));
    }

    /// How much lies behind, as a bar of this width and in percent.
    fn bar(&self, shown: &ReplayShown, width: usize) -> (String, String) {
        const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
        let progress = shown.progress();
        let eighths = (progress.unwrap_or(0.0) * (width * 8) as f64) as usize;
        let full = (eighths / 8).min(width);
        let bar = if self.theme.unicode {
            let part = if full < width { EIGHTHS[eighths % 8] } else { "" };
            let rest = width - full - part.chars().count();
            format!("{}{part}{}", "█".repeat(full), "░".repeat(rest))
        } else {
            format!("{}{}", "#".repeat(full), "-".repeat(width - full))
        };
        // Down: the whole is reached at its end alone.
        let percent =
            progress.map_or_else(|| "   ?".to_owned(), |part| format!("{:>3}%", (part * 100.0).floor()));
        (bar, percent)
    }

    fn sign(&self, shown: &ReplayShown) -> &'static str {
        let (unicode, ascii) = match shown.phase.as_str() {
            "playing" => ("▶", ">"),
            "paused" => ("‖", "="),
            "waiting" => ("○", "o"),
            "ended" => ("×", "x"),
            _ => ("!", "!"),
        };
        if self.theme.unicode { unicode } else { ascii }
    }

    fn style(&self, shown: &ReplayShown) -> Style {
        match shown.phase.as_str() {
            _ if !self.up => Style::new().add_modifier(Modifier::DIM),
            "playing" => self.theme.coloured(Style::new(), Color::LightBlue),
            "paused" => self.theme.coloured(Style::new(), Color::Yellow),
            "waiting" | "ended" => Style::new(),
            _ => self.theme.coloured(Style::new().add_modifier(Modifier::BOLD), Color::LightMagenta),
        }
    }
}

fn help() -> Vec<String> {
    [
        "space      pause, go on; also before the clients have come".to_owned(),
        "s, n       pause, and play the next record".to_owned(),
        format!("S, N       pause, and play the next {STEPS}"),
        "25 s       pause, and play the next 25".to_owned(),
        "left right seek 10 s back, forward".to_owned(),
        "[ ]        seek 1 min; so do arrows with shift".to_owned(),
        "+ -        faster, slower: 0.1 to 1000, max".to_owned(),
        "r          begin again".to_owned(),
        "up down    select a replay".to_owned(),
        "Ctrl-L     draw anew      Ctrl-Z   suspend".to_owned(),
        "q, Ctrl-C  leave; the replay stays as it is".to_owned(),
    ]
    .to_vec()
}
