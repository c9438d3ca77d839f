//! How things look: signs that say everything without colour, and colours that say it again.
//!
//! Blue is up and yellow is down: the pair that all common kinds of colour blindness tell apart. Only the terminal's own
//! sixteen colours are used, so that its owner's choice of them holds. Pure: the environment is handed in.

use ratatui_core::style::{Color, Modifier, Style};

use super::trend::{LEVELS, Way};
use crate::cli::watch::cell::Trouble;

/// What the terminal can show.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Theme {
    pub colour: bool,
    pub unicode: bool,
}

// === impl Theme ===

impl Theme {
    /// From the variables that terminals and people set: `NO_COLOR` with anything in it, and the locale's encoding.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let encoding = locale.to_ascii_lowercase();
        Theme {
            colour: set("NO_COLOR").is_none(),
            unicode: encoding.contains("utf-8") || encoding.contains("utf8"),
        }
    }

    fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

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

    pub fn trouble(self, trouble: Trouble) -> Style {
        let strong = Style::new().add_modifier(Modifier::BOLD);
        match trouble {
            Trouble::None => Style::new(),
            Trouble::Waiting | Trouble::Ended => Style::new().add_modifier(Modifier::DIM),
            Trouble::Old => self.coloured(strong, Color::Yellow),
            Trouble::Away | Trouble::Refused => self.coloured(strong, Color::LightMagenta),
        }
    }

    pub fn trouble_sign(self, trouble: Trouble) -> &'static str {
        let (unicode, ascii) = match trouble {
            Trouble::None => ("●", "*"),
            Trouble::Waiting => ("○", "o"),
            Trouble::Ended => ("×", "x"),
            Trouble::Old => ("◐", "~"),
            Trouble::Away => ("■", "#"),
            Trouble::Refused => ("!", "!"),
        };
        if self.unicode { unicode } else { ascii }
    }

    pub fn level(self, level: Option<usize>) -> char {
        const BARS: [char; LEVELS] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        const MARKS: [char; LEVELS] = ['_', '.', ',', '-', '~', '=', '+', '#'];
        level.map_or(' ', |level| if self.unicode { BARS[level] } else { MARKS[level] })
    }

    pub fn cut(self) -> &'static str {
        if self.unicode { "…" } else { ">" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theme(variables: &[(&str, &str)]) -> Theme {
        Theme::from_env(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_heeded() {
        assert_eq!(theme(&[("LANG", "en_GB.UTF-8")]), Theme { colour: true, unicode: true });
        assert_eq!(
            theme(&[("NO_COLOR", "1"), ("LC_CTYPE", "C.utf8")]),
            Theme { colour: false, unicode: true }
        );
        assert_eq!(theme(&[("NO_COLOR", ""), ("LANG", "C.UTF-8")]), Theme { colour: true, unicode: true });
        assert_eq!(theme(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]), Theme { colour: true, unicode: false });
        assert_eq!(theme(&[]), Theme { colour: true, unicode: false });
    }

    #[test]
    fn every_state_has_a_sign_of_its_own_and_none_needs_colour() {
        let all =
            [Trouble::None, Trouble::Waiting, Trouble::Ended, Trouble::Old, Trouble::Away, Trouble::Refused];
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
