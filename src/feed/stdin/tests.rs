//! Lines from a reader: all of them come, the broken ones are counted, and a silent input can be stopped.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, Sender, channel},
};

use super::*;
use crate::{
    feed::{RejectReason, testing::TestSink},
    tick::{Field, Symbol},
};

const LINE_BYTES_MAX: usize = 256;

/// Gives what a test sends, piece by piece, and then waits.
struct Pipe(Receiver<Vec<u8>>);

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Ok(bytes) = self.0.recv() else { return Ok(0) };
        out[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

fn pipe() -> (Sender<Vec<u8>>, Pipe) {
    let (sender, receiver) = channel();
    (sender, Pipe(receiver))
}

fn run(input: impl Read + Send + 'static, sink: &mut TestSink, stop: &Stop) -> Result<(), FeedError> {
    Box::new(LineFeed::new("stdin", input, LINE_BYTES_MAX)).run(sink, stop)
}

#[test]
fn every_line_comes_and_the_broken_ones_are_counted() {
    let mut input = Vec::new();
    for index in 0..20_000 {
        input.extend_from_slice(format!("{{\"symbol\":\"A\",\"trades\":{index}}}\n").as_bytes());
        if index % 1_000 == 0 {
            input.extend_from_slice(b"nonsense\n");
        }
    }
    input.extend_from_slice(b"{\"symbol\":\"B\",\"bid\":1}");
    let mut sink = TestSink::default();
    run(io::Cursor::new(input), &mut sink, &Stop::default()).unwrap();
    assert_eq!(sink.ticks.len(), 20_001);
    assert!(sink.ticks.iter().zip(0..20_000).all(|(tick, index)| tick.fields.trades == index));
    assert_eq!(sink.ticks[20_000].symbol.as_str(), "B");
    assert_eq!(sink.rejected, [RejectReason::Syntax; 20]);
    assert!(sink.batches.len() < 10, "one batch a read: {:?}", sink.batches);
}

#[test]
fn an_empty_input_ends_well() {
    let mut sink = TestSink::default();
    run(io::empty(), &mut sink, &Stop::default()).unwrap();
    assert!(sink.batches.is_empty());
}

#[test]
fn lines_may_be_cut_anywhere() {
    let (sender, input) = pipe();
    for piece in [
        "{\"symbol\":\"A\",",
        "\"bid\"",
        ":1}",
        "\r",
        "\n{\"symbol\":\"A\",\"bid\":2}\n\n",
        "{\"symbol\":\"A\",\"bid\":3}",
    ] {
        sender.send(piece.as_bytes().to_vec()).unwrap();
    }
    drop(sender);
    let mut sink = TestSink::default();
    run(input, &mut sink, &Stop::default()).unwrap();
    let bids: Vec<_> =
        sink.ticks.iter().map(|tick| tick.fields.get_decimal(Field::Bid).unwrap().to_string()).collect();
    assert_eq!(bids, ["1", "2", "3"]);
    assert!(sink.rejected.is_empty());
}

#[test]
fn a_silent_input_can_be_stopped() {
    let (sender, input) = pipe();
    sender.send(b"{\"symbol\":\"A\",\"bid\":1}\n{\"symb".to_vec()).unwrap();
    let stop = Stop::default();
    let mut sink = TestSink { stop_after: Some((1, stop.clone())), ..TestSink::default() };
    run(input, &mut sink, &stop).unwrap();
    assert_eq!(sink.ticks.len(), 1);
    assert!(sink.rejected.is_empty());
    drop(sender);
}

#[test]
fn a_broken_input_is_an_error_after_what_it_gave() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("broken"))
        }
    }
    let mut sink = TestSink::default();
    let input = io::Cursor::new(b"{\"symbol\":\"A\",\"bid\":1}\n").chain(Broken);
    let error = run(input, &mut sink, &Stop::default()).unwrap_err();
    assert_eq!(error.to_string(), "cannot read standard input");
    assert_eq!(sink.ticks.len(), 1);
}

#[test]
fn a_refused_tick_stops_none_of_the_others() {
    let refuses = Some(Symbol::new("B").unwrap());
    let mut sink = TestSink { refuses, ..TestSink::default() };
    let input = b"{\"symbol\":\"A\",\"bid\":1}\n{\"symbol\":\"B\",\"bid\":1}\n{\"symbol\":\"C\",\"bid\":1}\n";
    run(io::Cursor::new(input), &mut sink, &Stop::default()).unwrap();
    assert_eq!(sink.ticks.iter().map(|tick| tick.symbol.as_str()).collect::<Vec<_>>(), ["A", "C"]);
    assert!(sink.rejected.is_empty(), "the sink has counted it");
}
