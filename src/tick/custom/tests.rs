//! Values of configured fields against a naive fold; names, reading and writing.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::tick::{Decimal, Field, Fields, Glob, Symbol, Volume, WantedFields, testing::any_decimal};

fn field(name: &str, kind: CustomKind, merge: CustomMerge, symbols: &[&str]) -> CustomField {
    let symbols = symbols.iter().map(|glob| Glob::new(glob).unwrap()).collect();
    CustomField { name: CustomName::parse(name).unwrap(), kind, merge, symbols }
}

/// One of each kind and merge.
fn table() -> Arc<CustomFields> {
    let kinds = CustomKind::ALL.into_iter();
    let all = kinds.flat_map(|kind| CustomMerge::ALL.into_iter().map(move |merge| (kind, merge)));
    let able = all.filter(|(kind, merge)| *kind != CustomKind::Text || merge.takes_text());
    CustomFields::new(
        able.map(|(kind, merge)| field(&format!("{}_{}", kind.name(), merge.name()), kind, merge, &[]))
            .collect(),
    )
}

/// A value of each kind; small, so that values meet again.
fn any_value() -> impl Strategy<Value = (Decimal, i64, String)> {
    (any_decimal(), prop_oneof![-3i64..4, any::<i32>().prop_map(i64::from)], "[ -~é]{1,8}")
}

/// For some fields a value, or a withdrawal.
fn any_tick(table: Arc<CustomFields>) -> impl Strategy<Value = CustomValues> {
    let one = (0..table.len(), prop::option::weighted(0.8, any_value()));
    prop::collection::vec(one, 1..6).prop_map(move |said| {
        let mut tick = CustomValues::new(Arc::clone(&table));
        for (at, value) in said {
            let (id, field) = table.iter().nth(at).unwrap();
            let Some((decimal, integer, text)) = value else {
                tick.withdraw(id);
                continue;
            };
            let value = match field.kind {
                CustomKind::Decimal => decimal.to_string(),
                CustomKind::Integer => integer.to_string(),
                CustomKind::Text => text,
            };
            tick.set(id, CustomValue::parse(field, &value).unwrap());
        }
        tick
    })
}

/// What all that was said of one field since it was last withdrawn makes of it, by a fold of its own.
fn folded(field: &CustomField, said: &[Option<CustomValue>]) -> Option<CustomValue> {
    let since = said.iter().rposition(Option::is_none).map_or(0, |at| at + 1);
    let said: Vec<&CustomValue> = said[since..].iter().flatten().collect();
    let numbers = said.iter().filter_map(|value| match value {
        CustomValue::Decimal(decimal) => Some(decimal.split()),
        CustomValue::Integer(integer) => Some((i128::from(*integer), 0)),
        _ => None,
    });
    let best = |better: fn((i128, u32), (i128, u32)) -> bool| {
        let best = numbers.clone().fold(None, |best: Option<(i128, u32)>, number| match best {
            Some(best) if !better(number, best) => Some(best),
            _ => Some(number),
        })?;
        let at = numbers.clone().position(|number| number == best)?;
        said.get(at).map(|value| (*value).clone())
    };
    match field.merge {
        CustomMerge::Last => said.last().map(|value| (*value).clone()),
        CustomMerge::First => said.first().map(|value| (*value).clone()),
        CustomMerge::Min => best(|number, best| number < best),
        CustomMerge::Max => best(|number, best| number > best),
        CustomMerge::Sum if said.is_empty() => None,
        CustomMerge::Sum if field.kind == CustomKind::Integer => {
            let whole = |value: &&CustomValue| match value {
                CustomValue::Integer(integer) => *integer,
                _ => 0,
            };
            Some(CustomValue::Integer(said.iter().map(whole).sum()))
        }
        CustomMerge::Sum => {
            // In units of 1e-18, which 256 bits hold; here 128 do for what the numbers above 1e-9 leave.
            let parts = said.iter().filter_map(|value| match value {
                CustomValue::Total(total) => Some(total.parts()),
                _ => None,
            });
            let (units, rest) = parts
                .fold((0i128, 0u64), |(units, rest), (more, left)| (units + more, rest + u64::from(left)));
            let carried = units + i128::from(rest / 1_000_000_000);
            Some(CustomValue::Total(Volume::from_parts(carried, (rest % 1_000_000_000) as u32)))
        }
    }
}

