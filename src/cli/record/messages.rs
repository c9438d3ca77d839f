//! What a server's frames mean to a recorder: ticks, and what is missing between them. Pure: no socket, no file.
//!
//! An update of mode `every` is a tick: its fields, and the totals that it moved, which stand when it is played again. A
//! snapshot is written as a tick without `last_size`, so that the trade in it is not taken for a new one.
//!
//! Invariant: every seq between the first and the last of a symbol is a tick, in a gap that the server announced, or counted
//! as [`Missed::unannounced`].

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use crate::tick::{Field, Fields, Fixed, Nanos, Side, Symbol, Tick, Volume};

/// What was received so far.
#[derive(Default)]
pub struct Received {
    pub epoch: Option<String>,
    pub heartbeat_ms: Option<u64>,
    last: HashMap<String, Last>,
    pub missed: Missed,
}

/// Where a symbol stands.
#[derive(Clone, Copy, Default)]
struct Last {
    /// The last seq that was received.
    seq: u64,
    /// The last that was announced as gone.
    gap_to: u64,
}

/// What is not in the recording.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Missed {
    /// Ticks in gaps, by the server's reason.
    pub gaps: BTreeMap<String, u64>,
    /// Ticks that an update stood for beside its own.
    pub merged: u64,
    /// Ticks that are missing though no gap was announced.
    pub unannounced: u64,
}

/// What a message is to be turned into.
#[derive(PartialEq, Debug)]
pub enum Event {
    /// A tick, and when the server took it in.
    Tick(Tick, Nanos),
    /// A line about the recording.
    Note(String),
    /// For a person.
    Complaint(String),
    Drain {
        retry_ms: u64,
    },
}

/// Why a frame is none of the contract.
#[derive(Debug, thiserror::Error)]
#[error("the server sent what is no message: {0}")]
pub struct NoMessage(String);

/// A message with its values as they stood there.
type Message<'a> = BTreeMap<Cow<'a, str>, &'a RawValue>;

// === impl Received ===

impl Received {
    /// Takes a frame.
    ///
    /// # Errors
    /// When it is none.
    pub fn take(&mut self, frame: &str, now: Nanos, out: &mut Vec<Event>) -> Result<(), NoMessage> {
        let fault = |error: serde_json::Error| NoMessage(error.to_string());
        for raw in serde_json::from_str::<Vec<&RawValue>>(frame).map_err(fault)? {
            let message: Message<'_> = serde_json::from_str(raw.get()).map_err(fault)?;
            self.message(&message, now, out)?;
        }
        Ok(())
    }

    /// The command that subscribes, and resumes from what was received.
    pub fn subscribe(&self, symbols: &[String]) -> String {
        let mut command = json!({ "op": "subscribe", "id": 1, "symbols": symbols, "mode": "every" });
        if let Some(epoch) = self.epoch.as_deref().filter(|_| !self.last.is_empty()) {
            let last: BTreeMap<&str, u64> =
                self.last.iter().map(|(symbol, last)| (symbol.as_str(), last.seq)).collect();
            command["resume"] = json!({ "epoch": epoch, "last": last });
        }
        command.to_string()
    }

    pub fn symbols(&self) -> usize {
        self.last.len()
    }

    fn message(&mut self, message: &Message<'_>, now: Nanos, out: &mut Vec<Event>) -> Result<(), NoMessage> {
        match text(message, "type")?.as_ref() {
            "welcome" => {
                self.epoch = Some(text(message, "epoch")?.into_owned());
                self.heartbeat_ms = number(message, "heartbeat_ms").ok();
                out.push(Event::Note(note("connected", now, &[("epoch", json!(self.epoch))])));
            }
            "update" => self.update(message, out)?,
            "snapshot" => self.snapshot(message, out)?,
            "gap" => self.gap(message, now, out)?,
            "subscribed" => complain_of(message, out)?,
            "error" => out.push(Event::Complaint(text(message, "message")?.into_owned())),
            "drain" => out.push(Event::Drain { retry_ms: number(message, "retry_ms")? }),
            _ => {}
        }
        Ok(())
    }

    fn update(&mut self, message: &Message<'_>, out: &mut Vec<Event>) -> Result<(), NoMessage> {
        let (tick, rx) = tick(message)?;
        let seq: u64 = number(message, "seq")?;
        let n: u64 = if message.contains_key("n") { number(message, "n")? } else { 1 };
        self.missed.merged += n.saturating_sub(1);
        if self.last.contains_key(tick.symbol.as_str()) {
            self.reach(&tick.symbol, seq, n);
        } else {
            self.last.insert(tick.symbol.as_str().to_owned(), Last { seq, gap_to: 0 });
        }
        out.push(Event::Tick(tick, rx));
        Ok(())
    }

