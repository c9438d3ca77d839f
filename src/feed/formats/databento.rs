//! Databento's DBN, of any version that the crate `dbn` reads: `mbp-1`, `tbbo`, `mbp-10`, `bbo-1s`, `bbo-1m`, `trades`.
//!
//! Prices are whole numbers of 1e-9 there as here. `ts_event` is the event's time, `ts_recv` the receive time. Names come
//! from the metadata's mapping, for the day of each record. A side without a price has size 0. Records of other kinds are
//! passed over.
//!
//! Loss: what cannot be parsed as a record ends the file, since nobody knows where the next one begins.

use std::collections::HashMap;

use dbn::{
    BboMsg, BidAskPair, Mbp1Msg, Mbp10Msg, RecordRef, TradeMsg, TsSymbolMap, UNDEF_PRICE, UNDEF_TIMESTAMP,
    decode::dbn::fsm::{DbnFsm, ProcessResult},
};

use super::{Decoder, Fault, Output, table::Made};
use crate::{
    feed::{ndjson::ValueFault, recording::Place},
    tick::{Field, Fields, Fixed, Nanos, Side, Symbol, Tick},
};

/// The state between chunks.
pub struct Databento {
    fsm: DbnFsm,
    names: Names,
    /// The first bytes, which tell how long the metadata is.
    prelude: Vec<u8>,
    /// Bytes that were fed.
    fed: u64,
    /// The metadata was read.
    begun: bool,
    /// Nothing more can be read.
    broken: bool,
}

/// Names of instruments by day.
#[derive(Default)]
struct Names {
    map: TsSymbolMap,
    /// What was found last, with its day.
    found: HashMap<u32, (u64, Symbol), foldhash::fast::RandomState>,
}

const PRELUDE_BYTES: usize = 8;
/// A mapping of all instruments of an exchange over a year stays far below it.
const METADATA_BYTES_MAX: u32 = 256 << 20;
const NANOS_PER_DAY: u64 = 86_400_000_000_000;
const TRADE: u8 = b'T';

// === impl Databento ===

impl Databento {
    pub fn new() -> Self {
        Databento {
            fsm: DbnFsm::default(),
            names: Names::default(),
            prelude: Vec::with_capacity(PRELUDE_BYTES),
            fed: 0,
            begun: false,
            broken: false,
        }
    }

    /// Whether the metadata is of a size that somebody could mean: the parser makes room for it at once.
    fn check_prelude(&mut self, chunk: &[u8]) -> bool {
        let missing = PRELUDE_BYTES - self.prelude.len();
        self.prelude.extend_from_slice(&chunk[..missing.min(chunk.len())]);
        match self.prelude[..] {
            [_, _, _, _, a, b, c, d] => u32::from_le_bytes([a, b, c, d]) <= METADATA_BYTES_MAX,
            _ => true,
        }
    }

    fn break_off(&mut self, fault: &Fault, out: &mut Output) {
        self.broken = true;
        out.reject(Place::Byte(self.at()), fault.reason(), || fault.to_string());
    }

    /// Where the next record begins; what is wrong with the metadata stands at the beginning, whatever the parser has taken
    /// of it by then.
    fn at(&self) -> u64 {
        if self.begun { self.fed - self.fsm.data().len() as u64 } else { 0 }
    }

    fn drain(&mut self, out: &mut Output) {
        loop {
            let at = self.at();
            match self.fsm.process() {
                ProcessResult::ReadMore(_) => return,
                ProcessResult::Metadata(metadata) => {
                    self.begun = true;
                    match metadata.symbol_map() {
                        Ok(map) => self.names.map = map,
                        // Without mappings, every record says that its instrument has no name.
                        Err(_) => out.reject(Place::Byte(at), crate::feed::RejectReason::Symbol, || {
                            "the metadata's mapping of symbols cannot be read".to_owned()
                        }),
                    }
                }
                ProcessResult::Record(()) => {
                    let Some(record) = self.fsm.last_record() else { continue };
                    match make(record, &mut self.names) {
                        Ok(Made::Tick(rx, tick)) => out.ticks.push((rx, tick)),
                        Ok(Made::Nothing) => out.passed += 1,
                        Err(fault) => out.reject(Place::Byte(at), fault.reason(), || fault.to_string()),
                    }
                }
                ProcessResult::Err(_) => {
                    return self
                        .break_off(&Fault::Binary("not DBN from here on: nothing more can be read"), out);
                }
            }
        }
    }
}

