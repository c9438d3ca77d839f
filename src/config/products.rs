//! Products of symbols: tables `[[auth.products]]` in the file, texts in flags and variables.
//!
//! ```text
//! name;symbols;delay_ms;delayed_fields;notice   hkg;XHKG.*,HSI;900000;last,volume;Delayed by 15 minutes
//! ```
//! Both forms become the same parts, which are checked once. Each part knows where it was given, so that every fault
//! names its own line.

use std::{fmt, time::Duration};

use tickcast::{
    access::{
        Product, SymbolPatterns,
        products::{NOTICE_BYTES_MAX, PRODUCT_NAME_BYTES_MAX, PRODUCTS_MAX},
    },
    text,
};

use super::{
    auth::ProductConfig,
    fault::{ConfigFault, Problem},
    origin::ConfigOrigin,
    value::{GivenTable, GivenValue, read_integer, read_value, unquoted},
};

/// What a product's table may have, in the order of a text.
const PARTS: [&str; 5] = ["name", "symbols", "delay_ms", "delayed_fields", "notice"];
/// A day.
const DELAY_MS_MAX: i128 = 24 * 3600 * 1000;

/// One product as it was given.
struct GivenProduct {
    origin: ConfigOrigin,
    parts: Vec<(String, GivenValue, ConfigOrigin)>,
}

/// Checks products, and finds their faults.
struct ProductCheck<'f> {
    faults: &'f mut Vec<ConfigFault>,
    known: Vec<(String, ConfigOrigin)>,
}

/// The products of one layer. Those with faults are left out.
pub(super) fn read(
    raw: GivenValue,
    origin: &ConfigOrigin,
    faults: &mut Vec<ConfigFault>,
) -> Vec<ProductConfig> {
    let given = given(raw, origin).unwrap_or_else(|problem| {
        faults.push(ConfigFault { origin: origin.clone(), problem });
        Vec::new()
    });
    if given.len() > PRODUCTS_MAX {
        let problem = Problem::ProductsTooMany { found: given.len(), most: PRODUCTS_MAX };
        faults.push(ConfigFault { origin: given[PRODUCTS_MAX].origin.clone(), problem });
    }
    let mut check = ProductCheck { faults, known: Vec::new() };
    given.into_iter().filter_map(|given| check.product(given)).collect()
}

fn given(raw: GivenValue, origin: &ConfigOrigin) -> Result<Vec<GivenProduct>, Problem> {
    let of_text = |text: String| GivenProduct::of_text(&text, origin);
    match raw {
        GivenValue::Tables(tables) => {
            Ok(tables.into_iter().map(|table| GivenProduct::of_table(table, origin)).collect())
        }
        GivenValue::Entries(entries) | GivenValue::Strings(entries) => {
            Ok(entries.into_iter().map(of_text).collect())
        }
        GivenValue::Text(text) if text.trim_start().starts_with('[') => match read_value(&text) {
            Some(inner @ (GivenValue::Strings(_) | GivenValue::Tables(_))) => given(inner, origin),
            _ => Err(wrong_kind("brackets that do not hold a TOML list of them")),
        },
        GivenValue::Text(text) if text.trim().is_empty() => Ok(Vec::new()),
        // A notice has blanks: one text is one product.
        GivenValue::Text(text) => match unquoted(&text) {
            None => Ok(vec![of_text(text)]),
            Some(Ok(text)) => Ok(vec![of_text(text)]),
            Some(Err(other)) => Err(wrong_kind(other.kind())),
        },
        other => Err(wrong_kind(other.kind())),
    }
}

fn wrong_kind(found: &'static str) -> Problem {
    let wanted =
        "a table [[auth.products]] for each product, or a list such as [\"hkg;XHKG.*;900000\"]".to_owned();
    Problem::Kind { key: "auth.products", wanted, found }
}

// === impl GivenProduct ===

impl GivenProduct {
    /// `name;symbols;delay_ms;delayed_fields;notice`, as far as it goes; what is empty is not given.
    fn of_text(text: &str, origin: &ConfigOrigin) -> Self {
        let list = |value: &str| value.split(',').map(|entry| entry.trim().to_owned()).collect();
        let part = |(key, value): (&str, &str)| {
            let value = match key {
                "symbols" | "delayed_fields" => GivenValue::Strings(list(value)),
                "delay_ms" => read_integer(value.trim())
                    .map_or_else(|| GivenValue::String(value.trim().to_owned()), GivenValue::Integer),
                _ => GivenValue::String(value.trim().to_owned()),
            };
            (key.to_owned(), value, origin.clone())
        };
        let values = PARTS.into_iter().zip(text.splitn(PARTS.len(), ';'));
        let parts = values.filter(|(_, value)| !value.trim().is_empty()).map(part).collect();
        GivenProduct { origin: origin.clone(), parts }
    }

    fn of_table(table: GivenTable, origin: &ConfigOrigin) -> Self {
        let parts = table.entries.into_iter().map(|(key, value, line)| (key, value, origin.at_line(line)));
        GivenProduct { origin: origin.at_line(table.line), parts: parts.collect() }
    }

    fn take(&mut self, key: &str) -> Option<(GivenValue, ConfigOrigin)> {
        let at = self.parts.iter().position(|(part, ..)| part == key)?;
        let (_, value, origin) = self.parts.remove(at);
        Some((value, origin))
    }
}

// === impl ProductCheck ===

