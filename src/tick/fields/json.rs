//! [`Fields`] as a part of a JSON object: values as numbers or as text, and nulls.

use super::Fields;
use crate::tick::{Field, FieldSet, Numbers, WantedFields, decimal::write_units};

impl Fields {
    /// Appends `,"name":value` for each field that is both set and in `wanted`, in the wire's order.
    pub fn write_json(&self, wanted: WantedFields, out: &mut Vec<u8>) {
        self.write_json_with::<false>(wanted, out);
    }

    /// As [`Self::write_json`], with decimals as numbers or as text.
    pub fn write_json_as(&self, numbers: Numbers, wanted: WantedFields, out: &mut Vec<u8>) {
        match numbers {
            Numbers::Number => self.write_json_with::<false>(wanted, out),
            Numbers::Text => self.write_json_with::<true>(wanted, out),
        }
    }

    fn write_json_with<const QUOTED: bool>(&self, wanted: WantedFields, out: &mut Vec<u8>) {
        if self.are_units() {
            self.write_values::<true, QUOTED>(wanted.fixed, out);
        } else {
            self.write_values::<false, QUOTED>(wanted.fixed, out);
        }
        if let Some(custom) = &self.custom {
            custom.write_json::<QUOTED>(wanted.custom, out);
        }
    }

    /// `UNITS`: whether all values are units, as nearly always, so that no scale is looked at. `QUOTED`: decimals are
    /// strings.
    fn write_values<const UNITS: bool, const QUOTED: bool>(&self, wanted: FieldSet, out: &mut Vec<u8>) {
        let quote: &[u8] = if QUOTED { b"\"" } else { b"" };
        for field in self.mask.intersect(wanted).iter() {
            self.write_field(field, out, |out| {
                out.extend_from_slice(quote);
                match field {
                    Field::Volume => self.volume().write(out),
                    _ if UNITS => write_units(self.mantissas[field as usize], out),
                    _ => self.decimal(field as usize).write(out),
                }
                out.extend_from_slice(quote);
            });
        }
    }

    /// Appends `,"name":value` for a field that is set, whose value `write_decimal` appends if it is a decimal.
    #[inline]
    pub fn write_field(&self, field: Field, out: &mut Vec<u8>, write_decimal: impl FnOnce(&mut Vec<u8>)) {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(field.name().as_bytes());
        out.extend_from_slice(b"\":");
        match field {
            Field::Side => {
                out.push(b'"');
                out.extend_from_slice(self.side.as_str().as_bytes());
                out.push(b'"');
            }
            Field::TradeId => {
                out.push(b'"');
                out.extend_from_slice(self.trade_id.text().as_bytes());
                out.push(b'"');
            }
            Field::Trades => out.extend_from_slice(itoa::Buffer::new().format(self.trades).as_bytes()),
            _ => write_decimal(out),
        }
    }

    /// Appends `,"name":null` for each field that is both withdrawn and in `wanted`, in the wire's order.
    pub fn write_json_nulls(&self, wanted: WantedFields, out: &mut Vec<u8>) {
        self.write_fixed_nulls(wanted.fixed, out);
        if let Some(custom) = &self.custom {
            custom.write_json_nulls(wanted.custom, out);
        }
    }

    fn write_fixed_nulls(&self, wanted: FieldSet, out: &mut Vec<u8>) {
        let withdrawn = self.withdrawn().intersect(wanted);
        if withdrawn.is_empty() {
            return;
        }
        for field in withdrawn.iter() {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(field.name().as_bytes());
            out.extend_from_slice(b"\":null");
        }
    }
}
