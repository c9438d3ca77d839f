//! Databento's DBN, of any version that the crate `dbn` reads: `mbp-1`, `tbbo`, `mbp-10`, `bbo-1s`, `bbo-1m`, `trades`,
//! of consolidated markets `cmbp-1`, `tcbbo`, `cbbo`, `cbbo-1s`, `cbbo-1m`, and `mbo` through a book of all its orders.
//!
//! Prices are whole numbers of 1e-9 there as here. `ts_event` is the event's time, `ts_recv` the receive time. Names
//! come from the metadata's mapping for the day of each record; in a session recorded live, from its mapping records. A
//! side without a price is empty: its price and size are withdrawn. Records of other kinds are skipped.
//!
//! Loss: a record shorter than its own header, or refused by the parser, ends the file, since the start of the next one
//! is unknown.

mod orders;
mod values;

use std::collections::HashMap;

use dbn::{
    BboMsg, CbboMsg, Cmbp1Msg, MboMsg, Mbp1Msg, Mbp10Msg, PitSymbolMap, Record as _, RecordRef, TradeMsg,
    TsSymbolMap, UNDEF_TIMESTAMP,
    decode::dbn::fsm::{DbnFsm, ProcessResult},
};

use self::values::{set_levels, set_trade, time};
use super::{Decoder, DecoderOutput, FormatFault, table::RowValue};
use crate::{
    feed::recording::RecordPosition,
    tick::{Fields, Symbol, Tick},
};

/// The state between chunks.
pub struct Databento {
    fsm: DbnFsm,
    names: InstrumentNames,
    orders: orders::Orders,
    frames: Frames,
    /// Bytes decoded so far.
    fed: u64,
    /// Whether the metadata was read.
    begun: bool,
    /// Nothing more can be read.
    broken: bool,
}

/// Splits the stream into records. Every record is a multiple of 8 bytes long; the parser assumes that, and would read
/// other records at an unaligned address, so they never reach it.
#[derive(Default)]
struct Frames {
    /// The first bytes, which contain the length of the metadata.
    prelude: Vec<u8>,
    metadata_left: u64,
    /// The missing bytes of the current record.
    record_left: usize,
    /// It is skipped.
    skips: bool,
}

/// How to handle the next bytes.
enum NextBytes {
    Pass(usize),
    /// The beginning of a record that is skipped.
    Reject(usize),
    Skip(usize),
    Broken(&'static str),
}

/// Names of instruments by day.
#[derive(Default)]
struct InstrumentNames {
    map: TsSymbolMap,
    /// The last result, with its day.
    found: HashMap<u32, (u64, Symbol), foldhash::fast::RandomState>,
    /// Mappings that a live session sent while it was recorded: its metadata has none.
    live: PitSymbolMap,
}

const PRELUDE_BYTES: usize = 8;
const HEADER_BYTES: usize = 16;
/// The unit of a record's first byte.
const LENGTH_UNIT_BYTES: usize = 4;
const ALIGNMENT_BYTES: usize = 8;
/// A mapping of all instruments of an exchange over a year is far smaller.
const METADATA_BYTES_MAX: u32 = 256 << 20;
const NANOS_PER_DAY: u64 = 86_400_000_000_000;
const TRADE: u8 = b'T';

// === impl Databento ===

impl Databento {
    pub fn new() -> Self {
        Databento {
            fsm: DbnFsm::default(),
            names: InstrumentNames::default(),
            orders: orders::Orders::default(),
            frames: Frames::default(),
            fed: 0,
            begun: false,
            broken: false,
        }
    }

    fn break_off(&mut self, fault: &FormatFault, out: &mut DecoderOutput) {
        self.broken = true;
        out.reject(RecordPosition::Byte(self.at()), fault.reason(), || fault.to_string());
    }

    /// Where the next record begins. A fault of the metadata is placed at the beginning, however much of it the parser
    /// has taken.
    fn at(&self) -> u64 {
        if self.begun { self.fed - self.fsm.data().len() as u64 } else { 0 }
    }

