//! The fields of a record, by name, bit and order, and sets of them. Holds no values.
//!
//! Invariants: a field's discriminant is its bit in a [`FieldSet`]; decimals come first, so it is their index too.

/// The fields of a record, in the order in which the wire shows them. The discriminant is the bit in [`FieldSet`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Field {
    Bid = 0,
    BidSize = 1,
    Ask = 2,
    AskSize = 3,
    Last = 4,
    LastSize = 5,
    Open = 6,
    High = 7,
    Low = 8,
    Side = 9,
    Volume = 10,
    Trades = 11,
    TradeId = 12,
}

/// A set of [`Field`]s, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FieldSet(pub u16);

/// The number of plain decimals.
pub const DECIMAL_FIELDS: usize = 9;
/// Their bits in a [`FieldSet`].
pub const DECIMAL_BITS: u16 = (1 << DECIMAL_FIELDS) - 1;

impl Field {
    /// Every field, in the order in which the wire shows them.
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

    /// The name on the wire and in recordings.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Bid => "bid",
            Field::BidSize => "bid_size",
            Field::Ask => "ask",
            Field::AskSize => "ask_size",
            Field::Last => "last",
            Field::LastSize => "last_size",
            Field::Side => "side",
            Field::TradeId => "trade_id",
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Volume => "volume",
            Field::Trades => "trades",
        }
    }

    pub fn parse(name: &str) -> Option<Field> {
        Some(match name {
            "bid" => Field::Bid,
            "bid_size" => Field::BidSize,
            "ask" => Field::Ask,
            "ask_size" => Field::AskSize,
            "last" => Field::Last,
            "last_size" => Field::LastSize,
            "side" => Field::Side,
            "trade_id" => Field::TradeId,
            "open" => Field::Open,
            "high" => Field::High,
            "low" => Field::Low,
            "volume" => Field::Volume,
            "trades" => Field::Trades,
            _ => return None,
        })
    }

    pub const fn bit(self) -> FieldSet {
        FieldSet(1 << self as u8)
    }

    /// The index in `Fields`; `None` for those that are none.
    pub const fn decimal_index(self) -> Option<usize> {
        let index = self as usize;
        if index < DECIMAL_FIELDS { Some(index) } else { None }
    }

    /// Sizes and totals cannot be below 0; prices can (spreads, oil in April 2020).
    pub const fn may_be_negative(self) -> bool {
        !matches!(self, Field::BidSize | Field::AskSize | Field::LastSize | Field::Volume | Field::Trades)
    }
}

// === impl FieldSet ===

impl FieldSet {
    pub const NONE: FieldSet = FieldSet(0);
    pub const ALL: FieldSet = FieldSet((1 << Field::ALL.len()) - 1);
    /// What a record has of its last trade.
    pub const LAST_TRADE: FieldSet = FieldSet::TRADE.with(Field::Side).with(Field::TradeId);
    /// Together they are a trade, from which the service keeps the totals.
    pub const TRADE: FieldSet = Field::Last.bit().union(Field::LastSize.bit());

    /// The best bid and offer.
    pub const QUOTE: FieldSet =
        FieldSet::NONE.with(Field::Bid).with(Field::BidSize).with(Field::Ask).with(Field::AskSize);

    pub const fn contains(self, field: Field) -> bool {
        self.0 & field.bit().0 != 0
    }

    pub const fn contains_all(self, other: FieldSet) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersect(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    #[must_use]
    pub const fn without(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & !other.0)
    }

    #[must_use]
    pub const fn with(self, field: Field) -> FieldSet {
        self.union(field.bit())
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |&field| self.contains(field))
    }
}
