//! The options of `replay:FILE`.

use std::iter;

use super::{player::Hold, timeline::MaxGap};
use crate::{
    feed::{
        ReplaySpeed, SourceError,
        options::Options,
        recording::{RecordingInput, Selection},
    },
    scenario::ScenarioConfig,
};

/// What to play, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct ReplayConfig {
    /// Files and patterns of files, merged by receive time.
    pub inputs: Vec<RecordingInput>,
    pub selection: Selection,
    pub speed: ReplaySpeed,
    /// What happens at the end.
    pub end: AtEnd,
    pub start: Start,
    /// How long a silence in the recording is played for.
    pub max_gap: MaxGap,
    pub clock: TimestampMode,
    /// The faults that sessions of dialects have with it.
    pub scenario: Option<Box<ScenarioConfig>>,
}

/// The clock that gives ticks their time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimestampMode {
    /// The wall clock: the time at which they are played.
    Wall,
    /// The recording's: the time at which they were received. The market's clock follows the replay.
    Replay,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AtEnd {
    /// The replay ends.
    Stop,
    /// It starts again.
    Loop,
}

/// When the first record is played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    AtOnce,
    /// When a command says so.
    Paused,
    /// When this many clients have subscribed.
    Clients(usize),
}

// === impl ReplayConfig ===

impl ReplayConfig {
    /// Whether an input is not a file: it may be silent for a while, and can be read only once.
    pub(super) fn reads_a_pipe(&self) -> bool {
        self.inputs.iter().any(|input| match input {
            RecordingInput::File(path) | RecordingInput::Found(path) => {
                path.metadata().is_ok_and(|file| !file.is_file())
            }
            RecordingInput::Bundled | RecordingInput::Bytes { .. } => false,
        })
    }

    /// All of it, once, at speed 1, at once.
    pub fn of(input: RecordingInput) -> Self {
        ReplayConfig {
            inputs: vec![input],
            selection: Selection::default(),
            speed: ReplaySpeed::Times(1.0),
            end: AtEnd::Stop,
            start: Start::AtOnce,
            max_gap: MaxGap::Auto,
            clock: TimestampMode::Wall,
            scenario: None,
        }
    }

    pub(in crate::feed) fn from_options(file: &str, options: &mut Options<'_>) -> Result<Self, SourceError> {
        let whole = ReplayConfig::of(RecordingInput::named(file));
        let more = options.take_files();
        let config = ReplayConfig {
            inputs: iter::once(file)
                .chain(more.iter().map(String::as_str))
                .map(RecordingInput::named)
                .collect(),
            selection: Selection::from_options(options),
            speed: options
                .take("speed", ReplaySpeed::EXPECTED, |text| text.parse().ok())
                .unwrap_or(whole.speed),
            end: options
                .take("loop", "true or false", |text| text.parse().ok())
                .map_or(whole.end, |again: bool| if again { AtEnd::Loop } else { AtEnd::Stop }),
            start: options.take("start", Start::EXPECTED, Start::parse).unwrap_or(whole.start),
            max_gap: options.take("max_gap", MaxGap::EXPECTED, MaxGap::parse).unwrap_or(whole.max_gap),
            ..whole
        };
        let given = options.take("clock", "wall or replay", TimestampMode::parse);
        let scenario = scenario_of(options)?;
        if scenario.is_some() && given == Some(TimestampMode::Wall) {
            return Err(SourceError::ScenarioClock);
        }
        // Faults happen by the market's time, and are the same each time.
        let own = if scenario.is_some() { TimestampMode::Replay } else { config.clock };
        Ok(ReplayConfig { clock: given.unwrap_or(own), scenario, ..config })
    }
}

/// `scenario=NAME&seed=N`.
fn scenario_of(options: &mut Options<'_>) -> Result<Option<Box<ScenarioConfig>>, SourceError> {
    let text =
        options.take("scenario", "a name or a file", |text| (!text.is_empty()).then(|| text.to_owned()));
    let seed = options.take("seed", "a number from 0 to 18446744073709551615", |text| text.parse().ok());
    match (text, seed) {
        (None, Some(_)) => Err(SourceError::SeedAlone),
        (text, seed) => Ok(text.map(|text| Box::new(ScenarioConfig { text, seed: seed.unwrap_or(1) }))),
    }
}

// === impl TimestampMode ===

impl TimestampMode {
    fn parse(text: &str) -> Option<TimestampMode> {
        match text {
            "wall" => Some(TimestampMode::Wall),
            "replay" => Some(TimestampMode::Replay),
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
