//! What is written can be read, whole or cut, and what is not a recording is refused with its reason.

use std::{
    io::{self, Read},
    path::Path,
};

use proptest::prelude::*;

use super::*;
use crate::{
    feed::{FeedError, RejectReason, testing::tick},
    text::BOM,
    tick::{Nanos, Tick},
};

mod archives;

const LINE_BYTES_MAX: usize = 1_024;

/// A recorder's ticks: one a millisecond.
fn ticks(count: usize) -> Vec<(Tick, Nanos)> {
    (0..count)
        .map(|index| {
            let micros = 1_742_860_800_000_000 + index as i64 * 1_000;
            (tick("BTC-USD", &format!("{}.5", 87_000 + index % 97), micros), Nanos(micros * 1_000))
        })
        .collect()
}

fn write(ticks: &[(Tick, Nanos)], compression: Compression) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), compression, &Header::default()).unwrap();
    for (tick, rx) in ticks {
        writer.write(tick, *rx).unwrap();
    }
    writer.finish().unwrap()
}

fn memory(bytes: Vec<u8>) -> RecordingInput {
    RecordingInput::Bytes { name: "memory".to_owned(), bytes: bytes.into() }
}

fn open(bytes: Vec<u8>) -> Result<Recording, FeedError> {
    super::open(&[memory(bytes)], &Selection::default(), LINE_BYTES_MAX)
}

fn open_file(path: &Path) -> Result<Recording, FeedError> {
    super::open(&[RecordingInput::File(path.to_owned())], &Selection::default(), LINE_BYTES_MAX)
}

fn read_all(reader: &mut Recording) -> Result<Block, FeedError> {
    let mut all = Block::default();
    while reader.next_block(&mut all)? {}
    Ok(all)
}

fn pairs(block: &Block) -> Vec<(Tick, Nanos)> {
    block.records.iter().map(|record| (record.tick.clone(), record.rx)).collect()
}

#[track_caller]
fn check_refused(bytes: &[u8], expected: &str) {
    match open(bytes.to_vec()) {
        Err(error @ FeedError::NotARecording { .. }) => assert_eq!(error.to_string(), expected),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("opened"),
    }
}

#[test]
fn what_is_written_is_read_in_every_compression() {
    let written = ticks(5_000);
    for compression in [Compression::Plain, Compression::Gzip(6), Compression::Zstd(3)] {
        let bytes = write(&written, compression);
        assert_eq!(bytes, write(&written, compression), "the same ticks give the same bytes");
        let mut reader = open(bytes).unwrap();
        let read = read_all(&mut reader).unwrap();
        assert_eq!(pairs(&read), written, "{compression:?}");
        assert!(read.warnings.is_empty());
        assert_eq!(read.passed, 1, "the first line is not a tick");
    }
}

