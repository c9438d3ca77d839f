//! Data messages as JSON text. In a frame each has a comma behind it, which the frame's end replaces.

use crate::{
    tick::{FieldSet, Nanos, Symbol},
    topic::{Record, Stamped},
};

pub(super) const SNAPSHOT: &[u8] = br#"{"type":"snapshot","#;
pub(super) const UPDATE: &[u8] = br#"{"type":"update","#;

pub(super) fn write_head(symbol: &Symbol, seq: u64, ts: Nanos, rx: Nanos, out: &mut Vec<u8>) {
    out.extend_from_slice(br#""symbol":""#);
    out.extend_from_slice(symbol.as_str().as_bytes());
    out.extend_from_slice(br#"","seq":"#);
    write_int(seq, out);
    out.extend_from_slice(br#","ts":"#);
    out.extend_from_slice(itoa::Buffer::new().format(ts.micros()).as_bytes());
    out.extend_from_slice(br#","rx":"#);
    out.extend_from_slice(itoa::Buffer::new().format(rx.micros()).as_bytes());
}

pub(super) fn write_end(n: u64, out: &mut Vec<u8>) {
    if n > 1 {
        out.extend_from_slice(br#","n":"#);
        write_int(n, out);
    }
    out.extend_from_slice(b"},");
}

pub(super) fn write_some(
    kind: &[u8],
    symbol: &Symbol,
    record: &Record,
    wanted: FieldSet,
    n: u64,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(kind);
    write_head(symbol, record.seq, record.ts, record.rx, out);
    record.fields.write_json(wanted, out);
    write_end(n, out);
}

pub(super) fn write_tick(symbol: &Symbol, tick: &Stamped, n: u64, wanted: FieldSet, out: &mut Vec<u8>) {
    out.extend_from_slice(UPDATE);
    write_head(symbol, tick.seq, tick.ts, tick.rx, out);
    tick.fields.write_json(wanted, out);
    write_end(n, out);
}

pub(super) fn write_int(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a `snapshot` message, as the stream has it, without a frame.
pub fn write_snapshot(symbol: &Symbol, record: &Record, out: &mut Vec<u8>) {
    out.extend_from_slice(SNAPSHOT);
    write_head(symbol, record.seq, record.ts, record.rx, out);
    record.fields.write_json(FieldSet::ALL, out);
    out.push(b'}');
}
