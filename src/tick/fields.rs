//! [`Fields`]: values for some of a record's fields. Not tied to a symbol.
//!
//! Decimals lie apart from their scales, which are all 0 where every value is a whole number of units. So merging and
//! copying cost such values nothing for what others need. The same word says which fields are withdrawn.
//!
//! Invariants: a value is meaningful only where its bit in `mask` is set; no field is both set and withdrawn; value and
//! scale of a withdrawn field are 0, and so is the scale of every field that is not set.

mod trade;

use std::sync::Arc;

mod json;

use super::{
    custom::{CustomFields, CustomId, CustomSet, CustomValue, CustomValues, WantedFields},
    decimal::Decimal,
    field::{DECIMAL_BITS, DECIMAL_FIELDS, Field, FieldSet},
    report::TradeReport,
    side::Side,
    trade_id::TradeId,
    uncommon::Uncommon,
    volume::Volume,
};

/// Values for some of the fields; `mask` says for which. Some others may be withdrawn: they had a value that is void.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Fields {
    pub mask: FieldSet,
    pub side: Side,
    /// What the volume's units leave over; see [`Volume`].
    volume_rest: u32,
    /// Indexed by the discriminants of `Field::Bid` to `Field::Low`.
    mantissas: [i64; DECIMAL_FIELDS],
    uncommon: Uncommon,
    pub trades: u64,
    volume_units: i128,
    trade_id: TradeId,
    /// Values of the fields that a configuration adds; `None` where there are none.
    pub custom: Option<Arc<CustomValues>>,
    /// What a tick says of a trade beside its fields, and in a record, what its last tick said. `uncommon` says whether
    /// there is one.
    report: Option<Arc<TradeReport>>,
}

// === impl Fields ===

impl Fields {
    #[inline]
    pub fn set_decimal(&mut self, field: Field, value: Decimal) {
        if let Some(index) = field.decimal_index() {
            let (mantissa, scale) = value.parts();
            self.mantissas[index] = mantissa;
            self.uncommon.set(index, scale);
            self.mask = self.mask.with(field);
        }
    }

    /// The value of a decimal field; `None` when it is not set or is not a decimal.
    #[inline]
    pub fn get_decimal(&self, field: Field) -> Option<Decimal> {
        let index = field.decimal_index()?;
        self.mask.contains(field).then(|| self.decimal(index))
    }

    /// By the discriminant of its field.
    #[inline]
    fn decimal(&self, index: usize) -> Decimal {
        Decimal::from_parts(self.mantissas[index], self.uncommon.scale(index))
    }

    pub fn set_side(&mut self, side: Side) {
        self.side = side;
        self.uncommon.restore(Field::Side);
        self.mask = self.mask.with(Field::Side);
    }

    #[inline]
    pub fn set_volume(&mut self, volume: Volume) {
        (self.volume_units, self.volume_rest) = volume.parts();
        self.uncommon.set_rest(self.volume_rest != 0);
        self.mask = self.mask.with(Field::Volume);
    }

    /// 0 when it is not set.
    pub fn volume(&self) -> Volume {
        Volume::from_parts(self.volume_units, self.volume_rest)
    }

    pub fn set_trades(&mut self, trades: u64) {
        self.trades = trades;
        self.uncommon.restore(Field::Trades);
        self.mask = self.mask.with(Field::Trades);
    }

    pub fn set_trade_id(&mut self, id: TradeId) {
        self.trade_id = id;
        self.uncommon.restore(Field::TradeId);
        self.mask = self.mask.with(Field::TradeId);
    }

    /// Empty when it is not set.
    #[inline]
    pub fn trade_id(&self) -> &TradeId {
        &self.trade_id
    }

    /// As if these fields had not been named.
    pub fn clear(&mut self, fields: FieldSet) {
        self.withdraw_all(fields);
        self.uncommon = self.uncommon.only(FieldSet::ALL.without(fields));
    }

    /// Says that a field has no value any more.
    pub fn withdraw(&mut self, field: Field) {
        match field {
            Field::Side => self.side = Side::Unknown,
            Field::Volume => (self.volume_units, self.volume_rest) = (0, 0),
            Field::Trades => self.trades = 0,
            Field::TradeId => self.trade_id = TradeId::default(),
            _ => self.mantissas[field as usize] = 0,
        }
        self.uncommon.withdraw(field);
        self.mask = self.mask.without(field.bit());
    }

    pub fn withdraw_all(&mut self, fields: FieldSet) {
        fields.iter().for_each(|field| self.withdraw(field));
    }

    /// Withdraws price and size of each side of the book whose price is 0, where that means that the side is empty.
    pub fn withdraw_sides_at_zero(&mut self) {
        for (price, size) in [(Field::Bid, Field::BidSize), (Field::Ask, Field::AskSize)] {
            if self.get_decimal(price) == Some(Decimal::ZERO) {
                self.withdraw_all(price.bit().with(size));
            }
        }
    }

    /// The fields that are withdrawn: of a tick by it, of a record by a tick since which none has set them.
    #[inline]
    pub const fn withdrawn(&self) -> FieldSet {
        self.uncommon.withdrawn()
    }

    /// The fields that are set or withdrawn.
    #[inline]
    pub const fn named(&self) -> FieldSet {
        self.mask.union(self.withdrawn())
    }

