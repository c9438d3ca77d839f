//! What is known of every symbol that is watched: the board that messages are written on and tables are drawn from.
//!
//! Pure: no socket, no terminal, no clock. Invariant: a row's values are the texts that the server sent, so that a
//! price is shown exactly as it came.

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
    /// The epoch of the last welcome: what the rows' seqs mean something in.
    pub epoch: Option<String>,
    pub heartbeat_ms: Option<u64>,
    /// How the server says that this session keeps up.
    pub pace: Option<String>,
    pub updates: u64,
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
    /// The server's word for its state, or why there is no subscription.
    pub state: CompactString,
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
    /// The server closes soon, and asks to come back after so long.
    Drain {
        retry_ms: u64,
    },
}

/// States as the server names them, and two of our own: before its answer, and after its connection.
const PENDING: &str = "pending";
const LIVE: &str = "live";
const ASKED: &str = "asked";
const OFFLINE: &str = "offline";

#[derive(serde::Deserialize)]
struct Welcome {
    epoch: String,
    heartbeat_ms: u64,
}

#[derive(serde::Deserialize)]
struct Subscribed {
    results: Vec<Outcome>,
}

#[derive(serde::Deserialize)]
struct Outcome {
    symbol: String,
    status: String,
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
                self.updates += u64::from(message.kind == Kind::Update);
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
                let Welcome { epoch, heartbeat_ms } = serde_json::from_slice(message.raw)?;
                (self.epoch, self.heartbeat_ms) = (Some(epoch), Some(heartbeat_ms));
                self.pace = None;
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
            Kind::Heartbeat | Kind::Other => {}
        }
        Ok(())
    }

    fn subscribed(&mut self, outcome: &Outcome, tell: &mut impl FnMut(Change<'_>)) {
        let Outcome { symbol, status, code, message } = outcome;
        if status == "error" {
            if !symbol.contains('*') {
                self.row(symbol).state = code.as_str().into();
            }
            tell(Change::Refused { symbol, why: &format!("{code}: {message}") });
        } else if !symbol.contains('*') {
            let row = self.row(symbol);
            let pending = status == PENDING;
            row.state = if pending { PENDING.into() } else { LIVE.into() };
            if pending {
                tell(Change::State(row));
            }
        }
    }

    fn row(&mut self, symbol: &str) -> &mut Row {
        let place = self.places.get(symbol).copied().unwrap_or_else(|| {
            self.rows.push(Row { symbol: symbol.into(), state: ASKED.into(), ..Row::default() });
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
        if [PENDING, ASKED, OFFLINE].contains(&self.state.as_str()) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn board(payloads: &[&str]) -> (Board, Vec<String>) {
        let mut board = Board::new(&["A".to_owned(), "B*".to_owned()]);
        let mut told = Vec::new();
        for payload in payloads {
            board
                .apply(payload.as_bytes(), |change| {
                    told.push(match change {
                        Change::Record(row) => format!("{} {} n {}", row.symbol, row.seq, row.n),
                        Change::Gap(row, from, to) => format!("{} gap {from} {to}", row.symbol),
                        Change::State(row) => format!("{} {}", row.symbol, row.state),
                        other => format!("{other:?}"),
                    });
                })
                .unwrap();
        }
        (board, told)
    }

    #[test]
    fn records_are_merged_and_counted() {
        let (board, told) = board(&[
            r#"[{"type":"snapshot","symbol":"A","seq":4,"ts":1,"rx":2,"bid":1.50,"open":100,"last":101.5,"side":"buy"}]"#,
            r#"[{"type":"update","symbol":"A","seq":7,"ts":1,"rx":9,"bid":1.25,"n":3},{"type":"update","symbol":"BX","seq":1,"rx":1}]"#,
            r#"[{"type":"gap","symbol":"A","from":8,"to":10,"reason":"slow"}]"#,
        ]);
        assert_eq!(told, ["A 4 n 1", "A 7 n 3", "BX 1 n 1", "A gap 8 10"]);
        let row = &board.rows()[0];
        assert_eq!((row.value(Field::Bid), row.value(Field::Side)), (Some("1.25"), Some("buy")));
        assert_eq!((row.merged, row.gaps, row.lost, row.rx_us), (2, 1, 3, 9));
        assert_eq!(row.change_bp(), Some(150));
        assert_eq!(board.last(), BTreeMap::from([("A", 7), ("BX", 1)]));
        assert_eq!(board.updates, 2);
    }

    #[test]
    fn a_snapshot_replaces_the_record() {
        let (board, _) = board(&[
            r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1,"last":2}]"#,
            r#"[{"type":"snapshot","symbol":"A","seq":9,"rx":2,"bid":3}]"#,
        ]);
        assert_eq!(
            (board.rows()[0].value(Field::Bid), board.rows()[0].value(Field::Last)),
            (Some("3"), None)
        );
    }

    #[test]
    fn what_the_server_says_beside_data_is_told() {
        let (board, told) = board(&[
            r#"[{"type":"welcome","protocol":1,"epoch":"e","heartbeat_ms":5000}]"#,
            r#"[{"type":"subscribed","results":[{"symbol":"A","status":"pending"},{"symbol":"B*","status":"ok","matched":0},
                {"symbol":"C","status":"error","code":"bad_symbol","message":"no"}]}]"#,
            r#"[{"type":"status","symbol":"A","state":"stale"},{"type":"status","pace":"conflating"}]"#,
            r#"[{"type":"error","code":"bad_command","message":"what"},{"type":"drain","retry_ms":70}]"#,
        ]);
        assert_eq!(
            told,
            [
                "A pending",
                r#"Refused { symbol: "C", why: "bad_symbol: no" }"#,
                "A stale",
                r#"Pace("conflating")"#,
                r#"Error { why: "bad_command: what" }"#,
                "Drain { retry_ms: 70 }",
            ]
        );
        assert_eq!((board.epoch.as_deref(), board.heartbeat_ms), (Some("e"), Some(5000)));
        assert_eq!(board.pace.as_deref(), Some("conflating"));
        assert_eq!(board.rows().len(), 2);
    }

    #[test]
    fn nothing_looks_alive_without_a_connection() {
        let snapshot =
            r#"[{"type":"snapshot","symbol":"A","seq":4,"rx":2,"bid":1},{"type":"status","pace":"live"}]"#;
        let (mut board, _) = board(&[snapshot]);
        assert_eq!((board.rows()[0].state.as_str(), board.pace.as_deref()), ("live", Some("live")));
        board.disconnected();
        assert_eq!((board.rows()[0].state.as_str(), board.pace.as_deref()), ("offline", None));
        let update = r#"[{"type":"update","symbol":"A","seq":5,"rx":2,"bid":2}]"#;
        board.apply(update.as_bytes(), |_| {}).unwrap();
        assert_eq!(board.rows()[0].state, "live");
    }

    #[test]
    fn a_change_needs_an_opening_price_above_zero() {
        let row = |open: &str, last: &str| {
            let payload =
                format!(r#"[{{"type":"snapshot","symbol":"A","seq":1,"rx":1,"open":{open},"last":{last}}}]"#);
            board(&[payload.as_str()]).0.rows()[0].change_bp()
        };
        assert_eq!(row("200", "199"), Some(-50));
        assert_eq!(row("0", "1"), None);
        assert_eq!(row("-5", "1"), None);
        assert_eq!(row("0.000000001", "9000000000"), None);
    }

    #[test]
    fn nonsense_is_an_error_and_no_panic() {
        let mut board = Board::new(&[]);
        for payload in ["{}", "[1]", r#"[{"type":"welcome"}]"#, r#"[{"type":"drain","retry_ms":-1}]"#] {
            assert!(board.apply(payload.as_bytes(), |_| {}).is_err(), "{payload}");
        }
    }
}