#[test]
fn files_are_compressed_as_their_name_says_and_read_by_their_content() {
    let directory = std::env::temp_dir().join(format!("tickcast-recording-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let written = ticks(10);
    for (name, magic) in
        [("a.ndjson", &b"{\"tick"[..]), ("a.ndjson.gz", b"\x1f\x8b"), ("A.ZST", b"\x28\xb5\x2f\xfd")]
    {
        let path = directory.join(name);
        let mut writer = Writer::create(&path, &Header::default()).unwrap();
        for (tick, rx) in &written {
            writer.write(tick, *rx).unwrap();
        }
        writer.finish().unwrap();
        assert!(std::fs::read(&path).unwrap().starts_with(magic), "{name}");
        let misnamed = directory.join("b.bin");
        std::fs::rename(&path, &misnamed).unwrap();
        assert_eq!(pairs(&read_all(&mut open_file(&misnamed).unwrap()).unwrap()), written);
    }
    let missing = directory.join("missing");
    let error = open_file(&missing).err().unwrap();
    assert!(matches!(&error, FeedError::Read { source, .. } if source.kind() == io::ErrorKind::NotFound));
    assert_eq!(error.to_string(), format!("cannot read {}", missing.display()));
    std::fs::remove_dir_all(&directory).unwrap();
}

#[test]
fn the_first_line_may_say_more() {
    let header = Header { origin: Some("a market".to_owned()), licence: Some("MIT".to_owned()) };
    let bytes = Writer::new(Vec::new(), Compression::Plain, &header).unwrap().finish().unwrap();
    assert_eq!(
        String::from_utf8(bytes.clone()).unwrap(),
        "{\"tickcast\":\"recording\",\"version\":1,\"origin\":\"a market\",\"licence\":\"MIT\"}\n"
    );
    let first_line_of = |bytes| {
        let mut recording = open(bytes).unwrap();
        read_all(&mut recording).unwrap();
        recording.header(0).cloned()
    };
    assert_eq!(first_line_of(bytes), Some(header));
    let newer = b"{\"version\":1,\"tickcast\":\"recording\",\"host\":{\"name\":\"x\"}}\r\n".to_vec();
    assert_eq!(first_line_of(newer), Some(Header::default()));
}

#[test]
fn what_is_no_recording_is_refused() {
    check_refused(b"", "memory is not a recording: it is empty");
    check_refused(b"\r\n \n\n", "memory is not a recording: it holds nothing but blank lines");
    check_refused(
        b"{\"tickcast\":\"ticks\",\"version\":1}\n",
        "memory is not a recording: its first line is not {\"tickcast\":\"recording\",\"version\":1}",
    );
    check_refused(
        b"{\"tickcast\":\"recording\",\"version\":2}\n{\"symbol\":\"A\",\"bid\":1}\n",
        "memory is not a recording: it has version 2, and only version 1 can be read",
    );
    for (bytes, part) in [
        (&b"{\"symbol\":\"A\"}\n"[..], "it is JSON that is not a tick, and whose first line is"),
        (&vec![b'x'; 1 << 20], "it is text in no known format, whose first line is \"xxx"),
    ] {
        let refused = open(bytes.to_vec()).err().unwrap().to_string();
        assert!(
            refused.contains(part) && refused.contains("readable formats: tickcast's own (a first line"),
            "{refused}"
        );
    }
}

#[test]
fn a_mark_before_the_text_is_no_part_of_it() {
    let written = ticks(3);
    let plain = write(&written, Compression::Plain);
    for marked in [[BOM, &plain].concat(), zstd::encode_all(&*[BOM, &plain].concat(), 1).unwrap()] {
        let read = read_all(&mut open(marked).unwrap()).unwrap();
        assert_eq!((read.records.len(), read.rejects.len()), (3, 0));
    }
    let read = read_all(&mut open(plain).unwrap()).unwrap();
    assert_eq!(read.records.len(), 3);
}

#[test]
fn broken_lines_are_named_and_skipped() {
    let mut bytes = write(&ticks(1), Compression::Plain);
    bytes.extend_from_slice(b"{\"symbol\":\"A\",\"prise\":1}\n\n");
    bytes.extend_from_slice(&vec![b'x'; LINE_BYTES_MAX + 1]);
    bytes.extend_from_slice(b"\n{\"symbol\":\"A\",\"bid\":1,\"rx\":5}");
    let read = read_all(&mut open(bytes).unwrap()).unwrap();
    assert_eq!(read.records.len(), 2);
    let rejected: Vec<_> = read.rejects.iter().map(|reject| (reject.place, reject.reason)).collect();
    assert_eq!(
        rejected,
        [
            (RecordPosition::Line(3), RejectReason::UnknownField),
            (RecordPosition::Line(5), RejectReason::LineTooLong)
        ]
    );
}

#[test]
fn a_compressed_file_is_readable_up_to_its_cut() {
    let written = ticks(20_000);
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let mut bytes = write(&written, compression);
        bytes.truncate(bytes.len() * 2 / 3);
        let mut reader = open(bytes).unwrap();
        let read = read_all(&mut reader).unwrap();
        assert_eq!(read.warnings, ["memory: the compressed file was cut; it is read up to the cut"]);
        assert!(!reader.next_block(&mut Block::default()).unwrap(), "the end stays the end");
        assert_eq!(read.tally.total(), 0, "the piece of a line before the cut is not a broken line");
        assert!((1_000..20_000).contains(&read.records.len()), "{compression:?}: {}", read.records.len());
        assert_eq!(pairs(&read), written[..read.records.len()]);
    }
}

#[test]
fn what_was_flushed_is_readable_though_the_file_was_never_finished() {
    let written = ticks(300);
    for compression in [Compression::Plain, Compression::Gzip(6), Compression::Zstd(3)] {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, compression, &Header::default()).unwrap();
        for (tick, rx) in &written {
            writer.write(tick, *rx).unwrap();
        }
        writer.flush().unwrap();
        // A process that dies runs no destructor.
        std::mem::forget(writer);
        let mut reader = open(bytes).unwrap();
        let read = read_all(&mut reader).unwrap();
        assert_eq!(pairs(&read), written, "{compression:?}");
        assert_eq!(read.warnings.is_empty(), compression == Compression::Plain);
    }
}

