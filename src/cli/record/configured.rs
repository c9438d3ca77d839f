//! Fields that a server's configuration adds, as a recording has them.
//!
//! A message shows what the record has after its ticks. A line of a recording is a tick, so of a field that is summed it
//! has what was added since the line before; the sums then come out as they were when it is played. All other ways of
//! merging give the same from what the record had.

use std::{collections::HashMap, sync::Arc};

use tickcast::tick::{
    CustomFields, CustomId, CustomValue, Fields,
    custom::{CustomField, CustomKind, CustomMerge, CustomName},
};
use tickcast_client::{Change, ConfiguredField, Value, Values};

/// The fields that the server told of, and the sums so far.
#[derive(Default)]
pub struct Configured {
    table: Arc<CustomFields>,
    /// By symbol and field: the sum that the server showed last.
    sums: HashMap<(String, String), CustomValue>,
}

impl Configured {
    /// The server's fields, which may be others after a lost connection.
    pub fn begin(&mut self, fields: &[ConfiguredField<'_>]) {
        let field = |field: &ConfiguredField<'_>| {
            let (kind, merge) = (CustomKind::parse(&field.kind)?, CustomMerge::parse(&field.merge)?);
            Some(CustomField { name: CustomName::parse(&field.name)?, kind, merge, symbols: Vec::new() })
        };
        self.table = CustomFields::new(fields.iter().filter_map(field).collect());
    }

    /// Sets and withdraws what a message does; `None` when a value is none of its field. Names that the server did not
    /// tell of are passed over.
    pub fn put(&mut self, change: &Change<'_>, values: &Values<'_>, fields: &mut Fields) -> Option<()> {
        for name in &change.forgotten_others {
            self.withdraw(&change.tick.symbol, name, fields);
        }
        for (name, value) in &values.others {
            match value {
                Value::Text(text) => self.set(&change.tick.symbol, name, text, fields)?,
                Value::Withdrawn => self.withdraw(&change.tick.symbol, name, fields),
                Value::Absent => {}
            }
        }
        Some(())
    }

    fn withdraw(&mut self, symbol: &str, name: &str, fields: &mut Fields) {
        if let Some(id) = self.table.find(name) {
            self.sums.remove(&(symbol.to_owned(), name.to_owned()));
            fields.withdraw_custom(&self.table, id);
        }
    }

    fn set(&mut self, symbol: &str, name: &str, text: &str, fields: &mut Fields) -> Option<()> {
        let Some(id) = self.table.find(name) else { return Some(()) };
        let value = CustomValue::parse(self.table.get(id), text).ok()?;
        let value = self.addend(symbol, id, value)?;
        fields.set_custom(&self.table, id, value);
        Some(())
    }

    /// What was added since the sum that was shown before; any other value as it is.
    fn addend(&mut self, symbol: &str, id: CustomId, value: CustomValue) -> Option<CustomValue> {
        let field = self.table.get(id);
        if field.merge != CustomMerge::Sum {
            return Some(value);
        }
        let before = self.sums.insert((symbol.to_owned(), field.name.to_string()), value.clone());
        match (before, value) {
            (Some(CustomValue::Total(before)), CustomValue::Total(now)) => {
                now.checked_sum(before.negated()).map(CustomValue::Total)
            }
            (Some(CustomValue::Integer(before)), CustomValue::Integer(now)) => {
                now.checked_sub(before).map(CustomValue::Integer)
            }
            (_, value) => Some(value),
        }
    }
}
