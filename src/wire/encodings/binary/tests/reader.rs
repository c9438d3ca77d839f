//! Reads the parts of a binary frame, for the decoder of the tests.

use serde_json::{Value, json};

/// Why a frame is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It ends within a message.
    Truncated,
    /// A number of more than 64 bits.
    Overflow,
    /// A symbol's number that was never introduced.
    UnknownNumber,
    /// A bit of a mask that no field has.
    UnknownField,
    /// Bits that mean nothing yet, where nothing can be skipped.
    UnknownFlags,
    /// Text that is not UTF-8.
    Text,
    /// A byte that stands for no value: of a side, a reason, places.
    Value,
}

impl Fault {
    pub fn name(self) -> &'static str {
        match self {
            Fault::Truncated => "truncated",
            Fault::Overflow => "overflow",
            Fault::UnknownNumber => "unknown_number",
            Fault::UnknownField => "unknown_field",
            Fault::UnknownFlags => "unknown_flags",
            Fault::Text => "text",
            Fault::Value => "value",
        }
    }
}

#[derive(Clone, Copy)]
pub struct Scale {
    pub price_places: u32,
    pub size_places: u32,
    pub price: i64,
    pub spread: i64,
}

/// How the decimals of a body are written.
#[derive(Clone, Copy)]
pub enum ValueForm {
    /// They cannot be: the symbol has no reference, and the body no places.
    None,
    Scaled(Scale),
    /// Each with its own places.
    Wide,
}

/// What is left of a frame, and the times of its last message.
pub struct Frame<'a> {
    pub bytes: &'a [u8],
    pub rx: i64,
    pub lag: i64,
}

pub type Read<T> = Result<T, Fault>;

impl<'a> Frame<'a> {
    pub fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count).ok_or(Fault::Truncated)?;
        self.bytes = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Read<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    pub fn varint(&mut self) -> Read<u64> {
        let mut value = 0u128;
        for at in 0..10 {
            let byte = self.byte()?;
            value |= u128::from(byte & 0x7F) << (7 * at);
            if byte & 0x80 == 0 {
                return u64::try_from(value).map_err(|_| Fault::Overflow);
            }
        }
        Err(Fault::Overflow)
    }

    pub fn signed(&mut self) -> Read<i64> {
        self.varint().map(unzigzag)
    }

    pub fn mask(&mut self) -> Read<u128> {
        let mut mask = 0u128;
        for at in 0..12 {
            let byte = self.byte()?;
            mask |= u128::from(byte & 0x7F) << (7 * at);
            if byte & 0x80 == 0 {
                return Ok(mask);
            }
        }
        Err(Fault::Overflow)
    }

    pub fn text(&mut self) -> Read<String> {
        let length = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        String::from_utf8(self.take(length)?.to_vec()).map_err(|_| Fault::Text)
    }

    pub fn form(&mut self) -> Read<ValueForm> {
        match self.byte()? {
            0xFF => Ok(ValueForm::Wide),
            byte => scale(byte, 0, 0).map(ValueForm::Scaled),
        }
    }

    pub fn general(&mut self) -> Read<Value> {
        let code = self.byte()?;
        let places = u32::from(code & 31);
        if code == 31 {
            return Ok(json!(self.text()?));
        }
        if places > 18 {
            return Err(Fault::Value);
        }
        let bytes = self.take(usize::from(code >> 5) + 1)?;
        let is_negative = bytes.last().is_some_and(|last| last & 0x80 != 0);
        let mut all = [if is_negative { 0xFF } else { 0 }; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(decimal(i128::from(i64::from_le_bytes(all)), places))
    }
}

pub fn scale(byte: u8, price: i64, spread: i64) -> Read<Scale> {
    let (price_places, size_places) = (u32::from(byte & 15), u32::from(byte >> 4));
    if price_places > 14 || size_places > 14 {
        return Err(Fault::Value);
    }
    Ok(Scale { price_places, size_places, price, spread })
}

pub fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// The shortest text.
pub fn decimal(mantissa: i128, places: u32) -> Value {
    let one = 10i128.pow(places);
    let sign = if mantissa < 0 { "-" } else { "" };
    let (whole, part) = (mantissa.abs() / one, mantissa.abs() % one);
    let part = format!("{part:0>width$}", width = places as usize);
    let part = if places == 0 { "" } else { part.trim_end_matches('0') };
    let point = if part.is_empty() { "" } else { "." };
    json!(format!("{sign}{whole}{point}{part}"))
}