    fn snapshot(&mut self, message: &Message<'_>, out: &mut Vec<Event>) -> Result<(), NoMessage> {
        let (mut tick, rx) = tick(message)?;
        let seq: u64 = number(message, "seq")?;
        let had = self.last.get(tick.symbol.as_str()).map(|last| last.seq);
        if had.is_some() {
            // It is of a tick that was received before, or of the last one that is gone.
            self.reach(&tick.symbol, seq, 0);
        } else {
            self.last.insert(tick.symbol.as_str().to_owned(), Last { seq, gap_to: 0 });
        }
        tick.fields = tick.fields.only(crate::tick::FieldSet(!Field::LastSize.bit().0));
        if had != Some(seq) && !tick.fields.mask.is_empty() {
            out.push(Event::Tick(tick, rx));
        }
        Ok(())
    }

    fn gap(&mut self, message: &Message<'_>, now: Nanos, out: &mut Vec<Event>) -> Result<(), NoMessage> {
        let (symbol, reason) = (text(message, "symbol")?, text(message, "reason")?);
        let (from, to): (u64, u64) = (number(message, "from")?, number(message, "to")?);
        *self.missed.gaps.entry(reason.to_string()).or_default() += to.saturating_sub(from).saturating_add(1);
        self.last.entry(symbol.to_string()).or_default().gap_to = to;
        let about =
            [("symbol", json!(symbol)), ("from", json!(from)), ("to", json!(to)), ("reason", json!(reason))];
        out.push(Event::Note(note("gap", now, &about)));
        Ok(())
    }

    /// Moves a symbol on to `seq`, of which the last `n` ticks are accounted for.
    fn reach(&mut self, symbol: &Symbol, seq: u64, n: u64) {
        let last = self.last.entry(symbol.as_str().to_owned()).or_default();
        let known = last.seq.max(last.gap_to);
        self.missed.unannounced += seq.saturating_sub(known).saturating_sub(n);
        *last = Last { seq, gap_to: 0 };
    }
}

/// A line about the recording. Its kind stands first: that is how readers know it from a tick.
pub fn note(kind: &str, now: Nanos, about: &[(&str, serde_json::Value)]) -> String {
    let about: Vec<String> = about.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
    format!("{{\"tickcast\":\"{kind}\",\"rx\":{}{}}}", now.micros(), about.concat())
}

/// What was refused of a subscription.
fn complain_of(message: &Message<'_>, out: &mut Vec<Event>) -> Result<(), NoMessage> {
    #[derive(Deserialize)]
    struct Outcome {
        symbol: String,
        status: String,
        message: Option<String>,
    }
    let results = get(message, "results")?.get();
    let outcomes: Vec<Outcome> =
        serde_json::from_str(results).map_err(|error| NoMessage(error.to_string()))?;
    let refused = outcomes.into_iter().filter(|outcome| outcome.status == "error");
    out.extend(refused.map(|outcome| {
        Event::Complaint(format!("{}: {}", outcome.symbol, outcome.message.unwrap_or_default()))
    }));
    Ok(())
}

/// The tick of an update or a snapshot. Decimals are taken from their text.
fn tick(message: &Message<'_>) -> Result<(Tick, Nanos), NoMessage> {
    let symbol = Symbol::new(&text(message, "symbol")?).map_err(|error| NoMessage(error.to_string()))?;
    let rx = Nanos::from_micros(number(message, "rx")?).ok_or_else(|| NoMessage("rx".to_owned()))?;
    let ts = if message.contains_key("ts") { Nanos::from_micros(number(message, "ts")?) } else { None };
    let mut fields = Fields::default();
    for field in Field::ALL {
        let Some(raw) = message.get(field.name()) else { continue };
        let value = raw.get().trim_matches('"');
        let fault = || NoMessage(format!("{}: {}", field.name(), raw.get()));
        match field {
            Field::Side => fields.set_side(Side::parse(value).ok_or_else(fault)?),
            Field::Volume => {
                let volume = Volume::parse(value).ok().filter(|&volume| volume >= Volume(0));
                fields.set_volume(volume.ok_or_else(fault)?);
            }
            Field::Trades => fields.set_trades(value.parse().map_err(|_| fault())?),
            _ => fields.set_fixed(field, Fixed::parse(value).map_err(|_| fault())?),
        }
    }
    Ok((Tick { symbol, ts, fields }, rx))
}

