//! `tickcast load`: many clients in one process, and a check of the laws on what each of them is sent.
//!
//! ```text
//! args -> plan -> life -> session (socket) -> client (law 4, held records) -> ledger -> report
//!                                            run: measure, checks, scrapes -> summary
//! ```
//!
//! It has to cost less than the server that it loads: one thread, one read buffer for all clients, and of each message
//! only what the laws are about is read. It knows the public contract and nothing of the server's inside.

mod args;
mod checks;
mod client;
mod held;
mod hostile;
mod interrupt;
mod ledger;
mod life;
mod measure;
mod pace;
mod plan;
mod process;
mod quantiles;
mod report;
mod run;
mod scrape;
mod scrapes;
mod server;
mod session;
mod shared;
mod summary;
mod table;
mod trades;
#[cfg(test)]
mod tests;

use std::{
    io::{self, Write},
    process::ExitCode,
    rc::Rc,
};

pub use args::LoadArgs;

use super::shell::complain;
use interrupt::Interrupt;
use report::{RunReport, RunVerdict};
use run::{LoadError, drive};
use tokio::{runtime, signal::ctrl_c, task::LocalSet};

/// Runs the load, prints the report, and says how it went.
pub fn run(args: &LoadArgs) -> ExitCode {
    let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return give_up(&format!("no event loop: {error}")),
    };
    let driven: Result<RunReport, LoadError> = LocalSet::new().block_on(&runtime, async {
        let interrupt = Rc::new(Interrupt::default());
        let raised = Rc::clone(&interrupt);
        tokio::task::spawn_local(async move {
            while ctrl_c().await.is_ok() {
                raised.raise();
            }
        });
        drive(args, &interrupt).await
    });
    match driven {
        Ok(report) => print(&report, args.json),
        Err(error) => give_up(&error.to_string()),
    }
}

fn give_up(why: &str) -> ExitCode {
    complain(format_args!("tickcast load: {why}\n"));
    ExitCode::from(RunVerdict::NotConnected.exit_code())
}

fn print(report: &RunReport, json: bool) -> ExitCode {
    let text = if json {
        match serde_json::to_string_pretty(report) {
            Ok(text) => text + "\n",
            Err(error) => return give_up(&format!("the report is not JSON: {error}")),
        }
    } else {
        report.table()
    };
    // Whoever stopped listening to our output can still have the exit code.
    let _ignored = io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(report.verdict.exit_code())
}
