//! Common formats that are recognised but not supported: one table for each way of detection, with a description.
//!
//! A format that becomes supported loses its line here. Not here: the supported formats.
//!
//! Invariant: detection costs no more than the head of a file, and never panics.

use std::{borrow::Cow, collections::BTreeMap};

use serde_json::value::RawValue;

use super::table::TableRow;

/// Bytes at an offset of the file, and what the file is then.
const BYTES: &[(usize, &[u8], &str)] = &[
    (0, b"\x1f\x8b", "compressed by gzip within another compression (take off the outer one)"),
    (0, b"BZh91AY&SY", "compressed by bzip2 within another compression (take off the outer one)"),
    (0, b"\xfd7zXZ\0", "compressed by xz within another compression (take off the outer one)"),
    (0, b"\x28\xb5\x2f\xfd", "compressed by zstd within another compression (take off the outer one)"),
    (0, b"\x04\x22\x4d\x18", "compressed by lz4 (`lz4 -d` makes it plain)"),
    (0, b"\x5d\0\0", "compressed by LZMA alone, as Dukascopy's bi5 is"),
    (0, b"\x1f\x9d", "compressed by `compress` (`uncompress` makes it plain)"),
    (0, b"LZIP", "compressed by lzip (`lzip -d` makes it plain)"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive (unpack it first)"),
    (0, b"Rar!\x1a\x07", "a RAR archive (unpack it first)"),
    (257, b"ustar", "a tar archive (unpack it with `tar -xf` first)"),
    (
        0,
        b"PK\x03\x04",
        "a zip archive within another compression, or from a pipe (make it a file of its own)",
    ),
    (0, b"PK\x05\x06", "a zip archive without an entry"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"SQLite format 3\0", "an SQLite database (`sqlite3 -csv -header` writes CSV)"),
    (8, b"DUCK", "a DuckDB database (`COPY ... TO 'x.csv'` writes CSV)"),
    (0, b"ARROW1", "an Arrow IPC (Feather) file"),
    (0, b"FEA1", "a Feather file"),
    (0, b"ORC", "an ORC file"),
    (0, b"Obj\x01", "an Avro file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array, as hftbacktest keeps its events"),
    (
        0,
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "an old Excel workbook or another Office document (save it as CSV)",
    ),
    (0, b"\x0a\x0d\x0d\x0a", "a capture of network packets (pcapng)"),
    (0, b"\xd4\xc3\xb2\xa1", "a capture of network packets (pcap)"),
    (0, b"\xa1\xb2\xc3\xd4", "a capture of network packets (pcap)"),
    (0, b"\x4d\x3c\xb2\xa1", "a capture of network packets (pcap)"),
    (0, b"\xa1\xb2\x3c\x4d", "a capture of network packets (pcap)"),
    (0, b"\x7fELF", "a program"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"\xff\xd8\xff", "a picture (JPEG)"),
    (0, b"GIF8", "a picture (GIF)"),
    (0, b"\xff\xfe\0\0", "text in UTF-32 (`iconv -f UTF-32 -t UTF-8` makes it readable)"),
    (0, b"\0\0\xfe\xff", "text in UTF-32 (`iconv -f UTF-32 -t UTF-8` makes it readable)"),
    (0, b"\xff\xfe", "text in UTF-16, little-endian (`iconv -f UTF-16 -t UTF-8` makes it readable)"),
    (0, b"\xfe\xff", "text in UTF-16, big-endian (`iconv -f UTF-16 -t UTF-8` makes it readable)"),
];

/// The beginning of a text, in lower case and after blanks.
const BEGINNINGS: &[(&str, &str)] = &[
    ("<!doctype html", "an HTML page, which a server may have sent in place of the file"),
    ("<html", "an HTML page, which a server may have sent in place of the file"),
    ("<?xml", "XML, which a server may have sent in place of the file"),
    ("<date>\t", "a table of MetaTrader"),
    ("<error>", "XML, which a server may have sent in place of the file"),
    ("version https://git-lfs", "a pointer of Git LFS in place of the file (`git lfs pull` fetches it)"),
    ("#!", "a script"),
    ("{\\rtf", "an RTF document"),
];

/// Columns of a table, all of them present. In lower case, without `_` and blanks; the first line that fits is taken.
const NAMES: &[(&[&str], &str)] = &[
    (&["timestamp", "symbol", "bidsize", "bidprice", "askprice", "asksize"], "BitMEX's quotes"),
    (&["createtime", "sumopeninterest"], "Binance's metrics: open interest and ratios, no ticks"),
    (&["timestamp", "percentage", "depth", "notional"], "Binance's bookDepth: depth by distance, no ticks"),
    (
        &["firstupdateid", "lastupdateid", "updatetype"],
        "Binance's depth: changes of a book's levels, no best prices",
    ),
    (&["fundingrate", "calctime"], "Binance's funding rates, no ticks"),
    (&["lastfundingrate"], "Binance's funding rates, no ticks"),
    (
        &["timeinforce", "averageprice", "orderstatus"],
        "Binance's liquidations: orders that were closed by force, no trades",
    ),
    (&["opentime", "open", "high", "low", "close"], "candles (Binance's klines): no ticks"),
    (&["open", "high", "low", "close"], "candles (open, high, low, close): no ticks"),
    (&["o", "h", "l", "c"], "candles (open, high, low, close): no ticks"),
    (&["gmttime", "ask", "bid"], "Dukascopy's ticks as CSV"),
    (&["localtime", "ask", "bid"], "Dukascopy's ticks as CSV"),
    (&["bids", "asks"], "depth of a book, without columns of best prices"),
    (&["side", "price", "level"], "depth of a book, without columns of best prices"),
];

/// Names of a message's object, all of them present, some with a value; and the source.
const KEYS: &[(&[&str], &str)] = &[
    (&["topic", "type=\"message\"", "subject"], "messages of KuCoin's streams"),
    (&["channel", "event", "result"], "messages of Gate's streams"),
    (&["channel", "market", "type"], "messages of FTX's streams"),
    (&["channel", "event", "data"], "messages of Bitstamp's streams"),
    (&["channel=\"l2Book\"", "data"], "depth of Hyperliquid's streams"),
    (&["action", "arg", "data", "ts"], "messages of Bitget's streams"),
    (&["id", "method", "code", "result"], "messages of Crypto.com's streams"),
    (&["c", "d", "s", "t"], "messages of MEXC's streams"),
    (&["type", "code", "trade_price"], "messages of Upbit's streams"),
    (&["type", "symbol", "event_id"], "messages of Gemini's streams"),
    (&["sequence", "symbol", "trades"], "messages of Phemex's streams"),
    (&["type=\"channel_data\"", "connection_id"], "messages of dYdX's streams"),
    (&["id", "price", "qty", "time", "isBuyerMaker"], "trades of Binance's REST"),
    (&["info", "datetime", "symbol"], "objects of ccxt"),
    (&["table", "action", "data"], "messages of BitMEX's streams"),
    (&["jsonrpc", "method", "params"], "messages of Deribit's streams (JSON-RPC)"),
    (&["ch", "tick"], "messages of HTX's streams"),
    (&["type", "exchange", "localTimestamp"], "Tardis's normalised messages as JSON"),
    (&["exchange", "symbol", "receipt_timestamp"], "ticks of cryptofeed"),
    (&["lastUpdateId", "bids", "asks"], "depth of a book from Binance's REST, no ticks"),
    (&["open", "high", "low", "close"], "candles (open, high, low, close): no ticks"),
    (&["ticker", "bid", "ask"], "quotes of a name that is not called `symbol`"),
];

/// Databento's schemas by number: the names of those without supported ticks.
const SCHEMAS: &[(u16, &str)] = &[
    (5, "ohlcv-1s"),
    (6, "ohlcv-1m"),
    (7, "ohlcv-1h"),
    (8, "ohlcv-1d"),
    (9, "definition"),
    (10, "statistics"),
    (11, "status"),
    (12, "imbalance"),
    (13, "ohlcv-eod"),
];

/// The offset of the schema in DBN: after prelude and dataset.
const SCHEMA_AT: usize = 24;
/// The columns of Binance's klines, which have no line of names.
const KLINE_COLUMNS: usize = 12;

/// By the first bytes.
pub fn of_bytes(head: &[u8]) -> Option<&'static str> {
    let found =
        BYTES.iter().find(|(at, bytes, _)| head.get(*at..).is_some_and(|rest| rest.starts_with(bytes)));
    found.map(|(_, _, what)| *what).or_else(|| {
        is_wide(head).then_some(
            "text in UTF-16 without a byte order mark (`iconv -f UTF-16LE -t UTF-8` makes it readable)",
        )
    })
}

