//! How subscriptions are served, as the command line names it.

use clap::ValueEnum;

/// How a subscription is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Mode {
    Latest,
    Every,
}

// === impl Mode ===

impl Mode {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Mode::Latest => "latest",
            Mode::Every => "every",
        }
    }
}

impl From<Mode> for tickcast_client::Mode {
    fn from(mode: Mode) -> Self {
        mode.name().into()
    }
}
