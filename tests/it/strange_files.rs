//! Files that are not recordings, or only a part of one: every command reports the same error.

use std::{fs, io::Write, path::PathBuf};

use serde_json::Value;

use crate::{
    harness::{files, program},
    recordings::{fresh, succeeds, tickcast},
};

const ROWS: &str = "symbol,ts,bid\nA,1704067200000000,1\nA,1704067201000000,2\n";

fn text(path: &std::path::Path) -> &str {
    path.to_str().expect("a plain name")
}

/// A folder for files of one test, with nothing in it.
fn folder(name: &str) -> PathBuf {
    files::folder(name)
}

/// What each command says of a file that has no tick for it; all of them end with 2.
fn refusals(file: &str) -> Vec<String> {
    let (out, record) = (fresh("refused.ndjson"), fresh("refused-record.ndjson"));
    let feed = format!("replay:{file}");
    let commands: [&[&str]; 5] = [
        &["info", file],
        &["info", "--json", file],
        &["convert", file, "-o", text(&out)],
        &["record", "--feed", &feed, "-o", text(&record)],
        &["check", "--feed", &feed],
    ];
    let said = commands.iter().map(|command| {
        let output = tickcast(command);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{command:?}: {:?}: {told}", output.status);
        told
    });
    let said = said.collect();
    assert!(!out.exists(), "an empty recording writes no output");
    said
}

#[test]
fn what_is_no_recording_or_has_no_tick_is_an_error_of_every_command() {
    let folder = folder("strange");
    let mut tar = vec![0_u8; 1_024];
    tar[257..262].copy_from_slice(b"ustar");
    let tar = zstd::encode_all(&tar[..], 1).expect("compressed");
    let kline = b"{\"stream\":\"btcusdt@kline_1m\",\"data\":{\"e\":\"kline\"}}\n";
    for (name, bytes, expected) in [
        ("a.parquet", &b"PAR1\x15\x04\x15\x10"[..], "a Parquet file"),
        ("page.csv", b"<!DOCTYPE html><html>404</html>", "an HTML page"),
        ("a.tar.zst", &tar, "a tar archive"),
        ("BTCUSDT-trades-2024-01-01.csv", b"open_time,open,high,low,close\n1,2,3,4,5\n", "candles"),
        ("empty.csv", b"", "it is empty"),
        ("blank.csv", b"\n\n  \n", "nothing but blank lines"),
        (
            "klines.txt",
            kline,
            r#"holds no tick; read as binance-capture: 1 records that hold none (the first is "{\"stream\":\"btcusdt@kline_1m\""#,
        ),
        (
            "broken.csv",
            b"symbol,bid\nA,x\n",
            "holds no tick; read as csv: 1 records that hold none, 1 that are broken (line 2",
        ),
        ("head.ndjson", b"{\"tickcast\":\"recording\",\"version\":1}\n", "holds no tick"),
    ] {
        let path = folder.join(name);
        fs::write(&path, bytes).expect("a file");
        for told in refusals(text(&path)) {
            assert!(told.contains(expected), "{name}: {told}");
        }
    }
    let path = folder.join("good.csv");
    fs::write(&path, ROWS).expect("a file");
    let none = tickcast(&["info", "--symbols", "B", text(&path)]);
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("holds no tick that from, to and symbols select"));
}

#[test]
fn an_excel_workbook_is_no_archive_of_recordings() {
    let path = fresh("book.xlsx");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("a file"));
    zip.start_file("[Content_Types].xml", zip::write::SimpleFileOptions::default()).expect("an entry");
    zip.finish().expect("a zip file");
    for told in refusals(text(&path)) {
        assert!(told.contains("an Excel workbook or another Office document"), "{told}");
    }
}

