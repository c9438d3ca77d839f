//! `tickcast record`: what a server serves, or what a feed sends, into recordings of our own format.
//!
//! ```text
//! server's stream, mode `every` -> client -> ticks -> files
//! feed SOURCE on a thread of its own ------------------> files
//! ```
//! What is missing is reported: each gap is a line in the recording, and all of them are summed up at the end.

mod client;
mod configured;
mod files;
mod target;
mod ticks;

use std::{
    io,
    path::PathBuf,
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use clap::Args;
use client::{RecordError, Recorder};
use files::{FLUSH_EVERY, Files, Rotation};
use tickcast::{
    clock::Clock,
    escape::Escaped,
    feed::{
        Feed, FeedError, Opened, RefusedTick, RejectReason, Sink, Source, SourceError, recording::Header,
        source::SourceKind,
    },
    limits,
    server::service::with_sources,
    shutdown::Stop,
    tick::{Nanos, Tick},
};
use tickcast_client::{Endpoint, connection::GOODBYE};
use tokio::{
    runtime,
    sync::oneshot,
    time::{interval, sleep, timeout},
};

use super::{
    access::AccessArgs,
    duration,
    encoding::EncodingArg,
    output,
    recordings::FieldArgs,
    shell::{complain, stopped},
};

/// Record the stream of a server, or a feed.
///
/// Ends with Ctrl-C, after --duration, or with the feed. Exit code 2: the server could not be reached or refused the session, the feed cannot be read, or the file cannot be written.
#[derive(Args, Clone, Debug)]
pub struct RecordArgs {
    /// Symbols, or patterns with `*`; everything when none is given.
    #[arg(default_value = "*")]
    symbols: Vec<String>,
    /// WebSocket endpoint of the server.
    #[arg(long, value_parser = Endpoint::parse, default_value = "ws://127.0.0.1:8080/v1/stream")]
    url: Endpoint,
    /// Encoding of messages; `binary` falls back to JSON when the server does not offer it.
    #[arg(long, value_enum, default_value_t = EncodingArg::Binary)]
    encoding: EncodingArg,
    /// Record this feed instead of a server; the same sources as `tickcast serve --feed`.
    #[arg(long, value_name = "SOURCE", value_parser = source, conflicts_with_all = ["url", "symbols"])]
    feed: Option<Source>,
    /// Record the raw messages of a venue instead of ticks: a capture, which `serve --feed replay:FILE` and `convert`
    /// can read. Text messages only.
    #[arg(long, requires = "feed")]
    raw: bool,
    /// File to write, compressed if it ends in `.gz` or `.zst`; `-` is standard output. An existing file is not
    /// overwritten.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Start a new file after this many bytes, such as 500M: NAME-00001, NAME-00002 and so on.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    rotate_bytes: Option<u64>,
    /// Start a new file after this time, such as 1h; at least 1s.
    #[arg(long, value_name = "TIME", value_parser = rotation_time)]
    rotate_every: Option<Duration>,
    /// Stop after this time.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    duration: Option<Duration>,
    /// Origin of the data, stored in the recording's header.
    #[arg(long, value_name = "TEXT")]
    origin: Option<String>,
    /// Licence of the data, stored in the recording's header.
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    #[command(flatten)]
    fields: FieldArgs,
    #[command(flatten)]
    access: AccessArgs,
}

const EXIT_FAILED: u8 = 2;

/// Takes a feed's ticks; the files are shared with the thread that flushes them when the feed is quiet.
struct FileSink {
    files: Arc<Mutex<Files>>,
    clock: Clock,
    stop: Stop,
    rejected: u64,
    failed: Option<io::Error>,
    /// Messages are written as they came, and no ticks.
    is_raw: bool,
}

/// How a feed ended; the default is for one that did not in time.
struct Ended {
    played: Result<(), FeedError>,
    rejected: u64,
    failed: Option<io::Error>,
}

/// Records until it is stopped.
pub fn run(args: &RecordArgs) -> ExitCode {
    match record(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("tickcast record: {}\n", Escaped(&with_sources(&error))));
            ExitCode::from(EXIT_FAILED)
        }
    }
}

fn record(args: &RecordArgs) -> Result<(), RecordError> {
    let header = Header { origin: args.origin.clone(), licence: args.licence.clone() };
    let rotation = Rotation { bytes: args.rotate_bytes, every: args.rotate_every };
    let failed = |source| RecordError::Output { path: args.output.display().to_string(), source };
    check(args)?;
    // Before there is a file that nothing is written to.
    let endpoint = match args.feed {
        Some(_) => args.url.clone(),
        None => args.access.apply(args.url.clone())?.with_encoding(args.encoding.into()),
    };
    let files = if args.raw {
        Files::of_messages(&args.output, rotation)
    } else {
        Files::new(&args.output, header, rotation)
    };
    let mut files = files.map_err(failed)?;
    let runtime =
        runtime::Builder::new_current_thread().enable_all().build().map_err(RecordError::Runtime)?;
    let Some(source) = &args.feed else {
        let mut recorder = Recorder::new(endpoint, &args.symbols, &mut files);
        let recorded = runtime.block_on(recorder.run(until(args.duration)));
        let summary = recorder.summary();
        let finished = files.finish();
        say(&files, &summary);
        recorded.map_err(|error| match error {
            RecordError::Write(source) => failed(source),
            other => other,
        })?;
        return finished.map_err(failed);
    };
    let feed = match source.open(&limits::DEFAULT, &args.fields.table()?)? {
        Opened::Feed(feed) => feed,
        Opened::Push => return Err(RecordError::Push),
    };
    let files = Arc::new(Mutex::new(files));
    let ended = runtime.block_on(follow(feed, &files, args.duration, args.raw))?;
    let mut files = lock(&files);
    let finished = files.finish();
    say(&files, &format!("{} rejected", ended.rejected));
    if let Some(error) = ended.failed {
        return Err(failed(error));
    }
    ended.played?;
    finished.map_err(failed)
}

