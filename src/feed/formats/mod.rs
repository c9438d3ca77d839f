//! The formats that recordings come in: for each a decoder that does no I/O, and the knowledge by which it is told from
//! the others.
//!
//! ```text
//! file's name, first bytes -> Format -> Decoder; chunks of bytes -> Decoder -> Output (ticks, rejects)
//! ```
//! What opens files, decompresses them and merges several is `feed::recording`.
//!
//! Invariants: no input panics; how the bytes were cut into chunks changes nothing; a broken record costs at most its
//! own bytes and one bounded message; a decimal that stands as text in the source never passes through a float.

mod binance;
mod book;
mod capture;
#[cfg(feature = "dbn")]
mod databento;
mod databento_csv;
mod detect;
mod fault;
mod foreign;
mod hints;
mod itch;
mod lean;
mod mapped;
mod moment;
mod new_york;
mod own;
mod plain;
mod preset;
mod streams;
mod table;
mod tardis;
mod write;

use crate::{
    feed::{
        RejectReason,
        ndjson::Tally,
        recording::{Header, Place, REJECTS_KEPT},
    },
    tick::{Nanos, Symbol, Tick},
};

pub use detect::{Told, is_cr_alone, without_mark};
pub use fault::Fault;
pub use hints::{Columns, Hints, Prefix};
pub use moment::Unit;
pub use own::META;
pub use write::{Kept, Rows};

/// Bytes to ticks: a state machine. Chunks are fed in order, then the end is told once.
pub trait Decoder: Send {
    /// Decodes the records that end in `chunk`. Its bytes may be used as scratch space.
    fn feed(&mut self, chunk: &mut [u8], out: &mut Output);

    /// The input is whole and has ended: decodes the last record, when nothing had to follow it. Not called for an input
    /// that broke off, whose last piece nobody can trust.
    fn finish(&mut self, out: &mut Output);
}

/// What a decoder found. Its owner takes the contents out or calls [`Output::clear`].
#[derive(Default, Debug)]
pub struct Output {
    /// When each tick was received by its recorder, where the source says so, and the tick.
    pub ticks: Vec<(Option<Nanos>, Tick)>,
    /// The first rejected records.
    pub rejects: Vec<Rejected>,
    /// All rejected records.
    pub tally: Tally,
    /// Records that are well-formed and hold nothing that a tick could carry.
    pub passed: u64,
    /// What our own recordings say is missing.
    pub gaps: Vec<Gap>,
    /// What our own format's first line tells.
    pub header: Option<Header>,
    /// What every symbol is to begin with.
    pub prefix: Option<Prefix>,
    /// The first steps of an hour or more from one tick's time to the next.
    pub jumps: Vec<Jump>,
    /// All of them, and the furthest.
    pub jumped: u64,
    pub jump_max_ns: u64,
    /// What a person should know of the file.
    pub notes: Vec<String>,
    /// The time of the last tick that has one; it outlives [`Output::clear`].
    last: Option<Nanos>,
}

/// Two ticks one behind the other whose times lie far apart, either way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jump {
    /// Where the second stands.
    pub place: Place,
    pub from: Nanos,
    pub to: Nanos,
}

/// Ticks of a symbol that the recorder never received, as it noted it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gap {
    /// When the recorder learned of it.
    pub rx: Nanos,
    pub symbol: Symbol,
    pub ticks: u64,
}

/// A record that is no tick.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    pub place: Place,
    pub reason: RejectReason,
    pub message: String,
    /// How many ticks of the same output stand before it.
    pub ticks_before: usize,
}

/// A format that can be read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Our own recordings, and ticks as lines without the first line.
    Own,
    /// A table with a column for each field of a tick.
    Plain,
    /// A table with any columns, of which somebody said what they are.
    Mapped,
    /// A table of a vendor or an exchange, with a line of names.
    Known(preset::Preset),
    DatabentoCsv,
    Tardis,
    Binance(binance::Kind),
    /// Binance's combined streams, as they were received.
    Capture,
    /// Streams of exchanges, as they were received.
    Streams,
    Lean(lean::Kind),
    Itch,
    /// Databento's DBN; read with the feature `dbn`.
    Databento,
}

// === impl Output ===

impl Output {
    /// Of symbols that are to begin so.
    pub fn with_prefix(prefix: Option<Prefix>) -> Self {
        Output { prefix, ..Output::default() }
    }

