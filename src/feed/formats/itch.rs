//! Nasdaq TotalView-ITCH 5.0: length-prefixed messages, to best prices and trades. A state machine without I/O.
//!
//! ```text
//! length (2 bytes, big-endian), message; message: type (1), locate (2), tracking (2), nanoseconds since midnight (6), …
//! ```
//! The day is in the file's name (`S081321-v50.txt`, `01302020.NASDAQ_ITCH50`, `20190530.BX_ITCH_50`). Every order is
//! kept from its add to its end in an [`OrderBook`]. A tick reports each change of a best price or its size, and each
//! trade. When a side becomes empty, its price and size are withdrawn. There is no receive time: the event time is used.
//!
//! An execution's aggressor side is opposite to the resting order. Trades against hidden orders and crosses have none,
//! and a non-printable execution is not a trade.
//!
//! A trade's name is its match number; a broken trade ('B') cancels the trade of that number.

use std::sync::Arc;

use super::{
    Decoder, DecoderOutput, FormatFault,
    book::{BookOrder, OrderBook, Top},
    new_york::Day,
};
use crate::{
    feed::{ndjson::ValueFault, recording::RecordPosition},
    tick::{Decimal, Field, Fields, Nanos, ReportKind, Side, Symbol, Tick, TradeId, TradeReport},
};

/// The state between chunks.
pub struct Itch {
    midnight: Nanos,
    book: OrderBook,
    /// A message that the chunks so far did not end, with its length.
    carry: Vec<u8>,
    /// Where the next message begins in the file.
    at: u64,
}

/// One message's fields, by their offsets. Lengths were checked before.
#[derive(Clone, Copy)]
struct Message<'a>(&'a [u8]);

/// Prices have four places.
const UNITS_PER_PRICE: i64 = 100_000;
const LENGTH_BYTES: usize = 2;

/// Whether a file starts like these: with the system event that opens a day, or another message of the right length.
pub fn is_head(head: &[u8]) -> bool {
    match head {
        [high, low, kind, ..] => length_of(*kind) == Some(usize::from(u16::from_be_bytes([*high, *low]))),
        _ => false,
    }
}

/// The day in a file's name.
pub fn day_of(name: &str) -> Option<Day> {
    let short = name.strip_prefix(['S', 's']).unwrap_or(name);
    let digits = short.bytes().take_while(u8::is_ascii_digit).count();
    let digits = &short[..digits];
    match digits.len() {
        6 => Day::parse(&format!("20{}{}", &digits[4..], &digits[..4])),
        8 => Day::parse(digits).or_else(|| Day::parse(&format!("{}{}", &digits[4..], &digits[..4]))),
        _ => None,
    }
}

/// The length of a message of this type; `None` for a type that version 5.0 does not have.
const fn length_of(kind: u8) -> Option<usize> {
    Some(match kind {
        b'S' | b'W' => 12,
        b'R' => 39,
        b'H' => 25,
        b'Y' | b'N' => 20,
        b'L' => 26,
        b'V' | b'J' | b'U' => 35,
        b'K' => 28,
        b'h' => 21,
        b'A' | b'C' => 36,
        b'F' | b'Q' => 40,
        b'E' => 31,
        b'X' => 23,
        b'D' | b'B' => 19,
        b'P' => 44,
        b'I' => 50,
        b'O' => 48,
        _ => return None,
    })
}

// === impl Itch ===

impl Itch {
    /// # Errors
    /// When the name does not give the day.
    pub fn new(name: &str) -> Result<Self, String> {
        let day = day_of(name).ok_or(
            "the day of an ITCH file stands in its name, as in S081321-v50.txt, 01302020.NASDAQ_ITCH50 or \
             20190530.BX_ITCH_50",
        )?;
        Ok(Itch { midnight: day.midnight(), book: OrderBook::default(), carry: Vec::new(), at: 0 })
    }