/// Whether the output may be what it is called.
fn check(args: &RecordArgs) -> Result<(), RecordError> {
    let has_messages = args.feed.as_ref().is_some_and(|feed| matches!(feed.kind, SourceKind::Upstream(_)));
    if args.raw && !has_messages {
        return Err(RecordError::NoMessages);
    }
    let ending = |why| RecordError::Ending { path: args.output.display().to_string(), why };
    match output::format_of(&args.output) {
        // A reader would detect the format from the contents, but a person expects that of the name.
        Ok("csv" | "parquet") => Err(ending(
            "recordings are written as lines of JSON; `tickcast convert` makes tables of them".to_owned(),
        )),
        _ => output::check_ending(&args.output, "own").map_err(ending),
    }?;
    let rotates = args.rotate_bytes.is_some() || args.rotate_every.is_some();
    if rotates && output::is_standard(&args.output) {
        return Err(ending(
            "standard output cannot be begun anew; leave out --rotate-bytes and --rotate-every".to_owned(),
        ));
    }
    Ok(())
}

/// Runs a feed on a thread of its own, and makes readable what it has sent, also when it is quiet.
async fn follow(
    feed: Box<dyn Feed>,
    files: &Arc<Mutex<Files>>,
    duration: Option<Duration>,
    is_raw: bool,
) -> Result<Ended, RecordError> {
    let (clock, stop) = (Clock::system(), Stop::default());
    let mut sink =
        FileSink { files: Arc::clone(files), clock, stop: stop.clone(), rejected: 0, failed: None, is_raw };
    let (done, mut ended) = oneshot::channel();
    let stopped = stop.clone();
    // Not joined: a feed that waits for a line which never comes must not hold up the end.
    thread::Builder::new()
        .name("feed".to_owned())
        .spawn(move || {
            let played = feed.run(&mut sink, &stopped);
            let _nobody_waits = done.send(Ended { played, rejected: sink.rejected, failed: sink.failed });
        })
        .map_err(RecordError::Runtime)?;
    let mut end = std::pin::pin!(until(duration));
    let mut turns = interval(FLUSH_EVERY);
    loop {
        tokio::select! {
            ended = &mut ended => return Ok(ended.unwrap_or_default()),
            () = &mut end => {
                stop.set();
                return Ok(timeout(GOODBYE, ended).await.ok().and_then(Result::ok).unwrap_or_default());
            }
            // A failure here also fails at the next tick, which reports it.
            _ = turns.tick() => drop(lock(files).look(clock.now())),
        }
    }
}

/// Until a signal, or the time is over.
async fn until(duration: Option<Duration>) {
    match duration {
        None => stopped().await,
        Some(duration) => tokio::select! {
            () = stopped() => {}
            () = sleep(duration) => {}
        },
    }
}

fn say(files: &Files, more: &str) {
    complain(format_args!(
        "tickcast record: {} {} in {} files; {more}\n",
        files.ticks(),
        files.unit(),
        files.begun
    ));
}

fn lock(files: &Mutex<Files>) -> MutexGuard<'_, Files> {
    files.lock().unwrap_or_else(PoisonError::into_inner)
}

fn source(text: &str) -> Result<Source, SourceError> {
    Source::parse(text)
}

/// A file for each tick would leave no room in the folder.
fn rotation_time(text: &str) -> Result<Duration, String> {
    let time = duration::parse(text)?;
    if time < Duration::from_secs(1) {
        Err("a new file at most once a second: write 1s or longer".to_owned())
    } else {
        Ok(time)
    }
}

/// A count with K, M or G behind it, of 1024 each.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 1 << 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 1 << 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 1 << 30),
        _ => (text, 1),
    };
    let count = digits.parse::<u64>().ok().and_then(|count| count.checked_mul(unit));
    count
        .filter(|count| *count > 0)
        .ok_or_else(|| "not a count of bytes such as 1000000, 500M or 2G".to_owned())
}

// === impl Ended ===

impl Default for Ended {
    fn default() -> Self {
        Ended { played: Ok(()), rejected: 0, failed: None }
    }
}

// === impl FileSink ===

impl Sink for FileSink {
    fn submit(&mut self, ticks: &mut Vec<Tick>, _refused: &mut Vec<RefusedTick>) {
        if self.is_raw {
            return ticks.clear();
        }
        let now = self.clock.now();
        let mut files = lock(&self.files);
        for tick in ticks.drain(..) {
            if self.failed.is_none()
                && let Err(error) = files.write(&tick, now, now)
            {
                self.failed = Some(error);
                self.stop.set();
            }
        }
    }

    fn reject(&mut self, _reason: RejectReason) {
        self.rejected += 1;
    }

    fn wants_raw(&self) -> bool {
        self.is_raw
    }

    fn raw(&mut self, rx: Nanos, message: &[u8]) {
        if self.failed.is_none()
            && let Err(error) = lock(&self.files).message(rx, message, self.clock.now())
        {
            self.failed = Some(error);
            self.stop.set();
        }
    }

    fn lag(&mut self, _behind: Duration) {}

    fn now(&self) -> Nanos {
        self.clock.now()
    }
}

impl From<FeedError> for RecordError {
    fn from(error: FeedError) -> Self {
        RecordError::Feed(error)
    }
}

#[cfg(test)]
mod tests;
