//! Records a second that tickcast reads of each format, on one core, beside a plain reader of the same bytes; and the
//! memory that it takes to stream a large file.
//!
//! ```text
//! cargo run --release --manifest-path benches/recordings/Cargo.toml              all formats
//! cargo run --release --manifest-path benches/recordings/Cargo.toml -- --memory 2    2 GB through one reader
//! ```
//! The inputs are made here, in a folder for temporary files, and deleted. Each figure is the best of five readings of a
//! file that lies in the page cache. The plain readers do less: they count records, and make no ticks of them.

mod inputs;
mod plain;

use std::{
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write},
    path::Path,
    time::Instant,
};

use inputs::{
    QUOTES, make_capture, make_dbn, make_gzip, make_itch, make_lean, make_own, make_plain, make_quotes,
    make_trades, quote_row,
};
use plain::{capture_lines, csv_rows, dbn_records, gzip_lines, itch_messages, json_lines, nothing};
use tickcast::feed::recording::{Block, RecordingInput, RecordReader, Selection, open};

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

const CASES: [Case; 10] = [
    Case {
        name: "own",
        file: "own.ndjson",
        make: make_own,
        beside: "serde_json, a Value a line",
        plain: json_lines,
    },
    Case { name: "own, zstd", file: "own.ndjson.zst", make: make_own, beside: "–", plain: nothing },
    Case { name: "plain CSV", file: "plain.csv", make: make_plain, beside: "csv", plain: csv_rows },
    Case { name: "Tardis quotes", file: "quotes.csv", make: make_quotes, beside: "csv", plain: csv_rows },
    Case {
        name: "Tardis quotes, gzip",
        file: "quotes.csv.gz",
        make: make_gzip,
        beside: "flate2, lines",
        plain: gzip_lines,
    },
    Case {
        name: "Binance trades",
        file: "BTCUSDT-trades-2024-01-01.csv",
        make: make_trades,
        beside: "csv",
        plain: csv_rows,
    },
    Case {
        name: "Binance capture",
        file: "capture.txt",
        make: make_capture,
        beside: "serde_json, a Value a line",
        plain: capture_lines,
    },
    Case {
        name: "Lean quotes",
        file: "20131009_ibm_quote_tick.csv",
        make: make_lean,
        beside: "csv",
        plain: csv_rows,
    },
    Case {
        name: "ITCH 5.0",
        file: "S010224-v50.txt",
        make: make_itch,
        beside: "itchy",
        plain: itch_messages,
    },
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
        let plain = if case.beside == "–" {
            "–".to_owned()
        } else {
            format!("{:.2} M", best(case.plain, &path)? / 1e6)
        };
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
    let mut recording = open(&[RecordingInput::File(path.to_owned())], &Selection::default(), LINE_BYTES_MAX)?;
    let (mut block, mut count, mut more) = (Block::default(), 0, true);
    while more {
        more = recording.next_block(&mut block)?;
        assert_eq!(block.tally.total(), 0, "{:?}", block.rejects.first());
        count += block.records.len() as u64 + block.passed;
        block.clear();
    }
    Ok(count)
}

/// Streams a file of so many gigabytes, and prints the peak memory of this process.
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
