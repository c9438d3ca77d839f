//! The log: one line an event, on standard error, for people or for machines.
//!
//! Times are UTC with microseconds (RFC 3339). Standard output is never written to: it belongs to what a command prints.
//! No thread waits for the reader of the log: see [`writer`].

#[cfg(feature = "otel")]
mod spans;
mod writer;

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal},
    panic::{self, PanicHookInfo},
    sync::{Arc, atomic::AtomicU64},
    thread,
    time::Duration,
};

use tracing::{Level, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    fmt::{self, MakeWriter, time::SystemTime},
    layer::SubscriberExt,
    registry::LookupSpan,
    reload,
};

use crate::config::{Config, LogFormat};
use writer::LogLines;

/// The log of this process.
#[derive(Clone)]
pub struct Log {
    level: reload::Handle<LevelFilter, Registry>,
    lines: LogLines,
    #[cfg(feature = "otel")]
    spans: Option<Arc<tickcast_otel::Exporter>>,
}

/// The longest that the end of the process waits for the last lines to be read.
const LAST_LINES: Duration = Duration::from_secs(1);
/// The longest that it waits for the collector of spans.
#[cfg(feature = "otel")]
const LAST_SPANS: Duration = Duration::from_secs(5);

impl Log {
    pub fn set_level(&self, level: Level) {
        // It fails only when there is no log any more.
        let _ = self.level.modify(|filter| *filter = LevelFilter::from_level(level));
    }

    /// How many of its lines were dropped, as it goes on.
    pub fn lines_dropped(&self) -> Arc<AtomicU64> {
        self.lines.dropped()
    }

    /// At the end of the process: waits a moment for the last lines to go out.
    pub fn finish(&self) {
        #[cfg(feature = "otel")]
        if let Some(spans) = &self.spans {
            spans.finish(LAST_SPANS);
        }
        self.lines.flush(LAST_LINES);
    }
}

/// Starts the log of this process. A second start changes nothing: the first one holds.
///
/// # Errors
/// When there is no standard error, or no thread to be had.
pub fn start(config: &Config) -> io::Result<Log> {
    // https://no-color.org: set and not empty.
    let wants_no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let colour = if io::stderr().is_terminal() && !wants_no_colour { Colour::On } else { Colour::Off };
    let lines = LogLines::to_stderr()?;
    #[cfg(feature = "otel")]
    let exported = spans::exported().map_err(io::Error::other)?;
    #[cfg(feature = "otel")]
    let (exported, spans) = exported.unzip();
    #[cfg(not(feature = "otel"))]
    let exported = None;
    let (subscriber, level) =
        subscriber(config.log_format, config.log_level, colour, lines.clone(), exported);
    // It fails only when there is a log already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    panic::set_hook(Box::new(log_panic));
    Ok(Log {
        level,
        lines,
        #[cfg(feature = "otel")]
        spans,
    })
}

/// The standard library's own hook writes to standard error, and would wait for its reader.
fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = thread::current();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let payload = info.payload();
    let why = payload.downcast_ref::<&str>().copied();
    let why = why.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text");
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(thread = thread.name(), place, backtrace, "panicked: {why}");
}

/// What takes spans.
type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Whether the text log may use colours.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Colour {
    On,
    Off,
}

fn subscriber<W>(
    format: LogFormat,
    level: Level,
    colour: Colour,
    writer: W,
    exported: Option<BoxedLayer>,
) -> (Box<dyn Subscriber + Send + Sync>, reload::Handle<LevelFilter, Registry>)
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let (filter, level) = reload::Layer::new(LevelFilter::from_level(level));
    // Spans are of a level that the log rarely has, so that its level must not decide about them.
    let subscriber: Box<dyn Subscriber + Send + Sync> = match exported {
        Some(exported) => {
            let lines = lines(format, colour, writer).with_filter(filter).boxed();
            Box::new(Registry::default().with(vec![lines, exported]))
        }
        None => Box::new(Registry::default().with(filter).with(lines(format, colour, writer))),
    };
    (subscriber, level)
}

fn lines<S, W>(format: LogFormat, colour: Colour, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let common = fmt::layer()
        .with_timer(SystemTime)
        // Otherwise a line that cannot be written, because the reader of the log is gone, is reported to standard error by
        // `eprintln!`, which panics for the same reason: the service would die of its log.
        .log_internal_errors(false)
        .with_writer(writer);
    match format {
        LogFormat::Text => common.with_ansi(colour == Colour::On).boxed(),
        // Flat, so that a query finds a field without knowing how this crate nests.
        LogFormat::Json => common.json().flatten_event(true).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What is logged by `events` under a log of its own.
    fn logged(format: LogFormat, level: Level, events: impl FnOnce()) -> Vec<String> {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let (subscriber, _) = subscriber(format, level, Colour::Off, Bytes(bytes.clone()), None);
        tracing::subscriber::with_default(subscriber, events);
        let text = String::from_utf8(bytes.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    #[derive(Clone)]
    struct Bytes(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Bytes {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'w> MakeWriter<'w> for Bytes {
        type Writer = Bytes;

        fn make_writer(&'w self) -> Bytes {
            self.clone()
        }
    }

    /// As `2025-03-25T00:00:00.123456Z`.
    fn assert_is_time(text: &str) {
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text}");
    }

    #[test]
    fn a_json_line_is_one_flat_object() {
        let lines = logged(LogFormat::Json, Level::INFO, || {
            tracing::info!(address = "127.0.0.1:8080", "listening\non two lines");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_is_time(line["timestamp"].as_str().unwrap());
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["address"], "127.0.0.1:8080");
        assert_eq!(line["message"], "listening\non two lines");
    }

    #[test]
    fn a_text_line_has_time_level_message_and_fields() {
        let lines = logged(LogFormat::Text, Level::INFO, || tracing::warn!(sessions = 3, "draining"));
        assert_eq!(lines.len(), 1, "{lines:?}");
        let mut words = lines[0].split_whitespace();
        assert_is_time(words.next().unwrap());
        assert_eq!(words.next(), Some("WARN"));
        assert!(lines[0].ends_with("draining sessions=3"), "{}", lines[0]);
    }

    #[test]
    fn what_is_below_the_level_is_not_written() {
        let lines = logged(LogFormat::Text, Level::WARN, || {
            tracing::info!("no");
            tracing::warn!("yes");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].ends_with("yes"));
    }
}
