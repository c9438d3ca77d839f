//! A file of each format, with so many records, like what its source writes.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use tickcast::feed::recording::{Block, Compression, Header, RecordingInput, RecordReader, Selection, Writer, open};

use crate::{Failed, LINE_BYTES_MAX, RECORDS};

pub fn quote_row(index: u64, out: &mut impl Write) -> io::Result<()> {
    let time = 1_583_020_800_000_000 + index * 100;
    let price = 8_538_000 + index % 997;
    writeln!(
        out,
        "bitmex,XBTUSD,{time},{},{},{}.{:03},{}.{:03},{}",
        time + 120_000,
        21_195 + index % 89,
        price / 1_000,
        price % 1_000,
        (price - 5) / 1_000,
        (price - 5) % 1_000,
        208 + index % 71
    )
}

pub const QUOTES: &str =
    "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

pub fn make_quotes(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(QUOTES.as_bytes())?;
    (0..RECORDS).try_for_each(|index| quote_row(index, &mut out))?;
    Ok(out.flush()?)
}

pub fn make_gzip(path: &Path) -> Result<(), Failed> {
    let plain = path.with_extension("");
    make_quotes(&plain)?;
    let mut out = flate2::write::GzEncoder::new(File::create(path)?, flate2::Compression::default());
    io::copy(&mut File::open(&plain)?, &mut out)?;
    out.finish()?;
    Ok(fs::remove_file(plain)?)
}

/// From the same quotes.
pub fn make_own(path: &Path) -> Result<(), Failed> {
    let quotes: PathBuf = path.with_file_name("source.csv");
    make_quotes(&quotes)?;
    let mut recording = open(&[RecordingInput::File(quotes.clone())], &Selection::default(), LINE_BYTES_MAX)?;
    let mut writer = Writer::new(File::create(path)?, Compression::of(path), &Header::default())?;
    let (mut block, mut more) = (Block::default(), true);
    while more {
        more = recording.next_block(&mut block)?;
        for record in block.records.drain(..) {
            writer.write(&record.tick, record.rx)?;
        }
        block.clear();
    }
    writer.finish()?;
    Ok(fs::remove_file(quotes)?)
}

pub fn make_trades(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    for index in 0..RECORDS {
        let price = 42_283_580 + index % 997;
        writeln!(
            out,
            "{},{}.{:03}00000,0.{:05}000,16.91343200,{},{},True",
            3_348_093_371 + index,
            price / 1_000,
            price % 1_000,
            40 + index % 9_000,
            1_704_067_200_016 + index / 10,
            if index % 2 == 0 { "True" } else { "False" }
        )?;
    }
    Ok(out.flush()?)
}

pub fn make_plain(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    writeln!(out, "symbol,ts,rx,bid,bid_size,ask,ask_size")?;
    for index in 0..RECORDS {
        let (time, price) = (1_583_020_800_000_000 + index * 100, 8_538_000 + index % 997);
        writeln!(
            out,
            "XBTUSD,{time},{},{}.{:03},{}.{:03},{}.{:03},{}",
            time + 120_000,
            (price - 5) / 1_000,
            (price - 5) % 1_000,
            208 + index % 71,
            index % 1_000,
            price / 1_000,
            price % 1_000,
            21_195 + index % 89
        )?;
    }
    Ok(out.flush()?)
}

/// Three quotes, then a trade.
pub fn make_capture(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    for index in 0..RECORDS {
        let (millis, price) = (1_676_419_207_298 + index / 10, 6_183_763 + index % 997);
        let (whole, places, size) = (price / 100, price % 100, index % 99_991);
        write!(out, "{} ", (millis + 14) * 1_000_000 + index % 10 * 100_000)?;
        if index % 4 == 3 {
            writeln!(
                out,
                r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":{millis},"s":"BTCUSDT","t":{index},"p":"{whole}.{places:02}000000","q":"0.{size:05}000","T":{millis},"m":{},"M":true}}}}"#,
                index % 8 == 3
            )?;
        } else {
            writeln!(
                out,
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{},"s":"BTCUSDT","b":"{whole}.{places:02}000000","B":"3.{size:05}000","a":"{}.{places:02}000000","A":"1.{size:05}000"}}}}"#,
                31_000_000_000 + index,
                whole + 1
            )?;
        }
    }
    Ok(out.flush()?)
}

/// One side a row, as Lean has them.
pub fn make_lean(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    for index in 0..RECORDS {
        let (millis, size) = (34_200_000 + index / 25, 100 + index % 9 * 100);
        if index % 2 == 0 {
            writeln!(out, "{millis},{},{size},0,0,P,0,0", 1_853_400 + index % 40 * 100)?;
        } else {
            writeln!(out, "{millis},0,0,{},{size},Q,0,0", 1_857_500 + index % 40 * 100)?;
        }
    }
    Ok(out.flush()?)
}

/// Orders that are added, executed, cut and deleted, so that most messages change the top of the book.
pub fn make_itch(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut send = |kind: u8, nanos: u64, body: &[u8]| -> io::Result<()> {
        out.write_all(&((11 + body.len()) as u16).to_be_bytes())?;
        out.write_all(&[kind, 0, 1, 0, 0])?;
        out.write_all(&nanos.to_be_bytes()[2..])?;
        out.write_all(body)
    };
    for index in 0..RECORDS / 4 + 1 {
        let (reference, nanos) = (index.to_be_bytes(), 34_200_000_000_000 + index * 1_000);
        let mut add = reference.to_vec();
        add.push(if index % 2 == 0 { b'B' } else { b'S' });
        add.extend_from_slice(&100u32.to_be_bytes());
        add.extend_from_slice(b"IBM     ");
        let price = if index % 2 == 0 { 1_853_400 + index % 40 } else { 1_854_400 - index % 40 };
        add.extend_from_slice(&(price as u32).to_be_bytes());
        send(b'A', nanos, &add)?;
        let mut part = reference.to_vec();
        part.extend_from_slice(&30u32.to_be_bytes());
        send(b'X', nanos + 1, &part)?;
        part.extend_from_slice(&index.to_be_bytes());
        send(b'E', nanos + 2, &part)?;
        send(b'D', nanos + 3, &reference)?;
    }
    Ok(out.flush()?)
}

/// The sample's metadata and its first record over and over.
pub fn make_dbn(path: &Path) -> Result<(), Failed> {
    const RECORD_BYTES: usize = 80;
    let mut sample = Vec::new();
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/formats/mbp-1.dbn");
    File::open(from)?.read_to_end(&mut sample)?;
    let records = sample.len() - 4 * RECORD_BYTES;
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&sample[..records])?;
    for _ in 0..RECORDS {
        out.write_all(&sample[records..records + RECORD_BYTES])?;
    }
    Ok(out.flush()?)
}
