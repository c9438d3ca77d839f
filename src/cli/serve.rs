//! `tickcast serve`: a checklist. Settings, log, service, the address announced, the signal awaited, drained, ended.
//!
//! The first line of standard output and the first line of the log say `listening on http://ADDRESS` (https with TLS), with the port that
//! was taken: programs that start this one wait for it.

use std::{
    io::{self, Write},
    process::ExitCode,
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::{Duration, Instant},
};

use tickcast::{
    audit::AuditSetup,
    feed::{Source, SourceError},
    memory::{CpuLoad, TrimSchedule},
    server::service::{Drained, Service, Setup, StartError, with_sources},
};

use crate::{
    cli::{
        certificates::tls_files,
        life::StatusLine,
        log::{self, Log},
        open_files,
        reload::Running,
        settings::{self, SettingsArgs},
        shell::{EXIT_USAGE, complain},
        signals::{SignalEvent, Signals},
    },
    config::Config,
};

const A_MINUTE: Duration = Duration::from_secs(60);
/// How often it is looked whether sessions have left memory behind.
const LOOK: Duration = Duration::from_secs(5);

/// Why there was nothing to serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("a feed cannot be used")]
    Feed(#[from] SourceError),
    #[error("signals cannot be awaited")]
    Signals(#[source] io::Error),
    #[error("the service cannot be started beside its signals")]
    Thread(#[source] io::Error),
    #[error(transparent)]
    Start(#[from] StartError),
}

pub fn run(args: &SettingsArgs) -> ExitCode {
    let config = match args.config() {
        Ok(config) => config,
        Err(faults) => {
            complain(format_args!("tickcast: {faults}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let log = match log::start(&config) {
        Ok(log) => log,
        Err(error) => {
            complain(format_args!("tickcast: the log cannot be started: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let served = serve(args.clone(), config, log.clone());
    if let Err(error) = &served {
        tracing::error!("cannot serve: {}", with_sources(error));
    }
    log.finish();
    if served.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(args: SettingsArgs, config: Config, log: Log) -> Result<(), ServeError> {
    let mut signals = Signals::awaited().map_err(ServeError::Signals)?;
    let files = open_files::raise();
    let enough_files = open_files::check(&config, files);
    open_files::make_room(&config, files);
    let setup = setup(config.clone(), log.lines_dropped())?;
    let service = match signals.or(move || Service::start(setup)).map_err(ServeError::Thread)? {
        Ok(started) => started?,
        Err(signal) => {
            tracing::info!(signal, "asked to end before a feed was open");
            return Ok(());
        }
    };
    announce(&service);
    service.tell_certificates();
    if let Err(too_few) = enough_files {
        tracing::warn!("{too_few}");
    }
    let mut running = Running { args, config, service, log };
    let signal = run_until_the_end(&mut running, &mut signals);
    end(&running, &mut signals, signal);
    running.service.close_audit();
    Ok(())
}

/// The end in its steps: notice, drain, what became of it. A second signal ends it at once.
fn end(running: &Running, signals: &mut Signals, signal: &'static str) {
    let Running { service, config, .. } = running;
    let notice = config.limits.drain_notice;
    if !notice.is_zero() {
        tracing::info!(
            signal,
            notice_ms = notice.as_millis(),
            "not ready any more: the drain begins behind the notice"
        );
        service.leave();
        if let Some(second) = signals.end_before(Instant::now() + notice, || false) {
            return cut_short(service, second);
        }
    }
    tracing::info!(signal, sessions = service.sessions(), "draining");
    service.drain();
    let deadline = Instant::now() + config.limits.drain;
    if let Some(second) = signals.end_before(deadline, || service.is_drained()) {
        return cut_short(service, second);
    }
    let Drained { sessions, cut, left } = service.drained();
    if service.is_drained() {
        tracing::info!(sessions, cut, "drained");
    } else {
        tracing::warn!(
            sessions,
            cut,
            left,
            "the time to drain is over (limits.drain_ms): what is left is cut off"
        );
    }
}

fn cut_short(service: &Service, signal: &'static str) {
    let Drained { sessions, cut, left } = service.drained();
    tracing::warn!(
        signal,
        sessions,
        cut,
        left,
        "a second signal: the end is now, and what is left is cut off"
    );
}

/// Serves, and does what signals ask for; returns the one that asks for the end.
fn run_until_the_end(running: &mut Running, signals: &mut Signals) -> &'static str {
    let mut life = StatusLine::begin(&running.service);
    let (mut schedule, mut load) = (TrimSchedule::new(), CpuLoad::begin());
    let mut next = Instant::now() + A_MINUTE;
    loop {
        match signals.next(next.min(Instant::now() + LOOK)) {
            SignalEvent::End(signal) => return signal,
            SignalEvent::Reload => running.reload(),
            SignalEvent::Tell => life.tell(&running.service),
            SignalEvent::Nothing if Instant::now() >= next => {
                life.tell(&running.service);
                next = Instant::now() + A_MINUTE;
            }
            SignalEvent::Nothing => {}
        }
        let Running { service, config, .. } = running;
        let settled_after = config.limits.close_grace + LOOK;
        let (opened, open) = (service.opened(), service.sessions() as u64);
        if schedule.is_due(opened, open, Instant::now(), settled_after, load.is_busy()) {
            let took = service.shrink();
            tracing::debug!(
                took_us = took.as_micros() as u64,
                "memory that ended sessions had was given back"
            );
        }
    }
}

fn setup(config: Config, log_lines_dropped: Arc<AtomicU64>) -> Result<Setup, SourceError> {
    let tls = tls_files(&config);
    // What is destructured here cannot be forgotten: the log is what `run` has started already.
    let Config {
        listen,
        admin_listen,
        feeds,
        recordings,
        shards,
        allowed_origins,
        trusted_proxies,
        dialects,
        tls_certs: _,
        tls_keys: _,
        tls_client_ca: _,
        limits,
        fields,
        auth,
        audit_file,
        audit_file_bytes,
        audit_on_failure,
        epoch,
        log_format: _,
        log_level: _,
    } = config;
    let feeds = feeds.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>()?;
    let audit =
        audit_file.map(|path| AuditSetup { path, bytes_max: audit_file_bytes, on_failure: audit_on_failure });
    Ok(Setup {
        audit,
        listen,
        admin_listen,
        feeds,
        recordings,
        shards,
        allowed_origins,
        trusted_proxies,
        dialects,
        limits,
        tls,
        fields,
        auth: settings::auth(&auth),
        epoch,
        log_lines_dropped,
    })
}

fn announce(service: &Service) {
    let feeds: Vec<&str> = service.feed_names().collect();
    let scheme = if service.is_tls { "https" } else { "http" };
    let announcement =
        format!("tickcast {} listening on {scheme}://{}", env!("CARGO_PKG_VERSION"), service.address);
    tracing::info!(epoch = service.epoch, shards = service.shards, feeds = feeds.join(" "), "{announcement}");
    let mut announcements = vec![announcement];
    if let Some(address) = service.admin_address {
        let announcement = format!("operators are served on {scheme}://{address}");
        tracing::info!("{announcement}");
        announcements.push(announcement);
    }
    // On a thread of its own, for a pipe may be full. Who started this without a standard output reads the log.
    let _ = thread::Builder::new()
        .name("announce".to_owned())
        .spawn(move || drop(writeln!(io::stdout(), "{}", announcements.join("\n"))));
}
