//! `tickcast watch`: symbols in the terminal, live.
//!
//! ```text
//! watcher (client, coming back) -> mirror -+-> screen -> fullscreen -> terminal
//!                                          +-> log
//! ```
//!
//! A full-screen table in a terminal, otherwise a line for each change. It knows the public contract and nothing of the
//! server's inside.

mod cell;
mod face;
mod fullscreen;
mod log;
mod screen;
#[cfg(test)]
mod tests;
mod watcher;

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Args;
use log::Log;
use screen::Screen;
use tickcast_client::Endpoint;
use tokio::runtime;
use watcher::{WatchError, Watcher};

use super::{
    complain,
    mode::Mode,
    stopped,
    terminal::{self, Theme},
};

/// Watch symbols in the terminal.
///
/// A full-screen table: `?` shows its keys (sort, filter, columns, pause), `q` or Ctrl-C leaves. Signs say all that
/// colours say; `NO_COLOR` is heeded. Exit code 2: the server could not be reached, or does not want us back.
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
    /// A line for each change in place of the table; so it is, too, when standard output is no terminal
    #[arg(long)]
    pub plain: bool,
}

const EXIT_NOT_CONNECTED: u8 = 2;

/// Watches until the person has seen enough.
pub fn run(args: &WatchArgs) -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&format!("no event loop: {error}")),
    };
    let is_plain =
        args.plain || !io::stdout().is_terminal() || env::var("TERM").is_ok_and(|term| term == "dumb");
    let watched = runtime.block_on(async {
        // Begun before the terminal is taken, so that no signal finds it taken and nobody to give it back.
        let mut stopped = std::pin::pin!(stopped());
        tokio::select! {
            biased;
            () = stopped.as_mut() => return Ok(()),
            () = std::future::ready(()) => {}
        }
        if is_plain {
            return Watcher::new(args, Log::new(io::stdout())).run(stopped).await;
        }
        let theme = Theme::from_env(|name| env::var(name).ok());
        let face = terminal::open(Screen::new(theme))?;
        Watcher::new(args, face).run(stopped).await
    });
    // A thread may still read keys, and would be waited for.
    runtime.shutdown_background();
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

fn give_up(why: &str) -> ExitCode {
    complain(format_args!("tickcast watch: {why}\n"));
    ExitCode::from(EXIT_NOT_CONNECTED)
}
