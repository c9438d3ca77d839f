//! Configured fields in tables and messages: their cells, and the names under which vendors have what they stand for.
//!
//! A table of a vendor does not know what is configured: a column or value fills a field where there is one of its name
//! for the symbol, and is passed over otherwise.

use std::sync::Arc;

use super::FormatFault;
use crate::{
    feed::ndjson::ValueFault,
    tick::{CustomFields, CustomId, CustomValue, Fields},
};

/// Sets a field to what a cell says exactly; an empty cell is absent.
///
/// # Errors
/// When the field can have no such value.
pub fn read(
    text: &str,
    id: CustomId,
    table: &Arc<CustomFields>,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    if text.is_empty() {
        return Ok(());
    }
    let field = table.get(id);
    let fault = |fault| FormatFault::Custom { field: field.name, fault: ValueFault::Custom(fault) };
    fields.set_custom(table, id, CustomValue::parse(field, text).map_err(fault)?);
    Ok(())
}

/// The same of a field by its name, where that is configured.
///
/// # Errors
/// When the field can have no such value.
pub fn fill(
    name: &str,
    text: &str,
    table: &Arc<CustomFields>,
    fields: &mut Fields,
) -> Result<(), FormatFault> {
    table.find(name).map_or(Ok(()), |id| read(text, id, table, fields))
}