#[test]
fn damaged_compression_ends_the_reading() {
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let mut bytes = write(&ticks(20_000), compression);
        let half = bytes.len() / 2;
        bytes[half..half + 64].fill(0xff);
        let result = read_all(&mut open(bytes).unwrap());
        assert!(matches!(result, Err(FeedError::Read { .. })), "{compression:?}");
    }
}

#[test]
fn files_of_several_parts_are_one() {
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let written = ticks(10);
        let mut bytes = write(&written, compression);
        let appended = match compression {
            Compression::Gzip(_) => {
                let mut part = Vec::new();
                let line = &b"{\"symbol\":\"A\",\"bid\":1,\"rx\":5}\n"[..];
                flate2::bufread::GzEncoder::new(line, flate2::Compression::fast())
                    .read_to_end(&mut part)
                    .unwrap();
                part
            }
            _ => zstd::encode_all(&b"{\"symbol\":\"A\",\"bid\":1,\"rx\":5}\n"[..], 1).unwrap(),
        };
        bytes.extend_from_slice(&appended);
        assert_eq!(read_all(&mut open(bytes).unwrap()).unwrap().records.len(), 11, "{compression:?}");
    }
}

#[test]
fn a_block_is_bounded_whatever_the_size_of_the_file() {
    let line = b"{\"symbol\":\"A\",\"bid\":1,\"rx\":5}\n".to_vec();
    let mut bytes = b"{\"tickcast\":\"recording\",\"version\":1}\n".to_vec();
    (0..200_000).for_each(|_| bytes.extend_from_slice(&line));
    let bytes = zstd::encode_all(&bytes[..], 1).unwrap();
    let mut reader = open(bytes).unwrap();
    let (mut block, mut count, mut more) = (Block::default(), 0, true);
    while more {
        more = reader.next_block(&mut block).unwrap();
        assert!(block.records.len() <= 4_096);
        count += block.records.len();
        block.clear();
    }
    assert_eq!(count, 200_000);
}

/// Records of `symbol` at these times, in microseconds; the bid is the index in the file.
fn at(symbol: &str, times: &[i64]) -> RecordingInput {
    let ticks = times
        .iter()
        .enumerate()
        .map(|(place, &micros)| (tick(symbol, &place.to_string(), micros), Nanos(micros * 1_000)));
    memory(write(&ticks.collect::<Vec<_>>(), Compression::Plain))
}

fn select(inputs: &[RecordingInput], selection: &Selection) -> Vec<(String, i64)> {
    let mut recording = super::open(inputs, selection, LINE_BYTES_MAX).unwrap();
    let first = read_all(&mut recording).unwrap();
    recording.rewind().unwrap();
    assert_eq!(read_all(&mut recording).unwrap().records, first.records, "rewound");
    first.records.iter().map(|record| (record.tick.symbol.to_string(), record.rx.micros())).collect()
}

#[test]
fn files_are_merged_by_time_and_of_equal_times_the_first_named_goes_first() {
    let inputs = [at("A", &[1, 5, 5, 9]), at("B", &[2, 5, 8]), at("C", &[])];
    let merged = select(&inputs, &Selection::default());
    let expected = [("A", 1), ("B", 2), ("A", 5), ("A", 5), ("B", 5), ("B", 8), ("A", 9)];
    assert_eq!(merged, expected.map(|(symbol, time)| (symbol.to_owned(), time)));
    // A step back reorders neither its own file nor the other.
    let inputs = [at("A", &[1, 7, 3, 9]), at("B", &[2, 8])];
    let merged = select(&inputs, &Selection::default());
    let expected = [("A", 1), ("B", 2), ("A", 7), ("A", 3), ("B", 8), ("A", 9)];
    assert_eq!(merged, expected.map(|(symbol, time)| (symbol.to_owned(), time)));
}

