//! Encodes a tick to a line, so that decoding the line gives the same tick.
//!
//! Invariant: a decimal that a double cannot hold exactly is written as a string. Our own reader does not need it, but
//! others turn JSON numbers into doubles.

use crate::tick::{CustomSet, Field, Nanos, ReportKind, Tick, WantedFields};

/// A decimal with more digits becomes a string: a double holds this many.
const NUMBER_DIGITS_MAX: usize = 15;

/// Appends the line with its line end. Times lose what is below a microsecond.
pub fn write_line(tick: &Tick, rx: Option<Nanos>, out: &mut Vec<u8>) {
    // No byte of a symbol needs an escape.
    out.extend_from_slice(b"{\"symbol\":\"");
    out.extend_from_slice(tick.symbol.as_str().as_bytes());
    out.push(b'"');
    write_time(b",\"ts\":", tick.ts, out);
    write_time(b",\"rx\":", rx, out);
    let fields = tick.fields.spelled_out();
    if let Some(report) = fields.report() {
        match report.kind {
            ReportKind::Trade => {}
            ReportKind::Cancel => report.write_id(b",\"cancel\":", out),
            ReportKind::Correct => report.write_id(b",\"correct\":", out),
        }
    }
    for field in fields.mask.iter() {
        fields.write_field(field, out, |out| {
            write_decimal(out, |out| match field {
                Field::Volume => fields.volume().write(out),
                _ => fields.get_decimal(field).unwrap_or_default().write(out),
            });
        });
    }
    if let Some(custom) = &fields.custom {
        for (name, value) in custom.shown(CustomSet::ALL) {
            let Some(value) = value else { continue };
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            if value.is_decimal() {
                write_decimal(out, |out| value.write_json(out));
            } else {
                value.write_json(out);
            }
        }
    }
    if let Some(report) = fields.report().filter(|report| report.kind == ReportKind::Trade) {
        report.write_affects(out);
    }
    fields.write_json_nulls(WantedFields::ALL, out);
    out.extend_from_slice(b"}\n");
}

fn write_time(name: &[u8], time: Option<Nanos>, out: &mut Vec<u8>) {
    if let Some(time) = time {
        out.extend_from_slice(name);
        out.extend_from_slice(itoa::Buffer::new().format(time.micros()).as_bytes());
    }
}

fn write_decimal(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    if out[start..].iter().filter(|byte| byte.is_ascii_digit()).count() > NUMBER_DIGITS_MAX {
        out.insert(start, b'"');
        out.push(b'"');
    }
}
