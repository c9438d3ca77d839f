//! The origin of a setting, in words by which an operator finds it again.

use std::fmt;

use super::shown::ShownText;

/// The origin of a setting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConfigOrigin {
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

// === impl ConfigOrigin ===

impl ConfigOrigin {
    /// The same file, at a line that is known better.
    pub(super) fn at_line(&self, line: Option<usize>) -> Self {
        match (self, line) {
            (ConfigOrigin::File { path, .. }, Some(line)) => ConfigOrigin::File { path: path.clone(), line },
            _ => self.clone(),
        }
    }

    /// Precedence: the higher origin wins.
    pub const fn rank(&self) -> u8 {
        match self {
            ConfigOrigin::Default => 0,
            ConfigOrigin::File { .. } => 1,
            ConfigOrigin::Variable(_) => 2,
            ConfigOrigin::Flag(_) => 3,
        }
    }
}

impl fmt::Display for ConfigOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigOrigin::Default => f.write_str("default"),
            ConfigOrigin::File { path, line } => write!(f, "{}:{line}", ShownText(path)),
            ConfigOrigin::Variable(text) | ConfigOrigin::Flag(text) => write!(f, "{}", ShownText(text)),
        }
    }
}