/// By the beginning of the text.
pub fn of_text(head: &[u8]) -> Option<&'static str> {
    let text = head.trim_ascii_start();
    let begins = |beginning: &str| {
        text.get(..beginning.len()).is_some_and(|text| text.eq_ignore_ascii_case(beginning.as_bytes()))
    };
    if text.starts_with(b"[") {
        return of_array(text).or(Some(
            "JSON whose lines are arrays, or one array of everything; an object a line is read (`jq -c '.[]'` makes lines of an array)",
        ));
    }
    if text.starts_with(b"{") && text[1..].trim_ascii_start().is_empty() {
        return Some("JSON over several lines; an object a line is read (`jq -c .` puts it on one)");
    }
    if text.starts_with(b"{")
        && matches!(text[1..].iter().find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')), Some(b'\n'))
    {
        return Some("JSON over several lines; an object a line is read (`jq -c .` puts it on one)");
    }
    BEGINNINGS.iter().find(|(beginning, _)| begins(beginning)).map(|(_, what)| *what)
}

/// The source of messages that are arrays.
fn of_array(text: &[u8]) -> Option<&'static str> {
    let head: Vec<u8> = text.iter().take(64).copied().filter(|byte| *byte != b' ').collect();
    let digits = head[1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = &head[1 + digits..];
    let updates: [&[u8]; 3] = [b",\"te\"", b",\"tu\"", b",\"hb\""];
    let is_bitfinex = digits > 0 && updates.iter().any(|update| rest.starts_with(update));
    is_bitfinex.then_some("messages of Bitfinex's streams")
}