fn get<'a>(message: &Message<'a>, name: &str) -> Result<&'a RawValue, NoMessage> {
    message.get(name).copied().ok_or_else(|| NoMessage(format!("{name} is missing")))
}

fn text<'a>(message: &Message<'a>, name: &str) -> Result<Cow<'a, str>, NoMessage> {
    let raw = get(message, name)?.get();
    let parsed: Result<String, serde_json::Error> = serde_json::from_str(raw);
    parsed.map(Cow::Owned).map_err(|_| NoMessage(format!("{name} is no string")))
}

fn number<T: std::str::FromStr>(message: &Message<'_>, name: &str) -> Result<T, NoMessage> {
    get(message, name)?.get().parse().map_err(|_| NoMessage(format!("{name} is no number")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::ndjson::write_line;

    /// Ticks as lines, other events as they are.
    fn take(received: &mut Received, frame: &str) -> Vec<String> {
        let mut events = Vec::new();
        received.take(frame, Nanos(9_000), &mut events).unwrap();
        let line = |event| match event {
            Event::Tick(tick, rx) => {
                let mut line = Vec::new();
                write_line(&tick, Some(rx), &mut line);
                String::from_utf8(line).unwrap().trim_end().to_owned()
            }
            Event::Note(line) => line,
            other => format!("{other:?}"),
        };
        events.into_iter().map(line).collect()
    }

    #[test]
    fn updates_are_ticks_and_snapshots_no_trades() {
        let mut received = Received::default();
        let frame = r#"[{"type":"welcome","protocol":1,"session":"s","epoch":"e1","heartbeat_ms":5000,"limits":{}},
            {"type":"subscribed","id":1,"results":[{"symbol":"A","status":"ok"},{"symbol":"?","status":"error","code":"x","message":"no symbol"}]},
            {"type":"snapshot","symbol":"A","seq":5,"ts":1,"rx":2,"last":87000.123456789,"last_size":1,"side":"buy","volume":9,"trades":4},
            {"type":"update","symbol":"A","seq":6,"ts":3,"rx":4,"bid":"9223372036.854775807"}]"#;
        assert_eq!(
            take(&mut received, frame),
            [
                r#"{"tickcast":"connected","rx":9,"epoch":"e1"}"#,
                r#"Complaint("?: no symbol")"#,
                r#"{"symbol":"A","ts":1,"rx":2,"last":87000.123456789,"side":"buy","volume":9,"trades":4}"#,
                r#"{"symbol":"A","ts":3,"rx":4,"bid":"9223372036.854775807"}"#,
            ]
        );
        assert_eq!(received.missed, Missed::default());
        let command: serde_json::Value =
            serde_json::from_str(&received.subscribe(&["A".to_owned()])).unwrap();
        assert_eq!(command["resume"], json!({ "epoch": "e1", "last": { "A": 6 } }));
    }

    #[test]
    fn what_is_missing_is_counted_and_noted() {
        let mut received = Received::default();
        let update = |seq: u64, more: &str| {
            format!(r#"[{{"type":"update","symbol":"A","seq":{seq},"rx":1,"bid":1{more}}}]"#)
        };
        take(&mut received, &update(5, ""));
        take(&mut received, &update(8, r#","n":3"#));
        let gap = r#"[{"type":"gap","symbol":"A","from":9,"to":20,"reason":"resume"}]"#;
        let note = take(&mut received, gap).remove(0);
        assert_eq!(note, r#"{"tickcast":"gap","rx":9,"symbol":"A","from":9,"to":20,"reason":"resume"}"#);
        let snapshot = r#"[{"type":"snapshot","symbol":"A","seq":20,"rx":1,"bid":1}]"#;
        assert_eq!(take(&mut received, snapshot).len(), 1, "the record as of the gap's end");
        assert_eq!(take(&mut received, snapshot).len(), 0, "known already");
        take(&mut received, &update(23, ""));
        let gaps = BTreeMap::from([("resume".to_owned(), 12)]);
        assert_eq!(received.missed, Missed { gaps, merged: 2, unannounced: 2 });
    }

    #[test]
    fn nonsense_is_an_error() {
        for frame in
            ["", "{}", "[1]", "[{}]", r#"[{"type":"update"}]"#, r#"[{"type":"gap","symbol":"A","from":-1}]"#]
        {
            assert!(Received::default().take(frame, Nanos(0), &mut Vec::new()).is_err(), "{frame}");
        }
    }
}
