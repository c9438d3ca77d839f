//! The meaning of a table's column, by the names that options have for it.

use crate::tick::Field;

/// The meaning of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ColumnTarget {
    Symbol,
    /// The event's time.
    Ts,
    /// The receive time.
    Rx,
    /// Whether the buyer's order was resting in the book, so that the aggressor sold.
    BuyerMaker,
    Field(Field),
}

// === impl ColumnTarget ===

impl ColumnTarget {
    /// The names besides a tick's fields, times and symbol.
    const BUYER_MAKER: &str = "buyer_maker";

    pub fn name(self) -> &'static str {
        match self {
            ColumnTarget::Symbol => "symbol",
            ColumnTarget::Ts => "ts",
            ColumnTarget::Rx => "rx",
            ColumnTarget::BuyerMaker => Self::BUYER_MAKER,
            ColumnTarget::Field(field) => field.name(),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "symbol" => ColumnTarget::Symbol,
            "ts" => ColumnTarget::Ts,
            "rx" => ColumnTarget::Rx,
            Self::BUYER_MAKER => ColumnTarget::BuyerMaker,
            _ => ColumnTarget::Field(Field::parse(name)?),
        })
    }

    /// Whether a tick may consist of it alone.
    pub fn is_value(self) -> bool {
        matches!(self, ColumnTarget::Field(field) if !matches!(field, Field::Side | Field::TradeId))
    }

    pub fn names() -> String {
        let fields = Field::ALL.map(Field::name).join(", ");
        format!("symbol, ts, rx, {fields} and {}", Self::BUYER_MAKER)
    }
}
