//! `tickcast watch`: a few symbols in the terminal, live.
//!
//! ```text
//! watcher (socket, coming back) -> board -> table -> view (terminal or log)
//! ```
//!
//! Not a full-screen program: the table is redrawn where it stands, and stays there when the watch ends. It knows the
//! public contract and nothing of the server's inside.

mod backoff;
mod board;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod watcher;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Args;
use tokio::{
    runtime,
    signal::{
        ctrl_c,
        unix::{SignalKind, signal},
    },
};
use view::{Style, View};
use watcher::{WatchError, Watcher};

use super::{complain, endpoint::Endpoint, load::Mode};

/// Watch symbols in the terminal.
///
/// Ends with Ctrl-C. Exit code 2: the server could not be reached, or does not want us back.
#[derive(Args, Clone, Debug)]
pub struct WatchArgs {
    /// Names, or patterns with `*`.
    #[arg(required = true)]
    pub symbols: Vec<String>,
    /// The server's stream.
    #[arg(long, value_parser = Endpoint::parse, default_value = "ws://127.0.0.1:8080/v1/stream")]
    pub url: Endpoint,
    #[arg(long, value_enum, default_value_t = Mode::Latest)]
    pub mode: Mode,
    /// The shortest time between two updates of a symbol; 0: as they come.
    #[arg(long, default_value_t = 100)]
    pub interval_ms: u32,
    /// A line for each change in place of the table; so it is, too, when standard output is no terminal.
    #[arg(long)]
    pub plain: bool,
}

const EXIT_NOT_CONNECTED: u8 = 2;

/// Watches until Ctrl-C.
pub fn run(args: &WatchArgs) -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&format!("no event loop: {error}")),
    };
    let style = if args.plain || !io::stdout().is_terminal() { Style::Log } else { Style::Table };
    let watched = runtime.block_on(async {
        // Begun before the first drawing, so that no signal finds the cursor hidden and nobody to show it again.
        let stopped = stopped();
        Watcher::new(args, View::new(io::stdout(), style)).run(stopped).await
    });
    match watched {
        Ok(()) => ExitCode::SUCCESS,
        Err(WatchError::Over) => {
            complain("tickcast watch: the replay is over\n");
            ExitCode::SUCCESS
        }
        // Whoever read our output has seen enough.
        Err(WatchError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => give_up(&error.to_string()),
    }
}

/// Ends at SIGINT or SIGTERM.
async fn stopped() {
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without a handler the system's own stands, and ends the process.
        Err(_) => drop(ctrl_c().await),
    }
}

fn give_up(why: &str) -> ExitCode {
    complain(format_args!("tickcast watch: {why}\n"));
    ExitCode::from(EXIT_NOT_CONNECTED)
}