proptest! {
    #[test]
    fn a_record_holds_what_a_fold_over_all_that_was_said_holds(ticks in prop::collection::vec(any_tick(table()), 0..30)) {
        let table = table();
        let mut record = CustomValues::new(Arc::clone(&table));
        for (tick, seq) in ticks.iter().zip(1..) {
            record = record.after(tick, seq).unwrap();
            prop_assert_eq!(record.changed_since(seq - 1), tick.named());
        }
        for (id, field) in table.iter() {
            let of = |tick: &CustomValues| tick.entries().iter().find(|entry| entry.id == id).map(|entry| entry.value.clone());
            let said: Vec<Option<CustomValue>> = ticks.iter().filter_map(of).collect();
            prop_assert_eq!(record.value(id).cloned(), folded(field, &said), "{}", field.name);
            prop_assert_eq!(record.named().contains(id), !said.is_empty());
        }
    }

    /// Who merges what each tick left, as shards and clients do, holds the same.
    #[test]
    fn what_each_tick_left_merges_to_the_record(ticks in prop::collection::vec(any_tick(table()), 0..30)) {
        let mut record = CustomValues::new(table());
        let mut merged = record.clone();
        for (tick, seq) in ticks.iter().zip(1..) {
            record = record.after(tick, seq).unwrap();
            merged.merge(&record.only(record.changed_since(seq - 1)).unwrap());
            prop_assert_eq!(&merged, &record);
            prop_assert_eq!(merged.changed_since(seq - 1), tick.named());
        }
    }

    #[test]
    fn what_is_written_reads_back(tick in any_tick(table()), wanted: u64) {
        let wanted = CustomSet(wanted);
        let table = table();
        let mut text = b"{\"x\":0".to_vec();
        tick.write_json::<false>(wanted, &mut text);
        tick.write_json_nulls(wanted, &mut text);
        text.push(b'}');
        let read: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&text).unwrap();
        prop_assert_eq!(read.len() - 1, tick.entries().iter().filter(|entry| wanted.contains(entry.id)).count());
        for entry in tick.entries().iter().filter(|entry| wanted.contains(entry.id)) {
            let field = table.get(entry.id);
            let shown = match &read[field.name.as_str()] {
                serde_json::Value::Null => None,
                serde_json::Value::String(text) => Some(text.clone()),
                _ => entry.value.as_ref().map(ToString::to_string),
            };
            let value = shown.map(|shown| CustomValue::parse(field, &shown).unwrap());
            prop_assert_eq!(&value, &entry.value);
        }
        let mut all = Vec::new();
        tick.write_json::<true>(CustomSet::ALL, &mut all);
        tick.write_json_nulls(CustomSet::ALL, &mut all);
        prop_assert!(all.len() <= table.message_bytes());
        // Integers as well: a double holds 53 bits of their 64.
        let read: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&format!("{{\"first\":null{}}}", String::from_utf8(all).unwrap())).unwrap();
        prop_assert!(read.values().all(|value| value.is_string() || value.is_null()), "{read:?}");
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}|-?[0-9.eE+-]{0,60}", at in 0usize..12) {
        let table = table();
        let (_, field) = table.iter().nth(at).unwrap();
        if let Ok(value) = CustomValue::parse(field, &text) {
            prop_assert_eq!(CustomValue::parse(field, &value.to_string()), Ok(value));
        }
    }
}

#[test]
fn names_are_short_plain_and_free() {
    for name in ["mark", "m", "iv_30d", "a2345678901234567890123456789012"] {
        assert_eq!(CustomName::parse(name).unwrap().to_string(), name);
    }
    for name in ["", "Mark", "1st", "_x", "a-b", "a b", "é", "a23456789012345678901234567890123"] {
        assert!(!CustomName::is_well_formed(name), "{name}");
    }
    for name in [
        "bid", "trades", "symbol", "ts", "rx", "type", "n", "seq", "as", "trade_id", "affects", "cancel",
        "correct", "trade",
    ] {
        assert!(CustomName::is_reserved(name) && CustomName::parse(name).is_none(), "{name}");
    }
}

#[test]
fn a_sum_out_of_range_changes_nothing() {
    let table = table();
    let find = |name: &str| table.find(name).unwrap();
    let tick = |name: &str, value: &str| {
        let mut tick = CustomValues::new(Arc::clone(&table));
        tick.set(find(name), CustomValue::parse(table.get(find(name)), value).unwrap());
        tick
    };
    for (name, most, one) in [
        ("integer_sum", "9223372036854775807", "1"),
        ("integer_sum", "-9223372036854775808", "-1"),
        ("decimal_sum", "999999999999999999999999.999999999999999999", "0.000000000000000001"),
    ] {
        let record = CustomValues::new(Arc::clone(&table)).after(&tick(name, most), 1).unwrap();
        let full = record.after(&tick(name, one), 2).unwrap_err();
        assert_eq!(full.to_string(), format!("{name}: the sum of the symbol's values would be out of range"));
        assert_eq!(record.value(find(name)).unwrap().to_string(), most);
    }
    // Sums go below 0 too, and are exact there.
    let record = CustomValues::new(Arc::clone(&table))
        .after(&tick("decimal_sum", "-1.000000000000000001"), 1)
        .unwrap();
    let record = record.after(&tick("decimal_sum", "0.3"), 2).unwrap();
    assert_eq!(record.value(find("decimal_sum")).unwrap().to_string(), "-0.700000000000000001");
}

