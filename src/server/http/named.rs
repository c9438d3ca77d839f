//! The symbols and globs that a request to `/v1/snapshot` names, in its query or in a body.

use serde::Deserialize;

use crate::{server::failure::Failure, session::inbound::query, tick::Numbers, wire::Target};

/// A body of this length names more symbols than one request may.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    symbols: Option<Vec<String>>,
    numbers: Option<String>,
}

/// What a request names, and how it wants decimals.
#[derive(Default)]
pub struct Named {
    pub targets: Vec<Target>,
    pub numbers: Numbers,
}

/// The names in the query, and those in the body, if there is one.
///
/// # Errors
/// When either contains anything else, or nothing is named.
pub fn all(query: &str, body: Option<&[u8]>) -> Result<Named, Failure> {
    let (mut targets, mut numbers) = (Vec::new(), None);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*key {
            "symbols" => targets.extend(query::entries(&value).map(Target::parse)),
            "numbers" => set_numbers(&mut numbers, value.trim())?,
            query::TOKEN => {}
            _ => return Err(unknown(&format!("no parameter {key:?}"))),
        }
    }
    // A request that names all symbols in the query needs no body.
    if let Some(body) = body.filter(|body| targets.is_empty() || !body.trim_ascii().is_empty()) {
        let body = of_body(body)?;
        let names = body.symbols.unwrap_or_default();
        targets.extend(names.iter().map(|name| Target::parse(name.trim())));
        if let Some(word) = body.numbers {
            set_numbers(&mut numbers, &word)?;
        }
    }
    if targets.is_empty() {
        let message = "symbols is missing: GET /v1/snapshot?symbols=BTC-USD,ETH-*, or POST {\"symbols\":[\"BTC-USD\",\"ETH-*\"]}";
        return Err(Failure::bad_request("missing_parameter", message));
    }
    Ok(Named { targets, numbers: numbers.unwrap_or_default() })
}

/// Reads the word for `numbers`, which may be given twice with one value.
fn set_numbers(numbers: &mut Option<Numbers>, word: &str) -> Result<(), Failure> {
    let Some(given) = Numbers::parse(word) else {
        let message = format!("numbers must be one of number, string, got {word:?}");
        return Err(Failure::bad_request("bad_value", message));
    };
    if numbers.replace(given).is_some_and(|before| before != given) {
        return Err(Failure::bad_request("bad_value", "numbers is given twice, with different values"));
    }
    Ok(())
}

fn of_body(body: &[u8]) -> Result<Body, Failure> {
    use serde_json::error::Category;
    const EXPECTED: &str = "the body is {\"symbols\":[\"BTC-USD\",\"ETH-*\"]}";
    // Serde would read an array as the values of the fields in their order.
    if body.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(Failure::bad_request("bad_body", format!("no JSON object: {EXPECTED}")));
    }
    serde_json::from_slice::<Body>(body).map_err(|error| {
        let message = format!("{error}: {EXPECTED}");
        match error.classify() {
            Category::Data if message.starts_with("unknown field") => unknown(&message),
            Category::Data => Failure::bad_request("bad_value", message),
            _ => Failure::bad_request("bad_body", message),
        }
    })
}

fn unknown(what: &str) -> Failure {
    Failure::bad_request("unknown_parameter", format!("/v1/snapshot has symbols and numbers alone: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(query: &str, body: Option<&str>) -> Result<String, String> {
        let named = all(query, body.map(str::as_bytes)).map_err(|failure| failure.text())?;
        Ok(named.targets.iter().map(Target::text).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn all_that_is_named_counts() {
        let check = |query: &str, body: Option<&str>, expected: &str| {
            assert_eq!(names(query, body).as_deref(), Ok(expected), "{query} {body:?}");
        };
        check("symbols=A,B&symbols=%20C%20,,", None, "A B C");
        check("", Some(r#" {"symbols":["A","B*"]}"#), "A B*");
        check("symbols=A", Some(r#"{"symbols":["B"]}"#), "A B");
        check("symbols=A", Some(""), "A");
        check("symbols=A", Some(r#"{"symbols":null}"#), "A");
    }

    #[test]
    fn numbers_are_asked_for_in_either() {
        let check = |query: &str, body: Option<&str>, expected: Option<Numbers>| {
            let found = all(query, body.map(str::as_bytes)).map(|named| named.numbers);
            assert_eq!(found.ok(), expected, "{query} {body:?}");
        };
        check("symbols=A", None, Some(Numbers::Number));
        check("symbols=A&numbers=number", None, Some(Numbers::Number));
        check("numbers=s%74ring&symbols=A&numbers=string", None, Some(Numbers::Text));
        check("", Some(r#"{"symbols":["A"],"numbers":"string"}"#), Some(Numbers::Text));
        check("numbers=string", Some(r#"{"symbols":["A"],"numbers":null}"#), Some(Numbers::Text));
        check("symbols=A&numbers=string&numbers=number", None, None);
        check("numbers=string", Some(r#"{"symbols":["A"],"numbers":"number"}"#), None);
    }

    #[test]
    fn anything_else_is_refused_by_what_it_is() {
        let check = |query: &str, body: Option<&str>, code: &str| {
            let refused = names(query, body).expect_err(query);
            assert!(refused.contains(&format!("{code:?}")), "{query} {body:?}: {refused}");
        };
        check("", None, "missing_parameter");
        check("symbols=", None, "missing_parameter");
        check("symbol=A", None, "unknown_parameter");
        check("", Some(""), "bad_body");
        check("", Some("A,B"), "bad_body");
        check("", Some(r#"["A"]"#), "bad_body");
        check("", Some(r#"{"symbols":["A"]"#), "bad_body");
        check("", Some("{}"), "missing_parameter");
        check("", Some(r#"{"symbols":null}"#), "missing_parameter");
        check("", Some(r#"{"symbols":[]}"#), "missing_parameter");
        check("", Some(r#"{"symbols":"A"}"#), "bad_value");
        check("", Some(r#"{"symbols":["A",1]}"#), "bad_value");
        check("", Some(r#"{"symbols":["A"],"symbols":["B"]}"#), "bad_value");
        check("", Some(r#"{"symbols":["A"],"fields":["bid"]}"#), "unknown_parameter");
        check("symbols=A&numbers=text", None, "bad_value");
        check("symbols=A&numbers=", None, "bad_value");
        check("", Some(r#"{"symbols":["A"],"numbers":true}"#), "bad_value");
        check("", Some(r#"{"symbols":["A"],"numbers":"double"}"#), "bad_value");
    }
}
