//! The fields beside the fixed ones that have columns: those of the server's configuration that have come.
//!
//! Pure. Invariants: an index keeps its meaning, so that columns stay chosen; there are no more than a server may have.

use compact_str::CompactString;
use tickcast::tick::custom::CUSTOM_FIELDS_MAX;
use tickcast_client::{Topic, printable};

/// In the order in which they came first.
#[derive(Default)]
pub struct OtherFields {
    fields: Vec<OtherField>,
}

struct OtherField {
    name: CompactString,
    title: String,
}

impl OtherFields {
    /// A record has changed.
    pub fn look(&mut self, row: &Topic) {
        for (name, _) in row.record.others() {
            let is_known = self.fields.iter().any(|field| field.name == name);
            if !is_known && self.fields.len() < CUSTOM_FIELDS_MAX {
                let title = printable(&name.to_uppercase().replace('_', " "));
                self.fields.push(OtherField { name: name.into(), title });
            }
        }
    }

    /// The index of each.
    pub fn indexes(&self) -> impl Iterator<Item = u8> {
        (0..).take(self.fields.len())
    }

    pub fn title(&self, at: u8) -> &str {
        self.fields.get(usize::from(at)).map_or("", |field| &field.title)
    }

    /// The text of a row's field; `None` when it has none, or it was withdrawn.
    pub fn value<'a>(&self, at: u8, row: &'a Topic) -> Option<&'a str> {
        row.record.other(&self.fields.get(usize::from(at))?.name)
    }
}
