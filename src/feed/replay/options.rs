//! What a replay is asked for: the options behind `replay:FILE`.

use std::{path::PathBuf, time::Duration};

use super::{
    player::Hold,
    records::{Selection, parse_duration},
};
use crate::feed::{FeedError, Speed, bundled, options::Options, recording::Reader, source::SourceError};

/// What to play, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    pub file: Recording,
    pub selection: Selection,
    pub speed: Speed,
    /// What happens at the end.
    pub end: End,
    pub start: Start,
    /// A silence in the recording is played for no longer than this.
    pub max_gap: Option<Duration>,
    pub clock: Dating,
}

/// By which clock ticks are dated.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dating {
    /// By the wall's: when they are played.
    Wall,
    /// By the recording's: when they were received. The market's clock follows the replay.
    Replay,
}

/// Where a recording lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recording {
    Bundled,
    File(PathBuf),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The replay is over.
    Stop,
    /// It begins again.
    Loop,
}

/// When the first record is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    AtOnce,
    /// When somebody says so.
    Paused,
    /// When so many clients have subscribed.
    Clients(usize),
}

// === impl Config ===

impl Config {
    /// The whole file, once, at speed 1, at once.
    pub fn of(file: Recording) -> Self {
        Config {
            file,
            selection: Selection::default(),
            speed: Speed::Times(1.0),
            end: End::Stop,
            start: Start::AtOnce,
            max_gap: None,
            clock: Dating::Wall,
        }
    }

    pub(in crate::feed) fn from_options(file: &str, options: &mut Options<'_>) -> Result<Self, SourceError> {
        let file = if file == bundled::NAME { Recording::Bundled } else { Recording::File(file.into()) };
        let whole = Config::of(file);
        Ok(Config {
            selection: Selection::from_options(options)?,
            speed: options.take("speed", Speed::EXPECTED, |text| text.parse().ok())?.unwrap_or(whole.speed),
            end: options
                .take("loop", "true or false", |text| text.parse().ok())?
                .map_or(whole.end, |again: bool| if again { End::Loop } else { End::Stop }),
            start: options.take("start", Start::EXPECTED, Start::parse)?.unwrap_or(whole.start),
            max_gap: options.take("max_gap", "a duration, as 30s", parse_duration)?,
            clock: options.take("clock", "wall or replay", Dating::parse)?.unwrap_or(whole.clock),
            file: whole.file,
        })
    }
}

// === impl Recording ===

impl Recording {
    /// # Errors
    /// When the file cannot be read, or is no recording.
    pub fn open(&self, line_bytes_max: usize) -> Result<Reader, FeedError> {
        match self {
            Recording::Bundled => bundled::open(line_bytes_max),
            Recording::File(path) => Reader::open(path, line_bytes_max),
        }
    }
}

// === impl Dating ===

impl Dating {
    fn parse(text: &str) -> Option<Dating> {
        match text {
            "wall" => Some(Dating::Wall),
            "replay" => Some(Dating::Replay),
            _ => None,
        }
    }
}

// === impl Start ===

impl Start {
    const EXPECTED: &str = "now, paused, on_subscribe or clients:N";

    fn parse(text: &str) -> Option<Start> {
        match text {
            "now" => Some(Start::AtOnce),
            "paused" => Some(Start::Paused),
            "on_subscribe" => Some(Start::Clients(1)),
            _ => match text.strip_prefix("clients:")?.parse() {
                Ok(clients @ 1..) => Some(Start::Clients(clients)),
                _ => None,
            },
        }
    }

    pub(super) fn hold(self) -> Hold {
        match self {
            Start::AtOnce => Hold::No,
            Start::Paused => Hold::Paused,
            Start::Clients(clients) => Hold::Clients(clients),
        }
    }
}
