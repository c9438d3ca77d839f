//! The supported formats, by name. Their detection and their decoders are elsewhere.

use super::{binance::BinanceTable, lean::LeanTable, preset::Preset};

/// A supported format.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Format {
    /// Our own recordings, and ticks as lines without the first line.
    Own,
    /// A table with a column for each field of a tick.
    Plain,
    /// A table with any columns, whose meanings were given.
    Mapped,
    /// A table of a vendor or an exchange, with a line of names.
    Known(Preset),
    DatabentoCsv,
    Tardis,
    Binance(BinanceTable),
    /// Binance's combined streams, as they were received.
    Capture,
    /// Streams of exchanges, as they were received.
    Streams,
    Lean(LeanTable),
    Itch,
    /// Databento's DBN; read with the feature `dbn`.
    Databento,
}

// === impl Format ===

impl Format {
    pub const ALL: [Format; 22] = [
        Format::Own,
        Format::Plain,
        Format::Mapped,
        Format::Known(Preset::PolygonTrades),
        Format::Known(Preset::PolygonQuotes),
        Format::Known(Preset::Bybit),
        Format::Known(Preset::BybitSpot),
        Format::Known(Preset::Okx),
        Format::Known(Preset::Kucoin),
        Format::DatabentoCsv,
        Format::Tardis,
        Format::Binance(BinanceTable::Trades),
        Format::Binance(BinanceTable::AggTrades),
        Format::Binance(BinanceTable::BookTicker),
        Format::Capture,
        Format::Streams,
        Format::Lean(LeanTable::Trade),
        Format::Lean(LeanTable::Quote),
        Format::Lean(LeanTable::PlainTrade),
        Format::Lean(LeanTable::PlainQuote),
        Format::Itch,
        Format::Databento,
    ];

    /// The supported formats, and what each needs to be recognised, for a person.
    pub const KNOWN: &str = "tickcast's own (a first line {\"tickcast\":\"recording\",\"version\":1}, or ticks as lines), \
                             plain CSV (a line of names: symbol and fields, such as symbol,ts,rx,bid,ask,last,last_size), \
                             Tardis CSV (its line of names: exchange,symbol,timestamp,local_timestamp,...), \
                             Binance's public trades, aggTrades and bookTicker (a name such as \
                             BTCUSDT-trades-2024-01-01.csv, which tells the symbol), captures of streams of \
                             Binance, Bybit, OKX, Coinbase, Kraken, Hyperliquid, Alpaca and Massive (a message a line, behind a time or not), QuantConnect Lean \
                             ticks (a name such as 20131009_ibm_trade_tick.csv or 20140501_eurusd_tick_quote.csv), flat files of Polygon, tables of Databento, and trades \
                             of Bybit, OKX and KuCoin (their line of names), any other table (with columns=), Nasdaq ITCH 5.0 (a name with \
                             the day, such as S081321-v50.txt), Databento DBN (mbp-1, tbbo, mbp-10, bbo-1s, bbo-1m, \
                             trades, cmbp-1, tcbbo, cbbo, cbbo-1s, cbbo-1m, mbo; a build with the feature dbn), Parquet (a build with the feature parquet); each plain, in gzip, zstd, bzip2, xz or zip";

    /// Whether it is lines of text.
    pub const fn is_text(self) -> bool {
        !matches!(self, Format::Itch | Format::Databento)
    }

    /// Whether it fills configured fields from names of its own, whatever its author knew of them.
    pub const fn fills_fields(self) -> bool {
        matches!(self, Format::Tardis | Format::Streams | Format::Capture)
    }

    /// Its name for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Own => "tickcast",
            Format::Plain => "csv",
            Format::Mapped => "columns",
            Format::Known(preset) => preset.known().name,
            Format::DatabentoCsv => "databento-csv",
            Format::Tardis => "tardis",
            Format::Binance(BinanceTable::Trades) => "binance-trades",
            Format::Binance(BinanceTable::AggTrades) => "binance-aggTrades",
            Format::Binance(BinanceTable::BookTicker) => "binance-bookTicker",
            Format::Capture => "binance-capture",
            Format::Streams => "capture",
            Format::Lean(LeanTable::Trade) => "lean-trade",
            Format::Lean(LeanTable::Quote) => "lean-quote",
            Format::Lean(LeanTable::PlainTrade) => "lean-tick-trade",
            Format::Lean(LeanTable::PlainQuote) => "lean-tick-quote",
            Format::Itch => "itch",
            Format::Databento => "dbn",
        }
    }
}
