//! The table of symbols: what the numbers of a connection stand for, as introductions tell it.
//!
//! Invariant: an entry is made only for a number that was introduced, so the table is never larger than what was
//! received.

use std::collections::HashMap;

use compact_str::CompactString;

use super::{BinaryError, bytes::Cursor, decimals::Scale};

/// What the numbers stand for.
#[derive(Clone, Default, Debug)]
pub(super) struct Symbols {
    places: HashMap<u64, usize>,
    entries: Vec<Entry>,
}

/// What an introduction says.
#[derive(Clone, Debug)]
struct Entry {
    symbol: CompactString,
    /// From which the symbol's prices are differences; `None` when it has none.
    reference: Option<Scale>,
}

/// A symbol that was found: its place in the table, and its reference.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    pub place: usize,
    pub reference: Option<Scale>,
}

/// What a walk over a frame asks about numbers.
pub(super) trait Numbers {
    fn find(&self, number: u64) -> Result<Known, BinaryError>;

    /// Notes an introduction.
    fn introduce(&mut self, number: u64, symbol: &str, reference: Option<Scale>) -> Known;
}

/// Takes any number for a symbol: for a walk that is after times alone. A value's length depends on no reference.
pub(super) struct AnyNumber;

// === impl Symbols ===

impl Symbols {
    pub fn symbol(&self, known: Known) -> &str {
        self.entries.get(known.place).map_or("", |entry| &entry.symbol)
    }

    /// How many bytes of introductions it stands for, at least.
    #[cfg(any(test, feature = "testing"))]
    pub fn paid_bytes(&self) -> usize {
        self.entries.iter().map(|entry| entry.symbol.len() + 3).sum()
    }
}

impl Numbers for Symbols {
    #[inline]
    fn find(&self, number: u64) -> Result<Known, BinaryError> {
        let &place = self.places.get(&number).ok_or(BinaryError::Symbol { number })?;
        Ok(Known { place, reference: self.entries[place].reference })
    }

    fn introduce(&mut self, number: u64, symbol: &str, reference: Option<Scale>) -> Known {
        let entry = Entry { symbol: symbol.into(), reference };
        let place = *self.places.entry(number).or_insert(self.entries.len());
        match self.entries.get_mut(place) {
            Some(older) => *older = entry,
            None => self.entries.push(entry),
        }
        Known { place, reference }
    }
}

/// The symbol and the reference of an introduction.
pub(super) fn introduction<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, Option<Scale>), BinaryError> {
    let symbol = cursor.text()?;
    let reference = match Scale::read(cursor)? {
        Scale::Wide => None,
        Scale::Shared { price_places, size_places, .. } => {
            let (base, spread) = (cursor.signed()?, cursor.signed()?);
            Some(Scale::Shared { price_places, size_places, base, spread })
        }
    };
    Ok((symbol, reference))
}

// === impl AnyNumber ===

impl Numbers for AnyNumber {
    fn find(&self, _: u64) -> Result<Known, BinaryError> {
        Ok(Known { place: 0, reference: Some(Scale::ZERO) })
    }

    fn introduce(&mut self, _: u64, _: &str, _: Option<Scale>) -> Known {
        Known { place: 0, reference: Some(Scale::ZERO) }
    }
}