    /// Empties everything, and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rejects.clear();
        self.tally = Tally::default();
        self.passed = 0;
        self.gaps.clear();
        self.jumps.clear();
        (self.jumped, self.jump_max_ns) = (0, 0);
        self.notes.clear();
    }

    /// Takes a tick that stands at `place` and was received at `rx`, where the source says when.
    #[inline]
    pub fn tick(&mut self, place: Place, rx: Option<Nanos>, mut tick: Tick) {
        if let Some(prefix) = &self.prefix {
            match prefix.before(&tick.symbol) {
                Ok(symbol) => tick.symbol = symbol,
                Err(error) => {
                    let fault = Fault::Symbol(error);
                    return self.reject(place, fault.reason(), || fault.to_string());
                }
            }
        }
        if let Some(at) = rx.or(tick.ts) {
            let before = self.last.replace(at).unwrap_or(at);
            if before.0.abs_diff(at.0) >= JUMP_NANOS {
                self.jump(Jump { place, from: before, to: at });
            }
        }
        self.ticks.push((rx, tick));
    }

    #[cold]
    fn jump(&mut self, jump: Jump) {
        self.jumped += 1;
        self.jump_max_ns = self.jump_max_ns.max(jump.nanos());
        if self.jumps.len() < JUMPS_KEPT {
            self.jumps.push(jump);
        }
    }

    /// Takes what a recording says is missing.
    pub fn gap(&mut self, mut gap: Gap) {
        if let Some(Ok(symbol)) = self.prefix.as_ref().map(|prefix| prefix.before(&gap.symbol)) {
            gap.symbol = symbol;
        }
        self.gaps.push(gap);
    }

    pub fn reject(&mut self, place: Place, reason: RejectReason, message: impl FnOnce() -> String) {
        self.tally.add(reason);
        if self.rejects.len() < REJECTS_KEPT {
            let ticks_before = self.ticks.len();
            self.rejects.push(Rejected { place, reason, message: message(), ticks_before });
        }
    }
}

// === impl Jump ===

impl Jump {
    /// How far.
    pub fn nanos(&self) -> u64 {
        self.from.0.abs_diff(self.to.0)
    }
}

// === impl Format ===

impl Format {
    pub const ALL: [Format; 22] = [
        Format::Own,
        Format::Plain,
        Format::Mapped,
        Format::Known(preset::Preset::PolygonTrades),
        Format::Known(preset::Preset::PolygonQuotes),
        Format::Known(preset::Preset::Bybit),
        Format::Known(preset::Preset::BybitSpot),
        Format::Known(preset::Preset::Okx),
        Format::Known(preset::Preset::Kucoin),
        Format::DatabentoCsv,
        Format::Tardis,
        Format::Binance(binance::Kind::Trades),
        Format::Binance(binance::Kind::AggTrades),
        Format::Binance(binance::Kind::BookTicker),
        Format::Capture,
        Format::Streams,
        Format::Lean(lean::Kind::Trade),
        Format::Lean(lean::Kind::Quote),
        Format::Lean(lean::Kind::PlainTrade),
        Format::Lean(lean::Kind::PlainQuote),
        Format::Itch,
        Format::Databento,
    ];

    /// What can be read, and what each needs to be recognised, for a person.
    pub const KNOWN: &str = "tickcast's own (a first line {\"tickcast\":\"recording\",\"version\":1}, or ticks as lines), \
                             plain CSV (a line of names: symbol and fields, such as symbol,ts,rx,bid,ask,last,last_size), \
                             Tardis CSV (its line of names: exchange,symbol,timestamp,local_timestamp,...), \
                             Binance's public trades, aggTrades and bookTicker (a name such as \
                             BTCUSDT-trades-2024-01-01.csv, which tells the symbol), captures of streams of \
                             Binance, Bybit, OKX, Coinbase and Kraken (a message a line, behind a time or not), QuantConnect Lean \
                             ticks (a name such as 20131009_ibm_trade_tick.csv or 20140501_eurusd_tick_quote.csv), flat files of Polygon, tables of Databento, and trades \
                             of Bybit, OKX and KuCoin (their line of names), any other table (with columns=), Nasdaq ITCH 5.0 (a name with \
                             the day, such as S081321-v50.txt), Databento DBN (mbp-1, tbbo, mbp-10, bbo-1s, bbo-1m, \
                             trades, cmbp-1, tcbbo, cbbo-1s, cbbo-1m, mbo; a build with the feature dbn), Parquet (a build with the feature parquet); each plain, in gzip, zstd, bzip2, xz or zip";

    /// As [`detect::tell`], when `head` is all that there is.
    ///
    /// # Errors
    /// When it is none of those that can be read: what it is, for a person.
    pub fn detect(name: &str, head: &[u8]) -> Result<Self, String> {
        match detect::tell(name, head, true) {
            Told::Format(format) => Ok(format),
            Told::Unread { why, .. } => Err(why),
            Told::Undecided => Err("its beginning tells nothing".to_owned()),
        }
    }

