//! The table of fields: what the ids of a mask stand for, as `subscribed` tells it.
//!
//! The fields up to [`FIXED_IDS`] belong to the protocol and need no table. Invariant: a table has at most
//! [`IDS`] entries, whatever it is told.

use compact_str::CompactString;

use crate::{
    field::Field,
    message::{TableField, Value, Values},
};

/// The ids that a mask has room for: 12 groups of 7.
pub(super) const IDS: usize = 84;
/// The ids below this are fields of the protocol.
pub(super) const FIXED_IDS: usize = 13;

/// The field whose price is counted from the spread, too.
pub(super) const ASK: usize = 2;

/// How a field's values are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A decimal in the scale of the prices of a body.
    Price,
    /// A decimal in the scale of the sizes of a body.
    Size,
    /// Any other decimal, with a scale of its own.
    Decimal,
    /// Not negative.
    Count,
    Integer,
    Side,
    Text,
    /// Of a newer server: its values have their length before them, and are skipped.
    Unknown,
}

/// The fields beyond those of the protocol.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct FieldTable {
    /// By id - [`FIXED_IDS`]; `None` where there is no such field.
    entries: Vec<Option<(CompactString, Kind)>>,
}

const FIXED: [(Field, Kind); FIXED_IDS] = [
    (Field::Bid, Kind::Price),
    (Field::BidSize, Kind::Size),
    (Field::Ask, Kind::Price),
    (Field::AskSize, Kind::Size),
    (Field::Last, Kind::Price),
    (Field::LastSize, Kind::Size),
    (Field::Side, Kind::Side),
    (Field::Volume, Kind::Size),
    (Field::Trades, Kind::Count),
    (Field::TradeId, Kind::Text),
    (Field::Open, Kind::Price),
    (Field::High, Kind::Price),
    (Field::Low, Kind::Price),
];

// === impl FieldTable ===

impl FieldTable {
    /// Takes a table in, in place of the one before.
    pub fn set(&mut self, fields: &[TableField<'_>]) {
        self.entries.clear();
        for field in fields {
            let id = usize::try_from(field.id).unwrap_or(usize::MAX);
            let Some(index) = id.checked_sub(FIXED_IDS).filter(|_| id < IDS) else { continue };
            if self.entries.len() <= index {
                self.entries.resize(index + 1, None);
            }
            self.entries[index] = Some(((&*field.name).into(), Kind::of(&field.kind)));
        }
    }

    #[inline]
    pub fn kind(&self, id: usize) -> Option<Kind> {
        match FIXED.get(id) {
            Some(&(_, kind)) => Some(kind),
            None => self.entry(id).map(|&(_, kind)| kind),
        }
    }

    fn entry(&self, id: usize) -> Option<&(CompactString, Kind)> {
        self.entries.get(id.checked_sub(FIXED_IDS)?)?.as_ref()
    }

    /// Puts a value where its field belongs. A field that is in no table is left out.
    pub fn put<'a>(&'a self, id: usize, value: Value<'a>, values: &mut Values<'a>) {
        if let Some(&(field, _)) = FIXED.get(id) {
            values.texts[field as usize] = value;
        } else if let Some((name, _)) = self.entry(id) {
            match Field::parse(name) {
                Some(field) => values.texts[field as usize] = value,
                None => values.others.push((name.as_str().into(), value)),
            }
        }
    }
}

// === impl Kind ===

impl Kind {
    fn of(word: &str) -> Kind {
        match word {
            "price" => Kind::Price,
            "size" => Kind::Size,
            "decimal" => Kind::Decimal,
            "count" => Kind::Count,
            "integer" => Kind::Integer,
            "side" => Kind::Side,
            "text" => Kind::Text,
            _ => Kind::Unknown,
        }
    }
}
