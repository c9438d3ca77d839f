//! Makes the recording that the program carries, from the market data that the crate `barter` carries.
//!
//! `examples/make_bundled_recording.sh` fetches that data, checks it and runs this. It is not a converter for anything
//! else: it knows this one file, of one day and three symbols, and refuses what it does not know.
//!
//! Invariants: the same input gives the same bytes; every decimal comes out as it went in.
//!
//! ```sh
//! cargo run --example make_bundled_recording -- INPUT.json OUTPUT.ndjson.zst
//! ```

use std::{
    error::Error,
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use serde::Deserialize;
use tickcast::{
    feed::recording::{Compression, Header, Writer},
    tick::{Decimal, Field, Fields, Nanos, Side, Symbol, Tick},
};

type Outcome<T> = Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "Item")]
    item: Item,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    time_exchange: String,
    time_received: String,
    exchange: String,
    instrument: usize,
    kind: Kind,
}

#[derive(Deserialize)]
enum Kind {
    OrderBookL1 { best_bid: Option<Level>, best_ask: Option<Level> },
    Trade { price: f64, amount: f64, side: TakerSide },
}

/// The source has these as strings.
#[derive(Deserialize)]
struct Level {
    price: String,
    amount: String,
}

#[derive(Deserialize)]
enum TakerSide {
    Buy,
    Sell,
}

/// By the source's `instrument`.
const SYMBOLS: [&str; 3] = ["BTCUSDT", "ETHUSDT", "SOLUSDT"];
/// Every time in the source is of this day.
const DAY: &str = "2025-03-25T";
const DAY_START_SECONDS: i64 = 1_742_860_800;
const ORIGIN: &str =
    "Binance spot, best bid and ask and trades, 2025-03-25, as recorded by the crate barter 0.14.0";
const LICENCE: &str = "MIT, Copyright (c) 2021 Barter Contributors";

/// The file is made once and carried by every binary, so it may take its time.
const ZSTD_LEVEL: i32 = 19;
/// Playing it costs a buffer of this size, 128 KiB; a larger window makes the file no smaller.
const ZSTD_WINDOW_LOG: u32 = 17;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(input), Some(output), None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: make_bundled_recording INPUT.json OUTPUT.ndjson.zst".into());
    };
    let mut ticks = read(Path::new(&input))?;
    // Stable: what was received in the same nanosecond keeps the file's order.
    ticks.sort_by_key(|&(received, _)| received);
    let header = Header { origin: Some(ORIGIN.to_owned()), licence: Some(LICENCE.to_owned()) };
    let mut encoder = zstd::stream::write::Encoder::new(File::create(&output)?, ZSTD_LEVEL)?;
    encoder.window_log(ZSTD_WINDOW_LOG)?;
    let mut writer = Writer::new(encoder, Compression::Plain, &header)?;
    for (received, tick) in &ticks {
        writer.write(tick, *received)?;
    }
    writer.finish()?.finish()?;
    println!("{} ticks, {} bytes", ticks.len(), std::fs::metadata(&output)?.len());
    Ok(())
}

fn read(path: &Path) -> Outcome<Vec<(Nanos, Tick)>> {
    let mut ticks = Vec::new();
    for (index, line) in BufReader::new(File::open(path)?).lines().enumerate() {
        let converted = serde_json::from_str::<Record>(&line?)
            .map_err(Into::into)
            .and_then(|record| convert(&record.item));
        ticks.push(converted.map_err(|error| format!("line {}: {error}", index + 1))?);
    }
    Ok(ticks)
}

fn convert(item: &Item) -> Outcome<(Nanos, Tick)> {
    if item.exchange != "binance_spot" {
        return Err(format!("unexpected exchange {}", item.exchange).into());
    }
    let symbol = Symbol::new(SYMBOLS.get(item.instrument).ok_or("unexpected instrument")?)?;
    let mut fields = Fields::default();
    match &item.kind {
        Kind::OrderBookL1 { best_bid, best_ask } => {
            set_level(&mut fields, best_bid.as_ref(), Field::Bid, Field::BidSize)?;
            set_level(&mut fields, best_ask.as_ref(), Field::Ask, Field::AskSize)?;
        }
        Kind::Trade { price, amount, side } => {
            fields.set_decimal(Field::Last, Decimal::parse_double(&price.to_string())?);
            fields.set_decimal(Field::LastSize, Decimal::parse_double(&amount.to_string())?);
            fields.set_side(match side {
                TakerSide::Buy => Side::Buy,
                TakerSide::Sell => Side::Sell,
            });
        }
    }
    let ts = Some(parse_time(&item.time_exchange)?);
    Ok((parse_time(&item.time_received)?, Tick { symbol, ts, fields }))
}

fn set_level(fields: &mut Fields, level: Option<&Level>, price: Field, size: Field) -> Outcome<()> {
    if let Some(level) = level {
        fields.set_decimal(price, Decimal::parse(&level.price)?);
        fields.set_decimal(size, Decimal::parse(&level.amount)?);
    }
    Ok(())
}

/// `2025-03-25THH:MM:SS[.fraction]Z`, to the nanosecond.
fn parse_time(text: &str) -> Outcome<Nanos> {
    let unexpected = || format!("unexpected time {text}");
    let time = text.strip_prefix(DAY).and_then(|rest| rest.strip_suffix('Z')).ok_or_else(unexpected)?;
    let mut parts = time.split(':');
    let (Some(hours), Some(minutes), Some(seconds), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unexpected().into());
    };
    let whole_seconds = (hours.parse::<i64>()? * 60 + minutes.parse::<i64>()?) * 60 + DAY_START_SECONDS;
    Ok(Nanos(whole_seconds * 1_000_000_000 + Decimal::parse(seconds)?.units().ok_or_else(unexpected)?))
}
