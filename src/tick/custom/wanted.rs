//! Which fields somebody wants to see, fixed and configured.

use super::table::{CustomFields, CustomSet};
use crate::tick::{Field, FieldSet};

/// A set of fields, fixed and configured.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct WantedFields {
    pub fixed: FieldSet,
    pub custom: CustomSet,
}

impl WantedFields {
    pub const NONE: WantedFields = WantedFields { fixed: FieldSet::NONE, custom: CustomSet::NONE };
    /// Every field, whichever are configured.
    pub const ALL: WantedFields = WantedFields { fixed: FieldSet::ALL, custom: CustomSet::ALL };

    /// The field of this name added; `None` when there is none.
    #[must_use]
    pub fn with_name(self, name: &str, table: &CustomFields) -> Option<Self> {
        if let Some(field) = Field::parse(name) {
            return Some(WantedFields { fixed: self.fixed.with(field), ..self });
        }
        table.find(name).map(|id| WantedFields { custom: self.custom.with(id), ..self })
    }

    /// The fields of these names, as [`Self::normal`] has them.
    ///
    /// # Errors
    /// With the index of what is not a name of a field.
    pub fn of_names<'a>(
        names: impl Iterator<Item = Option<&'a str>>,
        table: &CustomFields,
    ) -> Result<Self, usize> {
        let mut wanted = WantedFields::NONE;
        for (at, name) in names.enumerate() {
            wanted = name.and_then(|name| wanted.with_name(name, table)).ok_or(at)?;
        }
        Ok(wanted.normal(table))
    }

    /// The same set, as [`Self::ALL`] when that is what it means.
    #[must_use]
    pub fn normal(self, table: &CustomFields) -> Self {
        let is_all = self.fixed == FieldSet::ALL && self.custom.contains_all(table.all());
        if is_all { Self::ALL } else { self }
    }

    /// The names of its fields, in the order in which messages show them.
    pub fn names(self, table: &CustomFields) -> Vec<&str> {
        let custom = table.iter().filter(|(id, _)| self.custom.contains(*id));
        let mut names: Vec<&str> = self.fixed.iter().map(Field::name).collect();
        names.extend(custom.map(|(_, field)| field.name.as_str()));
        names
    }

    #[must_use]
    pub const fn union(self, other: WantedFields) -> WantedFields {
        WantedFields { fixed: self.fixed.union(other.fixed), custom: self.custom.union(other.custom) }
    }

    #[must_use]
    #[inline]
    pub const fn intersect(self, other: WantedFields) -> WantedFields {
        WantedFields { fixed: self.fixed.intersect(other.fixed), custom: self.custom.intersect(other.custom) }
    }

    #[inline]
    pub const fn is_empty(self) -> bool {
        self.fixed.is_empty() && self.custom.is_empty()
    }
}

/// Of fixed fields.
impl From<FieldSet> for WantedFields {
    fn from(fixed: FieldSet) -> Self {
        WantedFields { fixed, custom: CustomSet::NONE }
    }
}