#[test]
fn files_that_were_found_and_are_none_are_passed_over_and_counted() {
    let folder = folder("found");
    for (name, bytes) in [("a.csv", ROWS), ("empty.csv", ""), ("read-me.csv", "a title\nof some lines\n")] {
        fs::write(folder.join(name), bytes).expect("a file");
    }
    let mut zip = zip::ZipWriter::new(fs::File::create(folder.join("z.csv")).expect("a file"));
    for (name, bytes) in [
        ("README.md", &b"# Title\n\ntext\n"[..]),
        ("__MACOSX/._b.csv", b"\0\x05\x16\x07"),
        ("b.csv", ROWS.as_bytes()),
    ] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(bytes).expect("bytes");
    }
    zip.finish().expect("a zip file");
    let pattern = folder.join("*.csv");
    let output = succeeds(&["info", "--json", text(&pattern)]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let records: Vec<_> =
        told["files"].as_array().expect("files").iter().map(|file| file["records"].as_u64()).collect();
    assert_eq!(records, [Some(2), Some(2)]);
    let skipped: Vec<_> = told["skipped"]
        .as_array()
        .expect("files")
        .iter()
        .map(|file| file["file"].as_str().expect("a name").rsplit('/').next().expect("a name").to_owned())
        .collect();
    assert_eq!(skipped, ["empty.csv", "read-me.csv", "README.md"]);
    let output = succeeds(&["convert", text(&pattern), "-o", "-"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 5);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(said.matches("is passed over").count(), 3, "{said}");
    let strict = tickcast(&["convert", text(&pattern), "-o", "-", "--on-error", "stop"]);
    assert_eq!(strict.status.code(), Some(2));
    let none = tickcast(&["info", text(&folder.join("e*.csv"))]);
    assert_eq!(none.status.code(), Some(2), "nothing was readable");
}

/// Every other row is four weeks later, and one stamp is of another century.
#[test]
fn to_reads_to_the_end_and_jumps_are_told() {
    const WEEKS: i64 = 28 * 86_400;
    let start = 1_704_067_200;
    let rows =
        (0..1_000).map(|row| format!("A,{},{row}\n", start + row + if row % 2 == 1 { WEEKS } else { 0 }));
    let rogue = format!("A,{},1\n", start + 3_000_000_000);
    let path = fresh("jumps.csv");
    fs::write(&path, format!("symbol,ts,bid\n{rogue}{}", rows.collect::<String>())).expect("a file");
    let output = succeeds(&["info", "--json", "--to", "2024-01-02", text(&path)]);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((&told["files"][0]["records"], &told["files"][0]["jumps"]), (&500.into(), &1_000.into()));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = format!("{}, line 4: times jump ahead by 28days", text(&path));
    assert!(said.contains(&expected) && said.matches("times jump").count() == 3, "{said}");
    // Who says that it is sorted is believed: the first record is far beyond the end.
    let sorted = tickcast(&["info", "--to", "2024-01-02", "--sorted", text(&path)]);
    assert_eq!(sorted.status.code(), Some(2));
    let table = String::from_utf8(succeeds(&["info", "--sorted=false", text(&path)]).stdout).expect("text");
    assert!(table.contains("jumps         1000 of an hour or more"), "{table}");
}

/// In names and in the first line of a recording; of the file that cannot be read, too.
#[test]
fn nothing_that_is_printed_moves_a_terminal() {
    let folder = folder("escapes");
    let odd = folder.join("a\u{1b}[31m\u{9b}\n.ndjson");
    let header = r#"{"tickcast":"recording","version":1,"origin":"\u001b]0;owned\u0007\u009b","licence":"a\nb\u202e"}"#;
    fs::write(&odd, format!("{header}\n{{\"symbol\":\"A\",\"rx\":1,\"bid\":1}}\n{{\"\u{9b}\":1}}\n"))
        .expect("a file");
    let bad = folder.join("b\u{1b}[2J.csv");
    fs::write(&bad, "a title with \u{9b}31m in it, that goes on and on and on\n").expect("a file");
    let (odd, bad) = (text(&odd), text(&bad));
    let feed = format!("replay:{bad}");
    let none = format!("{bad}-none");
    for arguments in [
        &["info", odd][..],
        &["info", "--json", odd],
        &["info", bad],
        &["info", &none],
        &["convert", odd, "-o", "-", "--as", "csv"],
        &["convert", bad, "-o", "-"],
        &["convert", odd, "-o", bad],
        &["record", "--feed", &feed, "-o", &none],
        &["check", "--feed", &feed],
    ] {
        let output = tickcast(arguments);
        for out in [&output.stdout, &output.stderr] {
            let shown = String::from_utf8_lossy(out).into_owned();
            let unshown = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
            assert!(!shown.contains(unshown), "{arguments:?}: {shown:?}");
        }
        assert!(!output.stdout.is_empty() || !output.stderr.is_empty(), "{arguments:?}");
    }
    let told: Value = serde_json::from_slice(&succeeds(&["info", "--json", odd]).stdout).expect("JSON");
    assert_eq!(told["files"][0]["origin"], "\u{1b}]0;owned\u{7}\u{9b}");
}

/// With fewer files than entries, and all their times overlapping.
#[test]
fn an_archive_of_thousands_is_read_with_few_files_open() {
    let path = fresh("thousands.zip");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).expect("a file"));
    for entry in 0..3_000 {
        zip.start_file(format!("{entry}.csv"), zip::write::SimpleFileOptions::default()).expect("an entry");
        zip.write_all(
            format!(
                "symbol,ts,bid\nS{entry},1704067200000000,1\nS{entry},{},2\n",
                1_704_067_201_000_000_u64 + entry
            )
            .as_bytes(),
        )
        .expect("bytes");
    }
    zip.finish().expect("a zip file");
    let output = converted(&[text(&path)], 24);
    assert_eq!(output.lines().count(), 6_001);
}