    /// Whether any field is set or withdrawn.
    #[inline]
    pub fn has_values(&self) -> bool {
        !self.named().is_empty() || self.custom.is_some()
    }

    /// Sets a field that a configuration adds; all of them are of one table.
    pub fn set_custom(&mut self, table: &Arc<CustomFields>, id: CustomId, value: CustomValue) {
        self.custom_mut(table).set(id, value);
    }

    /// Says that such a field has no value any more.
    pub fn withdraw_custom(&mut self, table: &Arc<CustomFields>, id: CustomId) {
        self.custom_mut(table).withdraw(id);
    }

    fn custom_mut(&mut self, table: &Arc<CustomFields>) -> &mut CustomValues {
        Arc::make_mut(self.custom.get_or_insert_with(|| Arc::new(CustomValues::new(Arc::clone(table)))))
    }

    /// The fields that are set or withdrawn, the configured ones too.
    #[inline]
    pub fn all_named(&self) -> WantedFields {
        let custom = self.custom.as_ref().map_or(CustomSet::NONE, |custom| custom.named());
        WantedFields { fixed: self.named(), custom }
    }

    /// Copies every field that `newer` has, and withdraws what it withdraws.
    pub fn merge(&mut self, newer: &Fields) {
        let mut bits = newer.mask.0 & DECIMAL_BITS;
        while bits != 0 {
            let index = bits.trailing_zeros() as usize;
            self.mantissas[index] = newer.mantissas[index];
            bits &= bits - 1;
        }
        if newer.mask.0 & !DECIMAL_BITS != 0 {
            if newer.mask.contains(Field::Side) {
                self.side = newer.side;
            }
            if newer.mask.contains(Field::Volume) {
                self.volume_units = newer.volume_units;
            }
            if newer.mask.contains(Field::Trades) {
                self.trades = newer.trades;
            }
            if newer.mask.contains(Field::TradeId) {
                self.trade_id = newer.trade_id;
            }
        }
        self.mask = self.mask.union(newer.mask);
        if !(self.uncommon.is_empty() && newer.uncommon.is_empty()) {
            self.merge_uncommon(newer);
        }
        if let Some(newer) = &newer.custom {
            self.merge_custom(newer);
        }
    }

    #[cold]
    fn merge_custom(&mut self, newer: &Arc<CustomValues>) {
        match &mut self.custom {
            Some(custom) => Arc::make_mut(custom).merge(newer),
            None => self.custom = Some(Arc::clone(newer)),
        }
    }

    #[cold]
    fn merge_uncommon(&mut self, newer: &Fields) {
        if newer.mask.contains(Field::Volume) {
            self.volume_rest = newer.volume_rest;
        }
        let kept = self.uncommon.only(FieldSet::ALL.without(newer.mask));
        self.uncommon = kept.union(newer.uncommon.only(newer.mask));
        // That of the last tick alone.
        self.set_report(newer.report.clone());
        self.withdraw_all(newer.withdrawn());
    }

    /// Only these fields, of those that are set or withdrawn, and what is said of a trade; no configured ones.
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
        if some.mask.contains(Field::TradeId) {
            some.trade_id = self.trade_id;
        }
        if !self.uncommon.is_empty() {
            some.uncommon = self.uncommon.only(wanted);
            some.volume_rest = if some.uncommon.has_rest() { self.volume_rest } else { 0 };
            some.report.clone_from(&self.report);
        }
        some
    }
}

/// Where all values are units, and nothing is withdrawn: for the path of most ticks.
impl Fields {
    #[inline]
    pub(crate) fn are_units(&self) -> bool {
        self.uncommon.is_empty()
    }

    /// As [`Self::get_decimal`], when all are units.
    #[inline]
    pub(crate) fn get_units(&self, field: Field) -> Option<Decimal> {
        debug_assert!(self.are_units());
        let index = field.decimal_index()?;
        self.mask.contains(field).then(|| Decimal::from_units(self.mantissas[index]))
    }

    /// As [`Self::volume`], when all are units.
    #[inline]
    pub(crate) fn volume_of_units(&self) -> Volume {
        debug_assert!(self.are_units());
        Volume::from_units(self.volume_units)
    }

    /// As [`Self::set_volume`], when all are units, and the value is.
    #[inline]
    pub(crate) fn set_volume_of_units(&mut self, volume: Volume) {
        debug_assert!(self.are_units() && volume.parts().1 == 0);
        self.volume_units = volume.parts().0;
        self.mask = self.mask.with(Field::Volume);
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
    pub(crate) fn uncommon(&self) -> Uncommon {
        self.uncommon
    }

    pub(crate) fn volume_parts(&self) -> (i128, u32) {
        (self.volume_units, self.volume_rest)
    }

    pub(crate) fn set_volume_units(&mut self, units: i128) {
        self.volume_units = units;
    }

    pub(crate) fn put_trade_id(&mut self, id: TradeId) {
        self.trade_id = id;
    }

    /// What few ticks have, and the rest of the volume when it says that there is one.
    pub(crate) fn set_uncommon(&mut self, uncommon: Uncommon, volume_rest: u32) {
        (self.uncommon, self.volume_rest) = (uncommon, volume_rest);
    }
}

const _: () = assert!(size_of::<Fields>() == 160, "what few ticks have costs the others one word");
