//! What is known of every symbol that is watched: the board that messages are written on and tables are drawn from.
//!
//! Pure: no socket, no terminal, no clock. Invariant: a row's values are the texts that the server sent, so that a
//! price is shown exactly as it came.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};

use compact_str::CompactString;

use crate::{
    cli::load::scan::{Kind, Message, ScanError, Scanner, pairs},
    tick::{Field, Fixed},
};

/// All rows, in the order in which they were asked for or first seen.
#[derive(Default)]
pub struct Board {
    rows: Vec<Row>,
    places: HashMap<CompactString, usize>,
    scanner: Scanner,
    stale_us: i64,
    /// The epoch of the last welcome: what the rows' seqs mean something in.
    pub epoch: Option<String>,
    pub heartbeat_ms: Option<u64>,
    /// How the server says that this session keeps up.
    pub pace: Option<String>,
    pub updates: u64,
    /// Ticks that those updates stood for beyond one each.
    pub merged: u64,
    pub bytes: u64,
}

/// One symbol.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Row {
    pub symbol: CompactString,
    /// By [`Field`], as the server wrote them; strings without their quotes.
    values: [Option<CompactString>; Field::ALL.len()],
    pub seq: u64,
    /// Ticks that the last message stood for.
    pub n: u64,
    /// When the server took the tick in, by its clock, in microseconds; 0 before the first record.
    pub rx_us: i64,
    /// Ticks that were merged into others on their way here.
    pub merged: u64,
    /// Ticks that a gap announced as lost.
    pub lost: u64,
    pub gaps: u64,
    /// The server's word for its state, or why there is no subscription. What is shown is [`state_at`](Self::state_at).
    pub state: CompactString,
    /// The age from which on a price is not live; 0 for the default.
    stale_us: i64,
}

