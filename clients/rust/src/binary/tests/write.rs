//! Writes frames as the protocol's page says, for the tests of the decoder. Not the service's encoder: each choice that
//! an encoder has is the test's.

use proptest::prelude::*;

pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

pub fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63).cast_unsigned()
}

pub fn signed(value: i64, out: &mut Vec<u8>) {
    varint(zigzag(value), out);
}

pub fn text(text: &str, out: &mut Vec<u8>) {
    varint(text.len() as u64, out);
    out.extend(text.as_bytes());
}

pub fn mask(ids: impl IntoIterator<Item = usize>, out: &mut Vec<u8>) {
    let mask = ids.into_iter().fold(0u128, |mask, id| mask | 1 << id);
    let groups = (u128::BITS - mask.leading_zeros()).div_ceil(7).max(1);
    for group in 0..groups {
        let more = if group + 1 < groups { 0x80 } else { 0 };
        out.push((mask >> (7 * group)) as u8 & 0x7F | more);
    }
}

/// A value of a field.
#[derive(Clone, Debug)]
pub enum Value {
    /// Mantissa and places.
    Decimal(i64, u8),
    /// More digits than a mantissa holds.
    Digits(String),
    Count(u64),
    Integer(i64),
    Side(u8),
    Text(String),
}

/// The ids of prices and of sizes.
pub const PRICES: [usize; 6] = [0, 2, 4, 10, 11, 12];
pub const SIZES: [usize; 4] = [1, 3, 5, 7];
/// The names by their ids; those from 14 on are of the table.
pub const NAMES: [&str; 18] = [
    "bid",
    "bid_size",
    "ask",
    "ask_size",
    "last",
    "last_size",
    "side",
    "volume",
    "trades",
    "trade_id",
    "open",
    "high",
    "low",
    "",
    "mark",
    "funding",
    "open_interest",
    "phase",
];
pub const TABLE: &str = r#"[{"id":0,"name":"bid","kind":"price"},{"id":14,"name":"mark","kind":"decimal"},
    {"id":15,"name":"funding","kind":"decimal"},{"id":16,"name":"open_interest","kind":"integer"},
    {"id":17,"name":"phase","kind":"text"},{"id":84,"name":"beyond","kind":"text"}]"#;

// === impl Value ===

impl Value {
    /// As JSON has it.
    pub fn json(&self) -> String {
        match self {
            Value::Decimal(mantissa, places) => {
                let sign = if *mantissa < 0 { "-" } else { "" };
                let places = usize::from(*places);
                let digits = format!("{:0width$}", mantissa.unsigned_abs(), width = places + 1);
                let (whole, rest) = digits.split_at(digits.len() - places);
                let rest = rest.trim_end_matches('0');
                format!("{sign}{whole}{}{rest}", if rest.is_empty() { "" } else { "." })
            }
            Value::Digits(digits) => digits.clone(),
            Value::Count(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Side(side) => format!("{:?}", ["unknown", "buy", "sell"][usize::from(*side)]),
            Value::Text(text) => serde_json::to_string(text).unwrap(),
        }
    }
}

fn general(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Decimal(mantissa, places) => {
            let mut bytes = mantissa.to_le_bytes().to_vec();
            let fill = if *mantissa < 0 { 0xFF } else { 0 };
            while bytes.len() > 1
                && bytes.last() == Some(&fill)
                && (bytes[bytes.len() - 2] ^ fill) & 0x80 == 0
            {
                bytes.pop();
            }
            out.push(places | ((bytes.len() - 1) as u8) << 5);
            out.extend(bytes);
        }
        Value::Digits(digits) => {
            out.push(31);
            text(digits, out);
        }
        other => panic!("{other:?} is not a decimal"),
    }
}

/// The places of prices and of sizes, and the mantissa that prices are counted from.
#[derive(Clone, Copy, Debug)]
pub struct Reference {
    pub price_places: u8,
    pub size_places: u8,
    pub base: i64,
    /// What an ask is counted from beside that.
    pub spread: i64,
}

/// How the prices and sizes of one body are written.
#[derive(Clone, Copy, Debug)]
pub enum Scale {
    Shared(Reference),
    Wide,
}

impl Reference {
    pub fn byte(self) -> u8 {
        self.price_places | self.size_places << 4
    }