/// What `convert` writes, run with so few open files.
fn converted(inputs: &[&str], open_files: usize) -> String {
    let script = format!("ulimit -n {open_files}; exec \"$0\" \"$@\"");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_tickcast"), "convert", "-o", "-"]).args(inputs);
    let output = program::output(&mut command);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    String::from_utf8(output.stdout).expect("text")
}

/// Large ones, plain and compressed, all of whose times overlap: read in turns, whatever the system allows.
#[test]
fn hundreds_of_files_that_overlap_are_read_with_few_open() {
    const FILES: u64 = 500;
    const ROWS: u64 = 350;
    let folder = folder("overlapping");
    let begin = |row: u64| 1_704_067_200_000_000 + row * 1_000_000;
    // Blank lines make it large, and are passed over.
    let blank = "\n".repeat(200);
    for file in 0..FILES {
        let rows = (0..ROWS).map(|row| format!("S{file},{},{row}\n{blank}", begin(row) + file));
        let table = format!("symbol,ts,bid\n{}", rows.collect::<String>());
        assert!(table.len() > 72 * 1024, "a small file is read at once, and closed");
        if file % 4 == 0 {
            let bytes = zstd::encode_all(table.as_bytes(), 1).expect("compressed");
            fs::write(folder.join(format!("{file:03}.csv.zst")), bytes).expect("a file");
        } else {
            fs::write(folder.join(format!("{file:03}.csv")), table).expect("a file");
        }
    }
    let pattern = folder.join("*");
    let few = converted(&[text(&pattern)], 24);
    let expected = (0..ROWS).flat_map(|row| (0..FILES).map(move |file| (begin(row) + file, file, row)));
    let mut lines = few.lines().skip(1);
    for (ts, file, row) in expected {
        let line: Value = serde_json::from_str(lines.next().expect("a line")).expect("JSON");
        assert_eq!((&line["symbol"], &line["ts"]), (&format!("S{file}").into(), &ts.into()), "{line}");
        assert_eq!(line["bid"].as_u64(), Some(row), "{line}");
    }
    assert_eq!(lines.next(), None);
    assert!(few == converted(&[text(&pattern)], 1_024), "as with all of them open");
}
