//! The command line: what `tickcast` accepts, one module for each command, and what they share.
//!
//! Without a command it serves; the flags of `serve` need no `serve` before them. Only the shape of the line is checked
//! here. Values are texts until [`crate::config`] has checked them, so that all errors are reported at once.

mod access;
pub mod artefacts;
mod certificates;
pub mod check;
pub mod convert;
mod duration;
mod encoding;
mod figures;
pub mod health;
pub mod info;
mod life;
pub mod load;
pub mod log;
mod mode;
pub mod open_files;
mod output;
pub mod record;
mod recordings;
mod reload;
pub mod replay;
pub mod scenarios;
pub mod serve;
pub mod settings;
mod shell;
mod signals;
mod terminal;
pub mod token;
pub mod usage;
pub mod version;
pub mod watch;

use settings::SettingsArgs;

/// Real-time market data fan-out: each client gets the newest price at its own pace, and is told what it missed
#[derive(clap::Parser, Debug)]
#[command(name = "tickcast", version = version::line_of_build(), args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Without a command, tickcast serves. A flag wins over a variable (TICKCAST_LISTEN), a variable over \
                        the file; docs/CONFIGURATION.md has every key."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<CliCommand>,
    #[command(flatten)]
    serve: SettingsArgs,
}

#[derive(clap::Subcommand, Debug)]
pub enum CliCommand {
    /// Serve market data to clients; the default
    Serve(SettingsArgs),
    /// Load-test a server with many clients, and check every message that they get
    Load(load::LoadArgs),
    /// Show live prices in the terminal
    Watch(watch::WatchArgs),
    /// Control a server's replay: state, pause, resume, step, seek, speed, restart
    Replay(replay::ReplayArgs),
    /// Validate the configuration: print every error, or each setting in force and where it comes from
    Check(SettingsArgs),
    /// Describe recordings: format, symbols, time span, rates
    Info(info::InfoArgs),
    /// Convert recordings to another format
    Convert(convert::ConvertArgs),
    /// Record the stream of a server, or a feed
    Record(Box<record::RecordArgs>),
    /// List the scenarios of venue faults that a replay can inject
    Scenarios(scenarios::ScenariosArgs),
    /// Sign a token, to try out entitlements
    Token(Box<token::TokenArgs>),
    /// Report data usage by user and product from audit files
    Usage(usage::UsageArgs),
    /// Probe a server: the exit code says whether it is alive
    Health(health::HealthArgs),
    /// Write the completions of a shell to standard output
    #[command(hide = true)]
    Completions(artefacts::CompletionsArgs),
    /// Write the manual pages, one for each command
    #[command(hide = true)]
    Man(artefacts::ManArgs),
}

// === impl Cli ===

impl Cli {
    pub fn into_command(self) -> CliCommand {
        self.command.unwrap_or(CliCommand::Serve(self.serve))
    }
}

#[cfg(test)]
mod pages;

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, error::ErrorKind};

    use super::*;

    fn parse(line: &str) -> Result<CliCommand, ErrorKind> {
        Cli::try_parse_from(line.split(' ')).map(Cli::into_command).map_err(|error| error.kind())
    }

    fn assert_serves_on(line: &str, listen: Option<&str>) {
        match parse(line) {
            Ok(CliCommand::Serve(args)) => assert_eq!(args.flags().listen.as_deref(), listen, "{line}"),
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_needs_no_word() {
        assert_serves_on("tickcast", None);
        assert_serves_on("tickcast serve", None);
        assert_serves_on("tickcast --listen 127.0.0.1:0", Some("127.0.0.1:0"));
        assert_serves_on("tickcast serve --listen 127.0.0.1:0", Some("127.0.0.1:0"));
    }

    #[test]
    fn flags_of_serve_before_another_command_are_no_flags_of_that_command() {
        assert_eq!(parse("tickcast --listen 127.0.0.1:0 check").err(), Some(ErrorKind::ArgumentConflict));
        assert_eq!(parse("tickcast chekc").err(), Some(ErrorKind::InvalidSubcommand));
        assert_eq!(parse("tickcast --lisen x").err(), Some(ErrorKind::UnknownArgument));
    }

    #[test]
    fn what_may_be_repeated_is_repeatable_and_keeps_its_order() {
        let line = "tickcast --feed - --feed sim?seed=1&rate=5 --allow-origin * --set a=b --set c=d";
        let Ok(CliCommand::Serve(args)) = parse(line) else { panic!("{line}") };
        let flags = args.flags();
        assert_eq!(flags.feeds, ["-", "sim?seed=1&rate=5"]);
        assert_eq!(flags.allowed_origins, ["*"]);
        assert_eq!(flags.set, ["a=b", "c=d"]);
    }
}