#[test]
fn values_are_exact_and_checked() {
    use CustomFault::{IntegerRange, NotWhole, TextControl, TextEmpty, TextLong};
    let (integer, text) = (
        field("n2", CustomKind::Integer, CustomMerge::Last, &[]),
        field("t", CustomKind::Text, CustomMerge::Last, &[]),
    );
    for (given, value) in [("7", 7), ("7.0", 7), ("-2.5e2", -250), ("9223372036854775807", i64::MAX)] {
        assert_eq!(CustomValue::parse(&integer, given), Ok(CustomValue::Integer(value)), "{given}");
    }
    for (given, fault) in [("7.5", NotWhole), ("9223372036854775808", IntegerRange), ("1e30", IntegerRange)] {
        assert_eq!(CustomValue::parse(&integer, given), Err(fault), "{given}");
    }
    for given in ["", "+7", "x", "0x7"] {
        assert!(CustomValue::parse(&integer, given).is_err(), "{given}");
    }
    for (given, fault) in
        [(String::new(), TextEmpty), ("x".repeat(65), TextLong), ("a\nb".to_owned(), TextControl)]
    {
        assert_eq!(CustomValue::parse(&text, &given), Err(fault), "{given:?}");
    }
    let mut out = Vec::new();
    CustomValue::parse(&text, "a \"b\" \\ é").unwrap().write_json(&mut out);
    assert_eq!(out, "\"a \\\"b\\\" \\\\ é\"".as_bytes());
}

#[test]
fn a_symbol_has_the_fields_whose_patterns_it_matches() {
    let table = CustomFields::new(vec![
        field("mark", CustomKind::Decimal, CustomMerge::Last, &["*-PERP", "X"]),
        field("yield", CustomKind::Decimal, CustomMerge::Last, &[]),
    ]);
    let of =
        |symbol: &str| WantedFields { custom: table.of(&Symbol::new(symbol).unwrap()), ..WantedFields::NONE };
    assert_eq!(of("BTC-PERP").names(&table), ["mark", "yield"]);
    assert_eq!(of("X").names(&table), ["mark", "yield"]);
    assert_eq!(of("XY").names(&table), ["yield"]);
    let mark = table.find("mark").unwrap();
    assert_eq!(table.foreign(mark), "mark: the symbol has no such field: it is configured for *-PERP, X");
    assert_eq!((table.find("bid"), table.find("nav")), (None, None));
}

#[test]
fn they_follow_the_fixed_fields() {
    let table = table();
    let mut fields = Fields::default();
    let id = |name| table.find(name).unwrap();
    fields.set_custom(&table, id("text_last"), CustomValue::parse(table.get(id("text_last")), "x").unwrap());
    fields.set_custom(&table, id("decimal_last"), CustomValue::Decimal(Decimal::from_units(1)));
    fields.withdraw_custom(&table, id("integer_sum"));
    fields.set_decimal(Field::Bid, Decimal::from_units(5));
    fields.withdraw(Field::Ask);
    let mut out = Vec::new();
    fields.write_json(WantedFields::ALL, &mut out);
    fields.write_json_nulls(WantedFields::ALL, &mut out);
    let expected = ",\"bid\":0.000000005,\"decimal_last\":0.000000001,\"text_last\":\"x\",\"ask\":null,\"integer_sum\":null";
    assert_eq!(String::from_utf8(out).unwrap(), expected);
    let wanted = WantedFields::NONE.with_name("bid", &table).unwrap().with_name("text_last", &table).unwrap();
    assert_eq!(fields.all_named().intersect(wanted).names(&table), ["bid", "text_last"]);
    assert_eq!(WantedFields::NONE.with_name("nav", &table), None);
    let all = WantedFields::ALL.names(&table).into_iter();
    let all = all.fold(WantedFields::NONE, |wanted, name| wanted.with_name(name, &table).unwrap());
    assert_eq!(all.normal(&table), WantedFields::ALL);
}
