//! The totals of a corrected tape against its recomputation: a second market is given only what is left of the tape, as
//! it is now, line after line.

use proptest::prelude::*;

use super::Topic;
use crate::tick::{Affects, Field, FieldSet, Fields};

/// A line of a random tape.
#[derive(Clone, Debug)]
enum Entry {
    Trade {
        price: i64,
        size: i64,
        id: Option<u64>,
        side: Option<bool>,
        affects: u8,
    },
    Cancel(u64),
    Correct {
        id: u64,
        price: Option<i64>,
        size: Option<i64>,
    },
    Quote(i64),
    /// Totals, or parts of a last trade, that the feed sets or withdraws.
    Given(u16, Option<i64>),
}

const GIVEN: [Field; 9] = [
    Field::Open,
    Field::High,
    Field::Low,
    Field::Volume,
    Field::Trades,
    Field::Last,
    Field::LastSize,
    Field::Side,
    Field::TradeId,
];

fn entry(given: u32) -> impl Strategy<Value = Entry> {
    let price = || 1i64..20;
    let size = || 0i64..9;
    let id = || 0u64..12;
    let trade = (price(), size(), prop::option::weighted(0.8, id()), any::<Option<bool>>(), 0u8..12);
    prop_oneof![
        12 => trade.prop_map(|(price, size, id, side, affects)| Entry::Trade { price, size, id, side, affects }),
        4 => id().prop_map(Entry::Cancel),
        4 => (id(), prop::option::of(price()), size()).prop_map(|(id, price, size)| {
            let size = (price.is_none() || size > 3).then_some(size);
            Entry::Correct { id, price, size }
        }),
        1 => price().prop_map(Entry::Quote),
        given => (1u16..1 << GIVEN.len(), prop::option::weighted(0.7, price()))
            .prop_map(|(fields, value)| Entry::Given(fields, value)),
    ]
}

/// The line of an entry, and the words of what a trade affects: mostly everything.
fn line_of(entry: &Entry) -> String {
    let words = |affects: u8| {
        let words = ["\"last\"", "\"high_low\"", "\"volume\""].into_iter().zip(0..);
        let words: Vec<_> =
            words.filter(|(_, bit)| affects & (1 << bit) != 0).map(|(word, _)| word).collect();
        if affects < 7 { format!(r#","affects":[{}]"#, words.join(",")) } else { String::new() }
    };
    match entry {
        Entry::Trade { price, size, id, side, affects } => {
            let id = id.map_or(String::new(), |id| format!(r#","trade_id":"{id}""#));
            let side = side.map_or("", |buys| if buys { r#","side":"buy""# } else { r#","side":"sell""# });
            format!(r#""last":{price},"last_size":{size}{side}{id}{}"#, words(*affects))
        }
        Entry::Cancel(id) => format!(r#""cancel":"{id}""#),
        Entry::Correct { id, price, size } => {
            let price = price.map_or(String::new(), |price| format!(r#","last":{price}"#));
            let size = size.map_or(String::new(), |size| format!(r#","last_size":{size}"#));
            format!(r#""correct":"{id}"{price}{size}"#)
        }
        Entry::Quote(price) => format!(r#""bid":{price}"#),
        Entry::Given(fields, value) => {
            let fields = GIVEN.into_iter().zip(0..).filter(|(_, bit)| fields & (1 << bit) != 0);
            // A line with both is a trade.
            let both = fields.clone().filter(|(field, _)| FieldSet::TRADE.contains(*field)).count() == 2;
            let fields = fields.filter(|(field, _)| !both || *field != Field::LastSize);
            let value = |field| match value {
                None => "null".to_owned(),
                Some(_) if field == Field::Side => "\"buy\"".to_owned(),
                Some(_) if field == Field::TradeId => "\"given\"".to_owned(),
                Some(value) => value.to_string(),
            };
            let fields = fields.map(|(field, _)| format!(r#""{}":{}"#, field.name(), value(field)));
            fields.collect::<Vec<_>>().join(",")
        }
    }
}

/// The tape as it is after its corrections, and whether the last entry found its trade among the newest `max` that have
/// names.
fn corrected(entries: &[Entry], max: usize) -> (Vec<Entry>, bool) {
    let mut tape: Vec<Option<Entry>> = Vec::new();
    let mut named: Vec<(u64, usize)> = Vec::new();
    let mut found = true;
    for entry in entries {
        let of = |id: u64, named: &[(u64, usize)], tape: &[Option<Entry>]| {
            let table = &named[named.len().saturating_sub(max)..];
            let (_, at) = *table.iter().rev().find(|(name, _)| *name == id)?;
            tape[at].is_some().then_some(at)
        };
        found = true;
        match entry {
            Entry::Cancel(id) => match of(*id, &named, &tape) {
                Some(at) => tape[at] = None,
                None => found = false,
            },
            Entry::Correct { id, price: new_price, size: new_size } => match of(*id, &named, &tape) {
                Some(at) => {
                    let Some(Entry::Trade { price, size, .. }) = &mut tape[at] else { unreachable!() };
                    (*price, *size) = (new_price.unwrap_or(*price), new_size.unwrap_or(*size));
                }
                None => found = false,
            },
            other => {
                if let Entry::Trade { id: Some(id), .. } = other {
                    named.push((*id, tape.len()));
                }
                tape.push(Some(other.clone()));
            }
        }
    }
    (tape.into_iter().flatten().collect(), found)
}

/// Takes the entries in, and compares after each of them with a recomputation. `exact`: whether each field must be
/// equal; else it may be withdrawn.
fn compare(entries: &[Entry], max: usize, exact: bool) -> Result<(), TestCaseError> {
    let mut topic = Topic::new(max);
    for (at, entry) in entries.iter().enumerate() {
        let (tape, found) = corrected(&entries[..=at], max);
        let taken = topic.line(&line_of(entry));
        prop_assert_eq!(taken.is_ok(), found, "{:?}", taken);
        let mut anew = Topic::new(0);
        for entry in &tape {
            anew.line(&line_of(entry)).unwrap();
        }
        if tape.is_empty() {
            continue;
        }
        let (record, expected) = (topic.record(), anew.record());
        for field in Affects::ALL.fields().iter() {
            let value = |fields: &Fields| {
                let mut out = Vec::new();
                fields.write_json(field.bit().into(), &mut out);
                String::from_utf8(out).unwrap()
            };
            let (value, expected) = (value(&record), value(&expected));
            // A trade without a side is one of an unknown side, also where none before it had one.
            let no_side = |text: &str| field == Field::Side && (text.is_empty() || text.contains("unknown"));
            let same = value == expected || no_side(&value) && no_side(&expected);
            let unproved = !exact && record.withdrawn().contains(field);
            prop_assert!(same || unproved, "entry {}: {:?} not {:?} of {:?}", at, value, expected, tape);
        }
    }
    Ok(())
}

proptest! {
    /// Of trades alone every total is provable, however small the table is.
    #[test]
    fn a_corrected_day_is_its_recomputation(entries in prop::collection::vec(entry(0), 1..40), max in 1usize..50) {
        compare(&entries, max, true)?;
    }

    /// What the feed gives or withdraws itself may make a field unprovable: it is withdrawn then, and never wrong.
    #[test]
    fn what_cannot_be_proved_is_withdrawn_and_never_wrong(entries in prop::collection::vec(entry(3), 1..40), max in 1usize..50) {
        compare(&entries, max, false)?;
    }
}
