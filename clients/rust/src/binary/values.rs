//! The values of a snapshot, an update or a trade: walked over once to find where they end, and again when they are
//! wanted. Both are one function, so that they agree on every byte.

use super::{
    BinaryError,
    bytes::Cursor,
    decimals::{Decimal, Scale, Scaled, general},
    table::{FieldTable, IDS, Kind},
};
use crate::message::{Value, Values};

/// A set of fields, by their ids.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Mask(u128);

/// A snapshot or an update, as far as [`Tick::values`](crate::Tick::values) and [`Tick::report`](crate::Tick::report)
/// need it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Body<'a> {
    pub(super) fields: &'a FieldTable,
    pub(super) mask: Mask,
    pub(super) withdrawn: Mask,
    /// How its prices and sizes are written; `None` when nothing says it.
    pub(super) scale: Option<Scale>,
    /// The values of `mask`.
    pub(super) values: &'a [u8],
    pub(super) report: Option<Cursor<'a>>,
    pub(super) ts_us: i64,
}

/// What is done with each value.
pub(super) trait Sink<'a> {
    fn decimal(&mut self, id: usize, value: Decimal<'a>);
    fn count(&mut self, id: usize, value: u64);
    fn integer(&mut self, id: usize, value: i64);
    fn text(&mut self, id: usize, value: &'a str);
}

/// Nothing.
pub(super) struct Skip;

/// Collects values by the names of their fields.
pub(super) struct Collect<'a, 'v> {
    pub fields: &'a FieldTable,
    pub values: &'v mut Values<'a>,
}

const GROUP_BITS: usize = 7;

// === impl Mask ===

impl Mask {
    /// A mask of the first fields.
    pub fn of_group(bits: u8) -> Mask {
        Mask(bits.into())
    }

    pub fn read(cursor: &mut Cursor<'_>) -> Result<Mask, BinaryError> {
        let at = cursor.at();
        let mut mask = 0;
        for group in 0..IDS / GROUP_BITS {
            let byte = cursor.byte()?;
            mask |= u128::from(byte & 0x7F) << (GROUP_BITS * group);
            if byte < 0x80 {
                return Ok(Mask(mask));
            }
        }
        Err(BinaryError::Overflow { at })
    }

    /// The ids, rising.
    pub fn ids(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let id = rest.trailing_zeros();
            rest &= rest.wrapping_sub(1);
            (id < u128::BITS).then_some(id as usize)
        })
    }

    /// Whether it has one of these.
    pub fn has_any(self, ids: &[usize]) -> bool {
        ids.iter().any(|id| self.0 >> id & 1 != 0)
    }
}

/// Reads the values of the fields in `mask`.
#[inline]
pub(super) fn read<'a>(
    cursor: &mut Cursor<'a>,
    mask: Mask,
    scale: Option<Scale>,
    fields: &FieldTable,
    sink: &mut impl Sink<'a>,
) -> Result<(), BinaryError> {
    let mut scaled = scale.map(Scaled::new);
    for id in mask.ids() {
        match fields.kind(id).ok_or(BinaryError::Field { id })? {
            Kind::Price => {
                let scaled = scaled.as_mut().ok_or(BinaryError::Value { at: cursor.at() })?;
                sink.decimal(id, scaled.price(id, cursor)?);
            }
            Kind::Size => {
                let scaled = scaled.as_mut().ok_or(BinaryError::Value { at: cursor.at() })?;
                sink.decimal(id, scaled.size(cursor)?);
            }
            Kind::Decimal => sink.decimal(id, general(cursor)?),
            Kind::Count => sink.count(id, cursor.varint()?),
            Kind::Integer => sink.integer(id, cursor.signed()?),
            Kind::Side => sink.text(id, side(cursor)?),
            Kind::Text => sink.text(id, cursor.text()?),
            Kind::Unknown => drop(cursor.block()?),
        }
    }
    Ok(())
}

fn side(cursor: &mut Cursor<'_>) -> Result<&'static str, BinaryError> {
    let at = cursor.at();
    match cursor.byte()? {
        0 => Ok("unknown"),
        1 => Ok("buy"),
        2 => Ok("sell"),
        _ => Err(BinaryError::Value { at }),
    }
}

// === impl Body ===

impl<'a> Body<'a> {
    pub fn values(&self) -> Result<Values<'a>, BinaryError> {
        let mut values = Values { ts_us: Some(self.ts_us), ..Values::default() };
        let mut sink = Collect { fields: self.fields, values: &mut values };
        read(&mut Cursor::new(self.values), self.mask, self.scale, self.fields, &mut sink)?;
        for id in self.withdrawn.ids() {
            self.fields.put(id, Value::Withdrawn, &mut values);
        }
        Ok(values)
    }
}

// === impl Skip ===

impl<'a> Sink<'a> for Skip {
    fn decimal(&mut self, _: usize, _: Decimal<'a>) {}
    fn count(&mut self, _: usize, _: u64) {}
    fn integer(&mut self, _: usize, _: i64) {}
    fn text(&mut self, _: usize, _: &'a str) {}
}

// === impl Collect ===

impl<'a> Sink<'a> for Collect<'a, '_> {
    fn decimal(&mut self, id: usize, value: Decimal<'a>) {
        self.fields.put(id, Value::Text(value.text()), self.values);
    }

    fn count(&mut self, id: usize, value: u64) {
        self.fields.put(id, Value::Text(value.to_string().into()), self.values);
    }

    fn integer(&mut self, id: usize, value: i64) {
        self.fields.put(id, Value::Text(value.to_string().into()), self.values);
    }

    fn text(&mut self, id: usize, value: &'a str) {
        self.fields.put(id, Value::Text(value.into()), self.values);
    }
}
