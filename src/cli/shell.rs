//! What all commands share: the exit code of a wrong command line, standard error, and the signals that end a command.

use std::{
    fmt::Display,
    io::{self, Write},
};

use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

/// Exit code of a command line or a configuration that cannot be used, as clap has it too.
pub const EXIT_USAGE: u8 = 2;

/// Writes to standard error in one call. Unlike `eprint!` it does not panic when standard error is closed.
pub fn complain(text: impl Display) {
    let _ = io::stderr().write_all(text.to_string().as_bytes());
}

/// An error of a request to `server`, which is named once: many errors of connections name it already.
pub fn about_server(server: &str, error: &impl Display) -> String {
    let error = error.to_string();
    if error.contains(server) { error } else { format!("{server}: {error}") }
}

/// Ends at SIGINT, SIGTERM or SIGHUP.
pub async fn stopped() {
    match (signal(SignalKind::terminate()), signal(SignalKind::hangup())) {
        (Ok(mut terminate), Ok(mut hangup)) => {
            tokio::select! {
                _ = ctrl_c() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
        }
        // Without a handler the default action remains, which ends the process.
        _ => drop(ctrl_c().await),
    }
}
