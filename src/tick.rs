//! The vocabulary: pure values that every stage shares, and nothing that does something.
//!
//! A [`Tick`] is one change of one symbol's record: some fields and a time. Money is decimal fixed point
//! ([`Fixed`], 1e-9) from feed to wire; no float ever holds a price.
//!
//! Invariants: a [`Symbol`] is valid by construction; a [`Fixed`] prints exactly the decimal that was parsed
//! (less trailing zeros); a [`Fields`] value is meaningful only where its bit in `mask` is set.

use std::{fmt, str::FromStr};

use compact_str::CompactString;

/// Nanoseconds since the Unix epoch. Whose clock it is, the name of the field that holds it says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Nanos(pub i64);

/// A symbol's name: 1 to 64 bytes of `A-Z a-z 0-9 . _ : / - @ ^ = # +`.
///
/// Up to 24 bytes are held inline, so that decoding allocates for no name in common use.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Symbol(CompactString);

/// A decimal in units of 1e-9: a price, a size.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Fixed(pub i64);

/// A session's total of sizes, in units of 1e-9. Wider than [`Fixed`]: coins that trade in trillions a day exist.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Volume(pub i128);

/// Which side took: the aggressor of a trade.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Side {
    #[default]
    Unknown,
    Buy,
    Sell,
}

/// The fields of a record, in the order in which the wire shows them. The discriminant is the bit in [`FieldSet`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Field {
    Bid = 0,
    BidSize = 1,
    Ask = 2,
    AskSize = 3,
    Last = 4,
    LastSize = 5,
    Open = 6,
    High = 7,
    Low = 8,
    Side = 9,
    Volume = 10,
    Trades = 11,
}

/// A set of [`Field`]s, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct FieldSet(pub u16);

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

/// One change of one symbol's record, as a feed decoded it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tick {
    pub symbol: Symbol,
    /// The feed's own event time; `None` when the feed gave none, then the time of receipt stands in.
    pub ts: Option<Nanos>,
    pub fields: Fields,
}

/// What a symbol's market is doing, as the wire's `status` message says it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum State {
    /// Nothing was ever received.
    #[default]
    Pending,
    Live,
    /// Nothing was received for longer than the staleness limit.
    Stale,
    Halted,
    /// The feed has ended and will send no more.
    Closed,
}

/// Seconds since 1970 stay below it until the year 5138; milliseconds were above it from 1973 on, and so on by thousands.
const SECONDS_BELOW: u64 = 100_000_000_000;
/// How many fields are plain decimals.
pub const FIXED_FIELDS: usize = 9;
/// Their bits in a [`FieldSet`].
pub const FIXED_BITS: u16 = (1 << FIXED_FIELDS) - 1;
/// Units of a [`Fixed`] in one.
pub const FIXED_ONE: i64 = 1_000_000_000;
/// Decimal places of a [`Fixed`].
pub const FIXED_PLACES: usize = 9;
/// The longest name of a symbol, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 64;
/// What a [`Volume`] that is read stays below: more than the total of any market.
pub const VOLUME_ONES_MAX: i128 = 10i128.pow(24);

/// What becomes of a decimal that needs more than [`FIXED_PLACES`].
#[derive(Clone, Copy, PartialEq, Eq)]
enum Excess {
    Refused,
    Rounded,
}

/// Why a text is not a symbol.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SymbolError {
    #[error("a symbol has at least one character")]
    Empty,
    #[error("a symbol has at most 64 bytes, this has {0}")]
    TooLong(usize),
    #[error("a symbol is made of A-Z a-z 0-9 . _ : / - @ ^ = # +, byte {at} is not one of these")]
    Byte { at: usize },
}

/// Why a number is not a [`Fixed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FixedError {
    #[error("not a decimal number")]
    Syntax,
    #[error("more than 9 decimal places")]
    Precision,
    #[error("outside -9223372036.854775808 to 9223372036.854775807")]
    Range,
}

// === impl Nanos ===

impl Nanos {
    /// From microseconds, as the JSON wire and recordings have them; `None` when out of range.
    pub fn from_micros(micros: i64) -> Option<Self> {
        micros.checked_mul(1_000).map(Nanos)
    }

