//! `tickcast serve`: a checklist. Settings, log, service, the address announced, the signal awaited, drained, ended.
//!
//! The first line of standard output and the first line of the log say `listening on http://ADDRESS`, with the port that
//! was taken: programs that start this one wait for it.

use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
};

use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use crate::{
    cli::{EXIT_USAGE, complain, log, open_files, settings::SettingsArgs},
    config::Config,
    feed::{Source, SourceError},
    service::{Service, Setup, StartError, with_sources},
};

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

/// The signals that ask for the end. They are awaited from before the service starts, so that none comes too early.
struct Ends {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

pub fn run(args: &SettingsArgs) -> ExitCode {
    let config = match args.config() {
        Ok(config) => config,
        Err(faults) => {
            complain(format_args!("tickcast: {faults}"));
            return ExitCode::from(EXIT_USAGE);
        }
    };
    log::start(&config);
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("cannot serve: {}", with_sources(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve(config: Config) -> Result<(), ServeError> {
    let mut ends = Ends::awaited().map_err(ServeError::Signals)?;
    let files = open_files::raise();
    let enough_files = open_files::check(&config, files);
    open_files::make_room(&config, files);
    let setup = setup(config)?;
    let service = match ends.or(move || Service::start(setup)).map_err(ServeError::Thread)? {
        Ok(started) => started?,
        Err(signal) => {
            tracing::info!(signal, "asked to end before a feed was open");
            return Ok(());
        }
    };
    announce(&service);
    if let Err(too_few) = enough_files {
        tracing::warn!("{too_few}");
    }
    let signal = ends.first();
    tracing::info!(signal, "draining");
    if service.stop() {
        tracing::info!("drained");
    } else {
        tracing::warn!("the time to drain is over (limits.drain_ms): what was left is cut off");
    }
    Ok(())
}

fn setup(config: Config) -> Result<Setup, SourceError> {
    // What is destructured here cannot be forgotten: the log is what `run` has started already.
    let Config { listen, feeds, shards, allowed_origins, limits, epoch, log_format: _, log_level: _ } =
        config;
    let feeds = feeds.iter().map(|text| Source::parse(text)).collect::<Result<_, _>>()?;
    Ok(Setup { listen, feeds, shards, allowed_origins, limits, epoch })
}

fn announce(service: &Service) {
    let feeds: Vec<&str> = service.feed_names().collect();
    let announcement =
        format!("tickcast {} listening on http://{}", env!("CARGO_PKG_VERSION"), service.address);
    tracing::info!(epoch = service.epoch, shards = service.shards, feeds = feeds.join(" "), "{announcement}");
    // Who started this without a standard output reads the log.
    let _ = writeln!(io::stdout(), "{announcement}");
}

// === impl Ends ===

impl Ends {
    fn awaited() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let entered = runtime.enter();
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        drop(entered);
        Ok(Ends { runtime, terminate, interrupt })
    }

    /// Waits for the first of them, and names it. Dropping the other wait loses nothing: one signal is enough.
    fn first(self) -> &'static str {
        let Ends { runtime, mut terminate, mut interrupt } = self;
        runtime.block_on(first(&mut terminate, &mut interrupt))
    }

    /// What `begin` comes to, or the name of the signal that came first. It has a thread of its own, which is left behind
    /// then: a recording may be a pipe that nobody writes to, and opening that waits.
    fn or<T: Send + 'static>(
        &mut self,
        begin: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<Result<T, &'static str>> {
        let (done, begun) = oneshot::channel();
        thread::Builder::new().name("start".to_owned()).spawn(move || drop(done.send(begin())))?;
        let Ends { runtime, terminate, interrupt } = self;
        runtime.block_on(async {
            tokio::select! {
                begun = begun => begun.map(Ok).map_err(io::Error::other),
                signal = first(terminate, interrupt) => Ok(Err(signal)),
            }
        })
    }
}

async fn first(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
