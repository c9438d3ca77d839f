//! The command line of `replay`, and its errors.

use std::io;

use tickcast_client::{Endpoint, EndpointError};

use crate::cli::access::{AccessArgs, AccessError};

/// Control a server's replays.
///
/// In a terminal, without a command, a live view: `?` shows its keys (space pauses, arrows seek, s steps, + and - change
/// the speed), `q` or Ctrl-C quits. Colours never carry information alone; `NO_COLOR` is respected. Exit code 0: done.
/// 1: the server refused, could not be reached, or has no replay.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplayArgs {
    /// The server
    #[arg(long, global = true, value_parser = Endpoint::parse, default_value = "http://127.0.0.1:8080")]
    pub url: Endpoint,
    /// The name of the replay, when the server has several
    #[arg(long, global = true, value_name = "NAME")]
    pub feed: Option<String>,
    /// Print the server's answer as it is
    #[arg(long, global = true)]
    pub json: bool,
    #[command(flatten)]
    pub access: AccessArgs,
    #[command(subcommand)]
    pub op: Option<ReplayVerb>,
}

#[derive(clap::Subcommand, Clone, Debug)]
pub enum ReplayVerb {
    /// Print the state once
    State,
    /// Pause the replay
    Pause,
    /// Resume the replay
    Resume,
    /// Pause, then play the next N records
    Step {
        #[arg(default_value_t = 1)]
        n: u64,
        /// Wait until every client has been sent them
        #[arg(long)]
        wait: bool,
    },
    /// Jump to the first record at or after this time
    Seek {
        /// 2025-03-25T23:07:00Z, 2025-03-25, or a count since 1970
        to: String,
    },
    /// Change the speed of the replay
    Speed {
        /// A multiple of the speed at which it was received, or max
        speed: String,
    },
    /// Jump to the first record
    Restart,
    /// Wait until every client has been sent everything up to now
    Sync,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error("the server's answer is not a state of a replay: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}
