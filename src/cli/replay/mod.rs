//! `tickcast replay`: a server's replays, held from the terminal. It speaks to `/v1/replay`, as any client may.
//!
//! ```text
//! follow (asks, coming back) -> deck (rows, keys, orders) -> paint -> terminal
//! ```
//!
//! Without a command it is a live view on a terminal; on a pipe, and with a command, a line for each replay.

mod args;
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

pub use args::ReplayArgs;
use args::{ReplayError, ReplayVerb};
use order::ReplayOrder;
use state::ReplayShown;
use tokio::runtime;

use super::shell::{about_server, complain, stopped};

pub fn run(args: &ReplayArgs) -> ExitCode {
    match held(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has seen enough.
        Err(ReplayError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast replay: {}\n", about_server(args.url.authority(), &error)));
            ExitCode::FAILURE
        }
    }
}

fn held(args: &ReplayArgs) -> Result<(), ReplayError> {
    let args = &ReplayArgs { url: args.access.apply(args.url.clone())?, ..args.clone() };
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
        for shown in ReplayShown::read(&answer)? {
            writeln!(out, "{}", shown.line())?;
        }
    }
    Ok(())
}

/// Asks for the state, or gives the order, and takes the answer as it is.
async fn ask(args: &ReplayArgs, address: SocketAddr) -> Result<bytes::Bytes, ReplayError> {
    let order = match &args.op {
        // Without a name and for a person: all of them.
        None | Some(ReplayVerb::State) => {
            let feed = args.feed.as_deref().or((!args.json).then_some(order::ALL));
            return Ok(args.url.get(address, &order::path(feed, false)).await?);
        }
        Some(ReplayVerb::Pause) => ReplayOrder::Pause,
        Some(ReplayVerb::Resume) => ReplayOrder::Resume,
        Some(ReplayVerb::Step { n, wait: false }) => ReplayOrder::Step(*n),
        Some(ReplayVerb::Step { n, wait: true }) => ReplayOrder::StepAndWait(*n),
        Some(ReplayVerb::Sync) => ReplayOrder::Sync,
        Some(ReplayVerb::Seek { to }) => ReplayOrder::Seek(to.clone()),
        Some(ReplayVerb::Speed { speed }) => ReplayOrder::Speed(speed.clone()),
        Some(ReplayVerb::Restart) => ReplayOrder::Restart,
    };
    Ok(args.url.post(address, &order::path(args.feed.as_deref(), false), order.body()).await?)
}