impl Decoder for Databento {
    fn feed(&mut self, chunk: &mut [u8], out: &mut Output) {
        let mut rest = &*chunk;
        if !self.broken && !self.check_prelude(rest) {
            self.break_off(&Fault::Binary("metadata of more than 256 MiB"), out);
        }
        while !self.broken && !rest.is_empty() {
            let space = self.fsm.space();
            let len = space.len().min(rest.len());
            space[..len].copy_from_slice(&rest[..len]);
            self.fsm.fill(len);
            self.fed += len as u64;
            rest = &rest[len..];
            self.drain(out);
            if len == 0 && self.fsm.space().is_empty() {
                self.break_off(&Fault::Binary("a record that is too long"), out);
            }
        }
    }

    fn finish(&mut self, out: &mut Output) {
        if !self.broken && !self.fsm.data().is_empty() {
            self.break_off(&Fault::Binary("the file ends within a record"), out);
        }
    }
}

fn make(record: RecordRef<'_>, names: &mut Names) -> Result<Made, Fault> {
    let mut fields = Fields::default();
    let ts_recv = if let Ok(quote) = record.try_get::<Mbp1Msg>() {
        set_levels(&quote.levels[0], &mut fields)?;
        if quote.action.cast_unsigned() == TRADE {
            set_trade(quote.price, quote.size, quote.side.cast_unsigned(), &mut fields)?;
        }
        quote.ts_recv
    } else if let Ok(trade) = record.try_get::<TradeMsg>() {
        set_trade(trade.price, trade.size, trade.side.cast_unsigned(), &mut fields)?;
        trade.ts_recv
    } else if let Ok(quote) = record.try_get::<BboMsg>() {
        set_levels(&quote.levels[0], &mut fields)?;
        quote.ts_recv
    } else if let Ok(quote) = record.try_get::<Mbp10Msg>() {
        set_levels(&quote.levels[0], &mut fields)?;
        if quote.action.cast_unsigned() == TRADE {
            set_trade(quote.price, quote.size, quote.side.cast_unsigned(), &mut fields)?;
        }
        quote.ts_recv
    } else {
        return Ok(Made::Nothing);
    };
    if fields.mask.is_empty() {
        return Ok(Made::Nothing);
    }
    let header = record.header();
    let (rx, ts) = (time(ts_recv)?, time(header.ts_event)?);
    let by = if ts_recv == UNDEF_TIMESTAMP { header.ts_event } else { ts_recv };
    let symbol = names.symbol(header.instrument_id, by)?;
    Ok(Made::Tick(rx, Tick { symbol, ts, fields }))
}

fn set_levels(level: &BidAskPair, fields: &mut Fields) -> Result<(), Fault> {
    for (price, size, price_field, size_field) in [
        (level.bid_px, level.bid_sz, Field::Bid, Field::BidSize),
        (level.ask_px, level.ask_sz, Field::Ask, Field::AskSize),
    ] {
        if price == UNDEF_PRICE {
            fields.set_fixed(size_field, Fixed(0));
        } else {
            fields.set_fixed(price_field, Fixed(price));
            fields.set_fixed(size_field, whole(size, size_field)?);
        }
    }
    Ok(())
}

/// The side is the aggressor's: 'A' sold, 'B' bought.
fn set_trade(price: i64, size: u32, side: u8, fields: &mut Fields) -> Result<(), Fault> {
    if price == UNDEF_PRICE {
        return Ok(());
    }
    fields.set_fixed(Field::Last, Fixed(price));
    fields.set_fixed(Field::LastSize, whole(size, Field::LastSize)?);
    match side {
        b'A' => fields.set_side(Side::Sell),
        b'B' => fields.set_side(Side::Buy),
        _ => {}
    }
    Ok(())
}

fn whole(size: u32, field: Field) -> Result<Fixed, Fault> {
    Fixed::from_int(i64::from(size)).map_err(|error| Fault::value(field.name(), ValueFault::Decimal(error)))
}

fn time(nanos: u64) -> Result<Option<Nanos>, Fault> {
    match i64::try_from(nanos) {
        _ if nanos == UNDEF_TIMESTAMP => Ok(None),
        Ok(nanos) => Ok(Some(Nanos(nanos))),
        Err(_) => Err(Fault::value("time", ValueFault::Nanos)),
    }
}

// === impl Names ===

impl Names {
    fn symbol(&mut self, instrument: u32, nanos: u64) -> Result<Symbol, Fault> {
        let day = nanos / NANOS_PER_DAY;
        if let Some((found, symbol)) = self.found.get(&instrument)
            && *found == day
        {
            return Ok(symbol.clone());
        }
        let name = self.map.get_for_ts(nanos, instrument);
        let symbol =
            Symbol::new(name.ok_or(Fault::Missing { field: "the symbol in the metadata's mapping" })?)?;
        self.found.insert(instrument, (day, symbol.clone()));
        Ok(symbol)
    }
}
