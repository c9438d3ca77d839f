//! The command `subscribe` as a scenario words it: `Subscription::to(["A"]).every().fields(&["bid"])`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::message::keyed;

/// A `subscribe` in the making.
#[derive(Clone)]
pub struct Subscription {
    symbols: Vec<String>,
    more: serde_json::Map<String, Value>,
}

impl Subscription {
    pub fn to<S: AsRef<str>>(symbols: impl IntoIterator<Item = S>) -> Self {
        let symbols = symbols.into_iter().map(|symbol| symbol.as_ref().to_owned()).collect();
        Subscription { symbols, more: serde_json::Map::new() }
    }

    /// What it names, [keyed] with its name.
    pub fn keys(&self) -> Vec<String> {
        self.symbols.iter().map(|symbol| keyed(symbol, self.name())).collect()
    }

    fn name(&self) -> Option<&str> {
        self.more.get("as").and_then(Value::as_str)
    }

    /// By the name that tells it apart from others to the same symbols.
    pub fn named(self, name: &str) -> Self {
        self.with("as", json!(name))
    }

    pub fn every(self) -> Self {
        self.with("mode", json!("every"))
    }

    pub fn trades(self) -> Self {
        self.with("mode", json!("trades"))
    }

    pub fn once(self) -> Self {
        self.with("mode", json!("once"))
    }

    pub fn interval_ms(self, interval: u64) -> Self {
        self.with("interval_ms", json!(interval))
    }

    /// With decimals as text.
    pub fn with_texts(self) -> Self {
        self.with("numbers", json!("string"))
    }

    pub fn fields(self, fields: &[&str]) -> Self {
        self.with("fields", json!(fields))
    }

    pub fn without_snapshot(self) -> Self {
        self.with("snapshot", json!(false))
    }

    pub fn resume(self, epoch: &str, last: &[(&str, u64)]) -> Self {
        let last: serde_json::Map<_, _> =
            last.iter().map(|(symbol, seq)| ((*symbol).to_owned(), json!(seq))).collect();
        self.with("resume", json!({"epoch": epoch, "last": last}))
    }

    fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    pub fn command(&self) -> Value {
        let mut command = self.more.clone();
        command.insert("op".into(), json!("subscribe"));
        command.insert("symbols".into(), json!(self.symbols));
        Value::Object(command)
    }

    /// The cursors that it asks to go on from.
    pub fn last(&self) -> BTreeMap<String, u64> {
        let last = self.more.get("resume").and_then(|resume| resume["last"].as_object());
        last.into_iter()
            .flatten()
            .filter_map(|(symbol, seq)| Some((keyed(symbol, self.name()), seq.as_u64()?)))
            .collect()
    }
}
