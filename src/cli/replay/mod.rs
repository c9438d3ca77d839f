//! `tickcast replay`: a server's replays, held from the terminal. It speaks to `/v1/replay`, as any client may.
//!
//! ```text
//! follow (asks, coming back) -> deck (rows, keys, orders) -> paint -> terminal
//! ```
//!
//! Without a command it is a live view on a terminal; on a pipe, and with a command, a line for each replay.

mod deck;
mod follow;
mod order;
mod paint;
mod state;
#[cfg(test)]
mod tests;

use std::{
    env,
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
};

use order::Order;
use state::Shown;
use tickcast_client::{Endpoint, EndpointError};
use tokio::runtime;

use super::{complain, stopped};

/// Hold a server's replays.
///
/// In a terminal, without a command, a live view: `?` shows its keys (space pauses, arrows seek, s steps, + and - change
/// the speed), `q` or Ctrl-C leaves. Signs say all that colours say; `NO_COLOR` is heeded. Exit code 0: done. 1: the
/// server refused, could not be reached, or has no replay any more.
#[derive(clap::Args, Clone, Debug)]
pub struct ReplayArgs {
    /// The server
    #[arg(long, value_parser = Endpoint::parse, default_value = "http://127.0.0.1:8080")]
    url: Endpoint,
    /// Which replay, when the server has several
    #[arg(long, value_name = "NAME")]
    feed: Option<String>,
    /// Print the server's answer as it is
    #[arg(long)]
    json: bool,
    #[command(subcommand)]
    op: Option<Op>,
}

#[derive(clap::Subcommand, Clone, Debug)]
enum Op {
    /// Show how it stands, once
    State,
    /// Stand still
    Pause,
    /// Go on
    Resume,
    /// Pause, and play the next records
    Step {
        #[arg(default_value_t = 1)]
        n: u64,
        /// Until every client was sent them, too
        #[arg(long)]
        wait: bool,
    },
    /// Go to the first record at this time or after it
    Seek {
        /// 2025-03-25T23:07:00Z, 2025-03-25, or microseconds since 1970
        to: String,
    },
    /// Change the speed
    Speed {
        /// How many times as fast as it was received, or max
        speed: String,
    },
    /// Go to the first record
    Restart,
    /// Wait until every client was sent all that it is due
    Sync,
}

/// Why it could not be done.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    #[error("the server's answer is no state of a replay: {0}")]
    Answer(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

pub fn run(args: &ReplayArgs) -> ExitCode {
    match held(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(ReplayError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast replay: {}: {error}\n", args.url.authority()));
            ExitCode::FAILURE
        }
    }
}

fn held(args: &ReplayArgs) -> Result<(), ReplayError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let held = runtime.block_on(async {
        let address = args.url.resolve().await?;
        let is_dumb = env::var("TERM").is_ok_and(|term| term == "dumb");
        let follows = args.op.is_none() && !args.json && io::stdout().is_terminal() && !is_dumb;
        if follows { follow::run(args, address, stopped()).await } else { once(args, address).await }
    });
    // A thread may still read keys, and would be waited for.
    runtime.shutdown_background();
    held
}

/// Tells the server, and shows its answer.
async fn once(args: &ReplayArgs, address: SocketAddr) -> Result<(), ReplayError> {
    let answer = ask(args, address).await?;
    let mut out = io::stdout();
    if args.json {
        writeln!(out, "{}", String::from_utf8_lossy(&answer))?;
    } else {
        for shown in Shown::read(&answer)? {
            writeln!(out, "{}", shown.line())?;
        }
    }
    Ok(())
}

/// Asks for the state, or gives the order, and takes the answer as it is.
async fn ask(args: &ReplayArgs, address: SocketAddr) -> Result<bytes::Bytes, ReplayError> {
    let order = match &args.op {
        // Without a name and for a person: all of them.
        None | Some(Op::State) => {
            let feed = args.feed.as_deref().or((!args.json).then_some(order::ALL));
            return Ok(args.url.get(address, &order::path(feed, false)).await?);
        }
        Some(Op::Pause) => Order::Pause,
        Some(Op::Resume) => Order::Resume,
        Some(Op::Step { n, wait: false }) => Order::Step(*n),
        Some(Op::Step { n, wait: true }) => Order::StepAndWait(*n),
        Some(Op::Sync) => Order::Sync,
        Some(Op::Seek { to }) => Order::Seek(to.clone()),
        Some(Op::Speed { speed }) => Order::Speed(speed.clone()),
        Some(Op::Restart) => Order::Restart,
    };
    Ok(args.url.post(address, &order::path(args.feed.as_deref(), false), order.body()).await?)
}