    /// The mantissas in this scale; `None` where they have no room in it.
    fn mantissas(self, values: &[(usize, Value)]) -> Option<Vec<(usize, i64)>> {
        let scaled = values.iter().filter(|(id, _)| PRICES.contains(id) || SIZES.contains(id));
        let of = |(id, value): &(usize, Value)| {
            let Value::Decimal(mantissa, places) = value else { return None };
            let most = if PRICES.contains(id) { self.price_places } else { self.size_places };
            let found = mantissa.checked_mul(10i64.checked_pow(u32::from(most.checked_sub(*places)?))?)?;
            // Differences have to fit, too.
            let is_small = found.unsigned_abs() < 1 << 61 && self.base.unsigned_abs() < 1 << 61;
            (is_small && (PRICES.contains(id) || found >= 0)).then_some((*id, found))
        };
        scaled.map(of).collect()
    }

    /// The smallest that these values fit into, counted from 0.
    fn fitting(values: &[(usize, Value)]) -> Reference {
        let most = |ids: &[usize]| {
            let places = values.iter().filter(|(id, _)| ids.contains(id)).map(|(_, value)| match value {
                Value::Decimal(_, places) => *places,
                _ => 0,
            });
            places.max().unwrap_or(0).min(14)
        };
        Reference { price_places: most(&PRICES), size_places: most(&SIZES), base: 0, spread: 0 }
    }
}

/// How these values can be written, and whether a scale byte has to say so.
pub fn scale(
    values: &[(usize, Value)],
    reference: Option<Reference>,
    prefers_wide: bool,
) -> (Option<Scale>, bool) {
    if !values.iter().any(|(id, _)| PRICES.contains(id) || SIZES.contains(id)) {
        return (None, false);
    }
    if prefers_wide {
        return (Some(Scale::Wide), true);
    }
    if let Some(reference) = reference.filter(|reference| reference.mantissas(values).is_some()) {
        return (Some(Scale::Shared(reference)), false);
    }
    let own = Reference::fitting(values);
    let scale = if own.mantissas(values).is_some() { Scale::Shared(own) } else { Scale::Wide };
    (Some(scale), true)
}

impl Scale {
    pub fn byte(self) -> u8 {
        match self {
            Scale::Shared(reference) => reference.byte(),
            Scale::Wide => 0xFF,
        }
    }
}

/// Values in the order of their ids.
pub fn values(values: &[(usize, Value)], scale: Option<Scale>, out: &mut Vec<u8>) {
    let shared = match scale {
        Some(Scale::Shared(reference)) => Some((reference, reference.mantissas(values).unwrap())),
        _ => None,
    };
    let mut first = None;
    for (id, value) in values {
        let is_price = PRICES.contains(id);
        match (&shared, value) {
            (Some((reference, mantissas)), _) if is_price || SIZES.contains(id) => {
                let found = mantissas.iter().find(|(of, _)| of == id).unwrap().1;
                if is_price {
                    let found = found - if *id == 2 { reference.spread } else { 0 };
                    signed(found - first.unwrap_or(reference.base), out);
                    first = first.or(Some(found));
                } else {
                    varint(found.cast_unsigned(), out);
                }
            }
            (_, Value::Decimal(..) | Value::Digits(_)) => general(value, out),
            (_, Value::Count(value)) => varint(*value, out),
            (_, Value::Integer(value)) => signed(*value, out),
            (_, Value::Side(side)) => out.push(*side),
            (_, Value::Text(value)) => text(value, out),
        }
    }
}

/// A value of the field with this id.
pub fn any_value(id: usize) -> BoxedStrategy<Value> {
    let decimal = prop_oneof![
        4 => (0..1_000_000_000i64, 0..6u8).prop_map(|(mantissa, places)| Value::Decimal(mantissa, places)),
        1 => (any::<i64>(), 0..=18u8).prop_map(|(mantissa, places)| Value::Decimal(mantissa, places)),
    ];
    match id {
        6 => (0..3u8).prop_map(Value::Side).boxed(),
        7 => {
            prop_oneof![4 => decimal, 1 => "[1-9][0-9]{23}\\.[0-9]{0,5}[1-9]".prop_map(Value::Digits)].boxed()
        }
        8 => any::<u64>().prop_map(Value::Count).boxed(),
        16 => any::<i64>().prop_map(Value::Integer).boxed(),
        9 | 17 => "[a-zA-Zä\"\\\\ ]{1,12}".prop_map(Value::Text).boxed(),
        _ => decimal.boxed(),
    }
}

/// Some fields with values, in the order of their ids.
pub fn any_values(ids: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(usize, Value)>> {
    let ids: Vec<usize> = ids.filter(|&id| id != 13).collect();
    prop::sample::subsequence(ids, 0..6).prop_flat_map(|ids| {
        ids.into_iter().map(|id| any_value(id).prop_map(move |value| (id, value))).collect::<Vec<_>>()
    })
}