    /// From a count since 1970 whose unit its size tells: seconds, milliseconds, microseconds or nanoseconds, which of
    /// today's times have 10, 13, 16 and 19 digits. `None` when out of range.
    pub fn by_size(count: i64) -> Option<Self> {
        count.checked_mul(Self::unit_by_size(count.unsigned_abs())).map(Nanos)
    }

    /// How many nanoseconds the unit has that a count's size tells.
    pub const fn unit_by_size(size: u64) -> i64 {
        match size {
            _ if size < SECONDS_BELOW => 1_000_000_000,
            _ if size < SECONDS_BELOW * 1_000 => 1_000_000,
            _ if size < SECONDS_BELOW * 1_000_000 => 1_000,
            _ => 1,
        }
    }

    /// Whole microseconds, as the JSON wire has them.
    pub fn micros(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Nanoseconds from `earlier` to `self`; 0 when `earlier` is later.
    pub fn since(self, earlier: Nanos) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    pub fn plus(self, duration: std::time::Duration) -> Nanos {
        Nanos(self.0.saturating_add(i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)))
    }
}

// === impl Symbol ===

impl Symbol {
    /// # Errors
    /// When the text is empty, too long, or has a byte that no symbol may have.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        check_symbol(text.as_bytes())?;
        Ok(Symbol(CompactString::new(text)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;

    fn from_str(text: &str) -> Result<Self, SymbolError> {
        Symbol::new(text)
    }
}

/// # Errors
/// When these bytes are no symbol.
pub fn check_symbol(bytes: &[u8]) -> Result<(), SymbolError> {
    if bytes.is_empty() {
        return Err(SymbolError::Empty);
    }
    if bytes.len() > SYMBOL_BYTES_MAX {
        return Err(SymbolError::TooLong(bytes.len()));
    }
    match bytes.iter().position(|&byte| !SYMBOL_BYTES[byte as usize]) {
        Some(at) => Err(SymbolError::Byte { at }),
        None => Ok(()),
    }
}

/// [`is_symbol_byte`] of each byte: every tick of every feed has a symbol.
const SYMBOL_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = is_symbol_byte(byte as u8);
        byte += 1;
    }
    table
};

/// Whether a symbol may have this byte. None of them needs an escape in JSON.
pub const fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'.' | b'_' | b':' | b'/' | b'-' | b'@' | b'^' | b'=' | b'#' | b'+')
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

// === impl Fixed ===

impl Fixed {
    /// Parses `-?digits(.digits)?` exactly, with an optional exponent.
    ///
    /// # Errors
    /// When the text is no decimal number, needs more than 9 places, or is out of range.
    pub fn parse(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Refused)
    }

    /// The same, but what needs more than 9 places is rounded to the nearest value, from the middle away from 0.
    ///
    /// # Errors
    /// When the text is no decimal number, is out of range, or so small that nothing of it is left.
    pub fn parse_nearest(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Rounded)
    }

    fn parse_with(text: &str, excess: Excess) -> Result<Self, FixedError> {
        let (negative, digits) = without_sign(text);
        if let Some(units) = Self::parse_short(digits) {
            return Ok(Fixed(if negative { -units } else { units }));
        }
        let units = i128::try_from(parse_units(digits, excess)?).map_err(|_| FixedError::Range)?;
        i64::try_from(if negative { -units } else { units }).map(Fixed).map_err(|_| FixedError::Range)
    }

    /// The way of nearly all prices, in one pass: `digits(.digits)?`, up to 18 bytes and 9 places, within range.
    /// `None` for everything else, good or bad.
    fn parse_short(text: &[u8]) -> Option<i64> {
        if text.len() > 18 {
            return None;
        }
        let mut digits = 0u64;
        let mut point = None;
        for (at, &byte) in text.iter().enumerate() {
            match byte {
                b'0'..=b'9' => digits = digits * 10 + u64::from(byte - b'0'),
                b'.' if point.is_none() => point = Some(at),
                _ => return None,
            }
        }
        match point {
            None if !text.is_empty() => Self::units(digits, 0),
            Some(at) if at > 0 && at + 1 < text.len() => Self::units(digits, text.len() - at - 1),
            _ => None,
        }
    }

    /// What a decimal without its point and sign stands for; `None` when it has more than 9 places or is out of range.
    #[inline]
    fn units(digits: u64, places: usize) -> Option<i64> {
        const SCALE: [u64; FIXED_PLACES + 1] =
            [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
        i64::try_from(digits.checked_mul(*SCALE.get(places)?)?).ok()
    }

    /// From a whole number.
    ///
    /// # Errors
    /// When it is out of range.
    pub fn from_int(value: i64) -> Result<Self, FixedError> {
        value.checked_mul(FIXED_ONE).map(Fixed).ok_or(FixedError::Range)
    }

    /// For plots and displays alone.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / FIXED_ONE as f64
    }

    /// Appends the shortest decimal text, as JSON takes it.
    pub fn write(self, out: &mut Vec<u8>) {
        let units = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        write_decimal(units / FIXED_ONE as u64, units % FIXED_ONE as u64, out);
    }
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(24);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}

