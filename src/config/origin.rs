//! The origin of a setting, in words by which an operator finds it again.

use std::fmt;

use super::shown::Shown;

/// The origin of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Origin {
    /// Not set.
    Default,
    File {
        path: String,
        /// From 1.
        line: usize,
    },
    /// An environment variable, by its name.
    Variable(String),
    /// A flag as it was typed, without its value.
    Flag(String),
}

// === impl Origin ===

impl Origin {
    /// Precedence: the higher origin wins.
    pub const fn rank(&self) -> u8 {
        match self {
            Origin::Default => 0,
            Origin::File { .. } => 1,
            Origin::Variable(_) => 2,
            Origin::Flag(_) => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", Shown(path)),
            Origin::Variable(text) | Origin::Flag(text) => write!(f, "{}", Shown(text)),
        }
    }
}
