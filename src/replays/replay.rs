//! A replay: its streams in one order, by the time of receipt, as the bytes of its outputs.
//!
//! Each output is one connection. Of equal times the stream named first goes first. A stream's own order is kept, also
//! where its times step back.
//!
//! Invariant: what is filled is bounded in bytes and in work, and put together it does not depend on how it was cut.

use std::time::Duration;

use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::stream::{MessageSink, MessageStream, NextRecord};
use crate::{
    access::{ProductCounts, ProductId},
    feed::FeedError,
    tick::{Nanos, Symbol},
    wire::websocket,
};

/// A replay of one connection or several.
pub struct ClientReplay {
    streams: Vec<OwnStream>,
    scratch: Vec<u8>,
}

/// A stream, and the output that it belongs to.
struct OwnStream {
    stream: MessageStream,
    output: usize,
    next: NextRecord,
}

/// How messages are told apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Framing {
    /// A line for each.
    Lines,
    /// A text message of a WebSocket for each.
    Frames,
}

/// What is filled for one connection.
#[derive(Debug)]
pub struct ReplayOutput {
    pub framing: Framing,
    pub bytes: Vec<u8>,
    pub messages: u64,
    /// Of how many of them each product has the symbol.
    pub uses: ProductCounts,
    /// That the messages show for the first time.
    pub symbols: Vec<Symbol>,
}

/// How far a replay was filled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Filled {
    /// There is more.
    More,
    /// The next record was received later than was asked for.
    Waits(Nanos),
    Ended,
}

/// An output is full from here on.
pub const FILL_BYTES: usize = 32 * 1024;
/// Of several outputs none is filled further ahead of another than this, by the times of receipt.
const APART_MAX: Duration = Duration::from_secs(1);
/// Records of one filling, which may all show nothing.
const FILL_RECORDS: usize = 2_048;
/// Blocks without any record of one filling.
const FILL_BLOCKS: usize = 8;

impl ClientReplay {
    /// Of streams and the index of the output of each.
    pub fn new(streams: impl IntoIterator<Item = (usize, MessageStream)>) -> Self {
        let own = |(output, stream)| OwnStream { stream, output, next: NextRecord::Unknown };
        ClientReplay { streams: streams.into_iter().map(own).collect(), scratch: Vec::new() }
    }

    /// Fills the outputs with what was received until then; `None` for all.
    ///
    /// # Errors
    /// When a recording cannot be read on. What was filled before stands.
    pub fn fill(&mut self, until: Option<Nanos>, outputs: &mut [ReplayOutput]) -> Result<Filled, FeedError> {
        let mut blocks_left = FILL_BLOCKS;
        let mut end = None;
        for _ in 0..FILL_RECORDS {
            let Some((at, place)) = self.earliest(&mut blocks_left)? else { return Ok(Filled::More) };
            let Some(place) = place else { return Ok(Filled::Ended) };
            if until.is_some_and(|until| at > until) {
                return Ok(Filled::Waits(at));
            }
            if outputs.len() > 1 && at > *end.get_or_insert(at.plus(APART_MAX)) {
                return Ok(Filled::More);
            }
            let OwnStream { stream, output, next } = &mut self.streams[place];
            *next = NextRecord::Unknown;
            let output = &mut outputs[*output];
            stream.take(&mut self.scratch, output);
            if output.bytes.len() >= FILL_BYTES {
                return Ok(Filled::More);
            }
        }
        Ok(Filled::More)
    }

    /// The stream that is next, or none when all have ended; `None` when that needs more blocks than are left.
    fn earliest(&mut self, blocks_left: &mut usize) -> Result<Option<(Nanos, Option<usize>)>, FeedError> {
        let mut earliest: Option<(Nanos, usize)> = None;
        for (place, own) in self.streams.iter_mut().enumerate() {
            while own.next == NextRecord::Unknown {
                own.next = own.stream.load()?;
                if own.next == NextRecord::Unknown {
                    if *blocks_left == 0 {
                        return Ok(None);
                    }
                    *blocks_left -= 1;
                }
            }
            if let NextRecord::At(at) = own.next
                && earliest.is_none_or(|(before, _)| at < before)
            {
                earliest = Some((at, place));
            }
        }
        Ok(Some(earliest.map_or((Nanos(0), None), |(at, place)| (at, Some(place)))))
    }

    /// What a person should know of the recordings.
    pub fn warnings(&mut self) -> impl Iterator<Item = String> {
        self.streams.iter_mut().flat_map(|own| std::mem::take(&mut own.stream.warnings))
    }
}

impl ReplayOutput {
    pub fn new(framing: Framing) -> Self {
        ReplayOutput {
            framing,
            bytes: Vec::new(),
            messages: 0,
            uses: ProductCounts::default(),
            symbols: Vec::new(),
        }
    }
}

impl MessageSink for ReplayOutput {
    fn take(&mut self, message: &[u8], product: Option<ProductId>) {
        self.messages += 1;
        if let Some(product) = product {
            self.uses.add(product, 1);
        }
        match self.framing {
            Framing::Lines => {
                self.bytes.extend_from_slice(message);
                self.bytes.push(b'\n');
            }
            Framing::Frames => websocket::write_frame(OpCode::Data(Data::Text), message, &mut self.bytes),
        }
    }

    fn shows(&mut self, symbol: &Symbol) {
        self.symbols.push(symbol.clone());
    }
}
