//! Hidden commands for packaging: manual pages, and completions for shells.
//!
//! They are commands of the program and not a build script, so they add nothing to a build, and the program alone is enough
//! to make its pages and completions. Both are generated from the definition of the command line.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Command;
use clap_complete::Shell;

use super::shell::complain;

#[derive(clap::Args, Clone, Debug)]
pub struct CompletionsArgs {
    shell: Shell,
}

#[derive(clap::Args, Clone, Debug)]
pub struct ManArgs {
    /// Write them into this directory, which is made when it is missing
    directory: PathBuf,
}

/// `whole`: the definition of the command line.
pub fn completions(args: &CompletionsArgs, whole: &Command) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut shown(whole), "tickcast", &mut script);
    ended(io::stdout().write_all(&script), "standard output")
}

/// The command line without its hidden commands, which `clap_complete` would offer.
fn shown(whole: &Command) -> Command {
    let commands = whole.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    Command::new("tickcast")
        .version(super::version::line_of_build())
        .args(whole.get_arguments().cloned())
        .subcommands(commands.collect::<Vec<_>>())
}

/// `whole`: the definition of the command line.
pub fn man(args: &ManArgs, whole: Command) -> ExitCode {
    ended(pages(&args.directory, whole), &args.directory.display().to_string())
}

fn pages(directory: &Path, whole: Command) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    // `help` would have a page for each command once more.
    clap_mangen::generate_to(whole.disable_help_subcommand(true), directory)
}

fn ended(written: io::Result<()>, place: &str) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast: cannot write to {place}: {error}\n"));
            ExitCode::FAILURE
        }
    }
}
