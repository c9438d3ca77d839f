//! Control messages that are frequent or long, written without serde. Their definitions are in `control.rs`.
//!
//! Invariant: the bytes are the same that [`Control::write`] would write.

use serde::Serialize;

use super::control::{Control, Entry, write_json};
use crate::{
    limits::Limits,
    tick::{CustomFields, Nanos},
};

/// The `welcome` message around the session's number: the rest is the same for all sessions until the limits change.
pub struct Welcome {
    before: Vec<u8>,
    after: Vec<u8>,
    /// The variant for encodings whose timestamps count from the origin.
    after_with_origin: Vec<u8>,
}

impl Welcome {
    pub fn new(epoch: &str, origin: Nanos, limits: &Limits, fields: &CustomFields) -> Self {
        let mut welcome = Control::welcome("", epoch, limits, fields);
        let (before, after) = around_session(&welcome);
        if let Control::Welcome { origin: place, .. } = &mut welcome {
            *place = Some(origin);
        }
        let (_, after_with_origin) = around_session(&welcome);
        Welcome { before, after, after_with_origin }
    }

    pub fn write(&self, session: u64, out: &mut Vec<u8>) {
        self.write_with(session, &self.after, out);
    }

    /// As `write`, with the origin of binary timestamps.
    pub fn write_with_origin(&self, session: u64, out: &mut Vec<u8>) {
        self.write_with(session, &self.after_with_origin, out);
    }

    fn write_with(&self, session: u64, after: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        write_int(session, out);
        out.extend_from_slice(after);
    }
}

/// The text of a `welcome` before and after the session's number.
fn around_session(welcome: &Control<'_>) -> (Vec<u8>, Vec<u8>) {
    const SESSION: &[u8] = b"\"session\":\"";
    let mut before = Vec::new();
    welcome.write(&mut before);
    let end = memchr::memmem::find(&before, SESSION).map_or(before.len(), |at| at + SESSION.len());
    let after = before.split_off(end);
    (before, after)
}

/// A message with an array whose elements are appended one by one.
pub struct Growing {
    text: Vec<u8>,
    /// The text after the array.
    tail: Vec<u8>,
    is_empty: bool,
}

impl Control<'_> {
    /// Starts this message's payload. Its array `array` must be empty; [`Growing::push`] fills it.
    pub fn grow(&self, array: &str) -> Growing {
        let mut text = Vec::new();
        self.write(&mut text);
        // Cannot occur in a string of the message, because quotes are escaped there.
        let name = format!("\"{array}\":[");
        let end = memchr::memmem::find(&text, name.as_bytes()).map_or(text.len(), |at| at + name.len());
        let tail = text.split_off(end);
        Growing { text, tail, is_empty: true }
    }
}

impl Growing {
    pub fn push(&mut self, entry: &impl Serialize) {
        self.separate();
        write_json(entry, &mut self.text);
    }

    /// As [`Self::push`]. Most results have only a symbol and a status, and are written without serde.
    pub fn push_result(&mut self, entry: &Entry) {
        self.separate();
        entry.write(&mut self.text);
    }

    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_empty) {
            self.text.push(b',');
        }
    }

    /// The whole payload.
    pub fn finish(mut self) -> Vec<u8> {
        self.text.append(&mut self.tail);
        self.text
    }
}

impl Entry {
    fn write(&self, out: &mut Vec<u8>) {
        let Entry { symbol, name, status, known: None, matched: None, delay_ms: None, code: None, .. } = self
        else {
            return write_json(self, out);
        };
        if self.message.is_some() || self.notice.is_some() {
            return write_json(self, out);
        }
        out.extend_from_slice(b"{\"symbol\":");
        write_text(symbol, out);
        if let Some(name) = name {
            out.extend_from_slice(b",\"as\":");
            write_text(name.as_str(), out);
        }
        out.extend_from_slice(b",\"status\":\"");
        out.extend_from_slice(status.as_str().as_bytes());
        out.extend_from_slice(b"\"}");
    }
}

