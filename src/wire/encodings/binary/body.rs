//! [`MessageBody`]: the part of a binary message that all sessions share: field masks, trade report, values. Heads are
//! in `head.rs`.
//!
//! Invariant: a body depends only on the record, the view and the topic's reference.

use super::{
    super::encoder::{MessageKind, RecordPart},
    field_table::mask_of,
    report,
    values::{Decimals, write_custom, write_fixed},
    varint::write_mask,
};
use crate::{
    tick::{CustomSet, FieldSet, Fields, TradeReport},
    topic::Reference,
};

/// First-byte flag: the mask is not just fields 0 to 6.
const FLAGS: u8 = 0x80;
/// First-byte flag: a mask of withdrawn fields follows that of the set fields.
const WITHDRAWS: u8 = 1;
/// First-byte flag: a trade report follows.
const REPORTS: u8 = 2;
/// First-byte flag: a byte with the decimal places follows.
const HAS_PLACES: u8 = 4;

/// A body, ready to be written.
pub struct MessageBody<'a> {
    fields: &'a Fields,
    mask: u128,
    withdrawn: u128,
    custom: CustomSet,
    report: Option<&'a TradeReport>,
    decimals: Decimals,
}

impl<'a> MessageBody<'a> {
    /// The body of a message of this kind for these fields.
    pub fn of(kind: MessageKind, fields: &'a Fields, part: &RecordPart<'a>, reference: Reference) -> Self {
        let fixed = fields.mask.intersect(part.fields.fixed);
        let (custom, mut withdrawn_custom) = match &fields.custom {
            None => (CustomSet::NONE, CustomSet::NONE),
            Some(values) => values.set_and_withdrawn(part.fields.custom),
        };
        let mut withdrawn = fields.withdrawn().intersect(part.fields.fixed);
        if kind == MessageKind::Snapshot {
            (withdrawn, withdrawn_custom) = (FieldSet::NONE, CustomSet::NONE);
        }
        MessageBody {
            fields,
            mask: mask_of(fixed, custom),
            withdrawn: mask_of(withdrawn, withdrawn_custom),
            custom,
            report: part.report,
            decimals: Decimals::of(fields, fixed, reference),
        }
    }

    /// The first byte; in a short update it is also the first byte of the message.
    pub fn first_byte(&self) -> u8 {
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(self.withdrawn != 0, WITHDRAWS)
            | flag(self.report.is_some(), REPORTS)
            | flag(self.decimals.places_byte().is_some(), HAS_PLACES);
        if flags == 0 && self.mask < u128::from(FLAGS) { self.mask as u8 } else { FLAGS | flags }
    }

    /// Appends everything after the first byte.
    pub fn write_rest(&self, out: &mut Vec<u8>) {
        if self.first_byte() & FLAGS != 0 {
            write_mask(self.mask, out);
            if self.withdrawn != 0 {
                write_mask(self.withdrawn, out);
            }
            if let Some(report) = self.report {
                report::write(report, out);
            }
            out.extend(self.decimals.places_byte());
        }
        write_fixed(self.fields, self.mask, &self.decimals, out);
        if let Some(custom) = self.fields.custom.as_ref().filter(|_| !self.custom.is_empty()) {
            write_custom(custom, self.custom, out);
        }
    }
}