fn without_sign(text: &str) -> (bool, &[u8]) {
    match text.as_bytes() {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    }
}

/// Units of 1e-9 of any `digits(.digits)?` with an optional exponent.
fn parse_units(text: &[u8], excess: Excess) -> Result<u128, FixedError> {
    let (mantissa, exponent) = match text.iter().position(|&byte| byte == b'e' || byte == b'E') {
        Some(at) => (&text[..at], parse_exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (whole, places) = match mantissa.iter().position(|&byte| byte == b'.') {
        Some(at) if at + 1 < mantissa.len() => (&mantissa[..at], &mantissa[at + 1..]),
        Some(_) => return Err(FixedError::Syntax),
        None => (mantissa, &[][..]),
    };
    if whole.is_empty() || !whole.iter().chain(places).all(u8::is_ascii_digit) {
        return Err(FixedError::Syntax);
    }
    // The power of ten of the last digit, once the value counts units; below 0, so many digits are in excess.
    let shift = exponent - places.len() as i64 + FIXED_PLACES as i64;
    let kept = (whole.len() + places.len()) as i64 + shift.min(0);
    let (mut units, mut half, mut rest) = (0u128, false, false);
    for (at, &byte) in (0i64..).zip(whole.iter().chain(places)) {
        let digit = u128::from(byte - b'0');
        if at < kept {
            // Saturated, it is out of any range.
            units = units.saturating_mul(10).saturating_add(digit);
        } else {
            half |= at == kept && digit >= 5;
            rest |= digit != 0;
        }
    }
    let units = match u32::try_from(shift) {
        Ok(shift) if units > 0 => units.saturating_mul(10u128.saturating_pow(shift)),
        Ok(_) => 0,
        Err(_) => units.saturating_add(u128::from(half)),
    };
    if rest && (excess == Excess::Refused || units == 0) {
        return Err(FixedError::Precision);
    }
    Ok(units)
}

/// Far beyond what any value can have, it is as good as without end.
fn parse_exponent(text: &[u8]) -> Result<i64, FixedError> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FixedError::Syntax);
    }
    let size = digits.iter().fold(0i64, |sum, byte| (sum * 10 + i64::from(byte - b'0')).min(EXPONENT_MAX));
    Ok(if negative { -size } else { size })
}

/// More than a line has digits, so that no digit of it is left, or it is out of any range.
const EXPONENT_MAX: i64 = 1_000_000_000;

// === impl Volume ===

impl Volume {
    /// `None` only after more volume than any market has ever had.
    pub fn checked_add(self, size: Fixed) -> Option<Volume> {
        self.0.checked_add(i128::from(size.0)).map(Volume)
    }