/// What one message has changed.
#[derive(PartialEq, Eq, Debug)]
pub enum Change<'a> {
    /// Its record.
    Record(&'a Row),
    /// The seqs from the first to the second are lost.
    Gap(&'a Row, u64, u64),
    State(&'a Row),
    Pace(&'a str),
    /// The server would not subscribe this.
    Refused {
        symbol: &'a str,
        why: &'a str,
    },
    /// The server complains.
    Error {
        why: String,
    },
    /// The answer to a ping, with the server's time in microseconds.
    Pong {
        id: u64,
        ts_us: i64,
    },
    /// The server closes soon, and asks to come back after so long.
    Drain {
        retry_ms: u64,
    },
}

/// States as the server names them.
pub const PENDING: &str = "pending";
pub const LIVE: &str = "live";
pub const STALE: &str = "stale";
/// States of our own: before the server's answer, after its connection, of a name that it does not know, and of a price
/// that is older than a live one is, though the server has not said so, or not yet.
pub const ASKED: &str = "asked";
pub const OFFLINE: &str = "offline";
pub const UNKNOWN: &str = "unknown";
pub const OLD: &str = "old";

/// What the server takes for stale, as long as it has not said.
const STALE_US: i64 = 5_000_000;

#[derive(serde::Deserialize)]
struct Welcome {
    epoch: String,
    heartbeat_ms: u64,
    #[serde(default)]
    limits: Limits,
}

#[derive(serde::Deserialize, Default)]
struct Limits {
    stale_ms: Option<i64>,
}

#[derive(serde::Deserialize)]
struct Pong {
    id: u64,
    ts: i64,
}

#[derive(serde::Deserialize)]
struct Named {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(serde::Deserialize)]
struct Subscribed {
    results: Vec<Outcome>,
}

#[derive(serde::Deserialize)]
struct Outcome {
    symbol: String,
    status: String,
    known: Option<bool>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(serde::Deserialize)]
struct Status {
    state: Option<String>,
    pace: Option<String>,
}

#[derive(serde::Deserialize)]
struct Complaint {
    code: String,
    message: String,
}

#[derive(serde::Deserialize)]
struct Drain {
    retry_ms: u64,
}

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BoardError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("a message is not what it should be: {0}")]
    Message(#[from] serde_json::Error),
}

// === impl Board ===

impl Board {
    /// A row for each of these that is a name; those with a `*` have rows when their symbols show.
    pub fn new(symbols: &[String]) -> Self {
        let mut board = Board::default();
        for symbol in symbols.iter().filter(|symbol| !symbol.contains('*')) {
            board.row(symbol);
        }
        board
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The last seq of each symbol that has one, to resume from.
    pub fn last(&self) -> BTreeMap<&str, u64> {
        self.rows.iter().filter(|row| row.seq > 0).map(|row| (row.symbol.as_str(), row.seq)).collect()
    }

    /// The connection is gone: what is shown is what was, and says so.
    pub fn disconnected(&mut self) {
        self.pace = None;
        for row in &mut self.rows {
            row.state = OFFLINE.into();
        }
    }

    /// Writes a frame's payload on the board, and tells of each change as it happens.
    ///
    /// # Errors
    /// When the payload is not an array of messages of the contract.
    pub fn apply(&mut self, payload: &[u8], mut tell: impl FnMut(Change<'_>)) -> Result<(), BoardError> {
        self.bytes += payload.len() as u64;
        let scanner = std::mem::take(&mut self.scanner);
        let mut fault = None;
        let scanned = scanner.each(payload, |message| {
            if let Err(error) = self.take(message, &mut tell) {
                fault.get_or_insert(error);
            }
        });
        self.scanner = scanner;
        scanned?;
        fault.map_or(Ok(()), Err)
    }

    fn take(&mut self, message: &Message<'_>, tell: &mut impl FnMut(Change<'_>)) -> Result<(), BoardError> {
        match message.kind {
            Kind::Update | Kind::Snapshot => {
                if message.kind == Kind::Update {
                    self.updates += 1;
                    self.merged += message.n.saturating_sub(1);
                }
                let row = self.row(&String::from_utf8_lossy(&message.symbol));
                row.merge(message)?;
                tell(Change::Record(row));
            }
            Kind::Gap => {
                let row = self.row(&String::from_utf8_lossy(&message.symbol));
                row.gaps += 1;
                row.lost += message.to.saturating_sub(message.from).saturating_add(1);
                tell(Change::Gap(row, message.from, message.to));
            }
            Kind::Welcome => {
                let Welcome { epoch, heartbeat_ms, limits } = serde_json::from_slice(message.raw)?;
                (self.epoch, self.heartbeat_ms) = (Some(epoch), Some(heartbeat_ms));
                self.pace = None;
                self.stale_us = limits.stale_ms.unwrap_or_default().saturating_mul(1_000);
                for row in &mut self.rows {
                    row.stale_us = self.stale_us;
                }
            }
            Kind::Subscribed => {
                let Subscribed { results } = serde_json::from_slice(message.raw)?;
                for outcome in &results {
                    self.subscribed(outcome, tell);
                }
            }
            Kind::Status => {
                let Status { state, pace } = serde_json::from_slice(message.raw)?;
                if let Some(state) = state {
                    let row = self.row(&String::from_utf8_lossy(&message.symbol));
                    row.state = state.into();
                    tell(Change::State(row));
                }
                if let Some(pace) = pace {
                    tell(Change::Pace(&pace));
                    self.pace = Some(pace);
                }
            }
            Kind::Error => {
                let Complaint { code, message } = serde_json::from_slice(message.raw)?;
                tell(Change::Error { why: format!("{code}: {message}") });
            }
            Kind::Drain => {
                let Drain { retry_ms } = serde_json::from_slice(message.raw)?;
                tell(Change::Drain { retry_ms });
            }
            Kind::Other if serde_json::from_slice::<Named>(message.raw)?.kind == "pong" => {
                let Pong { id, ts } = serde_json::from_slice(message.raw)?;
                tell(Change::Pong { id, ts_us: ts });
            }
            Kind::Heartbeat | Kind::End | Kind::Other => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, outcome: &Outcome, tell: &mut impl FnMut(Change<'_>)) {
        let Outcome { symbol, status, known, code, message } = outcome;
        if status == "error" {
            if !symbol.contains('*') {
                self.row(symbol).state = code.as_str().into();
            }
            tell(Change::Refused { symbol, why: &format!("{code}: {message}") });
        } else if !symbol.contains('*') {
            let row = self.row(symbol);
            let pending = status == PENDING;
            row.state = match (pending, known) {
                (true, Some(false)) => UNKNOWN.into(),
                (true, _) => PENDING.into(),
                (false, _) => LIVE.into(),
            };
            if pending {
                tell(Change::State(row));
            }
        }
    }

    fn row(&mut self, symbol: &str) -> &mut Row {
        let place = self.places.get(symbol).copied().unwrap_or_else(|| {
            let (state, stale_us) = (ASKED.into(), self.stale_us);
            self.rows.push(Row { symbol: symbol.into(), state, stale_us, ..Row::default() });
            self.places.insert(symbol.into(), self.rows.len() - 1);
            self.rows.len() - 1
        });
        &mut self.rows[place]
    }
}

// === impl Row ===

impl Row {
    /// A field's text, when it is known.
    pub fn value(&self, field: Field) -> Option<&str> {
        self.values[field as usize].as_deref()
    }

    /// What the row is called when the server's time is `now_us`: a price is live by its age, for what the server says of
    /// it comes by the same path, and is as late.
    pub fn state_at(&self, now_us: i64) -> &str {
        let stale_us = if self.stale_us > 0 { self.stale_us } else { STALE_US };
        let is_old = self.rx_us > 0 && now_us.saturating_sub(self.rx_us) > stale_us;
        if is_old && self.state == LIVE { OLD } else { &self.state }
    }

    /// From the opening to the last price, in hundredths of a percent.
    pub fn change_bp(&self) -> Option<i64> {
        let decimal = |field| Fixed::parse(self.value(field)?).ok();
        let (open, last) = (decimal(Field::Open)?, decimal(Field::Last)?);
        if open.0 <= 0 {
            return None;
        }
        let change = i128::from(last.0) - i128::from(open.0);
        i64::try_from(change * 10_000 / i128::from(open.0)).ok()
    }

    fn merge(&mut self, message: &Message<'_>) -> Result<(), ScanError> {
        if message.kind == Kind::Snapshot {
            self.values = Default::default();
        } else {
            self.merged += message.n.saturating_sub(1);
        }
        (self.seq, self.n, self.rx_us) = (message.seq, message.n, message.rx);
        // A record does not end any other state: stale and halted end when the server says so.
        if [PENDING, ASKED, OFFLINE, UNKNOWN].contains(&self.state.as_str()) {
            self.state = LIVE.into();
        }
        pairs(message.raw, |key, value| {
            if let Some(field) = str::from_utf8(key).ok().and_then(Field::parse) {
                let text = String::from_utf8_lossy(value);
                self.values[field as usize] = Some(text.trim_matches('"').into());
            }
        })
    }
}