/// By a line of a table.
pub fn of_row(row: &TableRow<'_>) -> Option<&'static str> {
    let cells: Vec<String> = (0..row.len())
        .map(|column| row.get(column).trim().replace(['_', ' '], "").to_ascii_lowercase())
        .collect();
    let has = |name: &&str| cells.iter().any(|cell| cell == name);
    if let Some((_, what)) = NAMES.iter().find(|(names, _)| names.iter().all(has)) {
        return Some(what);
    }
    let whole = |column: usize| {
        let digits = row.get(column);
        digits.len() >= 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    let is_number = |column: usize| row.get(column).parse::<f64>().is_ok();
    match row.len() {
        KLINE_COLUMNS if whole(0) && whole(6) && (0..KLINE_COLUMNS).all(is_number) => {
            Some("candles (Binance's klines): no ticks")
        }
        3 if whole(0) && is_number(1) && is_number(2) => {
            Some("a table of time, price and size without a line of names, as Kraken's trades are")
        }
        _ => None,
    }
}

/// The names of an object on one line, with their values.
pub fn keys(json: &[u8]) -> Option<BTreeMap<Cow<'_, str>, &RawValue>> {
    serde_json::from_slice(json).ok()
}

/// By a message's names.
pub fn of_keys(keys: &BTreeMap<Cow<'_, str>, &RawValue>) -> Option<&'static str> {
    let has = |wanted: &&str| match wanted.split_once('=') {
        None => keys.contains_key(*wanted),
        Some((name, value)) => keys.get(name).is_some_and(|found| found.get() == value),
    };
    KEYS.iter().find(|(names, _)| names.iter().all(has)).map(|(_, what)| *what)
}

/// The schema of DBN, when it holds no supported ticks.
pub fn schema(head: &[u8]) -> Option<&'static str> {
    let number = head.get(SCHEMA_AT..SCHEMA_AT + 2)?;
    let number = u16::from_le_bytes([number[0], number[1]]);
    SCHEMAS.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Whether every other byte is 0, as of ASCII in UTF-16.
fn is_wide(head: &[u8]) -> bool {
    let pairs = head.chunks_exact(2).take(32);
    let (mut count, mut little, mut big) = (0, 0, 0);
    for pair in pairs {
        count += 1;
        little += usize::from(pair[0] != 0 && pair[0] < 0x80 && pair[1] == 0);
        big += usize::from(pair[1] != 0 && pair[1] < 0x80 && pair[0] == 0);
    }
    count >= 4 && (little == count || big == count)
}
