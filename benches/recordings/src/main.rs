//! Records a second that tickcast reads of each format, on one core, beside a plain reader of the same bytes; and the
//! memory that it takes to stream a large file.
//!
//! ```text
//! cargo run --release --manifest-path benches/recordings/Cargo.toml              all formats
//! cargo run --release --manifest-path benches/recordings/Cargo.toml -- --memory 2    2 GB through one reader
//! ```
//! The inputs are made here, in a folder for temporary files, and deleted. Each figure is the best of five readings of a
//! file that lies in the page cache. The plain readers do less: they count records, and make no ticks of them.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Read, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use tickcast::feed::recording::{Block, Compression, Header, Input, Records, Selection, Writer, open};

type Failed = Box<dyn Error>;

/// Counts the records of a file.
type Reader = fn(&Path) -> Result<u64, Failed>;

/// A format: its name, its file, who makes it, and the reader that it is compared with.
struct Case {
    name: &'static str,
    file: &'static str,
    make: fn(&Path) -> Result<(), Failed>,
    beside: &'static str,
    plain: Reader,
}

const RECORDS: u64 = 500_000;
const READINGS: u32 = 5;
const LINE_BYTES_MAX: usize = 64 * 1024;

const CASES: [Case; 7] = [
    Case { name: "own", file: "own.ndjson", make: make_own, beside: "serde_json, a Value a line", plain: json_lines },
    Case { name: "own, zstd", file: "own.ndjson.zst", make: make_own, beside: "–", plain: nothing },
    Case { name: "Tardis quotes", file: "quotes.csv", make: make_quotes, beside: "csv", plain: csv_rows },
    Case { name: "Tardis quotes, gzip", file: "quotes.csv.gz", make: make_gzip, beside: "flate2, lines", plain: gzip_lines },
    Case { name: "Binance trades", file: "BTCUSDT-trades-2024-01-01.csv", make: make_trades, beside: "csv", plain: csv_rows },
    Case { name: "ITCH 5.0", file: "S010224-v50.txt", make: make_itch, beside: "itchy", plain: itch_messages },
    Case { name: "DBN mbp-1", file: "mbp-1.dbn", make: make_dbn, beside: "dbn", plain: dbn_records },
];

