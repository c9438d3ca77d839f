//! `tickcast watch`: symbols in the terminal, live.
//!
//! ```text
//! watcher (client, coming back) -> mirror -+-> screen -> fullscreen -> terminal
//!                                          +-> log
//! ```
//!
//! A full-screen table in a terminal, otherwise a line for each change. It knows the public contract and nothing of the
//! server's inside.

mod args;
mod cell;
mod face;
mod fullscreen;
mod log;
mod report;
mod screen;
#[cfg(test)]
mod tests;
mod watcher;

use std::{
    env,
    io::{self, IsTerminal},
    process::ExitCode,
};

pub use args::WatchArgs;
use log::TickLog;
use screen::Screen;
use tokio::runtime;
use watcher::{WatchError, Watcher};

use super::{
    shell::{complain, stopped},
    terminal::{self, Theme},
};

const EXIT_NOT_CONNECTED: u8 = 2;

/// Watches until the user quits.
pub fn run(args: &WatchArgs) -> ExitCode {
    let endpoint = match args.access.apply(args.url.clone()) {
        Ok(endpoint) => endpoint.with_encoding(args.encoding.into()),
        Err(error) => return give_up(&error.to_string()),
    };
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&format!("no event loop: {error}")),
    };
    let is_plain =
        args.plain || !io::stdout().is_terminal() || env::var("TERM").is_ok_and(|term| term == "dumb");
    let watched = runtime.block_on(async {
        // Handlers are set before the terminal is taken, so that a signal always restores it.
        let mut stopped = std::pin::pin!(stopped());
        tokio::select! {
            biased;
            () = stopped.as_mut() => return Ok(()),
            () = std::future::ready(()) => {}
        }
        if is_plain {
            return Watcher::new(args, endpoint, TickLog::new(io::stdout())).run(stopped).await;
        }
        let theme = Theme::from_env(|name| env::var(name).ok());
        let face = terminal::open(Screen::new(theme))?;
        Watcher::new(args, endpoint, face).run(stopped).await
    });
    // A thread may still read keys, and the runtime would wait for it.
    runtime.shutdown_background();
    match watched {
        Ok(()) => ExitCode::SUCCESS,
        Err(WatchError::Over) => {
            complain("tickcast watch: the replay is over\n");
            ExitCode::SUCCESS
        }
        // The reader of standard output has closed it.
        Err(WatchError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => give_up(&error.to_string()),
    }
}

fn give_up(why: &str) -> ExitCode {
    complain(format_args!("tickcast watch: {why}\n"));
    ExitCode::from(EXIT_NOT_CONNECTED)
}
