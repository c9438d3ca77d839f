//! [`TapeTrade`]: one trade of a topic's running table.

use crate::tick::{Affects, Decimal, Field, Fields, Side, TradeId};

/// A trade of the table.
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
    /// What a record shows of it when it is the last one.
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
