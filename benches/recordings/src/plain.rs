//! What each format is compared with: a reader that counts records, and makes no ticks of them.

use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::Path,
};

use crate::Failed;

pub fn nothing(_: &Path) -> Result<u64, Failed> {
    Ok(0)
}

pub fn json_lines(path: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let _: serde_json::Value = serde_json::from_str(&line?)?;
        count += 1;
    }
    Ok(count)
}

/// The value after the time.
pub fn capture_lines(path: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let line = line?;
        let (time, json) = line.split_once(' ').ok_or("no time")?;
        let (_, _): (u64, serde_json::Value) = (time.parse()?, serde_json::from_str(json)?);
        count += 1;
    }
    Ok(count)
}

pub fn csv_rows(path: &Path) -> Result<u64, Failed> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
    let (mut row, mut count) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut row)? {
        count += 1;
    }
    Ok(count)
}

pub fn gzip_lines(path: &Path) -> Result<u64, Failed> {
    let mut reader =
        BufReader::with_capacity(64 * 1024, flate2::read::MultiGzDecoder::new(File::open(path)?));
    let (mut line, mut count) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        line.clear();
    }
    Ok(count)
}

pub fn itch_messages(path: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for message in itchy::MessageStream::from_reader(BufReader::new(File::open(path)?)) {
        message?;
        count += 1;
    }
    Ok(count)
}

pub fn dbn_records(path: &Path) -> Result<u64, Failed> {
    use dbn::decode::{DbnDecoder, DecodeRecordRef};
    let mut decoder = DbnDecoder::from_file(path)?;
    let mut count = 0;
    while decoder.decode_record_ref()?.is_some() {
        count += 1;
    }
    Ok(count)
}