    fn drain(&mut self, out: &mut DecoderOutput) {
        loop {
            let at = self.at();
            match self.fsm.process() {
                ProcessResult::ReadMore(_) => return,
                ProcessResult::Metadata(metadata) => {
                    self.begun = true;
                    match metadata.symbol_map() {
                        Ok(map) => self.names.map = map,
                        // Recorded live: records give the names.
                        Err(_) if metadata.mappings.is_empty() => {}
                        // Without mappings, every record reports that its instrument has no name.
                        Err(_) => {
                            out.reject(RecordPosition::Byte(at), crate::feed::RejectReason::Symbol, || {
                                "the metadata's mapping of symbols cannot be read".to_owned()
                            });
                        }
                    }
                }
                ProcessResult::Record(()) => {
                    let Some(record) = self.fsm.last_record() else { continue };
                    match make(record, &mut self.names, &mut self.orders) {
                        Ok(RowValue::Tick(rx, tick)) => out.tick(RecordPosition::Byte(at), rx, tick),
                        Ok(RowValue::Nothing) => out.passed += 1,
                        Err(fault) => {
                            out.reject(RecordPosition::Byte(at), fault.reason(), || fault.to_string());
                        }
                    }
                }
                ProcessResult::Err(_) => {
                    return self.break_off(
                        &FormatFault::Binary("not DBN from here on: nothing more can be read"),
                        out,
                    );
                }
            }
        }
    }
}

impl Databento {
    /// Passes the parser whole records, or the beginning of one.
    fn pass(&mut self, mut bytes: &[u8], out: &mut DecoderOutput) {
        while !self.broken && !bytes.is_empty() {
            let space = self.fsm.space();
            let len = space.len().min(bytes.len());
            if len == 0 {
                return self.break_off(&FormatFault::Binary("a record that is too long"), out);
            }
            space[..len].copy_from_slice(&bytes[..len]);
            self.fsm.fill(len);
            self.fed += len as u64;
            bytes = &bytes[len..];
            self.drain(out);
        }
    }
}

impl Decoder for Databento {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let mut rest = &*chunk;
        while !self.broken && !rest.is_empty() {
            let len = match self.frames.next(rest) {
                NextBytes::Pass(len) => {
                    self.pass(&rest[..len], out);
                    len
                }
                NextBytes::Reject(len) => {
                    let fault = FormatFault::Binary("a record whose length is not a multiple of 8");
                    out.reject(RecordPosition::Byte(self.at()), fault.reason(), || fault.to_string());
                    self.fed += len as u64;
                    len
                }
                NextBytes::Skip(len) => {
                    self.fed += len as u64;
                    len
                }
                NextBytes::Broken(why) => return self.break_off(&FormatFault::Binary(why), out),
            };
            rest = &rest[len..];
        }
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        if !self.broken && !self.fsm.data().is_empty() {
            self.break_off(&FormatFault::Binary("the file ends within a record"), out);
        }
    }
}

// === impl Frames ===

impl Frames {
    /// How to handle the next bytes; there is at least one.
    fn next(&mut self, bytes: &[u8]) -> NextBytes {
        let missing = PRELUDE_BYTES - self.prelude.len();
        if missing > 0 {
            let len = missing.min(bytes.len());
            self.prelude.extend_from_slice(&bytes[..len]);
            if let [_, _, _, _, a, b, c, d] = self.prelude[..] {
                let metadata = u32::from_le_bytes([a, b, c, d]);
                // The parser allocates all of it at once.
                if metadata > METADATA_BYTES_MAX {
                    return NextBytes::Broken("metadata of more than 256 MiB");
                }
                self.metadata_left = u64::from(metadata);
            }
            return NextBytes::Pass(len);
        }
        if self.metadata_left > 0 {
            let len = bytes.len().min(usize::try_from(self.metadata_left).unwrap_or(usize::MAX));
            self.metadata_left -= len as u64;
            return NextBytes::Pass(len);
        }
        if self.record_left > 0 {
            let len = bytes.len().min(self.record_left);
            self.record_left -= len;
            return if self.skips { NextBytes::Skip(len) } else { NextBytes::Pass(len) };
        }
        self.records(bytes)
    }

    /// As many valid records as begin here, one after another; or one invalid record.
    fn records(&mut self, bytes: &[u8]) -> NextBytes {
        let mut at = 0;
        while let Some(&words) = bytes.get(at) {
            let length = usize::from(words) * LENGTH_UNIT_BYTES;
            let sound = length >= HEADER_BYTES && length.is_multiple_of(ALIGNMENT_BYTES);
            if !sound && at > 0 {
                break;
            }
            if length < HEADER_BYTES {
                return NextBytes::Broken(
                    "a record that is shorter than its header: nothing more can be read",
                );
            }
            let here = length.min(bytes.len() - at);
            self.record_left = length - here;
            self.skips = !sound;
            if !sound {
                return NextBytes::Reject(here);
            }
            at += here;
        }
        NextBytes::Pass(at)
    }
}

