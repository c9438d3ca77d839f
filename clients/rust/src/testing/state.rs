//! What the scripted server knows: its symbols, and what its clients have sent and were sent.
//!
//! It makes messages and answers; sockets are its parent's.

#[cfg(feature = "tls")]
use std::sync::Arc;
use std::{
    sync::Mutex,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::script::{Script, TICKS};

/// What all connections share.
pub struct State {
    pub script: Script,
    pub epoch: String,
    pub start_us: i64,
    /// The certificates of the connections to come.
    #[cfg(feature = "tls")]
    pub tls: Mutex<Option<Arc<rustls::ServerConfig>>>,
    pub seen: Mutex<Seen>,
}

/// What the clients have sent, and what they were sent.
#[derive(Default)]
pub struct Seen {
    pub connections: u32,
    /// Offered, delivered, conflated, gapped.
    pub counts: [i64; 4],
    pub commands: Vec<Value>,
    /// Of each request, in order.
    pub tokens: Vec<Option<String>>,
    /// TLS handshakes: whether each resumed a session.
    pub resumed: Vec<bool>,
    pub pongs: u32,
}

/// This machine's time, in microseconds since 1970.
pub fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

// === impl State ===

impl State {
    fn base(&self, name: &str) -> u64 {
        self.script.symbols.iter().find(|(known, _)| *known == name).unwrap().1
    }

    pub fn head(&self, name: &str) -> u64 {
        self.base(name) + TICKS
    }

    pub fn symbols(&self) -> Vec<Value> {
        let symbols = self.script.symbols.iter();
        symbols.map(|(name, _)| json!({"symbol": name, "seq": self.head(name), "state": "live"})).collect()
    }

    /// A message of the contract; full records from snapshots and where several ticks are merged.
    pub fn message(&self, kind: &str, symbol: &str, seq: u64, n: u64) -> Value {
        let rx = self.start_us + i64::try_from(seq).unwrap();
        let mut message = json!({"type": kind, "symbol": symbol, "seq": seq, "ts": rx - 1, "rx": rx, "bid": seq as f64 + 0.5});
        if kind == "snapshot" || n > 1 || seq == 1 {
            let rest = json!({"ask": 900_719_925.123_456_7, "side": "buy", "volume": 12});
            message.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        }
        if n > 1 {
            message["n"] = n.into();
        }
        message
    }

    /// The results of a subscribe command, and the messages that follow it.
    pub fn subscribe(&self, command: &Value) -> (Vec<Value>, Vec<Value>) {
        let mut results = Vec::new();
        let mut messages = Vec::new();
        let resumes = command["resume"]["epoch"] == self.epoch.as_str();
        for name in command["symbols"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
            if !self.script.symbols.iter().any(|(known, _)| *known == name) {
                results.push(json!({"symbol": name, "status": "pending"}));
                continue;
            }
            let base = self.base(name);
            if resumes && command["resume"]["last"][name].is_u64() {
                results.push(json!({"symbol": name, "status": "resumed"}));
                continue;
            }
            results.push(json!({"symbol": name, "status": if base == 0 { "pending" } else { "ok" }}));
            if base > 0 {
                messages.push(self.message("snapshot", name, base, 1));
            }
            messages.push(self.message("update", name, base + 1, 1));
            messages.push(self.message("update", name, base + 4, 3));
            messages.push(
                json!({"type": "gap", "symbol": name, "from": base + 5, "to": base + 6, "reason": "slow"}),
            );
            messages.push(self.message("snapshot", name, base + 6, 1));
            messages.push(self.message("update", name, base + TICKS, 1));
            let mut seen = self.seen.lock().unwrap();
            for (count, more) in seen.counts.iter_mut().zip([7, 3, 2, 2]) {
                *count += more;
            }
        }
        (self.script.answer)(&mut results);
        (results, messages)
    }

    pub fn metrics(&self) -> String {
        let mut counts = self.seen.lock().unwrap().counts;
        (self.script.metrics)(&mut counts);
        let [offered, delivered, conflated, gapped] = counts;
        format!(
            "tickcast_updates_offered_total {offered}\ntickcast_updates_delivered_total {delivered}\n\
             tickcast_updates_conflated_total {conflated}\ntickcast_updates_gapped_total{{reason=\"slow\"}} {gapped}\n\
             tickcast_updates_pending 0\nprocess_cpu_seconds_total 1\n"
        )
    }
}
