//! What is written can be read, whole or cut, and what is no recording is refused with its reason.

use std::io::{self, Read};

use super::*;
use crate::{
    feed::{FeedError, RejectReason, ndjson::Decoded, testing::tick},
    tick::{Nanos, Tick},
};

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

fn open(bytes: Vec<u8>) -> Result<Reader, FeedError> {
    Reader::new("memory".to_owned(), io::Cursor::new(bytes), LINE_BYTES_MAX)
}

fn read_all(reader: &mut Reader) -> Result<Decoded, FeedError> {
    let mut all = Decoded::default();
    while reader.read(&mut all)? {}
    Ok(all)
}

fn pairs(decoded: &Decoded) -> Vec<(Tick, Nanos)> {
    decoded.ticks.iter().cloned().zip(decoded.rx.iter().map(|rx| rx.unwrap())).collect()
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
        assert!(!reader.is_cut());
        assert_eq!(read.lines.first(), Some(&2), "the first line is the header");
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
        assert_eq!(pairs(&read_all(&mut Reader::open(&misnamed, LINE_BYTES_MAX).unwrap()).unwrap()), written);
    }
    let missing = directory.join("missing");
    let error = Reader::open(&missing, LINE_BYTES_MAX).err().unwrap();
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
    assert_eq!(open(bytes).unwrap().header(), &header);
    let newer = b"{\"version\":1,\"tickcast\":\"recording\",\"host\":{\"name\":\"x\"}}\r\n".to_vec();
    assert_eq!(open(newer).unwrap().header(), &Header::default());
}

#[test]
fn what_is_no_recording_is_refused() {
    let start = "memory is no recording: its first line is not {\"tickcast\":\"recording\",\"version\":1}";
    check_refused(b"", &format!("{start}: EOF while parsing a value at line 1 column 0"));
    check_refused(
        b"{\"symbol\":\"A\",\"bid\":1}\n",
        &format!("{start}: missing field `tickcast` at line 1 column 22"),
    );
    check_refused(b"{\"tickcast\":\"ticks\",\"version\":1}\n", start);
    check_refused(
        b"{\"tickcast\":\"recording\",\"version\":2}\n",
        "memory is no recording: it has version 2, and only version 1 can be read",
    );
    let endless = vec![b'x'; 1 << 20];
    check_refused(&endless, &format!("{start}: expected value at line 1 column 1"));
}

#[test]
fn broken_lines_are_named_and_skipped() {
    let mut bytes = write(&ticks(1), Compression::Plain);
    bytes.extend_from_slice(b"{\"symbol\":\"A\",\"prise\":1}\n\n");
    bytes.extend_from_slice(&vec![b'x'; LINE_BYTES_MAX + 1]);
    bytes.extend_from_slice(b"\n{\"symbol\":\"A\",\"bid\":1,\"rx\":5}");
    let read = read_all(&mut open(bytes).unwrap()).unwrap();
    assert_eq!(read.lines, [2, 6]);
    let rejected: Vec<_> = read.rejected.iter().map(|line| (line.line, line.reason)).collect();
    assert_eq!(rejected, [(3, RejectReason::UnknownField), (5, RejectReason::LineTooLong)]);
}

#[test]
fn a_compressed_file_is_readable_up_to_its_cut() {
    let written = ticks(20_000);
    for compression in [Compression::Gzip(6), Compression::Zstd(3)] {
        let mut bytes = write(&written, compression);
        bytes.truncate(bytes.len() * 2 / 3);
        let mut reader = open(bytes).unwrap();
        let read = read_all(&mut reader).unwrap();
        assert!(reader.is_cut());
        assert!(!reader.read(&mut Decoded::default()).unwrap(), "the end stays the end");
        assert_eq!(read.tally.total(), 0, "the piece of a line before the cut is no broken line");
        assert!((1_000..20_000).contains(&read.ticks.len()), "{compression:?}: {}", read.ticks.len());
        assert_eq!(pairs(&read), written[..read.ticks.len()]);
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
        assert_eq!(pairs(&read_all(&mut reader).unwrap()), written, "{compression:?}");
        assert_eq!(reader.is_cut(), compression != Compression::Plain);
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
        assert_eq!(read_all(&mut open(bytes).unwrap()).unwrap().ticks.len(), 11, "{compression:?}");
    }
}

/// Gives one line over and over, and counts what was taken.
struct Endless {
    line: Vec<u8>,
    at: usize,
    left: usize,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let len = out.len().min(self.left);
        for byte in &mut out[..len] {
            *byte = self.line[self.at];
            self.at = (self.at + 1) % self.line.len();
        }
        self.left -= len;
        Ok(len)
    }
}

#[test]
fn a_block_is_bounded_whatever_the_size_of_the_file() {
    let line = b"{\"symbol\":\"A\",\"bid\":1,\"rx\":5}\n".to_vec();
    let first = b"{\"tickcast\":\"recording\",\"version\":1}\n";
    let total = 8 << 20;
    let input = io::Cursor::new(first).chain(Endless { at: 0, left: total, line: line.clone() });
    let mut reader = Reader::new("memory".to_owned(), input, LINE_BYTES_MAX).unwrap();
    let (mut block, mut count) = (Decoded::default(), 0);
    while reader.read(&mut block).unwrap() {
        assert!(block.ticks.len() <= 64 * 1024 / line.len() + 1);
        count += block.ticks.len();
        block.clear();
    }
    count += block.ticks.len();
    assert_eq!(count, total / line.len());
}
