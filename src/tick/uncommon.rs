//! [`Uncommon`]: what few ticks have beside their plain values, in one word.
//!
//! Invariant: the word is 0 for every tick without a scale, a rest of the volume, and a withdrawn field.

use super::{
    decimal::Scale,
    field::{DECIMAL_BITS, DECIMAL_FIELDS, Field, FieldSet},
};

/// What few ticks have, in one word that is 0 for all others: the scales of decimals, whether the volume has a rest,
/// whether there is a report of a trade, and which fields are withdrawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Uncommon(u64);

impl Uncommon {
    const REST: u64 = 1 << (Scale::BITS * DECIMAL_FIELDS as u32);
    const SCALE: u64 = (1 << Scale::BITS) - 1;
    /// The tick says more of a trade than its fields can.
    const REPORT: u64 = Self::REST << 1;
    /// Above are the withdrawn fields, by their bits in a [`FieldSet`].
    const WITHDRAWN_SHIFT: u32 = 64 - Field::ALL.len() as u32;

    /// Of a word that was packed.
    pub(crate) const fn from_word(word: u64) -> Self {
        Uncommon(word)
    }

    pub(crate) const fn word(self) -> u64 {
        self.0
    }

    /// Whether every decimal, and the volume, is a whole number of units, and nothing is withdrawn.
    #[inline]
    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the volume is more than its units.
    pub(crate) const fn has_rest(self) -> bool {
        self.0 & Self::REST != 0
    }

    #[inline]
    pub(crate) const fn withdrawn(self) -> FieldSet {
        FieldSet((self.0 >> Self::WITHDRAWN_SHIFT) as u16)
    }

    /// Whether the tick says more of a trade than its fields can.
    #[inline]
    pub(crate) const fn has_report(self) -> bool {
        self.0 & Self::REPORT != 0
    }

    pub(super) const fn set_report(&mut self, has_report: bool) {
        self.0 = if has_report { self.0 | Self::REPORT } else { self.0 & !Self::REPORT };
    }

    /// That of the fields of a set, and what is of none.
    pub(crate) fn only(self, wanted: FieldSet) -> Self {
        let mut kept = u64::from(wanted.intersect(FieldSet::ALL).0) << Self::WITHDRAWN_SHIFT | Self::REPORT;
        if wanted.contains(Field::Volume) {
            kept |= Self::REST;
        }
        let mut bits = wanted.0 & DECIMAL_BITS;
        while bits != 0 {
            kept |= Self::SCALE << Self::shift(bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        Uncommon(self.0 & kept)
    }

    /// Of two that have no field in common.
    pub(super) const fn union(self, other: Self) -> Self {
        Uncommon(self.0 | other.0)
    }

    #[inline]
    pub(super) const fn scale(self, index: usize) -> Scale {
        Scale::from_bits(self.0 >> Self::shift(index))
    }

    /// The field of this index has a value of this scale.
    #[inline]
    pub(super) const fn set(&mut self, index: usize, scale: Scale) {
        if !scale.is_units() || !self.is_empty() {
            let shift = Self::shift(index);
            let withdrawn = 1 << (Self::WITHDRAWN_SHIFT + index as u32);
            self.0 = self.0 & !(Self::SCALE << shift) & !withdrawn | (scale.bits() << shift);
        }
    }

    /// The volume has a value.
    #[inline]
    pub(super) const fn set_rest(&mut self, has_rest: bool) {
        self.restore(Field::Volume);
        self.0 = if has_rest { self.0 | Self::REST } else { self.0 & !Self::REST };
    }

    /// The field has a value, whose scale is 0.
    #[inline]
    pub(super) const fn restore(&mut self, field: Field) {
        self.0 &= !(1 << (Self::WITHDRAWN_SHIFT + field as u32));
    }

    pub(super) fn withdraw(&mut self, field: Field) {
        *self = self.only(FieldSet::ALL.without(field.bit()));
        self.0 |= 1 << (Self::WITHDRAWN_SHIFT + field as u32);
    }

    const fn shift(index: usize) -> u32 {
        Scale::BITS * index as u32
    }
}

const _: () =
    assert!(Uncommon::REPORT < 1 << Uncommon::WITHDRAWN_SHIFT, "the withdrawn fields have their own bits");
