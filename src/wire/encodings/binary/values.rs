//! Decimals in binary messages: integers of one scale for all prices and one for all sizes of a body, or each with its
//! own scale.

use super::{field_table::fixed_of, varint};
use crate::{
    tick::{
        CustomSet, CustomValue, CustomValues, DECIMAL_FIELDS, Decimal, Field, FieldSet, Fields, Side, Volume,
    },
    topic::reference::{Places, Reference, in_places, shortest},
};

/// Value of the places byte: each decimal has its own places.
const WIDE: u8 = 0xFF;
/// Value of a decimal's own places: its digits follow as text.
const AS_TEXT: u8 = 31;

/// The decimals of a body, scaled for writing.
pub struct Decimals {
    form: ValueForm,
    /// Indexed by the fields' discriminants.
    mantissas: [i64; DECIMAL_FIELDS + 2],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueForm {
    /// Differences from the topic's reference.
    OfTopic(Reference),
    /// Differences from 0, with places of their own.
    Own(Places),
    Wide,
}

/// Writes decimals one after another.
struct DecimalWriter<'a> {
    decimals: &'a Decimals,
    /// The spread, subtracted from asks.
    spread: i64,
    /// The base of the next price's difference.
    base: i64,
    has_price: bool,
}

/// All decimal fields, the volume included.
const DECIMALS: FieldSet = FieldSet(crate::tick::DECIMAL_BITS | Field::Volume.bit().0);

// === impl Decimals ===

impl Decimals {
    /// Scaled by the reference, if all values allow it.
    #[inline]
    pub fn of(fields: &Fields, set: FieldSet, reference: Reference) -> Self {
        let set = set.intersect(DECIMALS);
        match scaled(fields, set, reference) {
            Some(mantissas) => Decimals { form: ValueForm::OfTopic(reference), mantissas },
            None => Self::without_reference(fields, set),
        }
    }

    /// With the fewest places that fit all values.
    #[cold]
    pub fn without_reference(fields: &Fields, set: FieldSet) -> Self {
        let set = set.intersect(DECIMALS);
        if set.is_empty() {
            return Decimals {
                form: ValueForm::OfTopic(Reference::ZERO),
                mantissas: [0; DECIMAL_FIELDS + 2],
            };
        }
        let places = fewest_places(fields, set);
        let scaled =
            places.and_then(|places| Some((places, scaled(fields, set, Reference::from_zero(places))?)));
        match scaled {
            Some((places, mantissas)) => Decimals { form: ValueForm::Own(places), mantissas },
            None => Decimals { form: ValueForm::Wide, mantissas: [0; DECIMAL_FIELDS + 2] },
        }
    }

    /// The places byte; `None` when the reference's places apply.
    pub fn places_byte(&self) -> Option<u8> {
        match self.form {
            ValueForm::OfTopic(_) => None,
            ValueForm::Own(places) => Some(places.byte()),
            ValueForm::Wide => Some(WIDE),
        }
    }

    fn writer(&self) -> DecimalWriter<'_> {
        let Reference { price: base, spread, .. } = match self.form {
            ValueForm::OfTopic(reference) => reference,
            ValueForm::Own(_) | ValueForm::Wide => Reference::ZERO,
        };
        DecimalWriter { decimals: self, spread: spread.into(), base, has_price: false }
    }
}

impl DecimalWriter<'_> {
    /// Appends the value of a set field.
    #[inline]
    fn write(&mut self, fields: &Fields, field: Field, out: &mut Vec<u8>) {
        if self.decimals.form == ValueForm::Wide {
            return write_wide(fields, field, out);
        }
        let mantissa = self.decimals.mantissas[field as usize];
        if is_size(field) {
            return varint::write(mantissa.cast_unsigned(), out);
        }
        let price = if field == Field::Ask { mantissa - self.spread } else { mantissa };
        varint::write_signed(price - self.base, out);
        if !self.has_price {
            (self.base, self.has_price) = (price, true);
        }
    }
}

const fn is_size(field: Field) -> bool {
    !field.may_be_negative()
}

