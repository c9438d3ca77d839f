//! The kinds of configured fields, how their values merge, and how long a value may be.

/// Bytes of the longest text.
pub const CUSTOM_TEXT_BYTES_MAX: usize = 64;
/// The kind of a field's values.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CustomKind {
    Decimal,
    /// A whole number of 64 bits.
    Integer,
    Text,
}

/// What a tick's value makes of the record's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CustomMerge {
    /// It replaces it.
    Last,
    /// It is added to it.
    Sum,
    /// The smaller one stays.
    Min,
    /// The larger one stays.
    Max,
    /// The first one stays until it is withdrawn.
    First,
}

// === impl CustomKind, CustomMerge ===

impl CustomKind {
    pub const ALL: [CustomKind; 3] = [CustomKind::Decimal, CustomKind::Integer, CustomKind::Text];
    pub const NAMES: &[&str] = &["decimal", "integer", "text"];

    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// Bytes of the longest value in JSON.
    pub(super) const fn bytes_max(self) -> usize {
        match self {
            // A total in quotes: a sign, 24 digits, a point and 18 places.
            CustomKind::Decimal => 2 + 1 + 24 + 1 + 18,
            CustomKind::Integer => "-9223372036854775808".len(),
            // In quotes, with each byte escaped.
            CustomKind::Text => 2 + 2 * CUSTOM_TEXT_BYTES_MAX,
        }
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl CustomMerge {
    pub const ALL: [CustomMerge; 5] =
        [CustomMerge::Last, CustomMerge::Sum, CustomMerge::Min, CustomMerge::Max, CustomMerge::First];
    pub const NAMES: &[&str] = &["last", "sum", "min", "max", "first"];

    pub const fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|merge| merge.name() == name)
    }

    /// Whether texts can be merged so: they are neither added nor compared.
    pub const fn takes_text(self) -> bool {
        matches!(self, CustomMerge::Last | CustomMerge::First)
    }
}
