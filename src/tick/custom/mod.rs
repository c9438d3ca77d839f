//! Fields that a configuration adds to the fixed ones: the table of them, their values, and how values merge.
//!
//! A tick or record without such values has none of this, and pays for one comparison with null. Values know their
//! table, so that whoever merges or writes them needs no other.
//!
//! Invariants: values are sorted by the id of their field, each field at most once; all values that meet are of one table.

mod kind;
mod read;
mod table;
#[cfg(test)]
mod tests;
mod value;
mod values;
mod wanted;

pub use self::{
    kind::{CUSTOM_TEXT_BYTES_MAX, CustomKind, CustomMerge},
    read::CustomFault,
    table::{
        CUSTOM_FIELDS_MAX, CUSTOM_NAME_BYTES_MAX, CustomField, CustomFields, CustomId, CustomName, CustomSet,
        SharedFields,
    },
    value::CustomValue,
    values::{CustomEntry, CustomFull, CustomValues},
    wanted::WantedFields,
};