    /// Parses as [`Fixed::parse`] does, over the wider range: below [`VOLUME_ONES_MAX`] on either side of 0.
    ///
    /// # Errors
    /// When the text is no decimal number, needs more than 9 places, or is out of range.
    pub fn parse(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Refused)
    }

    /// Parses as [`Fixed::parse_nearest`] does, over the wider range.
    ///
    /// # Errors
    /// When the text is no decimal number, is out of range, or so small that nothing of it is left.
    pub fn parse_nearest(text: &str) -> Result<Self, FixedError> {
        Self::parse_with(text, Excess::Rounded)
    }

    fn parse_with(text: &str, excess: Excess) -> Result<Self, FixedError> {
        let (negative, digits) = without_sign(text);
        let units = i128::try_from(parse_units(digits, excess)?).map_err(|_| FixedError::Range)?;
        if units >= VOLUME_ONES_MAX * i128::from(FIXED_ONE) {
            return Err(FixedError::Range);
        }
        Ok(Volume(if negative { -units } else { units }))
    }

    /// Appends the shortest decimal text, as JSON takes it.
    pub fn write(self, out: &mut Vec<u8>) {
        let units = self.0.unsigned_abs();
        if self.0 < 0 {
            out.push(b'-');
        }
        let whole = units / FIXED_ONE as u128;
        let places = (units % FIXED_ONE as u128) as u64;
        match u64::try_from(whole) {
            Ok(whole) => write_decimal(whole, places, out),
            Err(_) => {
                out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
                write_places(places, out);
            }
        }
    }
}

impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(32);
        self.write(&mut out);
        f.pad(std::str::from_utf8(&out).unwrap_or_default())
    }
}

fn write_decimal(whole: u64, places: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(whole).as_bytes());
    write_places(places, out);
}

/// Appends `.` and the places without trailing zeros; nothing when there are none. `places` is below 1e9.
fn write_places(places: u64, out: &mut Vec<u8>) {
    if places == 0 {
        return;
    }
    let mut text = [b'0'; FIXED_PLACES];
    let mut rest = places;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let kept = text.iter().rposition(|&digit| digit != b'0').map_or(0, |at| at + 1);
    out.push(b'.');
    out.extend_from_slice(&text[..kept]);
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

// === impl State ===

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "pending",
            State::Live => "live",
            State::Stale => "stale",
            State::Halted => "halted",
            State::Closed => "closed",
        }
    }
}

// === impl Field ===

impl Field {
    /// Every field, in the order in which the wire shows them.
    pub const ALL: [Field; 12] = [
        Field::Bid,
        Field::BidSize,
        Field::Ask,
        Field::AskSize,
        Field::Last,
        Field::LastSize,
        Field::Side,
        Field::Open,
        Field::High,
        Field::Low,
        Field::Volume,
        Field::Trades,
    ];

    /// The name on the wire and in recordings.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Bid => "bid",
            Field::BidSize => "bid_size",
            Field::Ask => "ask",
            Field::AskSize => "ask_size",
            Field::Last => "last",
            Field::LastSize => "last_size",
            Field::Side => "side",
            Field::Open => "open",
            Field::High => "high",
            Field::Low => "low",
            Field::Volume => "volume",
            Field::Trades => "trades",
        }
    }

    pub fn parse(name: &str) -> Option<Field> {
        Some(match name {
            "bid" => Field::Bid,
            "bid_size" => Field::BidSize,
            "ask" => Field::Ask,
            "ask_size" => Field::AskSize,
            "last" => Field::Last,
            "last_size" => Field::LastSize,
            "side" => Field::Side,
            "open" => Field::Open,
            "high" => Field::High,
            "low" => Field::Low,
            "volume" => Field::Volume,
            "trades" => Field::Trades,
            _ => return None,
        })
    }

    pub const fn bit(self) -> FieldSet {
        FieldSet(1 << self as u8)
    }

    /// The place in [`Fields::fixed`]; `None` for side, volume and trades.
    pub const fn fixed_index(self) -> Option<usize> {
        let index = self as usize;
        if index < FIXED_FIELDS { Some(index) } else { None }
    }

    /// Sizes and totals cannot be below 0; prices can (spreads, oil in April 2020).
    pub const fn may_be_negative(self) -> bool {
        !matches!(self, Field::BidSize | Field::AskSize | Field::LastSize | Field::Volume | Field::Trades)
    }
}

