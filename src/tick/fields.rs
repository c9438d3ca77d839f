//! [`Fields`]: values for some of a record's fields, and [`Side`], the only one that is a word. Not tied to a symbol.
//!
//! Decimals lie apart from their scales, which are all 0 where every value is a whole number of units. So merging and
//! copying cost such values nothing for what others need.
//!
//! Invariants: a value is meaningful only where its bit in `mask` is set; the scale of a field that is not set is 0.

use super::{
    decimal::{Decimal, Scale, write_units},
    field::{DECIMAL_BITS, DECIMAL_FIELDS, Field, FieldSet},
    volume::Volume,
};

/// Values for some of the fields; `mask` says for which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    pub mask: FieldSet,
    pub side: Side,
    /// What the volume's units leave over; see [`Volume`].
    volume_rest: u32,
    /// Indexed by the discriminants of `Field::Bid` to `Field::Low`.
    mantissas: [i64; DECIMAL_FIELDS],
    scales: Scales,
    pub trades: u64,
    volume_units: i128,
}

/// The scales of all decimals, and whether the volume has a rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Scales(u64);

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
    #[inline]
    pub fn set_decimal(&mut self, field: Field, value: Decimal) {
        if let Some(index) = field.decimal_index() {
            let (mantissa, scale) = value.parts();
            self.mantissas[index] = mantissa;
            self.scales.set(index, scale);
            self.mask = self.mask.with(field);
        }
    }

    /// The value of a decimal field; `None` when it is not set or is no decimal.
    #[inline]
    pub fn get_decimal(&self, field: Field) -> Option<Decimal> {
        let index = field.decimal_index()?;
        self.mask.contains(field).then(|| self.decimal(index))
    }

    /// By the discriminant of its field.
    #[inline]
    fn decimal(&self, index: usize) -> Decimal {
        Decimal::from_parts(self.mantissas[index], self.scales.get(index))
    }

    pub fn set_side(&mut self, side: Side) {
        self.side = side;
        self.mask = self.mask.with(Field::Side);
    }

    #[inline]
    pub fn set_volume(&mut self, volume: Volume) {
        (self.volume_units, self.volume_rest) = volume.parts();
        self.scales.set_rest(self.volume_rest != 0);
        self.mask = self.mask.with(Field::Volume);
    }

    /// 0 when it is not set.
    pub fn volume(&self) -> Volume {
        Volume::from_parts(self.volume_units, self.volume_rest)
    }

    pub fn set_trades(&mut self, trades: u64) {
        self.trades = trades;
        self.mask = self.mask.with(Field::Trades);
    }

    /// Copies every field that `newer` has.
    pub fn merge(&mut self, newer: &Fields) {
        let mut bits = newer.mask.0 & DECIMAL_BITS;
        while bits != 0 {
            let index = bits.trailing_zeros() as usize;
            self.mantissas[index] = newer.mantissas[index];
            bits &= bits - 1;
        }
        if newer.mask.contains(Field::Side) {
            self.side = newer.side;
        }
        if newer.mask.contains(Field::Volume) {
            self.volume_units = newer.volume_units;
        }
        if newer.mask.contains(Field::Trades) {
            self.trades = newer.trades;
        }
        if !(self.scales.are_units() && newer.scales.are_units()) {
            self.merge_scales(newer);
        }
        self.mask = self.mask.union(newer.mask);
    }

    #[cold]
    fn merge_scales(&mut self, newer: &Fields) {
        if newer.mask.contains(Field::Volume) {
            self.volume_rest = newer.volume_rest;
        }
        let kept = self.scales.only(FieldSet(!newer.mask.0));
        self.scales = Scales(kept.0 | newer.scales.0);
    }

    /// Only these fields, of those that are set.
    #[must_use]
    pub fn only(&self, wanted: FieldSet) -> Fields {
        let mut some = Fields { mask: self.mask.intersect(wanted), ..Fields::default() };
        let mut bits = some.mask.0 & DECIMAL_BITS;
        while bits != 0 {
            let index = bits.trailing_zeros() as usize;
            some.mantissas[index] = self.mantissas[index];
            bits &= bits - 1;
        }
        if some.mask.contains(Field::Side) {
            some.side = self.side;
        }
        if some.mask.contains(Field::Volume) {
            some.volume_units = self.volume_units;
        }
        if some.mask.contains(Field::Trades) {
            some.trades = self.trades;
        }
        if !self.scales.are_units() {
            some.scales = self.scales.only(some.mask);
            some.volume_rest = if some.scales.have_rest() { self.volume_rest } else { 0 };
        }
        some
    }

    /// Appends `,"name":value` for each field that is both set and in `wanted`, in the wire's order.
    pub fn write_json(&self, wanted: FieldSet, out: &mut Vec<u8>) {
        let are_units = self.scales.are_units();
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
                Field::Volume => self.volume().write(out),
                Field::Trades => out.extend_from_slice(itoa::Buffer::new().format(self.trades).as_bytes()),
                _ if are_units => write_units(self.mantissas[field as usize], out),
                _ => self.decimal(field as usize).write(out),
            }
        }
    }
}

