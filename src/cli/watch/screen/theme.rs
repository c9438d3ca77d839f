//! How prices and states look: signs that say everything without colour, and colours that say it again.
//!
//! Blue is up and yellow is down: a pair that people with any common colour blindness can distinguish.

use ratatui_core::style::{Color, Modifier, Style};

use super::trend::{LEVELS, Way};
use crate::cli::{terminal::Theme, watch::cell::Urgency};

// === impl Theme ===

impl Theme {
    pub fn way(self, way: Way) -> Style {
        match way {
            Way::Up => self.coloured(Style::new(), Color::LightBlue),
            Way::Down => self.coloured(Style::new(), Color::Yellow),
            Way::Unknown => Style::new(),
        }
    }

    pub fn way_sign(self, way: Way) -> &'static str {
        match (way, self.unicode) {
            (Way::Unknown, _) => " ",
            (Way::Up, true) => "▲",
            (Way::Down, true) => "▼",
            (Way::Up, false) => "^",
            (Way::Down, false) => "v",
        }
    }

    /// Whether the sort rises or falls.
    pub fn sort_sign(self, descending: bool) -> &'static str {
        self.way_sign(if descending { Way::Down } else { Way::Up })
    }

    pub fn trouble(self, trouble: Urgency) -> Style {
        let strong = Style::new().add_modifier(Modifier::BOLD);
        match trouble {
            Urgency::None => Style::new(),
            Urgency::Waiting | Urgency::Ended => Style::new().add_modifier(Modifier::DIM),
            Urgency::Old => self.coloured(strong, Color::Yellow),
            Urgency::Away | Urgency::Refused => self.coloured(strong, Color::LightMagenta),
        }
    }

    pub fn trouble_sign(self, trouble: Urgency) -> &'static str {
        let (unicode, ascii) = match trouble {
            Urgency::None => ("●", "*"),
            Urgency::Waiting => ("○", "o"),
            Urgency::Ended => ("×", "x"),
            Urgency::Old => ("◐", "~"),
            Urgency::Away => ("■", "#"),
            Urgency::Refused => ("!", "!"),
        };
        if self.unicode { unicode } else { ascii }
    }

    pub fn level(self, level: Option<usize>) -> char {
        const BARS: [char; LEVELS] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const MARKS: [char; LEVELS] = ['_', '.', ',', '-', '~', '=', '+', '#'];
        level.map_or(' ', |level| if self.unicode { BARS[level] } else { MARKS[level] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_sign_of_its_own_and_none_needs_colour() {
        let all =
            [Urgency::None, Urgency::Waiting, Urgency::Ended, Urgency::Old, Urgency::Away, Urgency::Refused];
        for unicode in [true, false] {
            let theme = Theme { colour: false, unicode };
            let mut signs: Vec<&str> = all.iter().map(|trouble| theme.trouble_sign(*trouble)).collect();
            signs.dedup();
            assert_eq!(signs.len(), all.len());
            assert!(all.iter().all(|trouble| theme.trouble(*trouble).fg.is_none()));
            assert!(theme.way(Way::Up).fg.is_none());
        }
    }
}
