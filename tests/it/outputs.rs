//! What `convert` and `record` leave in the file system: whole files or none, nothing written over, and a report that
//! is true.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use rustix::process::Signal;

use crate::{
    harness::{eventually, files, program},
    recordings::{fresh, info, succeeds, tickcast},
};

/// A folder with nothing in it.
fn folder(name: &str) -> PathBuf {
    files::folder(name)
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain name")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = folder.read_dir().expect("a folder").map_while(Result::ok);
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Runs it where a file may have so many blocks of 512 bytes: a disk that is full, as a program sees it.
fn on_a_full_disk(blocks: u32, arguments: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_tickcast")]).args(arguments).stdin(Stdio::null());
    program::output(&mut command)
}

#[test]
fn convert_writes_whole_files_and_over_none_unless_told() {
    let folder = folder("whole");
    let path = folder.join("a.csv");
    fs::write(&path, "mine").expect("a file");
    let refused = tickcast(&["convert", "bundled", "-o", text(&path)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(said(&refused).contains("it exists already; --force replaces it"), "{}", said(&refused));
    for name in ["a.csv", "b.csv", "b.csv.gz", "b.ndjson.zst"] {
        let full = on_a_full_disk(64, &["convert", "bundled", "--force", "-o", text(&folder.join(name))]);
        assert_eq!(full.status.code(), Some(2), "{name}");
        assert!(said(&full).contains("cannot write"), "{}", said(&full));
        assert_eq!(names(&folder), ["a.csv"], "{name}");
        assert_eq!(fs::read(&path).expect("a file"), b"mine", "{name}");
    }
    succeeds(&["convert", "bundled", "--force", "-o", text(&path)]);
    assert_eq!(info(text(&path))["records"], 50_000);
    let full = tickcast(&["convert", "bundled", "-o", "/dev/full"]);
    assert_eq!(full.status.code(), Some(2), "a device is written to, and is full");
    succeeds(&["convert", "bundled", "-o", "/dev/null"]);
}

#[test]
fn convert_refuses_an_ending_that_is_not_written() {
    let folder = folder("endings");
    for arguments in [&["x.xlsx"][..], &["x.txt"], &["x.csv.bz2", "--as", "csv"]] {
        let path = folder.join(arguments[0]);
        let all = [&["convert", "bundled", "-o", text(&path)], &arguments[1..]].concat();
        let refused = tickcast(&all);
        assert_eq!(refused.status.code(), Some(2), "{all:?}");
        assert!(said(&refused).contains("there are .ndjson, .jsonl, .json, .csv"), "{}", said(&refused));
    }
    assert_eq!(names(&folder), [""; 0]);
}

/// It waits for a pipe whose writer says nothing more.
#[tokio::test]
async fn an_interrupted_convert_leaves_nothing() {
    let folder = folder("interrupted");
    let pipe = fresh("interrupted.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo").success());
    let convert = Command::new(env!("CARGO_BIN_EXE_tickcast"))
        .args(["convert", text(&pipe), "-o", text(&folder.join("a.ndjson"))])
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary of this crate");
    let mut writer = fs::OpenOptions::new().write(true).open(&pipe).expect("a reader");
    // More than a block, so that the output is begun.
    let rows: Vec<String> = (0..10_000).map(|row| format!("A,{row},1\n")).collect();
    std::io::Write::write_all(&mut writer, format!("symbol,ts,bid\n{}", rows.concat()).as_bytes())
        .expect("a reader");
    eventually("the output to be begun", async || !names(&folder).is_empty()).await;
    program::send(convert.id(), Signal::INT);
    let ended = tokio::task::spawn_blocking(move || program::status(convert)).await;
    assert_eq!(ended.expect("a program that ends").code(), Some(130));
    assert_eq!(names(&folder), [""; 0]);
    drop(writer);
}

#[test]
fn record_writes_to_standard_output_and_says_the_rest_on_the_other() {
    let output = succeeds(&["record", "--feed", "sim?symbols=2&speed=max&count=3000&seed=1", "-o", "-"]);
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        lines.starts_with("{\"tickcast\":\"recording\",\"version\":1}\n"),
        "{}",
        lines.chars().take(200).collect::<String>()
    );
    assert_eq!(lines.lines().count(), 3_001);
    assert!(said(&output).contains("3000 ticks in 1 files"), "{}", said(&output));
    assert!(!Path::new("-").exists());
}

#[test]
fn record_opens_its_output_before_it_connects() {
    let path = fresh("no-such-folder").join("a.ndjson");
    let refused = tickcast(&["record", "--url", "ws://127.0.0.1:1", "-o", text(&path)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        said(&refused).contains("cannot write") && said(&refused).contains("a.ndjson"),
        "{}",
        said(&refused)
    );
    let path = fresh("unconnected.ndjson");
    let refused = tickcast(&["record", "--url", "ws://127.0.0.1:1", "-o", text(&path)]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(!path.exists(), "what got no line is taken away");
    for name in ["a.csv", "a.parquet", "a.ndjson.bz2"] {
        let refused = tickcast(&["record", "--feed", "sim?count=1", "-o", text(&fresh(name))]);
        assert_eq!(refused.status.code(), Some(2), "{name}");
    }
}

#[test]
fn record_reports_what_can_be_read_of_a_full_disk() {
    for name in ["full.ndjson", "full.ndjson.gz", "full.ndjson.zst"] {
        let path = fresh(name);
        let feed = "sim?symbols=5&speed=max&count=300000&seed=1";
        let full = on_a_full_disk(1_024, &["record", "--feed", feed, "-o", text(&path)]);
        assert_eq!(full.status.code(), Some(2), "{name}");
        let told = said(&full);
        let reported = told.split_once("tickcast record: ").and_then(|(_, rest)| rest.split_once(" ticks"));
        let reported: u64 = reported.expect("a report").0.parse().expect("a count");
        assert!((1_000..300_000).contains(&reported), "{name}: {told}");
        assert_eq!(info(text(&path))["records"], reported, "{name}");
    }
}