    /// Takes one message, without its length.
    fn take(&mut self, bytes: &[u8], out: &mut DecoderOutput) {
        let at = self.at;
        self.at += (LENGTH_BYTES + bytes.len()) as u64;
        let made = match bytes.first().map(|&kind| length_of(kind)) {
            // A length of 0 ends a session; other types are of other versions.
            None | Some(None) => Ok(None),
            Some(Some(expected)) if expected != bytes.len() => {
                Err(FormatFault::Binary("the message's length is not that of its type"))
            }
            Some(Some(_)) => self.apply(Message(bytes)),
        };
        match made {
            Ok(Some(tick)) => out.tick(RecordPosition::Byte(at), None, tick),
            Ok(None) => out.passed += 1,
            Err(fault) => out.reject(RecordPosition::Byte(at), fault.reason(), || fault.to_string()),
        }
    }

    fn apply(&mut self, message: Message<'_>) -> Result<Option<Tick>, FormatFault> {
        let unknown = FormatFault::Binary("the order was never added, or has ended");
        let too_much = FormatFault::Binary("more shares than the order has left");
        let reference = message.u64(11);
        match message.0[0] {
            b'A' | b'F' => {
                let bid = message.is_buy()?;
                let order = BookOrder {
                    locate: message.locate(),
                    bid,
                    price: message.u32(32),
                    shares: message.u32(20),
                };
                let symbol = message.symbol(24)?;
                self.book.name(order.locate, symbol);
                let added = self.book.add(reference, order);
                let top =
                    added.ok_or(FormatFault::Binary("the order is there already, or there are too many"))?;
                Ok(self.tick(message, top, Fields::default()))
            }
            b'E' | b'C' => {
                let (shares, order) = (message.u32(19), self.book.get(reference).ok_or(unknown)?);
                let price = if message.0[0] == b'C' { message.u32(32) } else { order.price };
                let top = self.book.reduce(reference, shares).ok_or(too_much)?;
                let printed = message.0[0] == b'E' || message.0[31] == b'Y';
                let aggressor = if order.bid { Side::Sell } else { Side::Buy };
                let mut fields = Fields::default();
                if printed {
                    set_trade(price, u64::from(shares), &mut fields)?;
                    fields.set_side(aggressor);
                    fields.set_trade_id(TradeId::of_number(message.u64(23)));
                }
                Ok(self.tick(message, top, fields))
            }
            b'X' => {
                self.book.get(reference).ok_or(unknown)?;
                let top = self.book.reduce(reference, message.u32(19)).ok_or(too_much)?;
                Ok(self.tick(message, top, Fields::default()))
            }
            b'D' => {
                let top = self.book.remove(reference).ok_or(unknown)?;
                Ok(self.tick(message, top, Fields::default()))
            }
            b'U' => {
                let top = self.book.replace(reference, message.u64(19), message.u32(27), message.u32(31));
                Ok(self.tick(message, top.ok_or(unknown)?, Fields::default()))
            }
            b'P' => self.trade(message, 24, message.u32(32), u64::from(message.u32(20)), message.u64(36)),
            b'Q' => self.trade(message, 19, message.u32(27), message.u64(11), message.u64(31)),
            b'R' => {
                // A broken trade names its stock by number alone.
                if let Ok(symbol) = message.symbol(11) {
                    self.book.name(message.locate(), symbol);
                }
                Ok(None)
            }
            b'B' => {
                let Some(symbol) = self.book.symbol(message.locate()).cloned() else { return Ok(None) };
                let report = TradeReport::of(ReportKind::Cancel, TradeId::of_number(reference));
                let mut fields = Fields::default();
                fields.set_report(Some(Arc::new(report)));
                Ok(Some(Tick { symbol, ts: Some(self.time(message)), fields }))
            }
            _ => Ok(None),
        }
    }

    /// A trade without an order of the book.
    fn trade(
        &mut self,
        message: Message<'_>,
        stock: usize,
        price: u32,
        shares: u64,
        number: u64,
    ) -> Result<Option<Tick>, FormatFault> {
        if shares == 0 {
            return Ok(None);
        }
        let (mut fields, symbol) = (Fields::default(), message.symbol(stock)?);
        self.book.name(message.locate(), symbol.clone());
        set_trade(price, shares, &mut fields)?;
        fields.set_trade_id(TradeId::of_number(number));
        Ok(Some(Tick { symbol, ts: Some(self.time(message)), fields }))
    }

