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
mod fault;
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
    /// Empties everything, and keeps the allocations.
    pub fn clear(&mut self) {
        self.ticks.clear();
        self.rejects.clear();
        self.tally = Tally::default();
        self.passed = 0;
        self.gaps.clear();
    }

    /// Takes a tick that was made of the record at `place`.
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
        self.ticks.push((rx, tick));
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

// === impl Format ===

impl Format {
    pub const ALL: [Format; 19] = [
        Format::Own,
        Format::Plain,
        Format::Mapped,
        Format::Known(preset::Preset::PolygonTrades),
        Format::Known(preset::Preset::PolygonQuotes),
        Format::Known(preset::Preset::Bybit),
        Format::Known(preset::Preset::BybitSpot),
        Format::Known(preset::Preset::Okx),
        Format::Known(preset::Preset::Kucoin),
        Format::Tardis,
        Format::Binance(binance::Kind::Trades),
        Format::Binance(binance::Kind::AggTrades),
        Format::Binance(binance::Kind::BookTicker),
        Format::Capture,
        Format::Streams,
        Format::Lean(lean::Kind::Trade),
        Format::Lean(lean::Kind::Quote),
        Format::Itch,
        Format::Databento,
    ];

    /// What [`Format::detect`] can tell, for a person.
    pub const KNOWN: &str = "tickcast's own, plain CSV, Tardis CSV, Binance's public data, trades and quotes of Polygon, \
                             trades of Bybit, OKX and KuCoin, captures of streams of Binance, \
                             Bybit, Coinbase, Kraken and OKX, QuantConnect Lean ticks, Nasdaq ITCH 5.0, Databento DBN";

    /// Tells the format by the first bytes and the name, both without compression. `head` is the whole file, or at least
    /// its first line or [`HEAD_BYTES`].
    ///
    /// # Errors
    /// When it is none of those that can be read: why, for a person.
    pub fn detect(name: &str, head: &[u8]) -> Result<Self, String> {
        if head.is_empty() {
            return Err("it is empty".to_owned());
        }
        if head.starts_with(b"DBN") {
            return Ok(Format::Databento);
        }
        let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_stream = streams::is_line(line);
        if capture::is_line(line) && (!is_stream || streams::is_combined(line)) {
            return Ok(Format::Capture);
        }
        if is_stream {
            return Ok(Format::Streams);
        }
        if line.trim_ascii_start().starts_with(b"{") {
            return own::check_head(line).map(|()| Format::Own);
        }
        let mut splitter = table::Splitter::default();
        let names = splitter.split_names(line).ok();
        if let Some(known) = names.as_ref().and_then(preset::Preset::of_header) {
            return Ok(Format::Known(known));
        }
        // Names tell of tables without a line of names, so they go before the contents.
        if let Some((_, kind)) = binance::Kind::of_name(name) {
            return Ok(Format::Binance(kind));
        }
        if let Some((_, _, kind)) = lean::Kind::of_name(name) {
            return Ok(Format::Lean(kind));
        }
        if itch::is_head(head) {
            return Ok(Format::Itch);
        }
        if let Some(row) = names {
            if tardis::check_header(&row)? {
                return Ok(Format::Tardis);
            }
            if plain::check_header(&row) {
                return Ok(Format::Plain);
            }
        }
        Err(format!(
            "neither its name nor its beginning is that of a format that can be read: {}",
            Self::KNOWN
        ))
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

    /// What a person calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Own => "tickcast",
            Format::Plain => "csv",
            Format::Mapped => "columns",
            Format::Known(preset) => preset.known().name,
            Format::Tardis => "tardis",
            Format::Binance(binance::Kind::Trades) => "binance-trades",
            Format::Binance(binance::Kind::AggTrades) => "binance-aggTrades",
            Format::Binance(binance::Kind::BookTicker) => "binance-bookTicker",
            Format::Capture => "binance-capture",
            Format::Streams => "capture",
            Format::Lean(lean::Kind::Trade) => "lean-trade",
            Format::Lean(lean::Kind::Quote) => "lean-quote",
            Format::Itch => "itch",
            Format::Databento => "dbn",
        }
    }
}

/// Tells the format, and begins to decode it: by what the file is, and by what somebody says that it is.
///
/// # Errors
/// When it cannot be read, or not as the hints say: why, for a person.
pub fn open(
    name: &str,
    head: &[u8],
    hints: &Hints,
    line_bytes_max: usize,
) -> Result<(Format, Box<dyn Decoder>), String> {
    let asks = hints.columns.is_some() || hints.unit.is_some() || hints.symbol.is_some();
    let format = match (&hints.columns, Format::detect(name, head)) {
        (Some(Columns::Known(preset)), _) => Format::Known(*preset),
        (Some(Columns::Pairs(_)), _) | (None, Ok(Format::Plain) | Err(_)) if asks => Format::Mapped,
        (_, found) => found?,
    };
    let decoder: Box<dyn Decoder> = match format {
        Format::Mapped | Format::Known(_) => mapped::open(format, name, head, hints, line_bytes_max)?,
        _ if asks => {
            return Err(format!(
                "columns, unit and symbol are for tables that do not say what they hold, and this is {}",
                format.name()
            ));
        }
        _ => format.decoder(name, hints, line_bytes_max)?,
    };
    Ok((format, decoder))
}

/// So much of a file is looked at to tell its format.
pub const HEAD_BYTES: usize = 16 * 1024;

#[cfg(test)]
mod tests;
