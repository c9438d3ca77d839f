//! Tests of the files of a recording: begun by time and size, never written over, readable when the process dies.

use super::*;
use tickcast::{
    feed::recording::{Block, RecordReader, RecordingInput, Selection, open},
    tick::{Decimal, Field, Fields, Symbol},
};

/// A quote of `symbol` with this bid, at this event time in microseconds.
fn tick(symbol: &str, bid: &str, ts: i64) -> Tick {
    let mut fields = Fields::default();
    fields.set_decimal(Field::Bid, Decimal::parse(bid).unwrap());
    Tick { symbol: Symbol::new(symbol).unwrap(), ts: Nanos::from_micros(ts), fields }
}

/// A folder of its own for each test.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tickcast-record-{}-{name}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn seconds(seconds: i64) -> Nanos {
    Nanos(seconds * 1_000_000_000)
}

fn read(pattern: PathBuf) -> Block {
    let mut recording = open(&[RecordingInput::File(pattern)], &Selection::default(), 1_024).unwrap();
    let mut block = Block::default();
    while recording.next_block(&mut block).unwrap() {}
    block
}

#[test]
fn files_are_begun_by_time_and_none_is_written_over() {
    let folder = folder("time");
    let path = folder.join("market.ndjson.zst");
    let rotation = Rotation { bytes: None, every: Some(Duration::from_secs(10)) };
    for run in 0..2 {
        let mut files = Files::new(&path, Header::default(), rotation).unwrap();
        for second in 0..25 {
            let at = seconds(run * 100 + second);
            files.write(&tick("A", "1", at.micros()), at, at).unwrap();
        }
        files.finish().unwrap();
        assert_eq!((files.begun, files.ticks()), (3, 25));
    }
    assert!(folder.join("market-00006.ndjson.zst").exists());
    assert_eq!(read(folder.join("market-*.ndjson.zst")).records.len(), 50);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn an_output_is_opened_at_once_and_taken_away_when_nothing_came() {
    let folder = folder("nothing");
    let path = folder.join("a.ndjson");
    let mut files = Files::new(&path, Header::default(), Rotation::default()).unwrap();
    assert!(path.exists());
    let again = Files::new(&path, Header::default(), Rotation::default()).err().unwrap().to_string();
    assert!(again.contains("name another --output"), "{again}");
    files.look(seconds(9)).unwrap();
    files.finish().unwrap();
    assert_eq!((path.exists(), files.begun, files.ticks()), (false, 0, 0));
    let missing = Files::new(&folder.join("none/a.ndjson"), Header::default(), Rotation::default());
    assert_eq!(missing.err().unwrap().kind(), io::ErrorKind::NotFound);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_went_into_nothing_is_not_reported() {
    for count in [1, 5_000] {
        let mut files = Files::new(Path::new("/dev/full"), Header::default(), Rotation::default()).unwrap();
        let written = (0..count).try_for_each(|at| files.write(&tick("A", "1", 1), seconds(at), seconds(at)));
        assert_eq!(written.is_err(), count > 1, "buffered, as long as it is little");
        assert!(files.finish().is_err());
        assert_eq!(files.ticks(), 0);
    }
}

#[test]
fn files_are_begun_by_size() {
    let folder = folder("size");
    let path = folder.join("market.ndjson");
    let rotation = Rotation { bytes: Some(100_000), every: None };
    let mut files = Files::new(&path, Header::default(), rotation).unwrap();
    for second in 0..5_000 {
        files.write(&tick("A", "1", 1), seconds(second), seconds(second)).unwrap();
    }
    files.finish().unwrap();
    assert!(files.begun > 1);
    let longest = folder.read_dir().unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).max();
    assert!(longest.unwrap() < 200_000);
    assert_eq!(read(folder.join("market-*")).records.len(), 5_000);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_was_flushed_is_readable_when_the_process_dies() {
    let folder = folder("dies");
    for name in ["a.ndjson.gz", "a.ndjson.zst", "a.ndjson"] {
        let path = folder.join(name);
        let mut files = Files::new(&path, Header::default(), Rotation::default()).unwrap();
        files.write(&tick("A", "1", 1), seconds(1), seconds(1)).unwrap();
        files.note("{\"tickcast\":\"gap\",\"symbol\":\"A\",\"from\":2,\"to\":3}", seconds(1)).unwrap();
        files.look(seconds(3)).unwrap();
        // A process that dies runs no destructor.
        std::mem::forget(files);
        let block = read(path.clone());
        assert_eq!((block.records.len(), block.passed, block.tally.total()), (1, 2, 0), "{name}");
        let again = Files::new(&path, Header::default(), Rotation::default());
        assert_eq!(again.err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    }
    fs::remove_dir_all(folder).unwrap();
}
