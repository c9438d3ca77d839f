//! Trade reports in binary messages: cancels, corrections, and trades that do not affect every total.

use super::{
    field_table::mask_of,
    values::{Decimals, write_fixed},
    varint::{self, write_mask, write_text},
};
use crate::tick::{Affects, CustomSet, Fields, ReportKind, TradeReport};

const CANCEL: u8 = 1;
const CORRECT: u8 = 2;
const TRADE: u8 = 4;
const AFFECTS: u8 = 8;

/// Appends a report. Reports are rare, so this may allocate.
#[cold]
pub fn write(report: &TradeReport, out: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    write_content(report, &mut bytes);
    varint::write(bytes.len() as u64, out);
    out.extend_from_slice(&bytes);
}

fn write_content(report: &TradeReport, out: &mut Vec<u8>) {
    let names_affects = report.kind != ReportKind::Cancel && report.affects != Affects::ALL;
    let affects = if names_affects { AFFECTS } else { 0 };
    match report.kind {
        ReportKind::Cancel => out.push(CANCEL),
        ReportKind::Correct => out.push(CORRECT | TRADE | affects),
        ReportKind::Trade => out.push(TRADE | affects),
    }
    if report.is_correction() {
        write_text(&report.id.text(), out);
    }
    if report.kind != ReportKind::Cancel {
        let mut fields = Fields::default();
        report.write_into(&mut fields);
        let (mask, decimals) =
            (mask_of(fields.mask, CustomSet::NONE), Decimals::without_reference(&fields, fields.mask));
        write_mask(mask, out);
        out.extend(decimals.places_byte());
        write_fixed(&fields, mask, &decimals, out);
    }
    if names_affects {
        out.push(affects_byte(report.affects));
    }
}

fn affects_byte(affects: Affects) -> u8 {
    let bits = [(Affects::LAST, 1), (Affects::HIGH_LOW, 2), (Affects::VOLUME, 4)];
    bits.iter().filter(|(part, _)| affects.contains(*part)).map(|(_, bit)| bit).sum()
}
