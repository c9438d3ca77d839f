//! Ticks as lines from standard input, or from anything that reads like it.
//!
//! Reads are big, and each becomes one batch, so that the faster the input the cheaper a tick. A thread of its own
//! reads: standard input cannot be told to stop waiting, and this feed can. When it is stopped that thread stays in
//! its read until the input ends or the process does; it holds nothing that anyone waits for.
//!
//! Invariants: at most [`CHUNKS`] chunks are in flight, so a slow sink holds up the input and never fills memory; the
//! last line counts even without a line end.

use std::{
    io::{self, Read},
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread,
    time::Duration,
};

use super::{
    Feed, FeedError, Sink,
    complaints::Complaints,
    ndjson::{BlockDecoder, Decoded},
};
use crate::shutdown::Stop;

/// Lines from a reader.
pub struct LineFeed<R> {
    input: R,
    block: BlockDecoder,
    complaints: Complaints,
}

/// A buffer and how many of its bytes were read.
struct ReadBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

/// What the input is called in messages.
const NAME: &str = "standard input";
const CHUNK_BYTES: usize = 128 * 1024;
/// One is decoded while the next is read.
const CHUNKS: usize = 2;
/// How often a silent input looks whether it is to stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

// === impl LineFeed ===

impl<R: Read + Send + 'static> LineFeed<R> {
    /// `feed` is the feed's name, for the log.
    pub fn new(feed: &str, input: R, line_bytes_max: usize) -> Self {
        LineFeed { input, block: BlockDecoder::new(line_bytes_max), complaints: Complaints::new(feed, NAME) }
    }
}

impl<R: Read + Send + 'static> Feed for LineFeed<R> {
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let failed = |source| FeedError::Read { path: NAME.to_owned(), source };
        let LineFeed { input, mut block, mut complaints } = *self;
        let (full, chunks) = sync_channel(CHUNKS);
        let (empty, emptied) = sync_channel(CHUNKS);
        for _ in 0..CHUNKS {
            give_back(&empty, ReadBuffer { bytes: vec![0; CHUNK_BYTES].into_boxed_slice(), len: 0 });
        }
        thread::Builder::new()
            .name("stdin-read".to_owned())
            .spawn(move || read_chunks(input, &emptied, &full))
            .map_err(failed)?;
        let mut out = Decoded::default();
        let mut refused = Vec::new();
        while !stop.is_set() {
            let ended = match chunks.recv_timeout(STOP_INTERVAL) {
                Ok(Ok(mut chunk)) => {
                    block.feed(&mut chunk.bytes[..chunk.len], &mut out);
                    give_back(&empty, chunk);
                    false
                }
                Ok(Err(source)) => return Err(failed(source)),
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => {
                    block.finish(&mut out);
                    true
                }
            };
            complaints.rejected(&mut out, sink);
            if !out.ticks.is_empty() {
                sink.submit(&mut out.ticks, &mut refused);
                complaints.refused(sink.now(), &mut refused);
            }
            out.clear();
            if ended {
                break;
            }
        }
        Ok(())
    }
}

fn give_back(empty: &SyncSender<ReadBuffer>, chunk: ReadBuffer) {
    // There is room for every chunk that exists. When the reading thread is gone, so is the need for chunks.
    let _ = empty.send(chunk);
}

/// Fills empty chunks until the input ends, breaks, or nobody wants it any more.
fn read_chunks(
    mut input: impl Read,
    emptied: &Receiver<ReadBuffer>,
    full: &SyncSender<io::Result<ReadBuffer>>,
) {
    while let Ok(mut chunk) = emptied.recv() {
        let read = loop {
            match input.read(&mut chunk.bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        let sent = match read {
            Ok(0) => return,
            Ok(len) => {
                chunk.len = len;
                full.send(Ok(chunk))
            }
            Err(error) => full.send(Err(error)),
        };
        if sent.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
