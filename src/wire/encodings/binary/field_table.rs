//! The numbers of fields and the types of their values, as clients are told in `welcome`.

use crate::{
    tick::{CustomFields, CustomId, CustomSet, Field, FieldSet, custom::CustomKind},
    wire::control::NumberedField,
};

/// The fixed fields in order of their ids, each with the type of its values.
const FIXED: [(Field, &str); Field::ALL.len()] = [
    (Field::Bid, "price"),
    (Field::BidSize, "size"),
    (Field::Ask, "price"),
    (Field::AskSize, "size"),
    (Field::Last, "price"),
    (Field::LastSize, "size"),
    (Field::Side, "side"),
    (Field::Volume, "size"),
    (Field::Trades, "count"),
    (Field::TradeId, "text"),
    (Field::Open, "price"),
    (Field::High, "price"),
    (Field::Low, "price"),
];

/// Id of the first configured field.
const FIRST_CUSTOM: u32 = 14;

/// Field ids, indexed by the fields' discriminants.
const IDS: [u8; FIXED.len()] = {
    let mut ids = [0; FIXED.len()];
    let mut id = 0;
    while id < FIXED.len() {
        ids[FIXED[id].0 as usize] = id as u8;
        id += 1;
    }
    ids
};

/// The fixed fields of a mask, in order of their ids.
#[inline]
pub fn fixed_of(mask: u128) -> impl Iterator<Item = Field> {
    let mut bits = mask as u64 & ((1 << FIXED.len()) - 1);
    std::iter::from_fn(move || {
        let id = bits.trailing_zeros() as usize;
        bits &= bits.wrapping_sub(1);
        FIXED.get(id).map(|(field, _)| *field)
    })
}

/// The ids of fields as a bit mask.
#[inline]
pub fn mask_of(fixed: FieldSet, custom: CustomSet) -> u128 {
    let mut mask = 0;
    let mut bits = fixed.0;
    while bits != 0 {
        mask |= 1 << IDS[bits.trailing_zeros() as usize];
        bits &= bits - 1;
    }
    mask | u128::from(custom.0) << FIRST_CUSTOM
}

/// All fields with their numbers.
pub fn table(custom: &CustomFields) -> Vec<NumberedField<'_>> {
    let fixed = FIXED.iter().zip(0..);
    let mut fields: Vec<_> =
        fixed.map(|((field, kind), id)| NumberedField { id, name: field.name(), kind }).collect();
    fields.extend(custom.iter().map(|(id, field)| NumberedField {
        id: FIRST_CUSTOM + custom_index(id),
        name: field.name.as_str(),
        kind: match field.kind {
            CustomKind::Decimal => "decimal",
            CustomKind::Integer => "integer",
            CustomKind::Text => "text",
        },
    }));
    fields
}

fn custom_index(id: CustomId) -> u32 {
    id.index() as u32
}
