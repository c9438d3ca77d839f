//! The argument of `--feed`: the name of a source, with its options as a query.
//!
//! ```text
//! sim?symbols=500&rate=5000   replay:FILE?speed=10&loop=true   replay:bundled   -   push   binance?symbols=BTCUSDT
//! ```
//! All sources have the option `name`: the feed's name in metrics and log.
//!
//! Invariant: a source that was parsed can be opened, unless the file system prevents it.

use std::{fmt, io, str::FromStr, sync::Arc};

use super::{
    Feed, FeedError, SourceError,
    options::Options,
    recording::RecordingInput,
    replay, sim, stdin,
    upstream::{self, UpstreamConfig},
};
use crate::{
    limits::Limits,
    scenario::{RunningScenario, ScenarioConfig},
    text,
    tick::CustomFields,
};

/// A source that was named and is not open yet.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    name: String,
    /// The text as it was given.
    text: String,
    pub kind: SourceKind,
}

/// Where the ticks come from.
#[derive(Clone, PartialEq, Debug)]
pub enum SourceKind {
    Sim(sim::SimConfig),
    Replay(replay::ReplayConfig),
    /// NDJSON on standard input.
    Stdin,
    /// Ticks arrive by `POST /v1/publish`.
    Push,
    /// A live market, of a venue.
    Upstream(Box<UpstreamConfig>),
}

/// A source, opened.
pub enum Opened {
    Feed(Box<dyn Feed>),
    /// Nothing to run: the HTTP side submits.
    Push,
}

/// A name is a metric label, so it is short and plain.
const NAME_BYTES_MAX: usize = 32;
/// The source when none is named.
const DEFAULT: &str = "replay:bundled?loop=true";

// === impl Source ===

impl Source {
    /// # Errors
    /// When the text names no source, or an option of it is wrong.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let (source, query) = text.split_once('?').unwrap_or((text, ""));
        // The URL of another server names the source, and its query has the options.
        let is_url =
            ["ws://", "wss://", "http://", "https://"].iter().any(|scheme| source.starts_with(scheme));
        if is_url {
            let base = source.trim_end_matches('/').trim_end_matches("/v1/stream");
            let more = if query.is_empty() { String::new() } else { format!("&{query}") };
            let same = Self::parse(&format!("tickcast?url={base}{more}"))?;
            return Ok(Source { text: text.to_owned(), ..same });
        }
        let file = source.strip_prefix("replay:");
        let venue = upstream::venues::find(source);
        let label = match source {
            _ if venue.is_some() => venue.map_or("", |venue| venue.name()),
            "sim" => "sim",
            "-" => "-",
            "push" => "push",
            _ if file.is_some() => "replay",
            _ => return Err(unknown(source, text)),
        };
        let mut options = Options::parse(label, query)?;
        let kind = match (label, file, venue) {
            (_, _, Some(venue)) => UpstreamConfig::from_options(venue, query, &mut options)
                .map(|config| SourceKind::Upstream(Box::new(config))),
            ("sim", ..) => Ok(SourceKind::Sim(sim::SimConfig::from_options(&mut options))),
            ("-", ..) => Ok(SourceKind::Stdin),
            ("push", ..) => Ok(SourceKind::Push),
            (_, None | Some(""), _) => return Err(SourceError::NoFile),
            (_, Some(file), _) => {
                replay::ReplayConfig::from_options(file, &mut options).map(SourceKind::Replay)
            }
        };
        let expected = "1 to 32 of a-z A-Z 0-9 _ . -";
        let name = options.take("name", expected, |name| is_name(name).then(|| name.to_owned()));
        let kind = options.finish(kind)?;
        Ok(Source { name: name.unwrap_or_else(|| kind.name().to_owned()), text: text.to_owned(), kind })
    }

    /// The bundled recording, repeated: the source when none is named.
    pub fn bundled() -> Self {
        let config = replay::ReplayConfig {
            end: replay::AtEnd::Loop,
            ..replay::ReplayConfig::of(RecordingInput::Bundled)
        };
        Source { name: "replay".to_owned(), text: DEFAULT.to_owned(), kind: SourceKind::Replay(config) }
    }

    /// The feed's name in metrics and log.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The faults that sessions of dialects have with it.
    pub fn scenario(&self) -> Option<&ScenarioConfig> {
        match &self.kind {
            SourceKind::Replay(config) => config.scenario.as_deref(),
            _ => None,
        }
    }

    /// Whether the market's time is the recording's: no other feed may run beside it.
    pub fn drives_clock(&self) -> bool {
        matches!(&self.kind, SourceKind::Replay(config) if config.clock == replay::TimestampMode::Replay)
    }

    /// Opens everything that can fail, so that a wrong name is reported at the start. Ticks may have these `fields`
    /// beside the fixed ones.
    ///
    /// # Errors
    /// When a file cannot be read, or is not a recording.
    pub fn open(&self, limits: &Limits, fields: &Arc<CustomFields>) -> Result<Opened, FeedError> {
        let feed: Box<dyn Feed> = match &self.kind {
            SourceKind::Sim(config) => Box::new(sim::Sim::new(&self.name, config.clone())),
            SourceKind::Replay(config) => {
                if let Some(scenario) = &config.scenario {
                    RunningScenario::load(scenario)?;
                }
                let mut config = config.clone();
                config.selection.hints.fields = Arc::clone(fields);
                Box::new(replay::Replay::open(&self.name, &config, limits.line_bytes)?)
            }
            SourceKind::Stdin => {
                let feed = stdin::LineFeed::new(&self.name, io::stdin(), limits.line_bytes);
                Box::new(feed.with_fields(Arc::clone(fields)))
            }
            SourceKind::Upstream(config) => {
                let config = UpstreamConfig::clone(config);
                Box::new(upstream::driver::UpstreamFeed::new(&self.name, config, Arc::clone(fields)))
            }
            SourceKind::Push => return Ok(Opened::Push),
        };
        Ok(Opened::Feed(feed))
    }
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        Self::parse(text)
    }
}

