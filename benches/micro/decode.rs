//! Bytes to ticks: lines of NDJSON, one by one and in blocks.
//!
//! A decoder uses the bytes it is given as scratch space, so each iteration has a copy of its own.

use std::fmt::Write;

use tickcast::{
    feed::ndjson::{BlockDecoder, Decoded, NdjsonDecoder, write_line},
    limits,
    tick::Tick,
};

use crate::{
    inputs::{Kind, Ticks},
    work::{Case, Done, Scale, Work, fed},
};

pub const CASES: [Case; 6] = [
    Case::new("1000_quotes_line_by_line", |scale| line_by_line(&numbers(Kind::Quotes, scale.of(1_000)))),
    Case::new("block_of_1000_quotes", |scale| block(&numbers(Kind::Quotes, scale.of(1_000)), true)),
    Case::new("block_of_1000_trades", |scale| block(&numbers(Kind::Trades, scale.of(1_000)), true)),
    Case::new("block_of_1000_quotes_as_strings", |scale| block(&strings(scale.of(1_000)), true)),
    Case::new("block_of_1000_in_chunks_of_4_kib", chunks),
    Case::new("block_of_1000_lines_that_are_no_ticks", |scale| block(&refused(scale.of(1_000)), false)),
];

const CHUNK_BYTES: usize = 4_096;

/// Lines as feeds write them: prices and sizes are JSON numbers.
fn numbers(kind: Kind, count: usize) -> Vec<Vec<u8>> {
    Ticks::new(kind, 500).take(count).iter().map(line).collect()
}

/// Lines as exchanges write them: prices and sizes are strings.
fn strings(count: usize) -> Vec<Vec<u8>> {
    let quoted = |tick: &Tick| {
        let mut line = format!("{{\"symbol\":\"{}\"", tick.symbol);
        for field in tick.fields.mask.iter() {
            let value = tick.fields.get_decimal(field).expect("a quote has decimals alone");
            write!(line, ",\"{}\":\"{value}\"", field.name()).expect("a string takes everything");
        }
        line.push_str("}\n");
        line.into_bytes()
    };
    Ticks::new(Kind::Quotes, 500).take(count).iter().map(quoted).collect()
}

/// Lines of which each has a field that no tick has.
fn refused(count: usize) -> Vec<Vec<u8>> {
    let lines = numbers(Kind::Quotes, count);
    lines.into_iter().map(|line| [&br#"{"colour":1,"#[..], &line[1..]].concat()).collect()
}

fn line(tick: &Tick) -> Vec<u8> {
    let mut out = Vec::new();
    write_line(tick, None, &mut out);
    out
}

fn copy(source: &[u8], spent: Option<Vec<u8>>) -> Vec<u8> {
    let mut bytes = spent.unwrap_or_default();
    bytes.clear();
    bytes.extend_from_slice(source);
    bytes
}

fn line_by_line(lines: &[Vec<u8>]) -> Box<dyn Work> {
    let source = lines.concat();
    let count = lines.len() as u64;
    let mut decoder = NdjsonDecoder::new(limits::DEFAULT.line_bytes);
    fed(
        move |spent| copy(&source, spent),
        move |bytes| {
            let mut done = Done { items: 0, bytes: bytes.len() as u64 };
            for line in bytes.split_mut(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
                let decoded = divan::black_box(decoder.decode(line));
                done.items += u64::from(decoded.is_ok());
            }
            assert_eq!(done.items, count, "every line is a tick");
            done
        },
    )
}

/// The whole block at once; `good` says whether its lines are ticks.
fn block(lines: &[Vec<u8>], good: bool) -> Box<dyn Work> {
    let bytes = lines.concat();
    in_chunks(lines.len(), bytes.len(), bytes, good)
}

/// As standard input is read: chunks end anywhere in a line.
fn chunks(scale: Scale) -> Box<dyn Work> {
    let count = scale.of(1_000);
    in_chunks(count, CHUNK_BYTES, numbers(Kind::Mixed, count).concat(), true)
}

fn in_chunks(count: usize, chunk_bytes: usize, source: Vec<u8>, good: bool) -> Box<dyn Work> {
    let mut decoder = BlockDecoder::new(limits::DEFAULT.line_bytes);
    let make = move |spent: Option<(Vec<u8>, Decoded)>| {
        let (bytes, mut out) = spent.unwrap_or_default();
        out.clear();
        (copy(&source, Some(bytes)), out)
    };
    fed(make, move |(bytes, out)| {
        for chunk in bytes.chunks_mut(chunk_bytes) {
            decoder.feed(chunk, out);
        }
        let (ticks, rejected) = (out.ticks.len(), out.tally.total() as usize);
        assert_eq!((ticks, rejected), if good { (count, 0) } else { (0, count) });
        Done { items: count as u64, bytes: bytes.len() as u64 }
    })
}
