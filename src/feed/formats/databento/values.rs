//! Converts values of Databento's records to values of ticks. A missing price is [`UNDEF_PRICE`].

use dbn::{UNDEF_PRICE, UNDEF_TIMESTAMP};

use super::super::fault::FormatFault;
use crate::{
    feed::ndjson::ValueFault,
    tick::{Decimal, Field, Fields, Nanos, Side},
};

pub fn set_levels(bid: (i64, u32), ask: (i64, u32), fields: &mut Fields) -> Result<(), FormatFault> {
    for ((price, size), price_field, size_field) in
        [(bid, Field::Bid, Field::BidSize), (ask, Field::Ask, Field::AskSize)]
    {
        if price == UNDEF_PRICE {
            fields.withdraw_all(price_field.bit().with(size_field));
        } else {
            fields.set_decimal(price_field, Decimal::from_units(price));
            fields.set_decimal(size_field, whole(size, size_field)?);
        }
    }
    Ok(())
}

/// The aggressor side: 'A' sold, 'B' bought.
pub fn set_trade(price: i64, size: u32, side: u8, fields: &mut Fields) -> Result<(), FormatFault> {
    if price == UNDEF_PRICE {
        return Ok(());
    }
    fields.set_decimal(Field::Last, Decimal::from_units(price));
    fields.set_decimal(Field::LastSize, whole(size, Field::LastSize)?);
    match side {
        b'A' => fields.set_side(Side::Sell),
        b'B' => fields.set_side(Side::Buy),
        _ => {}
    }
    Ok(())
}

pub fn time(nanos: u64) -> Result<Option<Nanos>, FormatFault> {
    match i64::try_from(nanos) {
        _ if nanos == UNDEF_TIMESTAMP => Ok(None),
        Ok(nanos) => Ok(Some(Nanos(nanos))),
        Err(_) => Err(FormatFault::value("time", ValueFault::Nanos)),
    }
}

pub fn whole(size: u32, field: Field) -> Result<Decimal, FormatFault> {
    Decimal::from_int(i64::from(size))
        .map_err(|error| FormatFault::value(field.name(), ValueFault::Decimal(error)))
}