// === impl FieldSet ===

impl FieldSet {
    pub const NONE: FieldSet = FieldSet(0);
    pub const ALL: FieldSet = FieldSet((1 << 12) - 1);
    /// Together a trade, from which the service keeps the totals.
    pub const TRADE: FieldSet = Field::Last.bit().union(Field::LastSize.bit());

    pub const fn contains(self, field: Field) -> bool {
        self.0 & field.bit().0 != 0
    }

    pub const fn contains_all(self, other: FieldSet) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub const fn union(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersect(self, other: FieldSet) -> FieldSet {
        FieldSet(self.0 & other.0)
    }

    #[must_use]
    pub const fn with(self, field: Field) -> FieldSet {
        self.union(field.bit())
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.into_iter().filter(move |&field| self.contains(field))
    }
}

// === impl Fields ===

impl Fields {
    pub fn set_fixed(&mut self, field: Field, value: Fixed) {
        if let Some(index) = field.fixed_index() {
            self.fixed[index] = value;
            self.mask = self.mask.with(field);
        }
    }

    /// The value of a decimal field; `None` when it is not set or no decimal.
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

    /// Takes over every field that `newer` has.
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

    /// These fields alone, of those that are set.
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_parse(text: &str, expected: Result<i64, FixedError>) {
        assert_eq!(Fixed::parse(text).map(|fixed| fixed.0), expected, "{text}");
    }

    #[test]
    fn decimals_are_parsed_exactly_or_refused() {
        check_parse("87000.10", Ok(87_000_100_000_000));
        check_parse("0.000000001", Ok(1));
        check_parse("-0.5", Ok(-500_000_000));
        check_parse("1e3", Ok(1_000_000_000_000));
        check_parse("1.5E-8", Ok(15));
        check_parse("9223372036.854775807", Ok(i64::MAX));
        check_parse("-9223372036.854775808", Ok(i64::MIN));
        check_parse("9223372036.854775808", Err(FixedError::Range));
        check_parse("1e99", Err(FixedError::Range));
        check_parse("0.0000000001", Err(FixedError::Precision));
        check_parse("0.1000000000000", Ok(100_000_000));
        for text in ["", "-", ".", "1.", ".5", "+1", "1e", "0x1", "1_000", "NaN", "1e+-3"] {
            check_parse(text, Err(FixedError::Syntax));
        }
    }

    #[test]
    fn volumes_reach_beyond_a_fixed() {
        assert_eq!(Volume::parse("10000000000000.5").unwrap().to_string(), "10000000000000.5");
        assert_eq!(
            Volume::parse("100000000000000000000000").unwrap().to_string(),
            "100000000000000000000000"
        );
        assert_eq!(Volume::parse("-1.5"), Ok(Volume(-1_500_000_000)));
        assert_eq!(Volume::parse("5e20").unwrap().to_string(), "500000000000000000000");
        assert_eq!(Volume::parse("999999999999999999999999.999999999").unwrap().0, 10i128.pow(33) - 1);
        assert_eq!(Volume::parse("1e24"), Err(FixedError::Range));
        assert_eq!(Volume::parse("--1"), Err(FixedError::Syntax));
    }

    #[test]
    fn the_nearest_of_many_places_is_taken() {
        let nearest = |text: &str| Fixed::parse_nearest(text).map(|fixed| fixed.0);
        assert_eq!(nearest("0.30000000000000004"), Ok(300_000_000));
        assert_eq!(nearest("123456789.1234567894"), Ok(123_456_789_123_456_789));
        assert_eq!(nearest("0.0000000005"), Ok(1));
        assert_eq!(nearest("-0.0000000015"), Ok(-2));
        assert_eq!(nearest("9223372036.8547758074"), Ok(i64::MAX));
        assert_eq!(nearest("9223372036.8547758075"), Err(FixedError::Range));
        assert_eq!(nearest("0.00000000049"), Err(FixedError::Precision));
        assert_eq!(nearest("1e-99999999999999999999"), Err(FixedError::Precision));
        assert_eq!(nearest("1e99999999999999999999"), Err(FixedError::Range));
        assert_eq!(nearest("0e99999999999999999999"), Ok(0));
    }