/// The mantissas in the reference's places; `None` when a value has more places or is too large. Guarantees that no
/// difference overflows.
#[inline]
fn scaled(fields: &Fields, set: FieldSet, reference: Reference) -> Option<[i64; DECIMAL_FIELDS + 2]> {
    let mut mantissas = [0; DECIMAL_FIELDS + 2];
    let mut first = None;
    let mut bits = set.0;
    while bits != 0 {
        let index = bits.trailing_zeros() as usize;
        bits &= bits - 1;
        let field = DECIMAL_ORDER[index]?;
        let value = mantissa(fields, field)?;
        if is_size(field) {
            mantissas[index] = in_places(value, reference.places.size.into()).filter(|size| *size >= 0)?;
            continue;
        }
        mantissas[index] = in_places(value, reference.places.price.into())?;
        let price = if field == Field::Ask {
            mantissas[index].checked_sub(reference.spread.into())?
        } else {
            mantissas[index]
        };
        price.checked_sub(*first.get_or_insert(price))?;
        price.checked_sub(reference.price)?;
    }
    Some(mantissas)
}

/// The decimal fields, indexed by discriminant.
const DECIMAL_ORDER: [Option<Field>; DECIMAL_FIELDS + 2] = [
    Some(Field::Bid),
    Some(Field::BidSize),
    Some(Field::Ask),
    Some(Field::AskSize),
    Some(Field::Last),
    Some(Field::LastSize),
    Some(Field::Open),
    Some(Field::High),
    Some(Field::Low),
    None,
    Some(Field::Volume),
];

#[inline]
fn mantissa(fields: &Fields, field: Field) -> Option<(i64, u32)> {
    match field {
        Field::Volume => fields.volume().mantissa(),
        _ => fields.get_decimal(field).map(Decimal::mantissa),
    }
}

/// `None` when a value has more places than the byte can say.
fn fewest_places(fields: &Fields, set: FieldSet) -> Option<Places> {
    let mut most = Places { price: 0, size: 0 };
    for field in set.iter() {
        let (_, places) = shortest(mantissa(fields, field)?);
        let of_kind = if is_size(field) { &mut most.size } else { &mut most.price };
        *of_kind = u8::try_from(places).ok()?.max(*of_kind);
    }
    (most.price <= Places::MAX && most.size <= Places::MAX).then_some(most)
}

#[cold]
fn write_wide(fields: &Fields, field: Field, out: &mut Vec<u8>) {
    match (mantissa(fields, field), field) {
        (Some(value), _) => write_general(value, out),
        (None, _) => write_volume(fields.volume(), out),
    }
}

/// Appends one decimal with its own places.
fn write_general(value: (i64, u32), out: &mut Vec<u8>) {
    let (mantissa, places) = shortest(value);
    let bytes = mantissa.to_le_bytes();
    let sign = if mantissa < 0 { mantissa.leading_ones() } else { mantissa.leading_zeros() };
    // One bit is the sign.
    let count = (64 - sign as usize + 1).div_ceil(8).clamp(1, 8);
    out.push((count as u8 - 1) << 5 | places as u8);
    out.extend_from_slice(&bytes[..count]);
}

fn write_volume(volume: Volume, out: &mut Vec<u8>) {
    if let Some(value) = volume.mantissa() {
        return write_general(value, out);
    }
    let mut text = Vec::new();
    volume.write(&mut text);
    out.push(AS_TEXT);
    varint::write(text.len() as u64, out);
    out.extend_from_slice(&text);
}

/// Appends the values of a mask's fixed fields, in order of their ids.
pub fn write_fixed(fields: &Fields, mask: u128, decimals: &Decimals, out: &mut Vec<u8>) {
    let mut decimals = decimals.writer();
    for field in fixed_of(mask) {
        match field {
            Field::Side => out.push(match fields.side {
                Side::Unknown => 0,
                Side::Buy => 1,
                Side::Sell => 2,
            }),
            Field::Trades => varint::write(fields.trades, out),
            Field::TradeId => varint::write_text(&fields.trade_id().text(), out),
            decimal => decimals.write(fields, decimal, out),
        }
    }
}

/// Appends values of configured fields, in order of their ids.
#[cold]
pub fn write_custom(values: &CustomValues, wanted: CustomSet, out: &mut Vec<u8>) {
    for entry in values.entries().iter().filter(|entry| wanted.contains(entry.id)) {
        match &entry.value {
            None => {}
            Some(CustomValue::Decimal(value)) => write_general(value.mantissa(), out),
            Some(CustomValue::Total(total)) => write_volume(*total, out),
            Some(CustomValue::Integer(value)) => varint::write_signed(*value, out),
            Some(CustomValue::Text(text)) => varint::write_text(text, out),
        }
    }
}