/// The source as it was given.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The error for a text that names no source.
fn unknown(source: &str, text: &str) -> SourceError {
    let venues: Vec<&str> = upstream::venues::VENUES.iter().map(|venue| venue.name()).collect();
    let known = format!(
        "there are sim, replay:FILE, replay:bundled, - (standard input), push, and the venues {} (binance?symbols=BTCUSDT)",
        venues.join(", ")
    );
    SourceError::Unknown { text: text.to_owned(), near: meant(source, &venues), known }
}

/// The source that was probably meant by one that does not exist.
fn meant(source: &str, venues: &[&str]) -> Option<String> {
    match source.split_once(':') {
        // A venue's symbols are an option.
        Some((venue, symbols)) if venues.contains(&venue) => {
            return Some(format!("{venue}?symbols={symbols}"));
        }
        Some(_) => return None,
        None => {}
    }
    match source {
        "stdin" => Some("-".to_owned()),
        "replay" | "bundled" => Some("replay:bundled".to_owned()),
        // A file's name alone.
        _ if source.contains(['/', '.']) => Some(format!("replay:{source}")),
        _ => {
            let names = venues.iter().copied().chain(["sim", "push"]);
            text::nearest(source, names).map(str::to_owned)
        }
    }
}

fn is_name(name: &str) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

// === impl SourceKind ===

impl SourceKind {
    /// The symbols that its text names, as clients know them.
    pub fn named(&self) -> Vec<String> {
        match self {
            SourceKind::Upstream(config) => config.named().collect(),
            SourceKind::Sim(_) | SourceKind::Replay(_) | SourceKind::Stdin | SourceKind::Push => Vec::new(),
        }
    }

    /// The feed's name, unless it is given another.
    pub fn name(&self) -> &'static str {
        match self {
            SourceKind::Sim(_) => "sim",
            SourceKind::Replay(_) => "replay",
            SourceKind::Stdin => "stdin",
            SourceKind::Push => "push",
            SourceKind::Upstream(config) => config.venue,
        }
    }
}

#[cfg(test)]
mod tests;
