//! The state of a replay: as the server reports it, and as text for a person.
//!
//! Pure. Invariant: no text has a control character in it.

use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

use serde::Deserialize;
use tickcast_client::printable;

/// One replay's state.
#[derive(Clone, PartialEq, Deserialize, Debug)]
pub struct ReplayShown {
    pub feed: String,
    pub file: String,
    pub phase: String,
    pub paused: bool,
    pub ended: bool,
    pub speed: DeckSpeed,
    pub position: u64,
    pub time: Option<u64>,
    #[serde(default)]
    pub next: Option<u64>,
    #[serde(default)]
    pub span: Option<DeckSpan>,
    pub round: u64,
    pub records: u64,
    pub rejected: u64,
    pub waiting_for_clients: usize,
    pub waiting_for_readers: bool,
    pub clients: usize,
    pub pace_error_us: ReplayPace,
}

/// How many times as fast as it was received.
#[derive(Clone, Copy, PartialEq, Deserialize, Debug)]
#[serde(from = "serde_json::Value")]
pub enum DeckSpeed {
    Times(f64),
    Max,
}

/// From the first record to the last, in microseconds, and how many there are.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct DeckSpan {
    pub first: u64,
    pub last: u64,
    pub records: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Debug)]
pub struct ReplayPace {
    pub records: u64,
    pub p50: u64,
    pub p99: u64,
    pub max: u64,
}

/// What the keys go through; above them all is `max`.
const SPEEDS: [f64; 11] = [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 1_000.0];

// === impl ReplayShown ===

impl ReplayShown {
    /// Reads an answer: one state, or several.
    pub fn read(answer: &[u8]) -> Result<Vec<Self>, serde_json::Error> {
        if answer.starts_with(b"[") {
            serde_json::from_slice(answer)
        } else {
            Ok(vec![serde_json::from_slice(answer)?])
        }
    }

    /// The recording's time that the market has reached; after a seek, the time of the next record.
    pub fn stands(&self) -> Option<u64> {
        let end = if self.ended { self.span.map(|span| span.last) } else { self.span.map(|span| span.first) };
        self.time.or(self.next).or(end)
    }

    /// The part of the recording that was played, from 0 to 1; `None` while its length is not known.
    pub fn progress(&self) -> Option<f64> {
        let span = self.span?;
        if self.ended {
            return Some(1.0);
        }
        if self.position == 0 {
            return Some(0.0);
        }
        let length = span.last.saturating_sub(span.first);
        if length == 0 {
            // All records have the same time, so their number decides.
            return Some((self.position as f64 / span.records.max(1) as f64).min(1.0));
        }
        let behind = self.stands()?.clamp(span.first, span.last) - span.first;
        Some(behind as f64 / length as f64)
    }

    pub fn phase(&self) -> String {
        match self.phase.as_str() {
            "waiting" => format!("waiting for clients: {} of {}", self.clients, self.waiting_for_clients),
            "playing" if self.waiting_for_readers => "playing, waits for readers".to_owned(),
            phase => printable(phase),
        }
    }

    /// One line for a person.
    pub fn line(&self) -> String {
        // Behind a seek nothing was played, and the next record is where the replay stands.
        let time = match (self.time, self.next, self.position) {
            (Some(time), ..) => moment(time),
            (None, Some(next), 1..) => format!("before {}", moment(next)),
            (None, None, 1..) => "at the end".to_owned(),
            (None, _, 0) => "before the first record".to_owned(),
        };
        let ReplayPace { p50, p99, max, .. } = self.pace_error_us;
        printable(&format!(
            "{} {}  {time}  record {}  round {}  {}  {} played, {} rejected  late p50 {p50} us p99 {p99} us max {max} us  {}",
            self.feed,
            self.phase(),
            self.position,
            self.round,
            self.speed,
            self.records,
            self.rejected,
            self.file
        ))
    }
}

/// A time as it is sought: a moment in UTC.
pub fn moment(micros: u64) -> String {
    humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string()
}

// === impl DeckSpeed ===

impl DeckSpeed {
    pub fn faster(self) -> Self {
        match self {
            DeckSpeed::Times(now) => {
                SPEEDS.into_iter().find(|speed| *speed > now).map_or(DeckSpeed::Max, DeckSpeed::Times)
            }
            DeckSpeed::Max => DeckSpeed::Max,
        }
    }

    pub fn slower(self) -> Self {
        let below = |now: f64| SPEEDS.into_iter().rev().find(|speed| *speed < now);
        match self {
            DeckSpeed::Times(now) => DeckSpeed::Times(below(now).unwrap_or(now)),
            DeckSpeed::Max => DeckSpeed::Times(SPEEDS[SPEEDS.len() - 1]),
        }
    }

    /// As the server takes it.
    pub fn name(self) -> String {
        match self {
            DeckSpeed::Times(times) => times.to_string(),
            DeckSpeed::Max => "max".to_owned(),
        }
    }
}

impl From<serde_json::Value> for DeckSpeed {
    fn from(value: serde_json::Value) -> Self {
        value.as_f64().map_or(DeckSpeed::Max, DeckSpeed::Times)
    }
}

impl fmt::Display for DeckSpeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeckSpeed::Times(times) => write!(f, "{times}x"),
            DeckSpeed::Max => f.write_str("max"),
        }
    }
}
