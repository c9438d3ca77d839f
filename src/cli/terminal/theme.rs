//! What a terminal can show, and what its owner wants of it.
//!
//! Only the terminal's own sixteen colours are used, so that its owner's choice of them holds, and signs say whatever
//! colours say. Pure: the environment is handed in.

use ratatui_core::style::{Color, Style};

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

    /// The style with this colour, where colours are wanted.
    pub fn coloured(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    /// The mark at the end of a text that was cut off.
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
}