#[test]
fn from_is_inclusive_to_exclusive_and_symbols_are_patterns() {
    let inputs = [at("AB", &[1, 2, 3, 4]), at("AC", &[2, 3])];
    let micros = |micros| Nanos::from_micros(micros);
    let window = Selection { from: micros(2), to: micros(4), ..Selection::default() };
    let times = |selection: &Selection| -> Vec<i64> {
        select(&inputs, selection).into_iter().map(|(_, time)| time).collect()
    };
    assert_eq!(times(&window), [2, 2, 3, 3]);
    let named = |text| Selection { symbols: parse_symbols(text).unwrap(), ..Selection::default() };
    assert_eq!(times(&named("AC")), [2, 3]);
    assert_eq!(times(&named("A*")).len(), 6);
    assert_eq!(times(&named("X,*B")), [1, 2, 3, 4]);
}

#[test]
fn with_on_error_stop_the_first_fault_ends_it_behind_what_came_before() {
    let mut broken = write(&ticks(3), Compression::Plain);
    broken.extend_from_slice(b"{\"symbol\":\"A\",\"bid\":\"x\"}\n{\"symbol\":\"A\",\"bid\":1,\"rx\":5}\n");
    let selection = Selection { on_error: OnError::Stop, ..Selection::default() };
    let mut recording = super::open(&[memory(broken)], &selection, LINE_BYTES_MAX).unwrap();
    let mut block = Block::default();
    assert!(recording.next_block(&mut block).unwrap());
    assert_eq!(pairs(&block), ticks(3));
    let error = recording.next_block(&mut block).unwrap_err();
    assert_eq!(error.to_string(), "memory, line 5: bid: not a decimal number");
    assert!(!recording.next_block(&mut block).unwrap());
    assert_eq!((block.records.len(), block.tally.total()), (3, 0));
}

#[test]
fn times_are_days_moments_or_microseconds() {
    for (text, micros) in [
        ("2025-03-25", Some(1_742_860_800_000_000)),
        ("2025-03-25T23:07:00.773684Z", Some(1_742_944_020_773_684)),
        ("2025-03-25T23:07:00+00:00", Some(1_742_944_020_000_000)),
        ("1742944020773684", Some(1_742_944_020_773_684)),
        ("-1", Some(-1)),
        ("", None),
        ("2025-03-25T23:07:00", None),
        ("2025-13-25", None),
        ("yesterday", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(parse_time(text).map(Nanos::micros), micros, "{text}");
    }
}

#[test]
fn a_pattern_stands_for_the_files_that_match_by_name() {
    let folder = std::env::temp_dir().join(format!("tickcast-pattern-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, time) in [("b.ndjson", 2_000), ("a.ndjson.gz", 1_000), ("c.txt", 3_000)] {
        let mut writer = Writer::create(&folder.join(name), &Header::default()).unwrap();
        writer.write(&tick("A", "1", time), Nanos(time * 1_000)).unwrap();
        writer.finish().unwrap();
    }
    let open = |pattern: &str| open_file(&folder.join(pattern));
    let recording = open("*.ndjson*").unwrap();
    let names: Vec<_> = recording.files().map(|(name, _)| Path::new(name).file_name().unwrap()).collect();
    assert_eq!(names, ["a.ndjson.gz", "b.ndjson"]);
    assert!(recording.name().ends_with("a.ndjson.gz and 1 more"), "{}", recording.name());
    assert!(matches!(open("*.parquet"), Err(FeedError::Read { source, .. })
        if source.to_string() == "no file matches the pattern"));
    std::fs::remove_dir_all(folder).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However records are split into files: sorted files give what sorting all their records, stable by file, gives.
    #[test]
    fn merging_sorted_files_is_sorting(files in proptest::collection::vec(proptest::collection::vec(0i64..50, 0..40), 1..6)) {
        let sorted: Vec<Vec<i64>> = files.into_iter().map(|mut times| { times.sort_unstable(); times }).collect();
        let names: Vec<String> = (0..sorted.len()).map(|place| format!("F{place}")).collect();
        let inputs: Vec<RecordingInput> = sorted.iter().zip(&names).map(|(times, name)| at(name, times)).collect();
        let mut expected: Vec<(String, i64)> = sorted.iter().zip(&names)
            .flat_map(|(times, name)| times.iter().map(|&time| (name.clone(), time)))
            .collect();
        expected.sort_by_key(|&(_, time)| time);
        prop_assert_eq!(select(&inputs, &Selection::default()), expected);
    }
}
