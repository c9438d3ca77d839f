//! One stream of a replay: the records of one exchange as messages, in the order of receipt.
//!
//! Quotes of recordings may be partial, and a `book_ticker` shows the whole best bid and ask: what a stream knows of a
//! symbol begins with its first record at or after `from`.
//!
//! Invariant: memory is a block of records, what the reader holds (`feed/recording`), and the last quote of each symbol.

use std::{collections::HashMap, mem, sync::Arc};

use super::{
    data_types::DataTypes,
    messages::{BestLevels, MessageTimes, MessageWriter},
    options::StreamRequest,
    permit::Readable,
    snapshots::SnapshotState,
};
use crate::{
    access::{ProductId, Products},
    feed::{
        FeedError,
        recording::{Block, NameSet, ReadSizes, RecordReader, RecordingInput, Selection, open},
    },
    tick::{Field, FieldSet, Fields, Nanos, Symbol},
};

/// One stream.
pub struct MessageStream {
    reader: Box<dyn RecordReader>,
    data_types: DataTypes,
    with_disconnects: bool,
    readable: Readable,
    products: Arc<Products>,
    writer: MessageWriter,
    block: Block,
    /// The next record of the block, and the next place in it where the recorder lost its connection.
    at: usize,
    disconnect_at: usize,
    has_more: bool,
    symbols: HashMap<Symbol, ShownSymbol>,
    /// Of the last record, unless a disconnect was told since.
    last_rx: Option<Nanos>,
    /// Files that were passed over, and what else a person should know.
    pub warnings: Vec<String>,
}

/// What is next in a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextRecord {
    /// Something that was received then.
    At(Nanos),
    /// It is not known yet: much was read without a selected record.
    Unknown,
    Ended,
}

/// What a stream knows of a symbol.
#[derive(Default)]
struct ShownSymbol {
    product: ProductId,
    is_hidden: bool,
    is_told: bool,
    book: BestLevels,
    /// One for each type of snapshots.
    snapshots: Vec<SnapshotState>,
}

/// What messages of a stream go into: each is handed over whole.
pub trait MessageSink {
    /// Takes a message of a symbol of this product, or of no symbol.
    fn take(&mut self, message: &[u8], product: Option<ProductId>);
    /// A symbol is shown for the first time in its stream.
    fn shows(&mut self, symbol: &Symbol);
}

/// Small, for there may be a hundred replays: a chunk has some hundred records.
const SIZES: ReadSizes = ReadSizes { chunk_bytes: 16 * 1024, block_records: 256, open_files: 4 };
const WARNINGS_MAX: usize = 16;

impl MessageStream {
    /// Opens the recordings of a request. `selection` has what files do not contain.
    ///
    /// # Errors
    /// When none of them can be read.
    pub fn open(
        request: &StreamRequest,
        inputs: &[RecordingInput],
        selection: Selection,
        readable: Readable,
        line_bytes_max: usize,
    ) -> Result<Self, FeedError> {
        let names = &request.symbols;
        let selection = Selection {
            from: Some(request.from),
            to: Some(request.to),
            names: (!names.is_empty()).then(|| NameSet::new(names.iter().map(String::as_str))),
            sizes: SIZES,
            ..selection
        };
        let reader = open(inputs, &selection, line_bytes_max)?;
        Ok(MessageStream::of(request, Box::new(reader), readable))
    }

    /// Of records that are selected already.
    pub fn of(request: &StreamRequest, reader: Box<dyn RecordReader>, readable: Readable) -> Self {
        MessageStream {
            reader,
            data_types: request.data_types.clone(),
            with_disconnects: request.with_disconnects,
            readable,
            products: Arc::default(),
            writer: MessageWriter::new(&request.exchange),
            block: Block::default(),
            at: 0,
            disconnect_at: 0,
            has_more: true,
            symbols: HashMap::new(),
            last_rx: None,
            warnings: Vec::new(),
        }
    }

    /// With products, by which its messages are counted.
    #[must_use]
    pub fn with_products(self, products: Arc<Products>) -> Self {
        MessageStream { products, ..self }
    }

