//! The meaning of a table's column, by the names that options have for it.

use crate::tick::Field;

/// The meaning of a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Target {
    Symbol,
    /// The event's time.
    Ts,
    /// The receive time.
    Rx,
    /// Whether the buyer's order was resting in the book, so that the aggressor sold.
    BuyerMaker,
    Field(Field),
}

// === impl Target ===

impl Target {
    /// The names besides a tick's fields, times and symbol.
    const BUYER_MAKER: &str = "buyer_maker";

    pub fn name(self) -> &'static str {
        match self {
            Target::Symbol => "symbol",
            Target::Ts => "ts",
            Target::Rx => "rx",
            Target::BuyerMaker => Self::BUYER_MAKER,
            Target::Field(field) => field.name(),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "symbol" => Target::Symbol,
            "ts" => Target::Ts,
            "rx" => Target::Rx,
            Self::BUYER_MAKER => Target::BuyerMaker,
            _ => Target::Field(Field::parse(name)?),
        })
    }

    /// Whether a tick may consist of it alone.
    pub fn is_value(self) -> bool {
        matches!(self, Target::Field(field) if field != Field::Side)
    }

    pub fn names() -> String {
        let fields = Field::ALL.map(Field::name).join(", ");
        format!("symbol, ts, rx, {fields} and {}", Self::BUYER_MAKER)
    }
}