fn main() -> Result<(), Failed> {
    let folder = std::env::temp_dir().join(format!("tickcast-bench-recordings-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [] => compare(&folder),
        [flag, gigabytes] if flag == "--memory" => memory(&folder, gigabytes.parse()?),
        _ => Err("usage: [--memory GIGABYTES]".into()),
    };
    fs::remove_dir_all(&folder)?;
    done
}

fn compare(folder: &Path) -> Result<(), Failed> {
    println!("| format | MB | tickcast, records/s | plain reader | records/s |");
    println!("|---|---|---|---|---|");
    for case in &CASES {
        let path = folder.join(case.file);
        (case.make)(&path)?;
        let megabytes = fs::metadata(&path)?.len() as f64 / 1e6;
        let ours = best(tickcast, &path)?;
        let plain = if case.beside == "–" { "–".to_owned() } else { format!("{:.2} M", best(case.plain, &path)? / 1e6) };
        println!("| {} | {megabytes:.0} | {:.2} M | {} | {plain} |", case.name, ours / 1e6, case.beside);
        fs::remove_file(path)?;
    }
    Ok(())
}

/// The most records a second of some readings.
fn best(read: Reader, path: &Path) -> Result<f64, Failed> {
    let mut best: f64 = 0.0;
    for _ in 0..READINGS {
        let start = Instant::now();
        let count = read(path)?;
        assert!(count >= RECORDS, "{count} records of {}", path.display());
        best = best.max(count as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn tickcast(path: &Path) -> Result<u64, Failed> {
    let mut recording = open(&[Input::File(path.to_owned())], &Selection::default(), LINE_BYTES_MAX)?;
    let (mut block, mut count, mut more) = (Block::default(), 0, true);
    while more {
        more = recording.next_block(&mut block)?;
        assert_eq!(block.tally.total(), 0, "{:?}", block.rejects.first());
        count += block.records.len() as u64 + block.passed;
        block.clear();
    }
    Ok(count)
}

// === plain readers ===

fn nothing(_: &Path) -> Result<u64, Failed> {
    Ok(0)
}

fn json_lines(path: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for line in BufReader::new(File::open(path)?).lines() {
        let _: serde_json::Value = serde_json::from_str(&line?)?;
        count += 1;
    }
    Ok(count)
}

fn csv_rows(path: &Path) -> Result<u64, Failed> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path)?;
    let (mut row, mut count) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut row)? {
        count += 1;
    }
    Ok(count)
}

fn gzip_lines(path: &Path) -> Result<u64, Failed> {
    let mut reader = BufReader::with_capacity(64 * 1024, flate2::read::MultiGzDecoder::new(File::open(path)?));
    let (mut line, mut count) = (Vec::new(), 0);
    while reader.read_until(b'\n', &mut line)? > 0 {
        count += 1;
        line.clear();
    }
    Ok(count)
}

fn itch_messages(path: &Path) -> Result<u64, Failed> {
    let mut count = 0;
    for message in itchy::MessageStream::from_reader(BufReader::new(File::open(path)?)) {
        message?;
        count += 1;
    }
    Ok(count)
}

fn dbn_records(path: &Path) -> Result<u64, Failed> {
    use dbn::decode::{DbnDecoder, DecodeRecordRef};
    let mut decoder = DbnDecoder::from_file(path)?;
    let mut count = 0;
    while decoder.decode_record_ref()?.is_some() {
        count += 1;
    }
    Ok(count)
}

// === inputs ===

fn quote_row(index: u64, out: &mut impl Write) -> io::Result<()> {
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

const QUOTES: &str = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount\n";

fn make_quotes(path: &Path) -> Result<(), Failed> {
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(QUOTES.as_bytes())?;
    (0..RECORDS).try_for_each(|index| quote_row(index, &mut out))?;
    Ok(out.flush()?)
}

fn make_gzip(path: &Path) -> Result<(), Failed> {
    let plain = path.with_extension("");
    make_quotes(&plain)?;
    let mut out = flate2::write::GzEncoder::new(File::create(path)?, flate2::Compression::default());
    io::copy(&mut File::open(&plain)?, &mut out)?;
    out.finish()?;
    Ok(fs::remove_file(plain)?)
}

/// From the same quotes.
fn make_own(path: &Path) -> Result<(), Failed> {
    let quotes: PathBuf = path.with_file_name("source.csv");
    make_quotes(&quotes)?;
    let mut recording = open(&[Input::File(quotes.clone())], &Selection::default(), LINE_BYTES_MAX)?;
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

fn make_trades(path: &Path) -> Result<(), Failed> {
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

/// Orders that are added, executed, cut and deleted, so that most messages change the top of the book.
fn make_itch(path: &Path) -> Result<(), Failed> {
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
fn make_dbn(path: &Path) -> Result<(), Failed> {
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

// === memory ===

/// Streams a file of so many gigabytes, and tells the most memory that this process ever had.
fn memory(folder: &Path, gigabytes: u64) -> Result<(), Failed> {
    let path = folder.join("large.csv");
    let mut out = BufWriter::new(File::create(&path)?);
    out.write_all(QUOTES.as_bytes())?;
    let mut index = 0;
    while out.get_ref().metadata()?.len() < gigabytes * 1_000_000_000 {
        (index..index + 100_000).try_for_each(|index| quote_row(index, &mut out))?;
        index += 100_000;
    }
    out.flush()?;
    let (bytes, start) = (fs::metadata(&path)?.len(), Instant::now());
    let count = tickcast(&path)?;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM: unknown");
    println!("{bytes} bytes, {count} records in {seconds:.1} s; {peak}");
    Ok(())
}
