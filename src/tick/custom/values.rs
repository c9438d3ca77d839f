//! Values of some configured fields: of a tick, or of a record.

use std::sync::Arc;

use super::{
    table::{CustomFields, CustomId, CustomSet},
    value::CustomValue,
};
use crate::tick::Symbol;

/// Values for some of the configured fields, set or withdrawn.
///
/// Equal when they say the same. Which ticks said it is not compared.
#[derive(Clone, Debug)]
pub struct CustomValues {
    fields: Arc<CustomFields>,
    /// By id.
    entries: Vec<CustomEntry>,
}

/// The value of one field.
#[derive(Clone, Debug)]
pub struct CustomEntry {
    pub id: CustomId,
    /// Of the tick that named it last; 0 until a topic has taken the tick.
    pub seq: u64,
    /// `None`: withdrawn.
    pub value: Option<CustomValue>,
}

/// A sum that no field holds would be reached.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{name}: the sum of the symbol's values would be out of range")]
pub struct CustomFull {
    pub name: String,
}

impl CustomValues {
    /// Of fields of this table.
    pub fn new(fields: Arc<CustomFields>) -> Self {
        CustomValues { fields, entries: Vec::new() }
    }

    pub fn fields(&self) -> &Arc<CustomFields> {
        &self.fields
    }

    pub fn entries(&self) -> &[CustomEntry] {
        &self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What they take in memory, about.
    pub fn bytes(&self) -> usize {
        let texts = self.entries.iter().map(|entry| match &entry.value {
            Some(CustomValue::Text(text)) => text.len() + 2 * size_of::<usize>(),
            _ => 0,
        });
        size_of::<Self>() + self.entries.capacity() * size_of::<CustomEntry>() + texts.sum::<usize>()
    }

    pub fn set(&mut self, id: CustomId, value: CustomValue) {
        self.put(CustomEntry { id, seq: 0, value: Some(value) });
    }

    /// Says that a field has no value any more.
    pub fn withdraw(&mut self, id: CustomId) {
        self.put(CustomEntry { id, seq: 0, value: None });
    }

    fn put(&mut self, entry: CustomEntry) {
        match self.entries.binary_search_by_key(&entry.id, |entry| entry.id) {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    fn get(&self, id: CustomId) -> Option<&CustomEntry> {
        let at = self.entries.binary_search_by_key(&id, |entry| entry.id).ok()?;
        self.entries.get(at)
    }

    /// The value of a field; `None` when it is not set.
    pub fn value(&self, id: CustomId) -> Option<&CustomValue> {
        self.get(id)?.value.as_ref()
    }

    /// The fields that are set or withdrawn.
    pub fn named(&self) -> CustomSet {
        self.entries.iter().fold(CustomSet::NONE, |set, entry| set.with(entry.id))
    }

    /// The fields that a tick after this seq set or withdrew.
    pub fn changed_since(&self, seq: u64) -> CustomSet {
        let changed = self.entries.iter().filter(|entry| entry.seq > seq);
        changed.fold(CustomSet::NONE, |set, entry| set.with(entry.id))
    }

    /// Of a set, the fields that have a value, and those that are withdrawn.
    pub fn set_and_withdrawn(&self, wanted: CustomSet) -> (CustomSet, CustomSet) {
        let entries = self.entries.iter().filter(|entry| wanted.contains(entry.id));
        entries.fold((CustomSet::NONE, CustomSet::NONE), |(set, withdrawn), entry| match entry.value {
            Some(_) => (set.with(entry.id), withdrawn),
            None => (set, withdrawn.with(entry.id)),
        })
    }

    /// Those of a set; `None` when there are none.
    pub fn only(&self, wanted: CustomSet) -> Option<CustomValues> {
        let entries: Vec<CustomEntry> =
            self.entries.iter().filter(|entry| wanted.contains(entry.id)).cloned().collect();
        (!entries.is_empty()).then(|| CustomValues { fields: Arc::clone(&self.fields), entries })
    }

    /// Why a symbol cannot have one of these fields, for a person; `None` when it can have all of them.
    #[cold]
    pub fn foreign_to(&self, symbol: &Symbol) -> Option<String> {
        let foreign = self.entries.iter().find(|entry| !self.fields.get(entry.id).is_of(symbol))?;
        Some(self.fields.foreign(foreign.id))
    }

    /// Those that a symbol can have; `None` when there are none.
    pub fn of_symbol(&self, symbol: &Symbol) -> Option<CustomValues> {
        self.only(self.fields.of(symbol))
    }

    /// Takes over what `newer` says.
    pub fn merge(&mut self, newer: &CustomValues) {
        for entry in &newer.entries {
            self.put(entry.clone());
        }
    }

    /// What a tick with the number `seq` makes of this record.
    ///
    /// # Errors
    /// When a sum is out of range.
    pub fn after(&self, tick: &CustomValues, seq: u64) -> Result<CustomValues, CustomFull> {
        let mut after = self.clone();
        for CustomEntry { id, value, .. } in &tick.entries {
            let field = tick.fields.get(*id);
            let value = match (value, self.value(*id)) {
                (Some(value), Some(had)) => Some(
                    value
                        .merged(had, field.merge)
                        .ok_or_else(|| CustomFull { name: field.name.to_string() })?,
                ),
                (value, _) => value.clone(),
            };
            after.put(CustomEntry { id: *id, seq, value });
        }
        Ok(after)
    }

    /// Appends `,"name":value` for each field that is both set and wanted. `QUOTED`: numbers are strings.
    pub fn write_json<const QUOTED: bool>(&self, wanted: CustomSet, out: &mut Vec<u8>) {
        for (name, value) in self.shown(wanted) {
            let Some(value) = value else { continue };
            write_name(name, out);
            let quoted = QUOTED && value.is_number();
            out.extend_from_slice(if quoted { b"\"" } else { b"" });
            value.write_json(out);
            out.extend_from_slice(if quoted { b"\"" } else { b"" });
        }
    }

    /// Appends `,"name":null` for each field that is both withdrawn and wanted.
    pub fn write_json_nulls(&self, wanted: CustomSet, out: &mut Vec<u8>) {
        for (name, value) in self.shown(wanted) {
            if value.is_none() {
                write_name(name, out);
                out.extend_from_slice(b"null");
            }
        }
    }

    /// Each of the wanted ones, by name.
    pub fn shown(&self, wanted: CustomSet) -> impl Iterator<Item = (&str, Option<&CustomValue>)> {
        let entries = self.entries.iter().filter(move |entry| wanted.contains(entry.id));
        entries.map(|entry| (self.fields.get(entry.id).name.as_str(), entry.value.as_ref()))
    }
}

fn write_name(name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

impl PartialEq for CustomValues {
    fn eq(&self, other: &Self) -> bool {
        let said = |values: &CustomValues| -> Vec<(CustomId, Option<CustomValue>)> {
            values.entries.iter().map(|entry| (entry.id, entry.value.clone())).collect()
        };
        said(self) == said(other)
    }
}

impl Eq for CustomValues {}