    /// # Errors
    /// When the name does not tell what a reader of this format must know.
    pub fn decoder(
        self,
        name: &str,
        hints: &Hints,
        line_bytes_max: usize,
    ) -> Result<Box<dyn Decoder>, String> {
        use table::Table;
        Ok(match self {
            Format::Own => Box::new(own::Own::new(line_bytes_max)),
            Format::Plain => Box::new(Table::new(plain::Plain::default(), line_bytes_max)),
            Format::Mapped => Box::new(Table::new(mapped::Mapped::hinted(hints), line_bytes_max)),
            Format::Known(preset) => {
                Box::new(Table::new(mapped::Mapped::known(preset, name, hints), line_bytes_max))
            }
            Format::DatabentoCsv => {
                Box::new(Table::new(databento_csv::DatabentoCsv::new(hints), line_bytes_max))
            }
            Format::Tardis => Box::new(Table::new(tardis::Tardis::default(), line_bytes_max)),
            Format::Binance(_) => Box::new(Table::new(binance::Binance::new(name)?, line_bytes_max)),
            Format::Capture => Box::new(capture::Capture::new(line_bytes_max)),
            Format::Streams => Box::new(streams::Streams::new(line_bytes_max)),
            Format::Lean(_) => Box::new(Table::new(lean::Lean::new(name)?, line_bytes_max)),
            Format::Itch => Box::new(itch::Itch::new(name)?),
            #[cfg(feature = "dbn")]
            Format::Databento => Box::new(databento::Databento::new()),
            #[cfg(not(feature = "dbn"))]
            Format::Databento => {
                return Err("it is Databento's DBN, which this build cannot read; build with --features dbn"
                    .to_owned());
            }
        })
    }

    /// Whether it is lines of text.
    pub const fn is_text(self) -> bool {
        !matches!(self, Format::Itch | Format::Databento)
    }

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Own => "tickcast",
            Format::Plain => "csv",
            Format::Mapped => "columns",
            Format::Known(preset) => preset.known().name,
            Format::DatabentoCsv => "databento-csv",
            Format::Tardis => "tardis",
            Format::Binance(binance::Kind::Trades) => "binance-trades",
            Format::Binance(binance::Kind::AggTrades) => "binance-aggTrades",
            Format::Binance(binance::Kind::BookTicker) => "binance-bookTicker",
            Format::Capture => "binance-capture",
            Format::Streams => "capture",
            Format::Lean(lean::Kind::Trade) => "lean-trade",
            Format::Lean(lean::Kind::Quote) => "lean-quote",
            Format::Lean(lean::Kind::PlainTrade) => "lean-tick-trade",
            Format::Lean(lean::Kind::PlainQuote) => "lean-tick-quote",
            Format::Itch => "itch",
            Format::Databento => "dbn",
        }
    }
}

/// A format that was told, and its decoder.
pub type Begun = (Format, Box<dyn Decoder>);

/// Tells the format, and begins to decode it: by what the file is, and by what somebody says that it is. `None` when more
/// of it is needed; with `is_whole` there is no more.
///
/// # Errors
/// When it cannot be read, or not as the hints say: why, for a person.
pub fn open(
    name: &str,
    head: &[u8],
    is_whole: bool,
    hints: &Hints,
    line_bytes_max: usize,
) -> Result<Option<Begun>, String> {
    let asks = hints.columns.is_some() || hints.unit.is_some() || hints.symbol.is_some();
    let told = detect::tell(name, head, is_whole);
    let format = match (&hints.columns, told) {
        (_, Told::Unread { why, is_table: false }) => return Err(why),
        (Some(Columns::Known(preset)), _) => Format::Known(*preset),
        (Some(Columns::Databento), Told::Format(Format::DatabentoCsv)) => Format::DatabentoCsv,
        (Some(Columns::Databento), Told::Undecided) => return Ok(None),
        (Some(Columns::Databento), _) => {
            return Err(
                "it is no table of Databento that holds ticks: its line of names has no ts_event, rtype, \
                        publisher_id and price"
                    .to_owned(),
            );
        }
        (Some(Columns::Pairs(_)), _) => Format::Mapped,
        (None, Told::Format(Format::Plain) | Told::Unread { .. } | Told::Undecided) if asks => Format::Mapped,
        (_, Told::Format(format)) => format,
        (_, Told::Unread { why, .. }) => return Err(why),
        (_, Told::Undecided) => return Ok(None),
    };
    let decoder: Box<dyn Decoder> = match format {
        Format::Mapped | Format::Known(_) => match mapped::open(format, name, head, hints, line_bytes_max) {
            Err(_) if !is_whole => return Ok(None),
            opened => opened?,
        },
        // Its tables may lack the symbol.
        Format::DatabentoCsv if hints.unit.is_none() => format.decoder(name, hints, line_bytes_max)?,
        _ if asks => {
            return Err(format!(
                "columns, unit and symbol are for tables that do not say what they hold, and this is {}",
                format.name()
            ));
        }
        _ => format.decoder(name, hints, line_bytes_max)?,
    };
    Ok(Some((format, decoder)))
}

/// Why Parquet comes this far: files of it are made text of before.
const PARQUET: &str = if cfg!(feature = "parquet") {
    "it is a Parquet file, which is read from its end: not from a pipe, from within an archive, or compressed as a whole"
} else {
    "it is a Parquet file, which this build cannot read; build with --features parquet"
};
/// So much of a file is looked at to tell its format.
pub const HEAD_BYTES: usize = 16 * 1024;
/// From one tick to the next this is told: an hour.
pub const JUMP_NANOS: u64 = 3_600_000_000_000;
/// So many of one output are kept with their place.
const JUMPS_KEPT: usize = 4;

#[cfg(test)]
mod tests;
