//! [`Fields`]: values for some of a record's fields, and [`Side`], the only one that is a word. Not tied to a symbol.
//!
//! Invariant: a value is meaningful only where its bit in `mask` is set.

use super::{
    field::{FIXED_BITS, FIXED_FIELDS, Field, FieldSet},
    fixed::Fixed,
    volume::Volume,
};

/// Values for some of the fields; `mask` says for which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    pub mask: FieldSet,
    pub side: Side,
    /// Indexed by the discriminants of `Field::Bid` to `Field::Low`.
    pub fixed: [Fixed; FIXED_FIELDS],
    pub trades: u64,
    pub volume: Volume,
}

/// The aggressor side of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Side {
    #[default]
    Unknown,
    Buy,
    Sell,
}

// === impl Fields ===

impl Fields {
    pub fn set_fixed(&mut self, field: Field, value: Fixed) {
        if let Some(index) = field.fixed_index() {
            self.fixed[index] = value;
            self.mask = self.mask.with(field);
        }
    }

    /// The value of a decimal field; `None` when it is not set or is no decimal.
    pub fn get_fixed(&self, field: Field) -> Option<Fixed> {
        let index = field.fixed_index()?;
        self.mask.contains(field).then(|| self.fixed[index])
    }

    pub fn set_side(&mut self, side: Side) {
        self.side = side;
        self.mask = self.mask.with(Field::Side);
    }

    pub fn set_volume(&mut self, volume: Volume) {
        self.volume = volume;
        self.mask = self.mask.with(Field::Volume);
    }

    pub fn set_trades(&mut self, trades: u64) {
        self.trades = trades;
        self.mask = self.mask.with(Field::Trades);
    }

    /// Copies every field that `newer` has.
    pub fn merge(&mut self, newer: &Fields) {
        let mut bits = newer.mask.0 & FIXED_BITS;
        while bits != 0 {
            let index = bits.trailing_zeros() as usize;
            self.fixed[index] = newer.fixed[index];
            bits &= bits - 1;
        }
        if newer.mask.contains(Field::Side) {
            self.side = newer.side;
        }
        if newer.mask.contains(Field::Volume) {
            self.volume = newer.volume;
        }
        if newer.mask.contains(Field::Trades) {
            self.trades = newer.trades;
        }
        self.mask = self.mask.union(newer.mask);
    }

    /// Only these fields, of those that are set.
    #[must_use]
    pub fn only(&self, wanted: FieldSet) -> Fields {
        let mut some = Fields { mask: self.mask.intersect(wanted), ..Fields::default() };
        let mut bits = some.mask.0 & FIXED_BITS;
        while bits != 0 {
            let index = bits.trailing_zeros() as usize;
            some.fixed[index] = self.fixed[index];
            bits &= bits - 1;
        }
        if some.mask.contains(Field::Side) {
            some.side = self.side;
        }
        if some.mask.contains(Field::Volume) {
            some.volume = self.volume;
        }
        if some.mask.contains(Field::Trades) {
            some.trades = self.trades;
        }
        some
    }

    /// Appends `,"name":value` for each field that is both set and in `wanted`, in the wire's order.
    pub fn write_json(&self, wanted: FieldSet, out: &mut Vec<u8>) {
        for field in self.mask.intersect(wanted).iter() {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(field.name().as_bytes());
            out.extend_from_slice(b"\":");
            match field {
                Field::Side => {
                    out.push(b'"');
                    out.extend_from_slice(self.side.as_str().as_bytes());
                    out.push(b'"');
                }
                Field::Volume => self.volume.write(out),
                Field::Trades => out.extend_from_slice(itoa::Buffer::new().format(self.trades).as_bytes()),
                _ => self.fixed[field as usize].write(out),
            }
        }
    }
}

// === impl Side ===

impl Side {
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Unknown => "unknown",
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }

    pub fn parse(text: &str) -> Option<Side> {
        match text {
            "buy" => Some(Side::Buy),
            "sell" => Some(Side::Sell),
            "unknown" => Some(Side::Unknown),
            _ => None,
        }
    }
}
