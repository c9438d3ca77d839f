//! The fields of a record, by their names on the wire.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

/// A field of a record.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Field {
    Bid = 0,
    BidSize,
    Ask,
    AskSize,
    Last,
    LastSize,
    /// The aggressor side of the last trade: `buy`, `sell` or `unknown`.
    Side,
    /// The name of the last trade at its venue.
    TradeId,
    Open,
    High,
    Low,
    Volume,
    Trades,
}

/// How many fields a record has.
pub const FIELDS: usize = Field::ALL.len();

// === impl Field ===

impl From<Field> for Cow<'static, str> {
    fn from(field: Field) -> Self {
        field.name().into()
    }
}

impl Field {
    pub const ALL: [Field; 13] = [
        Field::Bid,
        Field::BidSize,
        Field::Ask,
        Field::AskSize,
        Field::Last,
        Field::LastSize,
        Field::Side,
        Field::TradeId,
        Field::Open,
        Field::High,
        Field::Low,
        Field::Volume,
        Field::Trades,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Field::Bid => "bid",
            Field::BidSize => "bid_size",
            Field::Ask => "ask",
            Field::AskSize => "ask_size",
            Field::Last => "last",
            Field::LastSize => "last_size",
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Side => "side",
            Field::TradeId => "trade_id",
            Field::Volume => "volume",
            Field::Trades => "trades",
        }
    }

    /// The field with this name.
    ///
    /// ```
    /// use tickcast_client::Field;
    /// assert_eq!(Field::parse("bid_size"), Some(Field::BidSize));
    /// assert_eq!(Field::parse("yield"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Field> {
        Field::ALL.into_iter().find(|field| field.name() == name)
    }
}

impl Serialize for Field {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_indices_are_of_one_order() {
        for (index, field) in Field::ALL.into_iter().enumerate() {
            assert_eq!((field as usize, Field::parse(field.name())), (index, Some(field)));
        }
    }
}