    /// What is next. It reads one block when none is left.
    ///
    /// # Errors
    /// When the recording cannot be read on.
    pub fn load(&mut self) -> Result<NextRecord, FeedError> {
        if let Some(next) = self.at_hand() {
            return Ok(next);
        }
        if !self.has_more {
            return Ok(NextRecord::Ended);
        }
        self.block.clear();
        (self.at, self.disconnect_at) = (0, 0);
        self.has_more = self.reader.next_block(&mut self.block)?;
        let room = WARNINGS_MAX.saturating_sub(self.warnings.len());
        self.warnings.extend(mem::take(&mut self.block.warnings).into_iter().take(room));
        Ok(self.at_hand().unwrap_or(if self.has_more { NextRecord::Unknown } else { NextRecord::Ended }))
    }

    fn at_hand(&self) -> Option<NextRecord> {
        if self.is_disconnected() {
            // Told with the time of what was received last.
            return Some(NextRecord::At(self.last_rx.unwrap_or_default()));
        }
        self.block.records.get(self.at).map(|record| NextRecord::At(record.rx))
    }

    fn is_disconnected(&self) -> bool {
        self.block.disconnects.get(self.disconnect_at).is_some_and(|at| *at <= self.at)
    }

    /// Hands over what was next, as the messages that were asked for.
    pub fn take(&mut self, scratch: &mut Vec<u8>, sink: &mut impl MessageSink) {
        if self.is_disconnected() {
            self.disconnect_at += 1;
            if let Some(rx) = self.last_rx.take().filter(|_| self.with_disconnects) {
                scratch.clear();
                self.writer.disconnect(rx, scratch);
                sink.take(scratch, None);
            }
            return;
        }
        let Some(record) = self.block.records.get(self.at) else { return };
        self.at += 1;
        self.last_rx = Some(record.rx);
        let (symbol, fields) = (&record.tick.symbol, &record.tick.fields);
        let times = MessageTimes { ts: record.tick.ts, rx: record.rx };
        let state = match self.symbols.get_mut(symbol) {
            Some(state) => state,
            None => {
                let snapshots = vec![SnapshotState::default(); self.data_types.snapshots.len()];
                let is_hidden = !self.readable.shows(symbol);
                let product = self.products.id_of(symbol);
                let state = ShownSymbol { product, is_hidden, snapshots, ..ShownSymbol::default() };
                self.symbols.entry(symbol.clone()).or_insert(state)
            }
        };
        if state.is_hidden {
            return;
        }
        let product = Some(state.product);
        let told = |is_told: &mut bool, sink: &mut dyn FnMut()| {
            if !mem::replace(is_told, true) {
                sink();
            }
        };
        scratch.clear();
        if self.data_types.trade && self.writer.trade(symbol, fields, times, scratch) {
            told(&mut state.is_told, &mut || sink.shows(symbol));
            sink.take(scratch, product);
        }
        if !self.data_types.quotes() || fields.named().intersect(FieldSet::QUOTE).is_empty() {
            return;
        }
        state.book.take(fields);
        for (kind, snapshots) in self.data_types.snapshots.iter().zip(&mut state.snapshots) {
            let interval_ns = i64::try_from(kind.interval.as_nanos()).unwrap_or(i64::MAX);
            for (book, times) in snapshots.take(&state.book, times, interval_ns).into_iter().flatten() {
                scratch.clear();
                self.writer.snapshot(symbol, &kind.name, kind.interval.as_millis(), &book, times, scratch);
                told(&mut state.is_told, &mut || sink.shows(symbol));
                sink.take(scratch, product);
            }
        }
        if self.data_types.book_ticker {
            scratch.clear();
            self.writer.book_ticker(symbol, &state.book, times, scratch);
            told(&mut state.is_told, &mut || sink.shows(symbol));
            sink.take(scratch, product);
        }
    }
}

impl BestLevels {
    /// Takes over what a tick says of the quote, withdrawals included.
    fn take(&mut self, fields: &Fields) {
        let named = fields.named();
        let places = [
            (Field::Bid, &mut self.bid),
            (Field::BidSize, &mut self.bid_size),
            (Field::Ask, &mut self.ask),
            (Field::AskSize, &mut self.ask_size),
        ];
        for (field, place) in places {
            if named.contains(field) {
                *place = fields.get_decimal(field);
            }
        }
    }
}
