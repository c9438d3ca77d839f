//! `tickcast scenarios`: the venue faults that come with the program, and the file of one of them, to begin one's own with.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    process::ExitCode,
};

use tickcast::scenario::{
    read,
    ready::{READY, names},
};

use super::shell::{EXIT_USAGE, complain};

/// Exit code 2: there is no such scenario.
#[derive(clap::Args, Clone, Debug)]
pub struct ScenariosArgs {
    /// Print the file of this scenario, to edit it and use it as --feed 'replay:FILE?scenario=mine.toml'
    name: Option<String>,
}

pub fn run(args: &ScenariosArgs) -> ExitCode {
    let text = match &args.name {
        None => listed(),
        Some(name) => match READY.iter().find(|ready| ready.name == name) {
            Some(ready) => ready.text.to_owned(),
            None => {
                complain(format_args!(
                    "tickcast scenarios: there is no scenario {name:?}; ready ones are {}\n",
                    names()
                ));
                return ExitCode::from(EXIT_USAGE);
            }
        },
    };
    // A reader that left early, as `head` does, has what it wanted.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

/// Each with what it is modelled on.
fn listed() -> String {
    let mut text = String::new();
    for ready in READY {
        let scenario = read::parse(ready.name, ready.text);
        let words =
            scenario.map(|scenario| scenario.modelled_on.trim().replace('\n', "\n    ")).unwrap_or_default();
        // A string takes every write.
        let _ = write!(text, "{}\n    {words}\n\n", ready.name);
    }
    text.push_str(
        "Play one: tickcast --feed 'replay:bundled?scenario=mute-streams&seed=7&start=clients:1'\n",
    );
    text
}
