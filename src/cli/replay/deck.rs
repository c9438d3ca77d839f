//! The live view as a state machine: states and keys go in, orders and a drawn buffer come out.
//!
//! Pure: no terminal, no clock, no socket. Invariants: what was ordered shows at once and holds until the server has
//! answered, so that keys pressed quickly add up; `Ctrl-C` leaves and `Esc` goes one step back, whatever is shown.

use std::collections::VecDeque;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tickcast::tick::Nanos;

use super::{
    order::ReplayOrder,
    state::{ReplayShown, moment},
};
use crate::cli::terminal::{Act, Theme};

/// All that the person sees.
pub struct Deck {
    pub(super) theme: Theme,
    /// The server, as a heading shows it.
    pub(super) server: String,
    pub(super) rows: Vec<Row>,
    pub(super) selected: usize,
    /// Scrolled by so many lines.
    pub(super) help: Option<usize>,
    /// Digits that were typed: how many steps the next `s` makes.
    pub(super) count: Option<u64>,
    pub(super) up: bool,
    pub(super) connection: String,
    pub(super) complaint: Option<String>,
    /// When the server answered last.
    pub(super) heard: Option<Nanos>,
    orders: VecDeque<(String, ReplayOrder)>,
}

/// One replay.
pub(super) struct Row {
    pub shown: ReplayShown,
    /// Orders that the server has not answered yet.
    pub asked: usize,
}

/// What `S` steps.
pub const STEPS: u64 = 100;
/// The most steps that can be typed.
const COUNT_MAX: u64 = 1_000_000;
const SECOND_MICROS: i64 = 1_000_000;
/// What arrows seek, and what they seek with shift.
const SEEK_MICROS: i64 = 10 * SECOND_MICROS;
const SEEK_FAR_MICROS: i64 = 60 * SECOND_MICROS;

// === impl Deck ===

impl Deck {
    pub fn new(theme: Theme, server: String) -> Self {
        Deck {
            theme,
            server,
            rows: Vec::new(),
            selected: 0,
            help: None,
            count: None,
            up: false,
            connection: "connecting".to_owned(),
            complaint: None,
            heard: None,
            orders: VecDeque::new(),
        }
    }

    /// The server has reported the states of its replays.
    pub fn take(&mut self, states: Vec<ReplayShown>, now: Nanos) {
        (self.up, self.heard) = (true, Some(now));
        "connected".clone_into(&mut self.connection);
        let chosen = self.rows.get(self.selected).map(|row| row.shown.feed.clone());
        let mut before = std::mem::take(&mut self.rows);
        for shown in states {
            let known = before.iter().position(|row| row.shown.feed == shown.feed);
            self.rows.push(match known.map(|place| before.swap_remove(place)) {
                // This is older than what was ordered.
                Some(row) if row.asked > 0 => row,
                _ => Row { shown, asked: 0 },
            });
        }
        let place = self.rows.iter().position(|row| Some(&row.shown.feed) == chosen.as_ref());
        self.selected = place.unwrap_or(0);
    }

    /// The oldest order that the server was not given.
    pub fn next_order(&mut self) -> Option<(String, ReplayOrder)> {
        self.orders.pop_front()
    }

    /// The server's answer to an order: the state of the replay after it, or the error.
    pub fn answered(&mut self, feed: &str, answer: Result<ReplayShown, String>, now: Nanos) {
        self.heard = Some(now);
        let Some(row) = self.rows.iter_mut().find(|row| row.shown.feed == feed) else { return };
        row.asked = row.asked.saturating_sub(1);
        match answer {
            // An answer to an order has no span.
            Ok(shown) if row.asked == 0 => row.shown = ReplayShown { span: row.shown.span, ..shown },
            Ok(_) => {}
            Err(why) => {
                self.complaint = Some(why);
                // What was built on it is void.
                row.asked = 0;
                self.orders.retain(|(ordered, _)| ordered != feed);
            }
        }
    }

    /// The connection is lost: what was ordered and not given is forgotten.
    pub fn lost(&mut self, why: &str) {
        self.up = false;
        why.clone_into(&mut self.connection);
        self.orders.clear();
        self.rows.iter_mut().for_each(|row| row.asked = 0);
    }

