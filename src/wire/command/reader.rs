//! [`CommandReader`]: parses one message of a client into a command, or an error that says what is wrong with it.

use std::{sync::Arc, time::Duration};

use simd_json::{
    BorrowedValue, Buffers,
    prelude::{TypedScalarValue, ValueAsArray, ValueAsObject, ValueAsScalar},
};

use super::{
    Command, Publishing, ResumeFrom, Target, names,
    values::{CommandFault, Object, bad, kind, once, read_id, shown, whole},
    wide,
};
use crate::{
    access::BearerToken,
    fanout::{Change, Mode, Name, Spec, View},
    limits::Limits,
    text::without_bom,
    tick::{CustomFields, Numbers, WantedFields},
    wire::{CommandError, ErrorCode, Id, control::millis},
};

/// Parses commands; reuses its buffers.
pub struct CommandReader {
    buffers: Buffers,
    /// The configured fields, beside the fixed ones.
    fields: Arc<CustomFields>,
}

/// The maximum depth of JSON that is parsed; commands need less.
const DEPTH_MAX: usize = 16;

impl CommandReader {
    pub fn with_fields(fields: Arc<CustomFields>) -> Self {
        CommandReader { buffers: Buffers::with_max_depth(1024, DEPTH_MAX), fields }
    }

    /// Parses one message in place, overwriting it.
    ///
    /// # Errors
    /// When the message is not a valid command. The error has a code, and the id if it could be read.
    pub fn read(&mut self, text: &mut [u8], limits: &Limits) -> Result<Command, CommandError> {
        let mark = text.len() - without_bom(text).len();
        let text = &mut text[mark..];
        let mut quoted = wide::quoted(text);
        let wide_id = quoted.as_ref().and_then(|_| wide::id(text));
        let text = quoted.as_deref_mut().unwrap_or(text);
        // For large objects the parser keeps one value per name and reports no duplicates.
        let named = memchr::memmem::find(text, b"resume").and_then(|_| names::in_resume(text));
        let value =
            simd_json::value::borrowed::to_value_with_buffers(text, &mut self.buffers).map_err(|error| {
                let message = format!("the message is not valid JSON: {error}");
                CommandError { id: None, code: ErrorCode::BadJson, message }
            })?;
        let Some(object) = value.as_object() else {
            let message = format!("a command is a JSON object, got {}", kind(&value));
            return Err(CommandError { id: None, code: ErrorCode::BadCommand, message });
        };
        // Read the id first, so that every later error can carry it.
        let id = object
            .get("id")
            .map_or(Ok(None), |id| read_id(id, wide_id))
            .map_err(|message| CommandError { id: None, code: ErrorCode::BadValue, message })?;
        let fields = FieldReader { object, limits, named, table: &self.fields };
        fields.command(id.clone()).map_err(|(code, message)| CommandError { id, code, message })
    }
}

/// For a service without configured fields.
impl Default for CommandReader {
    fn default() -> Self {
        CommandReader::with_fields(CustomFields::none())
    }
}

struct FieldReader<'a> {
    object: &'a Object<'a>,
    limits: &'a Limits,
    /// The number of names in `resume.last`, duplicates included.
    named: Option<usize>,
    table: &'a CustomFields,
}

