//! The table of configured fields: their names, kinds, ways of merging, and the symbols that have them.

use std::sync::{Arc, LazyLock};

use super::kind::{CustomKind, CustomMerge};
use crate::tick::{Field, Glob, Symbol};

/// How many fields may be configured: a set of them is one word.
pub const CUSTOM_FIELDS_MAX: usize = 64;
pub const CUSTOM_NAME_BYTES_MAX: usize = 32;

/// A configured field, by its place in the table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CustomId(u8);

/// A set of configured fields, one bit each.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CustomSet(pub u64);

/// A name that a field may have: a-z, 0-9 and `_`, and a letter first. It is not a fixed field's, and no other word of a
/// message or a tick.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomName {
    bytes: [u8; CUSTOM_NAME_BYTES_MAX],
    len: u8,
}

/// One configured field.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustomField {
    pub name: CustomName,
    pub kind: CustomKind,
    pub merge: CustomMerge,
    /// Which symbols have it; empty: every symbol.
    pub symbols: Vec<Glob>,
}

/// All configured fields, by id.
#[derive(PartialEq, Eq, Debug, Default)]
pub struct CustomFields {
    fields: Vec<CustomField>,
    /// The ids in the order of the names.
    by_name: Vec<CustomId>,
}

/// A table, as all who need it hold it.
pub type SharedFields = Arc<CustomFields>;

/// The words of messages, ticks and recordings that are not fields of a record. A field of such a name could not be told
/// from them.
const RESERVED: &[&str] = &[
    "symbol",
    "ts",
    "rx",
    "type",
    "n",
    "seq",
    "as",
    "delay_ms",
    "trade_id",
    "affects",
    "cancel",
    "correct",
    "trade",
    "epoch",
    "reason",
    "from",
    "to",
    "id",
    "tickcast",
    "gap",
    "order",
    "withdrawn",
    "buyer_maker",
];

// === impl CustomId ===

impl CustomId {
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    pub const fn bit(self) -> CustomSet {
        CustomSet(1 << self.0)
    }
}

// === impl CustomSet ===

impl CustomSet {
    pub const NONE: CustomSet = CustomSet(0);
    /// Every field, whichever are configured.
    pub const ALL: CustomSet = CustomSet(u64::MAX);

    pub const fn contains(self, id: CustomId) -> bool {
        self.0 & id.bit().0 != 0
    }

    #[must_use]
    pub const fn with(self, id: CustomId) -> CustomSet {
        CustomSet(self.0 | id.bit().0)
    }

    #[must_use]
    pub const fn union(self, other: CustomSet) -> CustomSet {
        CustomSet(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersect(self, other: CustomSet) -> CustomSet {
        CustomSet(self.0 & other.0)
    }

    pub const fn contains_all(self, other: CustomSet) -> bool {
        self.0 & other.0 == other.0
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

// === impl CustomName ===

impl CustomName {
    /// `None` when no field may be named so.
    pub fn parse(text: &str) -> Option<Self> {
        (Self::is_well_formed(text) && !Self::is_reserved(text)).then(|| {
            let mut bytes = [0; CUSTOM_NAME_BYTES_MAX];
            bytes[..text.len()].copy_from_slice(text.as_bytes());
            CustomName { bytes, len: text.len() as u8 }
        })
    }

    /// Whether it has the characters of a name.
    pub fn is_well_formed(text: &str) -> bool {
        let letter = |byte: &u8| byte.is_ascii_lowercase();
        (1..=CUSTOM_NAME_BYTES_MAX).contains(&text.len())
            && text.as_bytes().first().is_some_and(letter)
            && text.bytes().all(|byte| letter(&byte) || byte.is_ascii_digit() || byte == b'_')
    }

    /// Whether it means something else already.
    pub fn is_reserved(text: &str) -> bool {
        Field::parse(text).is_some() || RESERVED.contains(&text)
    }

    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl std::fmt::Display for CustomName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

impl std::fmt::Debug for CustomName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

// === impl CustomField ===

/// As it stands in one text: `name:kind:merge`, and its patterns.
impl std::fmt::Display for CustomField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.kind.name(), self.merge.name())?;
        let globs: Vec<&str> = self.symbols.iter().map(Glob::as_str).collect();
        if globs.is_empty() { Ok(()) } else { write!(f, ":{}", globs.join(",")) }
    }
}

impl CustomField {
    pub fn is_of(&self, symbol: &Symbol) -> bool {
        self.symbols.is_empty() || self.symbols.iter().any(|glob| glob.matches(symbol))
    }
}

// === impl CustomFields ===

impl CustomFields {
    /// Of fields with different names, at most [`CUSTOM_FIELDS_MAX`]; what is more is left out.
    pub fn new(mut fields: Vec<CustomField>) -> Arc<Self> {
        fields.truncate(CUSTOM_FIELDS_MAX);
        let mut by_name: Vec<CustomId> = (0..fields.len()).map(|at| CustomId(at as u8)).collect();
        by_name.sort_by_key(|id| fields[id.index()].name);
        Arc::new(CustomFields { fields, by_name })
    }

    /// The table without fields.
    pub fn none() -> Arc<Self> {
        static NONE: LazyLock<Arc<CustomFields>> = LazyLock::new(Arc::default);
        Arc::clone(&NONE)
    }

    pub fn find(&self, name: &str) -> Option<CustomId> {
        let at = self.by_name.binary_search_by(|id| self.fields[id.index()].name.as_str().cmp(name)).ok()?;
        self.by_name.get(at).copied()
    }

    /// A field of this table.
    pub fn get(&self, id: CustomId) -> &CustomField {
        &self.fields[id.index()]
    }

    pub fn iter(&self) -> impl Iterator<Item = (CustomId, &CustomField)> {
        (0..).map(CustomId).zip(&self.fields)
    }

    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// The set of them all.
    pub fn all(&self) -> CustomSet {
        self.iter().fold(CustomSet::NONE, |set, (id, _)| set.with(id))
    }

    /// Those that a symbol may have.
    pub fn of(&self, symbol: &Symbol) -> CustomSet {
        self.iter()
            .filter(|(_, field)| field.is_of(symbol))
            .fold(CustomSet::NONE, |set, (id, _)| set.with(id))
    }

    /// Why a symbol cannot have a field, for a person.
    pub fn foreign(&self, id: CustomId) -> String {
        let field = self.get(id);
        let globs: Vec<&str> = field.symbols.iter().map(Glob::as_str).collect();
        format!("{}: the symbol has no such field: it is configured for {}", field.name, globs.join(", "))
    }

    /// The most bytes that they add to a message in JSON: each name in quotes, comma, colon and the longest value.
    pub fn message_bytes(&self) -> usize {
        self.fields.iter().map(|field| field.name.as_str().len() + 4 + field.kind.bytes_max()).sum()
    }
}