/// Where all values are units, for the path of most ticks.
impl Fields {
    #[inline]
    pub(crate) fn are_units(&self) -> bool {
        self.scales.are_units()
    }

    /// As [`Self::get_decimal`], when all are units.
    #[inline]
    pub(crate) fn get_units(&self, field: Field) -> Option<Decimal> {
        debug_assert!(self.are_units());
        let index = field.decimal_index()?;
        self.mask.contains(field).then(|| Decimal::from_units(self.mantissas[index]))
    }

    /// As [`Self::set_decimal`], when all are units, and the value is.
    #[inline]
    pub(crate) fn set_units(&mut self, field: Field, value: Decimal) {
        debug_assert!(self.are_units());
        if let (Some(index), Some(units)) = (field.decimal_index(), value.units()) {
            self.mantissas[index] = units;
            self.mask = self.mask.with(field);
        }
    }
}

/// The parts, for the packed ring.
impl Fields {
    /// The mantissa of each decimal field of a set, in their order.
    pub(crate) fn mantissas(&self) -> &[i64; DECIMAL_FIELDS] {
        &self.mantissas
    }

    pub(crate) fn mantissas_mut(&mut self) -> &mut [i64; DECIMAL_FIELDS] {
        &mut self.mantissas
    }

    #[inline]
    pub(crate) fn scales(&self) -> Scales {
        self.scales
    }

    pub(crate) fn volume_parts(&self) -> (i128, u32) {
        (self.volume_units, self.volume_rest)
    }

    pub(crate) fn set_volume_units(&mut self, units: i128) {
        self.volume_units = units;
    }

    /// The scales of all fields, and the rest of the volume when they say that it has one.
    pub(crate) fn set_scales(&mut self, scales: Scales, volume_rest: u32) {
        (self.scales, self.volume_rest) = (scales, volume_rest);
    }
}

// === impl Scales ===

impl Scales {
    const REST: u64 = 1 << (Scale::BITS * DECIMAL_FIELDS as u32);
    const FIELD: u64 = (1 << Scale::BITS) - 1;

    /// Of a word that was packed.
    pub(crate) const fn from_word(word: u64) -> Self {
        Scales(word)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// Whether every decimal, and the volume, is a whole number of units.
    #[inline]
    pub(crate) const fn are_units(self) -> bool {
        self.0 == 0
    }

    /// Whether the volume is more than its units.
    pub(crate) const fn have_rest(self) -> bool {
        self.0 & Self::REST != 0
    }

    /// Those of the fields of a set.
    pub(crate) fn only(self, wanted: FieldSet) -> Self {
        let mut kept = if wanted.contains(Field::Volume) { Self::REST } else { 0 };
        let mut bits = wanted.0 & DECIMAL_BITS;
        while bits != 0 {
            kept |= Self::FIELD << Self::shift(bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        Scales(self.0 & kept)
    }

    #[inline]
    const fn get(self, index: usize) -> Scale {
        Scale::from_bits(self.0 >> Self::shift(index))
    }

    #[inline]
    const fn set(&mut self, index: usize, scale: Scale) {
        if !scale.is_units() || !self.are_units() {
            let shift = Self::shift(index);
            self.0 = self.0 & !(Self::FIELD << shift) | (scale.bits() << shift);
        }
    }

    #[inline]
    const fn set_rest(&mut self, has_rest: bool) {
        self.0 = if has_rest { self.0 | Self::REST } else { self.0 & !Self::REST };
    }

    const fn shift(index: usize) -> u32 {
        Scale::BITS * index as u32
    }
}

const _: () = assert!(size_of::<Fields>() == 112, "the scales fill what alignment leaves free");

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