    pub fn press(&mut self, key: KeyEvent) -> Act {
        if let Some(act) = Act::of_control(key) {
            return act;
        }
        if let Some(top) = self.help {
            self.help = match key.code {
                KeyCode::Down | KeyCode::Char('j') => Some(top + 1),
                KeyCode::Up | KeyCode::Char('k') => Some(top.saturating_sub(1)),
                KeyCode::Esc | KeyCode::Enter | KeyCode::Char('?' | 'h' | 'q') | KeyCode::F(1) => None,
                _ => Some(top),
            };
            return Act::Show;
        }
        self.complaint = None;
        if let KeyCode::Char(digit @ '0'..='9') = key.code {
            let digit = u64::from(digit as u32 - '0' as u32);
            self.count = Some((self.count.unwrap_or(0) * 10 + digit).min(COUNT_MAX));
            return Act::Show;
        }
        let count = self.count.take().filter(|count| *count > 0);
        let far = key.modifiers.contains(KeyModifiers::SHIFT);
        let seek = if far { SEEK_FAR_MICROS } else { SEEK_MICROS };
        match key.code {
            KeyCode::Char('q') => return Act::Quit,
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.help = Some(0),
            KeyCode::Down | KeyCode::Char('j') => {
                self.selected = (self.selected + 1).min(self.rows.len().saturating_sub(1));
            }
            KeyCode::Up | KeyCode::Char('k') => self.selected = self.selected.saturating_sub(1),
            KeyCode::Char(' ' | 'p') => self.pause(),
            KeyCode::Char('s' | 'n') => self.step(count.unwrap_or(1)),
            KeyCode::Char('S' | 'N') => self.step(count.unwrap_or(STEPS)),
            KeyCode::Left => self.seek(-seek),
            KeyCode::Right => self.seek(seek),
            // Where a terminal keeps shifted arrows for itself.
            KeyCode::Char('[') => self.seek(-SEEK_FAR_MICROS),
            KeyCode::Char(']') => self.seek(SEEK_FAR_MICROS),
            KeyCode::Char('+' | '=') => self.speed(super::state::DeckSpeed::faster),
            KeyCode::Char('-' | '_') => self.speed(super::state::DeckSpeed::slower),
            KeyCode::Char('r') | KeyCode::Home => self.restart(),
            _ => {}
        }
        Act::Show
    }

    fn pause(&mut self) {
        let Some(shown) = self.chosen() else { return };
        if shown.ended {
            self.complaint = Some("it is over: r begins again, the left arrow seeks back".to_owned());
            return;
        }
        let goes = shown.phase == "playing";
        shown.paused = goes;
        if goes { "paused" } else { "playing" }.clone_into(&mut shown.phase);
        self.order(if goes { ReplayOrder::Pause } else { ReplayOrder::Resume });
    }

    fn step(&mut self, count: u64) {
        let Some(shown) = self.chosen() else { return };
        if !shown.ended {
            shown.paused = true;
            "paused".clone_into(&mut shown.phase);
        }
        self.order(ReplayOrder::Step(count));
    }

    /// Seeks by a distance from the market's time, within the recording as far as its length is known.
    fn seek(&mut self, by_micros: i64) {
        let Some(shown) = self.chosen() else { return };
        let Some(stands) = shown.stands() else {
            self.complaint = Some("nobody knows yet where it stands".to_owned());
            return;
        };
        let (first, last) = shown.span.map_or((0, u64::MAX), |span| (span.first, span.last));
        let to = stands.saturating_add_signed(by_micros).clamp(first, last);
        (shown.time, shown.next) = (None, Some(to));
        if shown.ended {
            shown.ended = false;
            if shown.paused { "paused" } else { "playing" }.clone_into(&mut shown.phase);
        }
        self.order(ReplayOrder::Seek(moment(to)));
    }

    fn speed(&mut self, change: impl FnOnce(super::state::DeckSpeed) -> super::state::DeckSpeed) {
        let Some(shown) = self.chosen() else { return };
        shown.speed = change(shown.speed);
        let name = shown.speed.name();
        self.order(ReplayOrder::Speed(name));
    }

    fn restart(&mut self) {
        let Some(shown) = self.chosen() else { return };
        (shown.position, shown.time, shown.next) = (0, None, shown.span.map(|span| span.first));
        if shown.ended {
            shown.ended = false;
            if shown.paused { "paused" } else { "playing" }.clone_into(&mut shown.phase);
        }
        self.order(ReplayOrder::Restart);
    }

    /// The selected replay, when it takes commands.
    fn chosen(&mut self) -> Option<&mut ReplayShown> {
        let row = self.rows.get_mut(self.selected)?;
        let why = match (self.up, row.shown.phase.as_str()) {
            (false, _) => "there is no connection",
            (true, "failed") => "it has failed, as the server's log says, and is gone",
            (true, _) => return Some(&mut row.shown),
        };
        self.complaint = Some(why.to_owned());
        None
    }

    /// Gives an order. One that makes the last one void, as a seek does a seek, takes its place.
    fn order(&mut self, order: ReplayOrder) {
        let row = &mut self.rows[self.selected];
        let feed = &row.shown.feed;
        let last = self.orders.back_mut().filter(|(ordered, _)| ordered == feed).map(|(_, last)| last);
        match (last, order) {
            (Some(ReplayOrder::Step(last)), ReplayOrder::Step(more)) => *last = last.saturating_add(more),
            (Some(last @ ReplayOrder::Seek(_)), order @ ReplayOrder::Seek(_))
            | (Some(last @ ReplayOrder::Speed(_)), order @ ReplayOrder::Speed(_))
            | (Some(last @ ReplayOrder::Restart), order @ ReplayOrder::Restart) => *last = order,
            (_, order) => {
                row.asked += 1;
                self.orders.push_back((feed.clone(), order));
            }
        }
    }
}