    #[test]
    fn the_size_of_a_time_tells_its_unit() {
        let moment = Some(Nanos(1_735_689_600_000_000_000));
        for count in [1_735_689_600, 1_735_689_600_000, 1_735_689_600_000_000, 1_735_689_600_000_000_000] {
            assert_eq!(Nanos::by_size(count), moment, "{count}");
        }
        assert_eq!(Nanos::by_size(-1_735_689_600_000), Some(Nanos(-1_735_689_600_000_000_000)));
        assert_eq!(Nanos::by_size(i64::MIN), Some(Nanos(i64::MIN)));
        assert_eq!(Nanos::by_size(99_999_999_999), None, "seconds beyond what nanoseconds can count");
    }

    #[test]
    fn symbols_have_a_closed_alphabet() {
        assert!(Symbol::new("BTC-USD").is_ok());
        assert!(Symbol::new("^GSPC.X_y:z/a@b=c#d+").is_ok());
        assert_eq!(Symbol::new(""), Err(SymbolError::Empty));
        assert_eq!(Symbol::new("A B"), Err(SymbolError::Byte { at: 1 }));
        assert_eq!(Symbol::new("BTC*"), Err(SymbolError::Byte { at: 3 }));
        assert_eq!(Symbol::new(&"x".repeat(65)), Err(SymbolError::TooLong(65)));
        assert!(Symbol::new(&"x".repeat(64)).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(units: i64) {
            prop_assert_eq!(Fixed::parse(&Fixed(units).to_string()), Ok(Fixed(units)));
        }

        #[test]
        fn the_nearest_is_what_long_arithmetic_says(
            digits in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
            places in proptest::string::string_regex("[0-9]{1,24}").unwrap(),
            exponent in -30i32..30,
            negative: bool,
        ) {
            let sign = if negative { "-" } else { "" };
            let text = format!("{sign}{digits}.{places}e{exponent}");
            // All the digits as one number, and where its point stands in units of 1e-9.
            let all = format!("{digits}{places}");
            let shift = exponent - places.len() as i32 + FIXED_PLACES as i32;
            let point = all.len() as i32 + shift;
            let (whole, rest) = if point <= 0 {
                (String::new(), format!("{}{all}", "0".repeat(point.unsigned_abs() as usize)))
            } else if point as usize >= all.len() {
                (format!("{all}{}", "0".repeat(point as usize - all.len())), String::new())
            } else {
                (all[..point as usize].to_owned(), all[point as usize..].to_owned())
            };
            let whole = whole.trim_start_matches('0');
            let exact = rest.bytes().all(|byte| byte == b'0');
            let expected = |limit: i128| {
                let up = rest.bytes().next().is_some_and(|byte| byte >= b'5');
                let units = if whole.len() > 35 { i128::MAX } else { format!("0{whole}").parse::<i128>().unwrap() + i128::from(up) };
                if units == 0 && !exact {
                    Err(FixedError::Precision)
                } else if units > limit {
                    Err(FixedError::Range)
                } else {
                    Ok(if negative { -units } else { units })
                }
            };
            let fixed = expected(i128::from(i64::MAX) + i128::from(negative));
            prop_assert_eq!(Fixed::parse_nearest(&text).map(|fixed| i128::from(fixed.0)), fixed);
            let volume = expected(VOLUME_ONES_MAX * i128::from(FIXED_ONE) - 1);
            prop_assert_eq!(Volume::parse_nearest(&text).map(|volume| volume.0), volume);
            let refused = Err(FixedError::Precision);
            prop_assert_eq!(Fixed::parse(&text).map(|fixed| i128::from(fixed.0)), if exact { fixed } else { refused });
            prop_assert_eq!(Volume::parse(&text).map(|volume| volume.0), if exact { volume } else { refused });
        }

        #[test]
        fn volumes_print_what_they_parse(units in 0i128..(1i128 << 100)) {
            prop_assert_eq!(Volume::parse(&Volume(units).to_string()), Ok(Volume(units)));
        }
    }
}
