//! The program: runs the command that is named. Each has its module in `cli`; the service itself is the library.

mod config;
mod cli;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use cli::{Cli, CliCommand};

fn main() -> ExitCode {
    match Cli::parse().into_command() {
        CliCommand::Serve(args) => cli::serve::run(&args),
        CliCommand::Load(args) => cli::load::run(&args),
        CliCommand::Replay(args) => cli::replay::run(&args),
        CliCommand::Watch(args) => cli::watch::run(&args),
        CliCommand::Check(args) => cli::check::run(&args),
        CliCommand::Info(args) => cli::info::run(&args),
        CliCommand::Convert(args) => cli::convert::run(&args),
        CliCommand::Record(args) => cli::record::run(&args),
        CliCommand::Scenarios(args) => cli::scenarios::run(&args),
        CliCommand::Token(args) => cli::token::run(&args),
        CliCommand::Usage(args) => cli::usage::run(&args),
        CliCommand::Health(args) => cli::health::run(&args),
        CliCommand::Completions(args) => cli::artefacts::completions(&args, &Cli::command()),
        CliCommand::Man(args) => cli::artefacts::man(&args, Cli::command()),
    }
}