impl ProductCheck<'_> {
    fn fault(&mut self, origin: &ConfigOrigin, problem: Problem) {
        self.faults.push(ConfigFault { origin: origin.clone(), problem });
    }

    /// Checks every part of a product, whichever of the others is faulty.
    fn product(&mut self, mut given: GivenProduct) -> Option<ProductConfig> {
        let before = self.faults.len();
        let name = self.name(&mut given);
        let symbols = self.list(&mut given, "symbols");
        if symbols.is_none() {
            self.fault(&given.origin.clone(), Problem::ProductLacks { key: "symbols" });
        }
        let (symbols, at) = symbols.unwrap_or_else(|| (Vec::new(), given.origin.clone()));
        let patterns = SymbolPatterns::new(symbols.iter().map(String::as_str));
        let patterns = patterns
            .map_err(|source| self.fault(&at, Problem::ProductPattern { source }))
            .unwrap_or_default();
        let delay = given.take("delay_ms").and_then(|(value, origin)| self.delay(&value, &origin));
        let fields = self.list(&mut given, "delayed_fields").map(|(fields, _)| fields);
        let notice = given.take("notice").and_then(|(value, origin)| {
            self.text(
                &value,
                &origin,
                "notice",
                "a text of 1 to 512 bytes without control characters",
                NOTICE_BYTES_MAX,
            )
        });
        for (key, _, origin) in std::mem::take(&mut given.parts) {
            let near = text::nearest(&key, PARTS);
            self.fault(&origin, Problem::ProductPartUnknown { key, near });
        }
        if self.faults.len() > before {
            return None;
        }
        let product = Product {
            fields: fields.map(|fields| fields.into_iter().map(Into::into).collect()),
            notice: notice.map(Into::into),
            ..Product::new(&name?, patterns, delay.unwrap_or_default())
        };
        Some(ProductConfig { product, has_delay: delay.is_some(), symbols })
    }

    fn name(&mut self, given: &mut GivenProduct) -> Option<String> {
        let Some((value, origin)) = given.take("name") else {
            self.fault(&given.origin.clone(), Problem::ProductLacks { key: "name" });
            return None;
        };
        let wanted = "a text of 1 to 64 bytes without control characters";
        let name = self.text(&value, &origin, "name", wanted, PRODUCT_NAME_BYTES_MAX)?;
        if let Some((_, first)) = self.known.iter().find(|(known, _)| *known == name) {
            let problem = Problem::ProductTwice { name, first: first.clone() };
            self.fault(&origin, problem);
            return None;
        }
        self.known.push((name.clone(), origin));
        Some(name)
    }

    fn text(
        &mut self,
        value: &GivenValue,
        origin: &ConfigOrigin,
        key: &'static str,
        wanted: &'static str,
        most: usize,
    ) -> Option<String> {
        match value {
            GivenValue::String(text)
                if (1..=most).contains(&text.len()) && !text.chars().any(char::is_control) =>
            {
                Some(text.clone())
            }
            GivenValue::String(text) => self.wrong(origin, key, wanted, format!("{text:?}")),
            other => self.wrong(origin, key, wanted, other.kind().to_owned()),
        }
    }

    fn list(&mut self, given: &mut GivenProduct, key: &'static str) -> Option<(Vec<String>, ConfigOrigin)> {
        let (value, origin) = given.take(key)?;
        let entries = match value {
            GivenValue::Strings(entries) if !entries.is_empty() => entries,
            GivenValue::String(text) => vec![text],
            GivenValue::Strings(_) => {
                self.wrong::<()>(&origin, key, "a list with one entry at least", "an empty list".to_owned());
                Vec::new()
            }
            other => {
                self.wrong::<()>(&origin, key, "a list, such as [\"a\", \"b\"]", other.kind().to_owned());
                Vec::new()
            }
        };
        Some((entries, origin))
    }

    fn delay(&mut self, value: &GivenValue, origin: &ConfigOrigin) -> Option<Duration> {
        let wanted = "a whole number of milliseconds, 0 to 86400000";
        match value {
            GivenValue::Integer(millis) if (0..=DELAY_MS_MAX).contains(millis) => {
                u64::try_from(*millis).ok().map(Duration::from_millis)
            }
            GivenValue::Integer(millis) => self.wrong(origin, "delay_ms", wanted, millis.to_string()),
            GivenValue::String(text) => self.wrong(origin, "delay_ms", wanted, format!("{text:?}")),
            other => self.wrong(origin, "delay_ms", wanted, other.kind().to_owned()),
        }
    }

    fn wrong<T>(
        &mut self,
        origin: &ConfigOrigin,
        key: &'static str,
        wanted: &'static str,
        found: String,
    ) -> Option<T> {
        self.fault(origin, Problem::ProductPart { key, wanted, found });
        None
    }
}

// === impl ProductConfig ===

/// As one text, without what is not given at its end.
impl fmt::Display for ProductConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Product { name, delay, fields, notice, .. } = &self.product;
        let delay = if self.has_delay { delay.as_millis().to_string() } else { String::new() };
        let fields = fields.iter().flatten().map(compact_str::CompactString::as_str);
        let fields = fields.collect::<Vec<_>>().join(",");
        let notice = notice.as_deref().unwrap_or_default();
        let text = format!("{name};{};{delay};{fields};{notice}", self.symbols.join(","));
        f.write_str(text.trim_end_matches(';'))
    }
}
