//! Ticks as lines from standard input, or from any other reader.
//!
//! Reads are big and each becomes one batch, so that ticks get cheaper as input gets faster. A separate thread reads,
//! because a read of standard input cannot be interrupted and this feed must stop. After a stop that thread stays in
//! its read until the input or the process ends; it holds nothing that others wait for.
//!
//! Invariants: at most [`CHUNKS`] chunks are in flight, so a slow sink delays the input and memory stays bounded; the
//! last line counts even without a line end.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use super::{
    Feed, FeedError, Sink,
    ndjson::{BlockDecoder, Decoded},
    warnings::FeedWarnings,
};
use crate::{shutdown::Stop, tick::CustomFields};

/// Lines from a reader.
pub struct LineFeed<R> {
    input: R,
    block: BlockDecoder,
    warnings: FeedWarnings,
}

/// A buffer and the number of bytes read into it.
struct ReadBuffer {
    bytes: Box<[u8]>,
    len: usize,
}

/// The input's name in messages.
const NAME: &str = "standard input";
const CHUNK_BYTES: usize = 128 * 1024;
/// One chunk is decoded while the next is read.
const CHUNKS: usize = 2;
/// How often a silent input checks whether it must stop.
const STOP_INTERVAL: Duration = Duration::from_millis(50);

// === impl LineFeed ===

impl<R: Read + Send + 'static> LineFeed<R> {
    /// `feed` is the feed's name, for the log.
    pub fn new(feed: &str, input: R, line_bytes_max: usize) -> Self {
        LineFeed { input, block: BlockDecoder::new(line_bytes_max), warnings: FeedWarnings::new(feed, NAME) }
    }
}

impl<R> LineFeed<R> {
    /// Lines may have these fields too.
    #[must_use]
    pub fn with_fields(self, table: Arc<CustomFields>) -> Self {
        LineFeed { block: self.block.with_fields(table), ..self }
    }
}

impl<R: Read + Send + 'static> Feed for LineFeed<R> {
    fn run(self: Box<Self>, sink: &mut dyn Sink, stop: &Stop) -> Result<(), FeedError> {
        let failed = |source| FeedError::Read { path: NAME.to_owned(), source };
        let LineFeed { input, mut block, mut warnings } = *self;
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
            warnings.rejected(&mut out, sink);
            if !out.ticks.is_empty() {
                sink.submit(&mut out.ticks, &mut refused);
                warnings.refused(sink.now(), &mut refused);
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
    // There is room for every chunk that exists. Without the reading thread no chunks are needed.
    let _ = empty.send(chunk);
}

/// Fills empty chunks until the input ends or breaks, or the feed is gone.
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
