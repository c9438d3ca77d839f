//! From what a decoder found in a message to arrivals, and from requests to their messages: what the venues' conversations
//! have in common.

use std::hash::{BuildHasher, Hasher};

use compact_str::CompactString;
use foldhash::fast::FixedState;
use serde::Deserialize;

use super::{
    asked::shown,
    venue::{Note, Number, Reaction, Stream, StreamKind, VenueTick},
};
use crate::{
    feed::{
        RejectReason,
        formats::{
            FormatFault,
            streams::{FoundTicks, value},
        },
    },
    tick::{Decimal, Field, Tick},
};

/// A message as text. What is not text is told of, and `None`.
pub fn text<'m>(message: &'m [u8], out: &mut Reaction) -> Option<&'m str> {
    let text = FormatFault::text(message);
    if let Err(fault) = &text {
        reject(fault, out);
    }
    text.ok()
}

/// A message, or a part of it. What is not of this form is told of, and `None`.
pub fn parse<'a, T: Deserialize<'a>>(json: &'a str, out: &mut Reaction) -> Option<T> {
    let parsed = value::parse(json);
    if let Err(fault) = &parsed {
        reject(fault, out);
    }
    parsed.ok()
}

/// Each part of a message that is an array. One that is broken costs no other; the first fault is told.
pub fn each<'a, T: Deserialize<'a>>(
    text: &'a str,
    out: &mut Reaction,
    mut take: impl FnMut(&T, &mut Reaction),
) {
    let (parts, read) = value::list(text);
    for part in &parts {
        take(part, out);
    }
    if let Err(fault) = read {
        reject(&fault, out);
    }
}

/// An answer of the venue's that says what is wrong, but not with which stream.
pub fn unknown_answer(words: &str, out: &mut Reaction) {
    out.reject(RejectReason::Syntax, format!("the venue answers: {}", shown(words)));
}

pub fn reject(fault: &FormatFault, out: &mut Reaction) {
    out.reject(fault.reason(), fault.to_string());
}

/// Hands out the ticks that a decoder found, the oldest first, each with its number; and tells of its fault.
pub fn hand_out(
    made: Result<(), FormatFault>,
    found: &mut FoundTicks,
    mut number: impl FnMut(&Tick) -> Number,
    out: &mut Reaction,
) {
    found.oldest_first();
    let mut places = found.places.drain(..);
    out.ticks.extend(found.ticks.drain(..).map(|tick| {
        let place = places.next().flatten();
        let is_trade = tick.fields.is_trade() || tick.fields.report().is_some();
        if is_trade {
            let number = match (number(&tick), place) {
                (Number::Named(name), Some(place)) => Number::Placed { name, place },
                (number, _) => number,
            };
            VenueTick { number, tick, kind: StreamKind::Trades }
        } else {
            VenueTick { tick, kind: StreamKind::Quotes, number: Number::None }
        }
    }));
    if let Err(fault) = made {
        reject(&fault, out);
    }
}

/// Tells how many trades were a history.
pub fn history(ticks: usize, out: &mut Reaction) {
    if ticks > 0 {
        out.note(Note::History { ticks });
    }
}

/// By the name of its trade, which has no order.
pub fn named(tick: &Tick) -> Number {
    let name = tick.fields.name_of_trade();
    if name.is_empty() {
        return Number::None;
    }
    Number::Named(FixedState::default().hash_one(name.text().as_bytes()))
}

/// By the name, time, price and size of its trade: names are unique for each exchange and day.
pub fn named_at(tick: &Tick) -> Number {
    let name = tick.fields.name_of_trade();
    if name.is_empty() {
        return Number::None;
    }
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(name.text().as_bytes());
    hasher.write_i64(tick.ts.map_or(0, |ts| ts.0));
    let report = tick.fields.report();
    for field in [Field::Last, Field::LastSize] {
        let of_report =
            report.and_then(|report| if field == Field::Last { report.last } else { report.last_size });
        let value = of_report.or_else(|| tick.fields.get_decimal(field));
        hasher.write_i128(value.map_or(0, Decimal::smallest_units));
    }
    let kind = tick.fields.report().map_or(0, |report| report.kind as u8);
    hasher.write_u8(kind);
    Number::Named(hasher.finish())
}

/// The symbols of the streams of one kind, in runs of at most `count`.
pub fn runs_of(streams: &[Stream], kind: StreamKind, count: usize) -> Vec<Vec<CompactString>> {
    let of_kind = streams.iter().filter(|stream| stream.kind == kind);
    let symbols: Vec<CompactString> = of_kind.map(|stream| stream.symbol.clone()).collect();
    symbols.chunks(count).map(<[CompactString]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tick::{Fields, Nanos, Symbol, TradeId};

    #[test]
    fn names_tell_trades_apart() {
        let trade = |name: &str, ts| {
            let mut fields = Fields::default();
            fields.set_trade_id(TradeId::new(name).unwrap());
            Tick { symbol: Symbol::new("A").unwrap(), ts: Some(Nanos(ts)), fields }
        };
        assert_eq!(named(&trade("1", 1)), named(&trade("1", 2)));
        assert_ne!(named(&trade("1", 1)), named(&trade("2", 1)));
        assert_ne!(named_at(&trade("1", 1)), named_at(&trade("1", 2)));
        assert_eq!(named_at(&trade("1", 1)), named_at(&trade("1", 1)));
        // Of two exchanges at one time.
        let mut dearer = trade("1", 1);
        dearer.fields.set_decimal(Field::Last, Decimal::from_units(5));
        assert_ne!(named_at(&dearer), named_at(&trade("1", 1)));
        assert_eq!(named_at(&dearer), named_at(&dearer.clone()));
        let nameless = Tick { symbol: Symbol::new("A").unwrap(), ts: None, fields: Fields::default() };
        assert_eq!((named(&nameless), named_at(&nameless)), (Number::None, Number::None));
    }

    #[test]
    fn runs_have_one_kind_and_a_bound() {
        let streams: Vec<Stream> = (0..5)
            .flat_map(|at| {
                [StreamKind::Trades, StreamKind::Quotes].map(|kind| Stream::new(&at.to_string(), kind))
            })
            .collect();
        assert_eq!(runs_of(&streams, StreamKind::Quotes, 3), [vec!["0", "1", "2"], vec!["3", "4"]]);
    }
}
