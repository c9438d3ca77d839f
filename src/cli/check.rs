//! `tickcast check`: every fault of the configuration at once; or the values in force, and where each came from.
//!
//! What it prints on success is TOML itself: kept in a file, it gives the same configuration again. It looks at the
//! world only as far as `serve` would trip over it: the files to replay, the number of files that may be open. It binds
//! nothing, so it can run beside the service.

use std::{
    fmt::{self, Display},
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use tickcast::{
    access::faults::{AuthFault, AuthWarning},
    feed::{
        FeedError, Source,
        recording::{self, Block, RecordReader, RecordingInput},
        source::SourceKind,
        venue_limits::overloads,
    },
    replays::library::Library,
    server::keys::AuthWatch,
};

use crate::{
    cli::{certificates, open_files, settings::SettingsArgs, shell::complain},
    config::{Config, ConfigFault, ConfigFaults, ConfigOrigin, Gathered, KEYS, Problem},
};

/// What a check found.
enum CheckOutcome {
    Faulty(ConfigFaults),
    Valid { in_force: Box<InForce>, warnings: Vec<String> },
}

/// Every key with its value, as TOML, and where it was set unless it has its default.
struct InForce(Gathered);

pub fn run(args: &SettingsArgs) -> ExitCode {
    let text = match check(args.gather(), open_files::hard_limit()) {
        CheckOutcome::Faulty(faults) => {
            complain(faults);
            return ExitCode::FAILURE;
        }
        CheckOutcome::Valid { in_force, warnings } => {
            for warning in warnings {
                complain(format_args!("warning: {warning}\n"));
            }
            in_force.to_string()
        }
    };
    // A reader that left early, as `head` does, has what it wanted.
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}

fn check(mut gathered: Gathered, open_files_max: u64) -> CheckOutcome {
    let weak_keys = check_auth(&gathered).unwrap_or_else(|faults| {
        gathered.faults.extend(faults);
        Vec::new()
    });
    let unopened: Vec<ConfigFault> =
        gathered.config.feeds.iter().filter_map(|text| unopened(text, &gathered)).collect();
    gathered.faults.extend(unopened);
    gathered.faults.extend(unread_recordings(&gathered));
    gathered.faults.extend(audit_fault(&gathered));
    let of_tls = certificates::faults(&gathered);
    gathered.faults.extend(of_tls);
    if !gathered.faults.is_empty() {
        return CheckOutcome::Faulty(ConfigFaults(gathered.faults));
    }
    let files = open_files::check(&gathered.config, open_files_max).err();
    let feeds: Vec<Source> =
        gathered.config.feeds.iter().filter_map(|text| Source::parse(text).ok()).collect();
    let overloads = overloads(&feeds);
    let warnings = files.iter().map(ToString::to_string).chain(overloads.iter().map(ToString::to_string));
    let warnings = warnings.chain(weak_keys.iter().map(ToString::to_string)).collect();
    CheckOutcome::Valid { in_force: Box::new(InForce(gathered)), warnings }
}

/// Files of keys and lists that are missing or wrong, or what should be replaced in them. Key servers are not asked: a service
/// starts without them.
fn check_auth(gathered: &Gathered) -> Result<Vec<AuthWarning>, Vec<ConfigFault>> {
    let fault = |fault: AuthFault| {
        let origin = gathered.origins.get(fault.key).cloned().unwrap_or(ConfigOrigin::Default);
        ConfigFault { origin, problem: Problem::Auth(fault) }
    };
    let checked = AuthWatch::check(crate::cli::settings::auth(&gathered.config.auth));
    checked.map_err(|faults| faults.into_iter().map(fault).collect())
}

/// The directory of recordings, where there is none.
fn unread_recordings(gathered: &Gathered) -> Option<ConfigFault> {
    let directory = gathered.config.recordings.as_ref()?;
    let source = Library::new(Some(directory.clone())).exchanges().err()?;
    let origin = gathered.origins.get("recordings").cloned().unwrap_or(ConfigOrigin::Default);
    let problem = Problem::Recordings { path: directory.to_string_lossy().into_owned(), source };
    Some(ConfigFault { origin, problem })
}

/// A place where the usage audit cannot be written, or files of it that do not follow from each other.
fn audit_fault(gathered: &Gathered) -> Option<ConfigFault> {
    let fault = tickcast::audit::check(gathered.config.audit_file.as_ref()?).err()?;
    let origin = gathered.origins.get("audit.file").cloned().unwrap_or(ConfigOrigin::Default);
    Some(ConfigFault { origin, problem: Problem::Audit(fault) })
}

/// A feed that `serve` could not open: a recording that is not there, or is none.
fn unopened(text: &str, gathered: &Gathered) -> Option<ConfigFault> {
    let feed = Source::parse(text).ok()?;
    if is_pipe(&feed) {
        return None;
    }
    let source = match feed.open(&gathered.config.limits, &gathered.config.fields) {
        Err(source) => source,
        Ok(_) => first_record(&feed, &gathered.config).err()?,
    };
    let origin = gathered.origins.get("feeds").cloned().unwrap_or(ConfigOrigin::Default);
    Some(ConfigFault { origin, problem: Problem::FeedUnopened { text: text.to_owned(), source } })
}

/// Reads a replay up to its first record.
///
/// # Errors
/// When there is none.
fn first_record(feed: &Source, config: &Config) -> Result<(), FeedError> {
    let SourceKind::Replay(replay) = &feed.kind else { return Ok(()) };
    let mut selection = replay.selection.clone();
    selection.hints.fields = Arc::clone(&config.fields);
    let mut recording = recording::open(&replay.inputs, &selection, config.limits.line_bytes)?;
    let mut block = Block::default();
    while recording.next_block(&mut block)? && block.records.is_empty() {
        block.clear();
    }
    recording.check_found()
}

/// Whether opening the feed would take from it what cannot be put back, or wait for a writer.
fn is_pipe(feed: &Source) -> bool {
    match &feed.kind {
        SourceKind::Replay(config) => config.inputs.iter().any(|input| match input {
            RecordingInput::File(path) => path.metadata().is_ok_and(|file| !file.is_file() && !file.is_dir()),
            _ => false,
        }),
        _ => false,
    }
}

// === impl InForce ===

impl Display for InForce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Gathered { config, origins, .. } = &self.0;
        writeln!(
            f,
            "# configuration is valid; given: {} of {} settings, the others have their default",
            origins.len(),
            KEYS.len()
        )?;
        for key in KEYS {
            write!(f, "{} = {}", key.name, key.value(config))?;
            match origins.get(key.name) {
                Some(origin) => writeln!(f, "  # {origin}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}