    /// The tick of the change at the top of the book, and of `fields`; `None` when both are empty.
    fn tick(&self, message: Message<'_>, top: Top, mut fields: Fields) -> Option<Tick> {
        for (side, price, size) in
            [(top.bid, Field::Bid, Field::BidSize), (top.ask, Field::Ask, Field::AskSize)]
        {
            let Some(level) = side else { continue };
            if level.shares == 0 {
                fields.withdraw_all(price.bit().with(size));
                continue;
            }
            fields.set_decimal(price, Decimal::from_units(i64::from(level.price) * UNITS_PER_PRICE));
            let shares = i64::try_from(level.shares).ok().and_then(|shares| Decimal::from_int(shares).ok());
            fields.set_decimal(size, shares.unwrap_or(Decimal::MAX));
        }
        if fields.named().is_empty() {
            return None;
        }
        let symbol = self.book.symbol(message.locate())?.clone();
        Some(Tick { symbol, ts: Some(self.time(message)), fields })
    }

    fn time(&self, message: Message<'_>) -> Nanos {
        Nanos(self.midnight.0 + message.nanos())
    }
}

fn set_trade(price: u32, shares: u64, fields: &mut Fields) -> Result<(), FormatFault> {
    let size = i64::try_from(shares).ok().and_then(|shares| Decimal::from_int(shares).ok());
    let size = size.ok_or(FormatFault::value("shares", ValueFault::Range))?;
    fields.set_decimal(Field::Last, Decimal::from_units(i64::from(price) * UNITS_PER_PRICE));
    fields.set_decimal(Field::LastSize, size);
    Ok(())
}

impl Decoder for Itch {
    fn feed(&mut self, chunk: &mut [u8], out: &mut DecoderOutput) {
        let mut rest = &*chunk;
        // First the message that the last chunk began is completed; then messages are taken in place.
        while !self.carry.is_empty() && !rest.is_empty() {
            let needed = needed(&self.carry).saturating_sub(self.carry.len()).min(rest.len());
            self.carry.extend_from_slice(&rest[..needed]);
            rest = &rest[needed..];
            if self.carry.len() >= LENGTH_BYTES && self.carry.len() == self::needed(&self.carry) {
                let carry = std::mem::take(&mut self.carry);
                self.take(&carry[LENGTH_BYTES..], out);
                self.carry = carry;
                self.carry.clear();
            }
        }
        while rest.len() >= LENGTH_BYTES && rest.len() >= needed(rest) {
            let (message, after) = rest.split_at(needed(rest));
            self.take(&message[LENGTH_BYTES..], out);
            rest = after;
        }
        self.carry.extend_from_slice(rest);
    }

    fn finish(&mut self, out: &mut DecoderOutput) {
        if !self.carry.is_empty() {
            let fault = FormatFault::Binary("the file ends within a message");
            out.reject(RecordPosition::Byte(self.at), fault.reason(), || fault.to_string());
            self.carry.clear();
        }
    }
}

/// The length of the first message, its length field included; only that of the field while it is incomplete.
fn needed(bytes: &[u8]) -> usize {
    match bytes {
        [high, low, ..] => LENGTH_BYTES + usize::from(u16::from_be_bytes([*high, *low])),
        _ => LENGTH_BYTES,
    }
}

// === impl Message ===

impl Message<'_> {
    fn u32(self, at: usize) -> u32 {
        self.0[at..at + 4].iter().fold(0, |sum, &byte| sum << 8 | u32::from(byte))
    }

    /// 0 where the message is too short for it: types without an order do not read it.
    fn u64(self, at: usize) -> u64 {
        self.0.get(at..at + 8).unwrap_or_default().iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte))
    }

    fn locate(self) -> u16 {
        u16::from_be_bytes([self.0[1], self.0[2]])
    }

    fn nanos(self) -> i64 {
        self.0[5..11].iter().fold(0, |sum, &byte| sum << 8 | i64::from(byte))
    }

    fn is_buy(self) -> Result<bool, FormatFault> {
        match self.0[19] {
            b'B' => Ok(true),
            b'S' => Ok(false),
            _ => Err(FormatFault::value("side", ValueFault::Side)),
        }
    }

    /// Eight bytes, with spaces behind.
    fn symbol(self, at: usize) -> Result<Symbol, FormatFault> {
        let name = self.0[at..at + 8].trim_ascii_end();
        Ok(Symbol::new(FormatFault::text(name)?)?)
    }
}