fn make(
    record: RecordRef<'_>,
    names: &mut InstrumentNames,
    orders: &mut orders::Orders,
) -> Result<RowValue, FormatFault> {
    let mut fields = Fields::default();
    let ts_recv = if let Ok(quote) = record.try_get::<Mbp1Msg>() {
        let level = &quote.levels[0];
        set_levels((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz), &mut fields)?;
        if quote.action.cast_unsigned() == TRADE {
            set_trade(quote.price, quote.size, quote.side.cast_unsigned(), &mut fields)?;
        }
        quote.ts_recv
    } else if let Ok(order) = record.try_get::<MboMsg>() {
        let symbol = names.symbol(order.hd.instrument_id, known(order.ts_recv, order.hd.ts_event))?;
        fields = orders.apply(order, &symbol)?;
        order.ts_recv
    } else if let Ok(trade) = record.try_get::<TradeMsg>() {
        set_trade(trade.price, trade.size, trade.side.cast_unsigned(), &mut fields)?;
        trade.ts_recv
    } else if let Ok(quote) = record.try_get::<BboMsg>() {
        let level = &quote.levels[0];
        set_levels((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz), &mut fields)?;
        quote.ts_recv
    } else if let Ok(quote) = record.try_get::<Mbp10Msg>() {
        let level = &quote.levels[0];
        set_levels((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz), &mut fields)?;
        if quote.action.cast_unsigned() == TRADE {
            set_trade(quote.price, quote.size, quote.side.cast_unsigned(), &mut fields)?;
        }
        quote.ts_recv
    } else if let Some(ts_recv) = consolidated(record, &mut fields)? {
        ts_recv
    } else {
        names.hear(record)?;
        return Ok(RowValue::Nothing);
    };
    if fields.named().is_empty() {
        return Ok(RowValue::Nothing);
    }
    let header = record.header();
    let (rx, ts) = (time(ts_recv)?, time(header.ts_event)?);
    let symbol = names.symbol(header.instrument_id, known(ts_recv, header.ts_event))?;
    Ok(RowValue::Tick(rx, Tick { symbol, ts, fields }))
}

/// The receive time of a record over all venues of an instrument.
fn consolidated(record: RecordRef<'_>, fields: &mut Fields) -> Result<Option<u64>, FormatFault> {
    if let Ok(quote) = record.try_get::<Cmbp1Msg>() {
        let level = &quote.levels[0];
        set_levels((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz), fields)?;
        if quote.action.cast_unsigned() == TRADE {
            set_trade(quote.price, quote.size, quote.side.cast_unsigned(), fields)?;
        }
        return Ok(Some(quote.ts_recv));
    }
    let Ok(quote) = record.try_get::<CbboMsg>() else { return Ok(None) };
    let level = &quote.levels[0];
    set_levels((level.bid_px, level.bid_sz), (level.ask_px, level.ask_sz), fields)?;
    Ok(Some(quote.ts_recv))
}

/// The time that selects an instrument's name.
fn known(ts_recv: u64, ts_event: u64) -> u64 {
    if ts_recv == UNDEF_TIMESTAMP { ts_event } else { ts_recv }
}

// === impl InstrumentNames ===

impl InstrumentNames {
    /// Takes a live session's mappings of its instruments; other records have none.
    fn hear(&mut self, record: RecordRef<'_>) -> Result<(), FormatFault> {
        self.live.on_record(record).map_err(|_| FormatFault::Binary("a symbol that is not UTF-8"))?;
        if matches!(record.rtype(), Ok(dbn::RType::SymbolMapping)) {
            self.found.remove(&record.header().instrument_id);
        }
        Ok(())
    }

    fn symbol(&mut self, instrument: u32, nanos: u64) -> Result<Symbol, FormatFault> {
        let day = nanos / NANOS_PER_DAY;
        if let Some((found, symbol)) = self.found.get(&instrument)
            && *found == day
        {
            return Ok(symbol.clone());
        }
        let live = self.live.get(instrument);
        let name = live.or_else(|| self.map.get_for_ts(nanos, instrument));
        let missing =
            FormatFault::Missing { field: "the symbol in the metadata's mapping, or in a record of one" };
        let symbol = Symbol::new(name.ok_or(missing)?)?;
        self.found.insert(instrument, (day, symbol.clone()));
        Ok(symbol)
    }
}
