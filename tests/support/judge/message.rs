//! What the server sends, kept as text: a number is compared digit by digit and never passes through a float.
//!
//! Invariant: a frame that is not a JSON array of objects with a `type` each is a breach of the contract and panics.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::{Value, value::RawValue};

/// What data messages have beside fields of a record. Any other name is a field that a configuration added.
const ENVELOPE: [&str; 14] = [
    "type", "as", "symbol", "seq", "ts", "rx", "n", "delay_ms", "cancel", "correct", "trade", "from", "to",
    "reason",
];

/// One message of a frame.
#[derive(Clone)]
pub struct Message {
    fields: BTreeMap<String, Box<RawValue>>,
}

impl Message {
    /// The messages of one frame, in order.
    pub fn of_frame(text: &str) -> Vec<Message> {
        let maps: Vec<BTreeMap<String, Box<RawValue>>> = serde_json::from_str(text)
            .unwrap_or_else(|error| panic!("a frame is a JSON array of objects, {error}: {text:.300}"));
        assert!(!maps.is_empty(), "a frame without a message");
        assert!(
            maps.iter().all(|fields| fields.contains_key("type")),
            "a message without a type: {text:.300}"
        );
        maps.into_iter().map(|fields| Message { fields }).collect()
    }

    /// A message that was not text.
    pub(super) fn of_fields(fields: BTreeMap<String, Box<RawValue>>) -> Message {
        Message { fields }
    }

    /// The objects of an array that is not a frame.
    pub fn of_array(text: &str) -> Vec<Message> {
        let maps: Vec<_> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text:.300}"));
        maps.into_iter().map(|fields| Message { fields }).collect()
    }

    /// Its type.
    pub fn kind(&self) -> String {
        self.str("type")
    }

    pub fn is(&self, kind: &str) -> bool {
        self.fields.get("type").is_some_and(|raw| raw.get().trim_matches('"') == kind)
    }

    /// The text of a value, exactly as it stood on the wire.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|raw| raw.get())
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    pub fn value(&self, name: &str) -> Value {
        self.raw(name).map_or(Value::Null, |raw| serde_json::from_str(raw).expect("JSON inside JSON"))
    }

    pub fn str(&self, name: &str) -> String {
        match self.value(name) {
            Value::String(text) => text,
            other => panic!("`{name}` is a text, not {other}, in {self:?}"),
        }
    }

    pub fn int(&self, name: &str) -> i64 {
        let raw = self.raw(name).unwrap_or_else(|| panic!("`{name}` is missing in {self:?}"));
        raw.parse().unwrap_or_else(|_| panic!("`{name}` is a whole number, not {raw}, in {self:?}"))
    }

    pub fn seq(&self, name: &str) -> u64 {
        u64::try_from(self.int(name)).unwrap_or_else(|_| panic!("`{name}` is below 0 in {self:?}"))
    }

    /// Whose it is: the symbol, with the name of the subscription when it has one.
    pub fn key(&self) -> String {
        keyed(&self.str("symbol"), self.raw("as").map(|_| self.str("as")).as_deref())
    }

    /// How many ticks an update merges.
    pub fn n(&self) -> u64 {
        if self.has("n") { self.seq("n") } else { 1 }
    }

    /// Whether this is one of the messages that carry a topic's data.
    pub fn is_data(&self) -> bool {
        self.is("snapshot") || self.is("update") || self.is("gap")
    }

    /// The record fields that it sets, as text. A decimal that is a JSON string is the same as one that is a number.
    pub fn record(&self) -> BTreeMap<String, String> {
        let set = self.shown().filter(|(_, raw)| *raw != "null");
        let text = |(name, raw): (&str, &str)| {
            let raw = if DECIMALS.contains(&name) { raw.trim_matches('"') } else { raw };
            (name.to_owned(), raw.to_owned())
        };
        set.map(text).collect()
    }

    /// Whether its decimals are text; `None` when it has none.
    pub fn has_texts(&self) -> Option<bool> {
        let decimals = self.shown().filter(|(name, raw)| DECIMALS.contains(name) && *raw != "null");
        let texts: BTreeSet<bool> = decimals.map(|(_, raw)| raw.starts_with('"')).collect();
        assert!(texts.len() < 2, "some decimals are text, and some are not: {self:?}");
        texts.first().copied()
    }

    /// Every field of a record that it names, as text.
    fn shown(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter().filter(|(name, _)| !ENVELOPE.contains(&name.as_str()));
        fields.map(|(name, raw)| (name.as_str(), raw.get()))
    }

    /// The record fields that it withdraws.
    pub fn withdrawn(&self) -> BTreeSet<&str> {
        self.shown().filter(|(_, raw)| *raw == "null").map(|(name, _)| name).collect()
    }

    /// The code of an `error` message, checked to be a stable word with a sentence beside it.
    pub fn error_code(&self) -> String {
        assert!(self.is("error"), "an error was expected, not {self:?}");
        check_error(&self.value("code"), &self.value("message"))
    }

    /// `(symbol, status)` of each result of an acknowledgement, with the code in place of the status `error`. The symbol is
    /// [keyed] with the name of the subscription, when it has one.
    pub fn results(&self) -> Vec<(String, String)> {
        let Value::Array(results) = self.value("results") else {
            panic!("`results` is an array in {self:?}")
        };
        results
            .iter()
            .map(|result| {
                let symbol = result["symbol"]
                    .as_str()
                    .unwrap_or_else(|| panic!("a result names its symbol: {result}"));
                let symbol = keyed(symbol, result["as"].as_str());
                let status =
                    result["status"].as_str().unwrap_or_else(|| panic!("a result has a status: {result}"));
                let known = ["ok", "pending", "resumed", "gap", "error"].contains(&status);
                assert!(known, "the contract has no status `{status}`");
                if status == "error" {
                    let code = check_error(&result["code"], &result["message"]);
                    return (symbol, format!("error:{code}"));
                }
                (symbol, status.to_owned())
            })
            .collect()
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(&self.fields).unwrap_or_default())
    }
}

/// The fields of every record that are decimals.
const DECIMALS: [&str; 10] =
    ["bid", "bid_size", "ask", "ask_size", "last", "last_size", "open", "high", "low", "volume"];

/// A symbol and the name of a subscription, as one text; a symbol has no comma.
pub fn keyed(symbol: &str, name: Option<&str>) -> String {
    name.map_or_else(|| symbol.to_owned(), |name| format!("{symbol},{name}"))
}

/// The symbol, or the text of a pattern, and the name.
pub fn unkeyed(key: &str) -> (&str, Option<&str>) {
    key.split_once(',').map_or((key, None), |(symbol, name)| (symbol, Some(name)))
}

/// Checks a code and its message, wherever they stand; returns the code.
pub fn check_error(code: &Value, message: &Value) -> String {
    let code = code.as_str().unwrap_or_else(|| panic!("an error has a code, not {code}"));
    let stable = !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    assert!(stable, "a code is a stable word, not `{code}`");
    assert!(
        message.as_str().is_some_and(|text| text.len() > 3),
        "an error tells a person what is wrong: {message}"
    );
    code.to_owned()
}
