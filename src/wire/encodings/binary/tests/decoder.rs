//! A decoder of its own, from docs/PROTOCOL.md alone, to values of JSON with decimals as text. It shares nothing with
//! the encoder.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::reader::{Fault, Frame, Read, Scale, ValueForm, decimal, scale, unzigzag};
use crate::tick::{CustomFields, Field, Nanos};

/// What a client keeps of a connection.
#[derive(Clone)]
pub struct Decoder {
    origin: i64,
    /// Names and kinds, by id.
    fields: HashMap<u32, (String, String)>,
    symbols: HashMap<u64, Symbol>,
}

#[derive(Clone)]
struct Symbol {
    name: String,
    reference: Option<Scale>,
}

impl Decoder {
    pub fn new(origin: Nanos, custom: &CustomFields) -> Self {
        Self::of_table(origin, &json!(super::super::field_table(custom)))
    }

    /// With the table of fields that `subscribed` has.
    pub fn of_table(origin: Nanos, table: &Value) -> Self {
        let text = |field: &Value, name: &str| field[name].as_str().unwrap().to_owned();
        let fields =
            table.as_array().unwrap().iter().map(|field| {
                (field["id"].as_u64().unwrap() as u32, (text(field, "name"), text(field, "kind")))
            });
        Decoder { origin: origin.micros(), fields: fields.collect(), symbols: HashMap::new() }
    }

    /// The messages of a frame.
    pub fn frame(&mut self, bytes: &[u8]) -> Read<Vec<Value>> {
        let mut frame = Frame { bytes, rx: 0, lag: 0 };
        let mut messages = Vec::new();
        while !frame.bytes.is_empty() {
            self.message(&mut frame, &mut messages)?;
        }
        Ok(messages)
    }

    fn message(&mut self, frame: &mut Frame<'_>, messages: &mut Vec<Value>) -> Read<()> {
        let head = frame.byte()?;
        if head & 0x80 == 0 {
            let (mask, has_n) = (head & 0x3F, head & 0x40 != 0);
            if mask == 0 {
                return Err(Fault::UnknownFlags);
            }
            let number = frame.varint()?;
            let symbol = self.symbols.get(&number).ok_or(Fault::UnknownNumber)?;
            let mut message = begin("update", symbol, None);
            message.insert("seq".into(), json!(frame.varint()?));
            if has_n {
                message.insert("n".into(), json!(count(frame)?));
            }
            self.times(frame, &mut message)?;
            self.body(symbol, mask, frame, &mut message)?;
            messages.push(Value::Object(message));
            return Ok(());
        }
        let kind = head & 15;
        if kind > 3 {
            let length = frame.varint()?;
            return frame.take(usize::try_from(length).unwrap_or(usize::MAX)).map(drop);
        }
        let number = frame.varint()?;
        if head & 16 != 0 {
            let introduced = introduction(frame)?;
            self.symbols.insert(number, introduced);
        }
        let symbol = self.symbols.get(&number).ok_or(Fault::UnknownNumber)?;
        let name = if head & 32 != 0 { Some(frame.text()?) } else { None };
        if head & 64 != 0 && kind != 0 {
            return Err(Fault::UnknownFlags);
        }
        match kind {
            0 | 1 => {
                let mut message = begin(if kind == 0 { "update" } else { "snapshot" }, symbol, name);
                message.insert("seq".into(), json!(frame.varint()?));
                if head & 64 != 0 {
                    message.insert("n".into(), json!(count(frame)?));
                }
                self.times(frame, &mut message)?;
                let first = frame.byte()?;
                self.body(symbol, first, frame, &mut message)?;
                messages.push(Value::Object(message));
            }
            2 => {
                let (first, count) = (frame.varint()?, count(frame)?);
                let end = first.checked_add(count).ok_or(Fault::Overflow)?;
                for seq in first..end {
                    let mut message = begin("update", symbol, name.clone());
                    message.insert("seq".into(), json!(seq));
                    self.times(frame, &mut message)?;
                    let first = frame.byte()?;
                    self.body(symbol, first, frame, &mut message)?;
                    messages.push(Value::Object(message));
                }
            }
            _ => {
                let mut message = begin("gap", symbol, name);
                message.insert("from".into(), json!(frame.varint()?));
                message.insert("to".into(), json!(frame.varint()?));
                let reasons = ["slow", "resume", "epoch"];
                let reason = reasons.get(usize::from(frame.byte()?)).ok_or(Fault::Value)?;
                message.insert("reason".into(), json!(reason));
                messages.push(Value::Object(message));
            }
        }
        Ok(())
    }

    fn times(&self, frame: &mut Frame<'_>, message: &mut Map<String, Value>) -> Read<()> {
        let first = frame.varint()?;
        if first & 1 != 0 {
            frame.rx = frame.rx.checked_add(frame.signed()?).ok_or(Fault::Overflow)?;
        }
        frame.lag = frame.lag.checked_add(unzigzag(first >> 1)).ok_or(Fault::Overflow)?;
        let rx = self.origin.checked_add(frame.rx).ok_or(Fault::Overflow)?;
        let ts = rx.checked_sub(frame.lag).ok_or(Fault::Overflow)?;
        message.insert("ts".into(), json!(ts));
        message.insert("rx".into(), json!(rx));
        Ok(())
    }