/// Appends a whole number.
#[inline]
pub fn write_int(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a JSON string.
pub fn write_text(text: &str, out: &mut Vec<u8>) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if !text.bytes().all(is_plain) {
        return write_json(text, out);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        fanout::Name,
        limits,
        tick::State,
        wire::{
            Encoding, ErrorCode, Id,
            control::{ListEntry, Status},
        },
    };

    fn check(control: &Control<'_>, expected: &str) {
        let mut out = Vec::new();
        control.write(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn what_is_written_piece_by_piece_is_what_is_written_at_once() {
        let row = |symbol: &str| ListEntry {
            symbol: symbol.to_owned(),
            name: None,
            mode: "latest",
            delay_ms: None,
            interval_ms: 0,
            fields: None,
            numbers: None,
            seq: 7,
            state: State::Live,
        };
        for rows in [vec![], vec![row("A")], vec![row("A"), row("B")]] {
            let list = |subscriptions| Control::List {
                id: Some(Id::Text("\"subscriptions\":[".into())),
                subscriptions,
                globs: vec!["C*".into()],
                named_globs: Vec::new(),
            };
            let mut growing = list(Vec::new()).grow("subscriptions");
            for row in &rows {
                growing.push(row);
            }
            check(&list(rows), &String::from_utf8(growing.finish()).unwrap());
        }
    }

    proptest! {
        /// The bytes equal those that serde writes.
        #[test]
        fn answers_are_written_as_any_other_message(
            kind in 0u8..3,
            id in prop_oneof![Just(None), "\\PC{0,4}".prop_map(|id| Some(Id::Text(id))), any::<i64>().prop_map(|id| Some(Id::Number(id)))],
            results in prop::collection::vec(entries(), 0..5),
            has_fields: bool,
        ) {
            let table = CustomFields::none();
            let fields = if has_fields { Encoding::BINARY.field_table(&table) } else { Vec::new() };
            let message = |results| match kind {
                0 => Control::Subscribed { id: id.clone(), results, fields: fields.clone() },
                1 => Control::Unsubscribed { id: id.clone(), results },
                _ => Control::Set { id: id.clone(), results },
            };
            let mut growing = message(Vec::new()).grow("results");
            for entry in &results {
                growing.push_result(entry);
            }
            let written = String::from_utf8(growing.finish()).unwrap();
            prop_assert_eq!(written, serde_json::to_string(&[message(results)]).unwrap());
        }

        #[test]
        fn text_is_written_as_json_has_it(text in "[ -~]{0,12}|\\PC{0,12}|[\\x00-\\x7f]{0,12}") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert_eq!(out, serde_json::to_vec(&text).unwrap());
        }

        #[test]
        fn a_welcome_is_the_same_for_everybody_but_for_the_number(session: u64, epoch in "[a-z0-9]{10}") {
            let mut out = Vec::new();
            Welcome::new(&epoch, Nanos(7_000), &limits::DEFAULT, &CustomFields::none()).write(session, &mut out);
            check(&Control::welcome(&session.to_string(), &epoch, &limits::DEFAULT, &CustomFields::none()), std::str::from_utf8(&out).unwrap());
            let without_origin = String::from_utf8(std::mem::take(&mut out)).unwrap();
            Welcome::new(&epoch, Nanos(7_000), &limits::DEFAULT, &CustomFields::none()).write_with_origin(session, &mut out);
            let with_origin = String::from_utf8(out).unwrap();
            prop_assert!(with_origin.contains(",\"origin\":7,"));
            prop_assert_eq!(with_origin.replace(",\"origin\":7,", ","), without_origin);
        }
    }

    fn entries() -> impl Strategy<Value = Entry> {
        use Status::{Error, Gap, Ok, Pending, Resumed};
        let statuses = prop::sample::select(vec![Ok, Pending, Resumed, Gap, Error]);
        let name =
            prop::option::of("[a-z é]{0,3}x").prop_map(|name| name.and_then(|name| Name::new(name.trim())));
        let delay = prop::option::of((any::<u32>(), prop::option::of("\\PC{0,9}")));
        let rest = (name, any::<Option<usize>>(), any::<bool>(), any::<Option<String>>(), delay);
        ("\\PC{0,30}", statuses, rest).prop_map(
            |(symbol, status, (name, matched, unknown, message, delay))| Entry {
                delay_ms: delay.as_ref().map(|(delay, _)| *delay),
                notice: delay.and_then(|(_, notice)| notice).map(Into::into),
                name,
                known: unknown.then_some(false),
                matched,
                code: message.as_ref().map(|_| ErrorCode::BadSymbol),
                message,
                ..Entry::new(symbol, status)
            },
        )
    }
}
