//! Tests of products in a configuration: each fault has its own line, and says what to do.

use std::ffi::OsString;

use tickcast::tick::Symbol;

use super::{Config, Flags, Gathered};

fn read(variable: Option<&str>, file: &str) -> Gathered {
    let variable = variable.map(|value| (OsString::from("TICKCAST_AUTH_PRODUCTS"), OsString::from(value)));
    Gathered::new(&Flags::default(), variable, Some(("t.toml", file)))
}

/// The products as texts, of a configuration without faults.
fn texts(gathered: Gathered) -> Vec<String> {
    let config = gathered.into_config().unwrap();
    config.auth.products.iter().map(ToString::to_string).collect()
}

fn faults(gathered: &Gathered) -> Vec<String> {
    gathered.faults.iter().map(ToString::to_string).collect()
}

const TWO: &str = "[auth]\ndelay_ms = 600000\n[[auth.products]]\nname = \"hkg\"\nsymbols = [\"XHKG.*\", \"HSI\"]\ndelay_ms = 900000\n\
                   delayed_fields = [\"last\", \"volume\"]\nnotice = \"HKEX; delayed by 15 minutes\"\n\
                   [[auth.products]]\nname = \"rest of it\"\nsymbols = \"X*\"\n";

#[test]
fn tables_and_texts_give_the_same_products() {
    let two = ["hkg;XHKG.*,HSI;900000;last,volume;HKEX; delayed by 15 minutes", "rest of it;X*"];
    assert_eq!(texts(read(None, TWO)), two);
    let list = format!("{two:?}");
    assert_eq!(texts(read(Some(&list), "")), two);
    assert_eq!(texts(read(Some("a;A*,B;5"), TWO)), ["a;A*,B;5"]);
    assert!(texts(read(Some(""), TWO)).is_empty());
    let config = read(None, TWO).into_config().unwrap();
    let printed = super::KEYS.iter().find(|key| key.name == "auth.products").unwrap();
    let again = format!("auth.products = {}", printed.value(&config));
    assert_eq!(read(None, &again).into_config().unwrap().auth.products, config.auth.products);
}

#[test]
fn a_product_without_a_delay_has_that_of_all_others() {
    let config = read(None, TWO).into_config().unwrap();
    let products = config.auth.settings(None).products;
    let check = |symbol: &str, name: &str, delay_ms: u32, notice: Option<&str>| {
        let product = products.of(&Symbol::new(symbol).unwrap());
        assert_eq!(
            (product.name.as_str(), product.delay_ms(), product.notice.as_deref()),
            (name, delay_ms, notice)
        );
    };
    check("XHKG.5", "hkg", 900_000, Some("HKEX; delayed by 15 minutes"));
    check("XNAS.A", "rest of it", 600_000, None);
    check("BTC", "default", 600_000, None);
    assert!(Config::default().auth.products.is_empty());
}

#[test]
fn each_fault_has_its_own_line() {
    let file = "[[auth.products]]\nsymbols = []\ndelay_ms = -1\nnotise = \"x\"\n\
                [[auth.products]]\nname = \"a\"\nsymbols = [\"A\"]\ndelay_ms = \"soon\"\nnotice = 7\n\
                [[auth.products]]\nname = \"a\"\nsymbols = [\"b,c\"]\ndelayed_fields = 1\n";
    let found = faults(&read(None, file));
    let expected = [
        "t.toml:1: a product has no `name`; write a table with name and symbols, or name;symbols in one text",
        "t.toml:2: `symbols` of a product must be a list with one entry at least, but is an empty list",
        "t.toml:3: `delay_ms` of a product must be a whole number of milliseconds, 0 to 86400000, but is -1",
        "t.toml:4: `notise` is not a key of a product; did you mean `notice`?",
        "t.toml:8: `delay_ms` of a product must be a whole number of milliseconds, 0 to 86400000, but is \"soon\"",
        "t.toml:9: `notice` of a product must be a text of 1 to 512 bytes without control characters, but is a number",
        "t.toml:11: the product `a` is already given by t.toml:6; give it once",
        "t.toml:12: `symbols` of a product has a pattern that no symbol could match",
        "t.toml:13: `delayed_fields` of a product must be a list",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found:?} is not {expected:?}");
    }
}

#[test]
fn a_field_that_no_record_has_is_named() {
    let file = "[[fields]]\nname = \"mark\"\n[[auth.products]]\nname = \"a\"\nsymbols = [\"A\"]\n\
                delayed_fields = [\"mark\", \"lats\"]\n";
    assert_eq!(
        faults(&read(None, file)),
        ["t.toml:3: `delayed_fields` of the product `a` has `lats`, which is not a field"]
    );
}
