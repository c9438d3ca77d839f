//! Databento's `mbo`: every order of a market, turned by a [`OrderBook`] into best prices and trades.
//!
//! A tick reports each change of a best price or its size, and each trade. `T` is a trade, with the aggressor side;
//! `F`, its passive side, changes nothing, since a `C` that removes the shares follows. `M` of an unknown order adds
//! it, as venues define it. `R` clears the book, and of a side that became empty, price and size are withdrawn.
//!
//! Several publishers of one instrument share one book here.

use std::collections::HashMap;

use dbn::{MboMsg, UNDEF_PRICE};

use super::{
    super::{
        FormatFault,
        book::{BookOrder, OrderBook, Top},
    },
    values::set_trade,
};
use crate::tick::{Decimal, Field, Fields, Symbol};

/// The books of a file.
#[derive(Default)]
pub struct Orders {
    book: OrderBook<OrderKey, i64>,
    slots: HashMap<u32, Slot, foldhash::fast::RandomState>,
}

/// An order, by its instrument and its publisher, since the book was last cleared.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct OrderKey {
    order: u64,
    instrument: u32,
    publisher: u16,
    cleared: u32,
}

/// An instrument's index in the book.
#[derive(Clone, Copy)]
struct Slot {
    locate: u16,
    /// How often it was cleared.
    cleared: u32,
}

// === impl Orders ===

impl Orders {
    /// The change of a record to the top of its book, or its trade.
    pub fn apply(&mut self, record: &MboMsg, symbol: &Symbol) -> Result<Fields, FormatFault> {
        let mut fields = Fields::default();
        let (action, side) = (record.action.cast_unsigned(), record.side.cast_unsigned());
        if action == b'T' {
            set_trade(record.price, record.size, side, &mut fields)?;
            return Ok(fields);
        }
        // A record of the top of a book is not an order.
        if !matches!(action, b'A' | b'M' | b'C' | b'R') || record.flags.is_tob() {
            return Ok(fields);
        }
        let slot = self.slot(record.hd.instrument_id, symbol)?;
        let top = if action == b'R' {
            self.clear(record.hd.instrument_id)
        } else {
            self.change(record, slot, action)?
        };
        set_top(top, &mut fields)?;
        Ok(fields)
    }

    fn change(&mut self, record: &MboMsg, slot: Slot, action: u8) -> Result<Top<i64>, FormatFault> {
        let key = OrderKey {
            order: record.order_id,
            instrument: record.hd.instrument_id,
            publisher: record.hd.publisher_id,
            cleared: slot.cleared,
        };
        let known = self.book.get(key);
        let changed = match (action, known) {
            (b'C', None) => return Err(FormatFault::Binary("the order was never added, or has ended")),
            (b'C', Some(_)) => self.book.reduce(key, record.size),
            (b'M', Some(_)) if record.price != UNDEF_PRICE => {
                self.book.replace(key, key, record.size, record.price)
            }
            _ if record.price == UNDEF_PRICE => return Err(FormatFault::Binary("an order without a price")),
            _ => {
                let bid = match record.side.cast_unsigned() {
                    b'B' => true,
                    b'A' => false,
                    _ => return Err(FormatFault::Binary("an order without a side")),
                };
                let order = BookOrder { locate: slot.locate, bid, price: record.price, shares: record.size };
                self.book.add(key, order)
            }
        };
        changed
            .ok_or(FormatFault::Binary("the order is there already, has fewer shares, or there are too many"))
    }

    fn clear(&mut self, instrument: u32) -> Top<i64> {
        let Some(slot) = self.slots.get_mut(&instrument) else { return Top::default() };
        slot.cleared = slot.cleared.wrapping_add(1);
        self.book.clear(slot.locate).unwrap_or_default()
    }

    fn slot(&mut self, instrument: u32, symbol: &Symbol) -> Result<Slot, FormatFault> {
        if let Some(slot) = self.slots.get(&instrument) {
            return Ok(*slot);
        }
        let locate = u16::try_from(self.slots.len())
            .map_err(|_| FormatFault::Binary("more than 65536 instruments"))?;
        self.book.name(locate, symbol.clone());
        let slot = Slot { locate, cleared: 0 };
        self.slots.insert(instrument, slot);
        Ok(slot)
    }
}

fn set_top(top: Top<i64>, fields: &mut Fields) -> Result<(), FormatFault> {
    for (side, price, size) in [(top.bid, Field::Bid, Field::BidSize), (top.ask, Field::Ask, Field::AskSize)]
    {
        let Some(level) = side else { continue };
        if level.shares == 0 {
            fields.withdraw_all(price.bit().with(size));
            continue;
        }
        let shares = i64::try_from(level.shares).ok().and_then(|shares| Decimal::from_int(shares).ok());
        fields.set_decimal(size, shares.ok_or(FormatFault::Binary("more shares at a price than can be"))?);
        fields.set_decimal(price, Decimal::from_units(level.price));
    }
    Ok(())
}
