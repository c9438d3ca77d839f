//! The normalised messages of tardis-machine as JSON: names and their order are its own, digits are those of the
//! recording.
//!
//! A value that is not known has no name, as `undefined` has none in JSON.

use super::iso::{IsoWriter, TimePlaces};
use crate::tick::{Decimal, Fields, Nanos, Side, Symbol};

/// When something happened by the exchange, and when it was received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageTimes {
    /// `None`: the exchange said nothing; the time of receipt stands for it.
    pub ts: Option<Nanos>,
    pub rx: Nanos,
}

/// The best bid and ask, with their sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BestLevels {
    pub bid: Option<Decimal>,
    pub bid_size: Option<Decimal>,
    pub ask: Option<Decimal>,
    pub ask_size: Option<Decimal>,
}

/// Writes messages of one exchange, each into the buffer that it is given.
pub struct MessageWriter {
    exchange: Box<str>,
    iso: IsoWriter,
}

impl MessageWriter {
    pub fn new(exchange: &str) -> Self {
        MessageWriter { exchange: exchange.into(), iso: IsoWriter::new() }
    }

    /// A tick's trade, if it is one.
    pub fn trade(
        &mut self,
        symbol: &Symbol,
        fields: &Fields,
        times: MessageTimes,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some((price, amount, side, _)) = fields.trade() else { return false };
        self.begin("trade", symbol, out);
        let id = fields.name_of_trade();
        if !id.is_empty() {
            out.extend_from_slice(b",\"id\":\"");
            out.extend_from_slice(id.text().as_bytes());
            out.push(b'"');
        }
        write_decimal("price", Some(price), out);
        write_decimal("amount", Some(amount), out);
        out.extend_from_slice(match side {
            Some(Side::Buy) => b",\"side\":\"buy\"",
            Some(Side::Sell) => b",\"side\":\"sell\"",
            Some(Side::Unknown) | None => b",\"side\":\"unknown\"",
        });
        self.end(times, out);
        true
    }

    pub fn book_ticker(
        &mut self,
        symbol: &Symbol,
        book: &BestLevels,
        times: MessageTimes,
        out: &mut Vec<u8>,
    ) {
        self.begin("book_ticker", symbol, out);
        write_decimal("askAmount", book.ask_size, out);
        write_decimal("askPrice", book.ask, out);
        write_decimal("bidPrice", book.bid, out);
        write_decimal("bidAmount", book.bid_size, out);
        self.end(times, out);
    }

    /// The best level of each side, as a snapshot of depth 1.
    pub fn snapshot(
        &mut self,
        symbol: &Symbol,
        name: &str,
        interval_ms: u128,
        book: &BestLevels,
        times: MessageTimes,
        out: &mut Vec<u8>,
    ) {
        self.begin("book_snapshot", symbol, out);
        out.extend_from_slice(b",\"name\":\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\",\"depth\":1,\"interval\":");
        out.extend_from_slice(itoa::Buffer::new().format(interval_ms).as_bytes());
        write_level("bids", book.bid, book.bid_size, out);
        write_level("asks", book.ask, book.ask_size, out);
        self.end(times, out);
    }

    /// The recorder lost its connection behind what it received at this time.
    pub fn disconnect(&mut self, rx: Nanos, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"disconnect\",\"exchange\":\"");
        out.extend_from_slice(self.exchange.as_bytes());
        out.extend_from_slice(b"\",\"localTimestamp\":\"");
        self.iso.write(rx, TimePlaces::Six, out);
        out.extend_from_slice(b"\"}");
    }

    fn begin(&mut self, kind: &str, symbol: &Symbol, out: &mut Vec<u8>) {
        for piece in
            ["{\"type\":\"", kind, "\",\"symbol\":\"", symbol.as_str(), "\",\"exchange\":\"", &self.exchange]
        {
            out.extend_from_slice(piece.as_bytes());
        }
        out.push(b'"');
    }

    /// The real one cuts the time of receipt to microseconds and always shows them.
    fn end(&mut self, MessageTimes { ts, rx }: MessageTimes, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"timestamp\":\"");
        match ts {
            Some(ts) => self.iso.write(ts, TimePlaces::AsNeeded, out),
            None => self.iso.write(rx, TimePlaces::Six, out),
        }
        out.extend_from_slice(b"\",\"localTimestamp\":\"");
        self.iso.write(rx, TimePlaces::Six, out);
        out.extend_from_slice(b"\"}");
    }
}

fn write_decimal(name: &str, value: Option<Decimal>, out: &mut Vec<u8>) {
    let Some(value) = value else { return };
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    value.write(out);
}

/// One side. Without a price its level is empty.
fn write_level(name: &str, price: Option<Decimal>, amount: Option<Decimal>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":[{");
    if let Some(price) = price {
        out.extend_from_slice(b"\"price\":");
        price.write(out);
        write_decimal("amount", amount, out);
    }
    out.extend_from_slice(b"}]");
}
