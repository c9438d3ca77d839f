//! The program: runs the command that is named. Each has its module in `cli`; the service itself is the library.

mod config;
mod cli;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, Command};

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        Command::Serve(args) => cli::serve::run(&args),
        Command::Load(args) => cli::load::run(&args),
        Command::Replay(args) => cli::replay::run(&args),
        Command::Watch(args) => cli::watch::run(&args),
        Command::Check(args) => cli::check::run(&args),
        Command::Info(args) => cli::info::run(&args),
        Command::Convert(args) => cli::convert::run(&args),
        Command::Record(args) => cli::record::run(&args),
        Command::Health(args) => cli::health::run(&args),
        Command::Completions(args) => cli::artefacts::completions(&args, &Cli::command()),
        Command::Man(args) => cli::artefacts::man(&args, Cli::command()),
    }
}
