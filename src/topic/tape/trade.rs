//! [`TapeTrade`]: one trade in a topic's table.

use crate::tick::{Affects, Decimal, Field, Fields, Side, TradeId};

/// A trade in the table.
#[derive(Clone, Debug)]
pub struct TapeTrade {
    pub seq: u64,
    pub last: Decimal,
    pub last_size: Decimal,
    pub id: TradeId,
    pub side: Option<Side>,
    pub affects: Affects,
    pub is_cancelled: bool,
}

impl TapeTrade {
    /// The record's last-trade fields when this is the last trade.
    pub fn as_last(&self) -> Fields {
        let mut fields = Fields::default();
        fields.set_decimal(Field::Last, self.last);
        fields.set_decimal(Field::LastSize, self.last_size);
        if let Some(side) = self.side {
            fields.set_side(side);
        }
        if !self.id.is_empty() {
            fields.set_trade_id(self.id);
        }
        fields
    }
}
