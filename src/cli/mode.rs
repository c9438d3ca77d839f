//! How subscriptions are served, as the command line names it.

use clap::ValueEnum;

/// How a subscription is served.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum ModeArg {
    Latest,
    Every,
    Trades,
}

// === impl Mode ===

impl ModeArg {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ModeArg::Latest => "latest",
            ModeArg::Every => "every",
            ModeArg::Trades => "trades",
        }
    }
}

impl From<ModeArg> for tickcast_client::Mode {
    fn from(mode: ModeArg) -> Self {
        mode.name().into()
    }
}