    fn body(
        &self,
        symbol: &Symbol,
        first: u8,
        frame: &mut Frame<'_>,
        message: &mut Map<String, Value>,
    ) -> Read<()> {
        let mut form = symbol.reference.map_or(ValueForm::None, ValueForm::Scaled);
        let mut mask = u128::from(first);
        if first & 0x80 != 0 {
            if first & 0x78 != 0 {
                return Err(Fault::UnknownFlags);
            }
            mask = frame.mask()?;
            if first & 1 != 0 {
                let withdrawn = frame.mask()?;
                for id in ids(withdrawn) {
                    let (name, _) = self.fields.get(&id).ok_or(Fault::UnknownField)?;
                    message.insert(name.clone(), Value::Null);
                }
            }
            if first & 2 != 0 {
                self.report(frame, message)?;
            }
            if first & 4 != 0 {
                form = frame.form()?;
            }
        }
        self.values(mask, form, frame, message)
    }

    fn values(
        &self,
        mask: u128,
        form: ValueForm,
        frame: &mut Frame<'_>,
        message: &mut Map<String, Value>,
    ) -> Read<()> {
        let mut base: Option<i64> = None;
        for id in ids(mask) {
            let (name, kind) = self.fields.get(&id).ok_or(Fault::UnknownField)?;
            let value = match kind.as_str() {
                "price" => match form {
                    ValueForm::None => return Err(Fault::Value),
                    ValueForm::Wide => frame.general()?,
                    ValueForm::Scaled(scale) => {
                        let from = base.unwrap_or(scale.price);
                        let price = from.checked_add(frame.signed()?).ok_or(Fault::Overflow)?;
                        base.get_or_insert(price);
                        let spread = if id == 2 { scale.spread } else { 0 };
                        let price = price.checked_add(spread).ok_or(Fault::Overflow)?;
                        decimal(i128::from(price), scale.price_places)
                    }
                },
                "size" => match form {
                    ValueForm::None => return Err(Fault::Value),
                    ValueForm::Wide => frame.general()?,
                    ValueForm::Scaled(scale) => {
                        let size = i64::try_from(frame.varint()?).map_err(|_| Fault::Overflow)?;
                        decimal(i128::from(size), scale.size_places)
                    }
                },
                "count" => json!(frame.varint()?),
                "side" => {
                    let sides = ["unknown", "buy", "sell"];
                    json!(sides.get(usize::from(frame.byte()?)).ok_or(Fault::Value)?)
                }
                "decimal" => frame.general()?,
                "integer" => json!(frame.signed()?.to_string()),
                "text" => json!(frame.text()?),
                _ => {
                    let length = frame.varint()?;
                    frame.take(usize::try_from(length).unwrap_or(usize::MAX))?;
                    continue;
                }
            };
            message.insert(name.clone(), value);
        }
        Ok(())
    }

    fn report(&self, frame: &mut Frame<'_>, message: &mut Map<String, Value>) -> Read<()> {
        let length = frame.varint()?;
        let bytes = frame.take(usize::try_from(length).unwrap_or(usize::MAX))?;
        let mut inner = Frame { bytes, rx: 0, lag: 0 };
        let flags = inner.byte()?;
        if flags & !15 != 0 {
            return Err(Fault::UnknownFlags);
        }
        for (bit, name) in [(1, "cancel"), (2, "correct")] {
            if flags & bit != 0 {
                message.insert(name.into(), json!(inner.text()?));
            }
        }
        let mut trade = Map::new();
        if flags & 4 != 0 {
            let mask = inner.mask()?;
            let form = if mask & 0b11_0000 != 0 { inner.form()? } else { ValueForm::None };
            self.values(mask, form, &mut inner, &mut trade)?;
        }
        if flags & 8 != 0 {
            let byte = inner.byte()?;
            if byte & !7 != 0 {
                return Err(Fault::UnknownFlags);
            }
            let words = [(1, "last"), (2, "high_low"), (4, "volume")];
            let words: Vec<_> =
                words.iter().filter(|(bit, _)| byte & bit != 0).map(|(_, word)| word).collect();
            trade.insert("affects".into(), json!(words));
        }
        if flags & 0b1100 != 0 {
            message.insert("trade".into(), Value::Object(trade));
        }
        Ok(())
    }
}

/// How many ticks, which are not none.
fn count(frame: &mut Frame<'_>) -> Read<u64> {
    match frame.varint()? {
        0 => Err(Fault::Value),
        count => Ok(count),
    }
}

fn introduction(frame: &mut Frame<'_>) -> Read<Symbol> {
    let name = frame.text()?;
    let byte = frame.byte()?;
    if byte == 0xFF {
        return Ok(Symbol { name, reference: None });
    }
    let (price, spread) = (frame.signed()?, frame.signed()?);
    Ok(Symbol { name, reference: Some(scale(byte, price, spread)?) })
}

/// A message with decimals as numbers.
pub fn with_numbers(message: Value) -> Map<String, Value> {
    let Value::Object(mut message) = message else { panic!("no object: {message}") };
    for (name, value) in &mut message {
        let number = value.as_str().filter(|_| Field::parse(name).is_some()).map(serde_json::from_str);
        if let Some(Ok(number)) = number {
            *value = number;
        }
    }
    message
}

fn begin(kind: &str, symbol: &Symbol, name: Option<String>) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("type".into(), json!(kind));
    message.insert("symbol".into(), json!(symbol.name));
    if let Some(name) = name {
        message.insert("as".into(), json!(name));
    }
    message
}

fn ids(mask: u128) -> impl Iterator<Item = u32> {
    (0..128).filter(move |id| mask >> id & 1 != 0)
}
