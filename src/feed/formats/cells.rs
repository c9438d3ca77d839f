//! The cells of tables that other programs wrote: missing values, words for sides and truth, printed doubles.

use std::sync::Arc;

use super::{FormatFault, custom, table::checked};
use crate::{
    feed::ndjson::ValueFault,
    tick::{
        CustomFields, CustomId, CustomValue, DIGITS_MAX, Decimal, Field, Fields, Side, TradeId, Volume,
        custom::{CustomKind, CustomMerge},
    },
};

/// The number of digits that distinguishes a printed double from a decimal that a person wrote.
const DOUBLE_DIGITS_MIN: usize = 16;

/// The texts that programs write for a missing value.
pub fn is_absent(cell: &str) -> bool {
    match cell.as_bytes() {
        [] => true,
        [b'N' | b'n' | b'<', ..] => ["nan", "null", "none", "na", "n/a", "nat", "<na>"]
            .iter()
            .any(|word| cell.eq_ignore_ascii_case(word)),
        _ => false,
    }
}

pub fn seller_waited(cell: &str) -> Result<Side, FormatFault> {
    match cell {
        "true" | "True" | "TRUE" | "1" => Ok(Side::Sell),
        "false" | "False" | "FALSE" | "0" => Ok(Side::Buy),
        _ => Err(FormatFault::value("buyer_maker", ValueFault::Boolean)),
    }
}

/// The aggressor side, as exchanges write it. 0 is none: some count from it, others use it for unknown.
fn side(cell: &str) -> Option<Side> {
    let is = |words: &[&str]| words.iter().any(|word| cell.eq_ignore_ascii_case(word));
    if is(&["buy", "b", "1", "buyer", "long"]) {
        Some(Side::Buy)
    } else if is(&["sell", "s", "-1", "2", "seller", "short"]) {
        Some(Side::Sell)
    } else {
        is(&["unknown", "u"]).then_some(Side::Unknown)
    }
}

pub fn read(cell: &str, field: Field, fields: &mut Fields) -> Result<(), ValueFault> {
    match field {
        Field::Side => fields.set_side(side(cell).ok_or(ValueFault::Side)?),
        Field::Volume => {
            let parse = if is_double(cell) { Volume::parse_double } else { Volume::parse };
            fields.set_volume(ValueFault::check_volume(parse(cell))?);
        }
        // The trade counts, whatever its name.
        Field::TradeId => {
            if let Some(id) = TradeId::of_venue(cell) {
                fields.set_trade_id(id);
            }
        }
        Field::Trades => fields.set_trades(cell.parse().map_err(|_| ValueFault::NotWhole)?),
        _ => fields.set_decimal(field, decimal_or_double(cell, field)?),
    }
    Ok(())
}

/// A printed double is rounded, as in any other column.
pub fn read_custom(
    cell: &str,
    id: CustomId,
    table: &Arc<CustomFields>,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    let field = table.get(id);
    let value = match (field.kind, field.merge) {
        (CustomKind::Decimal, CustomMerge::Sum) if is_double(cell) => {
            CustomValue::total(Volume::parse_double(cell))
        }
        (CustomKind::Decimal, _) if is_double(cell) => CustomValue::decimal(Decimal::parse_double(cell)),
        _ => return custom::read(cell, id, table, fields),
    };
    let fault = |fault| FormatFault::Custom { field: field.name, fault: ValueFault::Custom(fault) };
    fields.set_custom(table, id, value.map_err(fault)?);
    Ok(())
}

fn decimal_or_double(cell: &str, field: Field) -> Result<Decimal, ValueFault> {
    let parse = if is_double(cell) { Decimal::parse_double } else { Decimal::parse };
    checked(parse(cell), field)
}

/// Whether a decimal has as many digits as a printed double: 16, 17, or more than any decimal can have. 18 are a
/// decimal's: programs print doubles with fewer, or with an exponent.
fn is_double(cell: &str) -> bool {
    let mantissa = cell.split(['e', 'E']).next().unwrap_or_default();
    let count = mantissa.bytes().filter(u8::is_ascii_digit).skip_while(|&byte| byte == b'0').count();
    let is_plain = mantissa.len() == cell.len();
    count >= DOUBLE_DIGITS_MIN && !(is_plain && count == DIGITS_MAX)
}
