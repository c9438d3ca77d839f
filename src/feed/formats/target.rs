//! The meaning of a table's column, by the names that options have for it.

use super::report::ReportColumn;
use crate::tick::{CustomFields, Field, WantedFields, custom::CustomName};

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
    /// Massive's numbers of conditions, and its indicator of corrections. No option names them.
    Conditions,
    Correction,
    Field(Field),
    /// What the row says of a trade beside its fields.
    Report(ReportColumn),
    /// A field that the configuration adds, if it does: known when the table is opened.
    Custom(CustomName),
}

// === impl ColumnTarget ===

impl ColumnTarget {
    /// The names besides a tick's fields, times and symbol.
    const BUYER_MAKER: &str = "buyer_maker";

    pub fn name(&self) -> &str {
        match self {
            ColumnTarget::Symbol => "symbol",
            ColumnTarget::Ts => "ts",
            ColumnTarget::Rx => "rx",
            ColumnTarget::BuyerMaker => Self::BUYER_MAKER,
            ColumnTarget::Conditions => "conditions",
            ColumnTarget::Correction => "correction",
            ColumnTarget::Field(field) => field.name(),
            ColumnTarget::Report(column) => column.name(),
            ColumnTarget::Custom(name) => name.as_str(),
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "symbol" => ColumnTarget::Symbol,
            "ts" => ColumnTarget::Ts,
            "rx" => ColumnTarget::Rx,
            Self::BUYER_MAKER => ColumnTarget::BuyerMaker,
            _ => match (Field::parse(name), ReportColumn::parse(name)) {
                (Some(field), _) => ColumnTarget::Field(field),
                (None, Some(column)) => ColumnTarget::Report(column),
                (None, None) => ColumnTarget::Custom(CustomName::parse(name)?),
            },
        })
    }

    /// Whether a tick may consist of it alone.
    pub fn is_value(self) -> bool {
        match self {
            ColumnTarget::Field(field) => !matches!(field, Field::Side | Field::TradeId),
            ColumnTarget::Custom(_) | ColumnTarget::Report(ReportColumn::Cancel) => true,
            _ => false,
        }
    }

    pub fn names(table: &CustomFields) -> String {
        let fields = WantedFields::ALL.names(table).join(", ");
        let report = ReportColumn::ALL.map(ReportColumn::name).join(", ");
        format!("symbol, ts, rx, {fields}, {report} and {}", Self::BUYER_MAKER)
    }
}