impl FieldReader<'_> {
    /// A field's value; `null` counts as absent.
    fn get(&self, name: &str) -> Option<&BorrowedValue<'_>> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn command(&self, id: Option<Id>) -> Result<Command, CommandFault> {
        once(self.object, "")?;
        let op = match self.get("op") {
            None => return Err((ErrorCode::MissingField, format!("op is missing: it is one of {OPS}"))),
            Some(op) => op.as_str().ok_or_else(|| bad("op", "a string", op))?,
        };
        match op {
            "subscribe" => {
                self.only(op, &SUBSCRIBE)?;
                let (symbols, resume) = (self.symbols()?, self.resume()?);
                let spec = Spec {
                    mode: self.mode(&Mode::ALL)?.unwrap_or_default(),
                    interval: self.interval()?.unwrap_or_default(),
                    view: View {
                        wanted: self.fields()?.unwrap_or(WantedFields::ALL),
                        name: self.name()?,
                        numbers: self.numbers()?.unwrap_or_default(),
                        ..View::WHOLE
                    },
                    snapshot: self.snapshot()?.unwrap_or(true),
                };
                Ok(Command::Subscribe { id, symbols, spec, resume })
            }
            "unsubscribe" => {
                self.only(op, &["op", "id", "symbols", "as"])?;
                Ok(Command::Unsubscribe { id, symbols: self.symbols()?, name: self.name()? })
            }
            "set" => {
                self.only(op, &SET)?;
                let (symbols, name) = (self.symbols()?, self.name()?);
                let change = Change {
                    mode: self.mode(&[Mode::Latest, Mode::Every, Mode::Trades])?,
                    interval: self.interval()?,
                    wanted: self.fields()?,
                    numbers: self.numbers()?,
                    reports: None,
                };
                if change == Change::default() {
                    let message = "set changes nothing: give mode, interval_ms, fields or numbers".to_owned();
                    return Err((ErrorCode::MissingField, message));
                }
                Ok(Command::Set { id, symbols, name, change })
            }
            "list" => self.only(op, &["op", "id"]).map(|()| Command::List { id }),
            "ping" => self.only(op, &["op", "id"]).map(|()| Command::Ping { id }),
            "ack" => {
                self.only(op, &["op", "id", "seen"])?;
                let Some(seen) = self.get("seen") else {
                    let message = "seen is missing: how many frames of data were read".to_owned();
                    return Err((ErrorCode::MissingField, message));
                };
                let count = whole(seen);
                let count = count.ok_or_else(|| bad("seen", "a whole number of frames from 0 on", seen))?;
                Ok(Command::Ack { id, seen: count })
            }
            "publish" => {
                self.only(op, &["op", "id", "publisher", "number", "ticks"])?;
                let [ticks, publisher, number] = ["ticks", "publisher", "number"].map(|name| self.get(name));
                Publishing::read(id, ticks, publisher, number).map(Command::Publish)
            }
            "auth" => {
                self.only(op, &["op", "id", "token"])?;
                match self.get("token") {
                    None => Err((ErrorCode::MissingField, "token is missing".to_owned())),
                    // Do not echo a value that is not a string: it may contain a token.
                    Some(token) => match token.as_str() {
                        Some(token) => Ok(Command::Auth { id, token: BearerToken::new(token) }),
                        None => Err((ErrorCode::BadValue, "token must be a string".to_owned())),
                    },
                }
            }
            _ => Err((ErrorCode::UnknownOp, format!("there is no op {op:?}: it is one of {OPS}"))),
        }
    }

    /// Rejects fields that the command does not have.
    fn only(&self, op: &str, known: &[&str]) -> Result<(), CommandFault> {
        let mut unknown: Vec<&str> =
            self.object.keys().map(AsRef::as_ref).filter(|key| !known.contains(key)).collect();
        unknown.sort_unstable();
        match unknown.first() {
            None => Ok(()),
            Some(key) => {
                let message = format!("{op} has no field {key:?}: it has {}", known.join(", "));
                Err((ErrorCode::UnknownField, message))
            }
        }
    }

    fn symbols(&self) -> Result<Vec<Target>, CommandFault> {
        let Some(value) = self.get("symbols") else {
            return Err((
                ErrorCode::MissingField,
                "symbols is missing: an array of names or globs".to_owned(),
            ));
        };
        let Some(array) = value.as_array() else { return Err(bad("symbols", "an array of strings", value)) };
        if array.is_empty() {
            return Err((ErrorCode::BadValue, "symbols is empty: name at least one".to_owned()));
        }
        if !array.iter().any(TypedScalarValue::is_str) {
            return Err(bad("symbols", "an array of strings", value));
        }
        let most = self.limits.subscriptions.saturating_mul(2);
        if array.len() > most {
            let message = format!("symbols has {} entries, one command takes at most {most}", array.len());
            return Err((ErrorCode::TooManySymbols, message));
        }
        Ok(array.iter().map(|entry| entry.as_str().map_or_else(|| not_text(entry), Target::parse)).collect())
    }

    fn name(&self) -> Result<Option<Name>, CommandFault> {
        let Some(value) = self.get("as") else { return Ok(None) };
        value.as_str().and_then(Name::new).map(Some).ok_or_else(|| bad("as", Name::EXPECTED, value))
    }

    fn numbers(&self) -> Result<Option<Numbers>, CommandFault> {
        let Some(value) = self.get("numbers") else { return Ok(None) };
        let numbers = value.as_str().and_then(Numbers::parse);
        numbers.map(Some).ok_or_else(|| bad("numbers", "one of number, string", value))
    }

    fn mode(&self, allowed: &[Mode]) -> Result<Option<Mode>, CommandFault> {
        let Some(value) = self.get("mode") else { return Ok(None) };
        let names: Vec<&str> = allowed.iter().map(|mode| mode.as_str()).collect();
        let expected = format!("one of {}", names.join(", "));
        let mode = value.as_str().and_then(Mode::parse).filter(|mode| allowed.contains(mode));
        mode.map(Some).ok_or_else(|| bad("mode", &expected, value))
    }

    fn interval(&self) -> Result<Option<Duration>, CommandFault> {
        let Some(value) = self.get("interval_ms") else { return Ok(None) };
        let most = millis(self.limits.interval);
        let expected = format!("a whole number of milliseconds from 0 to {most}");
        let interval = whole(value).filter(|&interval| interval <= most);
        interval.map(|ms| Some(Duration::from_millis(ms))).ok_or_else(|| bad("interval_ms", &expected, value))
    }

    fn snapshot(&self) -> Result<Option<bool>, CommandFault> {
        let Some(value) = self.get("snapshot") else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| bad("snapshot", "true or false", value))
    }

    fn fields(&self) -> Result<Option<WantedFields>, CommandFault> {
        let Some(value) = self.get("fields") else { return Ok(None) };
        let array = value.as_array().ok_or_else(|| bad("fields", "an array of field names", value))?;
        if array.is_empty() {
            return Err((ErrorCode::BadValue, "fields is empty: leave it out for all of them".to_owned()));
        }
        WantedFields::of_names(array.iter().map(ValueAsScalar::as_str), self.table).map(Some).map_err(|at| {
            let names = WantedFields::ALL.names(self.table).join(", ");
            bad("fields", &format!("made of {names}"), &array[at])
        })
    }

    fn resume(&self) -> Result<Option<ResumeFrom>, CommandFault> {
        const EXPECTED: &str = "{\"epoch\":\"…\",\"last\":{\"SYMBOL\":SEQ}}";
        let Some(value) = self.get("resume") else { return Ok(None) };
        let object = value.as_object().ok_or_else(|| bad("resume", EXPECTED, value))?;
        once(object, "resume.")?;
        if let Some(key) = object.keys().find(|key| !["epoch", "last"].contains(&key.as_ref())) {
            return Err((ErrorCode::UnknownField, format!("resume has no field {key:?}: it is {EXPECTED}")));
        }
        let epoch = object.get("epoch").and_then(ValueAsScalar::as_str);
        let epoch = epoch.ok_or_else(|| {
            (ErrorCode::BadValue, format!("resume.epoch is missing or no string: resume is {EXPECTED}"))
        })?;
        let last = object.get("last").and_then(ValueAsObject::as_object);
        let last = last.ok_or_else(|| {
            (ErrorCode::BadValue, format!("resume.last is missing or no object: resume is {EXPECTED}"))
        })?;
        once(last, "resume.last.")?;
        if self.named.is_some_and(|named| named != last.len()) {
            return Err((ErrorCode::BadValue, "resume.last has a symbol that is given twice".to_owned()));
        }
        let seqs = last.iter().filter(|(_, seq)| !seq.is_null()).map(|(symbol, seq)| match whole(seq) {
            Some(seq) => Ok((symbol.to_string(), seq)),
            None => Err(bad(&format!("resume.last[{symbol:?}]"), "a seq, a whole number from 0 on", seq)),
        });
        Ok(Some(ResumeFrom { epoch: epoch.to_owned(), last: seqs.collect::<Result<_, _>>()? }))
    }
}

/// The fields of `subscribe`.
const SUBSCRIBE: [&str; 10] =
    ["op", "id", "symbols", "as", "mode", "interval_ms", "snapshot", "fields", "numbers", "resume"];
/// The fields of `set`.
const SET: [&str; 8] = ["op", "id", "symbols", "as", "mode", "interval_ms", "fields", "numbers"];
const OPS: &str = "subscribe, unsubscribe, set, list, ping, auth, ack, publish";

fn not_text(entry: &BorrowedValue<'_>) -> Target {
    let message = format!("a symbol is a string, got {}", kind(entry));
    Target::Bad { text: shown(entry), message }
}
